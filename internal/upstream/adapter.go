// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tailscale/hujson"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// The bounds of an adapter.
const (
	maxAdapter = 256 << 10 // bytes
	maxRows    = 2000
)

// An Adapter says what a server's tools come to in policy terms. It is data: a
// file that people read. What it does not map is denied.
type Adapter struct {
	// Server is the package or product that it is for: "@aaronsb/jira-cloud-mcp".
	Server string `json:"server"`
	// Versions are those of the server that it was held to.
	Versions []string `json:"versions"`
	// System is the system whose actions its tools come to: "jira" or
	// "confluence". "": its tools are actions of their own, of the tool that is the
	// server's name in the configuration, and touch nothing that policies name.
	System string `json:"system,omitempty"`
	// Site is the argument by which its tools say which site they mean: "cloudId". ""
	// if a server reaches one site only. See [Adapter.At].
	Site string `json:"site,omitempty"`
	// Facade says how the server is led to the house in place of its system. nil: it
	// reaches the system by itself.
	Facade *Facade `json:"facade,omitempty"`
	// Tools are what the server offers, as far as that is known.
	Tools []Tool `json:"tools"`

	hash seal.Hash
}

// A Facade is where a server finds what it takes for its system.
type Facade struct {
	// Port is that of its loopback address on which the house answers.
	Port uint16 `json:"port"`
	// Env are environment variables that lead it there.
	Env map[string]string `json:"env"`
}

// A Tool is a tool of the server's.
type Tool struct {
	Name string `json:"name"`
	// By is the argument that says what the tool is to do, if it does several
	// things: "operation".
	By string `json:"by,omitempty"`
	// Rows are what it can do. A call is the first one that fits.
	Rows []Row `json:"rows,omitempty"`
	// Denied is why none of it is let happen, whatever the policy says.
	Denied string `json:"denied,omitempty"`
}

// A Row is one thing that a tool does.
type Row struct {
	// Is are the values of the tool's argument By that mean it. None: any, and its
	// being left out.
	Is []string `json:"is,omitempty"`
	// Needs are arguments without which a call is not this, denied or not.
	Needs []string `json:"needs,omitempty"`
	// Action is the system's action that it is: "issue.get". For a server without a
	// system it is the action's name; "" is the tool's own.
	Action string `json:"action,omitempty"`
	// Class is the action's, for a server without a system.
	Class policy.Class `json:"class,omitempty"`
	// Categories are what else the action is, for a server without a system:
	// "external_send".
	Categories []string `json:"categories,omitempty"`
	// Args is what the action's arguments are made of: a template (spec/mcp.md 2.3).
	// For a server without a system there is none.
	Args json.RawMessage `json:"args,omitempty"`
	// Result is the form of the server's answer, for a row that reads by a server that
	// reaches the system itself.
	Result *Shape `json:"result,omitempty"`
	// Ignores are arguments that make no difference to what the action does.
	Ignores []string `json:"ignores,omitempty"`
	// Denied is why it is not let happen, whatever the policy says. With Needs it is
	// that only with these arguments; a row further down is the rest.
	Denied string `json:"denied,omitempty"`

	template *node
	known    map[string]bool // the arguments that a call may have
}

var (
	toolName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	argName  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// ParseAdapter reads an adapter: JSON with comments and trailing commas. Errors
// name the place.
func ParseAdapter(b []byte) (*Adapter, error) {
	if len(b) > maxAdapter {
		return nil, fmt.Errorf("the adapter is longer than %d bytes", maxAdapter)
	}
	b, err := hujson.Standardize(b)
	if err != nil {
		return nil, fmt.Errorf("read the adapter: %w", err)
	}
	a := new(Adapter)
	if err := seal.Unmarshal(b, a); err != nil {
		return nil, fmt.Errorf("read the adapter: %w", err)
	}
	canonical, err := seal.Canonical(b)
	if err != nil {
		return nil, fmt.Errorf("read the adapter: %w", err)
	}
	a.hash = seal.Sum(canonical)
	return a, a.check()
}

// Hash names the adapter: SHA-256 of its canonical JSON.
func (a *Adapter) Hash() seal.Hash { return a.hash }

func (a *Adapter) check() error {
	switch a.System {
	case "", "jira", "confluence":
	default:
		return fmt.Errorf("/system: there is no system %q; write jira or confluence, or leave it out", a.System)
	}
	if a.Server == "" {
		return errors.New("/server is missing; say which server the adapter is for")
	}
	if a.Facade != nil && (a.System == "" || a.Facade.Port < 1024) {
		return errors.New("/facade: wants a system and a port from 1024 up")
	}
	rows := 0
	seen := map[string]bool{}
	for i := range a.Tools {
		t := &a.Tools[i]
		at := fmt.Sprintf("/tools/%d", i)
		if !toolName.MatchString(t.Name) || seen[t.Name] {
			return fmt.Errorf("%s: %q is not a tool's name, or is there twice", at, t.Name)
		}
		seen[t.Name] = true
		if (len(t.Rows) == 0) == (t.Denied == "") {
			return fmt.Errorf("%s: %s wants rows, or a reason why it is denied", at, t.Name)
		}
		if rows += len(t.Rows); rows > maxRows {
			return fmt.Errorf("%s: there are more than %d rows", at, maxRows)
		}
		for j := range t.Rows {
			if err := t.Rows[j].check(a, t); err != nil {
				return fmt.Errorf("%s/rows/%d: %w", at, j, err)
			}
		}
	}
	return nil
}

func (r *Row) check(a *Adapter, t *Tool) error {
	own := a.System == ""
	switch {
	case len(r.Is) > 0 && t.By == "":
		return errors.New(`"is" wants the tool to say "by" which argument`)
	case r.Denied != "" && (r.Action != "" || r.Args != nil || r.Class != ""):
		return errors.New("what is denied has no action")
	case r.Denied != "":
		return nil
	case own && (r.Result != nil || r.Args != nil || r.Ignores != nil || r.Needs != nil):
		return errors.New("without a system there are no arguments to map")
	case own && r.Class != policy.Read && r.Class != policy.Search && r.Class != policy.Write && r.Class != policy.Admin:
		return errors.New(`"class" is missing: read, search, write or admin`)
	case own:
		return nil
	case r.Result != nil && (a.Facade != nil || r.Result.check() != nil):
		return errors.Join(errors.New(`"result" is for servers without a facade`), r.Result.check())
	case r.Action == "" || r.Class != "" || r.Categories != nil:
		return errors.New(`wants an "action" of the system, whose class and categories are known`)
	}
	var err error
	if r.template, err = parseTemplate(r.Args); err != nil {
		return err
	}
	r.known = map[string]bool{}
	for _, list := range [][]string{slices.Collect(maps.Keys(r.template.args(nil))), r.Ignores, r.Needs} {
		for _, name := range list {
			if !argName.MatchString(name) {
				return fmt.Errorf("%q is not an argument's name", name)
			}
			r.known[name] = true
		}
	}
	for _, name := range []string{t.By, a.Site} {
		if name != "" {
			r.known[name] = true
		}
	}
	return nil
}

// Hold holds the adapter to the tools of the system that it maps to: their actions
// and arguments.
func (a *Adapter) Hold(tools []gate.Tool) error {
	known := map[string]*gate.Tool{}
	for i := range tools {
		known[tools[i].Action.Name] = &tools[i]
	}
	for _, t := range a.Tools {
		for j := range t.Rows {
			r := &t.Rows[j]
			if a.System == "" || r.Denied != "" {
				continue
			}
			tool := known[r.Action]
			if tool == nil || tool.Unoffered {
				return fmt.Errorf("the adapter for %s maps %s to %s.%s, which is not carried out", a.Server, t.Name, a.System, r.Action)
			}
			var s struct {
				Properties map[string]json.RawMessage `json:"properties"`
				Required   []string                   `json:"required"`
				Type       string                     `json:"type"`
				Closed     bool                       `json:"additionalProperties"`
			}
			if err := seal.Unmarshal(tool.Schema, &s); err != nil {
				return fmt.Errorf("schema of %s: %w", tool.Action, err)
			}
			if reads := tool.Action.Class == policy.Read || tool.Action.Class == policy.Search; a.Facade == nil && reads && r.Result == nil {
				return fmt.Errorf("the adapter for %s maps %s to %s and does not say in what form the server answers; add \"result\"", a.Server, t.Name, tool.Action)
			}
			have := r.template.memberNames()
			for _, name := range have {
				if s.Properties[name] == nil {
					return fmt.Errorf("the adapter for %s maps %s to %s, which has no argument %q", a.Server, t.Name, tool.Action, name)
				}
			}
			for _, name := range s.Required {
				if !slices.Contains(have, name) {
					return fmt.Errorf("the adapter for %s maps %s to %s without its argument %q", a.Server, t.Name, tool.Action, name)
				}
			}
		}
	}
	return nil
}

// tool returns the adapter's tool with this name, or nil.
func (a *Adapter) tool(name string) *Tool {
	i := slices.IndexFunc(a.Tools, func(t Tool) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &a.Tools[i]
}

// At fails with a *gate.Fault unless a call is at the house's site, whose names sites
// are: its address, its cloud id. A server that reaches several sites would read and
// change at another one, with ids that mean something else there, what was decided
// for this one.
func (a *Adapter) At(args map[string]json.RawMessage, sites []string) error {
	if a.Site == "" {
		return nil
	}
	var at string
	if raw, ok := args[a.Site]; !ok || seal.Unmarshal(raw, &at) != nil {
		return unmapped("%s is missing; write the address of the site", a.Site)
	}
	for _, s := range sites {
		if s != "" && strings.EqualFold(bare(at), bare(s)) {
			return nil
		}
	}
	return unmapped("%s is not the site that this house is for; write the address of that", a.Site)
}

// bare is a site's address without what may be left away.
func bare(site string) string {
	return strings.TrimSuffix(strings.TrimPrefix(site, "https://"), "/")
}

// Unmapped is the code of a call that no row of an adapter is for.
const Unmapped = "unmapped"

func unmapped(format string, args ...any) error {
	return &gate.Fault{Code: Unmapped, Msg: fmt.Sprintf(format, args...)}
}

// Map finds the row that a call is. args are the arguments that it came with. It
// fails with a *gate.Fault for what no row is for, and for what is denied.
func (a *Adapter) Map(tool string, args map[string]json.RawMessage) (*Row, error) {
	t := a.tool(tool)
	switch {
	case t == nil:
		return nil, unmapped("%s is not mapped to anything that policies know; use another tool", tool)
	case t.Denied != "":
		return nil, unmapped("%s is not carried out here: %s", tool, t.Denied)
	}
	var by string
	if raw, ok := args[t.By]; ok && t.By != "" && seal.Unmarshal(raw, &by) != nil {
		return nil, unmapped("%s: %s must be one word", tool, t.By)
	}
	var nearest error
	var far bool
	for i := range t.Rows {
		r := &t.Rows[i]
		if len(r.Is) > 0 && !slices.Contains(r.Is, by) {
			continue
		}
		if r.Denied != "" && r.needs(args) == nil {
			return nil, unmapped("%s is not carried out here: %s", strings.TrimSpace(tool+" "+by), r.Denied)
		}
		if r.Denied != "" {
			continue
		}
		err := r.takes(args, a.System == "")
		if err == nil {
			return r, nil
		}
		if nearest == nil || far { // a row that the call could be says more
			far = r.needs(args) != nil
			nearest = unmapped("%s: %s", strings.TrimSpace(tool+" "+by), err)
		}
	}
	if nearest != nil {
		return nil, nearest
	}
	return nil, unmapped("%s %q is not mapped to anything that policies know; use another", tool, by)
}

// needs says which argument that r needs is not there.
func (r *Row) needs(args map[string]json.RawMessage) error {
	for _, name := range r.Needs {
		if _, ok := args[name]; !ok {
			return fmt.Errorf("needs the argument %s", name)
		}
	}
	return nil
}

// asked are the action's arguments, as far as the call's say them.
func (r *Row) asked(args map[string]json.RawMessage) (json.RawMessage, error) {
	made, err := r.template.fill(args)
	if err == nil && made == nil {
		made = json.RawMessage("{}")
	}
	return made, err
}

// takes says why a call with these arguments is not r.
func (r *Row) takes(args map[string]json.RawMessage, own bool) error {
	if err := r.needs(args); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(args)) {
		if !own && !r.known[name] {
			return fmt.Errorf("the argument %q is not mapped; leave it away", atlassian.Clean(name, 40))
		}
	}
	return nil
}
