// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// String is the example in one line: the call, all that it says of itself, and
// what is said of its job. Texts in it come from the policies.
func (e *Example) String() string {
	c, f := &e.Call, &e.Facts
	out := []string{fmt.Sprintf("%s (%s)", c.Name(), c.Class)}
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	words := func(what string, list []string) {
		if len(list) > 0 {
			add("%s %s", what, strings.Join(list, ", "))
		}
	}
	for i := range c.Resources {
		add("%s", c.Resources[i].inWords())
	}
	words("writing", c.Fields)
	words("showing", c.Reads)
	words("offering", c.Offers)
	words("of category", c.Categories)
	if c.Class == Search {
		words("bounded by", c.Filters)
	}
	words("by", notBlank(c.Mode))
	words("credential", notBlank(c.Credential))
	words("privilege", notBlank(c.Privilege))
	for _, k := range sortedKeys(c.Uses) {
		add("using %s %s", amount(k, c.Uses[k]), k)
	}
	for _, k := range sortedKeys(f.Used) {
		add("%s %s used before", amount(k, f.Used[k]), k)
	}
	words("ticket", notBlank(f.Ticket))
	if r := f.Runtime; r != nil {
		add("attested: sandbox %t, workspace %s, elevation off %t", r.Sandboxed, orNone(r.Workspace), r.Unelevated)
	}
	if r := f.Runtime; r != nil && !r.Attestation.IsZero() {
		add("with a signed attestation of the agent's runtime")
	}
	if f.Silence != nil {
		add("its plugin silent for %d seconds", *f.Silence)
	}
	if !f.Now.Equal(exampleTime) {
		add("at %s", f.Now.UTC().Format(time.RFC3339))
	}
	for _, s := range slices.Sorted(maps.Keys(e.Conditions)) {
		if e.Conditions[s] {
			add("where %s", s)
		}
	}
	return strings.Join(out, "; ")
}

func notBlank(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// inWords is where a resource of an example is.
func (r *Resource) inWords() string {
	if len(r.Path) == 0 {
		return r.Type + " " + r.ID
	}
	var names []string
	full := ""
	for i, p := range r.Path {
		full += p.Name
		name := p.Name
		if p.ID != full && (i < len(r.Path)-1 || r.Type != "page" || p.ID != r.ID) {
			name += " [" + p.ID + "]"
		}
		names = append(names, name)
		full += "/"
	}
	out := r.Type + " at " + strings.Join(names, "/")
	if len(r.Labels) > 0 {
		out += " with labels " + strings.Join(r.Labels, ", ")
	}
	return out
}
