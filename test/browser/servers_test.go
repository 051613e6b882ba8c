// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// weather is an MCP server with a tool, as far as the house asks it.
func weather(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			ProtocolVersion string `json:"protocolVersion"`
		} `json:"params"`
	}
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&asked) != nil {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if asked.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	says := `"error":{"code":-32601,"message":"no such method"}`
	switch asked.Method {
	case "initialize":
		says = fmt.Sprintf(`"result":{"protocolVersion":%q,"capabilities":{"tools":{}},"serverInfo":{"name":"weather","version":"2.1.0"}}`, asked.Params.ProtocolVersion)
	case "tools/list":
		says = `"result":{"tools":[{"name":"forecast","description":"What the weather will be.\nIn a place, for a day.","annotations":{"readOnlyHint":true},
			"inputSchema":{"type":"object","properties":{"place":{"type":"string","description":"A town."},"day":{"type":"string"}},"required":["place"]}}]}`
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, asked.ID, says)
}

const weatherAdapter = `{"server": "weather", "versions": ["2.1.0"], "tools": [{"name": "forecast", "rows": [{"class": "read"}]}]}`

// lacks are the parts of a sandbox that this machine does not have.
func (h *house) lacks() []string {
	h.t.Helper()
	out, _ := h.command("doctor", "-json").Output() // it fails where something lacks
	var found struct {
		Parts []struct {
			Part string `json:"part"`
			OK   bool   `json:"ok"`
		} `json:"parts"`
	}
	if err := json.Unmarshal(out, &found); err != nil {
		h.t.Fatalf("%s: %v", out, err)
	}
	parts := []string{}
	for _, p := range found.Parts {
		if !p.OK {
			parts = append(parts, p.Part)
		}
	}
	return parts
}

// freeAddress is an address of this machine at which nobody listens. Its port is below
// those that the system gives to whoever asks for any, so that nobody has it meanwhile.
func freeAddress(t *testing.T) string {
	t.Helper()
	for tries := 0; ; tries++ {
		ln, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20000+rand.IntN(12000)))
		if err == nil {
			ln.Close()
			return ln.Addr().String()
		}
		if tries == 100 {
			t.Fatal(err)
		}
	}
}

// beside opens another replica of the demo's house, which knows more: upstreams are
// members of its configuration.
func (h *house) beside(upstreams string) *house {
	h.t.Helper()
	demo := filepath.Join(h.dir, "demo")
	text, err := os.ReadFile(filepath.Join(demo, "clawea.hujson"))
	if err != nil {
		h.t.Fatal(err)
	}
	at := freeAddress(h.t)
	first := strings.TrimPrefix(strings.Replace(h.url, "localhost", "127.0.0.1", 1), "http://")
	text = bytes.Replace(text, []byte(first), []byte(at), 1)
	text = bytes.Replace(text, []byte(`"store":`), []byte(upstreams+`, "store":`), 1)
	if err := os.WriteFile(filepath.Join(demo, "more.hujson"), text, 0o600); err != nil {
		h.t.Fatal(err)
	}
	said := new(output)
	c := h.command("serve", "-config", filepath.Join(demo, "more.hujson"))
	c.Stdout, c.Stderr = said, said
	if err := c.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		c.Process.Signal(os.Interrupt)
		c.Wait()
		if h.t.Failed() {
			h.t.Logf("the other replica said:\n%s", said)
		}
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if res, err := http.Get("http://" + at + "/readyz"); err == nil {
			res.Body.Close()
			break
		}
		if time.Now().After(end) {
			h.t.Fatalf("the other replica does not open:\n%s", said)
		}
	}
	out := *h
	out.url = "http://" + strings.Replace(at, "127.0.0.1", "localhost", 1)
	return &out
}

// refuses signs a policy, which is not published, and returns why.
func (h *house) refuses(wpc string) string {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, "wpc.json"), []byte(wpc), 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.run("wpc", "sign", "-key", "demo/ada.key", "-o", "refused.json", "wpc.json")
	out, err := h.command("wpc", "publish", "refused.json").CombinedOutput()
	if err == nil {
		h.t.Fatalf("it is published: %s", out)
	}
	return string(out)
}

// draftLoads proposes a policy that lists plugins and skills, and looks what its page says of
// them. It returns the draft's path.
func (b *browser) draftLoads(h *house) string {
	h.t.Helper()
	wpc := fmt.Sprintf(`{"wpc_version": "v1", "policy_name": "runs with plugins", "agent_runtime": {"plugins_allowlist": ["clawea", "@acme/ledger@sha256:%s"], "skills_allowlist": ["runbooks"]}, "tool_policy": {"allow": ["exec"]}}`, strings.Repeat("a7", 32))
	extensions := fmt.Sprintf(`[{"kind": "plugin", "name": "clawea", "digest": "sha256:%s"}, {"kind": "skill", "name": "runbooks", "digest": "sha256:%s"}]`, strings.Repeat("b2", 32), strings.Repeat("c4", 32))
	for name, text := range map[string]string{"loads.json": wpc, "extensions.json": extensions} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	said := h.run("wpc", "propose", "loads.json")
	draft := "/policies/drafts/" + regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(said)
	b.do(chromedp.Navigate(h.url+draft), chromedp.WaitVisible("#h-loads"))
	if got := b.text("section[aria-labelledby=h-loads]"); strings.Count(got, "nobody yet") != 2 {
		b.t.Errorf("nothing is said of two, and the page says %q", got)
	}
	b.pictures("loads-unsaid")
	h.run("wpc", "propose", "-extensions", "extensions.json", "loads.json")
	b.do(chromedp.Navigate(h.url+draft), chromedp.WaitVisible("#h-loads"))
	got := b.text("section[aria-labelledby=h-loads]")
	for _, want := range []string{"@acme/ledger", strings.Repeat("a7", 32), "the policy", strings.Repeat("b2", 32), strings.Repeat("c4", 32), "whoever proposed it"} {
		if !strings.Contains(got, want) {
			b.t.Errorf("the draft's page does not say %q: %q", want, got)
		}
	}
	b.pictures("loads-draft")
	return draft
}

// An administrator sees which MCP servers the house knows and how they are, and on a
// policy's page what it pins of them, and of plugins and skills.
func TestServers(t *testing.T) {
	first, b := openHouse(t), open(t)
	b.authenticator()
	b.do(chromedp.Navigate(first.link), chromedp.WaitVisible("form[data-passkey=register]"),
		chromedp.SendKeys("input[name=label]", "this laptop"), chromedp.Click("form[data-passkey=register] button"), chromedp.WaitVisible("table"))

	mcp := httptest.NewServer(http.HandlerFunc(weather))
	defer mcp.Close()
	if err := os.WriteFile(filepath.Join(first.dir, "demo", "weather.hujson"), []byte(weatherAdapter), 0o600); err != nil {
		t.Fatal(err)
	}
	without, err := json.Marshal(first.lacks())
	if err != nil {
		t.Fatal(err)
	}
	h := first.beside(fmt.Sprintf(`"upstreams": [
		{"name": "weather", "adapter": "file:weather.hujson", "url": %q},
		{"name": "storms", "adapter": "file:weather.hujson", "url": "http://127.0.0.1:1/mcp"},
		{"name": "jiramcp", "adapter": "aaronsb-jira", "command": ["/bin/true"], "without": %s}]`, mcp.URL+"/mcp", without))
	hash := h.publish(`{"wpc_version": "v1", "policy_name": "looks at the weather", "connection_mode": ["mcp_server"], "tool_policy": {"allow": ["weather.*"]}}`)
	if said := h.refuses(`{"wpc_version": "v1", "policy_name": "looks for storms", "connection_mode": ["mcp_server"], "tool_policy": {"allow": ["storms.*"]}}`); !strings.Contains(said, "storms") {
		t.Errorf("a policy for a server that is not there: %s", said)
	}

	b.do(chromedp.Navigate(h.url+"/settings"), chromedp.WaitVisible("#h-mcp"))
	got := b.text("section[aria-labelledby=h-mcp]")
	for _, want := range []string{"It calls itself weather 2.1.0, with 1 tool", "1 policy, as it is now", "not asked yet", "The house's log says why.", "started by the house", "reached over HTTP", "0 policies"} {
		if !strings.Contains(got, want) {
			t.Errorf("the settings do not say %q: %q", want, got)
		}
	}
	b.pictures("servers-settings")
	b.do(chromedp.Navigate(h.url+"/policies/"+hash), chromedp.WaitVisible("#h-servers"))
	got = b.text("section[aria-labelledby=h-servers]")
	for _, want := range []string{"They are as they were when this was published.", "weather: 1 tool", "In a place, for a day.", "Argument place, required"} {
		if !strings.Contains(got, want) {
			t.Errorf("the policy's page does not say %q: %q", want, got)
		}
	}
	b.pictures("servers-policy")
	draft := b.draftLoads(h)
	b.wide(320)
	for _, path := range []string{"/settings", "/policies/" + hash, draft} {
		b.do(chromedp.Navigate(h.url+path), chromedp.WaitVisible("h1"))
		b.shoot("servers-narrow" + strings.ReplaceAll(strings.NewReplacer(hash, "", draft, "/draft").Replace(path), "/", "-"))
		if get(b, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > 320`)) {
			t.Errorf("%s scrolls sideways at 320 points", path)
		}
	}
}

// pictures holds the page against axe-core, and keeps a picture of it in each scheme.
func (b *browser) pictures(name string) {
	b.t.Helper()
	b.accessible(name)
	b.shoot(name)
	b.scheme("dark")
	b.shoot(name + "-dark")
	b.scheme("light")
}
