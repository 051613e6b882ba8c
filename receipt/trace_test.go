// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clawea/clawea/seal"
)

// trace is what agent-1's program says of a run with a call of each kind.
func trace(t testing.TB) *Trace {
	at := leaves.Add(time.Minute)
	return &Trace{
		Job: "job-1", Agent: "agent-1", Launcher: "launcher", At: leaves.Add(time.Hour), Program: "openclaw", Version: "OpenClaw 2026.9.6 (eb377ac)",
		Attestation: attestation(t).Hash(), Export: seal.Sum([]byte("all of it")), Calls: []TracedCall{
			{Kind: TracedModel, Status: TracedRan, At: at},
			{Kind: TracedLocal, Name: "exec", Status: TracedBlocked, At: at},
			{Kind: TracedRemote, Name: "jira_issue_get", Status: TracedRan, At: at},
		},
	}
}

// What a trace says goes together, or it is none (spec/receipt.md 11.3).
func TestTraceIsWhole(t *testing.T) {
	traces.whole(t, map[string]saying[*Trace]{
		"whole":                    {func(*Trace) {}, true},
		"without calls":            {func(x *Trace) { x.Calls = nil }, true},
		"without an attestation":   {func(x *Trace) { x.Attestation = seal.Hash{} }, true},
		"without an export":        {func(x *Trace) { x.Export = seal.Hash{} }, true},
		"of no job":                {func(x *Trace) { x.Job = "" }, false},
		"of no agent":              {func(x *Trace) { x.Agent = "" }, false},
		"by nobody":                {func(x *Trace) { x.Launcher = "" }, false},
		"of no program":            {func(x *Trace) { x.Program = "" }, false},
		"of no version":            {func(x *Trace) { x.Version = "" }, false},
		"of a call of no kind":     {func(x *Trace) { x.Calls[1].Kind = "" }, false},
		"of a call of another":     {func(x *Trace) { x.Calls[1].Kind = "hook" }, false},
		"of a call that is denied": {func(x *Trace) { x.Calls[1].Status = "denied" }, false},
		"of a call of no status":   {func(x *Trace) { x.Calls[1].Status = "" }, false},
		"of a tool of no name":     {func(x *Trace) { x.Calls[1].Name = "" }, false},
		"of a model with a name":   {func(x *Trace) { x.Calls[0].Name = "gpt" }, false},
		"of a tool with a text":    {func(x *Trace) { x.Calls[1].Name = "exec rm -rf" }, false},
		"of a tool of a long name": {func(x *Trace) { x.Calls[1].Name = strings.Repeat("x", 129) }, false},
		"of as many as there may":  {func(x *Trace) { x.Calls = slices.Repeat(x.Calls[:1], MaxTraced) }, true},
		"of too many":              {func(x *Trace) { x.Calls = slices.Repeat(x.Calls[:1], MaxTraced+1) }, false},
	})
}

// A trace is one launcher's word, and says whose.
func TestTraceIsSigned(t *testing.T) { traces.signed(t) }

func readTrace(t *testing.T, text string, vs []seal.Verifier) string {
	t.Helper()
	x, err := OpenTrace(must(seal.ParseEnvelope([]byte(text))), vs...)
	if err != nil {
		return fmt.Sprintf("refused: %v", err)
	}
	out := fmt.Sprintf("%s found what %s says of %s in %s, on %s:", x.Launcher, x.Program, x.Agent, x.Job, x.Attestation)
	for _, c := range x.Calls {
		out += "\n" + strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Status, c.Kind, c.Name))
	}
	return out
}

// FuzzTrace reads whatever a launcher's key may have signed.
func FuzzTrace(f *testing.F) {
	k, v := answerKey(f, "launcher")
	bare := trace(f)
	bare.Calls, bare.Export = nil, seal.Hash{}
	for _, x := range []*Trace{trace(f), bare, {}} {
		f.Add(must(seal.Marshal(x)))
	}
	f.Add([]byte(`null`))
	f.Add([]byte(`{"agent":"a","job":"j","launcher":"launcher","program":"p","version":"1"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := seal.Sign(k, TraceType, payload)
		if err != nil {
			t.Skip("it cannot be signed")
		}
		x, err := OpenTrace(e, v)
		if err != nil {
			return
		}
		again, err := OpenTrace(must(x.Sign(k)), v)
		if err != nil || !cmp.Equal(x, again, cmpopts.EquateEmpty()) {
			t.Errorf("read %+v, and then %+v, %v", x, again, err)
		}
		for _, c := range x.Calls {
			if (c.Kind == TracedModel) != (c.Name == "") {
				t.Errorf("%+v", c)
			}
		}
	})
}
