// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
)

const token = "ATATT-very-secret"

func basic(context.Context) (Credential, error) { return Basic("bot@example.com", token), nil }

// serve starts a site and returns a client for it.
func serve(t *testing.T, h http.HandlerFunc, change func(*Config)) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return client(t, srv.URL, change)
}

func client(t *testing.T, base string, change func(*Config)) *Client {
	t.Helper()
	conf := Config{BaseURL: base, Credential: basic}
	if change != nil {
		change(&conf)
	}
	c, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	c.jitter = func(time.Duration) time.Duration { return 0 }
	return c
}

func TestNew(t *testing.T) {
	tests := []struct {
		base string
		ok   bool
	}{
		{"https://example.atlassian.net", true},
		{"https://example.atlassian.net/", true},
		{"https://api.atlassian.com/ex/jira/1-2", true},
		{"http://127.0.0.1:8080", true},
		{"http://[::1]:8080", true},
		{"http://localhost", true},
		{"http://example.atlassian.net", false},
		{"http://localhost.evil.example", false},
		{"https://user:pass@example.atlassian.net", false},
		{"https://example.atlassian.net?x=1", false},
		{"https://example.atlassian.net#x", false},
		{"https://", false},
		{"example.atlassian.net", false},
		{"ftp://example.atlassian.net", false},
		{"", false},
	}
	for _, test := range tests {
		c, err := New(Config{BaseURL: test.base, Credential: basic})
		if (err == nil) != test.ok {
			t.Errorf("New(%q): got error %v, want ok %v", test.base, err, test.ok)
		}
		if err == nil && c.BaseURL() != strings.TrimRight(test.base, "/") {
			t.Errorf("New(%q): base %q", test.base, c.BaseURL())
		}
	}
	if _, err := New(Config{BaseURL: "https://example.atlassian.net"}); err == nil {
		t.Error("a client without a credential was made")
	}
}

func TestDo(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.Header().Set("X-AAccountId", "712020:abc-1\t<x>")
		w.Header().Set("Atl-Request-Id", strings.Repeat("r", 99))
		fmt.Fprintf(w, `{"uri":%q,"user":%q,"pass":%q,"body":%q,"type":%q}`, r.URL.RequestURI(), user, pass, body, r.Header.Get("Content-Type"))
	}, nil)
	res, err := c.Do(t.Context(), &Request{
		Method: "POST", Path: "/rest/" + Segment("a b%c"), Query: map[string][]string{"z": {"1"}, "a": {"&="}}, Body: []byte(`{"x":1}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"uri":%q,"user":"bot@example.com","pass":%q,"body":"{\"x\":1}","type":"application/json"}`, "/rest/a%20b%25c?a=%26%3D&z=1", token)
	if string(res.Body) != want {
		t.Errorf("got %s, want %s", res.Body, want)
	}
	if res.Account != "712020:abc-1x" || res.RequestID != strings.Repeat("r", 64) {
		t.Errorf("account %q, request id %q", res.Account, res.RequestID)
	}
	var got struct {
		User string `json:"user"`
	}
	if err := res.Glance(&got); err != nil || got.User != "bot@example.com" {
		t.Errorf("Glance: %+v, %v", got, err)
	}
	var wrong struct {
		User int `json:"user"`
	}
	if err := res.Glance(&wrong); Code(err) != Upstream {
		t.Errorf("Glance into the wrong type: %v", err)
	}
}

func TestPathStaysBelow(t *testing.T) {
	asked := 0
	c := serve(t, func(http.ResponseWriter, *http.Request) { asked++ }, nil)
	for _, id := range []string{"", ".", "..", "../x", "a/b", `a\b`, "%2e%2e", "..%2fx"} {
		_, err := c.Do(t.Context(), &Request{Method: "GET", Path: "/wiki/" + Segment(id) + "/x"})
		if id == "%2e%2e" || id == "..%2fx" { // Segment makes these harmless text
			if Code(err) == Invalid {
				t.Errorf("%q: %v", id, err)
			}
			continue
		}
		if Code(err) != Invalid {
			t.Errorf("%q: got %v, want a refusal", id, err)
		}
	}
	for _, p := range []string{"wiki", "//evil.example/x", "/a?b", "/a#b", "@evil.example/", "/a/%2e%2e/b", "/a%2Fb"} {
		if _, err := c.Do(t.Context(), &Request{Method: "GET", Path: p}); Code(err) != Invalid {
			t.Errorf("%q: got %v, want a refusal", p, err)
		}
	}
	if asked != 2 {
		t.Errorf("the site was asked %d times, want 2", asked)
	}
}

func TestNoRedirect(t *testing.T) {
	var leaked http.Header
	evil := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked = r.Header }))
	defer evil.Close()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, evil.URL, http.StatusFound) }, nil)
	for _, method := range []string{"GET", "POST"} {
		_, err := c.Do(t.Context(), &Request{Method: method, Path: "/x"})
		if Code(err) != Upstream || IsUncertain(err) != (method == "POST") {
			t.Errorf("%s: got %v, uncertain %v", method, err, IsUncertain(err))
		}
	}
	if leaked != nil {
		t.Errorf("the redirect was followed with %v", leaked)
	}
}

func TestAnswersThatAreRefused(t *testing.T) {
	send := func(media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			_, _ = io.WriteString(w, body)
		}
	}
	bomb := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(bytes.Repeat([]byte(" "), 1<<20))
		_ = z.Close()
	}
	short := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"a"`)
	}
	tests := []struct {
		name string
		h    http.HandlerFunc
		code string
	}{
		{"just small enough", send("application/json", strings.Repeat(" ", 100)), ""},
		{"too large", send("application/json", strings.Repeat(" ", 101)), Upstream},
		{"decompresses to too much", bomb, Upstream},
		{"a login page", send("text/html", "<html>"), Upstream},
		{"empty", send("text/plain", ""), ""},
		{"cut off", short, Unreachable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, test.h, func(c *Config) { c.MaxBody = 100 })
			_, err := c.Do(t.Context(), &Request{Method: "PUT", Path: "/x"})
			if Code(err) != test.code || IsUncertain(err) != (test.code != "") {
				t.Errorf("got %v, uncertain %v; want code %q", err, IsUncertain(err), test.code)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	long := strings.Repeat("x", 500)
	tests := []struct {
		status    int
		body      string
		code, msg string
		uncertain bool
	}{
		{400, `{"errorMessages":["Bad\u0007\njql\u202e"],"errors":{"b":"2","a":"1"}}`, BadRequest, "Bad jql; a: 1; b: 2", false},
		{401, `{"statusCode":401,"message":"who?"}`, Unauthorized, "who?", false},
		{403, `{"errors":[{"title":"no"},{"title":"` + long + `"}]}`, Forbidden, "no; " + long[:196] + "…", false},
		{404, `<html>`, NotFound, "", false},
		{409, `{"errors":[{"title":"Version"}]}`, Conflict, "Version", false},
		{410, ``, NotFound, "", false},
		{418, `[]`, BadRequest, "", false},
		{500, `{"message":"oops"}`, Upstream, "oops", true},
	}
	for _, test := range tests {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		}, nil)
		_, err := c.Do(t.Context(), &Request{Method: "POST", Path: "/x"})
		e := (*Error)(nil)
		if !errors.As(err, &e) {
			t.Fatalf("%d: got %v, want an *Error", test.status, err)
		}
		if e.Status != test.status || e.Code != test.code || e.Message != test.msg || e.Uncertain != test.uncertain {
			t.Errorf("%d: got %+v, want code %s, message %q, uncertain %v", test.status, e, test.code, test.msg, test.uncertain)
		}
	}
}

func TestUnreachable(t *testing.T) {
	_, err := client(t, "http://127.0.0.1:1", nil).Do(t.Context(), &Request{Method: "POST", Path: "/x"})
	if Code(err) != Unreachable || IsUncertain(err) {
		t.Errorf("nobody listens: got %v, uncertain %v; nothing was sent", err, IsUncertain(err))
	}
	synctest.Test(t, func(t *testing.T) {
		transport := newTransport()
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, far) }() // it takes everything and says nothing
			return near, nil
		}
		hang := client(t, "http://127.0.0.1:1", func(c *Config) { c.Transport = transport })
		_, err := hang.Do(t.Context(), &Request{Method: "POST", Path: "/x"})
		if Code(err) != Unreachable || !IsUncertain(err) {
			t.Errorf("no answer: got %v, uncertain %v; it may have happened", err, IsUncertain(err))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err = hang.Do(ctx, &Request{Method: "GET", Path: "/x"}); !errors.Is(err, context.Canceled) {
			t.Errorf("hung up: got %v, want context.Canceled beneath", err)
		}
	})
}

// answers is a site that lives in the client's own process, so that synctest rules its time.
type answers struct {
	list []answer
	at   []time.Duration // when requests came, since the first
	t0   time.Time
}

type answer struct {
	status int
	header http.Header
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.t0.IsZero() {
		a.t0 = time.Now()
	}
	a.at = append(a.at, time.Since(a.t0))
	next := a.list[min(len(a.at), len(a.list))-1]
	if next.status == 0 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	h := next.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("Content-Type", "application/json")
	return &http.Response{StatusCode: next.status, Header: h, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

func TestRetry(t *testing.T) {
	after := func(s string) http.Header {
		return http.Header{"Retry-After": {s}, "Ratelimit-Reason": {"jira-burst-based"}}
	}
	quota := http.Header{"Retry-After": {"2"}, "Ratelimit-Reason": {"jira-quota-tenant-based"}}
	const s = time.Second
	tests := []struct {
		name   string
		req    Request
		list   []answer
		at     []time.Duration
		status int // of the end, 200 if it went well
	}{
		{"limited, then not", Request{Method: "POST"}, []answer{{429, after("3")}, {200, nil}}, []time.Duration{0, 3 * s}, 200},
		{"limited without a wish", Request{Method: "PUT"}, []answer{{429, nil}, {429, nil}, {200, nil}}, []time.Duration{0, 1 * s, 3 * s}, 200},
		{"limited for good", Request{Method: "GET"}, []answer{{429, after("1")}}, []time.Duration{0, 1 * s, 2 * s}, 429},
		{"quota", Request{Method: "GET"}, []answer{{429, quota}}, []time.Duration{0}, 429},
		{"too long a wish", Request{Method: "GET"}, []answer{{429, after("31")}}, []time.Duration{0}, 429},
		{"too long in sum", Request{Method: "GET"}, []answer{{429, after("20")}}, []time.Duration{0, 20 * s}, 429},
		{"a huge wish", Request{Method: "GET"}, []answer{{429, after("2147483647")}}, []time.Duration{0}, 429},
		{"a nonsense wish", Request{Method: "GET"}, []answer{{429, after("-5")}, {200, nil}}, []time.Duration{0, 1 * s}, 200},
		{"a date", Request{Method: "GET"}, []answer{{429, after("Sat, 01 Jan 2000 00:00:05 GMT")}, {200, nil}}, []time.Duration{0, 5 * s}, 200},
		{"server error on read", Request{Method: "GET"}, []answer{{503, after("4")}, {500, nil}, {200, nil}}, []time.Duration{0, 4 * s, 6 * s}, 200},
		{"server error on search", Request{Method: "POST", Safe: true}, []answer{{502, nil}, {200, nil}}, []time.Duration{0, 1 * s}, 200},
		{"server error on write", Request{Method: "POST"}, []answer{{503, after("1")}}, []time.Duration{0}, 503},
		{"timeout on read", Request{Method: "GET"}, []answer{{0, nil}, {200, nil}}, []time.Duration{0, 31 * s}, 200},
		{"timeout on write", Request{Method: "PUT"}, []answer{{0, nil}}, []time.Duration{0}, 0},
		{"not found", Request{Method: "GET"}, []answer{{404, nil}}, []time.Duration{0}, 404},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := &answers{list: test.list}
				c := client(t, "https://example.atlassian.net", func(c *Config) { c.Transport = site })
				req := test.req
				req.Path = "/x"
				res, err := c.Do(t.Context(), &req)
				status := 0
				if e := (*Error)(nil); errors.As(err, &e) {
					status = e.Status
				} else if err == nil {
					status = res.Status
				}
				if status != test.status || fmt.Sprint(site.at) != fmt.Sprint(test.at) {
					t.Errorf("got %d (%v) by requests at %v, want %d by %v", status, err, site.at, test.status, test.at)
				}
			})
		})
	}
}

func TestHangUpWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := &answers{list: []answer{{429, http.Header{"Retry-After": {"20"}}}}}
		c := client(t, "https://example.atlassian.net", func(c *Config) { c.Transport = site })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Do(ctx, &Request{Method: "GET", Path: "/x"})
		if Code(err) != RateLimited || time.Since(start) != time.Second || len(site.at) != 1 {
			t.Errorf("got %v after %v and %d requests", err, time.Since(start), len(site.at))
		}
	})
}

func TestCredentialStaysSecret(t *testing.T) {
	var log bytes.Buffer
	cred := Basic("bot@example.com", token)
	shown := fmt.Sprintf("%v %+v %#v %s %q %d %x", cred, cred, cred, cred, cred, cred, struct{ C Credential }{cred})
	b, err := json.Marshal(map[string]Credential{"c": cred})
	if err != nil {
		t.Fatal(err)
	}
	handler := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
	slog.New(handler).Info("x", "c", cred, slog.Any("in", struct{ C Credential }{cred}))
	synctest.Test(t, func(t *testing.T) {
		c := client(t, "https://example.atlassian.net", func(c *Config) {
			c.Transport, c.Log = &answers{list: []answer{{429, nil}}}, slog.New(handler)
		})
		_, err := c.Do(t.Context(), &Request{Method: "GET", Path: "/x"})
		shown += fmt.Sprintf("%v %+v %#v", err, err, c)
	})
	if !strings.Contains(log.String(), "waiting for the site") {
		t.Errorf("the waiting is not in the log: %s", &log)
	}
	for _, out := range []string{shown, string(b), log.String()} {
		for _, part := range []string{token, cred.header[6:]} {
			if strings.Contains(out, part) {
				t.Errorf("the secret shows in %q", out)
			}
		}
	}
}

func TestCredentialMustBeThere(t *testing.T) {
	broken := errors.New("no such file")
	tests := []struct {
		name string
		cred Credential
		err  error
	}{
		{"zero", Credential{}, nil},
		{"empty token", Basic("bot@example.com", ""), nil},
		{"no bearer", Bearer(""), nil},
		{"line break", Bearer("a\r\nX-Evil: 1"), nil},
		{"error", Credential{}, broken},
	}
	for _, test := range tests {
		site := &answers{list: []answer{{200, nil}}}
		c := client(t, "https://example.atlassian.net", func(c *Config) {
			c.Transport = site
			c.Credential = func(context.Context) (Credential, error) { return test.cred, test.err }
		})
		_, err := c.Do(t.Context(), &Request{Method: "POST", Path: "/x"})
		if Code(err) != Invalid || len(site.at) != 0 || IsUncertain(err) || !errors.Is(err, test.err) && test.err != nil {
			t.Errorf("%s: got %v after %d requests", test.name, err, len(site.at))
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x00b\n\tc\u202e", 5)
	f.Add("\xff\xfe", 1)
	f.Add("aa bb cc", 5)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = max(0, most%1000)
		got := Clean(s, most)
		if n := len([]rune(got)); n > most+1 {
			t.Fatalf("%d characters, want at most %d and the dots", n, most)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q holds %q", got, r)
			}
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add([]byte(`{"errors":[{"title":"x"}]}`))
	f.Add([]byte(`{"errorMessages":["a"],"errors":{"b":"c"}}`))
	f.Add([]byte(`{"message":"m"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := len([]rune(words(b))); n > 201 {
			t.Fatalf("%d characters", n)
		}
	})
}
