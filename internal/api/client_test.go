// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

const secret = "operator-secret-0123456789abcdef"

// serve returns a client of a daemon that answers so.
func serve(t *testing.T, h http.HandlerFunc) *api.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &api.Client{URL: srv.URL, Token: func() (string, error) { return secret, nil }}
}

// wantTwoLines checks that an error says what is wrong and what mends it, and no secret.
func wantTwoLines(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	what, hint, _ := strings.Cut(err.Error(), "\n")
	if what == "" || hint == "" || strings.Contains(hint, "\n") || !strings.Contains(err.Error(), says) {
		t.Errorf("got %q, want two lines that say %q", err, says)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("it holds the token: %q", err)
	}
}

// Every method asks for what its name says, with the token, and in one spelling.
func TestRequests(t *testing.T) {
	h := seal.Sum([]byte("a policy"))
	hash := h.String()
	e := &seal.Envelope{Type: policy.Type, Payload: []byte("{}"), Signatures: []seal.Signature{}}
	paper, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	for _, test := range []struct {
		want, body string
		do         func(c *api.Client) error
	}{
		{"POST /v1/wpc", string(paper), func(c *api.Client) error { _, err := c.Publish(ctx, e); return err }},
		{"GET /v1/wpc", "", func(c *api.Client) error { _, err := c.Policies(ctx); return err }},
		{"GET /v1/wpc/" + hash, "", func(c *api.Client) error { _, err := c.Policy(ctx, h); return err }},
		{
			"POST /v1/wpc/" + hash + "/shadow", `{"candidate":"` + hash + `","stop":true}`,
			func(c *api.Client) error {
				_, err := c.Shadow(ctx, h, &api.Shadowing{Candidate: h, Stop: true})
				return err
			},
		},
		{
			"POST /v1/wpc/replay", `{"after":{"at":"2026-11-01T00:00:00Z","job":"job-1","seq":7},"policy":"{}"}`,
			func(c *api.Client) error {
				_, err := c.Replay(ctx, &api.Replay{Policy: "{}", After: &api.Mark{At: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Job: "job-1", Seq: 7}})
				return err
			},
		},
		{
			"POST /v1/cst", `{"agent":"robot","job":"job-1","policy":"` + hash + `","ttl_seconds":60}`,
			func(c *api.Client) error {
				_, err := c.Issue(ctx, &api.Order{Agent: "robot", Job: "job-1", Policy: h, TTL: 60})
				return err
			},
		},
		{"GET /v1/cst/a%2Fb%3Fc", "", func(c *api.Client) error { _, err := c.Record(ctx, "a/b?c"); return err }},
		{"POST /v1/cst/..%2Fx/revoke", `{"reason":"lost"}`, func(c *api.Client) error { _, err := c.Revoke(ctx, "../x", "lost"); return err }},
		{"POST /v1/jobs/job%20%231/revoke", `{"reason":""}`, func(c *api.Client) error { _, err := c.RevokeJob(ctx, "job #1", ""); return err }},
		{"GET /v1/jobs", "", func(c *api.Client) error { _, err := c.Jobs(ctx); return err }},
		{"GET /v1/jobs/job-1", "", func(c *api.Client) error { _, err := c.Job(ctx, "job-1"); return err }},
		{"GET /v1/jobs/job-1/receipts", "", func(c *api.Client) error { _, err := c.Receipts(ctx, "job-1"); return err }},
		{"GET /v1/receipts/job%2F1/7", "", func(c *api.Client) error { _, err := c.Call(ctx, "job/1", 7); return err }},
		{"GET /v1/jobs/job-1/proof", "", func(c *api.Client) error { _, err := c.Proof(ctx, "job-1", false); return err }},
		{"GET /v1/jobs/job-1/proof?disclose=all", "", func(c *api.Client) error { _, err := c.Proof(ctx, "job-1", true); return err }},
		{"GET /v1/approvals", "", func(c *api.Client) error { _, err := c.Approvals(ctx, false, ""); return err }},
		{"GET /v1/approvals?after=job-1.2&all=true", "", func(c *api.Client) error { _, err := c.Approvals(ctx, true, "job-1.2"); return err }},
		{"GET /v1/approvals/job-1.1", "", func(c *api.Client) error { _, err := c.Question(ctx, "job-1.1"); return err }},
		{"POST /v1/approvals/job-1.1", string(paper), func(c *api.Client) error { _, err := c.Answer(ctx, "job-1.1", e); return err }},
		{"GET /v1/delegations", "", func(c *api.Client) error { _, err := c.Delegations(ctx); return err }},
		{"POST /v1/delegations", string(paper), func(c *api.Client) error { _, err := c.Delegate(ctx, e); return err }},
		{"GET /v1/trust", "", func(c *api.Client) error { _, err := c.Trust(ctx); return err }},
	} {
		var got, body, auth, kind string
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got, body, auth, kind = r.Method+" "+r.RequestURI, string(b), r.Header.Get("Authorization"), r.Header.Get("Content-Type")
			io.WriteString(w, "{}")
		})
		c.URL += "/" // a slash at the end does no harm
		if err := test.do(c); err != nil {
			t.Errorf("%s: %v", test.want, err)
		}
		if got != test.want || body != test.body || auth != "Bearer "+secret || (kind == "application/json") != (body != "") {
			t.Errorf("got %s %s (%s, %s), want %s %s", got, body, auth, kind, test.want, test.body)
		}
	}
}

// A bundle comes as it is, byte for byte.
func TestProofBytes(t *testing.T) {
	want := []byte("{ \"not\": canonical }\n\x00\xff")
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(want) })
	got, err := c.Proof(t.Context(), "job-1", false)
	if err != nil || string(got) != string(want) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestProblem(t *testing.T) {
	want := &api.Problem{Type: "urn:clawea:problem:not_issued", Title: "the token is not issued", Status: 422, Detail: "too long", Hint: "ask for less", Code: "not_issued"}
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		b, err := seal.Marshal(want)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(422)
		w.Write(b)
	})
	_, err := c.Issue(t.Context(), &api.Order{})
	var got *api.Problem
	if !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err.Error() != "the token is not issued: too long\nask for less" {
		t.Errorf("it reads %q", err)
	}
}

// What answers in the daemon's place is not taken for it.
func TestSomethingElse(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"HTML error": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(502)
			io.WriteString(w, "<h1>Bad gateway</h1>")
		},
		"HTML page":        func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!doctype html><p>Welcome") },
		"empty":            func(http.ResponseWriter, *http.Request) {},
		"a list":           func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `[]`) },
		"a member twice":   func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"jobs":[],"jobs":[]}`) },
		"no content":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"JSON error":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); io.WriteString(w, `{"code":"x"}`) },
		"problem, no code": func(w http.ResponseWriter, _ *http.Request) { problemBytes(w, `{"title":"x"}`) },
		"problem, no JSON": func(w http.ResponseWriter, _ *http.Request) { problemBytes(w, `<p>`) },
		"broken off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"jobs":[`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			jobs, err := serve(t, h).Jobs(t.Context())
			wantTwoLines(t, err, "daemon")
			if jobs != nil {
				t.Errorf("got %+v", jobs)
			}
		})
	}
}

func problemBytes(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(400)
	io.WriteString(w, body)
}

// A redirect is not followed, so that a token goes nowhere else.
func TestRedirect(t *testing.T) {
	followed := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) })
		_, err := c.Issue(t.Context(), &api.Order{})
		wantTwoLines(t, err, fmt.Sprint(status))
	}
	if followed {
		t.Error("it was followed")
	}
}

// An answer without end is given up at a bound.
func TestOversize(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<20)
		for i := 0; i < 100; i++ {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	_, err := c.Proof(t.Context(), "job-1", false)
	wantTwoLines(t, err, "longer than")
}

func TestDeadDaemon(t *testing.T) {
	c := &api.Client{URL: "http://127.0.0.1:1"}
	_, err := c.Jobs(t.Context())
	wantTwoLines(t, err, "clawea serve")
	for _, url := range []string{"http://127.0.0.1:port", "://", "http://\x7f"} {
		c := &api.Client{URL: url, Token: func() (string, error) { return secret, nil }}
		_, err := c.Jobs(t.Context())
		wantTwoLines(t, err, "daemon")
	}
}

// What cannot be a daemon's address is said to be none, and no daemon is to be
// started for it; the token is not even fetched.
func TestWrongAddress(t *testing.T) {
	for _, url := range []string{"ftp://x", "localhost:7433", "127.0.0.1", "http://", "file:///x", ""} {
		c := &api.Client{URL: url, Token: func() (string, error) { t.Error("the token was fetched"); return secret, nil }}
		_, err := c.Jobs(t.Context())
		wantTwoLines(t, err, "address is not one")
		if err != nil && !strings.HasSuffix(err.Error(), "\nwrite it like http://127.0.0.1:7433") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// A connection that is dropped in the middle says so.
func TestDropped(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := c.Jobs(t.Context())
	wantTwoLines(t, err, "does not answer")
}

// A token that cannot be had means no request at all.
func TestNoToken(t *testing.T) {
	asked := false
	c := serve(t, func(http.ResponseWriter, *http.Request) { asked = true })
	missing := errors.New("no such file")
	c.Token = func() (string, error) { return "", missing }
	if _, err := c.Jobs(t.Context()); !errors.Is(err, missing) || asked {
		t.Errorf("got %v; asked %v", err, asked)
	}
}

func TestCanceled(t *testing.T) {
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Jobs(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Members that a newer daemon adds do not disturb an older client.
func TestNewerDaemon(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"id":"job-1","agent":"robot","mood":"good","receipts":3}`)
	})
	j, err := c.Job(t.Context(), "job-1")
	if err != nil || j.ID != "job-1" || j.Receipts != 3 {
		t.Errorf("got %+v, %v", j, err)
	}
}
