// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/seal"
)

// An Extension is code or text of others that an agent's runtime loads: a plugin
// or a skill, as it lies on the disk.
type Extension struct {
	Kind   string    `json:"kind"`   // Plugin or Skill
	Name   string    `json:"name"`   // as the runtime knows it
	Digest seal.Hash `json:"digest"` // of all its files
}

// The kinds of extensions.
const (
	Plugin = "plugin"
	Skill  = "skill"
)

// MaxExtensions bounds the extensions of a binding, and of an attestation.
const MaxExtensions = 256

const (
	agentAt     = "/agent_runtime"
	heartbeatAt = agentAt + "/heartbeat_seconds"
	pluginsAt   = agentAt + "/plugins_allowlist"
	skillsAt    = agentAt + "/skills_allowlist"
)

// ErrExtension is returned for an extension that a policy is not for, or that is not
// as it was when the policy was published.
var ErrExtension = errors.New("an extension of the agent's runtime is not one that the policy was published with")

// Heartbeat is how long the plugin in the agent's runtime may be silent under p,
// before nothing is allowed. 0: p does not ask for one.
func (p *Policy) Heartbeat() time.Duration {
	if a := p.doc.AgentRuntime; a != nil && a.Heartbeat != nil {
		return time.Duration(*a.Heartbeat) * time.Second
	}
	return 0
}

// Attested reports whether every token under p must stand on a signed attestation of
// the agent's runtime: p says so, or lists extensions, which only an attestation shows.
func (p *Policy) Attested() bool { return p.doc.AgentRuntime.attestedAt() != "" }

// attestedAt is the clause that asks for an attestation, or "".
func (a *agentRuntime) attestedAt() string {
	switch {
	case a == nil:
		return ""
	case a.Attested:
		return agentAt + "/attestation_required"
	case a.Plugins != nil:
		return pluginsAt
	case a.Skills != nil:
		return skillsAt
	}
	return ""
}

// Extends lists the extensions that p lets a runtime load, in the order of a binding, each with
// the digest that p says itself, or none: of those, whoever publishes p has to say how each is.
func (p *Policy) Extends() []Extension {
	a := p.doc.AgentRuntime
	if a == nil {
		return nil
	}
	var out []Extension
	for _, s := range a.Plugins {
		out = append(out, extensionOf(Plugin, s))
	}
	for _, s := range a.Skills {
		out = append(out, extensionOf(Skill, s))
	}
	slices.SortFunc(out, CompareExtensions)
	return slices.Compact(out)
}

// digestMark is what comes between the name of an extension and its digest.
const digestMark = "@sha256:"

// extensionOf is an entry of a list of extensions: a name, or a name and a digest.
func extensionOf(kind, entry string) Extension {
	name, hex, ok := strings.Cut(entry, digestMark)
	x := Extension{Kind: kind, Name: name}
	if ok {
		_ = x.Digest.UnmarshalText([]byte(digestMark[1:] + hex)) // its form has been checked
	}
	return x
}

// Extensions are those that p is bound to, in the order of a binding.
func (p *Policy) Extensions() []Extension { return slices.Clone(p.extensions) }

// CheckExtensions fails with ErrExtension, and says which, unless p was published with each of those
// that a runtime has loaded, as it is. Of a kind that p does not list, it says nothing.
func (p *Policy) CheckExtensions(loaded []Extension) error {
	a := p.doc.AgentRuntime
	if a == nil {
		return nil
	}
	for _, x := range loaded {
		spoken := x.Kind == Plugin && a.Plugins != nil || x.Kind == Skill && a.Skills != nil
		if spoken && !slices.Contains(p.extensions, x) {
			return fmt.Errorf("%w: %s %q, as it is", ErrExtension, x.Kind, x.Name)
		}
	}
	return nil
}

// SortedExtensions reports whether list is one that a binding or an attestation may have: sorted
// by kind and name, each once, at most MaxExtensions, each with a digest.
func SortedExtensions(list []Extension) bool {
	for i, x := range list {
		if x.Kind != Plugin && x.Kind != Skill || !extensionName.MatchString(x.Name) || strings.Contains(x.Name, digestMark) || x.Digest.IsZero() || i > 0 && CompareExtensions(list[i-1], x) >= 0 {
			return false
		}
	}
	return len(list) <= MaxExtensions
}

// CompareExtensions orders extensions as bindings and attestations have them: by kind and
// name. Two of one kind and name are the same extension, however they are.
func CompareExtensions(a, b Extension) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// bindsExtensions reports whether a binding of p may have list: no other than p lists, and those
// as p says that they are, if it does.
func (p *Policy) bindsExtensions(list []Extension) bool {
	named := p.Extends()
	return SortedExtensions(list) && !slices.ContainsFunc(list, func(x Extension) bool {
		return !slices.Contains(named, x) && !slices.Contains(named, Extension{Kind: x.Kind, Name: x.Name})
	})
}

// judgeAgent hears what must be known of the program that the agent runs in. It
// speaks of every call, model calls and connections included.
func (p *Policy) judgeAgent(f *Facts, t *tally) {
	a := p.doc.AgentRuntime
	if at := a.attestedAt(); at != "" && (f.Runtime == nil || f.Runtime.Attestation.IsZero()) {
		t.deny(at, "no signed attestation of the agent's runtime stands behind the token")
	}
	if a != nil && a.Heartbeat != nil && (f.Silence == nil || *f.Silence > *a.Heartbeat) {
		t.deny(heartbeatAt, "the plugin in the agent's runtime is silent")
	}
}
