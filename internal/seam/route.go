// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seam

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/clawea/clawea/policy"
)

// The kinds of routes.
const (
	MCP  = "mcp"  // Path is an MCP endpoint, whose bodies are JSON-RPC messages
	HTTP = "http" // a request of Method to Path is one call
)

// A Route says what a request that comes through Envoy means.
type Route struct {
	Kind   string
	Method string       // of HTTP
	Path   string       // of HTTP a pattern of net/http.ServeMux's, without method and host; of MCP the path itself
	Tool   string       // that it is a call of; of MCP, what is before the dot
	Action string       // of HTTP
	Class  policy.Class // of tools of agents' own, unless Classes says another; "": write
	// Classes are those of an MCP server's tools, by their names.
	Classes map[string]policy.Class
	// Reported says that somebody tells what becomes of the calls. Envoy does not.
	Reported bool
	// Empty says that such requests have no body. Otherwise one of a method that has
	// one is denied where Envoy does not show it.
	Empty bool
}

// A match is the route that a request takes, and what its path says.
type match struct {
	route *Route
	path  map[string]string // by the pattern's names
}

type matchKey struct{}

// mux makes a table of routes. It fails, in two lines, for one that cannot be.
func (h *Handler) mux(routes []Route) (*http.ServeMux, error) {
	mux := http.NewServeMux()
	for i := range routes {
		r := &routes[i]
		if err := h.checkRoute(r); err != nil {
			return nil, err
		}
		pattern := r.Path
		switch {
		case r.Kind == HTTP:
			pattern = r.Method + " " + r.Path
		case strings.HasSuffix(r.Path, "/"):
			pattern += "{$}" // it, and nothing below it: much of what goes to an MCP endpoint passes
		}
		if err := handle(mux, pattern, take(r)); err != nil {
			return nil, err
		}
	}
	return mux, nil
}

// checkRoute says what is wrong with r, and what mends it.
func (h *Handler) checkRoute(r *Route) error {
	name := policy.Action{Tool: r.Tool, Name: r.Action}.String()
	t, ours := h.tools[name]
	switch {
	case !strings.HasPrefix(r.Path, "/"):
		return fmt.Errorf("route %q has no path\nwrite one that begins with a slash", name)
	case r.Kind == MCP && (r.Action != "" || r.Method != "" || strings.ContainsAny(r.Path, "{}")):
		return fmt.Errorf("route %s is an MCP server's, and has a method, an action or a pattern\nremove them: a message says what it calls", r.Path)
	case r.Kind == MCP && !h.own(r.Tool):
		return fmt.Errorf("route %s calls %q, which is no name for an agent's own tool\nchoose another name for \"tool\": letters a-z, digits, _ and -, and none of the house's own tools", r.Path, r.Tool)
	case r.Kind == MCP:
		return nil
	case r.Kind != HTTP:
		return fmt.Errorf("route %s is of no known kind\nwrite \"kind\": \"mcp\" or \"http\"", r.Path)
	case r.Method == "" || strings.ContainsAny(r.Method, " \t/"):
		return fmt.Errorf("route %s has no method\nwrite one, like \"GET\"", r.Path)
	case ours && t.Action.Class != policy.Read:
		return fmt.Errorf("route %s %s is for %s, which does more than reading\nhave the agent call it at /mcp, or ask at /v1/authorize: a path says too little of it", r.Method, r.Path, name)
	case !ours && !(h.own(r.Tool) && actionName(r.Action)):
		return fmt.Errorf("route %s %s is for %q, which is neither a tool of the house's nor a name for an agent's own\nwrite a tool and an action, like \"jira\" and \"issue.get\", or \"billing\" and \"invoice.send\"", r.Method, r.Path, name)
	}
	return nil
}

// take notes r as the match that a request's context has room for.
func take(r *Route) http.Handler {
	var names []string
	for part := range strings.SplitSeq(r.Path, "{") {
		name, _, ok := strings.Cut(part, "}")
		if name = strings.TrimSuffix(name, "..."); ok && name != "$" {
			names = append(names, name)
		}
	}
	return http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		m, ok := req.Context().Value(matchKey{}).(*match)
		if !ok { // unreachable: find makes room
			return
		}
		m.route, m.path = r, map[string]string{}
		for _, name := range names {
			m.path[name] = req.PathValue(name)
		}
	})
}

// handle is mux.Handle, which panics.
func handle(mux *http.ServeMux, pattern string, h http.Handler) (err error) {
	defer func() {
		if recover() != nil { // what it says is of several lines, and of this file
			err = fmt.Errorf("route %q is malformed, or no more specific than another that means the same requests\nmend its path, or remove one of the two", pattern)
		}
	}()
	mux.Handle(pattern, h)
	return nil
}

// find returns the route that method and path take, which plainPath has passed; nil if
// there is none.
func (gw *gateway) find(ctx context.Context, method, path string) *match {
	u, err := url.ParseRequestURI(path)
	if err != nil || u.Host != "" {
		return nil
	}
	m := new(match)
	req := (&http.Request{Method: method, URL: u, Header: http.Header{}}).WithContext(context.WithValue(ctx, matchKey{}, m))
	gw.routes.ServeHTTP(nowhere{}, req)
	if m.route == nil {
		return nil
	}
	return m
}

// nowhere is where a table of routes writes what it would tell a client.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}
