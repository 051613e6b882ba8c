// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A toolTarget is a way to the tool. Its Target counts what is sent.
type toolTarget struct {
	*Target
	tool    string // what it is called here
	connect func(ctx context.Context, i int) (transport mcp.Transport, end func() error, err error)
	program bool // a session starts a process
}

// A toolSession is a conversation with a client of the official SDK, and belongs to
// one goroutine.
type toolSession struct {
	*mcp.ClientSession
	target *toolTarget
	wait   time.Duration
	text   string
	end    func() error
}

// talk opens the i-th session and sees an answer.
func (t *toolTarget) talk(i int, wait time.Duration) (*toolSession, error) {
	transport, end, err := t.connect(context.Background(), i)
	if err != nil {
		return nil, err
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
	s, err := client.Connect(context.Background(), transport, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", t.Name, err), end())
	}
	out := &toolSession{ClientSession: s, target: t, wait: wait, end: end, text: strings.Repeat("Page the database owner, then promote the replica. ", 6)}
	if err := out.do(); err != nil {
		return nil, errors.Join(err, out.close())
	}
	return out, nil
}

func (s *toolSession) close() error {
	err := s.ClientSession.Close()
	if s.target.program {
		err = nil // it is ended, and may not have had the time to say so
	}
	return errors.Join(err, s.end())
}

// do sends a call and reads its answer, which must be the right one.
func (s *toolSession) do() error {
	want := s.text + string(number(numbers.Add(1)))
	s.target.sent.Add(1)
	res, err := s.CallTool(context.Background(), &mcp.CallToolParams{Name: s.target.tool, Arguments: &saying{want, s.wait.Microseconds()}})
	if err != nil {
		return fmt.Errorf("%s: %w", s.target.Name, err)
	}
	return s.check(res, want)
}

func (s *toolSession) check(res *mcp.CallToolResult, want string) error {
	if len(res.Content) != 1 {
		return fmt.Errorf("%s: %d contents", s.target.Name, len(res.Content))
	}
	if text, ok := res.Content[0].(*mcp.TextContent); !ok || text.Text != want || res.IsError {
		return fmt.Errorf("%s: a wrong answer: %.300v", s.target.Name, res.Content[0])
	}
	if name, _ := res.Meta["clawea/receipt"].(string); s.target.receipts && name == "" {
		return fmt.Errorf("%s: the answer names no receipt", s.target.Name)
	}
	return nil
}

// overHTTP makes sessions over streamable HTTP at t.
func overHTTP(t *Target) func(context.Context, int) (mcp.Transport, func() error, error) {
	return func(_ context.Context, i int) (mcp.Transport, func() error, error) {
		base := &http.Transport{MaxIdleConnsPerHost: 4}
		c := &http.Client{Transport: base}
		if len(t.Tokens) > 0 {
			c.Transport = &authorized{base, t, &t.Tokens[i%len(t.Tokens)]}
		}
		return &mcp.StreamableClientTransport{Endpoint: "http://" + t.Addr + t.Path, HTTPClient: c, DisableStandaloneSSE: true, MaxRetries: -1},
			func() error { base.CloseIdleConnections(); return nil }, nil
	}
}

// An authorized transport shows a token with each request, and a proof if it needs
// one.
type authorized struct {
	next   http.RoundTripper
	target *Target
	token  *Token
}

// RoundTrip sends r with the token.
func (a *authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if a.token.Prove == nil {
		r.Header.Set("Authorization", "Bearer "+a.token.Raw)
		return a.next.RoundTrip(r)
	}
	proof, err := a.token.Prove(*a.target.nonce.Load())
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "DPoP "+a.token.Raw)
	r.Header.Set("DPoP", proof)
	resp, err := a.next.RoundTrip(r)
	if err == nil {
		if n := resp.Header.Get("DPoP-Nonce"); n != "" {
			a.target.nonce.Store(&n)
		}
	}
	return resp, err
}

// A ToolCase is a load that targets come under.
type ToolCase struct {
	Sessions int
	Wait     time.Duration // how long the tool itself takes
	Programs bool          // for servers that are programs
}

// Name is what the table says.
func (c ToolCase) Name() string {
	name := fmt.Sprintf("%d at once", c.Sessions)
	if c.Programs {
		name += ", a program"
	}
	if c.Wait > 0 {
		name += fmt.Sprintf(", a tool of %v", c.Wait)
	}
	return name
}

// A ToolRound is a round, and how long the first session took from its start to its
// first answer.
type ToolRound struct {
	*Round
	Start time.Duration
}

// run puts t under the load for d.
func (c ToolCase) run(t *toolTarget, d time.Duration) (out *ToolRound, err error) {
	if err := t.meet(); err != nil {
		return nil, err
	}
	var sessions []*toolSession
	defer func() {
		for _, s := range sessions {
			err = errors.Join(err, s.close())
		}
	}()
	out = new(ToolRound)
	for i := range c.Sessions {
		began := time.Now()
		s, err := t.talk(i, c.Wait)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			out.Start = time.Since(began)
		}
		sessions = append(sessions, s)
	}
	out.Round, err = observe(t.Process, func(start time.Time) ([][]time.Duration, error) {
		return together(len(sessions), func(i int, failed *atomic.Bool) ([]time.Duration, error) {
			return closed(sessions[i].do, start.Add(d), failed)
		})
	})
	return out, err
}
