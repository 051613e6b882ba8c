// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A Checkup is what is looked at: a configuration, the places around it, and
// OpenClaw itself if it is there.
type Checkup struct {
	Plan   *Config
	Pinned []policy.Extension // what may be on the disk, Clawea's plugin included

	Config    string // file of the configuration
	State     string // OPENCLAW_STATE_DIR
	Workspace string
	Program   []string                 // how OpenClaw is started; nil: it is not asked
	Getenv    func(name string) string // for what the configuration refers to
}

// A Report is evidence of a check: what was looked at, and all that was found.
type Report struct {
	At         time.Time `json:"at"`
	OK         bool      `json:"ok"` // nothing drifts, and OpenClaw finds nothing critical
	Policy     seal.Hash `json:"policy"`
	Config     string    `json:"config"`
	ConfigHash seal.Hash `json:"config_sha256"` // of the file's bytes
	Drifts     []Drift   `json:"drifts"`
	Extensions []Found   `json:"extensions"`
	Commands   []Said    `json:"commands"`
	OpenClaw   string    `json:"openclaw,omitempty"` // its version, if it was asked
}

// Check holds a configuration, and what is on the disk, to a plan, and asks OpenClaw
// for its own view. It fails only for what it cannot look at.
func Check(ctx context.Context, k *Checkup, at time.Time) (*Report, error) {
	text, err := Load(k.Config)
	if err != nil {
		return nil, err
	}
	if text == nil {
		return nil, fmt.Errorf("%s is not there\nname OpenClaw's configuration, or make one with clawea openclaw apply", k.Config)
	}
	r := &Report{At: at.UTC().Truncate(time.Second), Policy: k.Plan.Policy, Config: k.Config, ConfigHash: seal.Sum(text)}
	if r.Drifts, err = Compare(text, k.Plan); err != nil {
		return nil, fmt.Errorf("%s: %w", k.Config, err)
	}
	d, err := read(text)
	if err != nil {
		return nil, err
	}
	if r.Extensions, err = Scan(k.places(d)); err != nil {
		return nil, fmt.Errorf("look for extensions: %w", err)
	}
	r.Drifts = append(r.Drifts, Unpinned(r.Extensions, k.Pinned)...)
	for _, path := range k.places(d).Plugins {
		if _, err := os.Lstat(path); err != nil {
			r.Drifts = append(r.Drifts, Drift{path, Critical, "a plugin", "nothing", "OpenClaw goes on without a plugin that it does not find"})
		}
	}
	if k.Program != nil {
		if err := k.ask(ctx, r, d, text); err != nil {
			return nil, err
		}
	}
	r.OK = len(r.Drifts) == 0
	return r, nil
}

// places are those that the configuration and the checkup name. A person's own skills
// are among them where the state is in its usual place.
func (k *Checkup) places(d *document) Places {
	p := Places{k.State, k.Workspace, k.paths(d, "plugins", "load", "paths"), k.paths(d, "skills", "load", "extraDirs")}
	if home := k.Getenv("HOME"); home != "" && k.State == filepath.Join(home, ".openclaw") {
		p.Skills = append(p.Skills, filepath.Join(home, ".agents/skills"))
	}
	return p
}

// paths is a list of paths in the configuration; those that are not absolute are
// from its folder on.
func (k *Checkup) paths(d *document, path ...string) []string {
	v, _ := d.get(path)
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok && s != "" {
			if !filepath.IsAbs(s) {
				s = filepath.Join(filepath.Dir(k.Config), s)
			}
			out = append(out, filepath.Clean(s))
		}
	}
	return out
}

// ask asks OpenClaw, in a home of its own that nothing is left of: as many questions at a time
// as there are processors, since each is a process that wants most of one. The report has
// what they find in their order. The audit and the sandbox's view both write into the state, so they follow each other.
func (k *Checkup) ask(ctx context.Context, r *Report, d *document, text []byte) error {
	home, err := os.MkdirTemp("", "clawea-openclaw-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	a := &Asker{k.Program, home, Env(k.State, k.Config, home, k.Getenv("PATH"), k.referred(text)...)}
	asked := []func(*questions, context.Context){
		(*questions).version, (*questions).sees, (*questions).validate, (*questions).lives, (*questions).plugins, (*questions).policy,
	}
	parts := make([]*questions, len(asked))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, ask := range asked {
		q := &questions{Asker: a, k: k, home: home, document: d, text: text, report: new(Report)}
		parts[i] = q
		group.Go(func() error {
			ask(q, inner)
			return q.err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // what it did not come to say is no drift
		return fmt.Errorf("OpenClaw was not asked to the end: %w\nstart it again", err)
	}
	for _, q := range parts {
		r.OpenClaw = cmp.Or(r.OpenClaw, q.report.OpenClaw)
		r.Drifts = append(r.Drifts, q.report.Drifts...)
		r.Extensions = append(r.Extensions, q.report.Extensions...)
		r.Commands = append(r.Commands, q.report.Commands...)
	}
	return nil
}

// referenced are references to variables of the environment.
var referenced = regexp.MustCompile(`\$\{([A-Z][A-Z0-9_]*)\}`)

// referred are the variables that a configuration refers to, as they are here.
func (k *Checkup) referred(text []byte) []string {
	var out []string
	for _, m := range referenced.FindAllSubmatch(text, -1) {
		name := string(m[1])
		if value := k.Getenv(name); value != "" {
			out = append(out, name+"="+value)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
