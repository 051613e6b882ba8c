// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package facade stands before an upstream MCP server in its system's place. The
// server believes that it talks to Jira or Confluence. What it gets is what one
// allowed call lets be seen, in the shape of the system's REST interface, and
// what it sends changes nothing by itself: a request that is the change which
// was decided has the house make that change, as it was decided and by the
// house's own credential. All other requests are refused.
//
// So nothing that a server does, or is talked into, reaches further than the call
// that it carries out. It holds no credential.
package facade

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/clawea/clawea/internal/gate"
)

// maxReads bounds the reads of a server's own, besides the one that it was called
// for.
const maxReads = 60

// maxRequest bounds what a server may send in one request, in bytes.
const maxRequest = 4 << 20

// A Call is the one that a server carries out: what its facade stands for.
type Call struct {
	// Site is the system's base URL as people know it, for links.
	Site string
	// Action is the planned action, in the system's terms: "issue.get".
	Action string
	// Args are the action's arguments, in the house's terms.
	Args []byte
	// Result is what the house has read, if the action reads: the result that the
	// action has without a server.
	Result []byte
	// Perform makes the planned change, if the action is one. The facade calls it at
	// most once, when the server asks for it. It returns the action's result, or
	// a *gate.Fault.
	Perform func() ([]byte, error)
	// Read carries out another reading action of the same system under the same
	// policy, with receipts of its own, and returns its result, or an error that
	// stands for its refusal.
	Read func(action string, args []byte) ([]byte, error)
}

// A Stage is the facade of one call.
type Stage struct {
	call *Call
	mux  *http.ServeMux

	mu      sync.Mutex
	ended   bool           // whether the call is over
	busy    sync.WaitGroup // reads and the change that are under way; added to until ended
	reads   int            // besides what the call itself has read
	asked   bool           // whether Perform was called
	strayed int            // how many requests were refused
	omitted []string
}

// New returns the facade of c for a system, "jira" or "confluence".
func New(system string, c *Call) (*Stage, error) {
	s := &Stage{call: c, mux: http.NewServeMux()}
	switch system {
	case "jira":
		s.jira()
	case "confluence":
		s.confluence()
	default:
		return nil, errors.New("there is no facade of " + system)
	}
	return s, nil
}

// End is for when the call is over, whatever the server still asks: nothing more is read
// or changed then, and what is under way has come to its end when End returns.
func (s *Stage) End() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.busy.Wait()
}

// errOver is why what is asked too late is refused.
var errOver = &gate.Fault{Code: "over", Msg: "the call that this was for is over"}

// begin notes that something is under way, which busy.Done ends.
func (s *Stage) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errOver
	}
	s.busy.Add(1)
	return nil
}

// Performed reports whether the server has asked for the planned change.
func (s *Stage) Performed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Refused is how many of the server's requests were refused.
func (s *Stage) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.strayed
}

// Omitted is what the server was not shown and takes for not being there, in a
// sentence each: agents should be told beside its answer.
func (s *Stage) Omitted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.omitted)
}

// omit notes what the server is not shown, if it is so.
func (s *Stage) omit(really bool, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if really && !slices.Contains(s.omitted, what) {
		s.omitted = append(s.omitted, what)
	}
}

// ServeHTTP answers the server.
func (s *Stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if _, pattern := s.mux.Handler(r); pattern == "" {
		s.refuse(w, http.StatusNotFound, "this request is no part of the call that was allowed")
		return
	}
	s.mux.ServeHTTP(w, r)
}

// result is what the action has come to with these arguments: what was read for
// the call itself, or another read under its policy. same says whether these are the
// arguments of the call.
func (s *Stage) result(action string, same bool, args map[string]any) ([]byte, error) {
	if action == s.call.Action && same && s.call.Result != nil {
		return s.call.Result, nil
	}
	b, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.busy.Done()
	s.mu.Lock()
	s.reads++
	many := s.reads > maxReads
	s.mu.Unlock()
	if many { // each has receipts: a server is not let fill the book
		return nil, &gate.Fault{Code: "too_many", Msg: "this call has read as much as one call may; ask for less"}
	}
	return s.call.Read(action, b)
}

// perform makes the planned change, if the server asks for it for the first time.
func (s *Stage) perform() ([]byte, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.busy.Done()
	s.mu.Lock()
	again := s.asked
	s.asked = true
	s.mu.Unlock()
	if again {
		return nil, &gate.Fault{Code: "once", Msg: "the change of this call was made already"}
	}
	return s.call.Perform()
}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the server may be gone
}

// refuse answers a request that is not let through, as the systems word it.
func (s *Stage) refuse(w http.ResponseWriter, status int, says string) {
	s.mu.Lock()
	s.strayed++
	s.mu.Unlock()
	answer(w, status, map[string]any{"errorMessages": []string{says}, "errors": map[string]string{}, "message": says, "statusCode": status})
}

// fail answers a request whose read or change did not come about.
func (s *Stage) fail(w http.ResponseWriter, err error) {
	status, says := http.StatusForbidden, "the policy of this job does not let this be read"
	if f := (*gate.Fault)(nil); errors.As(err, &f) {
		says = f.Msg
		switch f.Code {
		case "not_found":
			status = http.StatusNotFound
		case "conflict":
			status = http.StatusConflict
		case "bad_argument", "bad_query":
			status = http.StatusBadRequest
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		status, says = http.StatusServiceUnavailable, "the call was cut off"
	}
	s.refuse(w, status, says)
}

// body reads what the server sent.
func body(r *http.Request) ([]byte, error) { return io.ReadAll(r.Body) }
