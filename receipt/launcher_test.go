// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A paper is what launchers sign: an attestation or a trace, as P opens it.
type paper[P any] struct {
	typ  string
	good func(testing.TB) P
	sign func(P, seal.Signer) (*seal.Envelope, error)
	open func(*seal.Envelope, ...seal.Verifier) (P, error)
}

var (
	attestations = paper[*Attestation]{AttestationType, attestation, (*Attestation).Sign, OpenAttestation}
	traces       = paper[*Trace]{TraceType, trace, (*Trace).Sign, OpenTrace}
)

// A saying is what a paper says otherwise than a good one, and whether it is one still.
type saying[P any] struct {
	change func(P)
	good   bool
}

// whole holds that what a paper says goes together, or it is none: neither signed nor read.
func (p paper[P]) whole(t *testing.T, sayings map[string]saying[P]) {
	t.Helper()
	k, v := answerKey(t, "launcher")
	for name, s := range sayings {
		x := p.good(t)
		s.change(x)
		switch e, err := p.sign(x, k); {
		case (err == nil) != s.good:
			t.Errorf("%s, it is signed: %v", name, err)
		case err != nil:
			twoLines(t, name, err)
		default:
			if got, err := p.open(e, v); err != nil || !cmp.Equal(x, got, cmpopts.EquateEmpty()) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		e := must(seal.Sign(k, p.typ, must(seal.Marshal(x))))
		if _, err := p.open(e, v); (err == nil) != s.good {
			t.Errorf("%s, it is read: %v", name, err)
		}
	}
}

func twoLines(t *testing.T, name string, err error) {
	t.Helper()
	if wrong, mends, two := strings.Cut(err.Error(), "\n"); !two || wrong == "" || mends == "" {
		t.Errorf("%s: it is refused as %q", name, err)
	}
}

// signed holds that a paper is one launcher's word, and says whose.
func (p paper[P]) signed(t *testing.T) {
	t.Helper()
	launcher, launchers := answerKey(t, "launcher")
	other, others := answerKey(t, "other")
	good := p.good(t)
	for name, tt := range map[string]struct {
		by   seal.Signer
		typ  string
		want error
	}{
		"its own":         {launcher, p.typ, nil},
		"another's":       {other, p.typ, seal.ErrBadSignature},
		"a token's paper": {launcher, token.RecordType, seal.ErrType},
		"a gate's paper":  {launcher, Type, seal.ErrType},
	} {
		e := must(seal.Sign(tt.by, tt.typ, must(seal.Marshal(good))))
		if _, err := p.open(e, launchers, others); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err := e.Add(other); tt.by == launcher && err == nil {
			if _, err := p.open(e, launchers, others); err == nil {
				t.Errorf("%s: by two", name)
			}
		}
	}
	if _, err := p.open(must(p.sign(good, launcher)), others); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("without its key: %v", err)
	}
}

// One launcher's paper is none of another's kind.
func TestLaunchersPapersAreTwo(t *testing.T) {
	k, v := answerKey(t, "launcher")
	if _, err := OpenTrace(must(attestation(t).Sign(k)), v); !errors.Is(err, seal.ErrType) {
		t.Errorf("an attestation is a trace: %v", err)
	}
	if _, err := OpenAttestation(must(trace(t).Sign(k)), v); !errors.Is(err, seal.ErrType) {
		t.Errorf("a trace is an attestation: %v", err)
	}
}

// A trace stands on an attestation by the same launcher, of the same program, agent and job.
func TestTraceStandsOn(t *testing.T) {
	for name, tt := range map[string]saying[*Trace]{
		"on its own":           {func(*Trace) {}, true},
		"made later":           {func(x *Trace) { x.At = x.At.Add(1) }, true},
		"of another job":       {func(x *Trace) { x.Job = "job-2" }, false},
		"of another agent":     {func(x *Trace) { x.Agent = "agent-2" }, false},
		"by another launcher":  {func(x *Trace) { x.Launcher = "other" }, false},
		"of another program":   {func(x *Trace) { x.Program = "opencraw" }, false},
		"of another version's": {func(x *Trace) { x.Version = "OpenClaw 2026.9.5" }, false},
	} {
		x := trace(t)
		if tt.change(x); x.On(attestation(t)) != tt.good {
			t.Errorf("%s: %t", name, !tt.good)
		}
	}
}
