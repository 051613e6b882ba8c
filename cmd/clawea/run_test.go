// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/sidecar"
	"github.com/clawea/clawea/seal"
)

func TestChildEnv(t *testing.T) {
	parent := []string{
		"PATH=/bin", "HOME=/h", "EMPTY=", "CLAWEA_SERVER=http://127.0.0.1:7433", "CLAWEA_OPERATOR=env:LOGIN", "Clawea_Odd=1",
		"LOGIN=operator-secret", "WRAPPED=Bearer operator-secret, and more", "CI_SECRET=client-secret",
		"OPENAI_API_KEY=sk-real", "OPENAI_BASE_URL=https://api.openai.example", "ANTHROPIC_AUTH_TOKEN=real", "ANTHROPIC_BASE_URL=https://x", "EQUALS=a=b",
	}
	secrets := []string{"operator-secret", "client-secret", ""}
	got := childEnv(parent, secrets, map[string]string{"OPENAI_BASE_URL": "http://127.0.0.1:1/s", "CLAWEA_JOB": "j"})
	want := []string{"CLAWEA_JOB=j", "EMPTY=", "EQUALS=a=b", "HOME=/h", "OPENAI_BASE_URL=http://127.0.0.1:1/s", "PATH=/bin"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for _, test := range []struct{ parent, want []string }{
		{[]string{"NO_PROXY=a"}, []string{"NO_PROXY=a"}},
		{[]string{"https_proxy=http://p"}, []string{"https_proxy=http://p"}},
		{[]string{"HTTP_PROXY=http://p"}, []string{"HTTP_PROXY=http://p", "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1"}},
		{[]string{"http_proxy=http://p", "no_proxy=a,b"}, []string{"NO_PROXY=127.0.0.1", "http_proxy=http://p", "no_proxy=a,b,127.0.0.1"}},
	} {
		if got := childEnv(test.parent, nil, nil); !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.parent, got, test.want)
		}
	}
}

// command is clawea as a process of its own in dir.
func (p *daemonProcess) command(dir string, args ...string) *exec.Cmd {
	p.t.Helper()
	self, err := exec.LookPath("clawea")
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), self, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CLAWEA_SERVER="+p.url, "CLAWEA_OPERATOR="+p.getenv("CLAWEA_OPERATOR"))
	return cmd
}

// runs runs it, and returns its exit code and what it printed.
func (p *daemonProcess) runs(dir string, args ...string) (code int, out, errs string) {
	p.t.Helper()
	return p.runsAs(p.command(dir, args...))
}

func (p *daemonProcess) runsAs(cmd *exec.Cmd) (code int, out, errs string) {
	p.t.Helper()
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		p.t.Fatal(err)
	}
	if jwtShape.MatchString(o.String() + e.String()) {
		p.t.Errorf("%q printed a token", cmd.Args)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// TestRun lets programs work in one house, several at a time.
func TestRun(t *testing.T) {
	// What this process catches, a run starts with as usual, even if whoever runs
	// the tests ignores it, as nohup does.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(caught)
	p := newProcess(t)
	p.addClients()
	p.start()
	hash := p.publish()
	p.clawea("proof", "trust", "-o", p.path("trust.json"))
	t.Run("programs", func(t *testing.T) { // returns when all have ended
		for _, test := range []struct {
			name string
			slow bool // and others cover most of it
			run  func(t *testing.T, p *daemonProcess, hash string)
		}{
			{"left behind", true, runLeftBehind}, {"stubborn", false, runStubborn}, // they wait most
			{"exit codes", false, runExitCodes}, {"holds nothing", false, runHoldsNothing}, {"client", false, runAsClient}, {"signals", false, runSignals},
			{"ignored", false, runIgnored}, {"killed", false, runKilled}, {"keeping", false, runKeeping}, {"unsettled", false, runUnsettled},
		} {
			t.Run(test.name, func(t *testing.T) {
				if test.slow && testing.Short() {
					t.Skip("it takes seconds")
				}
				t.Parallel()
				own := *p
				own.t = t
				test.run(t, &own, hash)
			})
		}
	})
	p.scan()
}

// A program works through its sidecar, and nothing that looks like a token is
// in its environment or its memory then.
func runHoldsNothing(t *testing.T, p *daemonProcess, hash string) {
	dir := t.TempDir()
	code, out, errs := p.runs(dir, "run", "-wpc", hash, "-job", "held", "-agent", "robot", "--", "worker", "scan")
	if code != 0 || !strings.Contains(out, "worked") || !strings.Contains(errs, "proof held.proof verified") {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	found := regexp.MustCompile(`scanned (\d+) tokens (\d+)`).FindStringSubmatch(out)
	if found == nil || found[2] != "0" || len(found[1]) < 7 {
		t.Errorf("the scan says: %s", out)
	}
	// The same scan sees a token that is there.
	_, out, _ = p.runs(dir, "run", "-wpc", hash, "-job", "control", "-agent", "robot", "--", "worker", "scan", "leaky")
	if found := regexp.MustCompile(`tokens (\d+)`).FindStringSubmatch(out); found == nil || found[1] == "0" {
		t.Errorf("the scan does not see a token that is there: %s", out)
	}
	p.clawea("proof", "verify", "-trust", p.path("trust.json"), "-expect-policy", hash, "-expect-job", "held", filepath.Join(dir, "held.proof"))
}

// The exit code is the program's own, unless the proof has something to say.
func runExitCodes(t *testing.T, p *daemonProcess, hash string) {
	dir := t.TempDir()
	run := func(job string, more ...string) (int, string) {
		t.Helper()
		code, _, errs := p.runs(dir, append([]string{"run", "-wpc", hash, "-job", job}, more...)...)
		return code, errs
	}
	if code, errs := run("exits", "-agent", "robot", "--", "worker", "exit", "7"); code != 7 || !strings.Contains(errs, "no calls") {
		t.Errorf("program's own: %d\n%s", code, errs)
	}
	if code, errs := run("by-signal", "--", "worker", "kill", "15"); code != 128+15 {
		t.Errorf("killed: %d\n%s", code, errs)
	}
	if code, errs := run("nothing", "--", "no-such-program"); code != exitError || !strings.Contains(errs, "hint: name a program") {
		t.Errorf("no program: %d\n%s", code, errs)
	}
	if code, errs := run("nothing", "-agent", "a"); code != exitUsage || !strings.Contains(errs, "no program to run") {
		t.Errorf("no command: %d\n%s", code, errs)
	}
	// A trust file that trusts nobody of this house.
	other := newProcess(t)
	other.start()
	other.clawea("proof", "trust", "-o", other.path("trust.json"))
	if code, errs := run("false", "-agent", "robot", "-trust", other.path("trust.json"), "--", "worker", "work"); code != exitFalse || !strings.Contains(errs, "NOT VERIFIED") {
		t.Errorf("not verified: %d\n%s", code, errs)
	}
	if code, errs := run("nowhere", "-agent", "robot", "-o", filepath.Join(dir, "no", "dir"), "--", "worker", "work"); code != exitError || !strings.Contains(errs, "name a directory") {
		t.Errorf("not written: %d\n%s", code, errs)
	}
	// The second proof of a job does not go over the first.
	for _, want := range []string{"again.proof", "again-2.proof"} {
		if code, errs := run("again", "-agent", "robot", "--", "worker", "work"); code != 0 || !strings.Contains(errs, "proof "+want+" verified") {
			t.Errorf("%s: %d\n%s", want, code, errs)
		}
	}
	begun := time.Now()
	if code, errs := run("slow", "-agent", "robot", "-for", "1s", "--", "worker", "wait", "ready"); code != exitError || !strings.Contains(errs, "its time is over") || time.Since(begun) > 45*time.Second {
		t.Errorf("too long: %d after %v\n%s", code, time.Since(begun), errs)
	}
}

// A program that is told to end and does not is ended, with what it started.
func runStubborn(t *testing.T, p *daemonProcess, hash string) {
	begun := time.Now()
	code, out, errs := p.runs(t.TempDir(), "run", "-wpc", hash, "-job", "stubborn", "-agent", "robot", "-for", "4s", "--", "worker", "stubborn") // in which it begins, on any machine
	if took := time.Since(begun); code != exitError || took < grace || took > 45*time.Second {                                                   // it would go on for a minute
		t.Errorf("%d after %v\n%s", code, took, errs)
	}
	for _, pid := range strings.Fields(out) {
		if alive(pid) {
			t.Errorf("process %s lives on", pid)
		}
	}
}

// OAuth clients run programs too, by key or by secret, without an operator.
func runAsClient(t *testing.T, p *daemonProcess, hash string) {
	dir := t.TempDir()
	for name, credential := range map[string][]string{
		"ci":      {"-client", "ci", "-key", p.path("ci.key")},
		"builder": {"-client", "builder", "-secret", "env:BUILDER"},
	} {
		args := append([]string{"run", "-operator", "", "-wpc", hash, "-job", "for-" + name}, credential...)
		cmd := p.command(dir, append(args, "--", "worker", "scan")...)
		cmd.Env = append(cmd.Env, "BUILDER="+builderSecret)
		code, out, errs := p.runsAs(cmd)
		if code != 0 || !strings.Contains(out, "tokens 0") || !strings.Contains(errs, "proof for-"+name+".proof verified") {
			t.Errorf("%s: %d\n%s%s", name, code, out, errs)
		}
		if strings.Contains(out, "BUILDER") && name == "builder" {
			t.Errorf("the program has the client's secret: %s", out)
		}
		if got := p.clawea("job", "show", "for-"+name); !strings.Contains(got, "agent    robot") {
			t.Errorf("%s: %s", name, got)
		}
	}
	code, _, errs := p.runs(dir, "run", "-wpc", hash, "-job", "x", "-client", "nobody", "-key", p.path("ci.key"), "--", "worker", "work")
	if code != exitError || !strings.Contains(errs, "invalid_client") {
		t.Errorf("a stranger: %d\n%s", code, errs)
	}
}

const builderSecret = "builder-secret-0123456789-0123456789"

// addClients lets two OAuth clients order: one with a key, one with a secret.
func (p *daemonProcess) addClients() {
	p.t.Helper()
	public := p.clawea("key", "new", "-name", "ci", p.path("ci.key"))
	if err := os.WriteFile(p.path("secrets/builder"), []byte(builderSecret+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	conf, err := os.ReadFile(p.config)
	if err != nil {
		p.t.Fatal(err)
	}
	clients := fmt.Sprintf(`{"clients": [{"id": "ci", "key": %q, "agents": ["robot"]}, {"id": "builder", "secret": "file:secrets/builder", "agents": ["robot"]}],`, public)
	if err := os.WriteFile(p.config, bytes.Replace(conf, []byte("{"), []byte(clients), 1), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// What is under way is counted, and the house's claims about its receipts are
// held against the proof.
func runKeeping(t *testing.T, p *daemonProcess, hash string) {
	dir := t.TempDir()
	if code, _, errs := p.runs(dir, "run", "-wpc", hash, "-job", "counted", "-agent", "robot", "--", "worker", "work"); code != 0 {
		t.Fatalf("%d\n%s", code, errs)
	}
	var errs bytes.Buffer
	c := newCall(&env{stdout: &errs, stderr: &errs, getenv: p.getenv}, &command{}, nil)
	cl, err := c.client()()
	if err != nil {
		t.Fatal(err)
	}
	list, err := cl.Receipts(t.Context(), "counted")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ receipts, want int }{{0, 0}, {1, 1}, {2, 0}, {5, 1}, {6, 0}} {
		if got, err := unclosed(list.Receipts[:test.receipts]); err != nil || got != test.want {
			t.Errorf("of %d receipts: %d under way, %v, want %d", test.receipts, got, err, test.want)
		}
	}
	if _, err := unclosed([]*seal.Envelope{{Payload: []byte("{")}}); err == nil {
		t.Error("a receipt that is none counts for nothing")
	}
	for cited, want := range map[uint64]error{6: nil, 7: errFalse} {
		k := &keeping{job: "counted", out: filepath.Join(dir, "x.proof"), cited: cited}
		got, err := c.export(t.Context(), cl, k)
		if err != nil {
			t.Fatal(err)
		}
		if got.report.Receipts != 6 {
			t.Fatalf("%d receipts", got.report.Receipts)
		}
		if err := c.judge(got, k); !errors.Is(err, want) {
			t.Errorf("cited %d: %v\n%s", cited, err, errs.String())
		}
	}
	k := &keeping{job: "nobody", cited: 1}
	if _, err := c.export(t.Context(), cl, k); err == nil {
		t.Error("a job whose receipts were named has none, and that is well")
	}
}

func TestDoors(t *testing.T) {
	l := &launch{order: sidecar.Detail{Job: "j"}}
	car := new(sidecar.Sidecar)
	got := l.doors(car, &api.Routes{Routes: []api.Route{{Name: "a", Dialect: "anthropic"}, {Name: "b", Dialect: "openai"}, {Name: "c", Dialect: "openai"}, {Name: "d", Dialect: "new"}, {Name: "e", Dialect: "gemini"}}})
	if got["GOOGLE_GEMINI_BASE_URL"] != "/proxy/e" || got["CLAWEA_RECEIPTS_URL"] != "/v1/receipts" {
		t.Errorf("%v", got)
	}
	fal := l.doors(car, &api.Routes{Routes: []api.Route{{Name: "f", Dialect: "fal"}, {Name: "b", Dialect: "openai"}}})
	if alone := l.doors(car, &api.Routes{Routes: []api.Route{{Name: "f", Dialect: "fal"}}}); fal["OPENAI_BASE_URL"] != "/proxy/b/v1" || alone["OPENAI_BASE_URL"] != "/proxy/f/v1" {
		t.Errorf("%v, %v", fal, alone)
	}
	if got["OPENAI_BASE_URL"] != "/proxy/b/v1" || got["ANTHROPIC_BASE_URL"] != "/proxy/a" || got["CLAWEA_MCP_URL"] != "" || got["OPENAI_API_KEY"] != heldByUs {
		t.Errorf("%v", got)
	}
}
