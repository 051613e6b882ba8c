// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// childVar makes the child of a kill test open the house whose configuration it
// names; overVar says how long its calls can still take effect.
const (
	childVar = "CLAWEA_TEST_DAEMON"
	overVar  = "CLAWEA_TEST_OVER"
)

// TestDaemonChild is the daemon that TestKillInAWrite kills.
func TestDaemonChild(t *testing.T) {
	path := os.Getenv(childVar)
	if path == "" {
		t.Skip("the other process of TestKillInAWrite")
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(t.Context(), c, "test", slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if d.settler.Over, err = time.ParseDuration(os.Getenv(overVar)); err != nil {
		t.Fatal(err)
	}
	d.settles = 50 * time.Millisecond
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Fatal(d.Serve(context.Background(), ln)) // it ends by being killed
}

// A mortal is a house whose daemon is a process of its own.
type mortal struct {
	*house
	cmd  *exec.Cmd
	errs bytes.Buffer
	trap *trap
}

func newMortal(t *testing.T) *mortal {
	t.Helper()
	w := newWorld(t, "sqlite:house.db")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close() // the daemon takes the port
	w.write("clawea.hujson", fmt.Sprintf(conf, addr, w.store, w.ada.Public, w.alice.Public, w.modelURL, w.siteURL, w.more, w.moreOfModel))
	m := &mortal{house: &house{world: w, url: "http://" + addr}, trap: new(trap)}
	m.client = &api.Client{URL: m.url, Token: func() (string, error) { return secrets["operator"], nil }}
	w.site.Intercept(m.trap.strike)
	t.Cleanup(m.kill)
	return m
}

// live starts the daemon. over is how long after its opening a call can still take
// effect.
func (m *mortal) live(over time.Duration) {
	m.t.Helper()
	m.cmd = exec.Command(os.Args[0], "-test.run=^TestDaemonChild$")
	m.cmd.Env = append(os.Environ(), childVar+"="+filepath.Join(m.dir, "clawea.hujson"), overVar+"="+over.String())
	m.cmd.Stdout, m.cmd.Stderr = &m.errs, &m.errs
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.wait("the daemon to come up", func() bool {
		res, err := http.Get(m.url + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
}

// kill ends the daemon as a power cut would.
func (m *mortal) kill() {
	if m.cmd == nil {
		return
	}
	m.cmd.Process.Kill()
	m.cmd.Wait()
	m.cmd = nil
}

func (m *mortal) wait(what string, until func() bool) {
	m.t.Helper()
	for range 2000 {
		if until() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	m.t.Fatalf("waited in vain for %s", what)
}

// A trap holds one request at the site.
type trap struct {
	mu      sync.Mutex
	spring  func(atlassian.Stage, atlassian.Request) bool // nil: nothing is held
	caught  chan struct{}
	release chan atlassian.Fault
	last    time.Time // when the site was last asked for anything
}

// set has the first request held that spring is true of.
func (x *trap) set(spring func(atlassian.Stage, atlassian.Request) bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.spring, x.caught, x.release = spring, make(chan struct{}), make(chan atlassian.Fault, 1)
}

// disarm lets all requests through that are not held yet.
func (x *trap) disarm() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.spring = nil
}

func (x *trap) strike(s atlassian.Stage, r atlassian.Request) atlassian.Fault {
	release, held := x.hold(s, r)
	if !held {
		return atlassian.Fault{}
	}
	return <-release
}

// hold reports whether a request is the one to be held, and what it waits for.
func (x *trap) hold(s atlassian.Stage, r atlassian.Request) (release chan atlassian.Fault, held bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last = time.Now()
	if x.spring == nil || !x.spring(s, r) {
		return nil, false
	}
	x.spring = nil
	close(x.caught)
	return x.release, true
}

// quiet reports whether the site has not been asked for anything for a while.
func (x *trap) quiet() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return time.Since(x.last) > 300*time.Millisecond
}

// freeze takes the database's write lock, as a slow disk would, until it is
// released: nothing is committed meanwhile.
func (m *mortal) freeze() (release func()) {
	m.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(m.dir, "house.db")+"?_busy_timeout=5000&_txlock=immediate")
	if err != nil {
		m.t.Fatal(err)
	}
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		m.t.Fatal(err)
	}
	return func() {
		tx.Rollback()
		db.Close()
	}
}

// receipts are a job's.
func (m *mortal) receipts(job string) []*receipt.Receipt {
	m.t.Helper()
	list, err := m.client.Receipts(context.Background(), job)
	if err != nil {
		m.t.Fatal(err)
	}
	var out []*receipt.Receipt
	for _, e := range list.Receipts {
		r, err := receipt.Parse(e.Payload)
		if err != nil {
			m.t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// acted returns how the job's one allowed call ended: nil for both if there is
// none, and nil for the outcome if it is open.
func (m *mortal) acted(job string) (opened *receipt.Receipt, out *receipt.Outcome) {
	m.t.Helper()
	for _, r := range m.receipts(job) {
		switch {
		case r.Kind == receipt.Opened && r.Decision.Effect == policy.Allow:
			opened, out = r, nil
		case r.Kind == receipt.Closed && opened != nil && r.Opened == opened.Seq:
			out = r.Outcome
		}
	}
	return opened, out
}

// A deed is a write, how often it was done, and the request that does it.
type deed struct {
	tool  string
	args  func(m *mortal, round int) string
	count func(m *mortal, round int) int
	is    func(atlassian.Request) bool
	moves bool // it makes a newer version, on which the same arguments are another call
}

func sends(method, pattern string) func(atlassian.Request) bool {
	return func(r atlassian.Request) bool {
		ok, err := filepath.Match(pattern, r.Path)
		return err == nil && ok && r.Method == method
	}
}

// ask gets JSON from the site, as its reader.
func (m *mortal) ask(path string, into any) {
	m.t.Helper()
	req, err := http.NewRequest("GET", m.siteURL+path, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	req.SetBasicAuth("reader@house.test", secrets["reader"])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil || res.StatusCode != http.StatusOK {
		m.t.Fatalf("%s: %s, %v", path, res.Status, err)
	}
}

func word(round int) string { return fmt.Sprintf("Round%d", round) }

var deeds = []deed{
	{
		"confluence.page.update", func(m *mortal, round int) string {
			p, _ := m.site.Page(m.world.page)
			return fmt.Sprintf(`{"page_id":%q,"based_on_version":%d,"message":"Round","body_storage":"<p>%s</p>"}`, m.world.page, len(p.Versions), word(round))
		}, func(m *mortal, round int) (n int) {
			p, _ := m.site.Page(m.world.page)
			for _, v := range p.Versions {
				n += strings.Count(v.Body, word(round)+"<")
			}
			return n
		}, sends("PUT", "/wiki/api/v2/pages/*"), true,
	},
	{
		"confluence.page.create", func(m *mortal, round int) string {
			return fmt.Sprintf(`{"parent_id":%q,"title":%q,"body_storage":"<p>new</p>"}`, m.world.page, word(round))
		}, func(m *mortal, round int) (n int) {
			var list struct{ Results []struct{ Title string } }
			m.ask("/wiki/api/v2/pages/"+m.world.page+"/direct-children?limit=100", &list)
			for _, p := range list.Results {
				if p.Title == word(round) {
					n++
				}
			}
			return n
		}, sends("POST", "/wiki/api/v2/pages"), false,
	},
	{
		"jira.issue.create", func(m *mortal, round int) string {
			return fmt.Sprintf(`{"project_key":"ENG","issue_type":"Task","fields":{"summary":%q}}`, word(round))
		}, func(m *mortal, round int) (n int) {
			var list struct {
				Issues []struct{ Fields struct{ Summary string } }
			}
			m.ask("/rest/api/3/search/jql?jql=project=ENG&fields=summary&maxResults=100", &list)
			for _, i := range list.Issues {
				if i.Fields.Summary == word(round) {
					n++
				}
			}
			return n
		}, sends("POST", "/rest/api/3/issue"), false,
	},
	{
		"jira.issue.comment.create", func(m *mortal, round int) string {
			return fmt.Sprintf(`{"issue_key":"ENG-1","body":%q}`, word(round))
		}, func(m *mortal, round int) (n int) {
			for _, c := range m.site.Comments("ENG-1") {
				if strings.TrimSpace(c.Body) == word(round) {
					n++
				}
			}
			return n
		}, sends("POST", "/rest/api/3/issue/*/comment"), true,
	},
}

// try has the agent send the call once, and returns its status and the code or
// approval that came with it. A killed daemon answers nothing.
func (m *mortal) try(s *mcp.ClientSession, tool, args string) (status, detail string) {
	m.t.Helper()
	res, err := s.CallTool(context.Background(), &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(args)})
	if err != nil {
		return "", err.Error()
	}
	text := res.Content[0].(*mcp.TextContent).Text
	if !res.IsError {
		return "done", text
	}
	var f struct{ Status, Code, Approval, Message string }
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		m.t.Fatalf("%s: %v", text, err)
	}
	if f.Approval != "" {
		return f.Status, f.Approval
	}
	return f.Status, f.Code
}

// approved asks, has alice say yes, and leaves the call ready to be carried out.
func (m *mortal) approved(s *mcp.ClientSession, tool, args string) {
	m.t.Helper()
	status, id := m.try(s, tool, args)
	if status != "waiting" {
		m.t.Fatalf("%s is %s: %s", tool, status, id)
	}
	m.yes(id)
}

func (m *mortal) setUp() seal.Hash {
	m.t.Helper()
	m.site.AddIssue(atlassian.IssueSeed{Project: "ENG", Type: "Task", Summary: "There before"})
	m.live(time.Minute)
	return m.publish()
}
