// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

func (p *Policy) judgeModel(c *Call, t *tally) {
	if !p.hasModels() {
		t.deny("/model_route", "the policy names no model route")
		return
	}
	if r := p.doc.ModelRoute; r != nil && r.Allowed != nil {
		if !slices.ContainsFunc(r.Allowed, func(e string) bool { return routeHolds(e, c) }) {
			t.deny("/model_route/allowed", "this route or model is not on the list")
			return
		}
	}
	if p.doc.ModelRoute == nil {
		t.permit("/constraints/model_calls", "model calls are permitted")
		return
	}
	t.permit("/model_route", "the route is permitted")
}

// routeHolds matches an entry "ROUTE" or "ROUTE/MODEL-GLOB".
func routeHolds(entry string, c *Call) bool {
	route, model := c.resource("route"), c.resource("model")
	if route == "" || model == "" {
		return false
	}
	name, pattern, limited := strings.Cut(entry, "/")
	return (name == route || name == "*") && (!limited || glob(pattern, model))
}

// resource returns the id of the only resource of a type, or "".
func (c *Call) resource(typ string) string {
	id := ""
	for _, r := range c.Resources {
		if r.Type != typ {
			continue
		}
		if id != "" {
			return ""
		}
		id = r.ID
	}
	return id
}
