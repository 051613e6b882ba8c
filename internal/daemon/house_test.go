// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/examples"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/internal/sim/model"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// secrets are what the house holds for others, by the name of their file.
var secrets = map[string]string{
	"operator": "operator-0123456789abcdef0123456789", "model": "sk-model-0123456789abcdef",
	"reader": "reader-0123456789abcdef", "writer": "writer-0123456789abcdef",
}

// A world is a simulated site and model, and the files of a house before them.
type world struct {
	t     *testing.T
	dir   string
	store string
	site  *atlassian.Site
	page  string // a runbook
	// The model and its answers.
	script     model.Script
	modelURL   string
	siteURL    string
	ada, alice *keys.Key
	more       string // lines of the configuration

	moreOfModel string // fields of the provider sim-anthropic
}

const text = "one two three four five six seven eight nine ten eleven twelve"

// newWorld makes a world whose house keeps its book in store.
func newWorld(t *testing.T, store string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), store: store, site: atlassian.New(atlassian.Config{})}
	for name, value := range secrets {
		w.write(name, value+"\n")
	}
	w.site.AddAccount(atlassian.Account{Email: "reader@house.test", Token: secrets["reader"], Name: "Reader", Scopes: atlassian.ReaderScopes()})
	w.site.AddAccount(atlassian.Account{Email: "writer@house.test", Token: secrets["writer"], Name: "Writer", Scopes: append(atlassian.ReaderScopes(), atlassian.WriterScopes()...)})
	w.site.AddSpace("ENG", "Engineering")
	runbooks := w.site.AddPage(atlassian.PageSeed{Space: "ENG", Title: "Runbooks", Body: "<p>What to do when.</p>"})
	w.page = w.site.AddPage(atlassian.PageSeed{Space: "ENG", Parent: runbooks, Title: "Failover", Body: "<p>Promote the replica.</p>"})
	w.site.AddProject("ENG", "Engineering")
	w.script = func(model.Conversation) model.Reply { return model.Reply{Text: text} }
	provider := model.New(model.Config{
		Key: secrets["model"], ChunkDelay: 5 * time.Millisecond, Script: func(c model.Conversation) model.Reply { return w.script(c) },
	})
	for url, h := range map[*string]http.Handler{&w.siteURL: w.site, &w.modelURL: provider} {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		*url = srv.URL
	}
	w.ada, w.alice = w.person("ada"), w.person("alice")
	return w
}

func (w *world) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) person(name string) *keys.Key {
	w.t.Helper()
	path := filepath.Join(w.dir, name+".key")
	if _, err := keys.GenerateTo(path, name+"@house.test"); err != nil {
		w.t.Fatal(err)
	}
	k, err := keys.LoadSigner(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

const conf = `{
  "listen": %q, "house": "https://house.test", "origin": "house.test/log", "store": %q, "keys": "keys", // shared by replicas
  "authors": [%q], "people": [%q],
  "operators": [{"name": "olga", "token": "file:operator"}], "plain_bearer": true, %[7]s
  "providers": [
    {"name": "sim-openai", "dialect": "openai", "base_url": "%[5]s/v1", "key": "file:model"},
    {"name": "sim-anthropic", "dialect": "anthropic", "base_url": "%[5]s/v1", "key": "file:model"%[8]s},
  ],
  "confluence": {"site": %[6]q, "read": {"email": "reader@house.test", "token": "file:reader", "scopes": ["read:page:confluence"]}, "write": {"email": "writer@house.test", "token": "file:writer", "scopes": ["write:page:confluence"]}},
  "jira": {"site": %[6]q, "read": {"email": "reader@house.test", "token": "file:reader", "scopes": ["read:issue-details:jira"]}, "write": {"email": "writer@house.test", "token": "file:writer", "scopes": ["write:issue:jira"]}},
}`

// A house is a daemon that runs in a world.
type house struct {
	*world
	*Daemon
	url    string
	client *api.Client
	log    *housetest.Log
	stop   context.CancelFunc
	served chan error
}

// start starts a daemon. It is stopped and closed with the test, unless the
// test has done so.
func (w *world) start() *house { return w.startFrom(func(text string) string { return text }) }

// startFrom is start with a changed configuration.
func (w *world) startFrom(change func(string) string) *house {
	w.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("clawea.hujson", change(fmt.Sprintf(conf, ln.Addr(), w.store, w.ada.Public, w.alice.Public, w.modelURL, w.siteURL, w.more, w.moreOfModel)))
	c, err := config.Load(filepath.Join(w.dir, "clawea.hujson"))
	if err != nil {
		w.t.Fatal(err)
	}
	h := &house{world: w, url: "http://" + ln.Addr().String(), log: new(housetest.Log), served: make(chan error, 1)}
	if h.Daemon, err = New(w.t.Context(), c, "test", slog.New(slog.NewTextHandler(h.log, nil))); err != nil {
		w.t.Fatal(err)
	}
	var running context.Context
	running, h.stop = context.WithCancel(context.Background())
	go func() { h.served <- h.Serve(running, ln) }()
	h.client = &api.Client{URL: h.url, Token: func() (string, error) { return secrets["operator"], nil }}
	w.t.Cleanup(func() {
		if h.stop != nil {
			h.shut()
		}
	})
	return h
}

// shut stops the daemon and lets go of its database.
func (h *house) shut() {
	h.t.Helper()
	h.stop()
	h.stop = nil
	if err := <-h.served; err != nil {
		h.t.Errorf("serve: %v", err)
	}
	if err := h.Close(); err != nil {
		h.t.Errorf("close: %v", err)
	}
}

// publish publishes the example policy of a runbook agent.
func (h *house) publish() seal.Hash {
	h.t.Helper()
	b, err := examples.Policies.ReadFile("policies/runbook-agent.json")
	if err != nil {
		h.t.Fatal(err)
	}
	p, err := h.client.Publish(h.t.Context(), h.signed(string(b)))
	if err != nil {
		h.t.Fatal(err)
	}
	return p.Hash
}

// signed is a WPC as ada signs it.
func (h *house) signed(wpc string) *seal.Envelope {
	h.t.Helper()
	b, err := seal.Canonical([]byte(wpc))
	if err != nil {
		h.t.Fatal(err)
	}
	e, err := seal.Sign(h.ada, policy.Type, b)
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

func (h *house) issue(p seal.Hash, job string) *api.Issued {
	h.t.Helper()
	i, err := h.client.Issue(h.t.Context(), &api.Order{Agent: "robot", Job: job, Policy: p})
	if err != nil {
		h.t.Fatal(err)
	}
	return i
}

type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// An agent is an MCP client with a token.
func (h *house) agent(raw string) *mcp.ClientSession {
	h.t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "robot", Version: "1"}, nil)
	s, err := client.Connect(h.t.Context(), &mcp.StreamableClientTransport{Endpoint: h.url + "/mcp", HTTPClient: &http.Client{Transport: bearer(raw)}}, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { s.Close() })
	return s
}

// tool calls a tool; status is "done", or that of its failure.
func tool(t *testing.T, s *mcp.ClientSession, name, args string) (status, body string) {
	t.Helper()
	res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: json.RawMessage(args)})
	if err != nil {
		t.Fatal(err)
	}
	body = res.Content[0].(*mcp.TextContent).Text
	if !res.IsError {
		return "done", body
	}
	var f struct{ Status, Approval string }
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return f.Status, f.Approval
}

// message asks the model in Anthropic's dialect, streaming.
func (h *house) message(ctx context.Context, raw string) (*http.Response, error) {
	return h.stream(ctx, raw, 256)
}

// stream asks for an answer of most tokens, of which a few come every 5 ms.
func (h *house) stream(ctx context.Context, raw string, most int) (*http.Response, error) {
	body := fmt.Sprintf(`{"model":"claude-sim-1","max_tokens":%d,"stream":true,"messages":[{"role":"user","content":"count"}]}`, most)
	req, err := http.NewRequestWithContext(ctx, "POST", h.url+"/proxy/sim-anthropic/v1/messages", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Api-Key", raw)
	req.Header.Set("Anthropic-Version", "2023-06-01")
	return http.DefaultClient.Do(req)
}

// ask is message, read to its end.
func (h *house) ask(raw string) (status int, body string) {
	h.t.Helper()
	res, err := h.message(h.t.Context(), raw)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// yes has alice approve a question.
func (h *house) yes(id string) {
	h.t.Helper()
	q, err := h.client.Question(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	a := &receipt.Answer{Approval: id, Job: q.Job, Call: q.Call, Policy: q.Policy, Yes: true, By: "alice@house.test", At: now, Expires: now.Add(time.Hour)}
	e, err := a.Sign(h.alice)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.client.Answer(h.t.Context(), id, e); err != nil {
		h.t.Fatal(err)
	}
}

// verified exports a job's bundle and verifies it with what the house says its
// keys are.
func (h *house) verified(job string, p seal.Hash) *verify.Report {
	h.t.Helper()
	paper, err := h.client.Trust(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	trust, err := verify.ParseTrust(paper)
	if err != nil {
		h.t.Fatal(err)
	}
	file, err := h.client.Proof(h.t.Context(), job, false)
	if err != nil {
		h.t.Fatal(err)
	}
	r := verify.Bundle(file, trust, verify.Expect{Policy: p, Job: job, Now: time.Now()})
	if !r.Verified() {
		var b bytes.Buffer
		if err := verify.WriteText(&b, r); err != nil {
			h.t.Fatal(err)
		}
		h.t.Fatalf("the bundle does not verify:\n%s", b.String())
	}
	return r
}
