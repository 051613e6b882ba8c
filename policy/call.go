// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"time"

	"github.com/clawea/clawea/seal"
)

// An Effect is what a decision lets happen.
type Effect uint8

// The effects. Deny is the zero value, on purpose.
const (
	Deny  Effect = iota // nothing happens
	Ask                 // nothing happens until a person says yes to this very call
	Allow               // it happens once
)

var effects = [...]string{"deny", "ask", "allow"}

// String returns deny, ask or allow.
func (e Effect) String() string {
	if int(e) < len(effects) {
		return effects[e]
	}
	return effects[Deny]
}

// MarshalText returns the effect's word.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads the effect's word.
func (e *Effect) UnmarshalText(b []byte) error {
	for i, s := range effects {
		if s == string(b) {
			*e = Effect(i)
			return nil
		}
	}
	return fmt.Errorf("unknown effect %q: want deny, ask or allow", b)
}

// A Class is the kind of power a call uses. The empty class is allowed nothing.
type Class string

// The classes.
const (
	Read   Class = "read"   // returns what is named by id
	Search Class = "search" // returns what a query finds
	Write  Class = "write"  // changes content
	Admin  Class = "admin"  // changes permissions, settings or many things at once
	Model  Class = "model"  // asks a language model

	Connect Class = "connect" // opens a connection to a host
)

// mutates reports whether calls of this class change something.
func (c Class) mutates() bool { return c == Write || c == Admin }

// An Action is one thing that a tool can do, as the policy language names it.
type Action struct {
	Tool  string // "confluence"
	Name  string // "page.get"
	Class Class
}

// String returns the full name: "confluence.page.get".
func (a Action) String() string { return join(a.Tool, a.Name) }

// A Call is one thing that an agent asks to do, in policy terms. It is what
// Decide sees, what an approval is bound to and what a receipt records, so it
// holds no text of the agent's: that is behind the commitment Args.
type Call struct {
	Tool       string         `json:"tool"`                 // "confluence", "jira", "model", "egress", or a tool of the agent's own
	Action     string         `json:"action,omitempty"`     // "page.get"
	Class      Class          `json:"class"`                //
	Categories []string       `json:"categories,omitempty"` // what else it is: "external_send", "user_provisioning"
	Mode       string         `json:"mode,omitempty"`       // how the system is reached: "official_api", "mcp_server"
	Credential string         `json:"credential,omitempty"` // which of the daemon's credentials acts: "read", "write", "shared"
	Privilege  string         `json:"privilege,omitempty"`  // "least" if that credential is declared to have no more scopes than its use needs
	Definition seal.Hash      `json:"definition,omitzero"`  // of its tool, as agents are told of it
	Server     seal.Hash      `json:"server,omitzero"`      // identity of the upstream MCP server that carries it
	Site       string         `json:"site,omitempty"`       // whose ids Resources are
	Resources  []Resource     `json:"resources,omitempty"`  // all that it touches
	Fields     []string       `json:"fields,omitempty"`     // fields it writes, in every carrier, by canonical name
	Reads      []string       `json:"reads,omitempty"`      // fields it shows, by canonical name
	Filters    []string       `json:"filters,omitempty"`    // bounds that the effective query carries: "space", "project", "label", "issue_type", "denied"
	Offers     []string       `json:"offers,omitempty"`     // names of the tools that a model is offered, sorted, each once; a recorded call has them if the policy speaks of them
	Found      map[string]int `json:"found,omitempty"`      // what screening found in the request, by rule, and how often; where the policy says mask, it is not in what was sent
	Uses       map[string]int `json:"uses,omitempty"`       // the most it can use of what is counted: "pages", "tokens"
	Args       seal.Hash      `json:"args,omitzero"`        // commitment to the exact canonical arguments or request
	Attempt    seal.Hash      `json:"attempt,omitzero"`     // commitment to these without what the house looked up for them; zero if it looked up nothing
	Change     seal.Hash      `json:"change,omitzero"`      // commitment to what exactly it will change outside, and how that is undone
	Carrier    string         `json:"carrier,omitempty"`    // who carries it out, if not the house: "gateway:NAME", or RuntimeCarrier
	Unreported bool           `json:"unreported,omitzero"`  // the carrier never says what became of it
	Unresolved string         `json:"unresolved,omitempty"` // why the call could not be put in policy terms; such a call is denied
}

// classed reports whether c's class is one that its tool can have.
func (c *Call) classed() bool {
	switch c.Class {
	case Read, Search, Write, Admin:
		return c.Tool != "model" && c.Tool != EgressTool
	case Model:
		return c.Tool == "model"
	case Connect:
		return c.Tool == EgressTool && c.Action == EgressAction
	}
	return false
}

// Mutates reports whether c changes something: its class is write or admin.
func (c *Call) Mutates() bool { return c.Class.mutates() }

// Name returns the full name: "confluence.page.get".
func (c *Call) Name() string { return join(c.Tool, c.Action) }

// Digest names the exact call. An approval holds for one digest.
func (c *Call) Digest() seal.Hash {
	b, err := seal.Marshal(c)
	if err != nil { // unreachable: every Call has a JSON form, unless its text is not UTF-8
		return seal.Hash{}
	}
	return seal.Sum(b)
}

// A Resource is one thing touched, by immutable id.
type Resource struct {
	Type    string   `json:"type"`              // "page", "space", "issue", "project", "route", "model", "host"
	ID      string   `json:"id"`                //
	Version string   `json:"version,omitempty"` // the version that a write is based on
	Labels  []string `json:"labels,omitempty"`  // that it carries; a recorded call keeps those that the policy says itself
	Path    []Place  `json:"path,omitempty"`    // where it is, from the outside in, ending with itself if it can hold others
}

// A Place is a step of a path. Name is its name at the time of the call. A
// recorded call keeps only the names that the policy says itself (Minimal).
type Place struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// Facts are all else that a decision may depend on, so that Decide stays a function.
type Facts struct {
	Now        time.Time       `json:"now"`
	Used       map[string]int  `json:"used,omitempty"`       // what this job has used before this call, and how often it was allowed what
	Approvals  []Approval      `json:"approvals,omitempty"`  // people's answers about this call
	Conditions map[string]bool `json:"conditions,omitempty"` // by clause; one that could not be evaluated is missing
	Runtime    *Runtime        `json:"runtime,omitempty"`    // what is attested about where the agent runs
	Ticket     string          `json:"ticket,omitempty"`     // the ticket that the job was given its token for
	Silence    *int            `json:"silence,omitempty"`    // for how many seconds, rounded up, the plugin in the agent's runtime has been silent; nil: it was never heard of
	Repeats    int             `json:"repeats,omitempty"`    // how often this exact call was carried out in this job before; 0 if the token is bound to a key
}

// An Approval is a person's answer about one exact call.
type Approval struct {
	ID      string    `json:"id"`
	Call    seal.Hash `json:"call"`
	By      string    `json:"by"`
	Yes     bool      `json:"yes"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Groups  []string  `json:"groups,omitempty"` // those of the person's that the policy names, sorted, each once
	Own     bool      `json:"own,omitempty"`    // the person, or whom they stand in for, ordered the call's token: their yes does not count
	For     string    `json:"for,omitempty"`    // whom the person stands in for: Groups are theirs
}

// A Runtime is what the job's launcher attests about the agent's surroundings.
// The zero value attests nothing.
type Runtime struct {
	Sandboxed  bool   `json:"sandboxed,omitempty"`  // tools run in a sandbox
	Workspace  string `json:"workspace,omitempty"`  // "none", "ro" or "rw"
	Unelevated bool   `json:"unelevated,omitempty"` // elevated execution is off

	// Attestation is the digest of the launcher's signed word for it. Zero: whoever
	// ordered the token said so.
	Attestation seal.Hash `json:"attestation,omitzero"`
}

// A Decision is a policy's answer to a call, with the clauses that gave it.
type Decision struct {
	Effect     Effect    `json:"effect"`
	Policy     seal.Hash `json:"policy"`
	Binding    seal.Hash `json:"binding,omitzero"`
	Approval   string    `json:"approval,omitempty"`    // the question whose answers decided, if they did
	Missing    int       `json:"missing,omitempty"`     // how many more people have to say yes, where the policy says who does
	BreakGlass bool      `json:"break_glass,omitempty"` // the policy is one for an emergency
	Reasons    []Reason  `json:"reasons"`
}

// A Reason names the clause that spoke, by JSON pointer into the policy (or
// "grant:" and a pointer into the token's grant), and says in a few words what
// it said. It quotes nothing but policy names, ids and action names.
type Reason struct {
	Clause string `json:"clause"`
	Says   string `json:"says"`
}

// String is the reason as people read it: what it says, then the clause, if one spoke.
func (r Reason) String() string {
	if r.Clause == "" {
		return r.Says
	}
	return r.Says + " (" + r.Clause + ")"
}

func join(tool, action string) string {
	if action == "" {
		return tool
	}
	return tool + "." + action
}
