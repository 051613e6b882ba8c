// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
	"github.com/go-json-experiment/json"
)

// questions are what OpenClaw is asked about one thing, and what came of it.
type questions struct {
	*Asker
	k        *Checkup
	home     string    // nothing is left of it
	document *document // the configuration, which nobody changes
	text     []byte    // the same
	report   *Report
	err      error // why it could not be asked
}

// note records a command, and as drift if nobody knows what it says.
func (q *questions) note(said Said, summary string) {
	if said.Fault == "" {
		said.Summary = summary
	} else {
		q.drift("openclaw "+strings.Join(said.Command, " "), Critical, "an answer", "none ("+said.Fault+")", "OpenClaw says of itself what it would do")
	}
	q.report.Commands = append(q.report.Commands, said)
}

func (q *questions) drift(path string, severity Severity, want, have, says string) {
	q.report.Drifts = append(q.report.Drifts, Drift{path, severity, want, have, says})
}

// version holds the release to the one that the catalogue is of: another can have
// other tools, and other names for what the plan sets.
func (q *questions) version(ctx context.Context) {
	said, out := q.run(ctx, "--version")
	q.report.OpenClaw = firstLine(string(out))
	q.note(said, q.report.OpenClaw)
	own, err := Own()
	if err == nil && said.Fault == "" && !slices.Contains(strings.Fields(q.report.OpenClaw), own.Release) {
		q.drift("openclaw", Critical, own.Release, q.report.OpenClaw, "the plan is for one release")
	}
}

// sees holds what OpenClaw reads to what is in the file, for the settings that matter most.
func (q *questions) sees(ctx context.Context) {
	var tools any
	said := q.ask(ctx, &tools, "config", "get", "tools", "--json")
	q.note(said, "tools, as OpenClaw reads them")
	if in, _ := q.document.get([]string{"tools"}); said.Fault == "" && !same(in, tools) {
		q.drift("tools", Critical, "what is in the file", "something else", "OpenClaw reads another configuration")
	}
}

func (q *questions) validate(ctx context.Context) {
	var v struct {
		Valid    bool `json:"valid"`
		Warnings []struct {
			Path    string `json:"path"`
			Message string `json:"message"`
		} `json:"warnings"`
	}
	said := q.ask(ctx, &v, "config", "validate", "--json")
	q.note(said, fmt.Sprintf("valid: %t, warnings: %d", v.Valid, len(v.Warnings)))
	if said.Fault == "" && !v.Valid {
		q.drift("configuration", Critical, "valid", "refused by OpenClaw", "what is not valid is not in force")
	}
	for _, w := range v.Warnings {
		q.drift(w.Path, Warning, "no warning", firstLine(w.Message), "a reference that leads nowhere is sent as it is written")
	}
}

// lives has OpenClaw look at itself as it is, with its state.
func (q *questions) lives(ctx context.Context) {
	q.audit(ctx)
	q.sandbox(ctx)
}

func (q *questions) audit(ctx context.Context) {
	var v struct {
		Summary *struct {
			Critical int `json:"critical"`
			Warn     int `json:"warn"`
			Info     int `json:"info"`
		} `json:"summary"`
		Findings []struct {
			CheckID  string `json:"checkId"`
			Severity string `json:"severity"`
			Title    string `json:"title"`
		} `json:"findings"`
	}
	said := q.ask(ctx, &v, "security", "audit", "--json")
	if said.Fault == "" && v.Summary == nil {
		said.Fault = "it has no summary"
	}
	if said.Fault != "" {
		q.note(said, "")
		return
	}
	q.note(said, fmt.Sprintf("critical: %d, warn: %d, info: %d", v.Summary.Critical, v.Summary.Warn, v.Summary.Info))
	named := 0
	for _, f := range v.Findings {
		if f.Severity == "critical" {
			q.drift("audit "+f.CheckID, Critical, "no such finding", firstLine(f.Title), "OpenClaw's own audit")
			named++
		}
	}
	if named < v.Summary.Critical {
		q.drift("audit", Critical, "no critical finding", fmt.Sprint(v.Summary.Critical), "OpenClaw's own audit")
	}
}

func (q *questions) sandbox(ctx context.Context) {
	var v struct {
		Sandbox struct {
			Mode   string `json:"mode"`
			Access string `json:"workspaceAccess"`
			Is     bool   `json:"sessionIsSandboxed"`
			Tools  struct {
				Allow []any `json:"allow"`
			} `json:"tools"`
		} `json:"sandbox"`
		Elevated struct {
			Enabled bool `json:"enabled"`
		} `json:"elevated"`
	}
	said := q.ask(ctx, &v, "sandbox", "explain", "--json")
	q.note(said, fmt.Sprintf("mode: %s, workspace: %s, elevated: %t", v.Sandbox.Mode, v.Sandbox.Access, v.Elevated.Enabled))
	if said.Fault != "" {
		return
	}
	const why = "OpenClaw's own view of its sandbox"
	mode := fmt.Sprint(q.k.Plan.value("agents.defaults.sandbox.mode"))
	if v.Sandbox.Mode != mode || v.Sandbox.Is != (mode == "all") {
		q.drift("sandbox.mode", Critical, mode, fmt.Sprintf("%s, sandboxed: %t", v.Sandbox.Mode, v.Sandbox.Is), why)
	}
	if access := fmt.Sprint(q.k.Plan.value("agents.defaults.sandbox.workspaceAccess")); v.Sandbox.Access != access {
		q.drift("sandbox.workspaceAccess", Critical, access, v.Sandbox.Access, why)
	}
	if allow, _ := q.k.Plan.value("tools.allow").([]any); len(v.Sandbox.Tools.Allow) == 0 || !within(v.Sandbox.Tools.Allow, allow) { // none is all
		q.drift("sandbox.tools.allow", Critical, "nothing but "+compact(allow), compact(v.Sandbox.Tools.Allow), why)
	}
	if v.Elevated.Enabled && q.k.Plan.value("tools.elevated") != nil {
		q.drift("elevated.enabled", Critical, "false", "true", why)
	}
}

// plugins holds what OpenClaw has switched on to the plan. Bundled plugins lie with
// OpenClaw, and only it knows where: they are looked at here. It is asked with an empty state:
// its audit writes all bundled plugins down there as enabled, whatever the configuration says, and
// the list then repeats that, though none of them is loaded.
func (q *questions) plugins(ctx context.Context) {
	a := q.fresh("listed", q.k.Config)
	if q.err != nil {
		return
	}
	var v struct {
		Plugins []struct {
			ID      string `json:"id"`
			Enabled bool   `json:"enabled"`
			Origin  string `json:"origin"`
			Root    string `json:"rootDir"`
		} `json:"plugins"`
	}
	said := a.ask(ctx, &v, "plugins", "list", "--json")
	if said.Fault == "" && v.Plugins == nil {
		said.Fault = "it has no list"
	}
	allow, _ := q.k.Plan.value("plugins.allow").([]any)
	s := scanner{}
	on, guarded := 0, !holds(allow, Guard)
	for _, p := range v.Plugins {
		if !p.Enabled {
			continue
		}
		on++
		guarded = guarded || p.ID == Guard
		if !holds(allow, p.ID) {
			q.drift("plugin "+p.ID, Critical, "off", "on, from "+p.Root, "only what the policy pins is loaded")
		} else if p.Origin == "bundled" {
			s.add(policy.Plugin, p.ID, p.Root)
		}
	}
	q.note(said, fmt.Sprintf("known: %d, on: %d", len(v.Plugins), on))
	if said.Fault == "" && !guarded {
		q.drift("plugin "+Guard, Critical, "on", "off", "the house is asked about every local tool")
	}
	q.report.Extensions = append(q.report.Extensions, s.found...)
	q.report.Drifts = append(q.report.Drifts, Unpinned(s.found, q.k.Pinned)...)
}

// fresh asks about a configuration with an empty state of that name.
func (q *questions) fresh(name, config string) *Asker {
	state := filepath.Join(q.home, name)
	q.err = os.Mkdir(state, 0o700)
	return &Asker{q.Program, q.home, Env(state, config, q.home, q.k.Getenv("PATH"), q.k.referred(q.text)...)}
}

// policy has OpenClaw's own conformance check look at the configuration by rules made
// from the plan. The check is a plugin that is bundled and off: it works on a copy of
// the configuration, in which it is on, with a state of its own.
func (q *questions) policy(ctx context.Context) {
	config := filepath.Join(q.home, "openclaw.json")
	if q.err = q.copy(config); q.err != nil {
		return
	}
	if a := q.fresh("conforming", config); q.err == nil {
		q.conforms(ctx, a)
	}
}

// copy writes the configuration with OpenClaw's conformance check on, and the rules beside.
func (q *questions) copy(config string) error {
	d, err := read(q.text)
	if err != nil {
		return err
	}
	file := filepath.Join(q.home, "policy.jsonc")
	had, _ := d.get([]string{"plugins", "allow"})
	allow, _ := had.([]any)
	for _, set := range []struct {
		path  []string
		value any
	}{
		{[]string{"plugins", "enabled"}, true},
		{[]string{"plugins", "allow"}, append(slices.Clone(allow), "policy")},
		{[]string{"plugins", "entries", "policy"}, map[string]any{"enabled": true, "config": map[string]any{"enabled": true, "path": file}}},
	} {
		if err := d.put(set.path, set.value); err != nil {
			return err
		}
	}
	rules, err := json.Marshal(q.rules(), json.Deterministic(true))
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(file, rules, 0o600), os.WriteFile(config, d.text.Pack(), 0o600))
}

func (q *questions) conforms(ctx context.Context, a *Asker) {
	var v struct {
		OK          *bool `json:"ok"`
		Attestation struct {
			Hash string `json:"attestationHash"`
		} `json:"attestation"`
		Checks   int `json:"checksRun"`
		Findings []struct {
			CheckID string `json:"checkId"`
			Message string `json:"message"`
		} `json:"findings"`
	}
	said := a.ask(ctx, &v, "policy", "check", "--json")
	if said.Fault == "" && (v.OK == nil || v.Checks == 0) {
		said.Fault = "nothing was checked"
	} else if said.Fault == "" && !*v.OK && len(v.Findings) == 0 {
		said.Fault = "it finds fault, and does not say with what"
	}
	q.note(said, fmt.Sprintf("checks: %d, findings: %d, attestation: %s", v.Checks, len(v.Findings), firstLine(v.Attestation.Hash)))
	for _, f := range v.Findings {
		q.drift("policy check "+f.CheckID, Warning, "no such finding", firstLine(f.Message), "OpenClaw's own conformance check")
	}
}

// rules are the plan as OpenClaw's conformance check can say it.
func (q *questions) rules() map[string]any {
	off := map[string]any{"allow": false}
	tools := map[string]any{"denyTools": q.k.Plan.value("tools.deny"), "fs": map[string]any{"requireWorkspaceOnly": true}, "exec": map[string]any{"allowHosts": []any{q.k.Plan.value("tools.exec.host")}}}
	if q.k.Plan.value("tools.elevated") != nil {
		tools["elevated"] = off
	}
	return map[string]any{
		"mcp":     map[string]any{"servers": map[string]any{"allow": []any{Server}}},
		"models":  map[string]any{"providers": map[string]any{"allow": []any{Provider}}},
		"network": map[string]any{"privateNetwork": off},
		"gateway": map[string]any{
			"exposure": map[string]any{"allowNonLoopbackBind": false, "allowTailscaleFunnel": false},
			"auth":     map[string]any{"requireAuth": true, "requireExplicitRateLimit": true},
			"remote":   off,
		},
		"sandbox": map[string]any{"requireMode": []any{q.k.Plan.value("agents.defaults.sandbox.mode")}},
		"tools":   tools,
	}
}
