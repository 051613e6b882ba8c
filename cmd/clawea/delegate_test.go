// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/keys"
)

const (
	carefulAgent = `{"wpc_version": "v1", "policy_name": "careful", "tool": ["jira"], "actions": {"read": {"allowed": true}},
		"allow": {"projects": ["ENG"], "operations": ["issue.get"]}, "approvals": {"required_for": ["jira.issue.get"]},
		"approvers": [{"groups": ["wiki-owners"]}]}`
	anasToken = "the-token-of-ana-0123456789abcdef0123"
)

// newOwned makes a house in which ana is a wiki's owner, and kim is not. Ana may
// order jobs as well.
func newOwned(t *testing.T) *daemonProcess {
	t.Helper()
	p := newProcess(t)
	var people []string
	for _, name := range []string{"ana", "kim"} {
		text, err := keys.GenerateTo(p.path(name+".key"), name)
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, fmt.Sprintf("%q", text))
	}
	conf, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"people": [`, `"groups": {"wiki-owners": ["ana"]}, "people": [` + strings.Join(people, ", ") + ", "},
		{`"operators": [`, `"operators": [{"name": "ana", "token": "file:secrets/ana"}, `},
	} {
		if !bytes.Contains(conf, []byte(change[0])) {
			t.Fatalf("the configuration has no %s", change[0])
		}
		conf = bytes.Replace(conf, []byte(change[0]), []byte(change[1]), 1)
	}
	if err := os.WriteFile(p.config, conf, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.path("secrets/ana"), []byte(anasToken), 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	return p
}

// reads has an agent read an issue, and returns how that ended: "done" or "pending".
func (p *daemonProcess) reads(token, issue string) string {
	p.t.Helper()
	a, err := newAgent(context.Background(), p.url, token, io.Discard)
	if err != nil {
		p.t.Fatal(err)
	}
	defer a.session.Close()
	outcome, _, err := a.use(context.Background(), chatFunction{"jira.issue.get", `{"issue_key":"` + issue + `"}`})
	if err != nil {
		p.t.Fatal(err)
	}
	return outcome
}

// asked is the question that waits; there is one.
func (p *daemonProcess) asked() string {
	p.t.Helper()
	id, _, _ := strings.Cut(p.clawea("approve", "list"), " ")
	if id == "" {
		p.t.Fatal("nothing is asked")
	}
	return id
}

// Ana, who owns the wiki, is absent, and kim answers in her stead while ana says so.
func TestDelegation(t *testing.T) {
	p := newOwned(t)
	p.clawea("wpc", "sign", "-key", p.path("ada.key"), "-o", p.path("careful.signed.json"), p.wpc("careful.json", carefulAgent))
	hash := p.clawea("wpc", "publish", p.path("careful.signed.json"))
	token := p.clawea("cst", "issue", "-wpc", hash, "-job", "job-1", "-agent", "robot")
	kim, ana := p.path("kim.key"), p.path("ana.key")

	waits := p.reads(token, "ENG-1")
	q := p.asked()
	if out := p.clawea("approve", "yes", q, "-key", kim); !strings.Contains(out, "1 more yes is missing") {
		t.Errorf("kim is in no group, and is told:\n%s", out)
	}
	if again := p.reads(token, "ENG-1"); waits == "done" || again != waits {
		t.Fatalf("first %s, then %s", waits, again)
	}
	_, _, errs := p.try("approve", "yes", q, "-key", kim, "-for", "ana")
	wantAll(t, "the refusal", errs, "error: nobody answers in another's stead without their delegation", "ana has not asked kim", "hint: ")

	for _, wrong := range [][]string{
		{"-to", "zoe", "-until", "1h"}, {"-to", "ana", "-until", "1h"}, {"-to", "kim", "-until", "91d"},
		{"-to", "kim", "-until", "tomorrow"}, {"-to", "kim", "-until", "2020-01-01"}, {"-until", "1h"},
	} {
		code, _, errs := p.try(append([]string{"approve", "delegate", "-key", ana}, wrong...)...)
		if code == exitOK || !strings.Contains(errs, "hint: ") && !strings.Contains(errs, "want") {
			t.Errorf("%v: exit code %d\n%s", wrong, code, errs)
		}
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(p.clawea("approve", "delegate", "-key", ana, "-to", "kim", "-until", "14d", "-reason", "on leave"), "delegated  "), " ")
	wantAll(t, "the list", p.clawea("approve", "delegations"), id+"  kim answers for ana from ", " until ", "on leave")
	if out := p.clawea("approve", "yes", q, "-key", kim, "-for", "ana"); !strings.Contains(out, "answered   yes by kim") {
		t.Errorf("kim answers:\n%s", out)
	}
	wantAll(t, "the question", p.clawea("approve", "show", q), "kim yes for ana")
	if got := p.reads(token, "ENG-1"); got != "done" {
		t.Fatalf("in ana's stead: %s", got)
	}
	b := p.verified(hash)
	if len(b.Delegations) != 1 {
		t.Errorf("the bundle has %d delegations", len(b.Delegations))
	}
	p.proves(t, b)

	own := p.clawea("cst", "issue", "-wpc", hash, "-job", "job-2", "-agent", "robot", "-operator", "file:"+p.path("secrets/ana"))
	p.reads(own, "ENG-1")
	_, _, errs = p.try("approve", "yes", p.asked(), "-key", kim, "-for", "ana")
	wantAll(t, "the refusal", errs, "nobody allows the calls of a job that they ordered themselves")
	p.clawea("approve", "no", p.asked(), "-key", kim, "-for", "ana", "-reason", "ordered by herself")

	p.reads(token, "ENG-1") // it is asked about anew
	if q = p.asked(); !strings.HasPrefix(q, "job-1.") {
		t.Fatalf("%s is asked", q)
	}
	if out := p.clawea("approve", "yes", q, "-key", kim, "-for", "ana"); !strings.Contains(out, "answered   yes") {
		t.Errorf("kim answers again:\n%s", out)
	}
	_, _, errs = p.try("approve", "undelegate", id, "-key", kim)
	wantAll(t, "the refusal", errs, "there is no delegation "+id+" of yours")
	wantAll(t, "the end", p.clawea("approve", "undelegate", id, "-key", ana), "taken back "+id, "taken back 20")
	if got := p.reads(token, "ENG-1"); got != waits {
		t.Errorf("after it was taken back: %s", got)
	}
	_, _, errs = p.try("approve", "yes", q, "-key", kim, "-for", "ana")
	wantAll(t, "the refusal", errs, "has not asked kim to answer in their stead, or not for now")
	p.clawea("approve", "yes", q, "-key", ana)
	if got := p.reads(token, "ENG-1"); got != "done" {
		t.Errorf("ana is back: %s", got)
	}
	if b := p.verified(hash); len(b.Delegations) != 2 {
		t.Errorf("the bundle has %d papers of delegation", len(b.Delegations))
	}
}

// proves fails unless the bundle needs its delegation.
func (p *daemonProcess) proves(t *testing.T, b *bundle.Bundle) {
	t.Helper()
	without := *b
	without.Delegations = nil
	file, err := without.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	path := p.path("without.proof")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := p.try("proof", "verify", "-trust", p.path("trust.json"), path)
	if code != exitFalse || !strings.Contains(out, "answer.delegation") {
		t.Errorf("without the delegation: exit code %d\n%s", code, out)
	}
}
