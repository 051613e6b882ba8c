// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	guard "github.com/clawea/clawea/integrations/openclaw"
	"github.com/clawea/clawea/internal/openclaw/openclawtest"
	"github.com/clawea/clawea/internal/sim/model"
)

const secret = "0123456789abcdef-secret"

// A told is a request that the plugin made to the house.
type told struct {
	Path   string
	Prefer string
	Body   map[string]any
	Models int // how many model calls there had been
}

// A world is an OpenClaw with the plugin, its model and its house.
type world struct {
	t      *testing.T
	home   *openclawtest.Home
	model  *model.Provider
	config map[string]any
	secret string       // the file
	env    []string     // besides what an OpenClaw must have
	server http.Handler // the house's own MCP server

	mu     sync.Mutex
	told   []told
	effect func(args map[string]any) string // "allow", "ask" or "deny"
}

// newWorld has a model that calls each of the tools in turn, and then says what the
// last one gave.
func newWorld(t *testing.T, calls ...model.ToolCall) *world {
	t.Helper()
	w := &world{t: t, home: openclawtest.Find(t).Home(t), effect: func(map[string]any) string { return "allow" }}
	w.model = model.New(model.Config{Key: "key", Script: func(c model.Conversation) model.Reply {
		if n := c.Turn(); n < len(calls) {
			return model.Reply{Calls: calls[n : n+1]}
		}
		return model.Reply{Text: "done"}
	}})
	provider := httptest.NewServer(w.model)
	t.Cleanup(provider.Close)
	house := httptest.NewServer(w)
	t.Cleanup(house.Close)

	folder := filepath.Join(w.home.Dir, "plugin")
	if err := os.CopyFS(folder, guard.Plugin); err != nil {
		t.Fatal(err)
	}
	w.secret = filepath.Join(w.home.State, "guard.secret")
	w.server = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server {
		s := mcp.NewServer(&mcp.Implementation{Name: "clawea", Version: "1"}, nil)
		mcp.AddTool(s, &mcp.Tool{Name: "jira_issue_get", Description: "reads an issue"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "from the house"}}}, nil, nil
		})
		return s
	}, &mcp.StreamableHTTPOptions{Stateless: true})
	w.config = map[string]any{
		"models": map[string]any{"mode": "replace", "catalogRefresh": map[string]any{"enabled": false}, "providers": map[string]any{"sim": map[string]any{
			"baseUrl": provider.URL + "/v1", "apiKey": "key", "api": "openai-completions",
			"models": []any{map[string]any{"id": "sim-1", "name": "sim", "reasoning": false, "input": []string{"text"}, "contextWindow": 128000, "maxTokens": 4096,
				"cost": map[string]any{"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}}},
		}}},
		"agents":  map[string]any{"defaults": map[string]any{"model": "sim/sim-1", "workspace": w.home.Workspace, "skipBootstrap": true, "skills": []any{}}},
		"update":  map[string]any{"checkOnStart": false},
		"tools":   map[string]any{"toolSearch": false, "codeMode": false, "allow": []string{"exec", "read", "clawea__*"}, "exec": map[string]any{"mode": "full"}},
		"mcp":     map[string]any{"servers": map[string]any{"clawea": map[string]any{"transport": "streamable-http", "url": house.URL + "/sidecar/mcp"}}},
		"plugins": map[string]any{"slots": map[string]any{"memory": "none"}},
	}
	w.plugin("clawea", folder, map[string]any{"url": house.URL + "/sidecar", "secretFile": w.secret})
	return w
}

// plugin has OpenClaw load a plugin.
func (w *world) plugin(id, folder string, config map[string]any) {
	plugins := w.config["plugins"].(map[string]any)
	allow, _ := plugins["allow"].([]string)
	load, _ := plugins["load"].(map[string][]string)
	entries, _ := plugins["entries"].(map[string]any)
	entries = maps.Clone(entries)
	if entries == nil {
		entries = map[string]any{}
	}
	entries[id] = map[string]any{"enabled": true, "hooks": map[string]any{"allowConversationAccess": true}, "config": config}
	plugins["allow"], plugins["load"], plugins["entries"] = append(allow, id), map[string][]string{"paths": append(load["paths"], folder)}, entries
}

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/sidecar/mcp" {
		w.server.ServeHTTP(rw, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	in := told{Path: strings.TrimPrefix(r.URL.Path, "/sidecar"), Prefer: r.Header.Get("Prefer"), Models: len(w.model.Requests())}
	if err != nil || json.Unmarshal(body, &in.Body) != nil || r.Header.Get("Clawea-Guard") != secret || r.Method != http.MethodPost {
		http.Error(rw, "no", http.StatusForbidden)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, in)
	n := len(w.told)
	switch {
	case in.Path == "/v1/local/alive":
		rw.WriteHeader(http.StatusNoContent)
	case in.Path == "/v1/local":
		args, _ := in.Body["args"].(map[string]any)
		out := map[string]any{"effect": w.effect(args), "receipt": fmt.Sprintf("job-1/%d", n), "reasons": []any{map[string]any{"clause": "/tool_policy/deny", "says": "exec is denied"}}}
		switch out["effect"] {
		case "allow":
			out["ticket"], out["until"] = fmt.Sprintf("ticket-%d", n), time.Now().Add(time.Minute).Format(time.RFC3339Nano)
		case "ask":
			out["approval"] = "appr-1"
		}
		json.NewEncoder(rw).Encode(out)
	default:
		io.WriteString(rw, "{}")
	}
}

// asked returns what the plugin told the house at paths that match.
func (w *world) asked(path string) []told {
	w.mu.Lock()
	defer w.mu.Unlock()
	form := regexp.MustCompile("^" + path + "$")
	return slices.DeleteFunc(slices.Clone(w.told), func(in told) bool { return !form.MatchString(in.Path) })
}

// run writes the configuration and a secret, and runs OpenClaw. It returns all that
// OpenClaw printed.
func (w *world) run(args ...string) string {
	w.t.Helper()
	config, err := json.Marshal(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.home.Write(w.t, config)
	if err := os.WriteFile(w.secret, []byte(secret), 0o600); err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(w.t.Context(), 5*time.Minute)
	defer stop()
	out, err := w.home.Command(ctx, w.env, args...).CombinedOutput()
	if ctx.Err() != nil {
		w.t.Fatalf("openclaw %v did not end: %v\n%s", args, err, out)
	}
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("openclaw %v: %v\n%.4000s", args, err, out)
		}
	})
	return string(out)
}

func (w *world) exists(name string) bool {
	_, err := os.Stat(filepath.Join(w.home.Workspace, name))
	return err == nil
}

// seen is what the model was told that its calls came to.
func (w *world) seen() string {
	requests := w.model.Requests()
	if len(requests) == 0 {
		return ""
	}
	return string(requests[len(requests)-1].Body)
}

func execute(command string) model.ToolCall {
	args, _ := json.Marshal(map[string]string{"command": command})
	return model.ToolCall{Name: "exec", Arguments: args}
}

var agent = []string{"agent", "--local", "--agent", "main", "--message", "go", "--json"}

// OpenClaw itself does what the house allows, and nothing else, and tells of it.
func TestOpenClawAsks(t *testing.T) {
	w := newWorld(t, execute("echo hi > allowed.txt; exit 3"), execute("echo hi > denied.txt"), execute("echo hi > asked.txt"),
		model.ToolCall{Name: "read", Arguments: json.RawMessage(`{"path":"absent.txt"}`)}, model.ToolCall{Name: "clawea__jira_issue_get"})
	w.effect = func(args map[string]any) string {
		switch command, _ := args["command"].(string); {
		case strings.Contains(command, "denied"):
			return "deny"
		case strings.Contains(command, "asked"):
			return "ask"
		}
		return "allow"
	}
	w.run(agent...)

	for name, want := range map[string]bool{"allowed.txt": true, "denied.txt": false, "asked.txt": false} {
		if w.exists(name) != want {
			t.Errorf("%s is there: %v", name, !want)
		}
	}
	for _, want := range []string{"Clawea: denied: exec is denied (/tool_policy/deny) Receipt job-1/", "Clawea: pending. People are asked about this call (approval appr-1)", "from the house"} {
		if !strings.Contains(w.seen(), want) {
			t.Errorf("the model was not told %q", want)
		}
	}
	asked := w.asked("/v1/local")
	if len(asked) != 4 || asked[0].Body["tool"] != "exec" || asked[0].Body["class"] != "write" || asked[3].Body["tool"] != "read" || asked[3].Body["class"] != "read" {
		t.Errorf("asked %+v", asked)
	}
	digest := regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	closed := w.asked("/v1/local/job-1/[0-9]+/close")
	if len(closed) != 2 || closed[0].Body["status"] != "done" || closed[0].Body["code"] != "exit_3" || closed[1].Body["status"] != "failed" || closed[1].Body["code"] != "tool_error" {
		t.Fatalf("closed %+v", closed)
	}
	for _, c := range closed {
		_, seq, _ := strings.Cut(strings.TrimSuffix(c.Path, "/close"), "job-1/")
		if sum, _ := c.Body["result_sha256"].(string); c.Body["ticket"] != "ticket-"+seq || !digest.MatchString(sum) {
			t.Errorf("closed %+v", c)
		}
	}
	if first := w.asked("/v1/local/alive"); len(first) == 0 || first[0].Models != 0 || first[0].Body["plugin"] != "clawea" || first[0].Body["mode"] != "full" {
		t.Errorf("the house did not hear of the plugin before the model was called: %+v", first)
	}
	if _, err := os.Stat(w.secret); err == nil {
		t.Error("the secret is still on the disk")
	}
}

// Where OpenClaw loads the plugin and does not run its hooks, the plugin does not say
// that it stands, and leaves no secret with which the agent's commands could say it.
// This is why the house, and not the plugin, refuses models to such runs.
func TestOpenClawDoesNotRunHooks(t *testing.T) {
	w := newWorld(t, execute("echo hi > unguarded.txt"))
	w.run("agent", "exec", "go", "--config", w.home.Config, "--cwd", w.home.Workspace, "--state-dir", w.home.State, "--json")
	if len(w.model.Requests()) == 0 {
		t.Fatal("agent exec called no model")
	}
	if told := w.asked(".*"); len(told) > 0 {
		t.Errorf("the house heard of it: %+v", told)
	}
	if _, err := os.Stat(w.secret); err == nil {
		t.Error("the secret is still on the disk")
	}
}

// Without a house, or without what the plugin needs, nothing is done.
func TestOpenClawWithoutHouse(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"no house":  {"url": "http://127.0.0.1:1/sidecar"},
		"no secret": {"secretFile": "/nonexistent/secret"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, execute("echo hi > unguarded.txt"))
			entry := w.config["plugins"].(map[string]any)["entries"].(map[string]any)["clawea"].(map[string]any)
			maps.Copy(entry["config"].(map[string]any), change)
			out := w.run(agent...)
			if n := len(w.model.Requests()); n > 0 || w.exists("unguarded.txt") {
				t.Errorf("the model was called %d times", n)
			}
			if !strings.Contains(out, "Clawea") {
				t.Error("nobody is told why")
			}
		})
	}
}

// Another plugin may rewrite a call's arguments, in a hook before ours or after it, or
// as a trusted policy. What was asked about is what is done: the last word on the
// arguments is ours, and a trusted policy's comes before the question.
func TestOpenClawRewrites(t *testing.T) {
	w := newWorld(t, execute("echo hi > called.txt"))
	folder := filepath.Join(w.home.Dir, "rewriter")
	files := map[string]string{
		"index.mjs": `export default { id: "rewriter", name: "rewriter", register(api) {
			const to = (name) => async () => ({ params: { command: "echo hi > " + name } });
			api.on("before_tool_call", to("before.txt"), { priority: Number.MAX_VALUE });
			api.on("before_tool_call", to("after.txt"), { priority: -Number.MAX_VALUE });
			api.registerTrustedToolPolicy({ id: "rewrite", description: "rewrites", evaluate: to("trusted.txt") });
		} };`,
		"package.json":         `{"name": "rewriter", "version": "1.0.0", "type": "module", "openclaw": {"extensions": ["./index.mjs"]}}`,
		"openclaw.plugin.json": `{"id": "rewriter", "activation": {"onStartup": true}, "contracts": {"trustedToolPolicies": ["rewrite"]}, "configSchema": {"type": "object"}}`,
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.plugin("rewriter", folder, map[string]any{})
	w.run(agent...)

	asked := w.asked("/v1/local")
	if len(asked) != 1 {
		t.Fatalf("asked %+v", asked)
	}
	args, _ := asked[0].Body["args"].(map[string]any)
	made, err := filepath.Glob(filepath.Join(w.home.Workspace, "*.txt"))
	if err != nil || args["command"] != "echo hi > trusted.txt" || len(made) != 1 || filepath.Base(made[0]) != "trusted.txt" {
		t.Errorf("asked about %q, and made %q", args, made)
	}
	if closed := w.asked("/v1/local/job-1/[0-9]+/close"); len(closed) != 1 || closed[0].Body["status"] != "done" {
		t.Errorf("closed %+v", closed)
	}
}

// People are waited for as long as the configuration says.
func TestOpenClawWaits(t *testing.T) {
	w := newWorld(t, execute("echo hi > asked.txt"))
	entry := w.config["plugins"].(map[string]any)["entries"].(map[string]any)["clawea"].(map[string]any)
	entry["config"].(map[string]any)["waitSeconds"] = 90
	// A proxy in the environment, which is not there, is not asked to reach the house.
	provider := w.config["models"].(map[string]any)["providers"].(map[string]any)["sim"].(map[string]any)["baseUrl"].(string)
	w.env = []string{"NODE_USE_ENV_PROXY=1", "HTTP_PROXY=http://127.0.0.1:1", "NO_PROXY=" + strings.TrimSuffix(strings.TrimPrefix(provider, "http://"), "/v1")}
	delete(w.config, "mcp")
	var first time.Time
	w.effect = func(map[string]any) string {
		if first.IsZero() {
			first = time.Now()
		}
		if time.Since(first) < 18*time.Second { // longer than OpenClaw's own 15 seconds
			return "ask"
		}
		return "allow"
	}
	w.run(agent...)
	if asked := w.asked("/v1/local"); len(asked) < 2 || asked[0].Prefer != "wait=45" || !w.exists("asked.txt") {
		t.Errorf("asked %d times, first %+v", len(asked), asked[:min(1, len(asked))])
	}
	if strings.Contains(w.seen(), "Clawea: pending") {
		t.Error("the agent was told that the call is pending")
	}
}
