// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seam

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// Prefix is what Envoy puts before the path of the agent's request ("path_prefix").
const Prefix = "/ext_authz"

// Headers of answers to Envoy. It takes those on to the upstream, or to the agent, that
// its configuration lists.
const (
	receiptHeader  = "X-Clawea-Receipt"
	ticketHeader   = "X-Clawea-Ticket"
	approvalHeader = "X-Clawea-Approval"
	removeHeader   = "X-Envoy-Auth-Headers-To-Remove" // Envoy takes these from the request, once those above are in it
	partialHeader  = "X-Envoy-Auth-Partial-Body"      // Envoy says so with each body that it shows
)

// tooMuch is why a request is refused that is not looked at (spec/receipt.md 2.7).
const tooMuch = "limit.request"

// A sending is what an agent has sent to a gateway, and what that means.
type sending struct {
	passes bool // it is no call
	req    *request
	beyond *gate.Beyond // why it is not looked at
}

// ServeExtAuthz answers Envoy's HTTP service for external authorization: 200 lets the
// agent's request through, and nothing else does.
func (h *Handler) ServeExtAuthz(w http.ResponseWriter, r *http.Request) {
	gw := h.from(r)
	if gw == nil {
		h.refuse(w, noGateway)
		return
	}
	path, query, _ := strings.Cut(strings.TrimPrefix(r.RequestURI, Prefix), "?")
	s := h.sending(w, r, gw, path, query)
	shown, ok := h.present(w, r, gw, r.Method, path)
	if !ok {
		h.door.Challenge(w.Header(), "", "")
		h.refuse(w, noToken)
		return
	}
	if s.passes {
		if _, err := h.gate.Admit(r.Context(), shown, pass); err != nil {
			h.refuse(w, h.problem(w, r, err))
			return
		}
		w.Header().Set(removeHeader, strings.Join([]string{unwanted, receiptHeader, ticketHeader}, ", "))
		w.WriteHeader(http.StatusOK)
		return
	}
	c, err := h.gate.Authenticate(r.Context(), shown, asking)
	if err == nil && s.beyond != nil {
		err = h.gate.TurnAway(r.Context(), c, s.req.Action, s.beyond)
	}
	if err != nil {
		h.refuse(w, h.problem(w, r, err))
		return
	}
	v, err := h.decide(r.Context(), c, s.req)
	if err != nil {
		h.refuse(w, h.problem(w, r, err))
		return
	}
	h.answer(w, v)
}

// unwanted are headers of agents' that are nobody's behind the gateway: their secrets, and
// those that say another method than was decided.
var unwanted = "Authorization, DPoP, Clawea-Job, Clawea-Policy, " + strings.Join(overriding, ", ")

// answer tells Envoy v.
func (h *Handler) answer(w http.ResponseWriter, v *api.Verdict) {
	w.Header().Set(receiptHeader, v.Receipt)
	switch v.Effect {
	case policy.Allow:
		remove := unwanted
		if v.Ticket == "" {
			remove += ", " + ticketHeader
		} else {
			w.Header().Set(ticketHeader, v.Ticket)
		}
		w.Header().Set(removeHeader, remove)
		w.WriteHeader(http.StatusOK)
	case policy.Ask:
		w.Header().Set(approvalHeader, v.Approval)
		http.Error(w, fmt.Sprintf("a person must approve this exact call: %s\nsend it again, unchanged, once somebody has run: clawea approve yes %s", reasons(v), v.Approval), http.StatusForbidden)
	default:
		why := reasons(v)
		if v.Message != "" {
			why = strings.ReplaceAll(v.Message, "\n", " ")
		}
		http.Error(w, "the policy of this job does not allow this call: "+why+"\nask for less, or have the policy changed", http.StatusForbidden)
	}
}

// refuse tells Envoy, and through it the agent, what is wrong and what mends it.
func (h *Handler) refuse(w http.ResponseWriter, p *api.Problem) {
	says, _, _ := strings.Cut(p.Error(), "\n")
	http.Error(w, says+"\n"+p.Hint, p.Status)
}

// A reading is a request of an agent's while it is looked at.
type reading struct {
	*Handler
	r           *http.Request
	path, query string
	by          *gate.Carrier
}

// sending reads what the agent has sent to path. What no route means is a call of no tool.
func (h *Handler) sending(w http.ResponseWriter, r *http.Request, gw *gateway, path, query string) *sending {
	x := &reading{h, r, path, query, &gate.Carrier{Name: gw.Name, Mode: gw.Mode, Silent: true}}
	if !plainPath(path) {
		return x.strange("path", "the path is not in its one form; write it without empty or dotted segments and without needless encoding")
	}
	if overridden(r) {
		return x.strange("method", "a header says another method than the request has; send the method itself")
	}
	m := gw.find(r.Context(), r.Method, path)
	if m == nil {
		return x.strange("unknown_route", "no route leads there; have one added to the house's configuration")
	}
	x.by.Silent = !m.route.Reported
	b, whole := x.body(w)
	switch {
	case !whole:
		s := x.strange("too_large", "")
		s.beyond = &gate.Beyond{Code: tooMuch, Msg: "the request is too large, or the gateway does not show all of it\nsend less, or have the gateway show more: max_request_bytes"}
		return s
	case m.route.Kind == MCP:
		return x.message(m.route, b)
	}
	return x.http(m, b)
}

// strange is a call of no tool.
func (x *reading) strange(code, says string) *sending {
	text, err := seal.Marshal(&sent{Method: x.r.Method, Path: visible(x.path)})
	if err != nil {
		text = nil // it is denied whatever it is
	}
	return &sending{req: stranger(code, says, text, x.by)}
}

// body is all of the body. It is false where that is too long, or only a part.
func (x *reading) body(w http.ResponseWriter) ([]byte, bool) {
	b, p := body(w, x.r)
	partial := x.r.Header.Values(partialHeader)
	return b, p == nil && (len(partial) == 0 || len(partial) == 1 && partial[0] == "false")
}

// message reads a message to an MCP server.
func (x *reading) message(route *Route, body []byte) *sending {
	switch method := x.r.Method; {
	case (method == http.MethodGet || method == http.MethodDelete) && len(body) == 0:
		return &sending{passes: true} // listening, and the end of a session
	case method != http.MethodPost:
		return x.strange("method", "MCP is spoken with POST, GET and DELETE; send a message with POST")
	case encodedBody(x.r):
		return x.strange("encoding", "the body is encoded; send it as plain JSON in UTF-8")
	}
	m, err := readMessage(body)
	switch {
	case errors.Is(err, errBatch):
		return x.strange("batch", "the body is several messages; send them one by one")
	case err != nil:
		return x.strange("message", "the body is not one JSON-RPC message with each name once; send one")
	case !agrees(x.r, m):
		return x.strange("headers", "a header says another method or tool than the body; say the same in both")
	case m.passes:
		return &sending{passes: true}
	}
	action := m.name
	if m.method != "tools/call" {
		action = otherMethods + strings.ReplaceAll(m.method, "/", ".")
	} else if strings.HasPrefix(action, otherMethods) {
		action = "" // no tool is called as a method is
	}
	if !actionName(action) {
		return x.strange("unknown_tool", "a tool's name is of letters, digits, '_', '.' and '-' here; call one that tools/list names")
	}
	class := cmp.Or(route.Classes[action], route.Class, policy.Write)
	return &sending{req: x.request(route.Tool, action, class, m.args, x.by)}
}

// otherMethods begin the names of actions that are methods of MCP's own:
// "mcp.resources.read".
const otherMethods = "mcp."

// agrees reports whether the headers in which newer clients repeat what a message asks for
// say what m does: a server may go by either.
func agrees(r *http.Request, m *message) bool {
	for _, method := range r.Header.Values("Mcp-Method") {
		if method != m.method {
			return false
		}
	}
	for _, name := range r.Header.Values("Mcp-Name") {
		if m.name != "" && plainName(name) != m.name {
			return false
		}
	}
	return true
}

// plainName is what a header says that has a name: as it is, or packed, as clients write
// what is not all visible ASCII.
func plainName(s string) string {
	packed, begins := strings.CutPrefix(s, "=?base64?")
	packed, ends := strings.CutSuffix(packed, "?=")
	if b, err := base64.StdEncoding.DecodeString(packed); begins && ends && err == nil {
		return string(b)
	}
	return s
}

// overriding are headers by which some servers take a request for one of another method.
// What the house cannot see there, since Envoy shows only what it is configured to, is
// taken off.
var overriding = []string{"X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"}

// overridden reports whether r says so. One that says the method that it has is as
// strange: nobody needs it.
func overridden(r *http.Request) bool {
	return slices.ContainsFunc(overriding, func(name string) bool { return len(r.Header.Values(name)) > 0 })
}

// encodedBody reports whether the body says that it is not plain JSON in UTF-8.
func encodedBody(r *http.Request) bool {
	_, charset, _ := strings.Cut(strings.ToLower(r.Header.Get("Content-Type")), "charset=")
	charset, _, _ = strings.Cut(charset, ";")
	encoding := r.Header.Get("Content-Encoding")
	return encoding != "" && !strings.EqualFold(encoding, "identity") || charset != "" && strings.Trim(charset, `" `) != "utf-8"
}

// sent is a request of HTTP as a call's arguments.
type sent struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Query  string          `json:"query,omitzero"`
	Body   json.RawMessage `json:"body,omitzero"`        // that is strict JSON
	Text   string          `json:"text,omitzero"`        // that is other text
	Digest seal.Hash       `json:"body_sha256,omitzero"` // of a body that is neither
}

// http reads a request that is one call. Of the house's own tools its path says all of
// the arguments; of others the whole request is them.
func (x *reading) http(m *match, body []byte) *sending {
	route := m.route
	if _, ours := x.tools[policy.Action{Tool: route.Tool, Name: route.Action}.String()]; ours {
		args, err := seal.Marshal(m.path)
		if err != nil || x.query != "" || len(body) > 0 {
			return x.strange("more", "the request has a query or a body, of which the route says nothing; leave it away")
		}
		return &sending{req: x.request(route.Tool, route.Action, "", args, x.by)}
	}
	if len(body) == 0 && !route.Empty && slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, x.r.Method) {
		return x.strange("body_unseen", "the gateway shows no body; have it show bodies (with_request_body), or say that there is none (\"empty\")")
	}
	args, err := seal.Marshal(content(x.r.Method, x.path, x.query, body))
	if err != nil {
		return x.strange("more", "the request cannot be written down; send less")
	}
	return &sending{req: x.request(route.Tool, route.Action, cmp.Or(route.Class, policy.Write), args, x.by)}
}

func content(method, path, query string, body []byte) *sent {
	out := &sent{Method: method, Path: path, Query: visible(query)}
	canonical, err := seal.Canonical(body)
	switch {
	case len(body) == 0:
	case err == nil:
		out.Body = canonical
	case utf8.Valid(body):
		out.Text = string(body)
	default:
		out.Digest = seal.Sum(body)
	}
	return out
}

// visible is s as text, whatever was sent: net/http takes bytes that are not.
func visible(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}
