// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/sandbox"
	"github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/internal/upstream"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

const (
	evilAdapter = `{"server": "evil", "versions": ["1"], "tools": [{"name": "act", "rows": [{"class": "read"}]}]}`
	evilPolicy  = `{"wpc_version":"v1","connection_mode":["mcp_server"],"tool_policy":{"allow":["evil"]}}`

	evilJiraAdapter = `{"server": "evil", "versions": ["1"], "system": "jira", "facade": {"port": 7319, "env": {}}, "tools": [{"name": "work", "by": "operation", "rows": [
		{"is": ["get"], "ignores": ["do", "requests"], "action": "issue.get", "args": {"issue_key": "$key", "comments": 0}},
		{"is": ["comment"], "ignores": ["do", "other"], "action": "issue.comment.create", "args": {"issue_key": "$key", "body": {"$": "comment", "as": "adf"}}},
		{"is": ["create"], "ignores": ["do"], "action": "issue.create", "args": {"project_key": "ENG", "issue_type": "Task", "fields": {"summary": "$summary"}}}]}]}`
	evilJiraPolicy = `{"wpc_version":"v1","connection_mode":["mcp_server"],"actions":{"read":{"allowed":true},"search":{"allowed":true},"write":{"allowed":true}},
		"allow":{"projects":["ENG"],"operations":["*"],"fields_write_allowlist":["summary"]}}`
)

// evilHouse is a house whose configuration starts two hostile servers, which this
// program is: one of tools of its own, and one that takes the house for Jira; more is in the
// configuration of both.
func evilHouse(t *testing.T, more ...string) *house {
	t.Helper()
	if r := sandbox.Probe(); !r.Whole() {
		what := fmt.Sprintf("this machine cannot confine a server: it lacks %v", r.Missing())
		if os.Getenv("CI") != "" {
			t.Fatal(what)
		}
		t.Skip("skipped: " + what)
	}
	return evilServers(t, more...)
}

// evilServers is evilHouse on a machine that can do what the servers' configuration wants.
func evilServers(t *testing.T, more ...string) *house {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "sqlite:clawea.db")
	w.write("mood", "plain")
	w.write("own.hujson", evilAdapter)
	w.write("jira.hujson", evilJiraAdapter)
	one := func(name, adapter, tool, timeout string, more ...string) string {
		return fmt.Sprintf(`{%s "name": %q, "adapter": "file:%s", "command": [%q], "readable": [%q], "env": {"HOSTILE": %q, "WORLD": %q, "GORACE": "atexit_sleep_ms=0"}, "secrets": {"MOOD": "file:mood"}, "timeout": %q},`,
			strings.Join(more, " "), name, filepath.Join(w.dir, adapter), program, program, tool, w.dir, timeout)
	}
	w.more = `"upstreams": [` + one("evil", "own.hujson", "act", "5s", more...) + one("eviljira", "jira.hujson", "work", "10s", more...) + `],`
	w.site.AddProject("OPS", "Operations")
	w.site.AddIssue(atlassian.IssueSeed{Project: "ENG", Summary: "The lift is stuck"})
	w.site.AddIssue(atlassian.IssueSeed{Project: "ENG", Summary: "So is the door"})
	w.site.AddIssue(atlassian.IssueSeed{Project: "OPS", Summary: "The secret of the cellar"})
	return w.start()
}

// under is the house in a test below its own.
func (h *house) under(t *testing.T) *house {
	out, w := *h, *h.world
	w.t, out.world = t, &w
	return &out
}

func (h *house) published(wpc string) seal.Hash {
	h.t.Helper()
	p, err := h.client.Publish(h.t.Context(), h.signed(wpc))
	if err != nil {
		h.t.Fatal(err)
	}
	return p.Hash
}

// ended stops the house and sees that nothing is left of its servers.
func (h *house) ended() {
	h.t.Helper()
	h.shut()
	stacks := make([]byte, 4<<20)
	for range 1500 {
		stacks = stacks[:runtime.Stack(stacks[:cap(stacks)], true)]
		if !strings.Contains(string(stacks), "/internal/upstream.") && !strings.Contains(string(stacks), "/internal/sandbox.") && !strings.Contains(string(stacks), "mcp.newIOConn") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	for one := range strings.SplitSeq(string(stacks), "\n\n") {
		for _, left := range []string{"/internal/upstream.", "/internal/sandbox.", "mcp.newIOConn"} {
			if strings.Contains(one, left) {
				h.t.Errorf("after the house has closed there is still\n%s", one)
				break
			}
		}
	}
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, path := range environments {
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), "WORLD="+h.dir) {
			h.t.Errorf("after the house has closed %s still runs", path)
		}
	}
	for name, secret := range secrets {
		if strings.Contains(h.log.String(), secret) {
			h.t.Errorf("the log holds the secret %s", name)
		}
	}
}

// call calls a tool of the hostile server and returns its code, or "done", and what
// the agent sees. No call may hang.
func call(t *testing.T, s *mcp.ClientSession, tool, args string) (code, body string) {
	t.Helper()
	begun := time.Now()
	v, body := verdictOf(t, s, tool, args)
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("%.80s took %v", args, took)
	}
	for name, secret := range secrets {
		if strings.Contains(body, secret) {
			t.Errorf("%.80s: the agent sees the secret %s", args, name)
		}
	}
	if v.Status == "done" {
		return v.Status, body
	}
	return cmp.Or(v.Code, v.Status), body
}

// TestHostileServer has a server answer in all ways that are wrong. The agent has an
// error of the house's or an answer, and the next call goes through.
func TestHostileServer(t *testing.T) {
	h := evilHouse(t)
	p := h.published(evilPolicy)
	_, port, _ := strings.Cut(strings.TrimPrefix(h.siteURL, "http://"), ":")
	looks := fmt.Sprintf(`{"do":"looks","at":"%s %s %s /etc/passwd /etc/shadow /proc/1/environ /proc/%d/environ /proc/%d/mem /usr/written","dial":"%s %s 127.0.0.1:%s 127.0.0.1:7319 169.254.169.254:80 1.1.1.1:53"}`,
		filepath.Join(h.dir, "clawea.db"), filepath.Join(h.dir, "writer"), filepath.Join(h.dir, "ada.key"), os.Getpid(), os.Getpid(),
		strings.TrimPrefix(h.url, "http://"), strings.TrimPrefix(h.siteURL, "http://"), port)
	t.Run("attacks", func(t *testing.T) {
		for _, x := range []struct{ do, args, code, body string }{
			{"huge", "", "upstream", ""},
			{"garbage", "", "upstream", ""},
			{"half", "", "upstream", ""},
			{"half and out", "", "upstream", ""},
			{"batch", "", "upstream", ""},
			{"twice", "", "done", "fine"},
			{"other id", "", "upstream", ""},
			{"number", "", "upstream", ""},
			{"list", "", "upstream", ""},
			{"null", "", "upstream", ""},
			{"deep", "", "upstream", ""},
			{"more input", "", "tool_error", ""},
			{"asks", "", "done", `got: [roots/list {"roots":[]}]`},
			{"progress", "", "upstream", ""},
			{"changes", "", "done", "fine"},
			{"pings", "", "upstream", ""},
			{"silent", "", "upstream", ""},
			{"deaf", "", "upstream", ""},
			{"exit", "", "upstream", ""},
			{"closed", "", "upstream", ""},
			{"stderr", "", "done", "fine"},
			{"forks", "", "done", "bounded: true"},
			{"looks", looks, "done", "got: [/etc/passwd program:x:1000:1000::/tmp:/bin/false\n]"}, // the sandbox's own
		} {
			t.Run(x.do, func(t *testing.T) {
				t.Parallel()
				h := h.under(t)
				job := "job-" + strings.ReplaceAll(x.do, " ", "-")
				s := h.agent(h.issue(p, job).Token)
				args := x.args
				if args == "" {
					args = fmt.Sprintf(`{"do":%q}`, x.do)
				}
				if code, body := call(t, s, "evil_act", args); code != x.code || x.code == "done" && body != x.body {
					t.Errorf("%s: %.300s", code, body)
				}
				if code, body := call(t, s, "evil_act", `{"do":"plain"}`); code != "done" || body != "fine" {
					t.Errorf("the next call: %s: %s", code, body)
				}
				if r := h.verified(job, p); r.Calls.Allowed != 2 || r.Calls.Unclosed != 0 {
					t.Errorf("the receipts say %+v", r.Calls)
				}
			})
		}
	})
	h.ended()
}

// A server that does not read keeps nobody waiting, however much is sent to it, and what
// it has seen of one job it cannot give to another.
func TestHostileServerBetweenCalls(t *testing.T) {
	h := evilHouse(t)
	p := h.published(evilPolicy)
	one, two := h.agent(h.issue(p, "job-1").Token), h.agent(h.issue(p, "job-2").Token)
	if code, body := call(t, one, "evil_act", `{"do":"keep","what":"the word"}`); code != "done" {
		t.Fatalf("%s: %s", code, body)
	}
	if _, body := call(t, one, "evil_act", `{"do":"give"}`); !strings.Contains(body, "the word") {
		t.Errorf("its own job: %s", body)
	}
	if code, body := call(t, two, "evil_act", `{"do":"give"}`); code != "done" || body != "kept: " {
		t.Errorf("another job has %s: %s", code, body)
	}
	deaf := make(chan string, 1)
	go func() {
		code, _ := call(t, one, "evil_act", `{"do":"deaf"}`)
		deaf <- code
	}()
	for code, body := "done", ""; code == "done" && len(deaf) == 0; { // done it is as long as the other has not come to it
		if code, body = call(t, one, "evil_act", `{"do":"plain","what":"`+strings.Repeat("x", 1<<20)+`"}`); code != "done" && code != "upstream" {
			t.Errorf("a long call of a server that does not read: %s: %.300s", code, body)
		}
	}
	if code := <-deaf; code != "upstream" {
		t.Errorf("a call of a server that does not read: %s", code)
	}
	if code, body := call(t, one, "evil_act", `{}`); code != "done" {
		t.Errorf("the next call: %s: %s", code, body)
	}
	h.verified("job-1", p)
	h.ended()
}

// A server whose tools are described otherwise at a later start is not called by them.
func TestHostileServerChanges(t *testing.T) {
	h := evilHouse(t)
	p := h.published(evilPolicy)
	for i, x := range []struct{ mood, code string }{
		{"plain", "done"}, {"more", "done"}, {"nothing", "done"}, {"many", "unreachable"}, {"long", "unreachable"}, {"plain", "done"}, {"words", "changed"}, {"schema", "denied"},
	} {
		h.write("mood", x.mood)
		job := fmt.Sprint("job-", i)
		s := h.agent(h.issue(p, job).Token)
		if code, body := call(t, s, "evil_act", `{}`); code != x.code {
			t.Errorf("%s: %s: %.300s, want %s", x.mood, code, body, x.code)
		}
		if v, _ := verdictOf(t, s, "evil_steal", `{}`); v.Status == "done" {
			t.Errorf("%s: a tool that nobody mapped is called", x.mood)
		}
		list, err := s.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, tool := range list.Tools {
			if strings.Contains(tool.Description, "eve@") || tool.Name == "evil_steal" || tool.Name == "evil_act" && (x.mood == "words" || x.mood == "schema") {
				t.Errorf("%s: agents are shown %s: %s", x.mood, tool.Name, tool.Description)
			}
		}
		h.verified(job, p)
	}
	h.ended()
}

// TestHostileServerAsSystem has a server ask the house, which it takes for Jira, for
// what its call is not about, in all ways.
func TestHostileServerAsSystem(t *testing.T) {
	h := evilHouse(t)
	p := h.published(evilJiraPolicy)
	requests := []string{"GET|/rest/api/3/issue/OPS-1", "DELETE|/rest/api/3/issue/ENG-1", "PUT|/rest/api/3/issue/ENG-1", "POST|/rest/api/3/issue/ENG-1/comment",
		"GET|/rest/api/3/issue/ENG-1/../OPS-1", "GET|/rest/api/3/issue/ENG-1%2F..%2FOPS-1", "GET|//rest/api/3/issue/OPS-1", "GET|/rest/api/2/issue/OPS-1", "GET|/rest/api/3/issue/OPS-1?fields=*all",
		"GET|/rest/api/3/search/jql?jql=project%3DOPS&fields=summary", "PROPFIND|/rest/api/3/issue/ENG-1", "GET|/rest/api/3/issue/ENG-1/watchers", "GET|/rest/api/3/user/search?query=a",
		"GET|" + h.siteURL + "/rest/api/3/issue/OPS-1", "GET|" + h.url + "/v1/jobs", "GET|/v1/jobs", "POST|/mcp"}
	s := h.agent(h.issue(p, "job-1").Token)
	for _, x := range []struct{ what, args, code, body string }{
		{"what it is for", `{"operation":"get","key":"ENG-1"}`, "done", "fine"},
		{"other requests", `{"operation":"get","key":"ENG-1","do":"others","requests":"` + strings.Join(requests, " ") + `"}`, "done", "got: []"},
		{"a comment", `{"operation":"comment","key":"ENG-1","comment":"one"}`, "done", "fine"},
		{"two comments for one", `{"operation":"comment","key":"ENG-1","comment":"two","do":"second"}`, "done", "got: 201 403"},
		{"a comment on another issue", `{"operation":"comment","key":"ENG-1","comment":"never","do":"target","other":"ENG-2"}`, "not_sent", ""},
		{"a request that it does not wait for", `{"operation":"comment","key":"ENG-1","comment":"three","do":"at once"}`, "", ""},
		{"a comment and no answer", `{"operation":"comment","key":"ENG-1","comment":"four","do":"slow"}`, "done", ""},
		{"a change after the call", `{"operation":"create","summary":"late","do":"late"}`, "not_sent", ""},
		{"many requests", `{"operation":"get","key":"ENG-1","do":"flood"}`, "done", "got: 60, late: 403"},
		{"another project", `{"operation":"get","key":"OPS-1"}`, "denied", ""},
		{"what it is for, again", `{"operation":"get","key":"ENG-1"}`, "done", "fine"},
	} {
		code, body := call(t, s, "eviljira_work", x.args)
		if x.code != "" && code != x.code || x.body != "" && body != x.body {
			t.Errorf("%s: %s: %.500s", x.what, code, body)
		}
		if strings.Contains(body, "cellar") {
			t.Errorf("%s: the agent sees what is not for it", x.what)
		}
		if made := strings.Contains(h.comments("ENG-1"), "three"); strings.Contains(x.args, `"three"`) && made != (code == "done") {
			t.Errorf("%s: the agent is told %s, and that it was made is %v", x.what, code, made)
		}
	}
	if _, ok := h.world.site.Issue("ENG-3"); ok {
		t.Error("a change was made after its call")
	}
	if got := h.comments("ENG-1"); strings.Count(got, "two") != 1 || !strings.Contains(got, "four") || strings.Contains(got, "never") {
		t.Errorf("the comments are %s", got)
	}
	if got := h.comments("ENG-2"); strings.Contains(got, "never") {
		t.Errorf("the comments on another issue are %s", got)
	}
	r := h.verified("job-1", p)
	if r.Calls.Unclosed != 0 || r.Receipts > 160 {
		t.Errorf("%d receipts, calls %+v", r.Receipts, r.Calls)
	}
	h.ended()
}

// TestHostileServerWithLess has a server run without a part of its sandbox, as far as the
// house knows: each call that it carries says so, and so do the reads that it asks for and
// its bundle.
func TestHostileServerWithLess(t *testing.T) {
	h := evilHouse(t)
	for _, s := range h.others.Servers {
		dial := s.Dial
		s.Dial = func(ctx context.Context, serve http.Handler) (*upstream.Connection, error) {
			c, err := dial(ctx, serve)
			if err == nil {
				c.Lacked = receipt.Lacked{"memory_limit", "uts_namespace"}
			}
			return c, err
		}
	}
	p := h.published(evilJiraPolicy)
	s := h.agent(h.issue(p, "job-1").Token)
	for _, args := range []string{`{"operation":"get","key":"ENG-1"}`, `{"operation":"comment","key":"ENG-1","comment":"one"}`, `{"operation":"get","key":"ENG-1","do":"others","requests":"GET|/rest/api/3/issue/ENG-2"}`} {
		if code, body := call(t, s, "eviljira_work", args); code != "done" {
			t.Fatalf("%s: %s: %s", args, code, body)
		}
	}
	if status, body := tool(t, s, "jira_issue_get", `{"issue_key":"ENG-1"}`); status == "done" {
		t.Errorf("the policy lets the house be asked by itself: %s", body)
	}
	told := 0
	r := h.verified("job-1", p)
	for _, f := range r.Findings {
		if f.Code == "receipt.sandbox" && f.Level == verify.Warn && strings.HasSuffix(f.Text, "its server's sandbox lacked memory_limit, uts_namespace") {
			told++
		}
	}
	if r.Calls.Allowed != 4 || told != 4 { // one of them a read that the server asked for
		t.Errorf("of %d calls %d are said to have had less: %+v", r.Calls.Allowed, told, r.Findings)
	}
	h.ended()
}

// comments are an issue's, as the site has them.
func (h *house) comments(key string) string {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), "GET", h.siteURL+"/rest/api/3/issue/"+key+"/comment", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	req.SetBasicAuth("reader@house.test", secrets["reader"])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		h.t.Fatalf("%d %s, %v", res.StatusCode, b, err)
	}
	return string(b)
}
