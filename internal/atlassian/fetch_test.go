// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// downloads starts a media host and a site that redirects to where.
func downloads(t *testing.T, media http.HandlerFunc, where func(media string) string) (*Client, *[]http.Header) {
	t.Helper()
	seen := new([]http.Header)
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*seen = append(*seen, r.Header.Clone())
		media(w, r)
	}))
	t.Cleanup(host.Close)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			t.Error("the site was asked without the credential")
		}
		w.Header().Set("X-AAccountId", "712020:bot")
		w.Header().Set("Set-Cookie", "session=hush")
		w.Header().Set("Location", where(host.URL))
		w.WriteHeader(http.StatusFound)
	}, func(c *Config) {
		c.MediaHosts, c.Timeout = []string{strings.TrimPrefix(host.URL, "http://")}, 30*time.Second
	})
	return c, seen
}

func file(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/png; x=y")
	_, _ = io.WriteString(w, "\x89PNG")
}

func TestFetch(t *testing.T) {
	get := &Request{Method: "GET", Path: "/x"}
	direct := serve(t, file, nil)
	f, err := direct.Fetch(t.Context(), get, 100)
	if err != nil || string(f.Body) != "\x89PNG" || f.Type != "image/png" {
		t.Errorf("direct: %+v, %v", f, err)
	}
	c, seen := downloads(t, file, func(media string) string { return media + "/file?token=t#f" })
	f, err = c.Fetch(t.Context(), get, 100)
	if err != nil || string(f.Body) != "\x89PNG" || f.Account != "712020:bot" {
		t.Fatalf("redirected: %+v, %v", f, err)
	}
	for _, name := range []string{"Authorization", "Cookie", "Referer"} {
		if v := (*seen)[0].Get(name); v != "" {
			t.Errorf("the media host got %s %q", name, v)
		}
	}
	for _, r := range []*Request{{Method: "POST", Path: "/x"}, {Method: "GET", Path: "/x", Body: []byte("{}")}, {Method: "GET", Path: "//evil/x"}} {
		if _, err := c.Fetch(t.Context(), r, 100); Code(err) != Invalid {
			t.Errorf("%s %s: got %v", r.Method, r.Path, err)
		}
	}
}

func TestFetchGoesNowhereElse(t *testing.T) {
	for _, where := range []string{
		"", "/relative", "//evil.example/x", "http://169.254.169.254/latest/meta-data/", "https://169.254.169.254/", "https://evil.example/",
		"file:///etc/passwd", "gopher://127.0.0.1/", "javascript:alert(1)", "MEDIA@evil.example/", "https://MEDIAHOST@evil.example/",
		"http://user:hush@MEDIAHOST/", "https://MEDIAHOST.evil.example/", "http://localhost:1/", "https:MEDIAHOST", "http://[::1%25lo]/", "%zz",
	} {
		c, seen := downloads(t, file, func(media string) string {
			return strings.ReplaceAll(strings.ReplaceAll(where, "MEDIAHOST", strings.TrimPrefix(media, "http://")), "MEDIA", media)
		})
		f, err := c.Fetch(t.Context(), &Request{Method: "GET", Path: "/x"}, 100)
		if f != nil || Code(err) != Upstream || len(*seen) != 0 || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: got %v, the media host was asked %d times", where, err, len(*seen))
		}
	}
	for _, status := range []int{300, 304, 305} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://api.media.atlassian.com/")
			w.WriteHeader(status)
		}, func(c *Config) { c.MediaHosts = []string{"api.media.atlassian.com"} })
		if _, err := c.Fetch(t.Context(), &Request{Method: "GET", Path: "/x"}, 100); Code(err) != Upstream {
			t.Errorf("%d: got %v", status, err)
		}
	}
	// Without media hosts, nothing is followed.
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://api.media.atlassian.com/", http.StatusFound)
	}, nil)
	if _, err := c.Fetch(t.Context(), &Request{Method: "GET", Path: "/x"}, 100); Code(err) != Upstream {
		t.Errorf("no media hosts: got %v", err)
	}
}

func TestFetchRefuses(t *testing.T) {
	send := func(h http.Header, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range h {
				w.Header()[k] = v
			}
			_, _ = io.WriteString(w, body)
		}
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(bytes.Repeat([]byte("a"), 1<<20)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		media http.HandlerFunc
		code  string
	}{
		{"just small enough", send(nil, strings.Repeat("x", 5000)), ""},
		{"larger by a byte", send(nil, strings.Repeat("x", 5001)), Upstream},
		{"larger, as it says itself", send(http.Header{"Content-Length": {"5001"}}, strings.Repeat("x", 5001)), Upstream},
		{"without end", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, Upstream},
		{"gzip bomb", send(http.Header{"Content-Encoding": {"gzip"}}, bomb.String()), Upstream},
		{"another compression", send(http.Header{"Content-Encoding": {"br"}}, "x"), Upstream},
		{"says identity", send(http.Header{"Content-Encoding": {"identity"}}, "x"), ""},
		{"a loop", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+r.Host+"/again", http.StatusFound)
		}, Upstream},
		{"not there", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, NotFound},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, Upstream},
		{"cut off", send(http.Header{"Content-Length": {"100"}}, "x"), Unreachable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, _ := downloads(t, test.media, func(media string) string { return media + "/f" })
			c.jitter = func(d time.Duration) time.Duration { return -d } // tries follow one another at once
			f, err := c.Fetch(t.Context(), &Request{Method: "GET", Path: "/x"}, 5000)
			if Code(err) != test.code || (f == nil) != (test.code != "") {
				t.Errorf("got %v, want %q", err, test.code)
			}
		})
	}
}

// A body that drips does not last longer than the timeout of a try, and the tries
// are few.
func TestFetchSlowDrip(t *testing.T) {
	var tries atomic.Int64
	c, _ := downloads(t, func(w http.ResponseWriter, r *http.Request) {
		tries.Add(1)
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("x"))
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
			time.Sleep(10 * time.Millisecond)
		}
	}, func(media string) string { return media + "/f" })
	c.timeout = 100 * time.Millisecond
	c.jitter = func(d time.Duration) time.Duration { return -d }
	_, err := c.Fetch(t.Context(), &Request{Method: "GET", Path: "/x"}, 5000)
	if n := tries.Load(); Code(err) != Unreachable || n > maxTries { // on a busy machine the time of a try may be over before its download begins
		t.Errorf("got %v after %d tries", err, n)
	}
}

// A host's name may lead to an address that is not public: it is not dialled.
func TestMediaAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "104.192.142.18": true, "2606:4700::1111": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "192.0.2.1": false, "198.18.0.1": false,
		"::": false, "::1": false, "fe80::1": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false, "::ffff:10.0.0.1": false,
		"::ffff:169.254.169.254": false, "64:ff9b::a9fe:a9fe": false, "2002:a9fe:a9fe::": false, "2001::1": false, "fec0::1": false,
	} {
		if got := isPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
	asked := false
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer srv.Close()
	port := srv.URL[strings.LastIndexByte(srv.URL, ':'):]
	site := &answers{list: []answer{{302, headers("Location", "https://localhost"+port+"/f")}}}
	c := client(t, "https://example.atlassian.net", func(c *Config) {
		c.Transport, c.MediaHosts = site, []string{"localhost" + port}
	})
	_, err := c.Fetch(t.Context(), &Request{Method: "GET", Path: "/x"}, 100)
	e := (*Error)(nil)
	if !errors.As(err, &e) || e.Code != Upstream || !strings.Contains(e.Message, "not public") || asked {
		t.Errorf("got %v, asked %v", err, asked)
	}
	c = client(t, "https://example.atlassian.net", func(c *Config) {
		c.Transport, c.MediaHosts = &answers{list: []answer{{302, headers("Location", "http://localhost/f")}}}, []string{"localhost"}
	})
	if _, err := c.Fetch(t.Context(), &Request{Method: "GET", Path: "/x"}, 100); Code(err) != Upstream || !strings.Contains(err.Error(), "leaves https") {
		t.Errorf("plain http to this machine, from a site that is not: got %v", err)
	}
}

func TestMediaHosts(t *testing.T) {
	for text, ok := range map[string]bool{
		"api.media.atlassian.com": true, "API.media.atlassian.com:443": true, "127.0.0.1:8080": true,
		"": false, "*.atlassian.com": false, "https://x.example": false, "x.example/path": false, "u@x.example": false, "x.example?": false, "a b": false,
	} {
		if _, err := New(Config{BaseURL: "https://example.atlassian.net", Credential: basic, MediaHosts: []string{text}}); (err == nil) != ok {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// Limits hold for downloads too, and an account that is not the configured one
// gets nothing.
func TestFetchIsPolite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := paced(t, func(n int, _ *http.Request) (int, http.Header) {
			if n == 1 {
				return 429, headers("Retry-After", "3")
			}
			return 200, headers("X-AAccountId", "712020:mallory")
		})
		get := &Request{Method: "GET", Path: "/x"}
		if f, err := c.Fetch(t.Context(), get, 100); err != nil || f.Account != "712020:mallory" {
			t.Errorf("got %v", err)
		}
		s.check(t, "GET /x at 0s", "GET /x at 3s")
		c.credential = wrongly
		if f, err := c.Fetch(t.Context(), get, 100); f != nil || Code(err) != WrongAccount {
			t.Errorf("another account: %v, %v", fmt.Sprint(f), err)
		}
	})
}
