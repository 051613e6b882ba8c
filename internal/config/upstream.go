// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/policy"
)

// An Upstream is another MCP server, whose tools agents may use where a policy lists
// the connection mode mcp_server and pins them. It is started by the house, in a
// sandbox (Command), or is somewhere else (URL).
type Upstream struct {
	// Name is what its tools' names begin with: agents call NAME_TOOL. A lower-case
	// letter, then up to 23 lower-case letters and digits.
	Name string `json:"name"`
	// Adapter says what its tools come to in policy terms: the name of one that comes
	// with the house ("aaronsb-jira", "aaronsb-confluence", "sooperset-jira",
	// "sooperset-confluence", "rovo-jira", "rovo-confluence"), or "file:PATH" for one of
	// your own (docs/upstream.md).
	Adapter string `json:"adapter"`

	// Command is the program and its arguments, by absolute paths: it speaks MCP on its
	// standard input and output.
	Command []string `json:"command"`
	// Env are its environment variables, and all that it has. Optional.
	Env map[string]string `json:"env"`
	// Secrets are environment variables that are secrets. A server with a facade needs
	// none: it has no credential. Optional.
	Secrets map[string]Secret `json:"secrets"`
	// Readable are the files and trees that it may read, besides the system's: its
	// package, and the program that runs it. It may write nothing but a temporary
	// folder of its own. Optional.
	Readable []string `json:"readable"`
	// Hosts are those that it may reach, by the house's egress proxy and while it carries a
	// call: "api.example.com", "*.pkg.example.com", "git.example.com:22". A job's policy has
	// to list them as well. Default none: it has no network.
	Hosts []string `json:"hosts"`
	// Memory bounds what it and its processes have together, in bytes. Default 512 MiB.
	Memory int64 `json:"memory"`
	// Processes bounds how many it has at once, threads included. Default 64.
	Processes int64 `json:"processes"`
	// Without are the parts of the sandbox that may be missing on this machine, as clawea
	// doctor names them. Receipts and policies say so. Default none: the server is not
	// started without them.
	Without []string `json:"without"`

	// URL is that of a server somewhere else, over streamable HTTP. https, unless it is
	// this machine.
	URL string `json:"url"`
	// Headers are credentials that go with each request to URL, by the header's name.
	Headers map[string]Secret `json:"headers"`

	// Timeout is how long a call may take, from 1s to 10m. Default 1m.
	Timeout Delay `json:"timeout"`
}

var upstreamName = pattern{regexp.MustCompile(`^[a-z][a-z0-9]*$`), 24}

// ourTools are names that policies or receipts have for what is the house's own.
var ourTools = []string{"confluence", "jira", "model", "mcp", "egress", "seam", "receipts"}

const (
	defaultTimeout = Delay(time.Minute)
	maxTimeout     = Delay(10 * time.Minute)
)

func (c *Config) checkUpstreams() *problem {
	var names []string
	for i := range c.Upstreams {
		u, at := &c.Upstreams[i], fmt.Sprintf("/upstreams/%d", i)
		if !upstreamName.MatchString(u.Name) || slices.Contains(names, u.Name) || slices.Contains(ourTools, u.Name) {
			return &problem{at + "/name", "is not a name of its own: a lower-case letter, then up to 23 lower-case letters and digits, and no tool of the house's", "write it like \"wikimcp\""}
		}
		names = append(names, u.Name)
		if p := u.check(at); p != nil {
			return p
		}
	}
	return nil
}

func (u *Upstream) check(at string) *problem {
	switch {
	case u.Adapter == "":
		return &problem{at, "has no adapter", "name the adapter that says what the server's tools come to; without one all of its calls would be denied"}
	case (len(u.Command) == 0) == (u.URL == ""):
		return &problem{at, "says not where the server is, or two places", "write \"command\" for one that the house starts, or \"url\" for one that is somewhere else"}
	case u.URL != "" && (u.Env != nil || u.Secrets != nil || u.Readable != nil || u.Hosts != nil || u.Without != nil || u.Memory != 0 || u.Processes != 0):
		return &problem{at, "has \"url\" and what is for servers that the house starts", "leave out what belongs to \"command\""}
	case u.URL == "" && u.Headers != nil:
		return &problem{at + "/headers", "are for servers with \"url\"", "write \"env\" or \"secrets\""}
	case u.Memory < 0 || u.Processes < 0:
		return &problem{at, "has a limit below 0", "leave it out, for the default"}
	case u.Timeout != 0 && (u.Timeout < Delay(time.Second) || u.Timeout > maxTimeout):
		return &problem{at + "/timeout", "is not from 1s to 10m", "leave it out, for \"1m\""}
	}
	if u.URL != "" {
		if msg := wrongURL(u.URL, true); msg != "" {
			return &problem{at + "/url", msg, "write it like \"https://mcp.example.com/mcp\""}
		}
		return nil
	}
	for i, p := range append([]string{u.Command[0]}, u.Readable...) {
		if !filepath.IsAbs(p) || filepath.Clean(p) != p {
			where := at + "/command/0"
			if i > 0 {
				where = fmt.Sprintf("%s/readable/%d", at, i-1)
			}
			return &problem{where, "is not an absolute path", "write it whole, like \"/usr/bin/node\""}
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(u.Env)), slices.Collect(maps.Keys(u.Secrets))) {
		if _, twice := u.Secrets[name]; !envName.MatchString(name) || twice && u.Env[name] != "" {
			return &problem{at + "/env", fmt.Sprintf("%.40q is no variable's name, or is a secret, too", name), "write each once, of letters, digits and _"}
		}
		if len(u.Hosts) > 0 && slices.ContainsFunc(proxyNames, func(p string) bool { return strings.EqualFold(p, name) }) {
			return &problem{at + "/env", name + " is how the server finds its way to \"hosts\"", "leave it out: the house sets it"}
		}
	}
	return u.checkHosts(at)
}

// proxyNames are the variables that lead a server to the house's proxy, and past it.
var proxyNames = []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "NODE_USE_ENV_PROXY"}

// checkHosts also wants a network of the server's own: without one, others on this machine
// could connect by its proxy.
func (u *Upstream) checkHosts(at string) *problem {
	if _, err := policy.ParseHosts(u.Hosts); err != nil {
		return &problem{at + "/hosts", err.Error(), "write each like an entry of a policy's egress.hosts_allowlist"}
	}
	if len(u.Hosts) > 0 && slices.Contains(u.Without, "network_namespace") {
		return &problem{at + "/without", "has network_namespace, and the server has \"hosts\"", "take one of the two out: a server that reaches hosts needs a network that is only its own"}
	}
	return nil
}

// secrets lists those of u.
func (u *Upstream) secrets(at string) []placedSecret {
	var out []placedSecret
	for _, kind := range []struct {
		name string
		in   map[string]Secret
	}{{"secrets", u.Secrets}, {"headers", u.Headers}} {
		for _, name := range slices.Sorted(maps.Keys(kind.in)) {
			s := kind.in[name]
			out = append(out, placedSecret{at + "/" + kind.name + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name), &s})
		}
	}
	return out
}

// complete fills in defaults. Paths are relative to dir.
func (u *Upstream) complete(dir string) {
	if u.Timeout == 0 {
		u.Timeout = defaultTimeout
	}
	if path, ok := strings.CutPrefix(u.Adapter, "file:"); ok {
		u.Adapter = "file:" + absolute(dir, path)
	}
	for _, in := range []map[string]Secret{u.Secrets, u.Headers} {
		for name, s := range in {
			s.dir = dir
			in[name] = s
		}
	}
}
