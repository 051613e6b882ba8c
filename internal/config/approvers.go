// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/clawea/clawea/policy"
)

// A Quorum is those who approve policies, and how many of them it takes.
type Quorum struct {
	// Approvers are the public keys of those who may approve.
	Approvers []Key `json:"approvers"`
	// Required is how many of them must have signed a policy: 1 or more. Authors
	// do not count, by whatever name their keys are listed here.
	Required int `json:"required"`
}

// BreakGlass is those who approve policies for emergencies.
type BreakGlass struct {
	// Approvers are the public keys of those who may approve.
	Approvers []Key `json:"approvers"`
	// Required is how many of them must have signed a policy: more than any
	// environment requires.
	Required int `json:"required"`
	// Longest is how long such a policy may hold from its publication on: "90m" or
	// "24h", 30 days at most. Default 24h.
	Longest Span `json:"longest"`
}

const (
	defaultLongest = Span(24 * time.Hour)
	maxLongest     = Span(30 * 24 * time.Hour)
)

// Seconds is the longest life of a policy for an emergency, in whole seconds.
func (b *BreakGlass) Seconds() int {
	return int(time.Duration(cmp.Or(b.Longest, defaultLongest)) / time.Second)
}

// A Span is a length of time, written like "90m" or "24h".
type Span time.Duration

// String returns the length as it is written.
func (s Span) String() string { return time.Duration(s).String() }

// MarshalText returns the length as it is written.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a length of whole seconds.
func (s *Span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil || d <= 0 || d%time.Second != 0 {
		return fmt.Errorf("%.40q is not a time like \"90m\" or \"24h\"", b)
	}
	*s = Span(d)
	return nil
}

// Quorums returns the approvers of each environment, as the registry takes them.
func (c *Config) Quorums() map[string]policy.Quorum {
	out := map[string]policy.Quorum{}
	for name, q := range c.Environments {
		out[name], _ = q.policy(c.Authors) // checked; the zero Quorum is never reached
	}
	return out
}

// Emergency returns who approves policies for emergencies, or nil.
func (c *Config) Emergency() *policy.Emergency {
	b := c.BreakGlass
	if b == nil {
		return nil
	}
	q, _ := (&Quorum{b.Approvers, b.Required}).policy(c.Authors) // checked
	return &policy.Emergency{Quorum: q, Longest: time.Duration(b.Seconds()) * time.Second}
}

func (q *Quorum) policy(authors []Key) (policy.Quorum, error) {
	return policy.NewQuorum(Texts(authors), Texts(q.Approvers), q.Required)
}

// environment is a name that a policy can name (spec/policy.md 2.19).
var environment = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

func (c *Config) checkEnvironments() *problem {
	if c.Environments != nil && len(c.Environments) == 0 {
		return &problem{"/environments", "has no environment", "name one, or leave \"environments\" out"}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Environments)) {
		if !environment.MatchString(name) {
			return &problem{"/environments", fmt.Sprintf("%q is not an environment's name", name), "write it like \"prod\": lower-case letters, digits, dashes and underscores"}
		}
		q := c.Environments[name]
		if p := q.check("/environments/"+name, c.Authors); p != nil {
			return p
		}
	}
	return nil
}

func (c *Config) checkBreakGlass() *problem {
	b, at := c.BreakGlass, "/break_glass"
	if b == nil {
		return nil
	}
	if p := (&Quorum{b.Approvers, b.Required}).check(at, c.Authors); p != nil {
		return p
	}
	if b.Longest > maxLongest {
		return &problem{at + "/longest", "is more than 30 days", "an emergency is over sooner: write it like \"24h\""}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Environments)) {
		if n := c.Environments[name].Required; b.Required <= n {
			return &problem{at + "/required", fmt.Sprintf("is %d, and %s requires %d already", b.Required, name, n), "require more people for an emergency than any environment does"}
		}
	}
	return nil
}

func (q *Quorum) check(at string, authors []Key) *problem {
	if len(q.Approvers) == 0 {
		return &problem{at, "has no approvers", "list their public keys under \"approvers\": who approves its policies"}
	}
	if p := checkKeys(at+"/approvers", q.Approvers); p != nil {
		return p
	}
	if q.Required < 1 {
		return &problem{at, "does not say how many approvers are required", "write \"required\": 1, or more"}
	}
	if _, err := q.policy(authors); err != nil {
		return &problem{at, err.Error(), "list as many approvers as are required, each by one key that is nobody else's; an author's own approval does not count"}
	}
	return nil
}
