// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/openclaw"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// openclawPlan prints the configuration of OpenClaw under a policy.
func openclawPlan(ctx context.Context, c *call) error {
	planned := c.planFlags()
	out := c.String("o", "", "write it to `FILE` (default: print it)")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	plan, _, err := planned(ctx)
	if err != nil {
		return err
	}
	b, err := plan.JSON()
	if err != nil {
		return err
	}
	c.writeNotes(plan)
	return c.output(*out, b)
}

func (c *call) writeNotes(plan *openclaw.Config) {
	for _, note := range plan.Notes {
		fmt.Fprintf(c.stderr, "note: %s\n", clean(note))
	}
}

// openclawApply puts the plan into a configuration that is there.
func openclawApply(ctx context.Context, c *call) error {
	planned := c.planFlags()
	yes := c.Bool("yes", false, "write it without a question")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	plan, _, err := planned(ctx)
	if err != nil {
		return err
	}
	was, err := openclaw.Load(c.args[0])
	if err != nil {
		return err
	}
	is, diff, err := openclaw.Apply(was, plan)
	if err != nil {
		return fmt.Errorf("%s: %w", c.args[0], err)
	}
	c.writeNotes(plan)
	if diff == "" {
		fmt.Fprintf(c.stdout, "%s is as planned\n", clean(c.args[0]))
		return nil
	}
	for line := range strings.Lines(diff) {
		fmt.Fprintln(c.stdout, clean(strings.TrimSuffix(line, "\n")))
	}
	if !*yes && !c.agrees("write this to "+c.args[0]+"?") {
		return errors.New("nothing is written\nanswer y, or say -yes")
	}
	backup, err := openclaw.Save(c.args[0], was, is)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "written: %s\n", clean(c.args[0]))
	if backup != "" {
		fmt.Fprintf(c.stdout, "what was there is in %s\n", clean(backup))
	}
	return nil
}

// agrees asks a person, and reports whether the answer is yes. No answer is no.
func (c *call) agrees(question string) bool {
	fmt.Fprintf(c.stdout, "%s [y/N] ", clean(question))
	answer, _ := bufio.NewReader(c.stdin).ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// planFlags adds the flags that say what to plan from. What it returns reads the
// policy and plans.
func (c *call) planFlags() func(context.Context) (*openclaw.Config, *openclaw.Options, error) {
	connect := c.client()
	wpc := c.String("wpc", "", "the policy: a `FILE`, or the hash of a published one")
	o := new(openclaw.Options)
	c.StringVar(&o.API, "api", openclaw.Completions, "the `DIALECT` by which models are asked: "+openclaw.Completions+", "+openclaw.Responses+" or "+openclaw.Messages)
	c.StringVar(&o.BaseURL, "base-url", "", "the `URL` of the route at the house's model gateway (default: OPENAI_BASE_URL or ANTHROPIC_BASE_URL, as clawea run sets them)")
	c.StringVar(&o.MCP, "mcp", c.getenv("CLAWEA_MCP_URL"), "the `URL` of the house's MCP endpoint (CLAWEA_MCP_URL)")
	c.StringVar(&o.APIKey, "api-key", "clawea", "the `TEXT` that OpenClaw sends as its key: a reference like ${CST_TOKEN}; with clawea run's sidecar any word")
	c.StringVar(&o.Gateway, "gateway-token", "", "the `TEXT` of the Gateway's own token, best a reference like ${OPENCLAW_GATEWAY_TOKEN} (default: what is there)")
	c.Func("model", "the `ID` of a model; the first one is used, more can be chosen", func(s string) error {
		o.Models = append(o.Models, s)
		return nil
	})
	c.Func("header", "a `NAME:VALUE` to send with every model call and MCP request", func(s string) error { return addHeader(o, s) })
	workspace := c.String("workspace", "", "the agent's `FOLDER`")
	extensions := c.String("extensions", "", "`FILE` of the plugins and skills that may be loaded: [{\"kind\":\"plugin\",\"name\":\"\",\"digest\":\"sha256:\"}] (default: those that the policy was published with)")
	c.Func("plugin-path", "a `FOLDER` of a plugin among those, where OpenClaw would not look", func(s string) error {
		path, err := filepath.Abs(s)
		o.PluginPaths = append(o.PluginPaths, path)
		return err
	})
	return func(ctx context.Context) (*openclaw.Config, *openclaw.Options, error) {
		if err := c.need("wpc", "model", "workspace"); err != nil {
			return nil, nil, err
		}
		p, err := readOrFetch(ctx, *wpc, connect)
		if err != nil {
			return nil, nil, err
		}
		if err := c.complete(o, *workspace, *extensions); err != nil {
			return nil, nil, err
		}
		if *extensions == "" { // those that it was published with
			o.Extensions = p.Extensions()
		}
		plan, err := openclaw.Plan(p, o)
		return plan, o, err
	}
}

// readOrFetch reads a policy's file, or has the daemon send it.
func readOrFetch(ctx context.Context, wpc string, connect func() (*api.Client, error)) (*policy.Policy, error) {
	if !strings.HasPrefix(wpc, "sha256:") {
		p, _, err := readPolicy(wpc)
		return p, err
	}
	h, err := parseHash(wpc)
	if err != nil {
		return nil, err
	}
	cl, err := connect()
	if err != nil {
		return nil, err
	}
	return fetchBound(ctx, cl, h)
}

// fetchBound has the daemon send a policy, with what it was published with.
func fetchBound(ctx context.Context, cl *api.Client, h seal.Hash) (*policy.Policy, error) {
	published, p, err := fetchPublished(ctx, cl, h)
	if err != nil {
		return nil, err
	}
	if published.Binding == nil {
		return nil, errors.New("the daemon sent the policy without its binding\nis this the address of a Clawea daemon, of this version?")
	}
	b, err := policy.ParseBinding(published.Binding.Payload)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", h, err)
	}
	return p.Bind(b)
}

// complete fills in what flags say by way of files and folders.
func (c *call) complete(o *openclaw.Options, workspace, extensions string) (err error) {
	if o.Workspace, err = filepath.Abs(workspace); err != nil {
		return err
	}
	base := "OPENAI_BASE_URL"
	if o.API == openclaw.Messages {
		base = "ANTHROPIC_BASE_URL"
	}
	if o.BaseURL = cmp.Or(o.BaseURL, c.getenv(base)); o.BaseURL == "" {
		return usagef("nobody says where OpenClaw is to ask models\nname the route's address with -base-url, or set %s, as clawea run does", base)
	}
	if o.MCP == "" {
		return usagef("nobody says where the house's tools are\nname its MCP endpoint with -mcp, or set CLAWEA_MCP_URL, as clawea run does")
	}
	o.Extensions, err = readPins(extensions)
	return err
}

// readPins reads what plugins and skills may be loaded: nothing, if no file says so.
func readPins(path string) (pins []policy.Extension, err error) {
	if path == "" {
		return nil, nil
	}
	err = readStrict(path, &pins)
	return pins, err
}

func addHeader(o *openclaw.Options, s string) error {
	name, value, ok := strings.Cut(s, ":")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return fmt.Errorf("%q is no header: want NAME:VALUE", s)
	}
	if o.Headers == nil {
		o.Headers = map[string]string{}
	}
	o.Headers[name] = strings.TrimSpace(value)
	return nil
}
