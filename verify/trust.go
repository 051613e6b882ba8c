// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// TrustFormat is the first word of every trust file of this version.
const TrustFormat = "clawea.trust.v1"

// A Trust is what the auditor brings from elsewhere than the bundle: whose word
// counts for what. Keys are public key texts (seal.NewVerifier). The zero Trust
// trusts nobody.
type Trust struct {
	Format     string   `json:"format"`     // TrustFormat; Marshal writes it
	House      string   `json:"house"`      // the audience of the house's tokens
	Origin     string   `json:"origin"`     // the first line of the log's checkpoints; "" without logs
	Authors    []string `json:"authors"`    // sign policies, as their authors
	Registries []string `json:"registries"` // sign bindings
	Issuers    []string `json:"issuers"`    // sign tokens' records
	Gates      []string `json:"gates"`      // sign receipts and standings
	Logs       []string `json:"logs"`       // sign checkpoints
	People     []string `json:"people"`     // sign answers; a key's name is the person

	// Launchers sign attestations and traces; a key's name is the launcher. Left out: nobody's
	// word counts for what an agent runs in.
	Launchers []string `json:"launchers,omitempty"`

	// Until is when people's keys were revoked, by the key's id (seal.KeyID): what they
	// answered later does not count. Left out: none was.
	Until map[string]time.Time `json:"until,omitempty"`

	Groups map[string][]string `json:"groups,omitempty"` // of people, by their names; none: nobody is in any

	Environments map[string]Quorum `json:"environments,omitempty"` // none: authors publish alone, and policies name no environment
	BreakGlass   *Emergency        `json:"break_glass,omitzero"`   // nil: no policy is for an emergency
}

// A Quorum is those who approve policies, and how many of them have to, authors
// not counted.
type Quorum struct {
	Approvers []string `json:"approvers"`
	Required  int      `json:"required"`
}

// An Emergency is those who approve policies for emergencies, and how long such
// a policy may hold from its publication on.
type Emergency struct {
	Quorum
	Longest int `json:"longest_seconds"`
}

// ErrTrust is returned for a trust file that cannot be relied on.
var ErrTrust = errors.New("trust file is malformed")

// ParseTrust reads a trust file: JSON, in any spelling, since people edit it,
// but without unknown or repeated names, unreadable keys, or a key twice in one
// list. Errors are ErrTrust.
func ParseTrust(b []byte) (*Trust, error) {
	t := new(Trust)
	if err := seal.Unmarshal(b, t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTrust, err)
	}
	if t.Format != TrustFormat {
		return nil, fmt.Errorf("%w: format %q; want %q", ErrTrust, t.Format, TrustFormat)
	}
	if _, err := t.keys(); err != nil {
		return nil, err
	}
	return t, nil
}

// Marshal writes the trust file in canonical form. It fails with ErrTrust if
// ParseTrust would refuse it.
func (t *Trust) Marshal() ([]byte, error) {
	if _, err := t.keys(); err != nil {
		return nil, err
	}
	out := *t
	out.Format = TrustFormat
	return seal.Marshal(&out)
}

// keys are a trust's keys, ready for use.
type keys struct {
	publishers                                          policy.Publishers
	registries, issuers, gates, logs, people, launchers []seal.Verifier
}

func (t *Trust) keys() (*keys, error) {
	switch {
	case t == nil || t.House == "":
		return nil, fmt.Errorf("%w: it names no house; set house to the audience of its tokens", ErrTrust)
	case (t.Origin == "") != (len(t.Logs) == 0):
		return nil, fmt.Errorf("%w: origin and logs go together; set both or neither", ErrTrust)
	}
	k := new(keys)
	for _, l := range []struct {
		role  string
		texts []string
		into  *[]seal.Verifier
	}{
		{"authors", t.Authors, &k.publishers.Authors}, {"registries", t.Registries, &k.registries}, {"issuers", t.Issuers, &k.issuers},
		{"gates", t.Gates, &k.gates}, {"logs", t.Logs, &k.logs}, {"people", t.People, &k.people}, {"launchers", t.Launchers, &k.launchers},
	} {
		vs, err := verifiers(l.texts)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrTrust, l.role, err)
		}
		*l.into = vs
	}
	if err := t.until(k.people); err != nil {
		return nil, err
	}
	if err := t.groups(); err != nil {
		return nil, err
	}
	return k, t.approvers(&k.publishers)
}

// until checks whose keys were revoked, and that it is said when.
func (t *Trust) until(people []seal.Verifier) error {
	for _, id := range slices.Sorted(maps.Keys(t.Until)) {
		if !slices.ContainsFunc(people, func(v seal.Verifier) bool { return seal.KeyID(v) == id }) {
			return fmt.Errorf("%w: until: %q is none of people's keys; keep a revoked key there, for what it signed before", ErrTrust, id)
		}
		if t.Until[id].IsZero() {
			return fmt.Errorf("%w: until: %q: it does not say when", ErrTrust, id)
		}
	}
	return nil
}

// groups checks the groups.
func (t *Trust) groups() error {
	for _, name := range slices.Sorted(maps.Keys(t.Groups)) {
		if !policy.IsGroup(name) {
			return fmt.Errorf("%w: groups: %q is not a group's name", ErrTrust, name)
		}
		for i, who := range t.Groups[name] {
			if who == "" || slices.Contains(t.Groups[name][:i], who) {
				return fmt.Errorf("%w: groups: %s: %q is nobody, or there twice", ErrTrust, name, who)
			}
		}
	}
	return nil
}

// maxLongest bounds the life of a policy for an emergency, in seconds: 30 days.
const maxLongest = 30 * 24 * 3600

// approvers reads who approves what.
func (t *Trust) approvers(into *policy.Publishers) error {
	into.Environments = map[string]policy.Quorum{}
	for _, name := range slices.Sorted(maps.Keys(t.Environments)) {
		q, err := t.quorum(t.Environments[name])
		if err != nil {
			return fmt.Errorf("%w: environment %q: %w", ErrTrust, name, err)
		}
		into.Environments[name] = q
	}
	b := t.BreakGlass
	if b == nil {
		return nil
	}
	q, err := t.quorum(b.Quorum)
	if err != nil {
		return fmt.Errorf("%w: break_glass: %w", ErrTrust, err)
	}
	if b.Longest < 1 || b.Longest > maxLongest {
		return fmt.Errorf("%w: break_glass: longest_seconds is %d; want 1 to %d", ErrTrust, b.Longest, maxLongest)
	}
	into.BreakGlass = &policy.Emergency{Quorum: q, Longest: time.Duration(b.Longest) * time.Second}
	return nil
}

func (t *Trust) quorum(q Quorum) (policy.Quorum, error) {
	return policy.NewQuorum(t.Authors, q.Approvers, q.Required)
}

func verifiers(texts []string) ([]seal.Verifier, error) {
	var out []seal.Verifier
	for i, s := range texts {
		v, err := seal.NewVerifier(s)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(o seal.Verifier) bool { return seal.KeyID(o) == seal.KeyID(v) }) {
			return nil, fmt.Errorf("entry %d: the key %s is there twice", i+1, seal.KeyID(v))
		}
		out = append(out, v)
	}
	return out, nil
}

// shared returns a key that is trusted as two of a gate's, a person's and a launcher's, and
// as which; "" if there is none. Keys are compared by their bits, whatever they are called.
func (t *Trust) shared() (key, one, other string) {
	roles := map[string]string{} // by the key's bits
	for _, l := range []struct {
		role  string
		texts []string
	}{{"a gate's", t.Gates}, {"a person's", t.People}, {"a launcher's", t.Launchers}} {
		for _, s := range l.texts {
			bits, err := seal.KeyBytes(s)
			if err != nil {
				continue
			}
			if role, taken := roles[string(bits)]; taken && role != l.role {
				return s, role, l.role
			}
			roles[string(bits)] = l.role
		}
	}
	return "", "", ""
}

// notes returns vs as x/mod wants them.
func notes(vs []seal.Verifier) note.Verifiers {
	out := make([]note.Verifier, len(vs))
	for i, v := range vs {
		out[i] = v
	}
	return note.VerifierList(out...)
}
