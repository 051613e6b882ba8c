// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/receipt"
)

const (
	letter   = `{"model":"gpt-5","messages":[{"role":"user","content":"write to ada@example.org, é and \u00e9"}]}`
	screened = `{"wpc_version": "v1", "model_route": {"allowed": ["oai"], "screening": {`
)

// What a policy masks never reaches the provider, nor the house's book.
func TestMasked(t *testing.T) {
	var got []byte
	h := newHouse(t, screened+`"mask": ["pii-*"]}}}`, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		io.WriteString(w, "{}")
	}))
	b := body(t, h.post(chat, []byte(letter)))
	want := strings.Replace(letter, "ada@example.org", "[masked:pii-email]", 1)
	if string(got) != want {
		t.Errorf("the provider got %s", got)
	}
	h.ends(2, receipt.Done, "200", []byte(want), b)
	if diff := cmp.Diff(map[string]int{"pii-email": 1}, h.receipts(2)[0].Call.Found); diff != "" {
		t.Error(diff)
	}
}

// Headers are not committed to, so what is found in one is not sent, and none is
// long.
func TestScreenedHeaders(t *testing.T) {
	var got http.Header
	h := newHouse(t, screened+`"mask": ["pii-*"]}}}`, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		io.WriteString(w, "{}")
	}))
	body(t, h.post(chat, []byte(letter), "User-Agent", "mail ada@example.org", "OpenAI-Beta", strings.Repeat("b", 513), "X-Stainless-Lang", "go", "X-Stainless-Letter", "long"))
	want := map[string]string{"User-Agent": "clawea", "Openai-Beta": "", "X-Stainless-Lang": "go", "X-Stainless-Letter": ""}
	for name, value := range want {
		if got.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, got.Get(name), value)
		}
	}
}

// What it blocks stops the call, and is not kept either.
func TestBlocked(t *testing.T) {
	h := refusing(t, screened+`"block": ["pii-email"]}}}`)
	resp := h.post(chat, []byte(letter))
	complains(t, resp, body(t, resp), "openai", 403, "/model_route/screening/block")
	r := h.receipts(1)[0]
	if diff := cmp.Diff(map[string]int{"pii-email": 1}, r.Call.Found); diff != "" {
		t.Error(diff)
	}
	h.committed(r.Call.Args, []byte(strings.Replace(letter, "ada@example.org", "[masked:pii-email]", 1)))
}

// A request in which nothing is found is the agent's, byte for byte.
func TestNothingFound(t *testing.T) {
	var got []byte
	h := newHouse(t, screened+`"block": ["pii-*"], "mask": ["*-token"]}}}`, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
	}))
	body(t, h.post(chat, gpt))
	if !bytes.Equal(got, gpt) {
		t.Errorf("the provider got %s", got)
	}
	h.ends(2, receipt.Done, "200", gpt, nil)
}

// A policy whose rules this house does not have lets nothing pass, and nothing of
// what could not be screened is kept.
func TestUnscreened(t *testing.T) {
	h := refusing(t, screened+`"mask": ["no-such-rule"]}}}`)
	resp := h.post(chat, []byte(letter))
	complains(t, resp, body(t, resp), "openai", 403, "screening rules cannot be used")
	r := h.receipts(1)[0]
	if r.Call.Unresolved != "screening" {
		t.Errorf("call %+v", r.Call)
	}
	h.committed(r.Call.Args, nil)
	if !strings.Contains(h.log.String(), "screen a request") {
		t.Error("the operator is not told")
	}
}
