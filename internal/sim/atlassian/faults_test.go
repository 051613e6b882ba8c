// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

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
)

// call makes a request over a connection, which can break.
func (c *client) call(server *httptest.Server, method, target, body string) (int, error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, server.URL+target, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.SetBasicAuth(c.email, c.token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := server.Client().Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	return resp.StatusCode, err
}

// TestIntercept makes a write fail at every stage, and looks at what is left.
func TestIntercept(t *testing.T) {
	tests := []struct {
		at      Stage
		fault   Fault
		applied bool
		status  int // 0: no answer
	}{
		{Received, Fault{Drop: true}, false, 0},
		{Received, Fault{Status: 503, RetryAfter: time.Second}, false, 503},
		{Applied, Fault{Drop: true}, true, 0},
		{Applied, Fault{Status: 504}, true, 504},
		{Answered, Fault{Drop: true}, true, 204},
		{Answered, Fault{Status: 503}, true, 204},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%v %+v", test.at, test.fault), func(t *testing.T) {
			w := newWorld(t)
			w.writer.t = t
			server := httptest.NewServer(w.Site)
			defer server.Close()
			var seen []Stage
			w.Intercept(func(at Stage, r Request) Fault {
				if r.Method != "PUT" || r.Account != w.writer.id {
					return Fault{}
				}
				seen = append(seen, at)
				if i, _ := w.Issue("ENG-1"); (i.Summary == "New") != (at != Received) {
					t.Errorf("at %v the summary is %q", at, i.Summary)
				}
				if at == test.at {
					return test.fault
				}
				return Fault{}
			})
			status, err := w.writer.call(server, "PUT", "/rest/api/3/issue/ENG-1", `{"fields":{"summary":"New"}}`)
			if status != test.status || test.status == 0 && err == nil {
				t.Errorf("got status %d, %v; want %d", status, err, test.status)
			}
			server.Close() // waits for the request, whose client may be gone already
			if len(seen) != int(test.at) && test.fault.Drop {
				t.Errorf("got stages %v", seen)
			}
			if i, _ := w.Issue("ENG-1"); (i.Summary == "New") != test.applied {
				t.Errorf("the summary is %q", i.Summary)
			}
		})
	}
}

// TestInterceptHolds keeps a request at a stage, and has another one go by.
func TestInterceptHolds(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.Site)
	defer server.Close()
	arrived, release := make(chan struct{}), make(chan struct{})
	w.Intercept(func(at Stage, r Request) Fault {
		if at == Applied && r.Method == "PUT" {
			close(arrived)
			<-release
		}
		return Fault{}
	})
	done := make(chan error, 1)
	go func() {
		status, err := w.writer.call(server, "PUT", "/rest/api/3/issue/ENG-1", `{"fields":{"summary":"New"}}`)
		if err == nil && status != 204 {
			err = errors.New(http.StatusText(status))
		}
		done <- err
	}()
	<-arrived
	if got := w.raw.get("/rest/api/3/issue/ENG-1?fields=summary").want(t, 200).at("fields.summary"); got != "New" {
		t.Errorf("got %q before the answer", got)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t)
	w.Limit(Limits{PerSecond: 3, IssueWrites2s: 2})
	read := func() answer { return w.reader.get("/rest/api/3/issue/ENG-1") }
	for range 3 {
		read().want(t, 200)
	}
	a := read().want(t, 429)
	if a.header.Get("RateLimit-Reason") != ReasonBurst || a.header.Get("Retry-After") != "1" || a.header.Get("X-RateLimit-Limit") != "3" {
		t.Errorf("got %v", a.header)
	}
	w.clock.advance(time.Second)
	read().want(t, 200)
	other := w.AddIssue(IssueSeed{Project: "ENG", Summary: "Another"})
	write := func(issue string) answer {
		w.clock.advance(400 * time.Millisecond)
		return w.writer.do("PUT", "/rest/api/3/issue/"+issue, `{"fields":{"summary":"x"}}`)
	}
	write("ENG-1").want(t, 204)
	write("ENG-1").want(t, 204)
	if a := write("ENG-1").want(t, 429); a.header.Get("RateLimit-Reason") != ReasonIssue || a.header.Get("Retry-After") != "2" {
		t.Errorf("got %v", a.header)
	}
	write(other).want(t, 204)

	w.Limit(Limits{PointsPerHour: 10, NearLimitPoints: 3})
	a = w.reader.get("/rest/api/3/search/jql?jql=project%3DENG").want(t, 200)
	if a.header.Get("X-RateLimit-Remaining") != "7" || a.header.Get("X-RateLimit-NearLimit") != "true" {
		t.Errorf("after a request with two issues: %v", a.header)
	}
	for range 7 {
		read().want(t, 200)
	}
	a = read().want(t, 429)
	if a.header.Get("RateLimit-Reason") != ReasonQuota || a.header.Get("X-RateLimit-Reset") != "2026-03-02T11:00:00Z" {
		t.Errorf("got %v", a.header)
	}
	w.clock.advance(time.Hour)
	read().want(t, 200)

	w.Unavailable(1, 3*time.Second)
	if a := read().want(t, 503); a.header.Get("Retry-After") != "3" {
		t.Errorf("got %v", a.header)
	}
	read().want(t, 200)
}
