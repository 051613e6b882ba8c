// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/sandbox"
	"github.com/clawea/clawea/internal/upstream"
)

// upstreams are the other MCP servers that c names. None is started before it is
// asked for something; what this machine cannot confine is told now.
func upstreams(c *config.Config, x *connections, version string, log *slog.Logger) (*upstream.Set, error) {
	out := new(upstream.Set)
	for i := range c.Upstreams {
		s, err := newUpstream(&c.Upstreams[i], x, version, log)
		if err != nil {
			return nil, fmt.Errorf("upstream server %s: %w", c.Upstreams[i].Name, err)
		}
		out.Servers = append(out.Servers, s)
	}
	return out, out.Check()
}

func newUpstream(u *config.Upstream, x *connections, version string, log *slog.Logger) (*upstream.Server, error) {
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
	s.Dial = p.Dial
	return s, nil
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
	out := &upstream.Program{Box: box, Own: u.Readable, Log: log, Secrets: func() ([]string, error) { return variables(u.Secrets) }}
	env := maps.Clone(u.Env)
	if env == nil {
		env = map[string]string{}
	}
	if a.Facade != nil {
		out.Port = a.Facade.Port
		maps.Copy(env, a.Facade.Env)
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
