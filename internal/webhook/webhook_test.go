// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// The worked example of the Standard Webhooks specification.
func TestSignature(t *testing.T) {
	key, err := keyOf(secret)
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got := signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, bad := range []string{"", "whsec_", "whsec_AAAA", secret[6:], "whsec_" + strings.Repeat("A", 88), "whsec_!" + secret[7:]} {
		if _, err := keyOf(bad); err == nil || !strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func hook(url string) *Hook {
	return &Hook{URL: url, Secret: func() (string, error) { return secret, nil }, Private: true, Now: func() time.Time { return noon }}
}

func TestPost(t *testing.T) {
	var got *http.Request
	var body []byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		io.WriteString(w, strings.Repeat("x", 1<<20))
	}))
	defer s.Close()
	if err := hook(s.URL+"/in").Post(t.Context(), "m-1", "application/x-ndjson", []byte("{}\n")); err != nil {
		t.Fatal(err)
	}
	key, err := keyOf(secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/x-ndjson", "Webhook-Id": "m-1", "Webhook-Timestamp": "1795262400",
		"Webhook-Signature": signature(key, "m-1", "1795262400", []byte("{}\n")),
	} {
		if got.Header.Get(name) != want || string(body) != "{}\n" {
			t.Errorf("%s: %q, want %q, with %q", name, got.Header.Get(name), want, body)
		}
	}
}

// What does not work is said without the URL and without the secret, and nothing is
// followed.
func TestTroubles(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/hush-moved":
			http.Redirect(w, r, "/in", http.StatusTemporaryRedirect)
		case "/hush-full":
			w.Header().Set("Retry-After", "99999")
			w.WriteHeader(http.StatusTooManyRequests)
		case "/hush-soon":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/hush-cut":
			panic(http.ErrAbortHandler)
		}
	}))
	defer s.Close()
	for path, want := range map[string]struct {
		says  string
		after time.Duration
	}{"/hush-moved": {"answers 307", 0}, "/hush-full": {"answers 429", time.Hour}, "/hush-soon": {"answers 503", 7 * time.Second}, "/hush-cut": {"EOF", 0}} {
		before := asked.Load()
		err := hook(s.URL+path).Post(t.Context(), "m", "text/plain", nil)
		if err == nil || !strings.Contains(err.Error(), want.says) || strings.Contains(err.Error(), "hush") || asked.Load() != before+1 {
			t.Errorf("%s: %v, asked %d times", path, err, asked.Load()-before)
			continue
		}
		var after time.Duration
		if later := (*Later)(nil); errors.As(err, &later) {
			after = later.After
		}
		if after != want.after {
			t.Errorf("%s: again after %v, want %v", path, after, want.after)
		}
	}
	before := asked.Load()
	inside := hook(strings.Replace(s.URL, "127.0.0.1", "localhost", 1) + "/hush-path")
	inside.Private = false
	if err := inside.Post(t.Context(), "m", "text/plain", nil); err == nil || !strings.Contains(err.Error(), "not public") || strings.Contains(err.Error(), "hush") || asked.Load() != before {
		t.Errorf("a private address: %v, asked %d times", err, asked.Load()-before)
	}
	broken := hook("https://hush\x7f/")
	if err := broken.Post(t.Context(), "m", "text/plain", nil); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("no URL: %v", err)
	}
	closed := hook(s.URL)
	closed.Secret = func() (string, error) { return "", errors.New("no such file") }
	if err := closed.Post(t.Context(), "m", "text/plain", nil); err == nil || asked.Load() != before {
		t.Errorf("without a secret: %v", err)
	}
}

func TestPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.216.34:443": true, "[2606:2800:220:1::1]:443": true,
		"127.0.0.1:80": false, "10.0.0.1:80": false, "172.16.0.1:80": false, "192.168.1.1:80": false, "169.254.169.254:80": false, "100.64.0.1:80": false,
		"0.0.0.0:80": false, "224.0.0.1:80": false, "255.255.255.255:80": false, "198.18.0.1:80": false, "[::1]:80": false, "[::]:80": false, "[fe80::1]:80": false,
		"[fc00::1]:80": false, "[::ffff:127.0.0.1]:80": false, "[::ffff:10.0.0.1]:80": false, "[64:ff9b::7f00:1]:80": false, "[2002:7f00:1::]:80": false, "nowhere": false,
	} {
		if got := checkPublic(address) == nil; got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
