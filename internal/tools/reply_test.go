// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/tools"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// A counting book counts the commits that a proof has to itself.
type counting struct {
	gate.Book
	spent atomic.Int32
}

func (b *counting) Spend(ctx context.Context, job string, p receipt.Spent) error {
	b.spent.Add(1)
	return b.Book.Spend(ctx, job, p)
}

// bound is what an agent shows whose token is bound to a key: raw, and for each of its
// requests a proof.
type bound struct {
	h   *house
	raw string
	key *token.ProofKey
}

func (h *house) bind(job string) *bound {
	h.t.Helper()
	key, err := token.NewProofKey(rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	m, err := h.issuer.Mint(h.t.Context(), issuer.Order{Agent: "robot", Job: job, Policy: h.policy.Hash(), Key: key.Thumbprint()})
	if err != nil {
		h.t.Fatal(err)
	}
	return &bound{h, m.Raw, key}
}

func (b *bound) header(id string) map[string]string {
	b.h.t.Helper()
	proof, err := b.key.Prove(&token.Proof{
		ID: id, Method: http.MethodPost, URL: "https://house.test/", Issued: time.Now().Unix(), Token: token.HashToken(b.raw), Nonce: b.h.issuer.Nonces.New(),
	})
	if err != nil {
		b.h.t.Fatal(err)
	}
	return map[string]string{"Authorization": "DPoP " + b.raw, "DPoP": proof, "MCP-Protocol-Version": "2025-03-26"}
}

const readA = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"desk_read","arguments":{"text":"a"}}}`

// A proof is good for one request, whatever that is: a call's receipt uses it up, and
// where there is none, a commit of its own before anything is answered.
func TestProofs(t *testing.T) {
	const read = "opened desk.read allow, closed done"
	for name, test := range map[string]struct {
		body   string
		status int
		spent  int32 // commits of its own
		book   string
		acts   int32
	}{
		"a call":                     {readA, 200, 0, read, 1},
		"a call that is denied":      {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"nothing"}}`, 200, 0, "opened mcp.unknown deny", 0},
		"a call that tells its step": {strings.Replace(readA, `"arguments"`, `"_meta":{"progressToken":1},"arguments"`, 1), 200, -1, read, 1},
		"calls together":             {"[" + readA + "," + strings.Replace(readA, `"id":1`, `"id":2`, 1) + "]", 200, 0, "", 2},
		"a list":                     {list, 200, 1, "", 0},
		"a notice":                   {`{"jsonrpc":"2.0","method":"notifications/initialized"}`, 202, 1, "", 0},
		"no JSON":                    {`{`, 400, 1, "", 0},
		"nothing":                    {``, 400, 1, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			book := &counting{Book: h.db}
			h.gate.Book = book
			b := h.bind("job-1")
			header := b.header("p1")
			if status, body := h.post("", test.body, header); status != test.status || h.acts.Load() != test.acts {
				t.Errorf("%d %s, %d acts", status, body, h.acts.Load())
			}
			if got := book.spent.Load(); got != test.spent && test.spent >= 0 {
				t.Errorf("the proof had %d commits to itself", got)
			}
			before := h.book("job-1")
			if test.book != "" && before != test.book {
				t.Errorf("the book holds %q", before)
			}
			for _, again := range []string{test.body, readA, list, "[" + readA + "," + readA + "]", strings.Replace(readA, `"arguments"`, `"_meta":{"progressToken":1},"arguments"`, 1)} {
				status, body := h.post("", again, header)
				if status != http.StatusUnauthorized || !strings.Contains(body, "dpop.replayed") || !strings.Contains(h.challenged, `Bearer`) || strings.Contains(body, "you said") {
					t.Errorf("%s: %d %s", again, status, body)
				}
			}
			if h.acts.Load() != test.acts {
				t.Errorf("%d acts by a proof that was used before", h.acts.Load()-test.acts)
			}
			after := strings.TrimPrefix(h.book("job-1"), before)
			if got := strings.Count(after, "dpop.replayed"); got < 5 || strings.Contains(after, "allow") {
				t.Errorf("of the others the book holds %q", after)
			}
			if status, body := h.post("", readA, b.header("p2")); status != 200 || !strings.Contains(body, "you said a") {
				t.Errorf("another proof: %d %s", status, body)
			}
		})
	}
}

// Of many requests with one proof one is carried out.
func TestProofAtOnce(t *testing.T) {
	h := newHouse(t)
	header := h.bind("job-1").header("p1")
	done := make(chan int)
	for range 16 {
		go func() {
			res, _ := h.send("", readA, header)
			done <- res.StatusCode
		}()
	}
	good := 0
	for range 16 {
		if <-done == 200 {
			good++
		}
	}
	if good != 1 || h.acts.Load() != 1 {
		t.Errorf("%d were answered, %d acts", good, h.acts.Load())
	}
}

// A notice with a proof that was used before takes nothing back.
func TestCancelledByReplay(t *testing.T) {
	h := newHouse(t)
	b := h.bind("job-1")
	used := b.header("p1")
	h.post("", list, used)
	over := make(chan string)
	go func() {
		_, body := h.send("", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"desk_slow_read","arguments":{"text":"x"}}}`, b.header("p2"))
		over <- body
	}()
	select {
	case <-h.started:
	case body := <-over:
		t.Fatalf("it was not begun: %s", body)
	}
	const notice = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`
	if status, body := h.post("", notice, used); status != http.StatusUnauthorized {
		t.Errorf("%d %s", status, body)
	}
	close(h.release)
	if body := <-over; !strings.Contains(body, "you said") {
		t.Errorf("the call came to %s", body)
	}
}

// questioned counts who asks for other servers' tools.
type questioned struct{ asked int }

func (o *questioned) Tools(context.Context, *gate.Caller) []*mcp.Tool { o.asked++; return nil }

func (*questioned) Watch(func()) bool { return false }

func (*questioned) Request(context.Context, string, []byte, func(context.Context, *gate.Request) (*gate.Result, error)) *gate.Request {
	return nil
}

// Nobody is asked for a request whose proof was used before.
func TestNothingForAReplay(t *testing.T) {
	h, servers := newHouse(t), new(questioned)
	handler, err := tools.New(h.gate, &gate.Door{URL: "https://house.test", Nonces: h.issuer.Nonces}, h.connectors, servers, tools.Waits{}, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	header := h.bind("job-1").header("p1")
	for i, want := range []int{http.StatusOK, http.StatusUnauthorized} {
		req, w := httptest.NewRequest("POST", "/", strings.NewReader(list)), httptest.NewRecorder()
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		for k, v := range header {
			req.Header.Set(k, v)
		}
		handler.ServeHTTP(w, req)
		if w.Code != want || servers.asked != 1 {
			t.Errorf("request %d: %d %s, servers were asked %d times", i+1, w.Code, w.Body, servers.asked)
		}
	}
	h.wantBook("job-1", "refused mcp.connect dpop.replayed")
}

// A house that cannot use up a proof answers nothing that it was asked.
func TestProofInTrouble(t *testing.T) {
	h := newHouse(t)
	b := h.bind("job-1")
	h.gate.Book = fullBook{}
	for _, body := range []string{list, readA} {
		status, said := h.post("", body, b.header("p1"))
		if status != http.StatusServiceUnavailable || bytes.Contains([]byte(said), []byte("desk")) {
			t.Errorf("%s: %d %s", body, status, said)
		}
	}
	h.gate.Book = h.db
	if status, said := h.post("", readA, b.header("p1")); status != 200 {
		t.Errorf("afterwards: %d %s", status, said)
	}
}
