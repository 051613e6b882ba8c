// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// AttestationType is the payload type of a signed attestation.
const AttestationType = "application/vnd.clawea.attestation.v1+json"

const (
	// MaxAttested is the longest that tokens can be ordered on one attestation.
	MaxAttested = 24 * time.Hour

	maxAttestedTools = 1024
	maxChecks        = 32
)

// checkName is how a check of a runtime, or a program, can be named.
var checkName = regexp.MustCompile(`^[a-z0-9][a-z0-9 ._-]{0,63}$`)

// programVersion is what a program can say of its version.
var programVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ().+_-]{0,127}$`)

// An Attestation is a launcher's word, signed with its own key, for what an agent is
// about to run in. A token that is ordered on it has what it attests (spec/receipt.md
// section 11).
type Attestation struct {
	Job      string    `json:"job"`
	Agent    string    `json:"agent"`
	Policy   seal.Hash `json:"policy"`
	Key      string    `json:"dpop_jkt,omitzero"` // thumbprint (RFC 7638) of the key that tokens on it are bound to; "": any, or none
	Launcher string    `json:"launcher"`          // the name of the key that signs
	At       time.Time `json:"at"`                // when the launcher looked
	Until    time.Time `json:"until"`             // tokens are ordered on it before then

	Program string         `json:"program"` // "openclaw"
	Version string         `json:"version"` // as the program says
	Runtime policy.Runtime `json:"runtime"` // what surrounds the agent; its Attestation is zero
	Config  seal.Hash      `json:"config"`  // SHA-256 of the program's configuration, as it was read
	Guard   seal.Hash      `json:"guard"`   // digest (policy.md 3.7) of the plugin that asks the gate about the program's own tools; zero: there is none
	Tools   []string       `json:"tools"`   // those that the agent has, by the program's names, sorted, each once

	Extensions []policy.Extension `json:"extensions"` // what others made that it has loaded, in the order of a binding
	Checks     []Check            `json:"checks"`     // what the launcher went by
}

// A Check is something that a launcher ran to look at a runtime.
type Check struct {
	Name     string    `json:"name"`              // "security audit"
	Exit     int       `json:"exit"`              // the exit code; -1: it did not end by itself
	Critical int       `json:"critical,omitzero"` // how much of what it found it calls critical
	Output   seal.Hash `json:"output,omitzero"`   // commitment (5.1) to what it said
}

// Check fails, with what is wrong and what mends it, unless a's members go together.
func (a *Attestation) Check() error {
	switch {
	case token.CheckName("job", a.Job) != nil || token.CheckName("agent", a.Agent) != nil || a.Policy.IsZero():
		return errors.New("the attestation does not say for which job, agent and policy it is\nhave it made anew")
	case !keyName.MatchString(a.Launcher):
		return errors.New("the attestation does not say whose word it is\nname the launcher as its key is named")
	case !a.Until.After(a.At) || a.Until.Sub(a.At) > MaxAttested:
		return errors.New("an attestation ends after it begins, and within 24 hours\nchoose another end")
	case !checkName.MatchString(a.Program) || !programVersion.MatchString(a.Version):
		return errors.New("the attestation does not name the program and its version\nhave it made anew")
	case !a.Runtime.Attestation.IsZero():
		return errors.New("the attestation says that it stands on another\nleave that out")
	case a.Key != "" && token.CheckThumbprint(a.Key) != nil:
		return errors.New("the attestation names a key by no thumbprint\nwrite 43 characters of base64url (RFC 7638, SHA-256), or leave it out")
	case a.Config.IsZero():
		return errors.New("the attestation names no configuration\nhave it made anew")
	case !slices.Contains([]string{"", "none", "ro", "rw"}, a.Runtime.Workspace):
		return errors.New("the attestation's workspace access is none of none, ro and rw\nsay one of them")
	case len(a.Tools) > maxAttestedTools || len(a.Checks) > maxChecks || !sortedOnce(a.Tools) || !policy.SortedExtensions(a.Extensions):
		return errors.New("the attestation's lists are too long, or not sorted, or say something twice\nhave it made anew")
	}
	for _, c := range a.Checks {
		if !checkName.MatchString(c.Name) || c.Critical < 0 {
			return errors.New("a check of the attestation has no name, or counts less than nothing\nhave it made anew")
		}
	}
	return nil
}

func sortedOnce(list []string) bool {
	for i, s := range list {
		if s == "" || len(s) > 128 || i > 0 && list[i-1] >= s {
			return false
		}
	}
	return true
}

// Hash names a: SHA-256 of its canonical JSON. A token's claims and the facts of
// receipts have it.
func (a *Attestation) Hash() seal.Hash {
	b, err := seal.Marshal(a)
	if err != nil { // unreachable after Check: there is no text in it that is not ASCII but names
		return seal.Hash{}
	}
	return seal.Sum(b)
}

// Attested is the runtime that a token has which stands on a.
func (a *Attestation) Attested() *policy.Runtime {
	r := a.Runtime
	r.Attestation = a.Hash()
	return &r
}

// Fits fails, in two lines, unless tokens of agent for job under p that are bound to a key, or to none (""),
// can stand on a at now. p is bound: what a has loaded is what p was published with.
func (a *Attestation) Fits(agent, job, key string, p *policy.Policy, now time.Time) error {
	switch {
	case a.Agent != agent || a.Job != job || a.Policy != p.Hash():
		return errors.New("the attestation is for another agent, job or policy\nhave the launcher look anew")
	case a.Key != "" && a.Key != key:
		return errors.New("the attestation is for tokens of another key\norder the token with the key that the launcher has named")
	case now.Add(token.Leeway).Before(a.At) || !now.Before(a.Until):
		return errors.New("the attestation does not hold now\nhave the launcher look anew; compare the clocks")
	}
	if err := p.CheckExtensions(a.Extensions); err != nil {
		return fmt.Errorf("%w\ntake it out, or have somebody publish a policy with it as it is", err)
	}
	return nil
}

// Sign seals a. It fails as Check does.
func (a *Attestation) Sign(s seal.Signer) (*seal.Envelope, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	b, err := seal.Marshal(a)
	if err != nil {
		return nil, err
	}
	return seal.Sign(s, AttestationType, b)
}

// ParseAttestation reads an attestation of which nobody has verified who signed it.
func ParseAttestation(payload []byte) (*Attestation, error) {
	a := new(Attestation)
	if err := seal.Decode(payload, a); err != nil {
		return nil, fmt.Errorf("read attestation: %w", err)
	}
	if err := a.Check(); err != nil {
		return nil, fmt.Errorf("read attestation: %w", err)
	}
	if !a.Hash().Equal(seal.Sum(payload)) { // a member is left out, or a time is written otherwise
		return nil, fmt.Errorf("read attestation: %w", seal.ErrNotCanonical)
	}
	return a, nil
}

// OpenAttestation verifies a signed attestation: by exactly one of launchers, who must
// be the one whose word it says it is.
func OpenAttestation(e *seal.Envelope, launchers ...seal.Verifier) (*Attestation, error) {
	signers, err := e.Open(AttestationType, launchers...)
	if err != nil {
		return nil, err
	}
	a, err := ParseAttestation(e.Payload)
	if err != nil {
		return nil, err
	}
	if len(signers) != 1 || signers[0].Name() != a.Launcher {
		return nil, fmt.Errorf("%w: the attestation is %q's", seal.ErrBadSignature, a.Launcher)
	}
	return a, nil
}
