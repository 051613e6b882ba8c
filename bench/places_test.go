// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/policy"
)

// A wiki is rules about places, classes, labels and tools: what Cedar says by a
// hierarchy of entities. What only a WPC says (names that moved, counters,
// people's answers) is not in it.
type wiki struct {
	Classes                              []string
	Spaces, DeniedSpaces                 []string
	Prefixes, DeniedPrefixes             []string // nil: no list
	Labels, ToolsAllowed, ToolsForbidden []string // nil: no list
}

// page is where a call goes: steps from the outside in.
var pages = map[string][]string{
	"eng":      {"ENG"},
	"runbooks": {"ENG", "Runbooks"},
	"oncall":   {"ENG", "Runbooks", "Oncall"},
	"notes":    {"ENG", "Notes"},
	"ops":      {"OPS"},
	"wiki":     {"OPS", "Wiki"},
}

func (w wiki) wpc() string {
	document := map[string]any{"wpc_version": "v1"}
	actions := map[string]any{}
	for _, c := range w.Classes {
		actions[c] = map[string]any{"allowed": true}
	}
	document["actions"] = actions
	places := map[string]any{"spaces_denylist": w.DeniedSpaces, "page_prefix_denylist": w.DeniedPrefixes}
	tools := map[string]any{"deny": w.ToolsForbidden}
	for _, s := range []struct {
		in    map[string]any
		field string
		words []string
	}{{places, "spaces_allowlist", w.Spaces}, {places, "page_prefix_allowlist", w.Prefixes}, {places, "page_labels_allowlist", w.Labels}, {tools, "allow", w.ToolsAllowed}} {
		if s.words != nil {
			s.in[s.field] = s.words
		}
	}
	document["resources"], document["tool_policy"] = places, tools
	b, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (w wiki) cedar() string {
	var out strings.Builder
	say := func(effect, clause string) {
		fmt.Fprintf(&out, "%s (principal, action, resource) %s;\n", effect, clause)
	}
	in := func(places []string) string {
		tests := []string{"false"}
		for _, s := range places {
			tests = append(tests, fmt.Sprintf("resource in Place::%q", strings.TrimSuffix(s, "/")))
		}
		return strings.Join(tests, " || ")
	}
	means := func(entries []string) string {
		tests := []string{"false"}
		for _, e := range entries {
			tests = append(tests, fmt.Sprintf("context.name like %q || context.tool == %q || context.class == %q", e, e, e))
		}
		return strings.Join(tests, " || ")
	}
	const confluence = `context.tool == "confluence"`
	if w.Spaces != nil || w.Prefixes != nil {
		say("permit", "when { "+confluence+" && ["+each(w.Classes, "%q")+"].contains(context.class) }")
	}
	if w.Spaces != nil {
		say("forbid", "when { "+confluence+" && !("+in(w.Spaces)+") }")
	}
	if w.Prefixes != nil {
		say("forbid", "when { "+confluence+" && !("+in(w.Prefixes)+") }")
	}
	say("forbid", "when { "+confluence+" && ("+in(w.DeniedSpaces)+" || "+in(w.DeniedPrefixes)+") }")
	if w.Labels != nil {
		say("forbid", "when { "+confluence+" && !(["+each(w.Labels, "%q")+"].containsAny(resource.labels)) }")
	}
	if w.ToolsAllowed != nil {
		say("permit", "when { !("+confluence+") && ("+means(w.ToolsAllowed)+") }")
		say("forbid", "when { !("+means(w.ToolsAllowed)+") }")
	}
	say("forbid", "when { "+means(w.ToolsForbidden)+" }")
	return out.String()
}

// visit is a call in the wiki's world.
type visit struct {
	tool, action, class, page string
	labels                    []string
}

func (v visit) call() *policy.Call {
	c := &policy.Call{Tool: v.tool, Action: v.action, Class: policy.Class(v.class), Mode: "official_api", Site: site}
	r := policy.Resource{Type: "page", ID: v.page, Labels: v.labels}
	name := ""
	for _, step := range pages[v.page] {
		name = strings.TrimPrefix(name+"/"+step, "/")
		r.Path = append(r.Path, policy.Place{ID: "id-" + name, Name: step})
	}
	c.Resources = []policy.Resource{r}
	return c
}

func (v visit) request() (cedar.EntityMap, cedar.Request) {
	entities := cedar.EntityMap{}
	at, name := cedar.EntityUIDSet{}, ""
	var uid cedar.EntityUID
	for _, step := range pages[v.page] {
		name = strings.TrimPrefix(name+"/"+step, "/")
		uid = cedar.NewEntityUID("Place", cedar.String(name))
		entities[uid] = cedar.Entity{UID: uid, Parents: at}
		at = cedar.NewEntityUIDSet(uid)
	}
	labels := make([]cedar.Value, len(v.labels))
	for i, l := range v.labels {
		labels[i] = cedar.String(l)
	}
	page := cedar.NewEntityUID("Page", cedar.String(v.page))
	entities[page] = cedar.Entity{UID: page, Parents: at, Attributes: cedar.NewRecord(cedar.RecordMap{"labels": cedar.NewSet(labels...)})}
	return entities, cedar.Request{
		Principal: cedar.NewEntityUID("Agent", "a"), Action: cedar.NewEntityUID("Action", cedar.String(v.action)), Resource: page,
		Context: cedar.NewRecord(cedar.RecordMap{"tool": cedar.String(v.tool), "class": cedar.String(v.class), "name": cedar.String(v.tool + "." + v.action)}),
	}
}

func drawWiki(t *rapid.T) wiki {
	prefixes := []string{"ENG/Runbooks/", "ENG/Runbooks/Oncall/", "OPS/Wiki/"}
	entries := []string{"read", "write", "confluence", "confluence.page.*", "repo", "repo.diff", "*.diff", "*"}
	either := func(label string, all []string) []string {
		if rapid.IntRange(0, 2).Draw(t, "has "+label) == 0 {
			return nil
		}
		return subset(t, label, all)
	}
	w := wiki{
		Classes:        subset(t, "class", []string{"read", "write", "admin"}),
		Spaces:         either("spaces", []string{"ENG", "OPS"}),
		Labels:         either("labels", []string{"public", "runbook"}),
		ToolsAllowed:   either("tools", entries),
		ToolsForbidden: subset(t, "forbidden", entries[3:7]),
		DeniedSpaces:   []string{},
		DeniedPrefixes: []string{},
	}
	if w.Spaces == nil || len(w.Spaces) == 2 { // a prefix in a space that is not listed is refused
		w.Prefixes = either("prefixes", prefixes)
	}
	allowed := strings.Join(append(append([]string{""}, w.Prefixes...), w.Spaces...), " ") + " "
	for _, s := range subset(t, "denied", prefixes) {
		if !strings.Contains(allowed, " "+s+" ") { // nor may a place be on both lists
			w.DeniedPrefixes = append(w.DeniedPrefixes, s)
		}
	}
	if !strings.Contains(allowed, " OPS ") && rapid.Bool().Draw(t, "denied space") {
		w.DeniedSpaces = append(w.DeniedSpaces, "OPS")
	}
	return w
}

// TestPlacesAgree is TestLanguagesAgree for places, classes, labels and tools, in a WPC and in Cedar.
func TestPlacesAgree(t *testing.T) {
	effects := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := drawWiki(t)
		d, err := NewWPC(w.wpc())
		if err != nil {
			t.Fatalf("%v in %s", err, w.wpc())
		}
		set, err := cedar.NewPolicySetFromBytes("wiki.cedar", []byte(w.cedar()))
		if err != nil {
			t.Fatalf("%v in %s", err, w.cedar())
		}
		facts := &policy.Facts{Now: time.Unix(1, 0)}
		for _, v := range visits() {
			got := d.(wpc).policy.Decide(v.call(), facts)
			entities, request := v.request()
			want, why := cedar.Authorize(set, entities, request)
			if (got.Effect == policy.Allow) != (want == cedar.Allow) || len(why.Errors) > 0 {
				t.Fatalf("%+v: clawea %v, cedar %v\n%s\n%s", v, got, want, w.wpc(), w.cedar())
			}
			effects[want == cedar.Allow]++
		}
	})
	if effects[true] == 0 || effects[false] == 0 {
		t.Errorf("the world is too plain: %v", effects)
	}
	t.Logf("allowed: %d, denied: %d", effects[true], effects[false])
}

// visits are all calls of the wiki's world.
func visits() []visit {
	var out []visit
	for _, a := range []struct{ tool, action string }{{"confluence", "page.get"}, {"confluence", "space.get"}, {"repo", "diff"}, {"repo", "push"}, {"mail", "send"}} {
		for _, class := range []string{"read", "write", "admin"} {
			for page := range pages {
				for _, labels := range subsets([]string{"public", "runbook"}) {
					out = append(out, visit{a.tool, a.action, class, page, labels})
				}
			}
		}
	}
	return out
}
