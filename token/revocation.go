// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// The kinds of revocations.
const (
	RevokeToken  = "token"  // Target is its id
	RevokeJob    = "job"    // Target is its name
	RevokeAgent  = "agent"  // Target is its name
	RevokePolicy = "policy" // Target is its hash
	RevokeAction = "action" // Target is a pattern of actions: policy.ParsePattern
	RevokeAll    = "all"    // Target is empty
)

// A Revocation ends what it names. The zero value ends nothing.
type Revocation struct {
	Kind   string `json:"kind"`
	Target string `json:"target,omitempty"`
}

// String is the revocation as people write it: "job:NAME", "all".
func (r Revocation) String() string {
	if r.Kind == RevokeAll {
		return r.Kind
	}
	return r.Kind + ":" + r.Target
}

// tokenID is what a token is revoked by: it goes into receipts and logs, so that
// it is one word.
var tokenID = pattern{regexp.MustCompile(`^[!-~]+$`), 256}

// CheckRevocation says what is wrong with r.
func CheckRevocation(r Revocation) error {
	switch r.Kind {
	case RevokeToken:
		if !tokenID.MatchString(r.Target) {
			return errors.New("a token is revoked by its id: 1 to 256 printable characters without spaces")
		}
		return nil
	case RevokeJob, RevokeAgent:
		return CheckName(r.Kind, r.Target)
	case RevokePolicy:
		if _, err := seal.ParseHash(r.Target); err != nil {
			return fmt.Errorf("a policy is revoked by its hash: %w", err)
		}
		return nil
	case RevokeAction:
		_, err := policy.ParsePattern(r.Target)
		return err
	case RevokeAll:
		if r.Target != "" {
			return errors.New("what ends everything names nothing")
		}
		return nil
	}
	return fmt.Errorf("there is no revocation by %q: want token, job, agent, policy, action or all", r.Kind)
}

// Ends reports whether r ends the call of a that c's token asks for.
func (r Revocation) Ends(c *Claims, a policy.Action) bool {
	switch r.Kind {
	case RevokeToken:
		return r.Target == string(c.ID)
	case RevokeJob:
		return r.Target == c.Job
	case RevokeAgent:
		return r.Target == c.Agent
	case RevokePolicy:
		return r.Target == c.Policy.String()
	case RevokeAction:
		p, err := policy.ParsePattern(r.Target)
		return err != nil || p.Means(a) // what cannot be read ends everything
	case RevokeAll:
		return true
	}
	return false
}

// Err is the reason to refuse what r ends.
func (r Revocation) Err() error {
	switch r.Kind {
	case RevokeToken:
		return ErrRevoked
	case RevokeJob:
		return ErrJobRevoked
	case RevokeAgent:
		return ErrAgentRevoked
	case RevokePolicy:
		return ErrPolicyRevoked
	case RevokeAction:
		return ErrActionRevoked
	}
	return ErrAllRevoked
}

// The reasons to refuse a token that is good, and what it stands on is not.
// Each has a stable code (Code).
var (
	ErrJobRevoked    = errors.New("the token's job is stopped")
	ErrAgentRevoked  = errors.New("the token's agent is stopped")
	ErrPolicyRevoked = errors.New("the token's policy is withdrawn")
	ErrActionRevoked = errors.New("the action is stopped for everyone")
	ErrAllRevoked    = errors.New("everything is stopped")
)

// Ended returns the first of list that ends the call of a that c's token asks
// for, or nil.
func Ended(list []Revocation, c *Claims, a policy.Action) *Revocation {
	for i := range list {
		if list[i].Ends(c, a) {
			return &list[i]
		}
	}
	return nil
}
