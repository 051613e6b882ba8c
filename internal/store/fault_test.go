// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// One write of a group is such that the database refuses it: it alone fails.
func TestPoisonInGroup(t *testing.T) {
	triggers := map[string]string{
		"sqlite": `CREATE TRIGGER poison BEFORE INSERT ON receipt WHEN NEW.job = 'job-2' BEGIN SELECT RAISE(ABORT, 'poison'); END`,
		"postgres": `CREATE FUNCTION poison() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN RAISE 'poison'; END $$;
			CREATE TRIGGER poison BEFORE INSERT ON receipt FOR EACH ROW WHEN (NEW.job = 'job-2') EXECUTE FUNCTION poison()`,
	}
	onBoth(t, func(t *testing.T, h *house) {
		if _, err := h.write.ExecContext(t.Context(), triggers[h.engine.name]); err != nil {
			t.Fatal(err)
		}
		one, two := h.job(t, "job-1"), h.job(t, "job-2")
		good := wish{one, h.opens(one, call(1, "a"), policy.Allow, text("a"))}
		ends := h.together(good, wish{two, h.opens(two, call(1, "a"), policy.Allow, text("a"))}, good)
		if ends[1] == nil || !strings.Contains(ends[1].Error(), "poison") {
			t.Errorf("the refused write: got %v", ends[1])
		}
		if ends[0] != nil || ends[2] != nil {
			t.Errorf("the writes beside it: got %v and %v", ends[0], ends[2])
		}
		if got := len(checkChain(t, h.DB, one)); got != 2 {
			t.Errorf("job-1 has %d receipts, want 2", got)
		}
		if got := h.state(t, two); got.Seq != 0 || got.Used["pages"] != 0 {
			t.Errorf("the refused write left something: %+v", got)
		}
	})
}

// What is damaged in the database stops its own job and no other.
func TestDamagedJob(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		one, two, three := h.job(t, "job-1"), h.job(t, "job-2"), h.job(t, "job-3")
		q := h.ask(t, two, call(1, "a"))
		paper, a := h.answer(t, q, true)
		if err := h.Answer(t.Context(), q.ID, paper, a); err != nil {
			t.Fatal(err)
		}
		h.mustWrite(t, three, h.opens(three, call(1, "a"), policy.Allow))
		for _, damage := range []string{
			`UPDATE answer SET envelope = receipt.envelope FROM receipt WHERE receipt.job = 'job-2' AND answer.approval = 'job-2.1'`,
			`UPDATE chain SET reserved = 'x' WHERE job = 'job-3'`,
		} {
			if _, err := h.write.ExecContext(t.Context(), damage); err != nil {
				t.Fatal(err)
			}
		}
		ends := h.together(
			wish{one, h.opens(one, call(1, "a"), policy.Allow)},
			wish{two, h.opens(two, call(1, "a"), policy.Allow)},
			wish{three, h.closes(three, 1, 1)})
		if ends[0] != nil || ends[1] == nil || ends[2] == nil {
			t.Errorf("got %v, want only the first to be written", ends)
		}
		if _, err := h.Answers(t.Context(), two); err == nil {
			t.Error("a receipt was returned as an answer")
		}
	})
}

// The server drops all connections: writes and reads go on over new ones.
func TestConnectionsLost(t *testing.T) {
	h := newHouse(t, pgtest.New(t))
	job := h.job(t, "job-1")
	h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow))
	second := h.open(t)
	drop := `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
	if _, err := second.write.ExecContext(t.Context(), drop); err != nil {
		t.Fatal(err)
	}
	h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow))
	if got := len(checkChain(t, h.DB, job)); got != 2 {
		t.Errorf("got %d receipts, want 2", got)
	}
}

func TestFullDisk(t *testing.T) {
	h := newHouse(t, sqliteURL(t))
	job := h.job(t, "job-1")
	h.mustWrite(t, job, h.opens(job, call(1, "a"), policy.Allow, text("a")))
	var pages int
	if err := h.write.QueryRowContext(t.Context(), `PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		t.Helper()
		var got int
		if err := h.write.QueryRowContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, n)).Scan(&got); err != nil || got != n {
			t.Fatalf("limit the file to %d pages: got %d, %v", n, got, err)
		}
	}
	before := h.state(t, job)
	limit(pages + 8)
	large := text(strings.Repeat("x", 100_000))
	for range 3 {
		err := h.Write(t.Context(), job, h.opens(job, call(1, "b"), policy.Ask, large))
		if err == nil || !strings.Contains(err.Error(), "full") {
			t.Fatalf("on a full disk: got %v", err)
		}
		if diff := cmp.Diff(before, h.state(t, job)); diff != "" {
			t.Fatalf("a failed write changed the job:\n%s", diff)
		}
	}
	if list, err := h.Texts(t.Context(), job); err != nil || len(list) != 1 {
		t.Errorf("got %d texts, %v, want 1", len(list), err)
	}
	limit(1 << 20)
	h.mustWrite(t, job, h.opens(job, call(1, "b"), policy.Ask, large))
	if got := len(checkChain(t, h.DB, job)); got != 2 {
		t.Errorf("got %d receipts, want 2", got)
	}
	if n, err := h.Sequence(t.Context(), 10, fold); n != 2 || err != nil {
		t.Errorf("sequence: got %d, %v, want 2", n, err)
	}
}

// crashVar holds the URL of the database that this binary, run again by
// TestCrash, writes to until it is killed.
const crashVar = "STORE_TEST_CRASH_URL"

const crashJobs = 2

// TestCrashChild is not a test but the child of TestCrash.
func TestCrashChild(t *testing.T) {
	u := os.Getenv(crashVar)
	if u == "" {
		t.Skip("runs as the child of TestCrash")
	}
	h := newHouse(t, u)
	var mu sync.Mutex // one line at a time on stdout
	for i := range 2 * crashJobs {
		job := h.job(t, fmt.Sprintf("job-%d", i%crashJobs))
		go func() {
			for {
				var r *receipt.Receipt
				if err := h.Write(context.Background(), job, func(st *receipt.State) (*receipt.Line, error) {
					l, err := h.opens(job, call(1, "a"), policy.Allow, text(fmt.Sprint(st.Seq)))(st)
					if err == nil {
						r = l.Receipt
					}
					return l, err
				}); err != nil {
					panic(err)
				}
				mu.Lock()
				fmt.Printf("ack %s %d %s\n", job, r.Seq, r.At.Format("15:04:05"))
				mu.Unlock()
			}
		}()
	}
	for {
		if _, err := h.Sequence(context.Background(), 5, fold); err != nil {
			panic(err)
		}
	}
}

// A daemon is killed at any moment: all that it acknowledged is there, the
// chains are whole, and counters, texts and the log fit them.
func TestCrash(t *testing.T) {
	for _, c := range []struct {
		name   string
		url    func(testing.TB) string
		rounds int
	}{{"sqlite", sqliteURL, 10}, {"postgres", pgtest.New, 4}} {
		t.Run(c.name, func(t *testing.T) {
			u := c.url(t)
			acked := map[string]uint64{}
			for round := 0; round < c.rounds || len(acked) < crashJobs && round < 10*c.rounds; round++ { // some are killed before all have begun
				crash(t, u, rand.IntN(60), acked)
				checkAfterCrash(t, u, acked)
			}
			if len(acked) != crashJobs {
				t.Errorf("only %v were written to", acked)
			}
		})
	}
}

// crash runs the child until it has acknowledged n writes, kills it, and
// remembers the last receipt of each job that it acknowledged.
func crash(t *testing.T, u string, n int, acked map[string]uint64) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	child.Env = append(os.Environ(), crashVar+"="+u)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	child.Stderr = &stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for seen := 0; lines.Scan(); seen++ {
		var job string
		var seq uint64
		if _, err := fmt.Sscanf(lines.Text(), "ack %s %d", &job, &seq); err == nil {
			acked[job] = max(acked[job], seq)
		}
		if seen == n {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child was not killed: %v\n%s", err, stderr.Bytes())
	}
}

func checkAfterCrash(t *testing.T, u string, acked map[string]uint64) {
	t.Helper()
	h := newHouse(t, u)
	total := 0
	for job, seq := range acked {
		st := h.state(t, job) // waits for a commit of the child's that its server still works on
		receipts := checkChain(t, h.DB, job)
		if uint64(len(receipts)) < seq || uint64(len(receipts)) != st.Seq {
			t.Fatalf("%s: receipt %d was acknowledged, and %d are there, of a chain of %d", job, seq, len(receipts), st.Seq)
		}
		if got := st.Used["pages"]; got != len(receipts) {
			t.Errorf("%s: %d pages used by %d receipts", job, got, len(receipts))
		}
		if texts, err := h.Texts(t.Context(), job); err != nil || len(texts) != len(receipts) {
			t.Errorf("%s: %d texts of %d receipts, %v", job, len(texts), len(receipts), err)
		}
		total += len(receipts)
	}
	records := sequenceAll(t, h.DB, total)
	note, size, err := h.Checkpoint(t.Context())
	if err != nil || size != int64(len(records)) || len(note) == 0 {
		t.Errorf("checkpoint %q of %d, %v, want %d", note, size, err, len(records))
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

// sequenceAll moves all receipts into the log and returns its records, which
// must be at least n. The server may take a moment to see that a dead daemon no
// longer sequences.
func sequenceAll(t *testing.T, db *DB, n int) [][]byte {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := db.Sequence(t.Context(), maxLimit, fold); err != nil {
			t.Fatal(err)
		}
		records, err := db.Records(t.Context(), 0, maxLimit)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) >= n {
			return records
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d records of %d receipts", len(records), n)
		}
	}
}

// What agents ask and get is in no file of the database in plain bytes.
func TestNoPlainText(t *testing.T) {
	const prompt, page, key = "distinctive-prompt-81c1", "distinctive-page-5f0e", "job-plain-03d2"
	run := func(t *testing.T, u, dir string) {
		h := newHouse(t, u)
		job := h.job(t, key)
		h.mustWrite(t, job, h.opens(job, call(1, prompt), policy.Allow, text(prompt)))
		h.mustWrite(t, job, h.closes(job, 1, 1, text(page)))
		if h.engine.name == "postgres" {
			if _, err := h.write.ExecContext(t.Context(), `CHECKPOINT`); err != nil {
				t.Fatal(err)
			}
		}
		salt := text("").Salt
		found := grep(t, dir, []string{prompt, page, string(salt[:]), string(sealingKey), key})
		for _, s := range []string{prompt, page, string(salt[:]), string(sealingKey)} {
			if files := found[s]; len(files) > 0 {
				t.Errorf("%q is in %v", s, files)
			}
		}
		if len(found[key]) == 0 {
			t.Error("the search is broken: it does not find the job's name")
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		u := sqliteURL(t)
		run(t, u, filepath.Dir(strings.TrimPrefix(u, "sqlite:")))
	})
	t.Run("postgres", func(t *testing.T) {
		s := pgtest.New(t)
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		run(t, s, filepath.Join(u.Query().Get("host"), "data"))
	})
}

// grep returns the files under dir that hold each of what.
func grep(t *testing.T, dir string, what []string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, w := range what {
			if bytes.Contains(b, []byte(w)) {
				found[w] = append(found[w], path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
