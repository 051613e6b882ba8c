// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/seal"
)

// The reasons why a policy is not published. Each comes wrapped, with what is wrong.
var (
	// ErrAuthor is returned for a policy that no author has signed.
	ErrAuthor = errors.New("no author has signed it")
	// ErrEnvironment is returned for a policy that does not say which of the house's environments it is for.
	ErrEnvironment = errors.New("it is not for an environment of this house")
	// ErrEmergency is returned for a policy for an emergency that the house does not have, or not for so long.
	ErrEmergency = errors.New("not a policy for an emergency here")
	// ErrApprovals is returned for a policy that too few of its approvers have signed.
	ErrApprovals = errors.New("too few approvals")
	// ErrOwnApproval is ErrApprovals where an author's own approval would make up for what is missing.
	ErrOwnApproval = fmt.Errorf("%w: an author's own does not count", ErrApprovals)
)

// Publishers say whose signatures publish a house's policies (spec/policy.md
// section 7). The zero Publishers lets nobody publish anything.
type Publishers struct {
	Authors      []seal.Verifier   // who may write policies
	Environments map[string]Quorum // none: authors publish alone, and policies name no environment
	BreakGlass   *Emergency        // nil: no policy is for an emergency
}

// An Emergency is who approves policies for emergencies, and how long such a
// policy may hold from its publication on.
type Emergency struct {
	Quorum
	Longest time.Duration
}

// A Quorum is N of M approvers. Only NewQuorum makes one; the zero Quorum is
// never reached.
type Quorum struct {
	approvers []seal.Verifier // the authors among them left out
	own       []seal.Verifier // approvers who are authors
	required  int
}

// NewQuorum reads the public keys of approvers, of whom required have to sign.
// Authors among them do not count: neither their keys, by whatever name, nor other
// keys by their names. Keys of one name are one person's. It fails for keys that
// cannot be read or are there twice, and if there are fewer people than required.
func NewQuorum(authors, approvers []string, required int) (Quorum, error) {
	written, err := publicKeys(authors)
	if err != nil {
		return Quorum{}, err
	}
	keys, err := publicKeys(approvers)
	if err != nil {
		return Quorum{}, err
	}
	q := Quorum{required: required}
	for i, k := range keys {
		switch {
		case slices.ContainsFunc(keys[:i], k.same):
			return Quorum{}, fmt.Errorf("entry %d: the key is there twice, by one name or two", i+1)
		case slices.ContainsFunc(written, k.same), slices.ContainsFunc(written, func(o publicKey) bool { return samePerson(k, o) }):
			q.own = append(q.own, k.Verifier)
		default:
			q.approvers = append(q.approvers, k.Verifier)
		}
	}
	if n := len(persons(q.approvers)); required < 1 || required > n {
		return Quorum{}, fmt.Errorf("%d approvals are required, and %d of the approvers are not authors", required, n)
	}
	return q, nil
}

// A publicKey is a key with its bytes, which are the same under any name.
type publicKey struct {
	seal.Verifier
	bytes []byte
}

func publicKeys(texts []string) ([]publicKey, error) {
	keys := make([]publicKey, len(texts))
	for i, text := range texts {
		b, err := seal.KeyBytes(text)
		v, err2 := seal.NewVerifier(text)
		if err := cmp.Or(err, err2); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		keys[i] = publicKey{v, b}
	}
	return keys, nil
}

func (k publicKey) same(o publicKey) bool { return bytes.Equal(o.bytes, k.bytes) }

// samePerson reports whether two keys are one person's, as far as their names tell.
func samePerson(a, b seal.Verifier) bool { return strings.EqualFold(a.Name(), b.Name()) }

// persons returns one key of each person whose keys are among keys.
func persons(keys []seal.Verifier) []seal.Verifier {
	var out []seal.Verifier
	for _, k := range keys {
		if !slices.ContainsFunc(out, func(o seal.Verifier) bool { return samePerson(k, o) }) {
			out = append(out, k)
		}
	}
	return out
}

// Keys returns every key that may be under a policy, in whatever role. They are
// for seal.Envelope.Open.
func (h *Publishers) Keys() []seal.Verifier {
	keys := slices.Clone(h.Authors)
	for _, name := range slices.Sorted(maps.Keys(h.Environments)) {
		keys = append(append(keys, h.Environments[name].approvers...), h.Environments[name].own...)
	}
	if h.BreakGlass != nil {
		keys = append(append(keys, h.BreakGlass.approvers...), h.BreakGlass.own...)
	}
	return keys
}

// A Role is what a signature under a policy counts as.
type Role string

// The roles. Whoever is listed as an author signs as one.
const (
	RoleAuthor   Role = "author"
	RoleApprover Role = "approver"
	RoleNone     Role = "none" // an approver elsewhere in the house, or an author's other key or name
)

// A Signature is one under a policy: whose, and what it counts as.
type Signature struct {
	Key  string `json:"key"` // key id
	Role Role   `json:"role"`
}

// Check holds the signatures under p to the rules of the house at a time, which
// is that of p's publication. signers are those whose signatures were found
// good (seal.Envelope.Open with h.Keys). It returns what each counts as, and
// fails with one of the errors above.
func (h *Publishers) Check(p *Policy, signers []seal.Verifier, at time.Time) ([]Signature, error) {
	s := h.Standing(p, signers, at)
	if s.Err != nil {
		return nil, s.Err
	}
	return s.Signatures, nil
}

// A Standing is how far a policy has come on its way to being published.
type Standing struct {
	Signatures []Signature     // what those count as that it has
	NoAuthor   bool            // an author has yet to sign
	For        string          // what approvers approve it for: an environment's name, "an emergency"; "" if nobody has to
	Missing    int             // how many approvers have yet to sign
	Of         []seal.Verifier // keys of those who can
	Err        error           // what Check fails with; nil: it can be published
}

// Standing returns how p stands by the rules of the house at a time, with signers
// as Check has them.
func (h *Publishers) Standing(p *Policy, signers []seal.Verifier, at time.Time) *Standing {
	quorum, of, err := h.quorum(p, at)
	s := &Standing{For: of, Err: err, NoAuthor: true}
	var approved []seal.Verifier
	for _, k := range signers {
		role := h.role(k, quorum)
		s.Signatures = append(s.Signatures, Signature{seal.KeyID(k), role})
		s.NoAuthor = s.NoAuthor && role != RoleAuthor
		if role == RoleApprover {
			approved = append(approved, k)
		}
	}
	if quorum != nil {
		s.Missing = max(0, quorum.required-len(persons(approved)))
		s.Of = slices.DeleteFunc(slices.Clone(quorum.approvers), func(k seal.Verifier) bool {
			return slices.ContainsFunc(approved, func(o seal.Verifier) bool { return samePerson(k, o) })
		})
	}
	switch {
	case err != nil:
	case s.NoAuthor:
		s.Err = fmt.Errorf("%w, only %s", ErrAuthor, keyIDs(signers))
	case quorum != nil && (quorum.required < 1 || s.Missing > 0):
		s.Err = quorum.missing(s, signers)
	}
	return s
}

// quorum returns who has to approve p, and what for; nil if nobody has.
func (h *Publishers) quorum(p *Policy, at time.Time) (*Quorum, string, error) {
	name, emergency := p.Environment(), p.BreakGlass()
	q, known := h.Environments[name]
	have := strings.Join(slices.Sorted(maps.Keys(h.Environments)), ", ")
	switch n := len(h.Environments); {
	case n == 0 && name != "":
		return nil, "", fmt.Errorf("%w: it is for %q, and this house has no environments", ErrEnvironment, name)
	case n > 0 && name == "":
		return nil, "", fmt.Errorf("%w: it names none, and this house has %s", ErrEnvironment, have)
	case n > 0 && !known:
		return nil, "", fmt.Errorf("%w: it is for %q, and this house has %s", ErrEnvironment, name, have)
	case emergency != nil:
		return h.emergency(emergency, at)
	case name == "":
		return nil, "", nil
	}
	return &q, name, nil
}

func (h *Publishers) emergency(b *BreakGlass, at time.Time) (*Quorum, string, error) {
	if h.BreakGlass == nil {
		return nil, "", fmt.Errorf("%w: this house has no approvers for emergencies", ErrEmergency)
	}
	longest, end := h.BreakGlass.Longest, b.Expires.UTC().Format(time.RFC3339)
	switch left := b.Expires.Sub(at); {
	case left <= 0:
		return nil, "", fmt.Errorf("%w: it ended at %s", ErrEmergency, end)
	case left > longest:
		return nil, "", fmt.Errorf("%w: it ends at %s, more than %s after its publication at %s", ErrEmergency, end, longest, at.UTC().Format(time.RFC3339))
	}
	return &h.BreakGlass.Quorum, "an emergency", nil
}

func (h *Publishers) role(s seal.Verifier, q *Quorum) Role {
	switch {
	case listed(h.Authors, s):
		return RoleAuthor
	case q != nil && listed(q.approvers, s):
		return RoleApprover
	}
	return RoleNone
}

func listed(keys []seal.Verifier, k seal.Verifier) bool {
	return slices.ContainsFunc(keys, func(o seal.Verifier) bool { return seal.KeyID(o) == seal.KeyID(k) })
}

// missing says who has signed and who has yet to.
func (q *Quorum) missing(s *Standing, signers []seal.Verifier) error {
	own := slices.DeleteFunc(slices.Clone(q.own), func(k seal.Verifier) bool { return !listed(signers, k) })
	n := q.required - s.Missing
	cause := ErrApprovals
	if len(own) > 0 && n+len(persons(own)) >= q.required {
		cause = ErrOwnApproval
	}
	by := make([]string, len(s.Signatures))
	for i, g := range s.Signatures {
		by[i] = fmt.Sprintf("%s as %s", g.Key, g.Role)
	}
	return fmt.Errorf("%w: %s needs %d and has %d; signed by %s; missing: %d of %s", cause, s.For, q.required, n, strings.Join(by, ", "), s.Missing, keyIDs(s.Of))
}

func keyIDs(keys []seal.Verifier) string {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = seal.KeyID(k)
	}
	return strings.Join(ids, ", ")
}
