// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package egress is a proxy through which an agent's processes reach hosts of
// the internet's: those that the job's policy lists, and no others. It knows one
// method, CONNECT, and passes bytes on without looking at them, but for the name
// that a client of TLS asks for: it opens no encryption and changes nothing.
//
// Every connection is one call through the gate (egress.connect): its opened
// receipt is durable before anything is looked up, and its closed one says which
// address it went to, how many bytes either way and how it ended.
//
// A client shows its token as Proxy-Authorization: by Basic, with the user cst
// and the token as password, as HTTPS_PROXY=http://cst:TOKEN@ADDRESS makes most
// programs do; by Bearer; or by DPoP, with a proof (spec/token.md 6.7). A Guest shows
// none.
package egress

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

const (
	// receiptHeader names the opened receipt of the call: "JOB/SEQ".
	receiptHeader = "Clawea-Receipt"
	// refusedHeader has the code of a refusal.
	refusedHeader = "Clawea-Refused"
	// user is who clients say they are, by Basic. The password is the token.
	user = "cst"

	codeTunnels = "limit.tunnels" // more connections at once than the house allows
)

// Connect is the one action that there is.
var Connect = policy.Action{Tool: policy.EgressTool, Name: policy.EgressAction, Class: policy.Connect}

// Limits bound what connections may take. Zero values are the defaults.
type Limits struct {
	Idle  time.Duration // without a byte either way; default 5 minutes
	Total time.Duration // from beginning to end; default 1 hour
	Bytes int64         // of one connection, both ways; default 1 GiB
	Job   int           // connections of a job at once; default 64
	All   int           // connections at once; default 1024
}

func (l Limits) complete() Limits {
	if l.Idle == 0 {
		l.Idle = 5 * time.Minute
	}
	if l.Total == 0 {
		l.Total = time.Hour
	}
	if l.Bytes == 0 {
		l.Bytes = 1 << 30
	}
	if l.Job == 0 {
		l.Job = 64
	}
	if l.All == 0 {
		l.All = 1024
	}
	return l
}

// A Proxy serves CONNECT. Its fields must not change while it serves.
type Proxy struct {
	Gate    *gate.Gate
	Nonces  gate.Nonces                                             // the house's, for proofs
	URL     string                                                  // where others reach the proxy, without a path
	Private map[string][]netip.Prefix                               // by name: hosts of the operator's own network, and where each of their addresses is
	Limits  Limits                                                  //
	Log     *slog.Logger                                            //
	Lookup  func(context.Context, string) ([]netip.Addr, error)     // the addresses of a name; nil: the system's resolver
	Dial    func(context.Context, netip.AddrPort) (net.Conn, error) // connects to an address; nil: by TCP
	Own     func() ([]netip.Addr, error)                            // the addresses of this machine; nil: those of its interfaces

	once   sync.Once
	limits Limits
	lookup func(context.Context, string) ([]netip.Addr, error)
	dial   func(context.Context, netip.AddrPort) (net.Conn, error)
	own    func() ([]netip.Addr, error)
	open   counter
}

// prepare makes what serving needs.
func (p *Proxy) prepare() {
	p.limits = p.Limits.complete()
	if p.lookup = p.Lookup; p.lookup == nil {
		p.lookup = lookup
	}
	if p.dial = p.Dial; p.dial == nil {
		p.dial = dial
	}
	if p.own = p.Own; p.own == nil {
		p.own = interfaces
	}
}

// ServeHTTP carries one CONNECT through the gate.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.once.Do(p.prepare)
	x := &exchange{proxy: p, w: w, r: r}
	if r.Method != http.MethodConnect {
		x.tellMethod()
		return
	}
	x.to = parseTarget(r.RequestURI)
	shown, ok := x.present()
	if !ok {
		x.challenge("")
		x.tell(http.StatusProxyAuthRequired, "the request has no CST, or more than one\nstart the program with clawea run -egress, or set HTTPS_PROXY=http://"+user+":TOKEN@ADDRESS")
		return
	}
	ctx := r.Context()
	caller, err := p.Gate.Authenticate(ctx, shown, Connect)
	if err != nil {
		x.refuse(err)
		return
	}
	job := caller.Claims().Job
	if !p.open.enter(job, &p.limits) {
		x.refuse(p.Gate.TurnAway(ctx, caller, Connect, &gate.Beyond{Code: codeTunnels, Msg: crowd}))
		return
	}
	defer p.open.leave(job)
	last, _, err := p.Gate.Carry(ctx, caller, &gate.Request{Action: Connect, Text: x.text(), Plan: x.plan})
	if x.answered {
		x.unclosed(err, job)
		return
	}
	x.cite(last)
	x.refuse(err)
}

// unclosed logs that a connection ended whose receipt could not be closed, if that is
// what err says.
func (x *exchange) unclosed(err error, job string) {
	if errors.Is(err, gate.ErrUnclosed) {
		x.proxy.Log.ErrorContext(x.r.Context(), "close the receipt of a connection", "job", job, "error", err)
	}
}

// present reads how the client shows its token. It is false if it does not, or
// does so twice.
func (x *exchange) present() (*token.Presentation, bool) {
	h := x.r.Header
	p := &token.Presentation{
		Scheme: token.SchemeBearer, Proofs: h.Values("DPoP"), Method: http.MethodConnect, URL: x.proxy.URL + "/" + x.r.RequestURI,
		Job: h.Get("Clawea-Job"), Policy: h.Get("Clawea-Policy"),
	}
	if x.to != nil {
		p.URL = x.proxy.URL + "/" + x.to.id
	}
	if len(p.Proofs) > 0 {
		x.w.Header().Set("DPoP-Nonce", x.proxy.Nonces.New())
	}
	given := h.Values("Proxy-Authorization")
	if len(given) != 1 {
		return nil, false
	}
	scheme, raw, _ := strings.Cut(strings.TrimSpace(given[0]), " ")
	p.Raw = strings.TrimSpace(raw)
	switch {
	case strings.EqualFold(scheme, token.SchemeDPoP):
		p.Scheme = token.SchemeDPoP
	case strings.EqualFold(scheme, "Basic"):
		p.Raw = password(p.Raw)
	case !strings.EqualFold(scheme, token.SchemeBearer):
		return nil, false
	}
	return p, p.Raw != ""
}

// password is the password of Basic credentials (RFC 7617) of our user, or "".
func password(credentials string) string {
	b, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil {
		return ""
	}
	name, word, _ := strings.Cut(string(b), ":")
	if name != user {
		return ""
	}
	return word
}

// parseTarget reads the authority that a CONNECT is for (RFC 9110 9.3.6). It is
// nil unless that is a host that policies can name, and a port.
func parseTarget(authority string) *target {
	name, digits, err := net.SplitHostPort(authority)
	if err != nil {
		return nil
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || strconv.FormatUint(port, 10) != digits {
		return nil
	}
	if strings.Contains(name, ":") != strings.HasPrefix(authority, "[") {
		return nil
	}
	id, ok := policy.HostID(name, uint16(port))
	if !ok {
		return nil
	}
	host := id[:strings.LastIndexByte(id, ':')]
	return &target{id, strings.Trim(host, "[]"), uint16(port)}
}

// isAddress reports whether t is one by an address.
func (t *target) isAddress() bool {
	_, err := netip.ParseAddr(t.name)
	return err == nil
}

// A request is what a connection is asked for by, as conditions see it and receipts
// commit to it.
type request struct {
	Host   string `json:"host"` // without brackets
	Port   int    `json:"port"`
	Server string `json:"server,omitempty"` // the MCP server that asks, by its name in the configuration; missing: the agent does
}

// text is the request, in its one form. What names no host is "{}".
func (x *exchange) text() []byte {
	if x.to == nil {
		return []byte("{}")
	}
	asked := &request{Host: x.to.name, Port: int(x.to.port)}
	if x.guest != nil {
		asked.Server = x.guest.Server
	}
	b, err := seal.Marshal(asked)
	if err != nil { // unreachable: a name in ASCII and a number
		return []byte("{}")
	}
	return b
}

// plan puts the request in policy terms. Nothing is looked up for it: what leads
// where is no matter of policies.
func (x *exchange) plan(context.Context, []policy.Bound) (*gate.Plan, error) {
	if x.to == nil {
		return nil, &gate.Fault{Code: "bad_argument", Msg: "the request names no host and port\nask for a name in ASCII or a whole address, and a port: CONNECT api.example.com:443"}
	}
	if err := x.admits(x.guest); err != nil {
		return nil, err
	}
	return &gate.Plan{
		Call: &policy.Call{
			Tool: Connect.Tool, Action: Connect.Name, Class: Connect.Class,
			Resources: []policy.Resource{{Type: "host", ID: x.to.id}},
		},
		Act: x.act,
	}, nil
}

// A counter counts the connections that are open. The zero value is ready.
type counter struct {
	mu   sync.Mutex
	all  int
	jobs map[string]int
}

// enter counts one more of job's, unless there are too many.
func (c *counter) enter(job string, l *Limits) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= l.All || c.jobs[job] >= l.Job {
		return false
	}
	if c.jobs == nil {
		c.jobs = map[string]int{}
	}
	c.all++
	c.jobs[job]++
	return true
}

func (c *counter) leave(job string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.jobs[job]--; c.jobs[job] == 0 {
		delete(c.jobs, job)
	}
}
