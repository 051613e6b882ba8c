// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/clawea/clawea/seal"
	"github.com/google/go-cmp/cmp"
)

// FuzzEdit reads the arguments of an edit: what comes out holds nothing but fields
// and labels, whatever an agent writes.
func FuzzEdit(f *testing.F) {
	for _, s := range []string{
		`{"issue_key":"ENG-1","based_on":"v","message":"m","fields":{"summary":"x"}}`,
		`{"issue_key":"ENG-1","based_on":"v","message":"m","fields":{"labels":["a","b"],"description":"x\n\ny"}}`,
		`{"issue_key":"ENG-1","based_on":"v","message":"m","labels_add":["a"],"labels_remove":["ops"],"undoes":"j/1","entry":"3"}`,
		`{"issue_key":"ENG-1","based_on":"v","message":"m","fields":{"description":` + rich + `},"undoes":"j/1","entry":"3"}`,
		`{"issue_key":"ENG-1","based_on":"v","message":"m","fields":{"project":{"key":"X"}}}`, `{}`, `[]`, ``,
	} {
		f.Add([]byte(s))
	}
	all := []field{{ID: "summary", Name: "Summary"}, {ID: "labels", Name: "Labels"}, {ID: "description", Name: "Description"}, {ID: "project", Name: "Project"}, {ID: "assignee", Name: "Assignee"}}
	all[0].Schema.Type, all[2].Schema.System, all[1].Schema.Type = "string", "description", "array"
	f.Fuzz(func(t *testing.T, b []byte) {
		var a editArgs
		if decode(b, &a) != nil {
			return
		}
		if _, err := a.check(); err != nil {
			return
		}
		e := &edit{based: a.based, known: map[string]*field{}, values: map[string]json.RawMessage{}}
		for _, name := range sortedKeys(a.Fields) {
			if err := e.set(all, name, a.Fields[name]); err != nil && code(err) != "bad_argument" {
				t.Fatalf("%v is no bad_argument", err)
			}
		}
		e.was = &detailed{place: &place{ID: "1", Key: "ENG-1"}, Fields: map[string]json.RawMessage{"labels": json.RawMessage(`["ops"]`)}}
		if e.label(&a) != nil {
			return
		}
		body, err := e.payload().bytes("j/1")
		if err != nil {
			return
		}
		var sent struct {
			Fields     map[string]json.RawMessage `json:"fields"`
			Update     map[string][]verb          `json:"update"`
			Properties []property                 `json:"properties"`
		}
		if err := seal.Unmarshal(body, &sent); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		for id := range sent.Fields {
			if id != "summary" && id != "description" {
				t.Fatalf("%s is written: %s", id, body)
			}
		}
		if len(sent.Properties) != 1 || sent.Properties[0].Key != propertyKey || sent.Properties[0].Value.Receipt != "j/1" || len(sent.Update) > 1 {
			t.Fatalf("sent is %s", body)
		}
		if strings.Contains(string(body), "mention") && a.Undoes == "" && !strings.Contains(string(b), "mention") {
			t.Fatalf("a mention out of nowhere: %s", body)
		}
	})
}

// FuzzFormer turns what Jira shows into what can be written back: it never panics,
// and what comes out is the same thing by Jira's own ids.
func FuzzFormer(f *testing.F) {
	for _, s := range []string{`null`, `"x"`, `3`, `["a"]`, `{"id":"1","name":"High","self":"http://x"}`, `{"accountId":"a","displayName":"Ann"}`,
		`[{"id":"1"},{"id":"2","child":{"id":"3"}}]`, `{"value":"v"}`, rich} {
		f.Add([]byte(s))
	}
	plainField, richField := field{ID: "x"}, field{ID: "description"}
	richField.Schema.System = "description"
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := seal.Canonical(b); err != nil {
			return
		}
		for _, of := range []*field{&plainField, &richField} {
			words(b)
			becoming(b, b)
			out, err := of.former(b)
			if err != nil {
				continue
			}
			again, err := of.former(out)
			if err != nil || !bytes.Equal(out, again) {
				t.Fatalf("%s becomes %s and then %s, %v", b, out, again, err)
			}
		}
		readMark(b)
	})
}

// FuzzSent reads two values: what is sent names each thing in one way, and two that
// are sent for things never read alike unless they mean the same.
func FuzzSent(f *testing.F) {
	for _, s := range [][2]string{
		{`{"id":"1"}`, `{"name":"id 1"}`}, {`{"name":"a"}`, `{"value":"a"}`}, {`{"id":"1","child":{"id":"2"}}`, `{"id":"1 > id 2"}`},
		{`[{"accountId":"a"},{"key":"K"}]`, `["account a","key K"]`}, {`{"id":"1","name":"x"}`, `{"child":{"id":"2"}}`}, {`null`, `3`},
		{`{"name":"a\" (id 1)"}`, `{"name":"a"}`},
	} {
		f.Add([]byte(s[0]), []byte(s[1]))
	}
	var of field
	// means is a reference without the difference between a name and a value, which
	// depends on the field.
	var means func(r *reference) reference
	means = func(r *reference) reference {
		out := *r
		if out.Name == "" {
			out.Name, out.Value = out.Value, ""
		}
		if r.Child != nil {
			child := means(r.Child)
			out.Child = &child
		}
		return out
	}
	read := func(t *testing.T, raw []byte) (ref *reference, shown string) {
		if _, err := seal.Canonical(raw); err != nil {
			return nil, ""
		}
		value, err := of.sent(raw)
		if err != nil || value[0] != '{' {
			return nil, ""
		}
		ref = new(reference)
		if err := seal.Unmarshal(value, ref); err != nil || !ref.single() {
			t.Fatalf("sent is %s: %v", value, err)
		}
		list := words(value)
		if len(list) != 1 || strings.ContainsFunc(list[0], func(r rune) bool { return r != ' ' && visible(string(r)) != string(r) }) {
			t.Fatalf("%s reads %q", value, list)
		}
		return ref, list[0]
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		one, first := read(t, a)
		two, second := read(t, b)
		if one == nil || two == nil || first != second {
			return
		}
		x, y := means(one), means(two)
		if diff := cmp.Diff(x, y); diff != "" {
			t.Fatalf("%s and %s both read %q: %s", a, b, first, diff)
		}
	})
}
