// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	guard "github.com/clawea/clawea/integrations/openclaw"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A Run is OpenClaw under a policy, in a folder of its own: its configuration, its
// state and Clawea's plugin are made for it, and the user's own OpenClaw is neither
// read nor changed.
type Run struct {
	Program   []string       // how OpenClaw is started
	Path      string         // PATH: where it, and what it starts, look for programs
	Policy    *policy.Policy // bound to what it was published with
	Folder    string         // private, and empty before Write
	Workspace string         // the agent's folder
	Doors     Doors

	config *Config
	plugin policy.Extension   // as it was laid down
	sum    seal.Hash          // of the configuration, as it was written
	checks []receipt.Check    // from Look
	texts  []receipt.Text     // behind the checks' commitments
	found  []policy.Extension // what others made, and our plugin if the policy pins it; from Look

	version string // as OpenClaw says, from Look
}

// Doors are where OpenClaw reaches the house, by the sidecar, on this machine.
type Doors struct {
	API    string // the route's dialect
	Route  string // URL of the route
	Model  string // id of the model
	MCP    string // URL of the house's tools
	Local  string // URL below which the plugin asks about OpenClaw's own tools
	Secret string // by which the sidecar knows the plugin
}

// The places in a run's folder.
const (
	stateAt  = "state"
	configAt = "state/openclaw.json"
	homeAt   = "home"
	pluginAt = "plugin"
	secretAt = "plugin.secret"
)

func (r *Run) at(name string) string { return filepath.Join(r.Folder, name) }

const (
	// waitForPeople is how long a tool call waits for somebody to answer, before the agent is told to come again.
	waitForPeople = 20 * time.Second
	// attested is how long tokens are ordered on what was seen before it is looked at again.
	attested = time.Hour
)

// Write makes what is in the folder. None of it is good anywhere but at the sidecar.
func (r *Run) Write() error {
	for _, dir := range []string{stateAt, homeAt, exportAt} {
		if err := os.MkdirAll(r.at(dir), 0o700); err != nil {
			return err
		}
	}
	var err error
	if r.plugin, err = layDown(r.at(pluginAt)); err != nil {
		return err
	}
	r.config, err = Plan(r.Policy, &Options{
		API: r.Doors.API, BaseURL: r.Doors.Route, Models: []string{r.Doors.Model}, APIKey: "held-by-clawea",
		MCP: r.Doors.MCP, Workspace: r.Workspace, Extensions: r.Policy.Extensions(),
		Plugin: &PluginOptions{Folder: r.at(pluginAt), URL: r.Doors.Local, Secret: r.at(secretAt), Wait: waitForPeople},
	})
	if err != nil {
		return err
	}
	text, err := r.config.JSON()
	if err != nil {
		return err
	}
	r.sum = seal.Sum(text)
	return os.WriteFile(r.at(configAt), text, 0o600)
}

// pinned are the extensions that may be there: those of the policy, and our plugin, unless the
// policy says itself how that has to be. ours reports whether it does.
func (r *Run) pinned() (list []policy.Extension, ours bool) {
	list = r.Policy.Extensions()
	ours = slices.ContainsFunc(list, func(x policy.Extension) bool { return policy.CompareExtensions(x, r.plugin) == 0 })
	if !ours {
		list = append(list, r.plugin)
	}
	return list, ours
}

// layDown puts Clawea's plugin into a folder that is not there yet, and returns which one it is.
func layDown(folder string) (policy.Extension, error) {
	if err := os.CopyFS(folder, guard.Plugin); err != nil {
		return policy.Extension{}, err
	}
	digest, err := DigestFolder(folder)
	return policy.Extension{Kind: policy.Plugin, Name: Guard, Digest: digest}, err
}

// Arm lays down the plugin's secret. Whatever loads the plugin takes it away, so this
// is the last thing before OpenClaw is started.
func (r *Run) Arm() error { return os.WriteFile(r.at(secretAt), []byte(r.Doors.Secret), 0o600) }

// Env is what OpenClaw's environment has besides what every program's under the house has.
// Names that begin with OPENCLAW_ are ours.
func (r *Run) Env() map[string]string {
	return map[string]string{
		"OPENCLAW_STATE_DIR": r.at(stateAt), "OPENCLAW_CONFIG_PATH": r.at(configAt), "OPENCLAW_OFFLINE": "1",
		"PATH": r.Path, "HOME": r.at(homeAt), "DO_NOT_TRACK": "1",
	}
}

// Notes are what a person should know of the configuration.
func (r *Run) Notes() []string { return r.config.Notes }

// Look has the configuration, what is on the disk and OpenClaw itself looked at. It
// fails, in two lines, for what is not as the policy wants it. It takes seconds.
func (r *Run) Look(ctx context.Context) error {
	env := r.Env()
	pinned, ours := r.pinned()
	report, err := Check(ctx, &Checkup{
		Plan: r.config, Pinned: pinned,
		Config: r.at(configAt), State: r.at(stateAt), Workspace: r.Workspace, Program: r.Program, Getenv: func(name string) string { return env[name] },
	}, time.Now())
	if err != nil {
		return err
	}
	if !report.OK {
		return drifts(report)
	}
	text, err := seal.Marshal(report)
	if err != nil {
		return err
	}
	r.checks, r.texts, r.version = nil, nil, strings.TrimPrefix(report.OpenClaw, "OpenClaw ")
	r.commit("clawea openclaw check", 0, text)
	for _, said := range report.Commands {
		r.commit("openclaw "+strings.Join(said.Command, " "), said.Exit, said.Text)
	}
	r.found = r.found[:0]
	for _, f := range report.Extensions {
		if f.Extension != r.plugin || ours {
			r.found = append(r.found, f.Extension)
		}
	}
	slices.SortFunc(r.found, policy.CompareExtensions)
	r.found = slices.Compact(r.found)
	return nil
}

func (r *Run) commit(name string, exit int, text []byte) {
	t := r.text(text)
	r.texts = append(r.texts, t)
	r.checks = append(r.checks, receipt.Check{Name: checkName(name), Exit: exit, Output: t.Commitment})
}

func (r *Run) text(b []byte) receipt.Text {
	var salt seal.Salt
	rand.Read(salt[:]) // never fails
	return receipt.Text{Commitment: seal.Commit(salt, b), Salt: salt, Bytes: b}
}

// checkName makes a command's name fit an attestation.
func checkName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune(" ._-", r) {
			return r
		}
		return '_'
	}, s)
	return s[:min(len(s), 64)]
}

// drifts says what is not as planned: the first of it in full.
func drifts(report *Report) error {
	d := report.Drifts[0]
	more := ""
	if n := len(report.Drifts) - 1; n > 0 {
		more = fmt.Sprintf(", and %d more", n)
	}
	return fmt.Errorf("OpenClaw is not as the policy wants it: %s%s\nmend it, or have a policy published that takes it as it is", d, more)
}

// Again looks whether anything has changed since Look: the configuration, the plugin, and what
// lies where OpenClaw looks for extensions.
func (r *Run) Again() error {
	text, err := Load(r.at(configAt))
	if err != nil {
		return err
	}
	if seal.Sum(text) != r.sum {
		return errors.New("OpenClaw's configuration has changed while it ran\nstart a run anew; what changes it is for its trace to tell")
	}
	found, err := Scan(Places{State: r.at(stateAt), Workspace: r.Workspace, Plugins: []string{r.at(pluginAt)}})
	if err != nil {
		return fmt.Errorf("look for extensions: %w", err)
	}
	pinned, _ := r.pinned()
	if drift := Unpinned(found, pinned); len(drift) > 0 {
		return drifts(&Report{Drifts: drift})
	}
	if !slices.ContainsFunc(found, func(f Found) bool { return f.Extension == r.plugin }) {
		return errors.New("the plugin is not there any more\nstart a run anew; what takes it away is for the job's receipts to tell")
	}
	return nil
}

// Attestation is what was seen, for somebody to say and sign whose name it is to have, and for
// tokens that are bound to a key.
func (r *Run) Attestation(job, agent, launcher, key string) *receipt.Attestation {
	now := time.Now().UTC().Truncate(time.Second)
	runtime := policy.Runtime{Workspace: "rw", Unelevated: r.config.value("tools.elevated") != nil} // it is set to be off, or not at all
	if r.config.value("agents.defaults.sandbox.mode") == "all" {
		runtime.Sandboxed = true
		runtime.Workspace, _ = r.config.value("agents.defaults.sandbox.workspaceAccess").(string)
	}
	return &receipt.Attestation{
		Job: job, Agent: agent, Policy: r.Policy.Hash(), Key: key, Launcher: launcher, At: now, Until: now.Add(attested),
		Program: "openclaw", Version: r.version, Runtime: runtime, Config: r.sum, Guard: r.plugin.Digest,
		Tools: r.offered(), Extensions: slices.Clone(r.found), Checks: slices.Clone(r.checks),
	}
}

// Texts are behind the commitments of the attestation.
func (r *Run) Texts() []receipt.Text { return slices.Clone(r.texts) }

// offered are the tools that the agent is offered, by OpenClaw's names; those of the house
// by a pattern, since it lists them itself.
func (r *Run) offered() []string {
	list, _ := r.config.value("tools.allow").([]any)
	var out []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// value is what c sets at a path, or nil.
func (c *Config) value(path string) any {
	for i := range c.Settings {
		if c.Settings[i].Name() == path && c.Settings[i].Rule != Unset {
			return c.Settings[i].Value
		}
	}
	return nil
}
