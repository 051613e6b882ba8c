// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/internal/sim/model"
	"github.com/clawea/clawea/receipt"
)

// A relay stands between a daemon and its database. Held, it lets nothing
// through, and closes nothing: a network that has swallowed its packets.
type relay struct {
	mu   sync.RWMutex // locked while it is held
	dir  string
	conn sync.WaitGroup
}

// newRelay relays a socket of PostgreSQL, and returns a URL that leads through it.
func newRelay(t *testing.T, url string) (*relay, string) {
	t.Helper()
	front, dir, _ := strings.Cut(url, "?host=")
	r := &relay{dir: t.TempDir()}
	ln, err := net.Listen("unix", filepath.Join(r.dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ln.Close()
		r.conn.Wait()
	})
	r.conn.Go(func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", filepath.Join(dir, ".s.PGSQL.5432"))
			if err != nil {
				near.Close()
				continue
			}
			r.conn.Go(func() { r.copy(near, far) })
			r.conn.Go(func() { r.copy(far, near) })
		}
	})
	return r, front + "?host=" + r.dir
}

func (r *relay) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		r.mu.RLock()
		_, werr := to.Write(buf[:n])
		r.mu.RUnlock()
		if err != nil || werr != nil {
			return
		}
	}
}

// A daemon that cannot see what is revoked cuts what is under way when its
// bound is over, and carries nothing until it sees again.
func TestBlind(t *testing.T) {
	r, url := newRelay(t, pgtest.New(t))
	w := newWorld(t, url)
	w.script = func(c model.Conversation) model.Reply { return model.Reply{Text: strings.Repeat(text+" ", 2000)} }
	w.more = `"revocation_bound": "4s",`
	h := w.start()
	p := h.publish()
	issued := h.issue(p, "job-1")
	res, err := h.stream(t.Context(), issued.Token, 20000)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 64)); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	r.mu.Lock()
	held := time.Now()
	if _, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Error("the stream came to its own end")
	}
	cut := time.Since(held)
	t.Logf("cut off %v after the database was lost; the bound is 4s", cut)
	if cut < time.Second || cut > 30*time.Second { // it counts from the last look that succeeded, and to when a busy machine gets to it
		t.Error("that is not the bound")
	}
	r.mu.Unlock()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		last := h.chain("job-1")
		if c := last[len(last)-1]; c.Kind == receipt.Closed {
			if c.Outcome.Status != receipt.Aborted || c.Outcome.Code != "revocations.unseen" {
				t.Errorf("%+v", c.Outcome)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the receipt is not closed")
		}
	}
	w.script = func(model.Conversation) model.Reply { return model.Reply{Text: text} }
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		status, body := h.ask(issued.Token)
		if status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it should see again, and answers %d %s", status, body)
		}
	}
	h.verified("job-1", p)
}
