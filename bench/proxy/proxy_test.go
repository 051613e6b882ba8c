// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/sandbox"
)

// TestMain lets the tests' program be what it starts.
func TestMain(m *testing.M) {
	sandbox.Enter() // programs are confined by this one
	if len(os.Args) > 2 && os.Args[1] == "flush" {
		if err := flush(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if ok, err := Subcommand(os.Args[1:]); ok {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestBench runs all of it for a moment: every answer is compared on the way,
// and the receipts are counted at the end. How fast it was is nobody's business
// here.
func TestBench(t *testing.T) {
	b, err := Open(Options{
		Dir: t.TempDir(), Rounds: 1, Round: 50 * time.Millisecond, Log: t.Output(), Portkey: HasPortkey(),
		Cases: []Case{
			{"plain", Load{Kind{Size: 1000}, 4, 0}, true},
			{"plain, in time", Load{Kind{Size: 1000}, 4, 100}, false},
			{"plain, long", Load{Kind{Size: 112000}, 2, 0}, false},
			{"stream of 12", Load{Kind{Chunks: 12, Size: 1000}, 2, 0}, false},
			{"stream of 5, paced", Load{Kind{Chunks: 5, Pause: time.Millisecond, Size: 1000}, 2, 40}, false},
		},
		Holds: holds(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	all, err := b.Run() // and Check
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range b.Targets {
		if r := all["plain"][target.Name]; len(r) != 1 || r[0].Requests == 0 {
			t.Errorf("%s answered nothing", target.Name)
		}
	}
	if report, err := b.Report(all); err != nil || strings.Count(report, "\n|") < 10 {
		t.Errorf("report: %v\n%s", err, report)
	}
	h := b.Houses[0]
	for _, job := range []string{h.bound[0].Job, h.bearer[0].Job} {
		if out, err := h.Verify(job); err != nil || !strings.HasPrefix(out, "VERIFIED") {
			t.Errorf("proof of %s: %v\n%s", job, err, out)
		}
	}
}

// holds is one hold, where the kernel permits any.
func holds(t *testing.T) []Hold {
	if _, err := flushHeld(t, 1); err != nil {
		t.Log("nothing is held here:", err)
		return nil
	}
	return []Hold{Hold(time.Millisecond)}
}

// A flush that is held takes as long as that at least.
func TestHold(t *testing.T) {
	const hold = Hold(20 * time.Millisecond)
	took, err := flushHeld(t, hold)
	if err != nil {
		t.Skip("the kernel lets nobody hold a process here:", err)
	}
	if took < time.Duration(hold) {
		t.Errorf("a flush took %v", took)
	}
}

// flushHeld returns how long a flush took in a process that is held.
func flushHeld(t *testing.T, hold Hold) (time.Duration, error) {
	dir := t.TempDir()
	log, told := filepath.Join(dir, "log"), filepath.Join(dir, "told")
	p, err := hold.start(gatewayCore, log, os.Args[0], "flush", told)
	if err != nil {
		return 0, err
	}
	p.cmd.Wait() // before it is stopped
	if err := p.log.Close(); err != nil {
		return 0, err
	}
	b, err := os.ReadFile(told)
	if err != nil {
		out, _ := os.ReadFile(log)
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	return time.ParseDuration(string(b))
}

// flush is what that process does.
func flush(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := f.Sync(); err != nil {
		return err
	}
	if _, err := fmt.Fprint(f, time.Since(start)); err != nil {
		return err
	}
	return f.Close()
}

// A target that answers another request, or a part, or without a receipt, is found out.
func TestCheck(t *testing.T) {
	k := Kind{Chunks: 3, Size: 1000}
	n := number(7)
	good := string(k.answer().fill(nil, n))
	answered := func(body, header string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", header, len(body), body)
	}
	const cited = "Clawea-Receipt: job/1\r\n"
	tests := []struct {
		name, answer string
		exact, want  bool
	}{
		{"good", answered(good, cited), true, true},
		{"written anew", answered(strings.ReplaceAll(good, "data: ", "data:  "), cited), false, true},
		{"written anew, but should not be", answered(strings.ReplaceAll(good, "data: ", "data:  "), cited), true, false},
		{"another's", answered(string(k.answer().fill(nil, number(8))), cited), true, false},
		{"another's, written anew", answered(string(k.answer().fill(nil, number(8))), cited), false, false},
		{"cut", answered(strings.TrimSuffix(good, done), cited), false, false},
		{"no receipt", answered(good, ""), true, false},
		{"an error", strings.Replace(answered(good, cited), "200 OK", "503 No", 1), true, false},
		{"broken off", answered(good, cited)[:200], true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &conn{r: bufio.NewReader(strings.NewReader(tt.answer)), target: &Target{Exact: tt.exact, receipts: true}, kind: k, answer: k.answer()}
			if err := c.read(n); err == nil != tt.want {
				t.Errorf("read: %v", err)
			}
		})
	}
}

// An open loop counts from when a request was due: one that waits behind a slow
// one is slow.
func TestOmission(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go Upstream(ln) // ends with ln
	target := &Target{Name: "slow", Addr: ln.Addr().String(), Path: "/", Exact: true}
	load := Load{Kind{Chunks: 3, Pause: 20 * time.Millisecond, Size: 1000}, 1, 100} // an answer takes 60 ms, and one is due every 10
	r, err := load.Run(target, 500*time.Millisecond, 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.Requests < 3 || !r.Behind {
		t.Fatalf("round: %d requests, behind %v", r.Requests, r.Behind)
	}
	if late := 60*time.Millisecond + time.Duration(r.Requests-1)*(60-10)*time.Millisecond; r.Latencies[r.Requests-1] < late {
		t.Errorf("latencies %v, want the last at %v or later", r.Latencies, late)
	}
}

func TestSplice(t *testing.T) {
	const begin, end = "<!-- bench/x -->\n", "<!-- /bench/x -->\n"
	got, err := splice([]byte("a\n"+begin+"old\n"+end+"b\n"), "x", "new\n")
	if want := "a\n" + begin + "new\n" + end + "b\n"; err != nil || string(got) != want {
		t.Errorf("splice: %q, %v", got, err)
	}
	if _, err := splice([]byte("a\n"+begin), "x", "new\n"); err == nil {
		t.Error("splice without an end is no error")
	}
}
