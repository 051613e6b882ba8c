// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A Connection is a way to one running server.
type Connection struct {
	Transport mcp.Transport
	Origin    Origin
	Lacked    receipt.Lacked // of the sandbox that the server runs in; nil: nothing, or it runs in none of the house's
	// Close ends the server, if it is the house's, and all that it has started.
	Close func() error
}

// A Dialer opens connections to a server. serve answers what the server asks of
// the system that it takes for its own, and for connections to hosts; servers without
// a facade and without hosts ask nothing. The connection lives until it is closed or ctx
// ends.
type Dialer func(ctx context.Context, serve http.Handler) (*Connection, error)

// The bounds of talking to a server.
const (
	startTime = 30 * time.Second // to answer for the first time, and to list its tools
	listPages = 64
)

// A catalogue is what a server has said of itself.
type catalogue struct {
	identity digested
	server   string // as it calls itself
	tools    []*mcp.Tool
	defined  map[string]digested // by the tool's name
	size     int                 // of these, in bytes
}

// same reports whether a tool is in both as one server's.
func (c *catalogue) same(o *catalogue, tool string) bool {
	a, b := c.defined[tool], o.defined[tool]
	return !a.digest.IsZero() && a.digest.Equal(b.digest) && c.identity.digest.Equal(o.identity.digest)
}

// A session is a conversation with a running server. One call at a time has it.
type session struct {
	turn chan struct{} // holds one: who takes it has the session

	client *mcp.ClientSession
	close  func() error
	ended  <-chan struct{} // closed when the server is gone
	origin Origin
	lacked receipt.Lacked
	stale  *atomic.Bool // its tools have changed, it says
	stage  *switchboard

	asking    chan struct{} // holds one while the server is asked for its tools; guards:
	catalogue *catalogue
	listed    time.Time // when it was asked for
}

// freshTime is how old what a server has said of itself may be when one of its tools
// is called.
const freshTime = 10 * time.Second

// fresh returns what the server says of itself.
func (s *session) fresh(ctx context.Context, of *Server) (*catalogue, error) {
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if time.Since(s.listed) < freshTime && !s.stale.Load() {
		return s.catalogue, nil
	}
	asked := time.Now()
	c, err := of.list(ctx, s.client, s.origin)
	if err == nil {
		s.catalogue, s.listed = c, asked
	}
	return c, err
}

// A switchboard answers a server by what the call that it carries out lets it find,
// and refuses while there is none.
type switchboard struct {
	mu sync.RWMutex
	to http.Handler
}

func (s *switchboard) put(h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = h
}

// ServeHTTP answers the server.
func (s *switchboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.RLock()
	to := s.to
	s.mu.RUnlock()
	if to == nil {
		http.Error(w, `{"errorMessages":["no call is under way"]}`, http.StatusForbidden)
		return
	}
	to.ServeHTTP(w, r)
}

// open starts a conversation and asks what tools there are. The session lives
// until it is shut or ctx ends.
func (s *Server) open(ctx context.Context) (*session, error) {
	ctx = valueless{ctx}
	board := new(switchboard)
	conn, err := s.Dial(ctx, board)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	out := &session{turn: make(chan struct{}, 1), asking: make(chan struct{}, 1), close: conn.Close, stage: board, stale: new(atomic.Bool), origin: conn.Origin, lacked: conn.Lacked}
	out.turn <- struct{}{}
	client := mcp.NewClient(&mcp.Implementation{Name: "clawea", Version: s.Version}, &mcp.ClientOptions{
		Capabilities:           &mcp.ClientCapabilities{},                  // it can ask nothing of the house
		MultiRoundTrip:         &mcp.MultiRoundTripOptions{Disabled: true}, // nor have it send a call again
		ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { out.stale.Store(true) },
	})
	client.AddSendingMiddleware(anew)
	starting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if out.client, err = client.Connect(starting, conn.Transport, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("talk to %s: %w", s.Name, heard{err}), conn.Close())
	}
	ended := make(chan struct{})
	out.ended = ended
	go func() {
		defer close(ended)
		_ = out.client.Wait() // why it ended is told to the call that it ended under
	}()
	if _, err = out.fresh(starting, s); err != nil {
		return nil, errors.Join(err, out.shut())
	}
	return out, nil
}

// anew keeps the SDK from answering for a server with what that has said once: servers say
// for how long their lists hold, and the house asks when it has to know.
func anew(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		res, err := next(ctx, method, req)
		if list, ok := res.(*mcp.ListToolsResult); ok && list != nil {
			list.TTLMs = 0
		}
		return res, err
	}
}

// A heard error is one in whose text a server has its say: people read it, in short and
// as what it is.
type heard struct{ error }

func (h heard) Error() string { return atlassian.Clean(h.error.Error(), 500) }
func (h heard) Unwrap() error { return h.error }

// A valueless context ends with another and holds none of its values. The SDK keeps
// in a request's what its agent speaks, and would have the server spoken to so.
type valueless struct{ context.Context }

// Value returns nil.
func (valueless) Value(any) any { return nil }

// shut ends the conversation and the server.
func (s *session) shut() error {
	err := s.close() // first: a server that does not listen is not waited for
	_ = s.client.Close()
	<-s.ended
	return err
}

// over reports whether the server is gone.
func (s *session) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// list asks what the server is and what tools it has.
func (s *Server) list(ctx context.Context, client *mcp.ClientSession, from Origin) (*catalogue, error) {
	out := &catalogue{defined: map[string]digested{}}
	who := identity{Name: s.Name, Origin: from, Adapter: s.Adapter.Hash()}
	if info := client.InitializeResult(); info != nil && info.ServerInfo != nil {
		who.Server, who.Version = info.ServerInfo.Name, info.ServerInfo.Version
	}
	params := new(mcp.ListToolsParams)
	for range listPages {
		res, err := client.ListTools(ctx, params)
		if err != nil {
			return nil, fmt.Errorf("ask %s for its tools: %w", s.Name, heard{err})
		}
		if err := out.add(res.Tools); err != nil {
			return nil, fmt.Errorf("tools of %s: %w", s.Name, heard{err})
		}
		who.hear(res.Meta)
		if params.Cursor = res.NextCursor; params.Cursor == "" {
			out.server = who.Server + " " + who.Version
			if out.identity, err = digest(&who); err != nil {
				return nil, fmt.Errorf("identity of %s: %w", s.Name, err)
			}
			return out, nil
		}
	}
	return nil, fmt.Errorf("%s lists its tools without end", s.Name)
}

// hear notes who has answered, if the answer says so, as from MCP 2026-07-28 on: it may be
// another than at the beginning of the conversation.
func (i *identity) hear(meta mcp.Meta) {
	var info mcp.Implementation
	b, err := json.Marshal(meta[mcp.MetaKeyServerInfo])
	if err == nil && json.Unmarshal(b, &info) == nil && info.Name != "" {
		i.Server, i.Version = info.Name, info.Version
	}
}

func (c *catalogue) add(tools []*mcp.Tool) error {
	for _, t := range tools {
		if len(c.tools) == maxTools {
			return fmt.Errorf("there are more than %d", maxTools)
		}
		if t == nil {
			return errors.New("one of them is nothing")
		}
		if !toolName.MatchString(t.Name) || !c.defined[t.Name].digest.Equal(seal.Hash{}) {
			return fmt.Errorf("%q is no tool's name, or is there twice", t.Name)
		}
		d, err := define(t)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		if c.size += len(d.body); c.size > maxCatalogue {
			return fmt.Errorf("they describe themselves in more than %d bytes", maxCatalogue)
		}
		t.Meta, t.Icons = nil, nil // which agents are not shown
		c.tools = append(c.tools, t)
		c.defined[t.Name] = d
	}
	return nil
}

// take waits for the session, and gives it back with the function that it returns.
func (s *session) take(ctx context.Context) (func(), error) {
	select {
	case <-s.turn:
		return func() { s.turn <- struct{}{} }, nil
	case <-s.ended:
		return nil, errEnded
	case <-ctx.Done():
		return nil, errors.Join(errTurn, ctx.Err())
	}
}

var (
	errEnded = errors.New("the server has ended")
	errTurn  = &gate.Fault{Code: "busy", Msg: "nothing was sent: another call of this job kept the server busy; send one after the other"}
)
