// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"maps"

	"pgregory.net/rapid"
)

func drawDiffRoutes(t *rapid.T, d *document) {
	d.ModelRoute = optional(t, "route", func() modelRoute {
		r := modelRoute{}
		if d.ModelRoute != nil {
			r = *d.ModelRoute
		}
		if r.Allowed = nil; rapid.IntRange(0, 3).Draw(t, "routes") > 0 {
			r.Allowed = subset(t, "routes", []string{"alpha", "beta/s*", "beta/*1", "alpha/s1"})
		}
		return r
	})
}

func routeWays() []func(*Example) {
	var out []func(*Example)
	for _, route := range []string{"alpha", "beta", "new"} {
		for _, model := range []string{"s1", "s2", "l1", "l2"} {
			out = append(out, func(e *Example) {
				if e.Call.Tool == "model" {
					e.Call.Resources = []Resource{{Type: "route", ID: route}, {Type: "model", ID: model}}
				}
			})
		}
	}
	return append(out, func(e *Example) {
		if e.Call.Tool == "model" {
			e.Call.Resources = nil
		}
	})
}

func onModel(f func(*Call)) func(*Example) {
	return func(e *Example) {
		if e.Call.Tool == "model" {
			f(&e.Call)
		}
	}
}

func drawDiffOffers(t *rapid.T, d *document) {
	if d.ModelRoute == nil {
		return
	}
	r := *d.ModelRoute
	if r.Tools = nil; rapid.IntRange(0, 3).Draw(t, "offered") > 0 {
		r.Tools = subset(t, "offered", []string{"look*", "*up", "shell", "*"})
	}
	if r.DeniedTools = nil; rapid.Bool().Draw(t, "not offered") {
		r.DeniedTools = subset(t, "not offered", []string{"look*", "*l", "lookup", "*"})
	}
	d.ModelRoute = &r
}

func offerWays() []func(*Example) {
	var out []func(*Example)
	for _, s := range [][]string{nil, {"lookup"}, {"look_at"}, {"backup"}, {"shell"}, {"tail"}, {"new"}, {"new:one"}, {"backup", "look_at"}, {"lookup", "new", "shell"}, {"new", "tail"}} {
		out = append(out, onModel(func(c *Call) { c.Offers = s }))
	}
	return out
}

func drawDiffModelLimits(t *rapid.T, d *document) {
	if d.ModelRoute == nil {
		return
	}
	r := *d.ModelRoute
	limit := func(label string) *int {
		return optional(t, label, func() int { return rapid.IntRange(1, 3).Draw(t, label) })
	}
	r.MaxTokens, r.MaxOutput = limit(tokens), limit(outputTokens)
	r.MaxCost = optional(t, cost, func() float64 { return float64(rapid.IntRange(1, 3).Draw(t, cost)) / 1e6 })
	d.ModelRoute = &r
}

// modelUseWays are each counter unsaid, and used by the call and before it, with
// the others said to be used by nothing.
func modelUseWays() []func(*Example) {
	out := []func(*Example){func(*Example) {}}
	for _, k := range modelCounters {
		for used := range 4 {
			for n := -1; n < 5; n++ {
				out = append(out, func(e *Example) {
					uses := map[string]int{tokens: 0, outputTokens: 0, cost: 0}
					if uses[k] = n; n < 0 {
						delete(uses, k)
					}
					maps.Copy(uses, e.Call.Uses)
					e.Call.Uses = uses
					before := map[string]int{k: used}
					maps.Copy(before, e.Facts.Used)
					e.Facts.Used = before
				})
			}
		}
	}
	return out
}

func drawDiffHosts(t *rapid.T, d *document) {
	d.Egress = optional(t, "egress", func() egress {
		e := egress{}
		if rapid.IntRange(0, 4).Draw(t, "hosts") > 0 {
			e.Hosts = subset(t, "host", []string{"api.example.com", "*.example.com", "*.a.example.com", "api.example.com:80", "192.0.2.7", "*.b.test:80"})
		}
		if rapid.Bool().Draw(t, "denied hosts") {
			e.Denied = subset(t, "denied host", []string{"*.example.com:443", "x.a.example.com", "192.0.2.7:443", "api.example.com:443", "*.b.test"})
		}
		return e
	})
}

func hostWays() []func(*Example) {
	var out []func(*Example)
	for _, name := range []string{"api.example.com", "example.com", "new.example.com", "a.example.com", "x.a.example.com", "new.a.example.com", "192.0.2.7", "[2001:db8::7]", "b.test", "new.b.test", "new"} {
		for _, port := range []string{"443", "80", "8080"} {
			out = append(out, onEgress(func(c *Call) { c.Resources = []Resource{{Type: "host", ID: name + ":" + port}} }))
		}
	}
	return append(out, onEgress(func(c *Call) { c.Resources = nil }))
}

func onEgress(f func(*Call)) func(*Example) {
	return func(e *Example) {
		if e.Call.Tool == EgressTool {
			f(&e.Call)
		}
	}
}
