// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/sim/model"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// A modelHouse is clawea serve on SQLite before one simulated provider of each
// dialect. Every provider has a key and a path of its own.
type modelHouse struct {
	authority
	at        string // where the providers are
	providers map[string]*provider
}

// A provider is a simulated one that remembers what it said.
type provider struct {
	*model.Provider
	key string

	mu   sync.Mutex
	said []*answer
}

// An answer is what a provider said to one request.
type answer struct {
	http.ResponseWriter
	path string

	mu   sync.Mutex
	body bytes.Buffer
}

// Write says b and remembers it.
func (a *answer) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.body.Write(b)
	return a.ResponseWriter.Write(b)
}

// Unwrap is for flushing.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) bytes() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return bytes.Clone(a.body.Bytes())
}

// linger is how long a provider's connection stays open after its last word, as
// it may: a client need not wait for that.
const linger = 20 * time.Millisecond

// ServeHTTP has the provider answer.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w, path: r.URL.Path}
	p.mu.Lock()
	p.said = append(p.said, a)
	p.mu.Unlock()
	p.Provider.ServeHTTP(a, r)
	time.Sleep(linger)
}

// requests returns what arrived under a path, and what was said to the last of it.
func (p *provider) requests(under string) ([]model.Request, *answer) {
	var out []model.Request
	for _, r := range p.Requests() {
		if strings.HasPrefix(r.Path, under) {
			out = append(out, r)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var last *answer
	for _, a := range p.said {
		if strings.HasPrefix(a.path, under) {
			last = a
		}
	}
	return out, last
}

// What these tests say to the providers beyond simHello and its like.
const (
	simCut     = "Hang up on me after five events."
	simHalf    = "Hang up on me in the middle."
	simSecret  = "Is this mine: %s?"
	simNothing = "I see nothing secret."
)

// mindOf is the mind of these tests' models.
func mindOf(c model.Conversation) model.Reply {
	usage := &model.Usage{Input: 100, Cached: 40, Output: 50, Reasoning: 30}
	switch text := c.Last().Text; {
	case text == simWeather:
		r := mind(c)
		r.Usage = usage
		return r
	case text == simCut:
		return model.Reply{Text: strings.Repeat(simGreets, 9), Fault: model.Cut, After: 5}
	case text == simHalf:
		return model.Reply{Text: strings.Repeat(simGreets, 9), Fault: model.Cut, After: 1}
	case strings.HasPrefix(text, simSecret[:len(simSecret)-len("%s?")]):
		return model.Reply{Text: simNothing, Usage: usage}
	}
	return mind(c)
}

// talkerPolicy is the policy of these tests. No call may have more than 512
// tokens of output.
const talkerPolicy = `{"wpc_version":"v1","policy_name":"talker","purpose":"Talk to models","model_route":{"require_clawproxy":true,
	"allowed":["openai/gpt-*","anthropic/claude-*","gemini/gemini-*","fal/openrouter/vendor/*","house/small"],
	"max_output_tokens":512,"max_tokens_per_job":1000000,"max_cost_per_job":2.5,
	"tools_allowlist":["weather","time*"],"screening":{"mask":["github-*"],"block":["pii-iban"]}},
	"runtime":{"require_cst":true,"cst_policy_hash_pin":true,"max_ttl_seconds":600,"cst_bearer_allowed":true}}`

// modelConfig is the house's configuration. The prices are the same for all, so
// that the tests can say what a call costs.
const modelConfig = `{
	"listen": %[1]q, "store": "sqlite:house.db", "authors": [%[2]q], "operators": [{"name": "ops", "token": "file:secrets/operator"}], "plain_bearer": true,
	"providers": [
		{"name": "openai", "dialect": "openai", "base_url": "%[3]s/openai/v1", "key": "file:secrets/openai"},
		{"name": "anthropic", "dialect": "anthropic", "base_url": "%[3]s/anthropic/v1", "key": "file:secrets/anthropic"},
		{"name": "gemini", "dialect": "gemini", "base_url": "%[3]s/gemini/v1beta", "key": "file:secrets/gemini"},
		{"name": "fal", "dialect": "fal", "base_url": "%[3]s/fal/openrouter/router/openai/v1", "key": "file:secrets/fal"},
		{"name": "house", "dialect": "openai", "base_url": "%[3]s/house/v1", "key": "file:secrets/house"},
	],
	"prices": [
		{"route": "openai", "models": "*", "input": 2, "output": 10, "cache_read": 0.5},
		{"route": "anthropic", "models": "*", "input": 2, "output": 10, "cache_read": 0.5},
		{"route": "gemini", "models": "*", "input": 2, "output": 10, "cache_read": 0.5},
		{"route": "fal", "models": "openrouter/*", "input": 2, "output": 10, "cache_read": 0.5},
		{"route": "house", "models": "*", "input": 2, "output": 10, "cache_read": 0.5, "max_output": 4096},
	],
}`

// costs is what a call that uses what mindOf says comes to by modelConfig: 60
// tokens, 40 from the cache, and 50 out.
const costs = 60*2 + 40/2 + 50*10

func openModelHouse(t *testing.T) *modelHouse {
	t.Helper()
	h := &modelHouse{authority: authority{house: house{dir: t.TempDir()}, secret: rand.Text()}, providers: map[string]*provider{}}
	mux := http.NewServeMux()
	for _, name := range []string{"openai", "anthropic", "gemini", "fal", "house"} {
		p := &provider{key: rand.Text()}
		p.Provider = model.New(model.Config{Key: p.key, Script: mindOf, ChunkDelay: time.Millisecond})
		h.providers[name] = p
		h.write(t, filepath.Join("secrets", name), p.key)
		mux.Handle("/"+name+"/", http.StripPrefix("/"+name, p))
	}
	h.write(t, filepath.Join("secrets", "operator"), h.secret)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	h.at = server.URL
	h.clawea(t, "key", "new", "-name", "ada", h.path("ada.key"))
	listen := freeAddress(t)
	h.url = "http://" + listen
	h.write(t, "clawea.hujson", fmt.Sprintf(modelConfig, listen, h.read(t, "ada.key.pub"), h.at))
	h.serve(t)
	h.policy = h.publishText(t, talkerPolicy)
	h.clawea(t, "proof", "trust", "-o", h.path("trust.json"))
	return h
}

// An ear is a transport that counts requests, so that a retry does not pass
// unseen, and hears what the house answers.
type ear struct {
	requests int
	last     *http.Response
	heard    *bytes.Buffer // the last answer's body
}

// RoundTrip sends r.
func (e *ear) RoundTrip(r *http.Request) (*http.Response, error) {
	e.requests++
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	e.last, e.heard = resp, new(bytes.Buffer)
	resp.Body = heard{io.TeeReader(resp.Body, e.heard), resp.Body}
	return resp, nil
}

type heard struct {
	io.Reader
	io.Closer
}

// call returns the receipts of a call as the job's own token may read them. The
// end of an answer comes when they are closed; early says that the client may not
// have waited for it.
func (h *modelHouse) call(t *testing.T, token, place string, early bool) (opened, closed *receipt.Receipt) {
	t.Helper()
	for range 1500 {
		var got struct{ Opened, Closed *struct{ Payload []byte } }
		h.get(t, token, "/v1/receipts/"+place, &got)
		if got.Opened == nil {
			t.Fatalf("there is no receipt %q", place)
		}
		opened = parse(t, got.Opened.Payload)
		if got.Closed != nil {
			return opened, parse(t, got.Closed.Payload)
		}
		if opened.Decision.Effect != policy.Allow {
			return opened, nil
		}
		if !early {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s is not closed", place)
	return nil, nil
}

func parse(t *testing.T, payload []byte) *receipt.Receipt {
	t.Helper()
	r, err := receipt.Parse(payload)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (h *modelHouse) get(t *testing.T, token, path string, v any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v\n%s", path, resp.Status, err, b)
	}
}
