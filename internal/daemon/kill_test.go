// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
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
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/internal/undo"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// childVar makes the child of a kill test open the house whose configuration it
// names; aheadVar names the file that puts its settler's clock ahead while it is
// there, so that what broke off is nobody's, and can no longer take effect.
const (
	childVar = "CLAWEA_TEST_DAEMON"
	aheadVar = "CLAWEA_TEST_AHEAD"
)

// TestDaemonChild is the daemon that the kill tests kill.
func TestDaemonChild(t *testing.T) {
	path := os.Getenv(childVar)
	if path == "" {
		t.Skip("the other process of the kill tests")
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(t.Context(), c, "test", slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		t.Fatal(err)
	}
	d.settles = 50 * time.Millisecond
	d.settler.Now = func() time.Time {
		if _, err := os.Stat(os.Getenv(aheadVar)); err == nil {
			return time.Now().Add(undo.Longest)
		}
		return time.Now()
	}
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Fatal(d.Serve(context.Background(), ln)) // it ends by being killed
}

// A mortal is a house whose daemons are processes of their own: one that is
// started again once it was killed; or, on PostgreSQL, two, of which the other
// carries on.
type mortal struct {
	*house
	addrs []string
	cmds  []*exec.Cmd // nil: it does not run
	on    int         // which of them the agent and the people speak to
	errs  housetest.Log
	trap  *trap
}

// newMortal makes a house that keeps its book in store, and starts its daemons.
func newMortal(t *testing.T, store string) *mortal {
	t.Helper()
	w := newWorld(t, store)
	m := &mortal{house: &house{world: w}, addrs: make([]string, 1), trap: &trap{over: make(chan struct{})}}
	if !strings.HasPrefix(store, "sqlite:") {
		m.addrs = make([]string, 2)
	}
	m.cmds = make([]*exec.Cmd, len(m.addrs))
	text := m.staffed(conf)
	for i := range m.addrs {
		m.addrs[i] = freeAddress(t)
		w.write(confName(i), fmt.Sprintf(text, m.addrs[i], w.store, w.ada.Public, w.alice.Public, w.modelURL, w.siteURL, w.more, w.moreOfModel))
	}
	w.site.Intercept(m.trap.strike)
	t.Cleanup(func() { // before the site is closed, which waits for what is held
		close(m.trap.over)
		for i := range m.cmds {
			m.kill(i)
		}
	})
	m.turn(0)
	for i := range m.addrs {
		m.live(i)
	}
	return m
}

func confName(i int) string { return fmt.Sprintf("clawea-%d.hujson", i) }

// staffed is a configuration whose accounts that write and undo are known by id,
// and in which there is one that undoes.
func (m *mortal) staffed(text string) string {
	writing := append(atlassian.ReaderScopes(), atlassian.WriterScopes()...)
	hand := m.site.AddAccount(atlassian.Account{Email: "hand@house.test", Token: secrets["writer"], Name: "Hand", Scopes: writing})
	undoer := m.site.AddAccount(atlassian.Account{Email: "undoer@house.test", Token: secrets["writer"], Name: "Undoer", Scopes: append(writing, atlassian.RollbackScopes()...)})
	const writes = `"write": {"email": "writer@house.test", `
	return strings.ReplaceAll(text, writes, fmt.Sprintf(
		`"undo": {"email": "undoer@house.test", "token": "file:writer", "account": %q}, "write": {"email": "hand@house.test", "account": %q, `, undoer, hand))
}

// turn has the agent and the people speak to one of the daemons.
func (m *mortal) turn(i int) {
	m.on, m.url = i, "http://"+m.addrs[i]
	m.client = &api.Client{URL: m.url, Token: func() (string, error) { return secrets["operator"], nil }}
}

// live starts a daemon.
func (m *mortal) live(i int) {
	m.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestDaemonChild$")
	cmd.Env = append(os.Environ(), childVar+"="+filepath.Join(m.dir, confName(i)), aheadVar+"="+m.ahead())
	cmd.Stdout, cmd.Stderr = &m.errs, &m.errs
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.cmds[i] = cmd
	m.wait("the daemon to come up", func() bool {
		res, err := http.Get("http://" + m.addrs[i] + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
}

// kill ends a daemon as a power cut would.
func (m *mortal) kill(i int) {
	if m.cmds[i] == nil {
		return
	}
	m.cmds[i].Process.Kill()
	m.cmds[i].Wait()
	m.cmds[i] = nil
}

// inherit has somebody carry on after the daemon that was spoken to was killed:
// the other one, or itself, started again.
func (m *mortal) inherit() {
	m.t.Helper()
	if len(m.addrs) == 1 {
		m.live(0)
		return
	}
	m.turn(1 - m.on)
}

// ahead is the file that puts the settlers' clocks ahead.
func (m *mortal) ahead() string { return filepath.Join(m.dir, "ahead") }

// later puts the settlers' clocks ahead until it is told to put them back.
func (m *mortal) later() (back func()) {
	m.t.Helper()
	m.write("ahead", "")
	return func() {
		if err := os.Remove(m.ahead()); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m *mortal) wait(what string, until func() bool) {
	m.t.Helper()
	for range 6000 {
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
	last    time.Time     // when the site was last asked for anything
	over    chan struct{} // closed at the end of the test: nothing is held any more
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
	select {
	case f := <-release:
		return f
	case <-x.over:
		return lost
	}
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
	return time.Since(x.last) > 150*time.Millisecond
}

// freeze takes the locks that the daemons need to write, as a slow disk would,
// until it is released: nothing is committed meanwhile.
func (m *mortal) freeze() (release func()) {
	m.t.Helper()
	driver, url, lock := "pgx", m.store, `LOCK TABLE chain IN EXCLUSIVE MODE`
	if path, ok := strings.CutPrefix(m.store, "sqlite:"); ok {
		driver, url, lock = "sqlite", "file:"+filepath.Join(m.dir, path)+"?_busy_timeout=5000&_txlock=immediate", `SELECT 1`
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		m.t.Fatal(err)
	}
	tx, err := db.BeginTx(context.Background(), nil)
	if err == nil {
		_, err = tx.Exec(lock)
	}
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
