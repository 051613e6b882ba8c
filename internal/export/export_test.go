// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// Every receipt of every good vector becomes an event that keeps the schema.
func TestVectors(t *testing.T) {
	s := loadSchema(t)
	paths, err := filepath.Glob("../../testdata/vectors/bundle-*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	lines, kinds := 0, map[string]bool{}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			b, err := bundle.Read(f.Data)
			if err != nil {
				continue // a paper of another kind, or one that is meant to be wrong
			}
			list, err := Bundle(b)
			if err != nil {
				continue
			}
			for _, x := range list {
				line, err := Line(x, "1.2.3")
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				if err := s.check(line); err != nil {
					t.Fatalf("%s: %s: %v\n%s", path, x.Receipt.Name(), err, line)
				}
				lines++
				kinds[string(x.Receipt.Kind)] = true
			}
		}
	}
	if lines < 100 || len(kinds) < 3 {
		t.Errorf("%d lines, kinds %v", lines, kinds)
	}
}

func TestMapping(t *testing.T) {
	call := &policy.Call{Tool: "jira", Action: "issue.create", Class: policy.Write, Site: "s", Resources: []policy.Resource{{Type: "project", ID: "10"}}}
	opened := &receipt.Receipt{
		Kind: receipt.Opened, Job: "job-1", Seq: 1, At: noon, Token: "t", Call: call, Facts: &policy.Facts{Now: noon, Approvals: []policy.Approval{{By: "kim@house.test", Yes: true}}},
		Decision: &policy.Decision{Effect: policy.Allow, Policy: seal.Sum([]byte("p")), Approval: "job-1.1"},
	}
	read, model := *opened, *opened
	read.Call = &policy.Call{Tool: "confluence", Action: "page.get", Class: policy.Read}
	read.Decision = &policy.Decision{Effect: policy.Deny, Reasons: []policy.Reason{{Clause: "/deny", Says: "no"}}}
	model.Call = &policy.Call{Tool: "model", Action: "messages", Class: policy.Model}
	model.Decision = &policy.Decision{Effect: policy.Ask}
	model.Asks = "job-1.1"
	closes := func(s receipt.Status) *receipt.Receipt {
		return &receipt.Receipt{Kind: receipt.Closed, Job: "job-1", Seq: 2, Opened: 1, At: noon, Token: "t", Outcome: &receipt.Outcome{Status: s, Code: "200", Target: &policy.Resource{Type: "issue", ID: "7"}}}
	}
	order := &receipt.Receipt{Kind: receipt.Revoked, Job: "house", Seq: 3, At: noon, Revocation: &receipt.Revocation{ID: 4, By: "ops", Revocation: token.Revocation{Kind: token.RevokeJob, Target: "job-1"}}}
	for name, tt := range map[string]struct {
		s    Source
		want string // type_uid status_id severity_id message
	}{
		"allowed":  {Source{Receipt: opened, Agent: "a", Client: "ops"}, "600301 1 1 allow jira.issue.create"},
		"denied":   {Source{Receipt: &read}, "600302 2 3 deny confluence.page.get"},
		"asked":    {Source{Receipt: &model}, "600399 99 2 ask model.messages"},
		"done":     {Source{Receipt: closes(receipt.Done), Opened: opened}, "600301 1 1 closed done jira.issue.create"},
		"failed":   {Source{Receipt: closes(receipt.Failed), Opened: opened}, "600301 2 2 closed failed jira.issue.create"},
		"aborted":  {Source{Receipt: closes(receipt.Aborted), Opened: opened}, "600301 99 2 closed aborted jira.issue.create"},
		"unclear":  {Source{Receipt: closes(receipt.Unknown), Opened: opened}, "600301 0 3 closed unknown jira.issue.create"},
		"alone":    {Source{Receipt: closes(receipt.Done)}, "600300 1 1 closed done unknown"},
		"revoked":  {Source{Receipt: order}, "300409 1 3 revoked job"},
		"strange?": {Source{Receipt: &receipt.Receipt{Kind: receipt.Closed, Job: "j", Seq: 2, Opened: 1, Outcome: &receipt.Outcome{Status: "a b"}}}, "600300 0 3 closed a?b unknown"},
	} {
		line, err := Line(tt.s, "dev")
		if err != nil {
			t.Fatal(err)
		}
		if err := loadSchema(t).check(line); err != nil {
			t.Errorf("%s: %v\n%s", name, err, line)
		}
		var e ocsf
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(e.TypeUID, e.StatusID, e.SeverityID) + " " + e.Message; got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// The schema of the test is one that can fail.
func TestSchemaRefuses(t *testing.T) {
	s := loadSchema(t)
	good, err := Line(Source{Receipt: &receipt.Receipt{Kind: receipt.Closed, Job: "j", Seq: 2, Opened: 1, Outcome: &receipt.Outcome{Status: receipt.Done}}}, "dev")
	if err != nil || s.check(good) != nil {
		t.Fatal(err, s.check(good))
	}
	for _, change := range [][2]string{
		{`"severity_id":1`, `"severity_id":7`}, {`"type_uid":600300`, `"type_uid":600301`}, {`"operation":`, `"operatio":`}, {`"class_uid":6003`, `"class_uid":6004`},
		{`"message":"`, `"massage":"`}, {`"status":"Success"`, `"status":"Failure"`}, {`"svc_name":"unknown","uid":"j"`, ``}, {`"version":"1.3.0"`, `"version":"1.2.0"`},
	} {
		if bad := strings.Replace(string(good), change[0], change[1], 1); bad == string(good) || s.check([]byte(bad)) == nil {
			t.Errorf("%v is taken\n%s", change, bad)
		}
	}
}

// No text gets into an event, wherever in a receipt it stands.
func TestNoText(t *testing.T) {
	s := loadSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		secret := "Zz" + rapid.StringMatching(`[a-z]{8,20}`).Draw(t, "secret")
		hostile := rapid.SampledFrom([]string{"\n" + `"},{`, "\u202e", "é ", "\x00", strings.Repeat("x", 500)}).Draw(t, "hostile")
		r := &receipt.Receipt{
			Kind: receipt.Opened, Job: "job-1", Seq: 1, At: noon, Token: "t",
			Call: &policy.Call{
				Tool: "x", Action: hostile, Class: policy.Class(hostile), Fields: []string{secret}, Reads: []string{secret}, Offers: []string{secret}, Unresolved: secret,
				Resources: []policy.Resource{{Type: hostile, ID: hostile, Labels: []string{secret}, Path: []policy.Place{{ID: "1", Name: secret}}}},
				Args:      seal.Sum([]byte(secret)),
			},
			Facts:    &policy.Facts{Now: noon, Ticket: secret, Conditions: map[string]bool{secret: true}},
			Decision: &policy.Decision{Effect: policy.Deny, Reasons: []policy.Reason{{Clause: hostile, Says: secret}}},
		}
		closed := &receipt.Receipt{Kind: receipt.Closed, Job: "job-1", Seq: 2, Opened: 1, At: noon, Token: "t", Outcome: &receipt.Outcome{
			Status: receipt.Done, Target: &policy.Resource{Type: "page", ID: "1", Labels: []string{secret}, Path: []policy.Place{{Name: secret}}},
			Model: &receipt.Generation{Provider: "openai", Finish: secret, Proposed: []receipt.Proposed{{Name: secret}}},
		}}
		order := &receipt.Receipt{Kind: receipt.Restored, Job: "job-1", Seq: 3, At: noon, Revocation: &receipt.Revocation{Revocation: token.Revocation{Kind: token.RevokeAll}}}
		for _, x := range []Source{{Receipt: r}, {Receipt: closed, Opened: r}, {Receipt: order}} {
			line, err := Line(x, "dev")
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(line), secret) || bytes.Count(line, []byte("\n")) != 1 || len(line) > 16<<10 {
				t.Fatalf("%s", line)
			}
			if err := s.check(line); err != nil {
				t.Fatalf("%v\n%s", err, line)
			}
		}
	})
}

// A shelf has three receipts, or an error.
type shelf struct {
	list []store.Followed
	err  error
	got  string
}

func (s *shelf) ReceiptsAfter(_ context.Context, job string, seq uint64, limit int) ([]store.Followed, error) {
	s.got = fmt.Sprint(job, " ", seq, " ", limit)
	return s.list, s.err
}

func TestFeed(t *testing.T) {
	envelope := func(r *receipt.Receipt) []byte {
		b, err := seal.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		e := &seal.Envelope{Payload: b, Type: receipt.Type, Signatures: []seal.Signature{{KeyID: "k+00000001", Sig: []byte{1}}}}
		out, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	opened := envelope(&receipt.Receipt{Kind: receipt.Opened, Job: "job-1", Seq: 1, At: noon, Token: "t", Call: &policy.Call{Tool: "x", Class: policy.Read}, Refused: "token.revoked", Decision: &policy.Decision{Reasons: []policy.Reason{}}})
	closed := envelope(&receipt.Receipt{Kind: receipt.Closed, Job: "job-1", Seq: 2, Opened: 1, At: noon, Token: "t", Outcome: &receipt.Outcome{Status: receipt.Done}})
	db := &shelf{list: []store.Followed{{Agent: "a", Client: "ops", Envelope: opened}, {Agent: "a", Envelope: closed, Opened: opened}}}
	server := httptest.NewServer(&Feed{DB: db, Log: slog.New(slog.DiscardHandler)})
	defer server.Close()
	cl := &api.Client{URL: server.URL, Token: func() (string, error) { return strings.Repeat("t", 32), nil }}
	page, err := cl.ReceiptsAfter(t.Context(), "job-1/7", 9999)
	if err != nil || len(page.Receipts) != 2 || db.got != "job-1 7 500" {
		t.Fatalf("%v, %v, asked for %s", page, err, db.got)
	}
	s, err := Followed(&page.Receipts[1])
	if err != nil || s.Opened == nil || s.Agent != "a" || s.Receipt.Seq != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Followed(&api.FollowedReceipt{}); err == nil {
		t.Error("nothing was read as a receipt")
	}
	for _, after := range []string{"job-1", "job-1/0", "/1", "job-1/-1", "job-1/1/2", "JOB/1", "job-1/99999999999999999999"} {
		if _, err := cl.ReceiptsAfter(t.Context(), after, 1); err == nil || !strings.Contains(err.Error(), "JOB/SEQ") {
			t.Errorf("%q: %v", after, err)
		}
	}
	db.err = store.ErrNotFound
	if _, err := cl.ReceiptsAfter(t.Context(), "", 1); err == nil || !strings.Contains(err.Error(), "no such receipt") {
		t.Errorf("not found: %v", err)
	}
	db.err = errors.New("hush")
	if _, err := cl.ReceiptsAfter(t.Context(), "", 1); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("broken: %v", err)
	}
}

func FuzzName(f *testing.F) {
	f.Add("job-1/7")
	f.Add("/")
	f.Fuzz(func(t *testing.T, s string) {
		job, seq, err := parseName(s)
		if err == nil && s != "" && fmt.Sprintf("%s/%d", job, seq) != s && !strings.HasPrefix(s[strings.IndexByte(s, '/')+1:], "0") && !strings.HasPrefix(s[strings.IndexByte(s, '/')+1:], "+") {
			t.Errorf("%q is %s/%d", s, job, seq)
		}
	})
}
