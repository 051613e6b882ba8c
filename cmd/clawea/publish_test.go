// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/verify"
)

// A governed house has environments: dev takes carol's approval, prod two of
// ada's (who is its author), carol's, dave's and erin's, an emergency all three.
func newGoverned(t *testing.T) *daemonProcess {
	t.Helper()
	p := newProcess(t)
	public := map[string]string{}
	for _, name := range []string{"carol", "dave", "erin", "mallory"} {
		text, err := keys.GenerateTo(p.path(name+".key"), name+"@demo.example")
		if err != nil {
			t.Fatal(err)
		}
		public[name] = text
	}
	ada, err := os.ReadFile(p.path("ada.key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	conf, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	sections := fmt.Sprintf(`
  "environments": {
    "dev": {"approvers": [%[2]q], "required": 1},
    "prod": {"approvers": [%[1]q, %[2]q, %[3]q, %[4]q], "required": 2},
  },
  "break_glass": {"approvers": [%[2]q, %[3]q, %[4]q], "required": 3, "longest": "2h"},
}
`, strings.TrimSpace(string(ada)), public["carol"], public["dave"], public["erin"])
	end := bytes.LastIndexByte(conf, '}')
	if err := os.WriteFile(p.config, append(conf[:end], sections...), 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	return p
}

// try runs a command line and returns its exit code and what it printed.
func (p *daemonProcess) try(args ...string) (code int, stdout, stderr string) {
	p.t.Helper()
	var out, errs bytes.Buffer
	e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: p.getenv}
	code = report(e, run(p.t.Context(), e, args))
	return code, out.String(), errs.String()
}

// wpc writes a policy into a file and returns its name.
func (p *daemonProcess) wpc(name, text string) string {
	p.t.Helper()
	path := p.path(name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// sign adds the signatures of some people to a policy's file and returns the
// signed one's.
func (p *daemonProcess) sign(path string, people ...string) string {
	p.t.Helper()
	for _, name := range people {
		signed := strings.TrimSuffix(path, filepath.Ext(path)) + "-" + name + ".json"
		p.clawea("wpc", "sign", "-key", p.path(name+".key"), "-o", signed, path)
		path = signed
	}
	return path
}

func wantAll(t *testing.T, what, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s does not say %q:\n%s", what, w, text)
		}
	}
}

const (
	prodAgent = `{"wpc_version": "v1", "policy_name": "runbook-agent", "purpose": "Look runbooks up.", "environment": "prod",
		"change_record": {"system": "servicenow", "id": "CHG0042", "url": "https://change.example/CHG0042"},
		"tool": "confluence", "resources": {"spaces_allowlist": ["ENG"]}, "actions": {"read": {"allowed": true}},
		"audit": {"require_gateway_receipts": true, "require_proof_bundle": true}, "model_route": {"allowed": ["sim-openai", "sim-anthropic"]}}`
	urgentAgent = `{"wpc_version": "v1", "policy_name": "runbook-agent", "environment": "prod",
		"break_glass": {"reason": "the database is down", "expires_at": %q},
		"model_route": {"allowed": ["sim-openai", "sim-anthropic"]}}`
)

// A policy for prod is published when its author and two others have signed it,
// and an auditor can tell.
func TestPublishForProd(t *testing.T) {
	p := newGoverned(t)
	draft := p.wpc("agent.json", prodAgent)

	code, _, errs := p.try("wpc", "publish", p.sign(draft, "ada"))
	if code != exitError {
		t.Errorf("its author alone: exit code %d", code)
	}
	wantAll(t, "the refusal", errs, "error: the policy lacks signatures", "prod needs 2 and has 0", "signed by ada@demo.example", " as author",
		"missing: 2 of carol@demo.example", "hint: have each of them sign it", "clawea wpc sign -key FILE -o OUT SIGNED")
	_, _, errs = p.try("wpc", "publish", p.sign(draft, "ada", "carol"))
	wantAll(t, "the refusal", errs, "an author's own does not count", "prod needs 2 and has 1", "missing: 1 of dave@demo.example")
	_, _, errs = p.try("wpc", "publish", p.sign(draft, "carol", "dave"))
	wantAll(t, "the refusal", errs, "no author has signed it", "hint: have an author sign it")
	_, _, errs = p.try("wpc", "publish", p.sign(draft, "ada", "carol", "mallory"))
	wantAll(t, "the refusal", errs, "a key that is not trusted", "mallory@demo.example")
	_, _, errs = p.try("wpc", "publish", p.sign(p.wpc("test.json", strings.Replace(prodAgent, `"prod"`, `"test"`, 1)), "ada", "carol"))
	wantAll(t, "the refusal", errs, `it is for "test", and this house has dev, prod`)
	_, _, errs = p.try("wpc", "publish", p.sign(p.wpc("none.json", `{"wpc_version": "v1"}`), "ada", "carol"))
	wantAll(t, "the refusal", errs, "it names none, and this house has dev, prod")

	code, out, errs := p.try("wpc", "publish", p.sign(draft, "ada", "carol", "dave"))
	hash := strings.TrimSpace(out)
	if code != exitOK || strings.Contains(hash, "\n") || !strings.HasPrefix(hash, "sha256:") {
		t.Fatalf("exit code %d, %q\n%s", code, out, errs)
	}
	wantAll(t, "publishing", errs, "for        prod", "confluence:ENG is space", "signed by  dave@demo.example")
	_, out, _ = p.try("wpc", "show", hash)
	wantAll(t, "wpc show", out, "for        prod\n", "change     servicenow CHG0042 https://change.example/CHG0042\n", "confluence:ENG is space ",
		"signed by  ada@demo.example", " as author\n", "signed by  carol@demo.example", " as approver\n")

	p.clawea("cst", "issue", "-wpc", hash, "-job", "job-1", "-agent", "robot")
	p.work(hash, "job-1")
	r := p.audit("job-1", nil)
	if !r.Verified() || !p.passed(r, "policy.approvals") || !p.passed(r, "policy.bundle") {
		t.Errorf("not verified: %v", r.Findings)
	}
	r = p.audit("job-1", func(x *verify.Trust) {
		x.Environments["prod"] = verify.Quorum{Approvers: x.Environments["prod"].Approvers, Required: 3}
	})
	if r.Verified() || !slices.ContainsFunc(r.Findings, func(f verify.Finding) bool { return f.Code == "policy.self" && f.Level == verify.Fail }) {
		t.Errorf("verified by an auditor who wants three: %v", r.Findings)
	}
}

// A policy for an emergency takes more people, ends by itself, and marks what
// was done under it.
func TestPublishForAnEmergency(t *testing.T) {
	p := newGoverned(t)
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	draft := p.wpc("urgent.json", fmt.Sprintf(urgentAgent, end.Format(time.RFC3339)))
	_, _, errs := p.try("wpc", "publish", p.sign(draft, "ada", "carol", "dave"))
	wantAll(t, "the refusal", errs, "an emergency needs 3 and has 2", "missing: 1 of erin@demo.example")
	long := p.wpc("long.json", fmt.Sprintf(urgentAgent, end.Add(2*time.Hour).Format(time.RFC3339)))
	_, _, errs = p.try("wpc", "publish", p.sign(long, "ada", "carol", "dave", "erin"))
	wantAll(t, "the refusal", errs, "more than 2h0m0s after its publication", "hint: mend the policy")
	over := p.wpc("over.json", fmt.Sprintf(urgentAgent, end.Add(-2*time.Hour).Format(time.RFC3339)))
	_, _, errs = p.try("wpc", "publish", p.sign(over, "ada", "carol", "dave", "erin"))
	wantAll(t, "the refusal", errs, "it ended at")

	calm := p.clawea("wpc", "publish", p.sign(p.wpc("agent.json", prodAgent), "ada", "carol", "dave"))
	urgent := p.clawea("wpc", "publish", p.sign(draft, "ada", "carol", "dave", "erin"))
	_, out, _ := p.try("wpc", "show", urgent)
	wantAll(t, "wpc show", out, "EMERGENCY  until "+stamp(end)+": the database is down\n")
	_, out, _ = p.try("wpc", "history", "runbook-agent")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], calm) || !strings.HasPrefix(lines[1], urgent) {
		t.Fatalf("the history:\n%s", out)
	}
	wantAll(t, "the history", lines[1], "for prod", "EMERGENCY until "+stamp(end), "ada@demo.example", "erin@demo.example", " as approver")
	code, _, errs := p.try("wpc", "history", "nobody")
	if code != exitError {
		t.Errorf("the history of nothing: exit code %d", code)
	}
	wantAll(t, "the history of nothing", errs, "nothing was published under the name", "hint: ")

	p.work(urgent, "job-2")
	r := p.audit("job-2", nil)
	i := slices.IndexFunc(r.Findings, func(f verify.Finding) bool { return f.Code == "policy.emergency" })
	if !r.Verified() || i < 0 || r.Findings[i].Level != verify.Warn {
		t.Fatalf("verified %t: %v", r.Verified(), r.Findings)
	}
	wantAll(t, "the verifier", r.Findings[i].Text, "the database is down", "decided under it: 1")
}

// work has an agent of a job ask the model once.
func (p *daemonProcess) work(hash, job string) {
	p.t.Helper()
	token := p.clawea("cst", "issue", "-wpc", hash, "-job", job, "-agent", "robot")
	a := &agent{url: p.url, token: token, out: io.Discard}
	if _, _, err := a.message(p.t.Context(), taskReport); err != nil {
		p.t.Fatal(err)
	}
}

// audit exports a job's bundle and verifies it by the house's trust file, which
// edit changes first.
func (p *daemonProcess) audit(job string, edit func(*verify.Trust)) *verify.Report {
	p.t.Helper()
	p.clawea("proof", "trust", "-o", p.path("trust.json"))
	p.clawea("proof", "export", job, "-o", p.path(job+".proof"))
	paper, err := os.ReadFile(p.path("trust.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	trust, err := verify.ParseTrust(paper)
	if err != nil {
		p.t.Fatal(err)
	}
	if edit != nil {
		edit(trust)
	}
	file, err := os.ReadFile(p.path(job + ".proof"))
	if err != nil {
		p.t.Fatal(err)
	}
	return verify.Bundle(file, trust, verify.Expect{})
}

func (p *daemonProcess) passed(r *verify.Report, c verify.Code) bool {
	return slices.ContainsFunc(r.Findings, func(f verify.Finding) bool { return f.Code == c && f.Level == verify.Pass })
}
