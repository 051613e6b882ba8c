// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

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
	Authors    []string `json:"authors"`    // sign policies, as authors or approvers of policies
	Registries []string `json:"registries"` // sign bindings
	Issuers    []string `json:"issuers"`    // sign tokens' records
	Gates      []string `json:"gates"`      // sign receipts and standings
	Logs       []string `json:"logs"`       // sign checkpoints
	People     []string `json:"people"`     // sign answers; a key's name is the person
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
	authors, registries, issuers, gates, logs, people []seal.Verifier
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
		{"authors", t.Authors, &k.authors}, {"registries", t.Registries, &k.registries}, {"issuers", t.Issuers, &k.issuers},
		{"gates", t.Gates, &k.gates}, {"logs", t.Logs, &k.logs}, {"people", t.People, &k.people},
	} {
		vs, err := verifiers(l.texts)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrTrust, l.role, err)
		}
		*l.into = vs
	}
	return k, nil
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

// shared returns a key that is trusted both as a gate's and as a person's, or "".
// Keys are compared by their bits, whatever they are called.
func (t *Trust) shared() string {
	for _, g := range t.Gates {
		gk, err := seal.PublicKey(g)
		if err != nil {
			continue
		}
		for _, p := range t.People {
			if pk, err := seal.PublicKey(p); err == nil && gk.Equal(pk) {
				return p
			}
		}
	}
	return ""
}

// notes returns vs as x/mod wants them.
func notes(vs []seal.Verifier) note.Verifiers {
	out := make([]note.Verifier, len(vs))
	for i, v := range vs {
		out[i] = v
	}
	return note.VerifierList(out...)
}
