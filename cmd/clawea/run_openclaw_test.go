// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/internal/openclaw/openclawtest"
	"github.com/clawea/clawea/internal/sim/model"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/verify"
)

// clawWPC is a policy for OpenClaw: runbooks are read, and written with a yes; of its own
// tools it reads files and runs commands, the first few without anybody.
const clawWPC = `{
  "wpc_version": "v1", "policy_name": "runbooks-by-openclaw", "purpose": "Read runbooks, and correct them with a yes",
  "connection_mode": ["official_api"],
  "resources": {"spaces_allowlist": ["ENG"], "page_prefix_allowlist": ["ENG/Runbooks/"]},
  "actions": {
    "read": {"allowed": true, "max_pages_per_job": 20},
    "search": {"allowed": true, "query_filters_required": ["space"]},
    "write": {"allowed": false, "approval_gate": "required"}
  },
  "tool_policy": {"allow": ["confluence", "read", "exec"], "deny": ["process"]},
  "approvals": [{"when": "tool == 'exec' && content.contains('forbidden')", "require": "human_approval"}],
  "model_route": {"require_clawproxy": true, "allowed": ["sim-openai", "sim-anthropic"]},
  "agent_runtime": {"attestation_required": true, "heartbeat_seconds": 60, "plugins_allowlist": [], "skills_allowlist": []},
  "constraints": {"sandbox": {"elevated_exec": "deny"}},
  "runtime": {"require_cst": true, "cst_policy_hash_pin": true, "max_ttl_seconds": 900}
}`

// clawTasks are what the model is asked to do, and what it does.
func (w *world) clawTasks() map[string][]model.Reply {
	page := fmt.Sprintf(`{"page_id":%q}`, w.failover)
	return map[string][]model.Reply{
		"TASK-READ": {
			use("clawea__confluence_page_get", page),
			use("read", `{"path":"notes.txt"}`),
			use("exec", `{"command":"echo allowed > ran.txt"}`),
			say("The replica is promoted with pg_ctl."),
		},
		"TASK-FORBIDDEN": {
			use("exec", `{"command":"echo forbidden > forbidden.txt"}`),
			say("That was not to be."),
		},
		"TASK-WRITE": {
			use("clawea__confluence_page_update", w.update(corrected)),
			say("Corrected, or waiting."),
		},
		"TASK-SAY": {say("Hello from the other dialect.")},
	}
}

// clawScript answers OpenClaw, which puts the time before what people say and a text of its
// own after it. A forbidden call is made again while people are asked about it: they may be slow.
func (w *world) clawScript(c model.Conversation) model.Reply {
	turn := 0
	for _, m := range slices.Backward(c.Messages) {
		if m.Role == model.Assistant {
			turn++
			continue
		}
		for task, steps := range w.clawTasks() {
			switch pending := strings.Contains(c.Messages[len(c.Messages)-1].Text, "Clawea: pending"); {
			case !strings.Contains(m.Text, task):
			case task == "TASK-FORBIDDEN" && pending && turn < 10:
				return steps[0]
			default:
				return steps[min(turn, len(steps)-1)]
			}
		}
	}
	return model.Reply{Err: &model.Error{Status: 400, Message: "Nobody has said what to do."}}
}

// A clawHouse is a house, the real OpenClaw, and a folder in which it works.
type clawHouse struct {
	*daemonProcess
	bin  string // holds the program openclaw
	dir  string
	hash string // of the policy
}

// newClawHouse starts one. It is the house of a launcher, whose key is claw.key.
func newClawHouse(t *testing.T) *clawHouse {
	t.Helper()
	install := openclawtest.Find(t)
	p := newProcess(t)
	p.mind = p.clawScript
	public, err := keys.GenerateTo(p.path("claw.key"), "launcher@demo.example")
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	config = append(bytes.TrimRight(config, "}\n"), fmt.Sprintf("  \"launchers\": [%q],\n}\n", public)...)
	h := &clawHouse{daemonProcess: p, bin: filepath.Dir(install.Launcher(t)), dir: t.TempDir()}
	for path, text := range map[string]string{p.config: string(config), p.path("claw.json"): clawWPC, filepath.Join(h.dir, "notes.txt"): "The replica is db-2.\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.start()
	p.clawea("wpc", "sign", "-key", p.path("ada.key"), "-o", p.path("signed.json"), p.path("claw.json"))
	h.hash = p.clawea("wpc", "publish", p.path("signed.json"))
	p.clawea("proof", "trust", "-o", p.path("trust.json"))
	return h
}

// turn has OpenClaw take one turn in a job, with flags of clawea run before it.
func (h *clawHouse) turn(job, message string, flags ...string) (code int, out, errs string) {
	h.t.Helper()
	args := append([]string{"run", "-wpc", h.hash, "-job", job, "-launcher", h.path("claw.key"), "-trust", h.path("trust.json")}, flags...)
	cmd := h.command(h.dir, append(args, "--", filepath.Join(h.bin, "openclaw"), "agent", "--local", "--agent", "main", "--json", "--message", message)...)
	return h.runsAs(cmd)
}

// sim is the route and the model of most turns.
var sim = []string{"-route", "sim-openai", "-model", "sim-1"}

// story reads a proof that was kept, which must verify, as an outsider does.
func (h *clawHouse) story(name string) (*verify.Report, []*receipt.Receipt) {
	h.t.Helper()
	file, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		h.t.Fatal(err)
	}
	paper, err := os.ReadFile(h.path("trust.json"))
	if err != nil {
		h.t.Fatal(err)
	}
	trust, err := verify.ParseTrust(paper)
	if err != nil {
		h.t.Fatal(err)
	}
	b, err := bundle.Read(file)
	if err != nil {
		h.t.Fatal(err)
	}
	var list []*receipt.Receipt
	for _, e := range b.Receipts {
		r, err := receipt.Parse(e.Payload)
		if err != nil {
			h.t.Fatal(err)
		}
		list = append(list, r)
	}
	report := verify.Bundle(file, trust, verify.Expect{})
	if !report.Verified() {
		h.t.Errorf("%s does not verify: %+v", name, report.Findings)
	}
	return report, list
}

// decided lists the calls of a job: name and effect, in their order.
func decided(list []*receipt.Receipt) (out []string) {
	for _, r := range list {
		if r.Kind == receipt.Opened {
			out = append(out, r.Call.Name()+" "+r.Decision.Effect.String())
		}
	}
	return out
}

// TestOpenClaw has the real OpenClaw work under a policy, one turn at a time: each wants most of
// a machine.
func TestOpenClaw(t *testing.T) {
	if testing.Short() {
		t.Skip("each turn of OpenClaw takes half a minute")
	}
	h := newClawHouse(t)
	for _, test := range []struct {
		name string
		run  func(*clawHouse)
	}{
		{"reads", (*clawHouse).reads}, {"is blocked", (*clawHouse).isBlocked}, {"waits and writes", (*clawHouse).waitsAndWrites}, {"dialects", (*clawHouse).dialects},
		{"without its plugin", (*clawHouse).withoutItsPlugin}, {"unsafe forms", (*clawHouse).unsafeForms}, {"without a launcher", (*clawHouse).withoutALauncher}, {"drift", (*clawHouse).drifts},
	} {
		t.Run(test.name, func(t *testing.T) {
			own, p := *h, *h.daemonProcess
			p.t, own.daemonProcess = t, &p
			test.run(&own)
		})
	}
}

// A page is read through the house's MCP server, a file and a command by OpenClaw's own tools, and the
// answer comes through clawproxy: each call has its receipt, and OpenClaw's own trace agrees.
func (h *clawHouse) reads() {
	t := h.t
	code, out, errs := h.turn("read-1", "TASK-READ: what does the failover runbook say?", sim...)
	if code != 0 || !strings.Contains(out, "promoted with pg_ctl") {
		t.Fatalf("exit %d\n%s\n%s", code, out, errs)
	}
	want := []string{
		"model.chat.completions allow", "confluence.page.get allow", "model.chat.completions allow", "read allow", "model.chat.completions allow", "exec allow",
		"model.chat.completions allow",
	}
	report, list := h.story("read-1.proof")
	if diff := cmp.Diff(want, decided(list)); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "ran.txt")); err != nil {
		t.Errorf("what was allowed did not run: %v", err)
	}
	if report.Calls.Unclosed != 0 {
		t.Errorf("%d calls are open", report.Calls.Unclosed)
	}
	if len(report.Runtimes) != 1 || report.Runtimes[0].Program != "openclaw" || !strings.HasPrefix(report.Runtimes[0].Version, "2026.") {
		t.Errorf("it ran in %+v", report.Runtimes)
	}
	for _, f := range report.Findings {
		if strings.HasPrefix(string(f.Code), "trace.") && f.Level != verify.Pass {
			t.Errorf("%s: %s", f.Code, f.Text)
		}
	}
}

// What a person says no to does not run: the plugin has asked, and blocks it.
func (h *clawHouse) isBlocked() {
	t := h.t
	said := make(chan string, 1)
	over, end := context.WithCancel(t.Context())
	go func() {
		defer close(said)
		for ; over.Err() == nil; time.Sleep(100 * time.Millisecond) {
			if id := h.asked(); id != "" {
				said <- h.clawea("approve", "no", id, "-key", h.path("alice.key"), "-reason", "not this")
				return
			}
		}
	}()
	code, out, errs := h.turn("block-1", "TASK-FORBIDDEN: run it", sim...)
	end()
	if answer := <-said; code != 0 || answer == "" {
		t.Fatalf("exit %d, answered %q\n%s\n%s", code, answer, out, errs)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "forbidden.txt")); err == nil {
		t.Error("the command ran")
	}
	_, list := h.story("block-1.proof")
	if calls := decided(list); !slices.Contains(calls, "exec deny") || slices.Contains(calls, "exec allow") {
		t.Errorf("decided: %q", calls)
	}
}

// asked is the question that waits for people, or "".
func (h *clawHouse) asked() string {
	for line := range strings.Lines(h.clawea("approve", "list")) {
		if id, _, _ := strings.Cut(line, " "); strings.Contains(id, "-1.") {
			return id
		}
	}
	return ""
}

// A write waits for a person, and happens when the agent comes again.
func (h *clawHouse) waitsAndWrites() {
	t := h.t
	if code, out, errs := h.turn("write-1", "TASK-WRITE: correct it", sim...); code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, out, errs)
	}
	if body := h.runbook(); strings.Contains(body, "pg_promote") {
		t.Fatal("it was written before anybody said yes")
	}
	h.clawea("approve", "yes", h.asked(), "-key", h.path("alice.key"))
	if code, out, errs := h.turn("write-1", "TASK-WRITE: it has been approved", sim...); code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, out, errs)
	}
	if body := h.runbook(); !strings.Contains(body, "pg_promote") {
		t.Errorf("it was not written: %s", body)
	}
	_, list := h.story("write-1-2.proof")
	if calls := decided(list); !slices.Contains(calls, "confluence.page.update ask") || !slices.Contains(calls, "confluence.page.update allow") {
		t.Errorf("decided: %q", calls)
	}
}

// The other two dialects make a turn each.
func (h *clawHouse) dialects() {
	for job, flags := range map[string][]string{
		"responses-1": {"-route", "sim-openai", "-model", "sim-1", "-api", "openai-responses"},
		"messages-1":  {"-model", "sim-1", "-api", "anthropic-messages"},
	} {
		code, out, errs := h.turn(job, "TASK-SAY: hello", flags...)
		if code != 0 || !strings.Contains(out, "Hello from the other dialect.") {
			h.t.Fatalf("%s: exit %d\n%s\n%s", job, code, out, errs)
		}
		_, list := h.story(job + ".proof")
		if want := map[string]string{"responses-1": "model.responses allow", "messages-1": "model.messages allow"}[job]; !slices.Contains(decided(list), want) {
			h.t.Errorf("%s: decided %q", job, decided(list))
		}
	}
}

// An OpenClaw that has lost its plugin is allowed nothing: its first model call is denied.
func (h *clawHouse) withoutItsPlugin() {
	t := h.t
	wpc := strings.Replace(clawWPC, `"attestation_required": true, "heartbeat_seconds": 60, "plugins_allowlist": [], "skills_allowlist": []`, `"heartbeat_seconds": 60`, 1)
	if err := os.WriteFile(h.path("silent.json"), []byte(wpc), 0o600); err != nil {
		t.Fatal(err)
	}
	h.clawea("wpc", "sign", "-key", h.path("ada.key"), "-o", h.path("signed.json"), h.path("silent.json"))
	hash := h.clawea("wpc", "publish", h.path("signed.json"))
	state := t.TempDir()
	script := fmt.Sprintf(`#!/bin/sh
set -e
clawea openclaw plan -wpc %s -model sim-1 -workspace %s -o %s/openclaw.json
OPENCLAW_STATE_DIR=%[3]s OPENCLAW_CONFIG_PATH=%[3]s/openclaw.json HOME=%[3]s exec %s/openclaw agent --local --agent main --message "TASK-SAY: hello"
`, h.path("silent.json"), h.dir, state, h.bin)
	program := filepath.Join(t.TempDir(), "wrapper")
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	code, out, errs := h.runs(h.dir, "run", "-wpc", hash, "-job", "silent-1", "-trust", h.path("trust.json"), "--", program)
	if code != 1 || strings.Contains(out, "Hello") {
		t.Errorf("exit %d\n%s\n%s", code, out, errs)
	}
	_, list := h.story("silent-1.proof")
	calls := decided(list)
	if len(calls) == 0 || slices.ContainsFunc(calls, func(s string) bool { return !strings.HasSuffix(s, " deny") }) {
		t.Errorf("decided: %q\n%s", calls, errs)
	}
}

// Forms of OpenClaw's command line that run no hooks do not start.
func (h *clawHouse) unsafeForms() {
	for _, args := range [][]string{{"agent", "exec", "hello"}, {"agent", "--message", "hello"}, {"gateway"}} {
		run := append([]string{"run", "-wpc", h.hash, "-job", "unsafe-1", "-model", "sim-1", "--", filepath.Join(h.bin, "openclaw")}, args...)
		if code, _, errs := h.runs(h.dir, run...); code != 1 || !strings.Contains(errs, "want: openclaw agent --local") {
			h.t.Errorf("%q: exit %d\n%s", args, code, errs)
		}
	}
}

// A policy that wants an attestation is not begun on without a launcher: OpenClaw is not even looked at.
func (h *clawHouse) withoutALauncher() {
	code, _, errs := h.runs(h.dir, "run", "-wpc", h.hash, "-job", "unsigned-1", "-model", "sim-1", "--", filepath.Join(h.bin, "openclaw"), "agent", "--local", "--message", "hello")
	if code != 1 || !strings.Contains(errs, "name the launcher's key with -launcher") {
		h.t.Errorf("exit %d\n%s", code, errs)
	}
}

// A skill that nobody has pinned is drift, and nothing is started.
func (h *clawHouse) drifts() {
	skill := filepath.Join(h.dir, "skills", "extra")
	if err := os.MkdirAll(skill, 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(skill, "SKILL.md"), []byte("---\nname: extra\ndescription: More.\n---\nDo more.\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
	code, _, errs := h.turn("drift-1", "TASK-SAY: hello", sim...)
	if code != 1 || !strings.Contains(errs, "OpenClaw is not as the policy wants it") || !strings.Contains(errs, "extra") {
		h.t.Errorf("exit %d\n%s", code, errs)
	}
}

// runbook is the page that tasks are about, as it is now.
func (h *clawHouse) runbook() string {
	p, ok := h.site.Page(h.failover)
	if !ok {
		h.t.Fatal("the page is gone")
	}
	return p.Body
}
