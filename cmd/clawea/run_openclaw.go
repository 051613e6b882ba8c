// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/internal/openclaw"
	"github.com/clawea/clawea/internal/sidecar"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// An openClaw is a run of OpenClaw. What surrounds it is made for it, looked at and, where
// there is a launcher's key, attested to before its first token is ordered, and its trace is
// kept when it has ended.
type openClaw struct {
	*launch
	run     *openclaw.Run
	route   string // name of the model route; "": the first that the policy permits
	model   string // id of the model
	dialect string // by which the model is asked; "": the route's first
	key     string // FILE of the launcher's key; "": nothing is attested

	signer   seal.Signer
	attested seal.Hash // what the first token stands on: what the program was started on
}

// clawFlags adds the flags of runs of OpenClaw.
func (c *call) clawFlags(o *openClaw) {
	c.StringVar(&o.key, "launcher", "", "of OpenClaw: sign what it runs in, and what it says of itself, with the key in `FILE`")
	c.StringVar(&o.route, "route", "", "of OpenClaw: the `NAME` of the house's model route (default: the first that the policy permits)")
	c.StringVar(&o.dialect, "api", "", "of OpenClaw: the `DIALECT` by which the model is asked: "+openclaw.Completions+", "+openclaw.Responses+" or "+openclaw.Messages+" (default: the first that the route speaks)")
	c.StringVar(&o.model, "model", "", "of OpenClaw: the `ID` of the model")
}

// isOpenClaw reports whether a program is OpenClaw's command. One that is OpenClaw by another name
// gets no plugin, so that a policy that wants one allows it nothing.
func isOpenClaw(path string) bool {
	name := strings.ToLower(filepath.Base(path))
	return strings.TrimSuffix(strings.TrimSuffix(name, ".exe"), ".cmd") == "openclaw"
}

// begin makes the folder in which OpenClaw at path is to run, and returns what takes it away.
func (o *openClaw) begin(path string, conf *sidecar.Config) (end func(), err error) {
	if err := openclaw.CheckCommand(o.command[1:]); err != nil {
		return nil, err
	}
	if o.model == "" {
		return nil, usagef("OpenClaw needs to know which model to ask\nname it with -model")
	}
	if o.key != "" {
		if o.signer, err = keys.LoadSigner(o.key); err != nil {
			return nil, err
		}
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	workspace, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "clawea-openclaw-")
	if err != nil {
		return nil, err
	}
	held := []string{path, o.key}
	for _, name := range []string{"key", "secret", "operator"} {
		held = append(held, strings.TrimPrefix(o.Lookup(name).Value.String(), "file:"))
	}
	if err := apart(workspace, folder, held...); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	search, within := outside(workspace, o.getenv("PATH"))
	for _, dir := range within {
		fmt.Fprintf(o.stderr, "clawea: note: PATH is without %q, which is in the agent's workspace\n", dir)
	}
	o.run = &openclaw.Run{Program: []string{path}, Path: search, Folder: folder, Workspace: workspace}
	conf.Guard = rand.Text()
	o.source = &attesting{o.source, o}
	return func() { os.RemoveAll(folder) }, nil
}

// apart refuses a workspace that has, or is in, the run's own folder, and one that has any of files in it: the
// agent could read or change them. Names that are no files are passed over.
func apart(workspace, folder string, files ...string) error {
	workspace, err := filepath.EvalSymlinks(workspace)
	if err != nil {
		return err
	}
	if folder, err = filepath.EvalSymlinks(folder); err != nil {
		return err
	}
	if below(workspace, folder) || below(folder, workspace) {
		return fmt.Errorf("the run's own folder would be in the agent's workspace, %s\nstart it in another folder, or set TMPDIR to one elsewhere", workspace)
	}
	for _, file := range files {
		if _, err := os.Lstat(file); err != nil {
			continue // env:NAME, or not there, which whoever needs it says
		}
		for _, at := range []string{filepath.Dir(file), file} { // a link can be changed as well as what it leads to
			real, err := filepath.EvalSymlinks(at)
			if err != nil {
				continue // a link to nothing
			}
			if real, err = filepath.Abs(real); err != nil {
				return err
			}
			if below(workspace, real) {
				return fmt.Errorf("%s is in the agent's workspace, which is the folder that OpenClaw is started in\nkeep programs, keys and secrets elsewhere, or start it in another folder", file)
			}
		}
	}
	return nil
}

// outside returns a list of folders for programs (PATH) without those that are in the workspace, and these: what
// OpenClaw is run by must not be found where the agent writes.
func outside(workspace, path string) (rest string, within []string) {
	if real, err := filepath.EvalSymlinks(workspace); err == nil {
		workspace = real
	}
	dirs := slices.DeleteFunc(filepath.SplitList(path), func(dir string) bool {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			real = dir // it may be there later
		}
		inside := !filepath.IsAbs(dir) || below(workspace, dir) || below(workspace, real)
		if inside {
			within = append(within, dir)
		}
		return inside
	})
	return strings.Join(dirs, string(filepath.ListSeparator)), within
}

// below reports whether path is dir or in it.
func below(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// prepare has everything made and looked at. It takes some seconds.
func (o *openClaw) prepare(ctx context.Context, routes *api.Routes, url, secret string) error {
	p, err := fetchBound(ctx, o.api, o.order.Policy)
	if err != nil {
		return err
	}
	route, err := o.choose(p, routes)
	if err != nil {
		return err
	}
	if p.Attested() && o.signer == nil {
		return errors.New("the policy wants a launcher's signed word of what OpenClaw runs in\nname the launcher's key with -launcher; the house lists its public half under launchers")
	}
	r := o.run
	r.Policy = p
	r.Doors = openclaw.Doors{API: cmp.Or(o.dialect, spoken[route.Dialect][0]), Route: sidecar.BaseURL(url, route), Model: o.model, MCP: url + "/mcp", Local: url, Secret: secret}
	if err := r.Write(); err != nil {
		return err
	}
	for _, note := range r.Notes() {
		fmt.Fprintf(o.stderr, "clawea: note: %s\n", clean(note))
	}
	return r.Look(ctx)
}

// spoken are the dialects in which OpenClaw can ask at a route, by the route's own.
var spoken = map[string][]string{
	"openai": {openclaw.Completions, openclaw.Responses}, "fal": {openclaw.Completions}, "anthropic": {openclaw.Messages},
}

// choose picks the model route.
func (o *openClaw) choose(p *policy.Policy, routes *api.Routes) (api.Route, error) {
	for _, r := range routes.Routes {
		named := o.route == r.Name || o.route == "" && permitsRoute(p, r.Name, o.model)
		if named && spoken[r.Dialect] != nil && (o.dialect == "" || slices.Contains(spoken[r.Dialect], o.dialect)) {
			return r, nil
		}
	}
	return api.Route{}, fmt.Errorf("no route of the house that the policy permits leads OpenClaw to the model %q\nname one with -route, and perhaps -api; clawea wpc explain says what is permitted", o.model)
}

// permitsRoute reports whether p lets a model be asked by a route, whatever else it wants.
func permitsRoute(p *policy.Policy, route, model string) bool {
	d := p.Decide(&policy.Call{Tool: "model", Class: policy.Model, Resources: []policy.Resource{{Type: "route", ID: route}, {Type: "model", ID: model}}}, new(policy.Facts))
	return !slices.ContainsFunc(d.Reasons, func(r policy.Reason) bool { return r.Clause == "/model_route" || r.Clause == "/model_route/allowed" })
}

// plain are the variables of parent that OpenClaw may have: it was looked at without the others, which can
// lead it elsewhere (NODE_OPTIONS), and hand its commands somebody's credentials.
func plain(parent []string) []string {
	return slices.DeleteFunc(slices.Clone(parent), func(entry string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(entry), "=")
		return !slices.Contains(plainNames, name) && !strings.HasPrefix(name, "LC_")
	})
}

var plainNames = []string{"LANG", "TERM", "COLORTERM", "NO_COLOR", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SYSTEMROOT", "PATHEXT"}

// arm adds to vars what OpenClaw is to find in its environment, and lays down what its plugin
// is known by: the last thing before it starts.
func (o *openClaw) arm(vars map[string]string) error {
	maps.Copy(vars, o.run.Env())
	return o.run.Arm()
}

// An attesting source orders each token on what is seen then.
type attesting struct {
	sidecar.Source
	claw *openClaw
}

// Token returns a fresh token. It fails if anything has changed since the last.
func (a *attesting) Token(ctx context.Context, key *token.ProofKey) (*sidecar.Grant, error) {
	o := a.claw
	if !o.attested.IsZero() || o.signer == nil {
		if err := o.run.Again(); err != nil {
			return nil, err
		}
	}
	if o.signer == nil {
		return a.Source.Token(ctx, key)
	}
	att := o.run.Attestation(o.order.Job, o.order.Agent, o.signer.Name(), key.Thumbprint())
	var err error
	if o.order.Attestation, err = att.Sign(o.signer); err != nil {
		return nil, err
	}
	g, err := a.Source.Token(ctx, key)
	if err == nil && o.attested.IsZero() { // the house has it now
		o.attested = att.Hash()
	}
	return g, err
}

// ended looks once more at what the program ran in, and leaves with the house what it says of
// itself. Without a launcher's key there is nobody whose word that could be.
func (o *openClaw) ended(ctx context.Context) error {
	changed := o.run.Again()
	if o.signer == nil {
		return changed
	}
	ctx, stop := context.WithTimeout(ctx, traceTime)
	defer stop()
	return errors.Join(changed, o.trace(ctx))
}

// traceTime is how long the export of a trace and its keeping may take.
const traceTime = 3 * time.Minute

func (o *openClaw) trace(ctx context.Context) error {
	t, texts, err := o.run.Trace(ctx, o.order.Job, o.order.Agent, o.signer.Name(), o.attested)
	if err != nil {
		return err
	}
	e, err := t.Sign(o.signer)
	if err != nil {
		return err
	}
	kept := &api.Trace{Envelope: *e}
	for _, x := range append(texts, o.run.Texts()...) {
		kept.Texts = append(kept.Texts, api.TraceText{Salt: x.Salt, Text: x.Bytes})
	}
	_, err = o.api.KeepTrace(ctx, o.order.Job, kept)
	return err
}
