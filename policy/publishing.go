// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
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
// Authors among them do not count, whatever their keys are called: keys are
// compared by their bytes. It fails for keys that cannot be read or are there
// twice, and if there are fewer approvers than required.
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
		case k.in(keys[:i]):
			return Quorum{}, fmt.Errorf("entry %d: the key is there twice, by one name or two", i+1)
		case k.in(written):
			q.own = append(q.own, k.Verifier)
		default:
			q.approvers = append(q.approvers, k.Verifier)
		}
	}
	if required < 1 || required > len(q.approvers) {
		return Quorum{}, fmt.Errorf("%d approvals are required, and %d of the approvers are not authors", required, len(q.approvers))
	}
	return q, nil
}

// A publicKey is a key with its bytes, which are the same under any name.
type publicKey struct {
	seal.Verifier
	bytes ed25519.PublicKey
}

func publicKeys(texts []string) ([]publicKey, error) {
	keys := make([]publicKey, len(texts))
	for i, text := range texts {
		b, err := seal.PublicKey(text)
		v, err2 := seal.NewVerifier(text)
		if err := cmp.Or(err, err2); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		keys[i] = publicKey{v, b}
	}
	return keys, nil
}

func (k publicKey) in(keys []publicKey) bool {
	return slices.ContainsFunc(keys, func(o publicKey) bool { return bytes.Equal(o.bytes, k.bytes) })
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
	RoleNone     Role = "none" // an approver elsewhere in the house, or an author's key by another name
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
	quorum, of, err := h.quorum(p, at)
	if err != nil {
		return nil, err
	}
	signed := make([]Signature, len(signers))
	count := map[Role]int{}
	for i, s := range signers {
		signed[i] = Signature{seal.KeyID(s), h.role(s, quorum)}
		count[signed[i].Role]++
	}
	if count[RoleAuthor] == 0 {
		return nil, fmt.Errorf("%w, only %s", ErrAuthor, keyIDs(signers))
	}
	if quorum == nil || quorum.required > 0 && count[RoleApprover] >= quorum.required {
		return signed, nil
	}
	return nil, quorum.missing(of, signers, signed)
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
func (q *Quorum) missing(of string, signers []seal.Verifier, signed []Signature) error {
	open := slices.DeleteFunc(slices.Clone(q.approvers), func(k seal.Verifier) bool { return listed(signers, k) })
	own := slices.DeleteFunc(slices.Clone(q.own), func(k seal.Verifier) bool { return !listed(signers, k) })
	n := len(q.approvers) - len(open)
	cause := ErrApprovals
	if len(own) > 0 && n+len(own) >= q.required {
		cause = ErrOwnApproval
	}
	by := make([]string, len(signed))
	for i, s := range signed {
		by[i] = fmt.Sprintf("%s as %s", s.Key, s.Role)
	}
	return fmt.Errorf("%w: %s needs %d and has %d; signed by %s; missing: %d of %s", cause, of, q.required, n, strings.Join(by, ", "), q.required-n, keyIDs(open))
}

func keyIDs(keys []seal.Verifier) string {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = seal.KeyID(k)
	}
	return strings.Join(ids, ", ")
}
