// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
)

// The dialects by which OpenClaw asks models, as its configuration names them.
const (
	Completions = "openai-completions"
	Responses   = "openai-responses"
	Messages    = "anthropic-messages"
)

// Options are what a policy does not say: where the house's doors are, and where
// OpenClaw works.
type Options struct {
	API     string            // the dialect of the route: Completions, Responses or Messages
	BaseURL string            // of the route at the house's model gateway, as the dialect wants it
	Models  []string          // ids of models; the first is used
	APIKey  string            // text that OpenClaw sends as its key: a reference "${NAME}", or a word that opens nothing
	Headers map[string]string // of every model call and every MCP request; may be nil

	MCP       string // the URL of the house's MCP endpoint
	Workspace string // the agent's folder; absolute

	Gateway string // text of the Gateway's own token, best a reference; "": the Gateway does not start

	Plugin      *PluginOptions     // Clawea's plugin; nil: there is none
	Extensions  []policy.Extension // what else OpenClaw may load
	PluginPaths []string           // folders of plugins among them that are in no place where OpenClaw looks by itself
}

// PluginOptions are where Clawea's plugin is and what it is told.
type PluginOptions struct {
	Folder string        // absolute
	URL    string        // of the sidecar, below which it asks
	Secret string        // the file of the secret by which the sidecar knows it
	Wait   time.Duration // how long it waits for people
}

// timeout is how long a tool call may wait for the plugin: as long as it waits for people, and what
// it needs besides to ask and to be answered. OpenClaw blocks a call when that is over, and the plugin
// then could not say why.
func (p *PluginOptions) timeout() time.Duration { return p.Wait + 20*time.Second }

// has reports whether an extension may be loaded.
func (o *Options) has(kind, name string) bool {
	return slices.ContainsFunc(o.Extensions, func(e policy.Extension) bool { return e.Kind == kind && e.Name == name })
}

// names are the names of all extensions of a kind, sorted.
func (o *Options) names(kind string) []string {
	out := []string{}
	for _, e := range o.Extensions {
		if e.Kind == kind {
			out = append(out, e.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// maxHookTimeout is the longest that OpenClaw lets a plugin take over a call.
const maxHookTimeout = 10 * time.Minute

func (o *Options) check(p *policy.Policy) error {
	if p == nil || p.Hash().IsZero() {
		return errors.New("there is no policy to plan from\nread one with policy.Parse")
	}
	if !slices.Contains([]string{Completions, Responses, Messages}, o.API) {
		return fmt.Errorf("%q is no dialect of models\nwant %s, %s or %s", o.API, Completions, Responses, Messages)
	}
	if err := checkURL("the model gateway", o.BaseURL); err != nil {
		return err
	}
	if err := checkURL("the MCP endpoint", o.MCP); err != nil {
		return err
	}
	if len(o.Models) == 0 || slices.Contains(o.Models, "") {
		return errors.New("there is no model to ask\nname at least one, as its provider does")
	}
	if o.APIKey == "" {
		return errors.New("OpenClaw asks no model without a key\ngive it a reference like ${CST_TOKEN}, or any word where the sidecar holds the token")
	}
	if !filepath.IsAbs(o.Workspace) {
		return fmt.Errorf("%q is no absolute path of a workspace\nname the agent's folder from the root on", o.Workspace)
	}
	return o.checkExtensions()
}

func (o *Options) checkExtensions() error {
	for _, e := range o.Extensions {
		if e.Kind != policy.Plugin && e.Kind != policy.Skill || !isName(e.Name) {
			return fmt.Errorf("%q %q is no extension\nwant kind %s or %s, and a name of a-z, 0-9, _ and -", e.Kind, e.Name, policy.Plugin, policy.Skill)
		}
	}
	paths := slices.Clone(o.PluginPaths)
	if g := o.Plugin; g != nil {
		paths = append(paths, g.Folder)
		if g.Wait < 0 || g.timeout() > maxHookTimeout {
			return fmt.Errorf("OpenClaw does not let a plugin take %v over a call\nwant up to %v", g.timeout(), maxHookTimeout)
		}
	}
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("%q is no absolute path of a plugin\nname its folder from the root on", path)
		}
	}
	return nil
}

// checkURL refuses what is no address of a door. Credentials have no place in one.
func checkURL(what, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Contains(text, "${") {
		return fmt.Errorf("%q is no address of %s\nwant http:// or https:// with a host and no credentials", text, what)
	}
	return nil
}
