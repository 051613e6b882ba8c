// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
)

// An API is one of the REST interfaces, by the name of its published
// description.
type API string

// The interfaces of Cloud sites. Data Center has drivers of its own.
const (
	Jira3       API = "jira-platform-v3"
	Confluence1 API = "confluence-v1"
	Confluence2 API = "confluence-v2"
)

// Prefix is what comes before the paths of a's description.
func (a API) Prefix() string {
	switch a {
	case Confluence2:
		return "/wiki/api/v2"
	}
	return "" // the others' descriptions have whole paths
}

// A Credential's use.
const (
	ForReading = "read"
	ForWriting = "write"
	ForUndoing = "undo"
)

// An Endpoint is a request that an operation may send.
type Endpoint struct {
	API    API
	Method string
	Path   string   // as its description has it: "/pages/{id}"
	Query  []string // the query's keys, all that are ever sent
	Scopes []string // granular OAuth scopes that it needs
	Use    string   // the credential that sends it: ForReading, ForWriting or ForUndoing
	Safe   bool     // whether it changes nothing although its method is not GET
}

// Matches reports whether r is a request to e.
func (e *Endpoint) Matches(r *Request) bool {
	if r.Method != e.Method {
		return false
	}
	for k := range r.Query {
		if !slices.Contains(e.Query, k) {
			return false
		}
	}
	want, got := strings.Split(e.API.Prefix()+e.Path, "/"), strings.Split(r.Path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool {
		if strings.HasPrefix(w, "{") && strings.HasSuffix(w, "}") {
			s, err := url.PathUnescape(g)
			return err == nil && s != "" && s != "." && s != ".."
		}
		return w == g
	})
}

// An Operation is a row of a connector's table: all that is known of an action,
// in one place. Tools, their schemas, the requests that are let out, the scopes
// that credentials need and the documentation come from it.
type Operation struct {
	Name        string       // "page.update"
	Class       policy.Class //
	Title       string       // for people
	Description string       // for agents; "" if it is not offered
	Args        []Arg
	Endpoints   []Endpoint
	Fields      string // what it shows or writes
	Limits      string // what bounds it
	Evidence    string // what its receipts say
	Undo        string // how it is taken back; of one that changes nothing, ""
	// Offered says that the connector carries it out. One that it does not is named
	// so that policies can deny it, and calls of it leave a receipt.
	Offered bool
}

// An Arg is an argument of an operation.
type Arg struct {
	Name     string
	Required bool
	Schema   string // JSON Schema of its value, with a description
}

// Schema is the closed JSON Schema of o's arguments.
func (o *Operation) Schema() []byte {
	var b strings.Builder
	b.WriteString(`{"type":"object","additionalProperties":false`)
	var required, properties []string
	for _, a := range o.Args {
		name, err := json.Marshal(a.Name)
		if err != nil { // unreachable: strings have a JSON form
			continue
		}
		if a.Required {
			required = append(required, string(name))
		}
		properties = append(properties, string(name)+":"+a.Schema)
	}
	if len(required) > 0 {
		b.WriteString(`,"required":[` + strings.Join(required, ",") + `]`)
	}
	b.WriteString(`,"properties":{` + strings.Join(properties, ",") + `}}`)
	return []byte(b.String())
}

// Endpoints are those of ops that a credential's use sends, each once.
func Endpoints(ops []Operation, use string) []Endpoint {
	var out []Endpoint
	for _, o := range ops {
		for _, e := range o.Endpoints {
			same := func(x Endpoint) bool { return x.Method == e.Method && x.API == e.API && x.Path == e.Path }
			switch i := slices.IndexFunc(out, same); {
			case !o.Offered || e.Use != use:
			case i < 0:
				e.Query = slices.Clone(e.Query)
				out = append(out, e)
			default:
				out[i].Query = append(out[i].Query, e.Query...)
			}
		}
	}
	return out
}

// Scopes are the granular scopes that a credential needs for its use of ops,
// sorted.
func Scopes(ops []Operation, use string) []string {
	var out []string
	for _, e := range Endpoints(ops, use) {
		out = append(out, e.Scopes...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// known reports whether r may be sent at all.
func (c *Client) known(r *Request) bool {
	return c.endpoints == nil || slices.ContainsFunc(c.endpoints, func(e Endpoint) bool { return e.Matches(r) })
}
