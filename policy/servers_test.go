// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/clawea/clawea/seal"
)

// worldServers have a tool of the same definition, and one each of their own.
var worldServers = []Server{
	{"files", seal.Sum([]byte("files")), []PinnedTool{{"find", seal.Sum([]byte("find"))}, {"get", seal.Sum([]byte("get"))}}},
	{"wiki", seal.Sum([]byte("wiki")), []PinnedTool{{"find", seal.Sum([]byte("find"))}, {"put", seal.Sum([]byte("put"))}}},
}

// drawThrough has a call go through a server, most often one that is pinned to whoever
// lists the mode.
func drawThrough(t *rapid.T, c *Call) {
	s := rapid.SampledFrom(worldServers).Draw(t, "server")
	c.Mode, c.Server = "mcp_server", s.Identity
	c.Definition = rapid.SampledFrom(s.Tools).Draw(t, "server's tool").Definition
	if drawRarely(t, "odd server", 2) {
		c.Server = rapid.SampledFrom([]seal.Hash{{}, worldServers[0].Identity, seal.Sum(nil)}).Draw(t, "which server")
		c.Definition = rapid.SampledFrom([]seal.Hash{{}, worldServers[0].Tools[1].Definition, seal.Sum(nil)}).Draw(t, "which tool")
		c.Mode = rapid.SampledFrom([]string{"mcp_server", "official_api", ""}).Draw(t, "which mode")
	}
}

const throughServers = `{"wpc_version": "v1", "connection_mode": ["official_api", "mcp_server"], "tool_policy": {"allow": ["repo.*"]}}`

func TestBindServers(t *testing.T) {
	p := parse(t, throughServers)
	tools := func(n int) []PinnedTool {
		out := make([]PinnedTool, n)
		for i := range out {
			out[i] = PinnedTool{fmt.Sprintf("t%05d", i), seal.Sum([]byte{byte(i)})}
		}
		return out
	}
	servers := func(n int) []Server {
		out := make([]Server, n)
		for i := range out {
			out[i] = Server{fmt.Sprintf("s%02d", i), seal.Sum([]byte{1}), nil}
		}
		return out
	}
	one := seal.Sum([]byte("one"))
	for _, tt := range []struct {
		name    string
		servers []Server
		fits    bool
	}{
		{"none", nil, true},
		{"two", worldServers, true},
		{"of one identity", []Server{{"a", one, tools(1)}, {"b", one, tools(1)}}, true},
		{"without tools", []Server{{"a", one, nil}}, true},
		{"as many as there can be", servers(MaxServers), true},
		{"one too many", servers(MaxServers + 1), false},
		{"as many tools as there can be", []Server{{"a", one, tools(MaxServerTools)}}, true},
		{"one tool too many", []Server{{"a", one, tools(MaxServerTools + 1)}}, false},
		{"not sorted", []Server{worldServers[1], worldServers[0]}, false},
		{"twice", []Server{worldServers[0], worldServers[0]}, false},
		{"no identity", []Server{{"a", seal.Hash{}, tools(1)}}, false},
		{"no name", []Server{{"", one, tools(1)}}, false},
		{"a name that is none", []Server{{"two words", one, tools(1)}}, false},
		{"a long name", []Server{{strings.Repeat("a", 129), one, tools(1)}}, false},
		{"tools not sorted", []Server{{"a", one, []PinnedTool{{"y", one}, {"x", one}}}}, false},
		{"a tool twice", []Server{{"a", one, []PinnedTool{{"x", one}, {"x", seal.Sum(nil)}}}}, false},
		{"no definition", []Server{{"a", one, []PinnedTool{{"x", seal.Hash{}}}}}, false},
		{"a tool without a name", []Server{{"a", one, []PinnedTool{{"", one}}}}, false},
		{"a tool that turns the text around", []Server{{"a", one, []PinnedTool{{"x\u202ey", one}}}}, false},
	} {
		b := bindingFor(p)
		b.Servers = tt.servers
		if _, err := p.Bind(b); (err == nil) != tt.fits || err != nil && !errors.Is(err, ErrBinding) {
			t.Errorf("%s: error = %v", tt.name, err)
		}
		if err := p.CheckServers(tt.servers); (err == nil) != tt.fits {
			t.Errorf("%s: checked: %v", tt.name, err)
		}
	}
}

// TestServersNeedTheMode says: a policy that does not list mcp_server pins nothing.
func TestServersNeedTheMode(t *testing.T) {
	for _, mode := range []string{``, `"connection_mode": ["official_api"], `, `"connection_mode": [], `} {
		p := parse(t, strings.Replace(throughServers, `"connection_mode": ["official_api", "mcp_server"], `, mode, 1))
		b := bindingFor(p)
		if p.Upstream() || b.Servers != nil {
			t.Errorf("%q: servers are for it", mode)
		}
		b.Servers = worldServers
		if _, err := p.Bind(b); !errors.Is(err, ErrBinding) {
			t.Errorf("%q: error = %v", mode, err)
		}
	}
}

func TestPinned(t *testing.T) {
	p := parse(t, throughServers)
	bound, err := p.Bind(bindingFor(p))
	if err != nil {
		t.Fatal(err)
	}
	files, wiki := &worldServers[0], &worldServers[1]
	for _, tt := range []struct {
		name               string
		server, definition seal.Hash
		want               bool
	}{
		{"a tool", files.Identity, files.Tools[1].Definition, true},
		{"another server's", wiki.Identity, wiki.Tools[0].Definition, true},
		{"a tool of the other server", wiki.Identity, files.Tools[1].Definition, false},
		{"another tool", files.Identity, seal.Sum(nil), false},
		{"another server", seal.Sum(nil), files.Tools[1].Definition, false},
		{"no server", seal.Hash{}, files.Tools[1].Definition, false},
		{"no tool", files.Identity, seal.Hash{}, false},
	} {
		if got := bound.Pinned(tt.server, tt.definition); got != tt.want {
			t.Errorf("%s: pinned = %t", tt.name, got)
		}
		server, tool := bound.Through(&Call{Server: tt.server, Definition: tt.definition})
		if (server != "") != tt.want || (tool != "") != tt.want || tt.name == "a tool" && server+" "+tool != "files get" {
			t.Errorf("%s: it is %q of %q", tt.name, tool, server)
		}
	}
	if p.Pinned(files.Identity, files.Tools[0].Definition) || new(Policy).Pinned(seal.Hash{}, seal.Hash{}) {
		t.Error("a policy that is not bound pins something")
	}
}

// TestThroughServers says: whatever else a policy says, nothing goes through a server
// that is not pinned, and what is pinned permits nothing by itself.
func TestThroughServers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, c := policyOf(t, drawDocument(t)), drawCall(t)
		drawThrough(t, c)
		f := drawFacts(t, c)
		got := p.Decide(c, f)
		through := c.Mode == "mcp_server" || !c.Server.IsZero()
		if pinned := c.Mode == "mcp_server" && c.Tool != "model" && p.Pinned(c.Server, c.Definition); through && !pinned && got.Effect != Deny {
			t.Fatalf("%v, and nothing is pinned: %+v", got.Effect, c)
		}
		straight, answers := *c, *f
		straight.Mode, straight.Server = "official_api", seal.Hash{}
		answers.Approvals = slices.Clone(f.Approvals)
		for i := range answers.Approvals {
			answers.Approvals[i].Call = straight.Digest()
		}
		if want := p.Decide(&straight, &answers).Effect; got.Effect > want && slices.Contains(p.doc.ConnectionMode, "official_api") {
			t.Fatalf("%v through a server, %v straight", got.Effect, want)
		}
	})
}

// TestPinsAreInTheBinding says: a binding with another pin is another binding, so a
// receipt says by which of them it was decided.
func TestPinsAreInTheBinding(t *testing.T) {
	p := parse(t, throughServers)
	hash := func(change func(*Server)) seal.Hash {
		b := bindingFor(p)
		b.At = time.Unix(0, 0).UTC()
		b.Servers = []Server{{"files", seal.Sum(nil), slices.Clone(worldServers[0].Tools)}}
		change(&b.Servers[0])
		bound, err := p.Bind(b)
		if err != nil {
			t.Fatal(err)
		}
		return bound.Decide(&Call{}, &Facts{}).Binding
	}
	was := hash(func(*Server) {})
	for name, change := range map[string]func(*Server){
		"name":       func(s *Server) { s.Name = "other" },
		"identity":   func(s *Server) { s.Identity = seal.Sum([]byte("other")) },
		"tool":       func(s *Server) { s.Tools[0].Name = "a" },
		"definition": func(s *Server) { s.Tools[0].Definition = seal.Sum([]byte("other")) },
		"fewer":      func(s *Server) { s.Tools = s.Tools[1:] },
	} {
		if got := hash(change); got.Equal(was) {
			t.Errorf("%s: the binding is the same", name)
		}
	}
}

// TestExplainServers says: people are told what pinning comes to where a policy uses
// servers, and nowhere else.
func TestExplainServers(t *testing.T) {
	says := func(p *Policy) bool {
		return slices.ContainsFunc(p.ExplainClause("/connection_mode"), func(s Sentence) bool {
			return strings.Contains(s.Says, "as long as they describe themselves as they did then")
		})
	}
	if !says(parse(t, throughServers)) || says(parse(t, strings.Replace(throughServers, `, "mcp_server"`, ``, 1))) {
		t.Error("the sentence about servers is missing, or there in vain")
	}
}
