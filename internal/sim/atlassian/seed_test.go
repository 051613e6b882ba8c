// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestQueryTime(t *testing.T) {
	now := time.Date(2026, 3, 11, 15, 4, 5, 0, time.UTC) // a Wednesday
	tests := []struct{ clause, want string }{
		{`2026-01-02`, "2026-01-02T00:00:00Z"},
		{`"2026/01/02 03:04"`, "2026-01-02T03:04:00Z"},
		{`2026-01-02T03:04:05+01:00`, "2026-01-02T02:04:05Z"},
		{`-1d`, "2026-03-10T15:04:05Z"},
		{`"-1w 2d"`, "2026-03-02T15:04:05Z"},
		{`-30`, "2026-03-11T14:34:05Z"}, // minutes
		{`+2h`, "2026-03-11T17:04:05Z"},
		{`-1M`, "2026-02-11T15:04:05Z"},
		{`-1y`, "2025-03-11T15:04:05Z"},
		{`now()`, "2026-03-11T15:04:05Z"},
		{`now("-2w")`, "2026-02-25T15:04:05Z"},
		{`startOfDay()`, "2026-03-11T00:00:00Z"},
		{`STARTOFDAY(-1)`, "2026-03-10T00:00:00Z"},
		{`startOfDay("+6h")`, "2026-03-11T06:00:00Z"},
		{`endOfDay()`, "2026-03-11T23:59:59.999Z"},
		{`startOfWeek()`, "2026-03-08T00:00:00Z"}, // a Sunday
		{`startOfMonth(-1)`, "2026-02-01T00:00:00Z"},
		{`endOfMonth(-1)`, "2026-02-28T23:59:59.999Z"},
		{`startOfYear()`, "2026-01-01T00:00:00Z"},
		{`endOfYear()`, "2026-12-31T23:59:59.999Z"},
		{`now(soon)`, ""}, {`startOfDay(soon)`, ""}, {`startOfHour()`, ""}, {`currentUser()`, ""},
		{`2026-13-01`, ""}, {`5x`, ""}, {`""`, ""}, {`99999999d`, ""},
	}
	for _, test := range tests {
		q, err := parseQuery("x = " + test.clause)
		if err != nil {
			t.Fatalf("%s: %v", test.clause, err)
		}
		got, err := queryTime(q.where.clause.operand.values[0], now)
		if test.want == "" {
			if err == nil {
				t.Errorf("%s: got %v, want an error", test.clause, got)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339Nano) != test.want {
			t.Errorf("%s: got %s, %v; want %s", test.clause, got.Format(time.RFC3339Nano), err, test.want)
		}
	}
}

func TestContains(t *testing.T) {
	const text = "The payments-queue was STUCK, again."
	tests := []struct {
		wanted string
		want   bool
	}{
		{"stuck", true}, {"stuck queue", true}, {"payments-queue", true}, {"stuc", false}, {"stuc*", true}, {`"queue was"`, true},
		{`"was queue"`, false}, {"missing", false}, {"stuck missing", false}, {"!!!", false}, {`""`, false}, {"", false},
	}
	for _, test := range tests {
		if got := contains(text, test.wanted); got != test.want {
			t.Errorf("contains %q: got %v, want %v", test.wanted, got, test.want)
		}
	}
}

// TestSeedsOfTheImpossible checks that a caller's mistakes do not pass in silence.
func TestSeedsOfTheImpossible(t *testing.T) {
	w := newWorld(t)
	w.AddSpace("OPS", "Operations")
	trashed := w.AddPage(PageSeed{Space: "ENG", Title: "Trashed"})
	w.TrashPage(trashed)
	seeds := map[string]func(){
		"space twice":            func() { w.AddSpace("eng", "x") },
		"space renamed to taken": func() { w.RenameSpaceKey("ENG", "ENG") },
		"page without space":     func() { w.AddPage(PageSeed{Space: "NONE", Title: "x"}) },
		"page under nothing":     func() { w.AddPage(PageSeed{Space: "ENG", Parent: "1", Title: "x"}) },
		"parent in other space":  func() { w.AddPage(PageSeed{Space: "OPS", Parent: w.runbooks, Title: "x"}) },
		"move into the trash":    func() { w.MovePage(w.runbooks, trashed) },
		"title twice":            func() { w.AddPage(PageSeed{Space: "ENG", Title: "runbooks"}) },
		"title twice by rename":  func() { w.RenamePage(w.restart, "Runbooks") },
		"author unknown":         func() { w.AddPage(PageSeed{Space: "ENG", Title: "x", Author: "who"}) },
		"page below itself":      func() { w.MovePage(w.runbooks, w.restart) },
		"project twice":          func() { w.AddProject("ENG", "x") },
		"issue without project":  func() { w.AddIssue(IssueSeed{Project: "NONE", Summary: "x"}) },
		"issue without summary":  func() { w.AddIssue(IssueSeed{Project: "ENG"}) },
		"unknown type":           func() { w.AddIssue(IssueSeed{Project: "ENG", Type: "Incident", Summary: "x"}) },
		"unknown status":         func() { w.AddIssue(IssueSeed{Project: "ENG", Status: "Open", Summary: "x"}) },
		"unknown component":      func() { w.AddIssue(IssueSeed{Project: "ENG", Components: []string{"x"}, Summary: "x"}) },
		"read-only field":        func() { w.EditIssue("ENG-1", "", raws("status", `"x"`)) },
		"move to where it is":    func() { w.MoveIssue("ENG-1", "ENG") },
		"comment on nothing":     func() { w.AddComment("ENG-9", CommentSeed{Body: "x"}) },
	}
	for name, seed := range seeds {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if message, _ := recover().(string); !strings.HasPrefix(message, "atlassian: ") {
					t.Errorf("got panic %q, want one that says what is wrong", message)
				}
			}()
			seed()
		})
	}
	w.reader.get("/rest/api/3/issue/ENG-1").want(t, 200) // the site is not left locked
}

func TestMovePage(t *testing.T) {
	w := newWorld(t)
	w.AddSpace("OPS", "Operations")
	w.MovePage(w.runbooks, w.HomepageID("OPS"))
	p, _ := w.Page(w.restart)
	if diff := cmp.Diff([]string{w.HomepageID("OPS"), w.runbooks}, p.Ancestors); diff != "" || p.SpaceKey != "OPS" || len(p.Versions) != 1 {
		t.Errorf("got space %s, %d versions, ancestors (-want +got):\n%s", p.SpaceKey, len(p.Versions), diff)
	}
	if got := w.reader.cql("space = OPS and label = ops"); got != w.restart {
		t.Errorf("got %q in the new space, want %s", got, w.restart)
	}
	w.TrashPage(w.restart)
	w.MovePage(w.restart, w.home)
	if p, _ := w.Page(w.restart); p.Status != "current" || p.ParentID != w.home || p.SpaceKey != "ENG" {
		t.Errorf("got %s page below %s in %s, want it back in ENG", p.Status, p.ParentID, p.SpaceKey)
	}
	if _, there := w.Page("1"); there {
		t.Error("there is a page that nobody made")
	}
	if _, there := w.Issue("1"); there || w.Comments("1") != nil {
		t.Error("there is an issue that nobody made")
	}
}

// raws is a map of one field's JSON.
func raws(id, text string) map[string]json.RawMessage {
	return map[string]json.RawMessage{id: json.RawMessage(text)}
}
