// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bufio"
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
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// binary is the command under test. TestMain builds it once.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "clawea-clients-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "clawea")
	out, err := exec.Command("go", "build", "-C", filepath.Join("..", ".."), "-o", binary, "./cmd/clawea").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "build clawea: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// A house is a running demo: a daemon with a published policy, a simulated
// site and two routes to a simulated model.
type house struct {
	dir    string
	url    string
	policy string // hash of the demo's policy
}

// patience is how long a demo may take to open and to close.
const patience = time.Minute

// openHouse starts a demo and waits until it has told its story.
func openHouse(t *testing.T) *house {
	t.Helper()
	h := &house{dir: filepath.Join(t.TempDir(), "house")}
	cmd := exec.Command(binary, "demo", "-chapters", "10", "-dir", h.dir)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeHouse(t, cmd, stdout) })
	stuck := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	said, address := storyOf(stdout)
	stuck.Stop()
	if address == "" {
		t.Fatalf("the demo did not stay open:\n%s", said)
	}
	h.url = address
	h.policy = regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(h.clawea(t, "wpc", "list"))
	if h.policy == "" {
		t.Fatal("the demo's house has no policy")
	}
	return h
}

// storyOf reads what the demo says up to the address that it stays open at.
func storyOf(stdout io.Reader) (said, address string) {
	open := regexp.MustCompile(`CLAWEA_SERVER=(\S+)`)
	var story strings.Builder
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		fmt.Fprintln(&story, lines.Text())
		if m := open.FindStringSubmatch(lines.Text()); m != nil {
			return story.String(), m[1]
		}
	}
	return story.String(), ""
}

// closeHouse interrupts the demo, as a person would, and expects it to go in
// peace. Connections that have been opened and never used would keep it for
// five seconds, in case a request is on its way.
func closeHouse(t *testing.T, cmd *exec.Cmd, stdout io.Reader) {
	http.DefaultClient.CloseIdleConnections()
	stuck := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Errorf("interrupt the demo: %v", err)
	}
	if _, err := io.Copy(io.Discard, stdout); err != nil {
		t.Errorf("read the demo's last words: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the demo, interrupted: %v", err)
	}
}

// clawea runs a command line as the house's operator and returns what it prints.
func (h *house) clawea(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = []string{"CLAWEA_SERVER=" + h.url, "CLAWEA_OPERATOR=file:" + h.path("secrets", "operator")}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("clawea %s: %v\n%s%s", strings.Join(args, " "), err, out, errs.Bytes())
	}
	return string(out)
}

func (h *house) path(names ...string) string {
	return filepath.Join(append([]string{h.dir}, names...)...)
}

// issue returns a fresh CST for job: of all that the policy holds, or of grant.
func (h *house) issue(t *testing.T, job, grant string) string {
	t.Helper()
	args := []string{"cst", "issue", "-wpc", h.policy, "-job", job, "-agent", "visitor"}
	if grant != "" {
		file := filepath.Join(t.TempDir(), "grant.json")
		if err := os.WriteFile(file, []byte(grant), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-grant", file)
	}
	return strings.TrimSpace(h.clawea(t, args...))
}

// A report is the part of clawea proof verify -format json that is of interest here.
type report struct {
	Verified bool
	Job      string
	Receipts int
	Calls    calls
}

type calls struct{ Allowed, Denied, Asked, Refused, Unclosed int }

// wantProof fails the test unless the job's proof verifies, and holds exactly
// the calls that the test has made: two receipts for one that was allowed, one
// for any other. orders are the receipts of revocations.
//
// A model's answer that says its own length is whole for its reader before the
// house has written the closing receipt, so the last call may be open for a
// moment.
func (h *house) wantProof(t *testing.T, job string, want calls, orders ...int) {
	t.Helper()
	got := h.prove(t, job)
	for range 1000 {
		if got.Calls.Unclosed == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
		got = h.prove(t, job)
	}
	receipts := 2*want.Allowed + want.Denied + want.Asked + want.Refused
	for _, n := range orders {
		receipts += n
	}
	if diff := cmp.Diff(report{Verified: true, Job: job, Receipts: receipts, Calls: want}, got); diff != "" {
		t.Errorf("proof of %s (-want +got):\n%s", job, diff)
	}
}

// prove exports a job's proof and has it verified with the demo's trust.
func (h *house) prove(t *testing.T, job string) report {
	t.Helper()
	file := filepath.Join(t.TempDir(), "job.proof")
	h.clawea(t, "proof", "export", job, "-o", file)
	out := h.clawea(t, "proof", "verify", "-format", "json", "-trust", h.path("trust.json"),
		"-expect-job", job, "-expect-policy", h.policy, file)
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("read the report: %v\n%s", err, out)
	}
	return r
}

// A counter is a transport that counts requests, so that a retry does not pass
// unseen.
type counter struct{ requests atomic.Int64 }

// RoundTrip counts r and sends it.
func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return http.DefaultTransport.RoundTrip(r)
}

// once fails the test unless one request was sent. The next one counts anew.
func (c *counter) once(t *testing.T) {
	t.Helper()
	if n := c.requests.Swap(0); n != 1 {
		t.Errorf("%d requests were sent, want 1", n)
	}
}

// Texts of the demo's script; see cmd/clawea/demo_model.go.
const (
	askRead   = "Which runbook covers a database failover, what does it say, and is there a ticket?"
	askReport = "Report what was done today."
	askOther  = "What is the weather like?" // it has none to this
)

const reported = "Two runbooks read, one corrected after approval. One page tried to give orders; nothing came of it."

// readsOnly is a grant of the policy without any model or write.
const readsOnly = `{"actions": ["confluence.page.get"], "resources": ["confluence:ENG", "confluence:ENG/Runbooks/"], "limits": {}}`
