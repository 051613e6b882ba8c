// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// TestChangeIsOneForOneVersion says: planned twice on the same version, a call changes the same, byte for byte; and what
// is sent is what the change says, with the receipt's name where it says.
func TestChangeIsOneForOneVersion(t *testing.T) {
	for action, do := range changes() {
		h := newHouse(t, fullPolicy, nil)
		var sent [][]byte
		note := func(c *atlassian.Client, who, token string) *atlassian.Client {
			return connectOver(t, c.BaseURL(), who, token, recorder(&sent))
		}
		h.c.write, h.c.undo = note(h.c.write, "writer", "w-token"), note(h.c.undo, "undoer", "u-token")
		planned := []*receipt.Change{}
		e := do(h, func() {
			for range 2 {
				plan, err := h.c.Plan(t.Context(), action, h.given, h.policy.Bounds("confluence"))
				if err != nil {
					t.Fatal(err)
				}
				planned = append(planned, plan.Change)
			}
		})
		h.want(e, "done")
		want, err := h.change.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for _, ch := range planned {
			if got, err := ch.Marshal(); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %s, %v, and then\n%s", action, got, err, want)
			}
		}
		if back, err := receipt.ParseChange(want); err != nil || back.Summary == "" || back.Diff == "" || (back.Undo.Action == "") != (action == "comment.delete") {
			t.Errorf("%s: %+v, %v", action, back, err)
		}
		if got := asSent(t, h.change, h.opened.Name()); got != string(sent[0]) {
			t.Errorf("%s: the change says\n%s, and this was sent:\n%s", action, got, sent[0])
		}
		if action != "page.comment.create" && action != "page.create" && h.change.Before == nil {
			t.Errorf("%s: it is not remembered what was there", action)
		}
	}
}

// asSent is the request that a change says, as the recorder writes it.
func asSent(t *testing.T, ch *receipt.Change, name string) string {
	t.Helper()
	body := string(ch.Request.Body)
	if mark := ch.Request.Mark; mark != "" {
		var all map[string]json.RawMessage
		if err := json.Unmarshal(ch.Request.Body, &all); err != nil {
			t.Fatal(err)
		}
		outer := strings.Split(mark, "/")[1]
		var inner map[string]any
		if err := json.Unmarshal(all[outer], &inner); err != nil {
			t.Fatal(err)
		}
		text, ok := inner["message"].(string)
		if !ok || !strings.HasSuffix(mark, "/message") {
			t.Fatalf("mark %s in %s", mark, body)
		}
		inner["message"] = text + " (clawea " + name + ")"
		b, err := json.Marshal(inner)
		if err != nil {
			t.Fatal(err)
		}
		all[outer] = b
		if b, err = json.Marshal(all); err != nil {
			t.Fatal(err)
		}
		if b, err = seal.Canonical(b); err != nil {
			t.Fatal(err)
		}
		body = string(b)
	}
	return ch.Request.Method + " " + ch.Request.Path + " " + body
}

// TestNothingIsKeptOfWhatIsDenied says: a change that the policy denies has no text, and nothing of its page is read.
func TestNothingIsKeptOfWhatIsDenied(t *testing.T) {
	for action, do := range changes() {
		h := newHouse(t, fullPolicy, nil)
		h.deploy, h.runbooks = h.secret, h.secret
		mark := len(h.site.Requests())
		h.want(do(h), "denied")
		if h.change != nil {
			t.Errorf("%s: a change is kept", action)
		}
		for _, r := range h.site.Requests()[mark:] {
			if r.Query.Get("body-format") != "" && !strings.Contains(r.Path, "comments") {
				t.Errorf("%s: the body was read: %s", action, r.Path)
			}
		}
	}
}

func TestPrivilege(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	declared := func(scopes []string) *atlassian.Client {
		c, err := atlassian.New(atlassian.Config{BaseURL: h.c.read.BaseURL(), Scopes: scopes, Credential: func(context.Context) (atlassian.Credential, error) {
			return atlassian.Credential{}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ops := Operations()
	for _, use := range []string{atlassian.ForReading, atlassian.ForWriting, atlassian.ForUndoing} {
		for _, test := range []struct {
			scopes []string
			want   string
		}{
			{atlassian.Scopes(ops, use), "least"}, {atlassian.Scopes(ops, use)[:1], "least"}, {nil, ""},
			{append(atlassian.Scopes(ops, use), "write:configuration:confluence"), ""},
		} {
			h.c.read, h.c.write, h.c.undo = declared(test.scopes), declared(test.scopes), declared(test.scopes)
			if got := h.c.privilege(use); got != test.want {
				t.Errorf("%s with %v: %q, want %q", use, test.scopes, got, test.want)
			}
		}
	}
}

// FuzzArguments says: no arguments make planning panic, and none that are not right get as far as the site.
func FuzzArguments(f *testing.F) {
	for _, o := range Operations() {
		f.Add(o.Name, `{"page_id":"7"}`)
		f.Add(o.Name, `{"page_id":"7","target_id":"8","label":"x","version":1,"based_on_version":2,"message":"m","undoes":"j/1","edits":[{"op":"delete","block":"b1"}]}`)
	}
	f.Fuzz(func(t *testing.T, action, given string) {
		client, err := atlassian.New(atlassian.Config{BaseURL: "https://example.atlassian.net", Endpoints: []atlassian.Endpoint{},
			Credential: func(context.Context) (atlassian.Credential, error) { return atlassian.Credential{}, nil }})
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(Config{Site: "https://example.atlassian.net", Read: client, Write: client, Undo: client})
		if err != nil {
			t.Fatal(err)
		}
		if plan, err := c.Plan(t.Context(), action, []byte(given), nil); err == nil {
			t.Errorf("%s was planned without a site: %+v", action, plan.Call)
		}
	})
}

// TestWritesSayWhereTextIsFrom holds the results of writes to what reads say of theirs.
func TestWritesSayWhereTextIsFrom(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	if got := read[writing](h, h.update(h.deploy, 1, "<p>x</p>")); got.Source.Author != h.writer || got.Source.Version != 2 || got.Page.Title != "Deploy" {
		t.Errorf("got %+v", got)
	}
	h.site.AddLabel(h.deploy, "global", "theirs")
	if got := read[relabelling](h, h.label("add", h.deploy, "ours")); !slices.Equal(got.Labels, []string{"ours", "theirs"}) || got.Source.PageID != h.deploy {
		t.Errorf("got %+v", got)
	}
	read[writing](h, h.create(h.deploy, "New"))
	read[writing](h, h.move(h.hr, h.deploy, 1))
}

// TestIncidents says: what was written and is not where it may be is logged so that an operator hears of it.
func TestIncidents(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	var log bytes.Buffer
	h.c.log = slog.New(slog.NewTextHandler(&log, nil))
	h.want(h.update(h.deploy, 1, "<p>ours</p>"), "done")
	if log.Len() != 0 {
		t.Errorf("logged %s", &log)
	}
	h.c.write = h.over(roundTrip(func(r *http.Request) (*http.Response, error) {
		res, err := http.DefaultTransport.RoundTrip(r)
		h.site.MovePage(h.deploy, h.hr)
		return res, err
	}))
	e := h.update(h.deploy, 2, "<p>ours too</p>")
	if h.want(e, "unconfirmed"); e.result.Outcome.Status != receipt.Done || e.result.Body != nil {
		t.Errorf("outcome %+v", e.result.Outcome)
	}
	for _, says := range []string{"level=ERROR", `msg="incident: `, "receipt=" + h.opened.Name(), `target="page ` + h.deploy + `"`, "code=unconfirmed"} {
		if !strings.Contains(log.String(), says) {
			t.Errorf("%q is not in %s", says, &log)
		}
	}
}
