// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/receipt"
	"github.com/google/go-cmp/cmp"
)

func TestWords(t *testing.T) {
	tests := []struct {
		raw  string
		want []string
	}{
		{`null`, nil},
		{`""`, nil},
		{`[]`, nil},
		{`"a, b"`, []string{"a, b"}},
		{`["a","b"]`, []string{"a", "b"}},
		{`["a, b"]`, []string{"a, b"}},
		{`3`, []string{"3"}},
		{`{"id":"2"}`, []string{"id 2"}},
		{`{"id":"2","name":"High","self":"https://x"}`, []string{`"High" (id 2)`}},
		{`{"name":"id 2"}`, []string{`"id 2"`}},
		{`{"id":"2, id 3"}`, []string{`id "2, id 3"`}},
		{`{"id":"7","name":"a","value":"b","key":"K"}`, []string{`"a" "b" (key K, id 7)`}},
		{`{"accountId":"712020:ann","displayName":"Ann"}`, []string{`"Ann" (account 712020:ann)`}},
		{`{"name":"a\u202eb"}`, []string{`"a\u202eb"`}},
		{`{"id":"10","value":"A","child":{"id":"20","value":"x"}}`, []string{`"A" (id 10) > "x" (id 20)`}},
		{`[{"id":"1"},{"id":"2"}]`, []string{"id 1", "id 2"}},
		{`{"originalEstimate":"1d"}`, []string{`{"originalEstimate":"1d"}`}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, words(json.RawMessage(test.raw))); diff != "" {
			t.Errorf("%s: %s", test.raw, diff)
		}
	}
}

// TestBecoming names what is sent by the words of what is there only if it is that.
func TestBecoming(t *testing.T) {
	tests := []struct {
		name, was, sent string
		want            []string
	}{
		{"the same by id", `{"id":"2","name":"High"}`, `{"id":"2"}`, []string{`"High" (id 2)`}},
		{"another by id", `{"id":"2","name":"High"}`, `{"id":"1"}`, []string{"id 1"}},
		{"by name", `{"id":"2","name":"High"}`, `{"name":"High"}`, []string{`"High"`}},
		{"by its own id's words", `{"id":"2","name":"High"}`, `{"name":"id 2"}`, []string{`"id 2"`}},
		{"the same person", `{"accountId":"a:1","displayName":"Ann"}`, `{"accountId":"a:1"}`, []string{`"Ann" (account a:1)`}},
		{"another person", `{"accountId":"a:1","displayName":"Ann"}`, `{"accountId":"a:2"}`, []string{"account a:2"}},
		{"an account as an id", `{"accountId":"a:1","displayName":"Ann"}`, `{"id":"a:1"}`, []string{"id a:1"}},
		{"the same half", `{"id":"1","value":"A","child":{"id":"2","value":"x"}}`, `{"id":"1","child":{"id":"2"}}`, []string{`"A" (id 1) > "x" (id 2)`}},
		{"another half", `{"id":"1","value":"A","child":{"id":"2","value":"x"}}`, `{"id":"1","child":{"id":"3"}}`, []string{"id 1 > id 3"}},
		{"half of it", `{"id":"1","value":"A","child":{"id":"2","value":"x"}}`, `{"id":"1"}`, []string{"id 1"}},
		{"one of a list", `[{"id":"1","name":"api"},{"id":"2","name":"db"}]`, `[{"id":"2"},{"id":"3"}]`, []string{`"db" (id 2)`, "id 3"}},
		{"texts", `["a"]`, `["a","b"]`, []string{"a", "b"}},
		{"nothing", `{"id":"1"}`, `null`, nil},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, becoming(json.RawMessage(test.was), json.RawMessage(test.sent))); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

// TestOneName takes what names a thing in one way, and nothing that says it in two.
func TestOneName(t *testing.T) {
	var f field
	for raw, want := range map[string]bool{
		`{"id":"1"}`: true, `{"name":"High"}`: true, `{"key":"ENG"}`: true, `{"value":"A"}`: true, `{"accountId":"a:1"}`: true,
		`{"id":"1","child":{"value":"x"}}`: true, `[{"id":"1"},{"name":"api"}]`: true, `["a","b"]`: true, `3`: true,
		`{"id":"1","name":"High"}`: false, `{"name":"Ann","accountId":"a:2"}`: false, `{"value":"Lowest 5","id":"1"}`: false,
		`{"id":"1","child":{"id":"2","value":"x"}}`: false, `{"child":{"id":"2"}}`: false, `[{"id":"1"},{"id":"2","key":"K"}]`: false,
	} {
		if _, err := f.sent(json.RawMessage(raw)); (err == nil) != want {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// TestDiffNamesWhatIsSent edits and assigns by ids: what is approved is what is sent.
func TestDiffNamesWhatIsSent(t *testing.T) {
	h := newWideHouse(t)
	for _, test := range []struct{ action, more, want string }{
		{actionEdit, `"fields":{"priority":{"id":"1"}}`, "+id 1"},
		{actionEdit, `"fields":{"priority":{"name":"Lowest"}}`, `+"Lowest"`},
		{actionEdit, `"fields":{"components":[{"id":"77"}]}`, "+id 77"},
		{actionAssign, `"account_id":"` + h.reader + `"`, "+account " + h.reader},
		{actionTransition, `"transition_id":"11"`, `+"In Progress" (id `},
	} {
		plan, err := h.plan(test.action, h.on("ENG-1", test.more))
		if err != nil || !strings.Contains(plan.Change.Diff, test.want) {
			t.Errorf("%s: %v, %+v", test.more, err, plan)
		}
	}
	// Nothing becomes of what is so already, and nobody is asked about it.
	if _, err := h.plan(actionAssign, h.on("ENG-1", `"account_id":null`)); code(err) != "no_change" {
		t.Errorf("got %v", err)
	}
	h.edit("ENG-1", "", "assignee", `{"accountId":"`+h.reader+`"}`)
	if _, err := h.plan(actionAssign, h.on("ENG-1", `"account_id":"`+h.reader+`"`)); code(err) != "no_change" {
		t.Errorf("got %v", err)
	}
}

// TestUnseenLetters refuses what people cannot see, or what turns letters around, in
// all that an agent writes, and shows it where it stands already.
func TestUnseenLetters(t *testing.T) {
	for _, r := range []rune{0, 0x7f, 0xad, 0x34f, 0x61c, 0x180e, 0x200b, 0x200e, 0x200f, 0x2028, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2060, 0x2066, 0x2067, 0x2068, 0x2069, 0x3164, 0xfeff, 0xe0041, 0xe007f, 0xe0100} {
		if isText("a" + string(r) + "b") {
			t.Errorf("%U is text", r)
		}
		if s := visible("a" + string(r) + "b"); strings.ContainsRune(s, r) || !strings.Contains(s, "U+") {
			t.Errorf("%U shows as %q", r, s)
		}
	}
	for _, s := range []string{"a\tb\nc", "été", "日本語\u3000", "👩\u200d🚀", "☎\ufe0f", "a\u00a0b", "שלום", "مرحبا"} {
		if !isText(s) {
			t.Errorf("%q is no text", s)
		}
	}
}

// TestUndoBringsBackUnseenLetters gives back what agents may not write: a person's own text.
func TestUndoBringsBackUnseenLetters(t *testing.T) {
	h := newWideHouse(t)
	const was = "Pager\u200b is\u2066 loud"
	h.edit("ENG-1", h.reader, "summary", `"`+was+`"`)
	h.edit("ENG-1", h.reader, "labels", `["ops","o\u200bps"]`)
	d := h.deed(actionEdit, h.on("ENG-1", `"fields":{"summary":"x","labels":["new"]}`))
	_, undone := h.undo(d)
	if is := h.issue("ENG-1"); is.Summary != was || !cmp.Equal(is.Labels, []string{"ops", "o\u200bps"}) {
		t.Errorf("the issue is %+v", is)
	}
	if c := undone.change; !strings.Contains(c.Diff, "<U+2066>") || !slices.Contains(undone.opened.Call.Categories, "external_send") || c.Undoes != d.opened.Name() {
		t.Errorf("the change is %+v", c)
	}
	h.agent = receipt.Undoer
	if _, err := h.plan(actionEdit, h.on("ENG-1", `"fields":{"priority":{"name":"a\u200bb"}},"undoes":"j/1","entry":"1"`)); code(err) != "bad_argument" {
		t.Errorf("a thing by such a name: %v", err)
	}
}
