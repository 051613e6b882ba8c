// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A house is the demo's, which stays open.
type house struct {
	t        *testing.T
	dir      string
	url      string // as people type it: http://localhost:PORT
	operator string
	link     string // of its first administrator
}

// output is what a program has said so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// openHouse runs the demo until the test ends.
func openHouse(t *testing.T) *house {
	t.Helper()
	path, err := clawea()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, dir: t.TempDir()}
	said := new(output)
	c := exec.Command(path, "demo", "-dir", "demo")
	c.Dir, c.Stdout, c.Stderr = h.dir, said, said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Signal(os.Interrupt)
		c.Wait()
		if t.Failed() {
			if b, err := os.ReadFile(filepath.Join(h.dir, "demo", "clawea.log")); err == nil {
				t.Logf("the daemon's log ends with:\n%s", b[max(len(b)-4000, 0):])
			}
		}
	})
	link := regexp.MustCompile(`(http://localhost:[0-9]+)/login/link/[A-Za-z0-9_-]+`)
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if m := link.FindStringSubmatch(said.String()); m != nil {
			h.link, h.url = m[0], m[1]
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the demo does not open its house:\n%s", said)
		}
	}
	b, err := os.ReadFile(filepath.Join(h.dir, "demo", "secrets", "operator"))
	if err != nil {
		t.Fatal(err)
	}
	h.operator = strings.TrimSpace(string(b))
	return h
}

// command is clawea, as the house's operator runs it.
func (h *house) command(args ...string) *exec.Cmd {
	h.t.Helper()
	path, err := clawea()
	if err != nil {
		h.t.Fatal(err)
	}
	c := exec.Command(path, args...)
	c.Dir = h.dir
	c.Env = append(os.Environ(), "CLAWEA_SERVER="+strings.Replace(h.url, "localhost", "127.0.0.1", 1), "CLAWEA_OPERATOR=file:"+filepath.Join(h.dir, "demo", "secrets", "operator"))
	return c
}

// run runs clawea as the house's operator, and returns what it says.
func (h *house) run(args ...string) string {
	h.t.Helper()
	out, err := h.command(args...).CombinedOutput()
	if err != nil {
		h.t.Fatalf("clawea %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// publish signs and publishes a policy, and returns its hash.
func (h *house) publish(wpc string) string {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, "wpc.json"), []byte(wpc), 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.run("wpc", "sign", "-key", "demo/ada.key", "-o", "signed.json", "wpc.json")
	return regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(h.run("wpc", "publish", "signed.json"))
}

// api asks the house's own interface, as its operator.
func (h *house) api(method, path string, in, out any) {
	h.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		h.t.Fatal(err)
	}
	h.send(method, path, h.operator, body, out)
}

func (h *house) send(method, path, token string, body []byte, out any) {
	h.t.Helper()
	req, err := http.NewRequest(method, strings.Replace(h.url, "localhost", "127.0.0.1", 1)+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		h.t.Fatalf("%s %s: %s %s %v", method, path, res.Status, b, err)
	}
	b = regexp.MustCompile(`(?s)^.*?data: `).ReplaceAll(b, nil) // of a stream of one event
	if err := json.Unmarshal(bytes.TrimSpace(b), out); err != nil {
		h.t.Fatalf("%s %s: %s: %v", method, path, b, err)
	}
}

// A result is what a tool says.
type result struct {
	Status   string `json:"status"`
	Approval string `json:"approval"`
	Message  string `json:"message"`
}

// call has an agent call a tool.
func (h *house) call(token, tool, args string) result {
	h.t.Helper()
	var said struct {
		Result struct {
			IsError bool `json:"isError"`
			Content []struct {
				Text string `json:"text"`
			} `json:"content"`
		} `json:"result"`
	}
	h.send("POST", "/mcp", token, fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, tool, args), &said)
	if len(said.Result.Content) == 0 {
		h.t.Fatalf("%s says nothing", tool)
	}
	var out result
	if !said.Result.IsError {
		return result{Status: "done"}
	}
	if err := json.Unmarshal([]byte(said.Result.Content[0].Text), &out); err != nil {
		h.t.Fatal(err)
	}
	return out
}

// draftAndOrder proposes a policy, and looks what an order to revoke would end, without
// giving it. It returns the draft's path.
func (b *browser) draftAndOrder(h *house) string {
	const wpc = `{"wpc_version": "v1", "policy_name": "keeper of runbooks", "tool": "confluence", "resources": {"spaces_allowlist": ["ENG"]}, "actions": {"read": {"allowed": true}}}`
	b.do(chromedp.Navigate(h.url+"/policies/new"), chromedp.WaitVisible("textarea[name=text]"),
		chromedp.SetValue("textarea[name=text]", wpc), chromedp.Click("button.primary"), chromedp.WaitVisible("#h-diff"))
	if got := b.text("main"); !strings.Contains(got, "an author has to sign") || !strings.Contains(got, "under this name now") {
		b.t.Errorf("the draft: %q", got)
	}
	b.accessible("draft")
	b.shoot("page-policies-draft")
	draft := get(b, chromedp.Evaluate[string](`location.pathname`))
	b.do(chromedp.Navigate(h.url+"/revocations/new?kind=agent&target=robot"), chromedp.WaitVisible("input[name=reason]"),
		chromedp.SendKeys("input[name=reason]", "a drill"), chromedp.Click("form.edit button"), chromedp.WaitVisible("button.primary"))
	if got := b.text("main"); !strings.Contains(got, "agent:robot") || !strings.Contains(got, "by-passkey") {
		b.t.Errorf("what the order ends: %q", got)
	}
	b.accessible("order")
	b.shoot("page-revocations-check")
	return draft
}

// A person logs in by the first link, adds a passkey, sees what an agent is about to
// do and approves it by the passkey; the agent's retry runs; the proof verifies, with
// the passkey among the keys that the house says are its people's.
func TestApprovalByPasskey(t *testing.T) {
	h, b := openHouse(t), open(t)
	b.authenticator()
	b.do(chromedp.Navigate(h.link), chromedp.WaitVisible("form[data-passkey=register]"))
	b.accessible("account")
	b.shoot("account-first")
	b.do(chromedp.SendKeys("input[name=label]", "this laptop"), chromedp.Click("form[data-passkey=register] button"), chromedp.WaitVisible("table"))
	if got := b.text("main"); !strings.Contains(got, "this laptop") || !strings.Contains(got, "admin") {
		t.Errorf("the account says %q", got)
	}
	b.shoot("account")

	hash := h.publish(`{
		"wpc_version": "v1", "policy_name": "keeper of runbooks", "purpose": "Keep the runbooks clear", "tool": "confluence",
		"resources": {"spaces_allowlist": ["ENG"], "page_prefix_allowlist": ["ENG/Runbooks/"]},
		"actions": {"read": {"allowed": true}, "write": {"allowed": true, "approval_gate": "required"}},
		"runtime": {"max_ttl_seconds": 900}
	}`)
	var issued struct {
		Token string `json:"token"`
	}
	h.api("POST", "/v1/cst", map[string]string{"agent": "robot", "job": "by-passkey", "policy": hash}, &issued)
	const update = `{"page_id":"10005","based_on_version":1,"message":"Clearer","body_storage":"<p>Restart the cache one node at a time, and wait.</p>"}`
	asked := h.call(issued.Token, "confluence_page_update", update)
	if asked.Status != "waiting" || asked.Approval == "" {
		t.Fatalf("the agent hears %+v", asked)
	}

	b.do(chromedp.Navigate(h.url+"/approvals"), chromedp.WaitVisible("h1"))
	if got := b.text("main"); !strings.Contains(got, "by-passkey") {
		t.Errorf("the list of approvals: %q", got)
	}
	b.accessible("approvals")
	b.shoot("approvals")
	b.do(chromedp.Navigate(h.url+"/approvals/"+asked.Approval), chromedp.WaitVisible("form[data-passkey=answer]"))
	if got := b.text("main"); !strings.Contains(got, "and wait.") {
		t.Errorf("what will change is not shown: %q", got)
	}
	b.accessible("approval")
	b.shoot("approval")
	b.scheme("dark")
	b.shoot("approval-dark")
	b.scheme("light")
	b.do(chromedp.SendKeys("textarea[name=reason]", "as we agreed"), chromedp.Click("button[value=yes]"))
	b.says("main", "by admin@local")
	if got := b.text("main"); !strings.Contains(got, "by admin@local") || !strings.Contains(got, "as we agreed") {
		t.Errorf("after the answer: %q", got)
	}
	b.shoot("approval-answered")
	if again := h.call(issued.Token, "confluence_page_update", update); again.Status != "done" {
		t.Fatalf("the agent's retry: %+v", again)
	}
	for _, path := range []string{"/", "/jobs", "/jobs/by-passkey", "/policies", "/policies/" + hash, "/policies/new", "/agents", "/revocations", "/revocations/new", "/settings", "/settings/people", "/audit"} {
		b.do(chromedp.Navigate(h.url+path), chromedp.WaitVisible("h1"))
		name := "page" + strings.ReplaceAll(strings.TrimSuffix(path, hash), "/", "-")
		b.accessible(path)
		b.shoot(name)
	}
	draft := b.draftAndOrder(h)
	b.wide(320)
	for _, path := range []string{"/", "/jobs", "/approvals/" + asked.Approval, draft} {
		b.do(chromedp.Navigate(h.url+path), chromedp.WaitVisible("h1"))
		if get(b, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > 320`)) {
			t.Errorf("%s scrolls sideways at 320 points", path)
		}
	}

	b.wide(1280)
	h.delegates(b)

	for _, args := range [][]string{{"proof", "trust", "-o", "trust.json"}, {"proof", "export", "by-passkey", "-o", "by.proof"}, {"proof", "verify", "-trust", "trust.json", "by.proof"}} {
		h.run(args...)
	}
}

// delegates has the administrator have alice answer in their stead, by passkey, and
// take that back.
func (h *house) delegates(b *browser) {
	h.t.Helper()
	const form = "form[data-passkey=delegate]:not([data-delegation])"
	b.do(chromedp.Navigate(h.url+"/account"), chromedp.WaitVisible(form),
		chromedp.SetValue(form+" select[name=to]", "alice@demo.example"),
		chromedp.SetValue(form+" input[name=ends]", time.Now().UTC().AddDate(0, 0, 7).Format(time.DateOnly)),
		chromedp.SendKeys(form+" input[name=reason]", "on leave"), chromedp.Click(form+" button"),
		chromedp.WaitVisible("form[data-delegation]"))
	if got := b.text("main"); !strings.Contains(got, "alice@demo.example") || !strings.Contains(got, "in force") || !strings.Contains(got, "on leave") {
		h.t.Errorf("the account says %q", got)
	}
	b.accessible("account-delegated")
	b.shoot("account-delegated")
	if got := h.run("approve", "delegations"); !strings.Contains(got, "alice@demo.example answers for admin@local") {
		h.t.Errorf("who stands in for whom: %q", got)
	}
	b.do(chromedp.Click("form[data-delegation] button"), chromedp.WaitNotPresent("form[data-delegation]"))
	b.says("main", "taken back")
}
