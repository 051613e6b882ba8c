// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

// attestedPolicy wants to know what the agent runs in.
const attestedPolicy = `{
	"wpc_version": "v1",
	"agent_runtime": {"attestation_required": true, "plugins_allowlist": ["clawea"], "skills_allowlist": ["runbooks"]},
	"sandbox_expectations": {"tools_run_in_sandbox": true, "workspace_access": "ro"},
	"connection_mode": ["official_api", "mcp_server"],
	"tool_policy": {"allow": ["exec", "repo.diff", "confluence.*"], "deny": ["send"]},
	"tool": ["confluence", "exec", "send", "repo"], "actions": {"read": {"allowed": true}}, "resources": {"spaces_allowlist": ["ENG"]},
	"model_route": {"allowed": ["sim-openai"]}
}`

// The receipts of the job whose program is attested to, by number.
const (
	modelAsked    = 1
	execAllowed   = 3
	execReported  = 4
	sendDenied    = 5
	diffServed    = 6
	pageRead      = 8
	noSuchTool    = 10
	attestedEnd   = 10
	checkSaid     = `{"summary":{"critical":0}}`
	programExport = `{"events":[]}`
)

// onDisk are the extensions that p lists, each with a digest of its own.
func onDisk(p *policy.Policy) []policy.Extension {
	out := p.Extends()
	for i := range out {
		out[i].Digest = seal.Sum([]byte("the files of " + out[i].Name))
	}
	return out
}

func launcher(t testing.TB) key { return newKey(t, "launcher") }

// attest is the launcher's word for what agent-1 is about to run in, under p.
func attest(p *policy.Policy) *receipt.Attestation {
	return &receipt.Attestation{
		Job: smallJob, Agent: "agent-1", Policy: p.Hash(), Launcher: "launcher", At: epoch.Add(-time.Minute), Until: epoch.Add(time.Hour),
		Program: "openclaw", Version: "OpenClaw 2026.9.6 (eb377ac)", Runtime: policy.Runtime{Sandboxed: true, Workspace: "ro", Unelevated: true},
		Config: seal.Sum([]byte("configuration")), Guard: seal.Sum([]byte("the files of clawea")), Tools: []string{"exec", "send"}, Extensions: p.Extensions(),
		Checks: []receipt.Check{{Name: "security audit", Output: said(checkSaid).Commitment}},
	}
}

// said discloses a text.
func said(text string) bundle.Disclosure {
	salt := seal.NewSalt([]byte("0123456789abcdef0123456789abcdef"), smallJob, []byte(text))
	return bundle.Disclosure{Commitment: seal.Commit(salt, []byte(text)), Salt: salt, Text: []byte(text)}
}

// attestedStory is a job of a program to which a launcher attests, with calls of all kinds and
// what the program says of them, and its bundle.
func attestedStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	h.rules = func(x *verify.Trust) { x.Launchers = []string{launcher(t).public} }
	h.gate.ReportTime = 10 * time.Minute
	p := h.publish(attestedPolicy)
	a := attest(p)
	raw := h.mint(p, smallJob, "t1", 10*time.Minute, func(c *token.Claims) { bind(c); c.Runtime = a.Attested() })

	model := policy.Call{Resources: []policy.Resource{{Type: "route", ID: "sim-openai"}, {Type: "model", ID: "gpt-sim"}}}
	h.do(raw, request(chat, `{"messages":[]}`, model, &gate.Result{Outcome: receipt.Outcome{Status: receipt.Failed}}, nil), nil)
	exec := h.own(raw, "exec", "ls", policy.Allow)
	must(h.gate.ReportOwn(t.Context(), exec, h.gate.Ticket(exec), receipt.Done, "0", nil))
	h.own(raw, "send", "all", policy.Deny)
	served := request(diff, "d", policy.Call{}, done("r", nil), nil)
	served.Definition, served.Server = repoServer.Tools[0].Definition, repoServer.Identity
	h.do(raw, served, nil)
	h.do(raw, request(pageGet, `{"id":"11"}`, policy.Call{Mode: "official_api", Resources: []policy.Resource{page("11", "Restart")}}, done("a page", nil), nil), nil)
	h.do(raw, request(policy.Action{Tool: "mcp", Name: "unknown"}, "x", policy.Call{}, nil, nil), &gate.Denied{})

	b := h.export(smallJob, attestedEnd)
	b.Attestations = []seal.Envelope{*must(a.Sign(launcher(t)))}
	b.Traces = []seal.Envelope{*must(traced(a).Sign(launcher(t)))}
	b.Disclosures = append(b.Disclosures, said(checkSaid), said(programExport))
	return h, b
}

// own has the agent's program ask for a tool of its own.
func (h *house) own(raw, tool, text string, want policy.Effect) *receipt.Receipt {
	h.t.Helper()
	a := policy.Action{Tool: tool, Class: policy.Write}
	caller := must(h.gate.Authenticate(h.t.Context(), show(raw), a))
	req := request(a, text, policy.Call{}, nil, nil)
	req.Carrier = &gate.Carrier{Own: true}
	r, err := h.gate.Open(h.t.Context(), caller, req)
	if r == nil || r.Decision.Effect != want {
		h.t.Fatalf("%s: %v", tool, err)
	}
	return r
}

// attested edits the bundle of attestedStory.
func attested(edit func(*house, *bundle.Bundle)) func(testing.TB) (*house, *bundle.Bundle) {
	return edited(attestedStory, edit)
}

// reattest has the launcher attest to something else, and the house and the program go along:
// all that stands on the attestation stands on the new one, in the gate's words too.
func reattest(says func(*receipt.Attestation)) func(testing.TB) (*house, *bundle.Bundle) {
	return attested(func(h *house, b *bundle.Bundle) {
		resign(launcher(h.t), &b.Attestations[0], says)
		a := new(receipt.Attestation)
		if err := seal.Decode(b.Attestations[0].Payload, a); err != nil {
			panic(err)
		}
		resign(launcher(h.t), &b.Traces[0], func(x *receipt.Trace) { x.Attestation = a.Hash() })
		h.standOn(b, a.Attested())
	})
}

// standOn has the house say of the token, in all its papers, that it has that runtime.
func (h *house) standOn(b *bundle.Bundle, r *policy.Runtime) {
	resign(h.issuer, &b.Tokens[0], func(c *token.Claims) { c.Runtime = r })
	h.rewrite(b, func(x *receipt.Receipt) {
		if x.Facts != nil {
			x.Facts.Runtime = r
		}
	})
}

// attesting are the cases of 3.25.
var attesting = []vector{
	{"3.25-attested", "A program to which a launcher attests, and what it says itself of its calls.", attested(nil), nil},
	{"3.25-redacted", "Attestations and traces stay when texts are taken out.", attested(func(h *house, b *bundle.Bundle) { *b = *b.Redact(nothing) }), nil},
	{"3.25-no-attestation", "A token that stands on an attestation has it in the bundle.", attested(func(h *house, b *bundle.Bundle) {
		b.Attestations, b.Traces, b.Disclosures = nil, nil, b.Disclosures[:len(b.Disclosures)-2]
	}), nil},
	{"3.25-launcher-not-trusted", "Who trusts no launcher is told by nobody what the agent ran in.", attested(func(h *house, b *bundle.Bundle) { h.rules = nil }), nil},
	{"3.25-by-the-gate", "A gate attests to nothing.", attested(func(h *house, b *bundle.Bundle) {
		b.Attestations[0] = signed(h.gateKey, receipt.AttestationType, string(b.Attestations[0].Payload))
	}), nil},
	{"3.25-by-another-name", "A launcher speaks for itself.", attested(func(h *house, b *bundle.Bundle) {
		h.rules = func(x *verify.Trust) { x.Launchers = []string{launcher(h.t).public, newKey(h.t, "other").public} }
		b.Attestations[0] = signed(newKey(h.t, "other"), receipt.AttestationType, string(b.Attestations[0].Payload))
	}), nil},
	{"3.25-malformed", "An attestation for too long is none.", reattest(func(a *receipt.Attestation) { a.Until = a.At.Add(25 * time.Hour) }), nil},
	{"3.25-another-job", "An attestation for another job is none for this.", reattest(func(a *receipt.Attestation) { a.Job = "another" }), nil},
	{"3.25-another-agent", "An attestation for another agent is none for this.", reattest(func(a *receipt.Attestation) { a.Agent = "agent-2" }), nil},
	{"3.25-another-policy", "An attestation for another policy is none for this.", reattest(func(a *receipt.Attestation) { a.Policy = seal.Sum(nil) }), nil},
	{"3.25-its-key", "An attestation can be for tokens of one key.", reattest(func(a *receipt.Attestation) { a.Key = strings.Repeat("A", 43) }), nil},
	{"3.25-another-key", "An attestation for tokens of another key is none for this.", reattest(func(a *receipt.Attestation) { a.Key = "B" + strings.Repeat("A", 42) }), nil},
	{"3.25-over", "No token is issued on an attestation that is over.", reattest(func(a *receipt.Attestation) { a.Until = epoch }), nil},
	{"3.25-not-yet", "No token is issued on an attestation that is made later.", reattest(func(a *receipt.Attestation) { a.At = epoch.Add(6 * time.Second) }), nil},
	{"3.25-clock-ahead", "The launcher's clock may be 5 seconds ahead.", reattest(func(a *receipt.Attestation) { a.At = epoch.Add(5 * time.Second) }), nil},
	{"3.25-plugin-changed", "A plugin that is not as it was when the policy was published is another.", reattest(func(a *receipt.Attestation) {
		a.Extensions[0].Digest = seal.Sum(nil)
	}), nil},
	{"3.25-skill-unlisted", "A skill that the policy does not list is not loaded.", reattest(func(a *receipt.Attestation) { a.Extensions[1].Name = "zeal" }), nil},
	{"3.25-nothing-loaded", "What a policy lists need not be loaded.", reattest(func(a *receipt.Attestation) { a.Extensions = nil }), nil},
	{"3.25-more-than-attested", "A token has the runtime that is attested, and no better.", attested(func(h *house, b *bundle.Bundle) {
		resign(launcher(h.t), &b.Attestations[0], func(a *receipt.Attestation) { a.Runtime.Sandboxed = false })
		a := new(receipt.Attestation)
		if err := seal.Decode(b.Attestations[0].Payload, a); err != nil {
			panic(err)
		}
		resign(launcher(h.t), &b.Traces[0], func(x *receipt.Trace) { x.Attestation = a.Hash() })
		h.standOn(b, &policy.Runtime{Sandboxed: true, Workspace: "ro", Unelevated: true, Attestation: a.Hash()})
	}), nil},
	{"3.25-unattested", "A policy that asks for an attestation decides nothing by a token without.", attested(func(h *house, b *bundle.Bundle) {
		resign(launcher(h.t), &b.Traces[0], func(x *receipt.Trace) { x.Attestation = seal.Hash{} })
		b.Attestations, b.Disclosures = nil, slices.DeleteFunc(b.Disclosures, func(d bundle.Disclosure) bool { return string(d.Text) == checkSaid })
		h.standOn(b, &policy.Runtime{Sandboxed: true, Workspace: "ro", Unelevated: true})
	}), nil},
	{"3.25-gate-says-another", "The runtime that a decision saw is the token's.", attested(func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(execAllowed, func(r *receipt.Receipt) { r.Facts.Runtime.Attestation = seal.Sum(nil) }))
	}), nil},
	{"3.25-twice", "No attestation is in a bundle twice.", attested(func(h *house, b *bundle.Bundle) {
		b.Attestations = append(b.Attestations, b.Attestations[0])
	}), nil},
	{"3.25-unused", "An attestation on which nothing stands is a warning.", attested(func(h *house, b *bundle.Bundle) {
		b.Attestations = append(b.Attestations, b.Attestations[0])
		resign(launcher(h.t), &b.Attestations[1], func(a *receipt.Attestation) { a.Config = seal.Sum(nil) })
	}), nil},
	{"3.9-check-edited", "What a check said, where disclosed, is what the launcher committed to.", attested(func(h *house, b *bundle.Bundle) {
		b.Disclosures[len(b.Disclosures)-2].Text = []byte(`{"summary":{"critical":9}}`)
	}), nil},
	{"2.3-no-attestations", "A list of attestations that is empty is left out.", small(nil), func(s string) string {
		return strings.Replace(s, `"disclosures"`, `"attestations":[],"disclosures"`, 1)
	}},
}

// Each lie about what an agent ran in is found by its own codes.
func TestAttestationCodes(t *testing.T) {
	stands := "token.attestation"
	heldTo(t, attesting, map[string][]string{
		"3.25-no-attestation": {stands}, "3.25-launcher-not-trusted": {"attestation.signature", "disclosure.unknown", stands, "trace.signature"},
		"3.25-by-the-gate":     {"attestation.signature", "disclosure.unknown", stands, "trace.attestation"},
		"3.25-by-another-name": {"attestation.signature", "disclosure.unknown", stands, "trace.attestation"},
		"3.25-malformed":       {"attestation.malformed", "disclosure.unknown", stands, "trace.attestation"},
		"3.25-another-job":     {stands, "trace.attestation"}, "3.25-another-agent": {stands, "trace.attestation"}, "3.25-another-policy": {stands},
		"3.25-another-key": {stands}, "3.25-over": {stands}, "3.25-not-yet": {stands}, "3.25-plugin-changed": {stands}, "3.25-skill-unlisted": {stands}, "3.25-more-than-attested": {stands},
		"3.25-unattested": {"receipt.decision"}, "3.25-gate-says-another": {"receipt.facts"}, "3.25-twice": {"bundle.duplicate"},
		"3.9-check-edited": {"disclosure.commitment"}, "2.3-no-attestations": {"bundle.malformed"},
	}, map[string][]string{"3.25-unused": {"attestation.unused"}})
}

// heldTo checks vectors: by which codes each fails, and with which it is warned of besides
// that the agent's program carried a call out itself.
func heldTo(t *testing.T, vs []vector, fails, warns map[string][]string) {
	t.Helper()
	for _, v := range vs {
		h, b := v.make(t)
		file := string(must(b.Marshal()))
		if v.spell != nil {
			file = v.spell(file)
		}
		r := verify.Bundle([]byte(file), h.trust(), verify.Expect{})
		if d := cmp.Diff(fails[v.name], codes(r, verify.Fail)); d != "" || r.Verified() != (fails[v.name] == nil) {
			t.Errorf("%s fails (-want +got):\n%s%v", v.name, d, r.Findings)
		}
		warned := slices.DeleteFunc(codes(r, verify.Warn), func(c string) bool { return c == "receipt.reported" })
		if d := cmp.Diff(warns[v.name], warned, cmp.Transformer("none", func(s []string) string { return strings.Join(s, " ") })); d != "" {
			t.Errorf("%s warns (-want +got):\n%s%v", v.name, d, r.Findings)
		}
	}
}

// What the agent ran in, and what its program says, is in the report.
func TestAttestedReport(t *testing.T) {
	h, b := attestedStory(t)
	r := check(h, b)
	if !r.Verified() || r.Calls != (verify.Calls{Allowed: 4, Denied: 2}) {
		t.Fatalf("%+v: %+v", r.Calls, r.Findings)
	}
	var text, page bytes.Buffer
	if err := errors.Join(verify.WriteText(&text, r), verify.WriteJSON(&page, r)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  ran in        openclaw, OpenClaw 2026.9.6 (eb377ac), as launcher attests, tools in a sandbox, workspace ro, not elevated, guarded, 2 tools, plugin clawea, skill runbooks\n",
		"  by its word   openclaw, OpenClaw 2026.9.6 (eb377ac), found by launcher: 5 calls ran, 2 were kept back\n",
		"  attestation.signature  attestations signed by the launcher they name: 1\n",
		"  token.attestation      tokens that stand on an attestation, and have what it attests: 1\n",
		"  trace.unreceipted      calls that programs say they made, each with its receipt: 5; that they say they kept back themselves, without one: 1\n",
		"  trace.untold           calls of agents' own tools that have receipts, each told of by its program: 2\n",
		`"exec" was carried out by the program that the agent runs in: that it is done is its word`,
		"Both are their own word.\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%s\nlacks %s", &text, want)
		}
	}
	for _, want := range []string{
		`"runtimes":[{"extensions":[{"digest":"sha256:`, `"guarded":true,"launcher":"launcher","program":"openclaw","runtime":{"attestation":"sha256:`,
		`"traces":[{"agent":"agent-1","blocked":2,"launcher":"launcher","program":"openclaw","ran":5,"version":"OpenClaw 2026.9.6 (eb377ac)"}]`,
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("%s\nlacks %s", &page, want)
		}
	}
	if strings.Contains(text.String(), "silent") || strings.Contains(text.String(), "as lately as") {
		t.Error("it speaks of a heartbeat that nobody asked for")
	}
}

// A bundle without attestations says nothing of them.
func TestUnattestedReport(t *testing.T) {
	h, b := smallStory(t)
	r := check(h, b)
	var page bytes.Buffer
	if err := verify.WriteJSON(&page, r); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "runtimes") || strings.Contains(page.String(), `"traces"`) || r.Runtimes != nil || r.Traces != nil {
		t.Errorf("%s", &page)
	}
	for _, f := range append(r.Findings, verify.Finding{}) {
		if strings.HasPrefix(string(f.Code), "attestation") || strings.HasPrefix(string(f.Code), "trace") {
			t.Errorf("%+v", f)
		}
	}
}

// The receipts of the job whose plugin falls silent.
const (
	beforeHeard  = 1
	afterHeard   = 2
	afterSilence = 4
)

// silentStory is a job whose agent's plugin is heard of, and then is no longer.
func silentStory(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	raw := h.mint(h.publish(`{"wpc_version": "v1", "agent_runtime": {"heartbeat_seconds": 30}, "tool_policy": {"allow": ["repo.diff"]}}`), smallJob, "t1", 10*time.Minute, nil)
	call := request(diff, "d", policy.Call{}, done("r", nil), nil)
	h.do(raw, call, &gate.Denied{})
	heard := h.now
	h.book.heard = &heard
	h.do(raw, call, nil)
	h.now = h.now.Add(30 * time.Second)
	h.do(raw, call, &gate.Denied{})
	return h, h.export(smallJob, afterSilence)
}

// silent has the gate say something else of how long the plugin was silent.
func silent(seq uint64, seconds *int) func(testing.TB) (*house, *bundle.Bundle) {
	return edited(silentStory, func(h *house, b *bundle.Bundle) {
		h.rewrite(b, at(seq, func(r *receipt.Receipt) { r.Facts.Silence = seconds }))
	})
}

// beating are the cases of a heartbeat.
var beating = []vector{
	{"3.25-heartbeat", "A plugin that is heard of lets its job go on, and ends it when it falls silent.", silentStory, nil},
	{"3.25-heartbeat-never", "A call that is allowed though the plugin was never heard of is decided wrongly.", silent(afterHeard, nil), nil},
	{"3.25-heartbeat-too-late", "So is one that is allowed though it was silent for too long.", silent(afterHeard, new(31)), nil},
	{"3.25-heartbeat-denied-in-vain", "So is one that is denied though it was heard of.", silent(afterSilence, new(30)), nil},
	{"3.25-heartbeat-longer", "How long it was silent beyond that is the gate's word.", silent(afterSilence, new(3600)), nil},
}

// How long the plugin was silent is what decisions are made again by, and the gate's word.
func TestHeartbeat(t *testing.T) {
	heldTo(t, beating, map[string][]string{
		"3.25-heartbeat-never": {"receipt.decision"}, "3.25-heartbeat-too-late": {"receipt.decision"}, "3.25-heartbeat-denied-in-vain": {"receipt.decision"},
	}, nil)
	h, b := silentStory(t)
	for seq, want := range map[int]string{beforeHeard: "<nil>", afterHeard: "1", afterSilence: "31"} {
		got := "<nil>"
		if s := must(receipt.Parse(b.Receipts[seq-1].Payload)).Facts.Silence; s != nil {
			got = strconv.Itoa(*s)
		}
		if got != want {
			t.Errorf("receipt %d: silent for %s, want %s", seq, got, want)
		}
	}
	if r := check(h, b); !slices.ContainsFunc(r.Limits, func(s string) bool { return strings.Contains(s, "heard of as lately as") }) {
		t.Errorf("%q", r.Limits)
	}
}
