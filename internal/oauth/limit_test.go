// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/time/rate"
)

// apart lets no two of these names share a bound, at two addresses.
func (h *house) apart(names ...string) {
	for {
		seen := map[*rate.Limiter]bool{}
		for _, name := range names {
			seen[h.failures.of(name, "192.0.2.1")] = true
			seen[h.failures.of(name, "198.51.100.7")] = true
		}
		if len(seen) == 2*len(names) {
			return
		}
		h.failures = failures{}
	}
}

// Who fails often is not told what is wrong any more. Others are.
func TestTooOften(t *testing.T) {
	h := newHouse(t)
	h.apart("desk", "many")
	wrong := func() *request { return order().set("client_secret", "wrong") }
	tooMany := func(q *request) {
		t.Helper()
		a := h.send(q)
		h.wantError(a, 429, unavailable)
		if a.body["error_description"] != errTooOften.says || a.header.Get("Retry-After") == "" {
			t.Errorf("got %v, %v", a.body, a.header)
		}
	}
	for range failuresPerMinute {
		h.wantError(h.send(wrong()), 401, invalidClient)
	}
	tooMany(wrong())
	tooMany(wrong().basic("desk", "another that is wrong"))
	elsewhere := wrong()
	elsewhere.from = "198.51.100.7:1"
	h.wantError(h.send(elsewhere), 401, invalidClient)
	h.wantError(h.send(order().basic("many", "wrong")), 401, invalidClient)

	h.now = h.now.Add(time.Minute/failuresPerMinute - time.Millisecond)
	tooMany(wrong())
	h.now = h.now.Add(time.Millisecond)
	h.wantError(h.send(wrong()), 401, invalidClient)
	tooMany(wrong())
	h.now = h.now.Add(time.Minute)
	for range failuresPerMinute {
		h.wantError(h.send(wrong()), 401, invalidClient)
	}
	tooMany(wrong())
	if n := strings.Count(h.log.String(), "client not authenticated"); n != 2*failuresPerMinute+3 {
		t.Errorf("the log tells of %d failures", n)
	}
}

// What is right is let in, whatever others have tried in that name and from that
// address, and does not count.
func TestNobodyIsLockedOut(t *testing.T) {
	h := newHouse(t)
	h.apart("desk", "signer")
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(key any) *request { return order().asserted(sign(t, jose.EdDSA, key, "", h.vouch("signer"))) }
	for range 3 * failuresPerMinute {
		h.send(order().set("client_secret", "wrong"))
		h.send(signed(stranger))
	}
	h.wantError(h.send(order().set("client_secret", "wrong")), 429, unavailable)
	h.wantError(h.send(signed(stranger)), 429, unavailable)
	for range 2 * failuresPerMinute {
		h.wantToken(h.send(order()))
		h.wantToken(h.send(order().basic("desk", secret)))
		h.wantToken(h.send(signed(h.ed)))
	}
	used := signed(h.ed)
	h.wantToken(h.send(used))
	h.wantError(h.send(used), 429, unavailable) // right once, and wrong now

	ask := func(key any) (string, error) {
		r := httptest.NewRequest(http.MethodGet, "/v1/jobs/job-1/proof", nil)
		r.RemoteAddr = used.from
		r.Header.Set("Authorization", "Bearer "+sign(t, jose.EdDSA, key, "", h.vouch("signer")))
		return h.Client(r)
	}
	if id, err := ask(h.ed); id != "signer" || err != nil {
		t.Errorf("got %q, %v", id, err)
	}
	if id, err := ask(stranger); id != "" || !errors.Is(err, ErrClient) || !errors.Is(err, ErrTooOften) {
		t.Errorf("got %q, %v", id, err)
	}
	h.now = h.now.Add(time.Minute)
	if _, err := ask(stranger); !errors.Is(err, ErrClient) || errors.Is(err, ErrTooOften) {
		t.Errorf("after a minute: %v", err)
	}
	h.spent.err = errors.New("no disk")
	if _, err := ask(h.ed); err == nil || errors.Is(err, ErrClient) || errors.Is(err, ErrTooOften) {
		t.Errorf("in trouble: %v", err)
	}
}

// The bound does not tell which clients there are, and nobody's trouble counts.
func TestBoundTellsNothing(t *testing.T) {
	h := newHouse(t)
	h.apart("desk", "signer", "nobody", "x", "xx", "xxx")
	var got [3][]int
	for i, id := range []string{"desk", "signer", "nobody"} {
		for n := range 2 * failuresPerMinute {
			h.send(order().set("client_id", strings.Repeat("x", 1+n%3)).set("client_secret", "wrong")) // beside it, other names
			got[i] = append(got[i], h.send(order().set("client_id", id).set("client_secret", "wrong")).status)
		}
	}
	for i := range got {
		for n, status := range got[i] {
			if want := map[bool]int{true: 401, false: 429}[n < failuresPerMinute]; status != want {
				t.Errorf("%d, attempt %d: %d, want %d", i, n, status, want)
			}
		}
	}
	h = newHouse(t)
	h.spent.err = errors.New("no disk")
	for range 2 * failuresPerMinute {
		h.wantError(h.send(order().asserted(sign(t, jose.EdDSA, h.ed, "", h.vouch("signer")))), 503, unavailable)
	}
}

func TestFailuresTogether(t *testing.T) {
	var f failures
	var wg sync.WaitGroup
	var mu sync.Mutex
	told, now := 0, time.Now()
	for range 5 * failuresPerMinute {
		wg.Go(func() {
			if !f.tooMany("desk", "192.0.2.1", now) {
				mu.Lock()
				defer mu.Unlock()
				told++
			}
		})
	}
	wg.Wait()
	if told != failuresPerMinute {
		t.Errorf("%d were told", told)
	}
}
