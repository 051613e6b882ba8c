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
	if r := p.doc.ModelRoute; r != nil && r.Allowed != nil && !p.rules.routes.hold(c) {
		t.deny("/model_route/allowed", "this route or model is not on the list")
	}
	p.judgeOffers(c, t)
	p.judgeFound(c, t)
}

// permitsModel is what permits a model call that nothing denies.
func (p *Policy) permitsModel() Reason {
	if p.doc.ModelRoute == nil {
		return Reason{"/constraints/model_calls", "model calls are permitted"}
	}
	return Reason{"/model_route", "the route is permitted"}
}

// grantsRoute reports whether the grant has an entry that holds c's route and
// model. What it says of models are entries of the policy, or every route.
func (p *Policy) grantsRoute(c *Call) bool {
	route, model := c.resource("route"), c.resource("model")
	return route != "" && model != "" && slices.ContainsFunc(p.grant.Resources, func(name string) bool {
		entry, ok := strings.CutPrefix(name, "model:")
		in, models := cutRoute(entry)
		return ok && (in == route || in == "*") && Glob(models, model)
	})
}

// resource returns the id of the only resource of a type, or "".
func (c *Call) resource(typ string) string {
	id := ""
	for i := range c.Resources {
		if c.Resources[i].Type != typ {
			continue
		}
		if id != "" {
			return ""
		}
		id = c.Resources[i].ID
	}
	return id
}

// routes are name patterns of models, by route.
type routes map[string][]string

func routesOf(entries []string) routes {
	r := routes{}
	for _, e := range entries {
		route, models := cutRoute(e)
		r[route] = append(r[route], models)
	}
	return r
}

// cutRoute cuts an entry "ROUTE" or "ROUTE/MODEL-PATTERN".
func cutRoute(entry string) (route, models string) {
	route, models, limited := strings.Cut(entry, "/")
	if !limited {
		models = "*"
	}
	return route, models
}

// hold reports whether c names one route and one model, and an entry holds both.
func (r routes) hold(c *Call) bool {
	model := c.resource("model")
	return model != "" && slices.ContainsFunc(r[c.resource("route")], func(models string) bool { return Glob(models, model) })
}
