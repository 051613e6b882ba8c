// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/console"
	"github.com/clawea/clawea/internal/egress"
	"github.com/clawea/clawea/internal/sandbox"
	"github.com/clawea/clawea/internal/upstream"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// upstreams are the other MCP servers that c names. None is started before it is
// asked for something; what this machine cannot confine is told now.
func upstreams(c *config.Config, x *connections, hosts *egress.Proxy, version string, log *slog.Logger) (*upstream.Set, error) {
	out := new(upstream.Set)
	for i := range c.Upstreams {
		s, err := newUpstream(&c.Upstreams[i], x, hosts, version, log)
		if err != nil {
			return nil, fmt.Errorf("upstream server %s: %w", c.Upstreams[i].Name, err)
		}
		out.Servers = append(out.Servers, s)
	}
	return out, out.Check()
}

func newUpstream(u *config.Upstream, x *connections, hosts *egress.Proxy, version string, log *slog.Logger) (*upstream.Server, error) {
	a, err := adapter(u.Adapter)
	if err != nil {
		return nil, err
	}
	s := &upstream.Server{Name: u.Name, Adapter: a, Timeout: time.Duration(u.Timeout), Version: version, Log: log}
	if a.System != "" {
		system, ok := x.systems[a.System]
		if !ok {
			return nil, fmt.Errorf("its tools come to actions of %s, to which this house is not connected\nadd a %q section to the configuration", a.System, a.System)
		}
		s.System, s.Site = system, x.sites[a.System]
	}
	if u.URL != "" {
		if a.Facade != nil {
			return nil, fmt.Errorf("the adapter %s is for a server that the house starts\nwrite \"command\" in place of \"url\", or name another adapter", u.Adapter)
		}
		s.Dial = upstream.Remote(u.URL, func() (http.Header, error) { return credentials(u.Headers) })
		return s, nil
	}
	p, err := program(u, a, log)
	if err != nil {
		return nil, err
	}
	s.Dial, s.Box = p.Dial, p.Box
	s.Connect, err = connecting(u, hosts)
	return s, err
}

// connecting is how u's server reaches its hosts; nil if it has none.
func connecting(u *config.Upstream, p *egress.Proxy) (upstream.Connect, error) {
	if len(u.Hosts) == 0 {
		return nil, nil
	}
	hosts, err := policy.ParseHosts(u.Hosts)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request, opened *receipt.Receipt, carry upstream.Carry) {
		p.ServeGuest(ctx, w, r, &egress.Guest{Server: u.Name, Hosts: hosts, Call: opened, Carry: carry})
	}, nil
}

// serversOf are the servers of c as the console shows them: what is known of them
// without asking.
func serversOf(c *config.Config, set *upstream.Set) []console.Server {
	var out []console.Server
	for i, s := range set.Servers {
		is := s.State()
		out = append(out, console.Server{
			Name: s.Name, Adapter: c.Upstreams[i].Adapter, Started: s.Box != nil, Kept: kept(s.Box),
			Is: is.Is, Identity: is.Identity, Tools: is.Tools, Seen: is.Seen, Failed: is.Failed, Running: is.Running,
		})
	}
	return out
}

// kept says how a server's processes are confined.
func kept(b *sandbox.Sandbox) string {
	if b == nil {
		return ""
	}
	says := func(parts []sandbox.Part) string {
		var out []string
		for _, p := range parts {
			out = append(out, string(p))
		}
		return strings.Join(out, ", ")
	}
	switch lacks, may := b.Missing(), b.Excepted(); {
	case len(lacks) > 0:
		return "without " + says(lacks) + ", which this machine lacks, by exception"
	case len(may) > 0:
		return "in every part; may go without " + says(may)
	}
	return "in every part"
}

// adapter reads one that comes with the house or is a file.
func adapter(name string) (*upstream.Adapter, error) {
	path, ok := strings.CutPrefix(name, "file:")
	if !ok {
		return upstream.Shipped(name)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the adapter: %w\nname a file that is there, or one of %s", err, strings.Join(upstream.Names(), ", "))
	}
	a, err := upstream.ParseAdapter(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w\nmend the file; docs/upstream.md says how adapters are written", path, err)
	}
	return a, nil
}

func credentials(headers map[string]config.Secret) (http.Header, error) {
	out := http.Header{}
	for name, secret := range headers {
		v, err := secret.Get()
		if err != nil {
			return nil, err
		}
		out.Set(name, v)
	}
	return out, nil
}

// program is what starts u's server, confined.
func program(u *config.Upstream, a *upstream.Adapter, log *slog.Logger) (*upstream.Program, error) {
	box, err := Confine(u)
	if err != nil {
		return nil, err
	}
	out := &upstream.Program{Box: box, Own: u.Readable, Hosts: u.Hosts, Log: log, Secrets: func() ([]string, error) { return variables(u.Secrets) }}
	env := maps.Clone(u.Env)
	if env == nil {
		env = map[string]string{}
	}
	if a.Facade != nil {
		out.Port = a.Facade.Port
		maps.Copy(env, a.Facade.Env)
	}
	if len(u.Hosts) > 0 {
		out.Port = cmp.Or(out.Port, proxyPort)
		maps.Copy(env, proxied(out.Port))
	}
	out.Command = sandbox.Command{
		Path: u.Command[0], Args: u.Command[1:], Readable: append(sandbox.SystemTrees(), u.Readable...),
		Limits: sandbox.Limits{Memory: u.Memory, Processes: u.Processes},
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out.Command.Env = append(out.Command.Env, name+"="+env[name])
	}
	return out, out.Command.Check()
}

// proxyPort is where a server without a facade finds the proxy to its hosts: nothing else
// is on its loopback.
const proxyPort = 3128

// proxied are the variables that lead programs to the proxy at a port of their loopback,
// as they are spelled. What else is on the loopback they reach without it.
func proxied(port uint16) map[string]string {
	out := map[string]string{"NODE_USE_ENV_PROXY": "1"} // else Node's own fetch does not look
	for name, value := range map[string]string{"HTTPS_PROXY": "", "HTTP_PROXY": "", "ALL_PROXY": "", "NO_PROXY": "127.0.0.1,localhost"} {
		out[name] = cmp.Or(value, fmt.Sprintf("http://127.0.0.1:%d", port))
		out[strings.ToLower(name)] = out[name]
	}
	return out
}

// Confine returns a sandbox for u's program, as its configuration wants it. It fails
// where this machine lacks a part that the program may not go without.
func Confine(u *config.Upstream) (*sandbox.Sandbox, error) {
	except := make([]sandbox.Part, len(u.Without))
	for i, p := range u.Without {
		except[i] = sandbox.Part(p)
	}
	return sandbox.New(except)
}

func variables(secrets map[string]config.Secret) ([]string, error) {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		v, err := secrets[name].Get()
		if err != nil {
			return nil, err
		}
		out = append(out, name+"="+v)
	}
	return out, nil
}
