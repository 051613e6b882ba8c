// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clawea/clawea/seal"
)

func keepAgent(to, from *document) { to.AgentRuntime = from.AgentRuntime }

func attestationOptions(w *comparison, _ head, judged func(option) option) []option {
	heard := func(e *Example) { e.Facts.Silence = new(int) }
	var out []option
	for _, h := range []seal.Hash{{}, seal.Sum(nil)} {
		set := func(e *Example) {
			if e.Facts.Runtime == nil {
				e.Facts.Runtime = &Runtime{}
			}
			e.Facts.Runtime.Attestation = h
		}
		o := judged(option{set: func(e *Example) { heard(e); set(e) }})
		o.set = set
		out = append(out, o)
	}
	return out
}

// silenceOptions are never having been heard of, and as long a silence as each of the
// policies takes, which attest all else.
func silenceOptions(w *comparison, _ head, judged func(option) option) []option {
	silences := []*int{nil}
	for _, d := range []*document{&w.a, &w.b} {
		if a := d.AgentRuntime; a != nil && a.Heartbeat != nil {
			silences = append(silences, a.Heartbeat)
		}
	}
	if len(silences) == 1 {
		silences = append(silences, new(int))
	}
	var out []option
	for _, s := range silences {
		set := func(e *Example) { e.Facts.Silence = s }
		o := judged(option{set: func(e *Example) {
			e.Facts.Runtime = &Runtime{Attestation: seal.Sum(nil)}
			set(e)
		}})
		o.set = set
		out = append(out, o)
	}
	return out
}

func attestationBound(d *document) string {
	return wordIf(d.AgentRuntime.attestedAt() != "", "required")
}

func silenceBound(d *document) string {
	if a := d.AgentRuntime; a != nil && a.Heartbeat != nil {
		return fmt.Sprintf("%d seconds", *a.Heartbeat)
	}
	return ""
}

// extensionChanges are the differences in what the agent's runtime may load. Without a
// list, that is anything.
func extensionChanges(a, b *Policy) []Change {
	var out []Change
	for _, kind := range []struct {
		about string
		of    func(*agentRuntime) []string
	}{
		{"plugins of the agent's runtime", func(r *agentRuntime) []string { return r.Plugins }},
		{"skills of the agent's runtime", func(r *agentRuntime) []string { return r.Skills }},
	} {
		list := func(p *Policy) []string {
			if p.doc.AgentRuntime == nil {
				return nil
			}
			names := slices.Clone(kind.of(p.doc.AgentRuntime))
			slices.Sort(names)
			return slices.Compact(names)
		}
		had, has := list(a), list(b)
		if slices.Equal(had, has) && (had == nil) == (has == nil) {
			continue
		}
		was, is := extensionList(had), extensionList(has)
		c := Change{Kind: Changed, Widens: true, Was: was, Is: is, Says: boundSays(kind.about, was, is)}
		switch {
		case has == nil || had != nil && within(had, has):
			c.Kind = Loosened
		case had == nil || within(has, had):
			c.Kind, c.Widens = Tightened, false
		}
		out = append(out, c)
	}
	return out
}

// extensionList is a list of extensions as people read it. No extension is called so that it
// reads as another list: names have no blanks.
func extensionList(names []string) string {
	switch {
	case names == nil:
		return "any at all"
	case len(names) == 0:
		return "none at all"
	}
	return strings.Join(names, ", ")
}

// within reports whether all of the few are among the many.
func within(few, many []string) bool {
	return !slices.ContainsFunc(few, func(s string) bool { return !slices.Contains(many, s) })
}
