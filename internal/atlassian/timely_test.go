// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// No change is sent after its caller's time, wherever the time went.
func TestTooLate(t *testing.T) {
	limited := func(int, *http.Request) (int, http.Header) { return 429, headers("Retry-After", "20") }
	tests := []struct {
		name    string
		prepare func(ctx context.Context, c *Client)
		within  time.Duration
		answer  func(int, *http.Request) (int, http.Header)
		code    string
		sent    int
		took    time.Duration
	}{
		{"before it began", nil, -time.Second, limited, TooLate, 0, 0},
		{"the site would like to wait longer", nil, 19 * time.Second, limited, RateLimited, 1, 0},
		{"the site would like to wait less long", nil, 21 * time.Second, limited, RateLimited, 2, 20 * time.Second},
		{"for a place", func(_ context.Context, c *Client) {
			for range Concurrency {
				c.slots <- struct{}{}
			}
		}, 10 * time.Second, limited, TooLate, 0, 10 * time.Second},
		{"for a credential", func(_ context.Context, c *Client) {
			c.credential = func(ctx context.Context) (Credential, error) { <-ctx.Done(); return Credential{}, ctx.Err() }
		}, 10 * time.Second, limited, TooLate, 0, 10 * time.Second},
		{"for a credential that comes all the same", func(_ context.Context, c *Client) {
			c.credential = func(ctx context.Context) (Credential, error) { <-ctx.Done(); return Basic("a", "b"), nil }
		}, 10 * time.Second, limited, TooLate, 0, 10 * time.Second},
		{"for others that were limited", func(ctx context.Context, c *Client) {
			c.pacer.hold(time.Now(), "PUT /x", time.Now().Add(25*time.Second))
		}, 10 * time.Second, limited, RateLimited, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := paced(t, test.answer)
				ctx, cancel := context.WithTimeout(t.Context(), test.within)
				defer cancel()
				if test.prepare != nil {
					test.prepare(ctx, c)
				}
				begun := time.Now()
				_, err := c.Do(ctx, &Request{Method: "PUT", Path: "/x"})
				if Code(err) != test.code || IsUncertain(err) || len(s.came) != test.sent || time.Since(begun) != test.took {
					t.Errorf("got %v, uncertain %v, after %v and %d requests", err, IsUncertain(err), time.Since(begun), len(s.came))
				}
			})
		})
	}
}

// A change is held to its caller's time until a connection has taken it, and not
// after that. A read is held to it throughout.
func TestOnItsWay(t *testing.T) {
	var caller atomic.Pointer[context.CancelFunc]
	h := func(w http.ResponseWriter, r *http.Request) {
		(*caller.Load())()
		if r.Method == "GET" {
			<-r.Context().Done()
			return
		}
		time.Sleep(10 * time.Millisecond)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	}
	c := serve(t, h, nil)
	for method, want := range map[string]string{"PUT": "", "GET": Unreachable} {
		ctx, cancel := context.WithCancel(t.Context())
		caller.Store(&cancel)
		if _, err := c.Do(ctx, &Request{Method: method, Path: "/x"}); Code(err) != want || IsUncertain(err) {
			t.Errorf("%s: got %v", method, err)
		}
	}
}

// The time may pass while the site is being connected to, also when an old
// connection turns out to be dead.
func TestTooLateToConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := make(chan net.Conn, 1)
		transport := newTransport()
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			time.Sleep(100 * time.Millisecond) // deaf
			near, far := net.Pipe()
			site <- far
			return near, nil
		}
		defer transport.CloseIdleConnections()
		c := client(t, "http://127.0.0.1:1", func(c *Config) { c.Transport = transport })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := c.Do(ctx, &Request{Method: "PUT", Path: "/x"}); Code(err) != TooLate {
			t.Errorf("got %v", err)
		}
		far := <-site
		defer far.Close()
		_ = far.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := far.Read(make([]byte, 1)); n != 0 {
			t.Errorf("something was sent: %v", err)
		}
	})
}

// A departure is tied anew to its caller for each connection.
func TestDepartAgain(t *testing.T) {
	_, c := paced(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	d, end := c.depart(ctx, &Request{Method: "PUT"})
	defer end()
	trace := httptrace.ContextClientTrace(d)
	trace.GetConn("")
	trace.WroteHeaders()
	trace.GetConn("")
	cancel()
	select {
	case <-d.Done():
	case <-time.After(10 * time.Second):
		t.Error("it is on its way though it has no connection")
	}
}

// What a driver reads after a change is read though the caller is gone; if that
// fails, the change may have been made.
func TestDriverAfterAChange(t *testing.T) {
	get, put := &Request{Method: "GET", Path: "/here"}, &Request{Method: "PUT", Path: "/here"}
	c, sent := driven(t, &puppet{sends: []*Request{put, get}})
	ctx, cancel := context.WithCancel(t.Context())
	base := c.transport
	c.transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		res, err := base.RoundTrip(r)
		cancel()
		return res, err
	})
	if _, err := c.Do(ctx, &Request{Method: "PUT", Path: "/cloud"}); err != nil || len(*sent) != 2 {
		t.Errorf("got %v, sent %v", err, *sent)
	}
	c, _ = driven(t, &puppet{sends: []*Request{put, {Method: "GET", Path: "/a/../b"}}})
	if _, err := c.Do(t.Context(), &Request{Method: "PUT", Path: "/cloud"}); !IsUncertain(err) {
		t.Errorf("got %v", err)
	}
	c, sent = driven(t, &puppet{sends: []*Request{get, put}})
	past, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	if _, err := c.Do(past, &Request{Method: "PUT", Path: "/cloud"}); Code(err) != TooLate || len(*sent) != 0 {
		t.Errorf("got %v, sent %v", err, *sent)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Who acts is known from the credential, else from the last answer.
func TestAccount(t *testing.T) {
	_, c := paced(t, func(int, *http.Request) (int, http.Header) { return 200, headers("X-AAccountId", "712020:any") })
	if id, sure := c.Account(t.Context()); id != "" || sure {
		t.Errorf("at first: %q, %v", id, sure)
	}
	if _, err := c.Do(t.Context(), &Request{Method: "PUT", Path: "/x"}); err != nil {
		t.Fatal(err)
	}
	if id, sure := c.Account(t.Context()); id != "712020:any" || sure {
		t.Errorf("after an answer: %q, %v", id, sure)
	}
	c.credential = wrongly
	if id, sure := c.Account(t.Context()); id != "712020:bot" || !sure {
		t.Errorf("by the credential: %q, %v", id, sure)
	}
	c.credential = func(context.Context) (Credential, error) { return Credential{}, errors.New("gone") }
	if id, sure := c.Account(t.Context()); id != "" || sure {
		t.Errorf("without a credential: %q, %v", id, sure)
	}
}
