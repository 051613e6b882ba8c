// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

func numbers(from, to uint64) []uint64 {
	var out []uint64
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

// TestGrowth lets a log grow in steps of any size: an auditor who follows it
// finds each entry in its place and every checkpoint an extension of the last.
func TestGrowth(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		db := newMemory()
		l, auditor := newLedger(t, db)
		var want []string
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 90), 1, 6).Draw(rt, "steps") {
			job := fmt.Sprintf("job-%d", i)
			seqs := numbers(1, uint64(n))
			db.commit(job, seqs...)
			for _, seq := range seqs {
				want = append(want, string(place{job, seq}.entry()))
			}
			if got, err := l.Step(t.Context()); err != nil || got != n {
				rt.Fatalf("step took %d of %d: %v", got, n, err)
			}
			got, err := auditor.all()
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatal(diff)
			}
		}
	})
}

// TestLarge goes over the edges of tiles, of both lower levels, and of batches.
func TestLarge(t *testing.T) {
	db := newMemory()
	l, auditor := newLedger(t, db)
	total := 0
	for _, n := range []int{255, 1, 1, 2*batch + 5, 700} {
		db.commit(fmt.Sprintf("job-%d", total), numbers(1, uint64(n))...)
		if got, err := l.Step(t.Context()); err != nil || got != n {
			t.Fatalf("step took %d of %d: %v", got, n, err)
		}
		total += n
		if _, err := auditor.checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	list, err := auditor.all()
	if err != nil || len(list) != total {
		t.Fatalf("%d entries of %d: %v", len(list), total, err)
	}
	_, full := auditor.get("/tile/0/000")
	_, part := auditor.get("/tile/0/000.p/7") // of a tree long ago
	if len(full) != 256*tlog.HashSize || !bytes.HasPrefix(full, part) || len(part) != 7*tlog.HashSize {
		t.Errorf("full tile of %d bytes, partial of %d", len(full), len(part))
	}
	if code, up := auditor.get(fmt.Sprintf("/tile/1/000.p/%d", total/256)); code != 200 || len(up) != total/256*tlog.HashSize {
		t.Errorf("tile of the upper level: status %d, %d bytes", code, len(up))
	}
}

// TestPaths has a log of 300 entries and one spelling for each of its files.
func TestPaths(t *testing.T) {
	db := newMemory()
	l, auditor := newLedger(t, db)
	db.commit("job", numbers(1, 300)...)
	if _, err := l.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path string
		want int
	}{
		{"/checkpoint", 200},
		{"/tile/0/000", 200}, {"/tile/0/000.p/1", 200}, {"/tile/0/001.p/44", 200}, {"/tile/0/001.p/43", 200},
		{"/tile/0/001.p/45", 404}, {"/tile/0/001", 404}, {"/tile/0/002.p/1", 404}, {"/tile/0/000.p/256", 404},
		{"/tile/0/000.p/0", 404}, {"/tile/0/000.p/-1", 404}, {"/tile/0/000.p/01", 404}, {"/tile/0/000.p/+1", 404},
		{"/tile/0/0", 404}, {"/tile/0/x000/000", 404}, {"/tile/0/1000", 404}, {"/tile/00/000", 404}, {"/tile/-1/000", 404},
		{"/tile/0/x999/x999/x999/x999/x999/x999/999", 404}, {"/tile/0/x009/x223/x372/x036/x854/x775/807", 404},
		{"/tile/1/000.p/1", 200}, {"/tile/1/000", 404}, {"/tile/1/000.p/2", 404}, {"/tile/2/000.p/1", 404},
		{"/tile/5/000.p/1", 404}, {"/tile/7/000.p/1", 404}, {"/tile/8/000.p/1", 404}, {"/tile/63/000.p/1", 404}, {"/tile/64/000.p/1", 404},
		{"/tile/entries/000", 200}, {"/tile/entries/000.p/9", 200}, {"/tile/entries/001.p/44", 200},
		{"/tile/entries/001.p/45", 404}, {"/tile/entries/001", 404}, {"/tile/entries/", 404}, {"/tile/entries/x001/234/067", 404},
		{"/tile/data/000", 404}, {"/tile/data/000.p/1", 404}, {"/tile/", 404}, {"/tile/0/", 404}, {"/", 404}, {"/checkpoints", 404},
	}
	for _, tt := range tests {
		if code, _ := auditor.get(tt.path); code != tt.want {
			t.Errorf("%s: status %d, want %d", tt.path, code, tt.want)
		}
	}
	w := httptest.NewRecorder()
	auditor.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/checkpoint", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d", w.Code)
	}
}

func TestHeaders(t *testing.T) {
	db := newMemory()
	l, auditor := newLedger(t, db)
	db.commit("job", 1)
	if _, err := l.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, kind, cache string }{
		{"/checkpoint", "text/plain; charset=utf-8", "no-cache"},
		{"/tile/0/000.p/1", "application/octet-stream", "public, max-age=31536000, immutable"},
		{"/tile/entries/000.p/1", "application/octet-stream", "public, max-age=31536000, immutable"},
		{"/tile/0/000", "text/plain; charset=utf-8", ""}, // not yet: must not be kept
	}
	for _, tt := range tests {
		w := httptest.NewRecorder()
		auditor.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, tt.path, nil))
		if w.Header().Get("Content-Type") != tt.kind || w.Header().Get("Cache-Control") != tt.cache {
			t.Errorf("%s: %v", tt.path, w.Header())
		}
	}
	entry := place{"job", 1}.entry()
	if _, b := auditor.get("/tile/entries/000.p/1"); string(b) != "\x00"+string(rune(len(entry)))+string(entry) {
		t.Errorf("entries %q", b)
	}
}

func TestEmpty(t *testing.T) {
	l, auditor := newLedger(t, newMemory())
	if n, err := l.Step(t.Context()); n != 0 || err != nil {
		t.Fatalf("step took %d: %v", n, err)
	}
	tree, err := auditor.checkpoint()
	if err != nil || tree.N != 0 {
		t.Errorf("checkpoint of %d entries: %v", tree.N, err)
	}
	log, err := l.Prove(t.Context(), "job", 1)
	if err != nil || len(log.Proofs) != 0 {
		t.Fatalf("proof from an empty log: %+v, %v", log, err)
	}
	if _, err := auditor.open(log.Checkpoint); err != nil {
		t.Error(err)
	}
}

// TestProve checks proofs of every receipt of one job among others, and that
// what waits or does not exist has none.
func TestProve(t *testing.T) {
	db := newMemory()
	l, auditor := newLedger(t, db)
	for seq := uint64(1); seq <= 40; seq++ {
		db.commit("a", seq)
		db.commit("b", seq)
	}
	if _, err := l.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	db.commit("a", 41) // waits
	log, err := l.Prove(t.Context(), "a", append(numbers(1, 42), 7)...)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := auditor.open(log.Checkpoint)
	if err != nil || tree.N != 80 {
		t.Fatalf("checkpoint of %d entries: %v", tree.N, err)
	}
	var seqs []uint64
	for _, p := range log.Proofs {
		seqs = append(seqs, p.Seq)
		if err := tlog.CheckRecord(p.Hashes, tree.N, tree.Hash, p.Index, tlog.RecordHash(place{"a", p.Seq}.entry())); err != nil {
			t.Errorf("receipt %d: %v", p.Seq, err)
		}
	}
	if diff := cmp.Diff(append(numbers(1, 40), 7), seqs); diff != "" {
		t.Error(diff)
	}
}

// TestTampered lets the database change under the ledger, which must not sign
// on top of it.
func TestTampered(t *testing.T) {
	tests := []struct {
		name    string
		tamper  func(l *Ledger, m *memory)
		restart bool // a new process finds it out as well
	}{
		{"hash of a subtree", func(_ *Ledger, m *memory) { m.hashes[tlog.StoredHashIndex(2, 0)][31] ^= 0x80 }, true},
		{"checkpoint", func(_ *Ledger, m *memory) { m.note = bytes.Replace(m.note, []byte("6\n"), []byte("7\n"), 1) }, true},
		{"no checkpoint", func(_ *Ledger, m *memory) { m.note = nil }, true},
		{"smaller", func(_ *Ledger, m *memory) { m.size = 5 }, true},
		{"older", func(l *Ledger, m *memory) {
			read := m.HashReader(context.Background())
			root, _ := tlog.TreeHash(5, read)
			m.note, _ = l.sign(tlog.Tree{N: 5, Hash: root})
			m.size = 5
		}, false}, // was true once; only its followers can tell
		{"empty", func(_ *Ledger, m *memory) { m.note, m.size, m.hashes = nil, 0, nil }, false},
		{"origin", func(l *Ledger, _ *memory) { l.Origin = "elsewhere" }, true},
		{"key", func(l *Ledger, _ *memory) { l.Signer, _ = newKey(t) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := newMemory()
			l, _ := newLedger(t, db)
			db.commit("job", numbers(1, 6)...)
			if _, err := l.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
			tt.tamper(l, db)
			db.commit("job", 7)
			before := bytes.Clone(db.note)
			if n, err := l.Step(t.Context()); n != 0 || !errors.Is(err, ErrTampered) {
				t.Errorf("step took %d: %v", n, err)
			}
			if tt.restart {
				again := &Ledger{DB: db, Signer: l.Signer, Origin: l.Origin, Log: l.Log}
				if n, err := again.Step(t.Context()); n != 0 || !errors.Is(err, ErrTampered) {
					t.Errorf("step after a restart took %d: %v", n, err)
				}
			}
			if !bytes.Equal(db.note, before) {
				t.Errorf("signed all the same: %s", db.note)
			}
		})
	}
}

// TestTamperedTile changes what no later checkpoint is made of, so that the
// ledger goes on: its auditors see it.
func TestTamperedTile(t *testing.T) {
	for name, tamper := range map[string]func(*memory){
		"hash":  func(m *memory) { m.hashes[tlog.StoredHashIndex(0, 2)][0] ^= 1 },
		"entry": func(m *memory) { m.records[2] = place{"job", 9}.entry() },
	} {
		db := newMemory()
		l, auditor := newLedger(t, db)
		db.commit("job", numbers(1, 6)...)
		if _, err := l.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := auditor.all(); err != nil {
			t.Fatal(err)
		}
		tamper(db)
		if _, err := auditor.all(); err == nil {
			t.Errorf("%s: the auditor sees nothing", name)
		}
	}
}

// TestRollbackServed pins that a checkpoint older than the one last signed is
// not handed out.
func TestRollbackServed(t *testing.T) {
	db := newMemory()
	l, auditor := newLedger(t, db)
	db.commit("job", 1)
	if _, err := l.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	db.note, db.size = nil, 0
	code, body := auditor.get("/checkpoint")
	if code != 500 || strings.Contains(string(body), "database") {
		t.Errorf("status %d: %s", code, body)
	}
	if _, err := l.Prove(t.Context(), "job", 1); !errors.Is(err, ErrTampered) {
		t.Errorf("prove: %v", err)
	}
}

func TestOversizedEntry(t *testing.T) {
	_, _, err := grow(0, newMemory().HashReader(t.Context()), [][]byte{make([]byte, 1<<16)})
	if err == nil {
		t.Error("an entry went in that cannot be served")
	}
}

func TestBroken(t *testing.T) {
	db := newMemory()
	l, auditor := newLedger(t, db)
	db.commit("job", 1)
	if _, err := l.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	db.broken = errors.New("disk on fire")
	for _, path := range []string{"/checkpoint", "/tile/0/000.p/1", "/tile/entries/000.p/1"} {
		if code, body := auditor.get(path); code != 500 || bytes.Contains(body, []byte("fire")) {
			t.Errorf("%s: status %d: %s", path, code, body)
		}
	}
	if err := l.Wait(t.Context(), "job", 1); !errors.Is(err, db.broken) {
		t.Errorf("wait: %v", err)
	}
	if _, err := l.Prove(t.Context(), "job", 1); !errors.Is(err, db.broken) {
		t.Errorf("prove: %v", err)
	}
	if _, err := l.Step(t.Context()); !errors.Is(err, db.broken) {
		t.Errorf("step: %v", err)
	}
}

// running runs l until the test's bubble is done with it.
func running(ctx context.Context, l *Ledger, interval time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run(ctx, interval)
	}()
	return func() {
		cancel()
		<-done
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newMemory()
		l, _ := newLedger(t, db)
		defer running(t.Context(), l, time.Hour)()
		synctest.Wait()
		start := time.Now()
		db.commit("job", 1)
		if err := l.Wait(t.Context(), "job", 1); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 0 { // it kicks
			t.Errorf("waited for %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := l.Wait(ctx, "job", 2); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("waited for %v: %v", time.Since(start), err)
		}
	})
}

func TestInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newMemory()
		l, _ := newLedger(t, db)
		defer running(t.Context(), l, time.Second)()
		synctest.Wait()
		db.commit("job", 1)
		time.Sleep(999 * time.Millisecond)
		if _, size, _ := db.Checkpoint(t.Context()); size != 0 {
			t.Error("sequenced before its time")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if _, size, _ := db.Checkpoint(t.Context()); size != 1 {
			t.Error("not sequenced in time")
		}
	})
}

// TestReplicas has a receipt waited for here and sequenced elsewhere.
func TestReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newMemory()
		here, _ := newLedger(t, db)
		there := &Ledger{DB: db, Signer: here.Signer, Origin: origin, Log: here.Log}
		defer running(t.Context(), there, time.Second)()
		synctest.Wait()
		start := time.Now()
		db.commit("job", 1)
		if err := here.Wait(t.Context(), "job", 1); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < time.Second || took > time.Second+recheck {
			t.Errorf("waited for %v", took)
		}
	})
}

// TestTrouble pins that trouble does not end Run and is told once.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newMemory()
		l, _ := newLedger(t, db)
		var told bytes.Buffer
		l.Log = slog.New(slog.NewTextHandler(&told, nil))
		stop := running(t.Context(), l, time.Second)
		synctest.Wait()
		db.mu.Lock()
		db.broken = errors.New("disk full")
		db.mu.Unlock()
		db.commit("job", 1)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		db.mu.Lock()
		db.broken = nil
		db.mu.Unlock()
		time.Sleep(2 * time.Second)
		stop()
		if _, size, _ := db.Checkpoint(t.Context()); size != 1 {
			t.Error("did not recover")
		}
		for _, want := range []string{"ledger stands still", "disk full", "ledger moves again"} {
			if n := strings.Count(told.String(), want); n != 1 {
				t.Errorf("%q told %d times: %s", want, n, &told)
			}
		}
	})
}

// FuzzPath asks for any path: what is there is served under its one name,
// and nothing else is.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"0/000", "0/001.p/44", "1/000.p/1", "entries/000.p/9", "entries/001.p/44", "data/000", "0/x001/234", "63/000.p/1"} {
		f.Add(s)
	}
	db := newMemory()
	l := &Ledger{DB: db, Origin: origin, Log: slog.New(slog.DiscardHandler)}
	db.commit("job", numbers(1, 300)...)
	if _, err := db.Sequence(f.Context(), 300, func(size int64, read tlog.HashReader, records [][]byte) ([]tlog.Hash, []byte, error) {
		_, hashes, err := grow(size, read, records)
		return hashes, []byte("signed"), err
	}); err != nil {
		f.Fatal(err)
	}
	served := map[string]bool{}
	for level, most := range map[string]int64{"0": 300, "1": 1, "entries": 300} {
		for n := int64(0); n*256 < most; n++ {
			for w := int64(1); w <= min(256, most-n*256); w++ {
				served[tilePath(level, tlog.Tile{H: 8, N: n, W: int(w)})] = true
			}
		}
	}
	h := l.Handler()
	f.Fuzz(func(t *testing.T, path string) {
		r := httptest.NewRequest(http.MethodGet, "/tile/", nil)
		r.URL.Path += path
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if (w.Code == 200) != served[r.URL.Path] || w.Code >= 500 {
			t.Fatalf("%q: status %d", r.URL.Path, w.Code)
		}
	})
}
