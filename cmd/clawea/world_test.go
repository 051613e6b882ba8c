// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/verify"
)

// A daemonProcess is clawea serve as a process of its own, so that it can be killed.
type daemonProcess struct {
	*world
	t      *testing.T
	config string
	cmd    *exec.Cmd
}

// freeAddress is an address of this machine at which nobody listens. Its port is below
// those that the system gives to whoever asks for any, so that nobody has it meanwhile.
func freeAddress() (string, error) {
	for tries := 0; ; tries++ {
		ln, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20000+rand.IntN(12000)))
		if err == nil {
			return ln.Addr().String(), ln.Close()
		}
		if tries == 100 {
			return "", err
		}
	}
}

// newProcess makes a house under a temporary directory; start runs its daemon.
func newProcess(t *testing.T) *daemonProcess {
	t.Helper()
	w := &world{dir: t.TempDir(), served: make(chan error, 1)}
	siteURL, modelURL, err := w.simulate()
	if err != nil {
		t.Fatal(err)
	}
	listen, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	w.url = "http://" + listen
	p := &daemonProcess{world: w, t: t}
	if p.config, err = w.writeHouse(listen, siteURL, modelURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		w.close()
	})
	return p
}

func (p *daemonProcess) start() {
	p.t.Helper()
	log, err := os.OpenFile(filepath.Join(p.dir, "serve.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	self, err := exec.LookPath("clawea") // testscript.Main puts this binary there under its name
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(self, "serve", "-config", p.config)
	p.cmd.Stderr = log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	for range 1200 {
		if res, err := http.Get(p.url + "/healthz"); err == nil {
			res.Body.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b, _ := os.ReadFile(log.Name())
	p.t.Fatalf("the daemon did not come up:\n%s", b)
}

// kill ends the daemon as a power cut would.
func (p *daemonProcess) kill() {
	if p.cmd == nil {
		return
	}
	p.cmd.Process.Signal(syscall.SIGKILL)
	p.cmd.Wait()
	p.cmd = nil
}

// clawea runs a command line against the house and returns what it printed.
func (p *daemonProcess) clawea(args ...string) string {
	p.t.Helper()
	var out bytes.Buffer
	e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: io.Discard, getenv: p.getenv}
	if err := run(p.t.Context(), e, args); err != nil {
		p.t.Fatalf("clawea %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(out.String())
}

func (p *daemonProcess) path(name string) string { return filepath.Join(p.dir, name) }

// publish publishes the demo's policy and returns its hash.
func (p *daemonProcess) publish() string {
	p.t.Helper()
	p.clawea("wpc", "sign", "-key", p.path("ada.key"), "-o", p.path("signed.json"), p.path("runbook-agent.json"))
	return p.clawea("wpc", "publish", p.path("signed.json"))
}

// Wherever a kill -9 falls, the store holds a chain that verifies: every
// receipt that an agent was told of, and what was there before as its prefix.
func TestKill(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	p := newProcess(t)
	p.start()
	hash := p.publish()
	token := p.clawea("cst", "issue", "-wpc", hash, "-job", "job-1", "-agent", "robot")
	var before *bundle.Bundle
	for range rounds {
		told := p.workUntilKilled(token)
		p.start()
		b := p.verified(hash)
		if told > len(b.Receipts) {
			t.Fatalf("an agent was told of receipt %d, and there are %d", told, len(b.Receipts))
		}
		if before != nil {
			for i := range before.Receipts {
				if before.Receipts[i].Hash() != b.Receipts[i].Hash() {
					t.Fatalf("receipt %d is not what it was before the kill", i+1)
				}
			}
		}
		before = b
	}
	if len(before.Receipts) < rounds {
		t.Errorf("only %d receipts in %d rounds: the kills fell on nothing", len(before.Receipts), rounds)
	}
	p.scan(token)
}

// workUntilKilled has four agents ask the model while the daemon is killed, and
// returns the last receipt that one of them was told of.
func (p *daemonProcess) workUntilKilled(token string) (told int) {
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	var mu sync.Mutex
	var agents sync.WaitGroup
	for range 4 {
		agents.Go(func() {
			a := &agent{url: p.url, token: token, out: io.Discard}
			for ctx.Err() == nil {
				_, name, err := a.message(ctx, taskReport)
				if err != nil {
					continue // killed, or not yet up
				}
				mu.Lock()
				var seq int
				fmt.Sscanf(name, "job-1/%d", &seq)
				told = max(told, seq)
				mu.Unlock()
			}
		})
	}
	time.Sleep(time.Duration(100+rand.IntN(250)) * time.Millisecond)
	p.kill()
	cancel()
	agents.Wait()
	return told
}

// verified exports job-1's bundle, verifies it as an outsider would, and returns it.
func (p *daemonProcess) verified(hash string) *bundle.Bundle {
	p.t.Helper()
	p.clawea("proof", "trust", "-o", p.path("trust.json"))
	p.clawea("proof", "export", "job-1", "-o", p.path("job-1.proof"))
	p.clawea("proof", "verify", "-trust", p.path("trust.json"), "-expect-policy", hash, "-expect-job", "job-1", p.path("job-1.proof"))
	file, err := os.ReadFile(p.path("job-1.proof"))
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := bundle.Read(file)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// scan looks for what must not be in the store's plain bytes, also in the
// write-ahead log that a kill leaves behind.
func (p *daemonProcess) scan(more ...string) {
	p.t.Helper()
	scanStore(p.t, p.dir, more...)
}

func scanStore(t *testing.T, dir string, more ...string) {
	t.Helper()
	secrets, err := filepath.Glob(filepath.Join(dir, "secrets", "*"))
	if err != nil || len(secrets) == 0 {
		t.Fatalf("no secrets to look for: %v", err)
	}
	words := append(more, taskRead, taskReport, corrected, "drop_all.sh", "Promote the replica", "Not yet announced", "Two runbooks read")
	for _, path := range secrets {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		words = append(words, strings.TrimSpace(string(b)))
	}
	stores, err := filepath.Glob(filepath.Join(dir, "clawea.db*"))
	if err != nil || len(stores) == 0 {
		t.Fatalf("no store to look into: %v", err)
	}
	for _, path := range append(stores, filepath.Join(dir, "clawea.log"), filepath.Join(dir, "serve.log")) {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // a house has one log or the other
		}
		for _, w := range words {
			for _, form := range []string{w, base64.StdEncoding.EncodeToString([]byte(w)), jsonForm(w)} {
				if bytes.Contains(b, []byte(form)) {
					t.Errorf("%s holds %.30q", filepath.Base(path), w)
				}
			}
		}
	}
}

func jsonForm(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return s
	}
	return strings.Trim(string(b), `"`)
}

// TestDemoLeavesNoText runs the whole story and looks into what it left.
func TestDemoLeavesNoText(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	e := &env{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}
	if err := run(t.Context(), e, []string{"demo", "-exit", "-dir", dir}); err != nil {
		t.Fatal(err)
	}
	scanStore(t, dir)
	file, err := os.ReadFile(filepath.Join(dir, "demo.proof"))
	if err != nil {
		t.Fatal(err)
	}
	paper, err := os.ReadFile(filepath.Join(dir, "trust.json"))
	if err != nil {
		t.Fatal(err)
	}
	trust, err := verify.ParseTrust(paper)
	if err != nil {
		t.Fatal(err)
	}
	flipBits(t, file, trust)
	countReceipts(t, file)
}

// flipBits changes one bit at a time, spread over the whole bundle. Every bit
// of a small bundle is package verify's test.
func flipBits(t *testing.T, file []byte, trust *verify.Trust) {
	t.Helper()
	if !verify.Bundle(file, trust, verify.Expect{}).Verified() {
		t.Fatal("the bundle does not verify")
	}
	step := len(file)/500 + 1
	for i := 0; i < len(file); i += step {
		bit := byte(1) << rand.IntN(8)
		file[i] ^= bit
		if verify.Bundle(file, trust, verify.Expect{}).Verified() {
			t.Errorf("bit %08b of byte %d can be flipped", bit, i)
		}
		file[i] ^= bit
	}
}

// countReceipts checks that the demo's bundle holds every kind of story.
func countReceipts(t *testing.T, file []byte) {
	t.Helper()
	b, err := bundle.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, e := range b.Receipts {
		r, err := receipt.Parse(e.Payload)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case r.Kind == receipt.Closed:
			kinds["closed"]++
		case r.Refused != "":
			kinds["refused"]++
		default:
			kinds[r.Decision.Effect.String()]++
		}
	}
	if kinds["allow"] != kinds["closed"] || kinds["deny"] != 3 || kinds["ask"] != 3 || kinds["refused"] != 1 {
		t.Errorf("receipts: %v", kinds)
	}
	if len(b.Answers) != 2 || len(b.Disclosures) != 0 || b.Log == nil || len(b.Log.Proofs) != len(b.Receipts) {
		t.Errorf("answers %d, disclosures %d, log %v", len(b.Answers), len(b.Disclosures), b.Log != nil)
	}
}
