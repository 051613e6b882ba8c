// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/webhook"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func hook(h *house, url string) *Webhook {
	return &Webhook{webhook.Hook{URL: url, Secret: func() (string, error) { return hookSecret, nil }, Private: true, Now: h.now}}
}

func TestWebhook(t *testing.T) {
	h := newHouse(t)
	type request struct {
		header http.Header
		body   []byte
	}
	var got []request
	down := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, request{r.Header, b})
		if down {
			w.WriteHeader(http.StatusInternalServerError)
		}
		io.WriteString(w, strings.Repeat("x", 1<<20))
	}))
	defer s.Close()
	n := h.notifier(h, Channel{Name: "hook", Sender: hook(h, s.URL+"/in")})
	a := h.ask(t, "10001")
	h.settle(t, n)
	down = false
	h.move(firstPause)
	h.settle(t, n)
	h.answer(t, a, false)
	h.move(20 * time.Second)
	h.settle(t, n)
	if len(got) != 3 || got[0].header.Get("Webhook-Id") != got[1].header.Get("Webhook-Id") || got[0].header.Get("Webhook-Id") == got[2].header.Get("Webhook-Id") {
		t.Fatalf("%d requests", len(got))
	}
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookSecret, "whsec_"))
	for i, r := range got {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", r.header.Get("Webhook-Id"), r.header.Get("Webhook-Timestamp"), r.body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.header.Get("Webhook-Signature") != want {
			t.Errorf("%d: signed %s, want %s", i, r.header.Get("Webhook-Signature"), want)
		}
	}
	var p posted
	if err := json.Unmarshal(got[2].body, &p); err != nil {
		t.Fatal(err)
	}
	if p.Type != "approval.answered" || p.Data.Yes == nil || *p.Data.Yes || p.Data.By != "kim@house.test" || p.Data.Open || p.Data.Targets[0] != (Target{"issue", "10001", "7"}) || p.Data.Policy != thePolicy {
		t.Errorf("%s", got[2].body)
	}
}

func TestWebhookTroubles(t *testing.T) {
	h := newHouse(t)
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/in", http.StatusTemporaryRedirect)
		case "/full":
			w.Header().Set("Retry-After", "99999")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer s.Close()
	for path, want := range map[string]string{"/moved": "answers 307", "/full": "answers 429"} {
		if _, err := hook(h, s.URL+path).Send(t.Context(), &News{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	_, err := hook(h, s.URL+"/full").Send(t.Context(), &News{})
	if later := (*Later)(nil); !errors.As(err, &later) || later.After != time.Hour {
		t.Errorf("full: %v", err)
	}
	before := asked
	inside := hook(h, strings.Replace(s.URL, "127.0.0.1", "localhost", 1)+"/hush-path")
	inside.Private = false
	if _, err := inside.Send(t.Context(), &News{}); err == nil || !strings.Contains(err.Error(), "not public") || strings.Contains(err.Error(), "hush") || asked != before {
		t.Errorf("a private address: %v, asked %d times", err, asked-before)
	}
}
