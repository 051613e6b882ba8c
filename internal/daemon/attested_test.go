// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// attestedTools is a policy that asks for an attestation.
const attestedTools = `{"wpc_version":"v1","tool_policy":{"allow":["exec","read"]},"agent_runtime":{"attestation_required":true}}`

// launched is a world whose house takes the attestations of a launcher.
func launched(t *testing.T) (*world, *keys.Key) {
	w := newWorld(t, "sqlite:clawea.db")
	k := w.person("ci")
	w.more += fmt.Sprintf(` "launchers": [%q],`, k.Public)
	return w, k
}

// attests is a launcher's word for what an agent runs in.
func attests(p seal.Hash, job string) *receipt.Attestation {
	now := time.Now().UTC().Truncate(time.Millisecond)
	return &receipt.Attestation{
		Job: job, Agent: "robot", Policy: p, Launcher: "ci@house.test", At: now, Until: now.Add(time.Hour), Program: "openclaw", Version: "2026.1.1",
		Runtime: policy.Runtime{Sandboxed: true, Workspace: "ro", Unelevated: true}, Config: seal.Sum([]byte("config")), Tools: []string{"exec", "read"},
		Extensions: []policy.Extension{}, Checks: []receipt.Check{},
	}
}

// A policy that asks for an attestation has tokens for whom a listed launcher attests it
// only, and its receipts say on which they stand.
func TestAttestedStory(t *testing.T) {
	w, ci := launched(t)
	h := w.start()
	published, err := h.client.Publish(t.Context(), h.signed(attestedTools))
	if err != nil {
		t.Fatal(err)
	}
	order := &api.Order{Agent: "robot", Job: "job-1", Policy: published.Hash}
	var refused *api.Problem
	if _, err := h.client.Issue(t.Context(), order); !errors.As(err, &refused) || refused.Code != "not_attested" || !strings.Contains(refused.Hint, "clawea cst issue -attestation") {
		t.Fatalf("without an attestation: %v", err)
	}
	a := attests(published.Hash, "job-1")
	for _, by := range []seal.Signer{h.alice, ci} {
		if order.Attestation, err = a.Sign(by); err != nil {
			t.Fatal(err)
		}
		issued, err := h.client.Issue(t.Context(), order)
		if by != seal.Signer(ci) {
			if !errors.As(err, &refused) || refused.Code != "not_attested" || !strings.Contains(refused.Detail, "no launcher") || !strings.Contains(refused.Hint, "launchers") {
				t.Errorf("by a person: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var v api.Verdict
		if h.post("/v1/local", issued.Token, api.OwnCall{Tool: "read", Class: policy.Read, Args: json.RawMessage(`{}`)}, &v); v.Effect != policy.Allow {
			t.Errorf("%+v", v)
		}
	}
	if r := h.first("job-1").Facts.Runtime; r == nil || *r != *a.Attested() {
		t.Errorf("the facts have %+v", r)
	}
	paper, err := h.client.Trust(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if trust, err := verify.ParseTrust(paper); err != nil || !slices.Equal(trust.Launchers, []string{ci.Public}) {
		t.Errorf("the house says %s: %v", paper, err)
	}
}

// What a launcher found of a program after it had ended is kept if a listed launcher signed it,
// and proofs have it, with the attestation that the token stands on, and texts where they are disclosed.
func TestTraceStory(t *testing.T) {
	w, ci := launched(t)
	h := w.start()
	published, err := h.client.Publish(t.Context(), h.signed(attestedTools))
	if err != nil {
		t.Fatal(err)
	}
	salt, audited, exported := seal.Salt{1}, []byte("nothing critical"), []byte(`{"calls":["exec"]}`)
	a := attests(published.Hash, "job-1")
	a.Checks = []receipt.Check{{Name: "security audit", Output: seal.Commit(salt, audited)}}
	order := &api.Order{Agent: "robot", Job: "job-1", Policy: published.Hash}
	if order.Attestation, err = a.Sign(ci); err != nil {
		t.Fatal(err)
	}
	issued, err := h.client.Issue(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	var v api.Verdict
	if h.post("/v1/local", issued.Token, api.OwnCall{Tool: "exec"}, &v); v.Effect != policy.Allow {
		t.Fatalf("%+v", v)
	}
	var reported api.Reported
	h.post("/v1/local/"+v.Receipt+"/close", "", api.Report{Ticket: v.Ticket, Status: "done"}, &reported)

	trace := func(change func(*receipt.Trace), by seal.Signer, texts ...string) error {
		x := &receipt.Trace{
			Job: "job-1", Agent: "robot", Launcher: "ci@house.test", At: a.At.Add(time.Minute), Program: "openclaw", Version: "2026.1.1", Attestation: a.Hash(),
			Calls: []receipt.TracedCall{{Kind: receipt.TracedLocal, Name: "exec", Status: receipt.TracedRan, At: a.At}}, Export: seal.Commit(salt, exported),
		}
		change(x)
		e, err := x.Sign(by)
		if err != nil {
			t.Fatal(err)
		}
		in := &api.Trace{Envelope: *e}
		for _, text := range texts {
			in.Texts = append(in.Texts, api.TraceText{Salt: salt, Text: []byte(text)})
		}
		_, err = h.client.KeepTrace(t.Context(), "job-1", in)
		return err
	}
	as := func(*receipt.Trace) {}
	for name, err := range map[string]error{
		"by a person":                  trace(as, h.alice),
		"of another job":               trace(func(x *receipt.Trace) { x.Job = "job-2" }, ci),
		"of another agent":             trace(func(x *receipt.Trace) { x.Agent = "other" }, ci),
		"of another version":           trace(func(x *receipt.Trace) { x.Version = "2026.1.2" }, ci),
		"on an unknown attestation":    trace(func(x *receipt.Trace) { x.Attestation = seal.Sum(nil) }, ci),
		"with another text":            trace(as, ci, "other"),
		"with a text twice":            trace(as, ci, string(exported), string(exported)),
		"with its attestation's, none": trace(func(x *receipt.Trace) { x.Attestation = seal.Hash{} }, ci, string(audited)),
	} {
		var refused *api.Problem
		if !errors.As(err, &refused) || refused.Code != "bad_trace" || refused.Detail == "" || refused.Hint == "" || strings.Contains(refused.Detail, "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 2 {
		if err := trace(as, ci, string(exported), string(audited)); err != nil {
			t.Fatal(err)
		}
	}
	if r := h.verified("job-1", published.Hash); r.Calls.Allowed != 1 || r.Calls.Unclosed != 0 {
		t.Errorf("%+v", r)
	}
	for _, disclose := range []bool{false, true} {
		file, err := h.client.Proof(t.Context(), "job-1", disclose)
		if err != nil {
			t.Fatal(err)
		}
		b, err := bundle.Read(file)
		if err != nil || len(b.Attestations) != 1 || len(b.Traces) != 1 || !b.Attestations[0].Hash().Equal(a.Hash()) {
			t.Fatalf("%d attestations and %d traces, %v", len(b.Attestations), len(b.Traces), err)
		}
		var texts []string
		for _, d := range b.Disclosures {
			texts = append(texts, string(d.Text))
		}
		if slices.Contains(texts, string(audited)) != disclose || slices.Contains(texts, string(exported)) != disclose {
			t.Errorf("disclosed (%t): %q", disclose, texts)
		}
	}
}
