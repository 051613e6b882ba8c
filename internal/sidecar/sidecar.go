// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package sidecar stands between an agent's program and the house, on this
// machine. It holds the job's token and the key that the token is bound to, so
// that the program never has either: whoever reads the program's environment,
// its memory or its logs finds nothing that is good anywhere else.
//
// The program speaks to an address on the loopback interface with a secret in
// its path. What it sends goes to the house with the token and a fresh proof of
// possession (RFC 9449); what credentials it sends go nowhere.
package sidecar

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clawea/clawea/token"
)

const (
	maxHeader   = 64 << 10         // bytes of a request's header
	headerTime  = 10 * time.Second // for it to arrive
	idleTime    = 5 * time.Minute  // for the next request of a connection: longer than clients keep one
	lookEvery   = time.Second      // how often the house is asked whether the token is good
	lookTime    = 5 * time.Second  // for its answer
	closeTime   = 2 * time.Second  // for requests to end that were cancelled
	secretBytes = 32               // of randomness in the path
)

// A Grant is a token that a source got. Raw is secret.
type Grant struct {
	Raw    string
	Claims *token.Claims
}

// String says which token it is and nothing of it.
func (g Grant) String() string { return "[secret]" }

// GoString says which token it is and nothing of it.
func (g Grant) GoString() string { return "[secret]" }

// A Source gets tokens. It is asked again before each of them expires, by one
// caller at a time.
type Source interface {
	// Token returns a fresh token that is bound to key, for the same job and
	// policy each time. No error of it holds a secret.
	Token(ctx context.Context, key *token.ProofKey) (*Grant, error)
}

// A Config is what a sidecar needs to know.
type Config struct {
	House  string    // where the house is reached, as it calls itself: "https://clawea.example.com"
	Source Source    //
	Until  time.Time // when the work must be over; zero: as long as the house gives tokens
	Log    *slog.Logger

	// Egress is where the house's egress proxy is reached, as it calls itself. "": the
	// program is offered none. Prepare may say so yet.
	Egress string

	// Guard is the secret of the plugin in the program, which asks about the program's own
	// tools and says that it is there. "": nobody does.
	Guard string

	// Prepare is called with the sidecar's URL before the first token is ordered, so that
	// what the program will run in can be made, looked at and attested to. nil: nothing is.
	Prepare func(ctx context.Context, url string) error

	// Transport reaches the house. It must neither follow redirects nor change
	// bodies. nil: one that does not, with time limits as model calls need them.
	Transport http.RoundTripper

	every time.Duration // between two looks at the token; zero: lookEvery
	idle  time.Duration // until a connection that is not used is closed; zero: idleTime
}

// A Revoked says that the house has ended what the token stands on.
type Revoked struct {
	Code string // as in spec/token.md 2.5, "job.revoked"; "revoked" where the house did not say what it ended
}

// Error says so, and that nothing mends it.
func (r *Revoked) Error() string {
	return fmt.Sprintf("the house has ended it: %s\n%s", r.Code, token.Hint(r.Code))
}

// ErrUntil is why a sidecar is done whose time is over.
var ErrUntil = errors.New("its time is over\nallow it more with -for, if it needs more")

// errClosed is why a sidecar is done that was closed.
var errClosed = errors.New("closed")

// A Sidecar is a running one. Start makes it; its methods may be called from
// several goroutines.
type Sidecar struct {
	url     string
	host    string // that requests must name
	secret  string
	guard   string // "": nobody asks about the program's own tools
	house   *house
	keeper  *keeper
	log     *slog.Logger
	every   time.Duration // between two looks
	cited   atomic.Uint64
	life    context.Context
	end     context.CancelCauseFunc
	server  *http.Server
	door    door
	passage *passage // nil: no egress
	workers sync.WaitGroup
}

// Start gets the first token, makes sure that it is good where the house is
// said to be, and listens. ctx bounds the starting only: Close ends it all.
func Start(ctx context.Context, c *Config) (_ *Sidecar, err error) {
	h, err := newHouse(c.House, c.Transport)
	if err != nil {
		return nil, err
	}
	s := &Sidecar{house: h, log: c.Log, every: cmp.Or(c.every, lookEvery), keeper: newKeeper(c, h.key), guard: c.Guard}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the program: %w", err)
	}
	defer func() {
		if err != nil {
			ln.Close()
		}
	}()
	b := make([]byte, secretBytes)
	rand.Read(b) // never fails
	s.secret = base64.RawURLEncoding.EncodeToString(b)
	s.host = ln.Addr().String()
	s.url = "http://" + s.host + "/" + s.secret
	if c.Prepare != nil {
		if err := c.Prepare(ctx, s.url); err != nil {
			return nil, err
		}
	}
	if err := s.keeper.first(ctx); err != nil {
		return nil, err
	}
	if err := s.firstLook(ctx); err != nil {
		return nil, err
	}
	var hosts net.Listener
	if c.Egress != "" {
		if s.passage, hosts, err = newPassage(s, c.Egress); err != nil {
			return nil, err
		}
	}
	s.life, s.end = context.WithCancelCause(context.WithoutCancel(ctx))
	s.server = &http.Server{
		Handler: s, ReadHeaderTimeout: headerTime, IdleTimeout: cmp.Or(c.idle, idleTime), MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	s.door.guard(s.server)
	s.workers.Go(func() { s.server.Serve(ln) })
	if hosts != nil {
		s.workers.Go(func() { s.passage.server.Serve(hosts) })
	}
	s.workers.Go(func() { s.stop(s.keeper.run(s.life)) })
	s.workers.Go(s.watch)
	return s, nil
}

// URL is where the program reaches the house: the paths /proxy/NAME and /mcp
// are below it. It is for the program alone.
func (s *Sidecar) URL() string { return s.url }

// String says nothing of the secrets.
func (s *Sidecar) String() string { return "sidecar at " + s.host }

// GoString says nothing of the secrets.
func (s *Sidecar) GoString() string { return s.String() }

// Claims are those of the token of now.
func (s *Sidecar) Claims() *token.Claims { return s.keeper.now().Claims }

// Cited returns the highest number of the job's receipts that the house has
// named in its answers: the job has at least so many.
func (s *Sidecar) Cited() uint64 { return s.cited.Load() }

// Done is closed when the program may do nothing more. Err says why.
func (s *Sidecar) Done() <-chan struct{} { return s.life.Done() }

// Err returns nil until Done is closed, and then a *Revoked, ErrUntil, or why
// the token could not be renewed in time.
func (s *Sidecar) Err() error { return context.Cause(s.life) }

// Close ends the sidecar, its requests under way included, and waits for it.
func (s *Sidecar) Close() error {
	s.end(errClosed)
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	err := s.server.Shutdown(ctx) // waits for the handlers, whose requests have been cancelled
	if err != nil {
		err = s.server.Close()
	}
	if s.passage != nil {
		s.passage.close()
	}
	s.workers.Wait()
	return err
}

// stop ends what the program may do, for the first reason that there is.
func (s *Sidecar) stop(why error) {
	if why != nil {
		s.end(why)
	}
}
