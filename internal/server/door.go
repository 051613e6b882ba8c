// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/oauth"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

const (
	maxBody  = 2 << 20          // bytes of a request to /v1
	patience = 30 * time.Second // for a request to arrive, and again for answering one that is no agent's
)

// An Operator may use /v1 with a token of their own.
type Operator struct {
	Name  string
	Token func() (string, error) // fetched for every request, so that it can be changed under a running daemon
}

// admit guards a handler. Agents' handlers check the CST themselves, through
// the gate, so that refusals are receipted.
func (s *Server) admit(w who, h http.Handler) http.Handler {
	switch w {
	case anyone:
		return headers(timely(h))
	case agent, gateway:
		return headers(arriving(h))
	case operator:
		return headers(timely(s.let(h, s.known)))
	case party:
		return headers(timely(s.letParties(h)))
	case orderer:
		return headers(timely(s.let(h, s.orderer)))
	}
	return headers(timely(http.HandlerFunc(s.elsewhere)))
}

// let lets those through to h whom known knows; it fails with errNoOperator for
// others.
func (s *Server) let(h http.Handler, known func(*http.Request) (string, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, err := known(r)
		if err != nil {
			if errors.Is(err, errNoOperator) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="clawea operators"`)
			}
			s.fail(w, r, err)
			return
		}
		if !utf8.ValidString(r.URL.Path) || strings.ContainsRune(r.URL.Path, 0) {
			s.lost(w, r) // no name is spelled so, and not every database could be asked for it
			return
		}
		s.Log.InfoContext(r.Context(), "operator", "name", name, "method", r.Method, "path", r.URL.Path)
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, name)))
	})
}

// known returns the operator whose token r carries.
func (s *Server) known(r *http.Request) (string, error) {
	if name, ok := s.operator(r); ok {
		return name, nil
	}
	return "", errNoOperator
}

type whoKey struct{}

// whoIs is the name of the operator or client whose request ctx is of.
func whoIs(ctx context.Context) string {
	name, _ := ctx.Value(whoKey{}).(string)
	return name
}

// orderer returns the operator whose token r carries, or the client whom r
// proves to be from, if it ordered the job that the path names.
func (s *Server) orderer(r *http.Request) (name string, err error) {
	if name, ok := s.operator(r); ok {
		return name, nil
	}
	client, err := s.OAuth.Client(r)
	if errors.Is(err, oauth.ErrTooOften) {
		return "", &api.Problem{
			Status: http.StatusTooManyRequests, Code: "too_often", Title: "this client has failed to show that it is itself too often",
			Hint: "wait a minute, and send what is right",
		}
	}
	if errors.Is(err, oauth.ErrClient) {
		return "", errNoOperator
	}
	if err != nil {
		return "", err
	}
	j, err := s.DB.Job(r.Context(), r.PathValue("job"))
	if errors.Is(err, store.ErrNotFound) || err == nil && j.Client != client {
		return "", errNoOperator // which of the two is nobody's business
	}
	return client, err
}

func headers(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

// timely bounds the whole of a request. A writer that has no deadlines, as in
// tests, is fine.
func timely(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Now().Add(patience))
		_ = c.SetWriteDeadline(time.Now().Add(2 * patience))
		h.ServeHTTP(w, r)
	})
}

// arriving bounds how long an agent's request may take to arrive. What it asks
// for may take longer, so the deadline goes when the body has come.
func arriving(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			c := http.NewResponseController(w)
			_ = c.SetReadDeadline(time.Now().Add(patience))
			r.Body = &arrival{r.Body, c}
		}
		h.ServeHTTP(w, r)
	})
}

// An arrival is a body on its way.
type arrival struct {
	io.ReadCloser
	deadline *http.ResponseController
}

func (a *arrival) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err != nil {
		_ = a.deadline.SetReadDeadline(time.Time{})
	}
	return n, err
}

// operator returns whose token r carries. Every operator's token is compared,
// so that the time tells nothing.
func (s *Server) operator(r *http.Request) (name string, ok bool) {
	given, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found || given == "" {
		return "", false
	}
	want := sha256.Sum256([]byte(given))
	for _, o := range s.Operators {
		secret, err := o.Token()
		if err != nil || secret == "" {
			s.Log.ErrorContext(r.Context(), "operator's token cannot be read", "name", o.Name, "err", err)
			continue
		}
		have := sha256.Sum256([]byte(secret))
		if subtle.ConstantTimeCompare(want[:], have[:]) == 1 {
			name, ok = o.Name, true
		}
	}
	return name, ok
}

// nothing is the request of a route that takes no body.
type nothing struct{}

// serveJSON reads a strict JSON request, calls fn and writes its answer.
func serveJSON[Req, Resp any](s *Server, fn func(context.Context, *http.Request, *Req) (*Resp, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := new(Req)
		if err := readBody(w, r, req); err != nil {
			s.fail(w, r, err)
			return
		}
		resp, err := fn(r.Context(), r, req)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.writeJSON(w, r, resp)
	})
}

func readBody(w http.ResponseWriter, r *http.Request, req any) error {
	if _, none := req.(*nothing); none {
		return nil
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return errTooLarge
	}
	if err != nil {
		return errBody
	}
	if err := seal.Unmarshal(b, req); err != nil {
		return fmt.Errorf("%w: %w", errJSON, err)
	}
	return nil
}

func (s *Server) writeJSON(w http.ResponseWriter, r *http.Request, v any) {
	b, err := seal.MarshalUpTo(v, maxAnswer)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	s.write(w, r, b)
}

// maxAnswer bounds an answer of /v1, in bytes.
const maxAnswer = 64 << 20

func (s *Server) write(w http.ResponseWriter, r *http.Request, b []byte) {
	if _, err := w.Write(b); err != nil {
		s.Log.DebugContext(r.Context(), "client gone", "err", err)
	}
}

// fail tells the client what it may know of err, and the log the rest.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem(err)
	if p.Status >= http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	b, err := seal.Marshal(p)
	if err != nil { // unreachable: a Problem holds only strings and a number
		b = nil
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	s.write(w, r, b)
}

// elsewhere answers where there is no route: a person who followed a link with a page.
func (s *Server) elsewhere(w http.ResponseWriter, r *http.Request) {
	if s.Lost != nil && browses(r) {
		s.Lost.ServeHTTP(w, r)
		return
	}
	s.lost(w, r)
}

// browses reports whether a browser asks for a page to show.
func browses(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		(r.Header.Get("Sec-Fetch-Mode") == "navigate" || strings.Contains(r.Header.Get("Accept"), "text/html"))
}

func (s *Server) lost(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, &api.Problem{Status: http.StatusNotFound, Code: "no_route", Title: "there is nothing here", Hint: "the routes are listed in docs/http.md"})
}
