// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/gate/gatetest"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

const key = "sk-provider-hush"

// A house is a real gate over small parts in memory, with a proxy before it.
type house struct {
	t      testing.TB
	url    string
	log    *housetest.Log
	proxy  *Proxy
	book   *gatetest.Memory
	policy *policy.Policy
	cst    string
}

// newHouse opens a house under a policy whose models are those of wpc.
func newHouse(t testing.TB, wpc string, routes ...Route) *house {
	t.Helper()
	h := &house{t: t, log: new(housetest.Log)}
	log := slog.New(slog.NewTextHandler(h.log, nil))
	h.book = gatetest.NewMemory(t, log)
	h.proxy = &Proxy{
		Gate: h.book.Gate, Door: &gate.Door{URL: gatetest.URL, Nonces: h.book}, Routes: routes,
		Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	h.policy = h.book.Publish(t, wpc)
	h.cst = h.mint(h.policy, "job-1")
	srv := httptest.NewUnstartedServer(h.proxy)
	srv.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelError)
	srv.Start()
	t.Cleanup(srv.Close)
	h.url = srv.URL
	return h
}

func (h *house) mint(p *policy.Policy, job string) string {
	h.t.Helper()
	return h.book.Mint(h.t, p, Actions(), job)
}

// receipts waits for n receipts and returns them as an auditor reads them.
func (h *house) receipts(n int) []*receipt.Receipt {
	h.t.Helper()
	return h.book.Receipts(h.t, n)
}

// committed fails unless commitment covers exactly want, under the salt that is
// stored for it.
func (h *house) committed(commitment seal.Hash, want []byte) {
	h.t.Helper()
	for _, line := range h.book.Lines() {
		for _, text := range line.Texts {
			if text.Commitment == commitment {
				if got := seal.Commit(text.Salt, want); got != commitment || !bytes.Equal(text.Bytes, want) {
					h.t.Errorf("committed to %d bytes, want these %d", len(text.Bytes), len(want))
				}
				return
			}
		}
	}
	h.t.Errorf("nothing stored for commitment %s", commitment)
}

// ends checks the last of n receipts: closed, with this outcome, committing to
// body and answering a call whose request was sent.
func (h *house) ends(n int, status receipt.Status, code string, request, body []byte) *receipt.Receipt {
	h.t.Helper()
	rs := h.receipts(n)
	opened, closed := rs[n-2], rs[n-1]
	if closed.Kind != receipt.Closed || closed.Opened != opened.Seq || closed.Outcome.Status != status || closed.Outcome.Code != code {
		h.t.Errorf("last receipt: %s of %d, outcome %+v, want %s %q", closed.Kind, closed.Opened, closed.Outcome, status, code)
	}
	if closed.Outcome == nil {
		h.t.FailNow()
	}
	if closed.Outcome.Size != int64(len(body)) {
		h.t.Errorf("receipt says %d bytes, the agent got %d", closed.Outcome.Size, len(body))
	}
	h.committed(opened.Call.Args, request)
	h.committed(closed.Outcome.Result, body)
	return closed
}

// post sends a request with the house's CST, and more headers in pairs.
func (h *house) post(path string, body []byte, headers ...string) *http.Response {
	h.t.Helper()
	resp, err := h.try(h.t.Context(), path, body, headers...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// plain is a client that changes nothing on the way.
var plain = &http.Client{Transport: &http.Transport{DisableCompression: true}}

func (h *house) try(ctx context.Context, path string, body []byte, headers ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.cst)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	return plain.Do(req)
}

func body(t *testing.T, resp *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// kinds are the error types of OpenAI's and Anthropic's dialects, by status.
var kinds = map[int]string{
	400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error", 408: "invalid_request_error",
	413: "request_too_large", 429: "rate_limit_error", 502: "api_error", 503: "api_error",
}

// complains checks that an answer is an error in the dialect's shape, in two lines.
func complains(t *testing.T, resp *http.Response, b []byte, dialect string, status int, says string) {
	t.Helper()
	var got struct {
		Type  string
		Error struct {
			Type, Message, Status string
			Code                  any
		}
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if resp.StatusCode != status || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("status %d, %s", resp.StatusCode, b)
	}
	var ok bool
	switch code, isText := got.Error.Code.(string); dialect {
	case "openai", "fal":
		ok = isText && code != "" && got.Type == "" && got.Error.Type == kinds[status]
	case "anthropic":
		ok = got.Error.Code == nil && got.Type == "error" && got.Error.Type == kinds[status]
	case "gemini":
		ok = got.Error.Code == float64(status) && got.Type == "" && got.Error.Status != ""
	}
	if !ok {
		t.Errorf("not in the shape of %s: %s", dialect, b)
	}
	what, mend, two := strings.Cut(got.Error.Message, "\n")
	if !two || mend == "" || strings.Contains(mend, "\n") || !strings.Contains(what, says) {
		t.Errorf("message %q, want two lines of which the first says %q", got.Error.Message, says)
	}
}

// upstream serves handler as a provider and returns a route to it.
func upstream(t testing.TB, name, dialect string, handler http.HandlerFunc) Route {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	base := map[string]string{"openai": "/v1", "anthropic": "/v1", "gemini": "/v1beta", "fal": "/openrouter/router/openai/v1"}[dialect]
	return Route{Name: name, Dialect: dialect, BaseURL: srv.URL + base, Key: func() (string, error) { return key, nil }}
}
