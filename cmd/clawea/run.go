// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/internal/sidecar"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A launch is one run: a program that works on a job under a policy, and holds
// nothing that would be worth stealing.
type launch struct {
	*call
	command []string
	order   sidecar.Detail
	egress  bool          // whether it may connect to hosts by the house's egress proxy
	span    time.Duration // the longest that it may last; 0: as long as the house gives tokens
	keep    keeping

	source  sidecar.Source
	api     *api.Client // who may read the job's receipts and its proof
	secrets []string    // what the program must not find in its environment
	claw    *openClaw   // nil: it is another program
}

// runCommand is the daily door. Its exit code is 3 if the proof is false, 1 if the
// run could not start, was ended by the house or left no proof, and else the
// program's own.
//
// A signal to end (INT, TERM, HUP, QUIT) is the program's too, and all that it
// has started gets it; the run ends when the program does, and its proof is kept.
// Whoever kills the launcher itself (KILL) also kills the sidecar, and there is
// no proof but the house's: on Linux the program dies with its launcher, and what
// the program has started lives on, with nothing to be let in by.
func runCommand(ctx context.Context, c *call) error {
	l := &launch{call: c}
	given := c.launchFlags(l)
	claw := &openClaw{launch: l}
	c.clawFlags(claw)
	if i := slices.Index(c.args, "--"); i >= 0 {
		c.args, l.command = c.args[:i], c.args[i+1:]
	}
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := c.need("wpc", "job"); err != nil {
		return err
	}
	if len(l.command) == 0 {
		return usagef("there is no program to run\nwant: clawea run %s", c.cmd.args)
	}
	path, err := exec.LookPath(l.command[0])
	if err != nil {
		return fmt.Errorf("%w\nname a program that exists, after --", err)
	}
	if isOpenClaw(path) {
		l.claw = claw
	}
	if err := protect(); err != nil { // before there is anything to protect
		return err
	}
	if err := given(); err != nil {
		return err
	}
	ctx, stop := outlive(ctx)
	defer stop()
	return l.run(ctx, path)
}

// launchFlags adds the flags of a run. What it returns reads them into l, the
// credentials among them.
func (c *call) launchFlags(l *launch) (read func() error) {
	connect := c.client()
	wpc := c.String("wpc", "", "the policy's `HASH`")
	c.StringVar(&l.order.Job, "job", "", "the `JOB` that the program works on")
	c.StringVar(&l.order.Agent, "agent", "", "the `AGENT` that it is (default: the program's name; with -client, the client's only agent)")
	c.StringVar(&l.order.Ticket, "ticket", "", "the `ID` of the ticket that the job is done for")
	ttl := c.Duration("ttl", 0, "how long each of its tokens lives (default: as long as the policy permits)")
	c.DurationVar(&l.span, "for", 0, "the longest that it may last (default: until the program ends)")
	c.BoolVar(&l.egress, "egress", false, "let it connect to the hosts that its policy lists, by the house's egress proxy (HTTPS_PROXY)")
	grant := c.String("grant", "", "`FILE` of the part of the policy that it may use: {\"actions\":[],\"resources\":[],\"limits\":{}} (default: all)")
	attest := c.attestFlags()
	c.StringVar(&l.keep.out, "o", "", "write the proof to `FILE` (default: JOB.proof, or JOB-2.proof and so on if there is one)")
	c.StringVar(&l.keep.trust, "trust", "", "`FILE` of the keys that you trust (default: those that the daemon says are its own)")
	client := c.String("client", "", "order as the OAuth client of this `ID`, instead of as an operator")
	key := c.String("key", "", "`FILE` of the client's private key")
	secret := c.String("secret", "", "where the client's secret is: `file:PATH or env:NAME`")
	return func() error {
		if *ttl < 0 || *ttl > 0 && *ttl < time.Second || l.span < 0 {
			return usagef("-ttl %v, -for %v: no time to work in\nwant a second or more, like 15m", *ttl, l.span)
		}
		l.order.TTL, l.order.Runtime = int(*ttl/time.Second), attest()
		var err error
		if l.order.Policy, err = parseHash(*wpc); err != nil {
			return err
		}
		if err := token.CheckName("job", l.order.Job); err != nil {
			return usagef("%v\nchoose such a name", err)
		}
		if *grant != "" {
			if l.order.Grant, err = readGrant(*grant); err != nil {
				return err
			}
		}
		l.keep.job, l.keep.policy = l.order.Job, l.order.Policy
		if *client != "" {
			return l.asClient(c.Lookup("server").Value.String(), *client, *key, *secret)
		}
		if *key != "" || *secret != "" {
			return usagef("-key and -secret are a client's\nsay which with -client, or leave them out to order as an operator")
		}
		return l.asOperator(connect)
	}
}

// attestFlags adds the flags by which whoever launches an agent says what
// surrounds it.
func (c *call) attestFlags() func() *policy.Runtime {
	sandboxed := c.Bool("sandboxed", false, "attest that the agent's tools run in a sandbox")
	workspace := c.String("workspace", "", "attest the workspace's `ACCESS`: none, ro or rw")
	unelevated := c.Bool("unelevated", false, "attest that elevated execution is off")
	return func() *policy.Runtime {
		r := policy.Runtime{Sandboxed: *sandboxed, Workspace: *workspace, Unelevated: *unelevated}
		if r == (policy.Runtime{}) {
			return nil
		}
		return &r
	}
}

func readGrant(path string) (*policy.Grant, error) {
	b, err := readFile(path, maxPaper)
	if err != nil {
		return nil, err
	}
	g := new(policy.Grant)
	if err := seal.Unmarshal(b, g); err != nil {
		return nil, located(path, err, `write it like {"actions": ["jira.issue.get"], "resources": [], "limits": {}}`)
	}
	return g, nil
}

// asOperator orders tokens with an operator's login.
func (l *launch) asOperator(connect func() (*api.Client, error)) error {
	if l.order.Agent == "" {
		name := strings.ToLower(strings.TrimSuffix(filepath.Base(l.command[0]), ".exe"))
		if token.CheckName("agent", name) != nil {
			return usagef("%q is no name for an agent\nname it with -agent", name)
		}
		l.order.Agent = name
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	secret, err := cl.Token()
	if err != nil {
		return err
	}
	l.secrets, l.api, l.source = []string{secret}, cl, &login{cl, &l.order}
	return nil
}

// A login is a source: an operator's.
type login struct {
	client *api.Client
	order  *sidecar.Detail
}

// Token issues a token that is bound to key.
func (l *login) Token(ctx context.Context, key *token.ProofKey) (*sidecar.Grant, error) {
	o := l.order
	issued, err := l.client.Issue(ctx, &api.Order{
		Agent: o.Agent, Job: o.Job, Policy: o.Policy, TTL: o.TTL, Grant: o.Grant, Runtime: o.Runtime, Attestation: o.Attestation, Ticket: o.Ticket, Key: key.Thumbprint(),
	})
	if err != nil {
		return nil, err
	}
	if issued.Claims == nil {
		return nil, errors.New("the daemon's answer is not a token\nis this the address of a Clawea daemon, of this version?")
	}
	return &sidecar.Grant{Raw: issued.Token, Claims: issued.Claims}, nil
}

// asClient orders tokens as an OAuth client, with a key or a secret.
func (l *launch) asClient(server, id, key, secret string) error {
	if (key == "") == (secret == "") {
		return usagef("a client has a key or a secret\nsay where it is with -key FILE, or with -secret file:PATH or env:NAME")
	}
	o := &sidecar.OAuth{House: server, ID: id, Order: l.order}
	if key != "" {
		k, err := keys.LoadSigner(key)
		if err != nil {
			return err
		}
		o.Key = k
	} else {
		ref, err := config.ParseSecret(secret, "")
		if err != nil {
			return err
		}
		text, err := ref.Get()
		if err != nil {
			return err
		}
		o.Secret, l.secrets = ref.Get, []string{text}
	}
	var err error
	l.source = o
	l.api, err = o.API()
	return err
}

// run gets the first token, lets the program work, and keeps the proof.
func (l *launch) run(ctx context.Context, path string) error {
	conf := &sidecar.Config{House: l.Lookup("server").Value.String(), Source: l.source, Log: slog.New(slog.NewTextHandler(l.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if l.span > 0 {
		conf.Until = time.Now().Add(l.span)
	}
	var routes *api.Routes
	conf.Prepare = func(ctx context.Context, url string) (err error) {
		routes, err = l.prepare(ctx, conf, url)
		return err
	}
	if l.claw != nil {
		end, err := l.claw.begin(path, conf)
		if err != nil {
			return err
		}
		defer end()
		conf.Source = l.source
	}
	car, err := sidecar.Start(ctx, conf)
	if err != nil {
		return err
	}
	defer car.Close()
	begun := time.Now()
	fmt.Fprintf(l.stderr, "clawea: job %s under policy %s: %s\n", l.order.Job, l.order.Policy.Short(), clean(filepath.Base(path)))
	cmd := exec.Command(path, l.command[1:]...)
	cmd.Args[0] = l.command[0]
	vars, parent := l.doors(car, routes), os.Environ()
	if l.claw != nil {
		if err := l.claw.arm(vars); err != nil {
			return err
		}
		parent = plain(parent)
	}
	cmd.Env = childEnv(parent, l.secrets, vars)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = l.stdin, l.stdout, l.stderr
	status, err := l.supervise(ctx, cmd, car)
	if err != nil {
		return err
	}
	ended := car.Err()
	car.Close()
	l.keep.cited = car.Cited()
	var untold error
	if l.claw != nil {
		if untold = l.claw.ended(context.WithoutCancel(ctx)); untold != nil {
			report(l.env, untold)
		}
	}
	// What is left to do is done even if the program was interrupted.
	if err := l.preserve(context.WithoutCancel(ctx), l.api, &l.keep, begun); err != nil {
		return err
	}
	if ended != nil || untold != nil {
		return exitStatus(exitError) // it has been told
	}
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}

// prepare asks the house for its ways, and makes what the program needs of them before the
// first token is ordered.
func (l *launch) prepare(ctx context.Context, conf *sidecar.Config, url string) (*api.Routes, error) {
	routes, err := (&api.Client{URL: conf.House}).Routes(ctx)
	if err != nil {
		return nil, err
	}
	if l.egress {
		if routes.Egress == "" {
			return nil, errors.New("the house has no egress proxy\nleave out -egress, or configure one (docs/egress.md)")
		}
		conf.Egress = routes.Egress
	}
	if l.claw != nil {
		err = l.claw.prepare(ctx, routes, url, conf.Guard)
	}
	return routes, err
}

// doors are the variables that tell a program where to work, in the terms of
// clients that are in use everywhere.
func (l *launch) doors(car *sidecar.Sidecar, routes *api.Routes) map[string]string {
	vars := map[string]string{
		"CLAWEA_JOB": l.order.Job, "CLAWEA_WPC": l.order.Policy.String(), "CLAWEA_PROXY_URL": car.URL() + "/proxy",
		"CLAWEA_RECEIPTS_URL": car.URL() + "/v1/receipts",
		"OPENAI_API_KEY":      heldByUs, "ANTHROPIC_API_KEY": heldByUs, "GEMINI_API_KEY": heldByUs, // clients want one
	}
	if routes.MCP {
		vars["CLAWEA_MCP_URL"], vars["MCP_SERVER_URL"] = car.URL()+"/mcp", car.URL()+"/mcp"
	}
	if proxy := car.EgressURL(); proxy != "" {
		for _, name := range proxies {
			vars[name] = proxy
		}
		vars["NODE_USE_ENV_PROXY"] = "1" // else Node's own fetch does not look
	}
	for _, kind := range []struct{ dialect, variable string }{
		{"openai", "OPENAI_BASE_URL"}, {"fal", "OPENAI_BASE_URL"}, {"anthropic", "ANTHROPIC_BASE_URL"}, {"gemini", "GOOGLE_GEMINI_BASE_URL"},
	} {
		first := slices.IndexFunc(routes.Routes, func(r api.Route) bool { return r.Dialect == kind.dialect })
		if first >= 0 && vars[kind.variable] == "" {
			vars[kind.variable] = car.Base(routes.Routes[first])
		}
	}
	return vars
}

// proxies are the variables that name a proxy, as clients spell them. Plain http has no
// tunnel in most, and is refused with a reason; without a proxy it would go past us.
var proxies = []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}

const heldByUs = "held-by-clawea"

// removed are variables that would lead a program past the house, or say who it
// is; those that it is to have are set anew.
var removed = []string{"OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL",
	"GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_GENAI_USE_VERTEXAI", "FAL_KEY", "OPENROUTER_API_KEY", "MCP_SERVER_URL"}

// childEnv is the environment of a program: that of its parent, without ours
// and without secrets, and with vars.
func childEnv(parent, secrets []string, vars map[string]string) []string {
	var out []string
	own := vars[proxies[0]] != ""
	proxied, direct := own, map[string]string{"NO_PROXY": "", "no_proxy": ""}
	for _, entry := range parent {
		name, value, _ := strings.Cut(entry, "=")
		hidden := func(s string) bool { return s != "" && strings.Contains(value, s) }
		switch upper := strings.ToUpper(name); {
		case strings.HasPrefix(upper, "CLAWEA_") || slices.Contains(removed, upper) || slices.ContainsFunc(secrets, hidden):
			continue
		case own && (slices.Contains(proxies, upper) || upper == "NO_PROXY"):
			continue // they would lead past ours
		case upper == "HTTP_PROXY" || upper == "ALL_PROXY":
			proxied = true
		case upper == "NO_PROXY":
			direct[name] = value
			continue
		}
		out = append(out, entry)
	}
	for name, value := range vars {
		out = append(out, name+"="+value)
	}
	for name, value := range direct {
		if proxied { // not every client knows that a proxy cannot reach this machine
			value = strings.TrimPrefix(value+",127.0.0.1", ",")
		}
		if value != "" {
			out = append(out, name+"="+value)
		}
	}
	slices.Sort(out)
	return out
}
