// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/sidecar"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A demo is the whole house on one machine: a simulated Atlassian site and
// model behind real HTTP, the daemon as it is, and a scripted agent that knows
// nothing but two addresses.
type demo struct {
	*call
	dir    string
	world  *world
	hash   string // of the policy
	source *overheard
	car    *sidecar.Sidecar
	agent  *agent
	begun  time.Time

	chapters int // at most
}

const (
	demoJob   = "runbook-review-1"
	demoAgent = "runbook-agent"
)

func demoCommand(ctx context.Context, c *call) error {
	exit := c.Bool("exit", false, "end after the story instead of staying open")
	dir := c.String("dir", "", "keep everything that it makes under `DIR` (default: a temporary directory)")
	d := &demo{call: c, begun: time.Now()}
	c.IntVar(&d.chapters, "chapters", 100, "tell no more than the first `N` chapters")
	listen := c.String("listen", "127.0.0.1:0", "the daemon's `ADDRESS`; port 0 takes a free one")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	home, cleanUp, err := demoDir(*dir, *exit)
	if err != nil {
		return err
	}
	defer cleanUp()
	d.dir = home
	if d.world, err = openWorld(ctx, home, *listen); err != nil {
		return err
	}
	err = d.story(ctx)
	if err == nil && (*dir != "" || !*exit) {
		fmt.Fprintf(c.stdout, "What it made is under %s\n", home)
	}
	if err == nil && !*exit {
		fmt.Fprintf(c.stdout, "\nThe house stays open at %s until you press Ctrl-C.\nAs its operator:\n  export CLAWEA_SERVER=%[1]s CLAWEA_OPERATOR=file:%s\n",
			d.world.url, typed(d.path("secrets/operator")))
		if d.chapters >= 3 { // where the job's first receipt is
			fmt.Fprintf(c.stdout, "  clawea job show %[1]s\n  clawea pulse publish %[1]s\n", demoJob)
		}
		if link, err := d.world.daemon.FirstLink(ctx); err == nil && link != "" {
			fmt.Fprintf(c.stdout, "In a browser, as its administrator (the link is good once, for 15 minutes):\n  %s\n", link)
		}
		<-ctx.Done()
	}
	if d.car != nil {
		d.car.Close()
	}
	return errors.Join(err, d.world.close())
}

// demoDir makes the directory that the demo works in.
func demoDir(dir string, exit bool) (home string, cleanUp func(), err error) {
	if dir == "" {
		home, err = os.MkdirTemp("", "clawea-demo-")
		if err != nil {
			return "", nil, err
		}
		return home, func() {
			if exit {
				os.RemoveAll(home)
			}
		}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("make %s: %w\nname a directory that can be written", dir, err)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, err
	}
	if len(there) > 0 {
		return "", nil, fmt.Errorf("%s is not empty\nname a new directory, so that nothing of yours is overwritten", dir)
	}
	home, err = filepath.Abs(dir)
	return home, func() {}, err
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, filepath.FromSlash(name)) }

// story tells it all, and fails where what happens is not what should.
func (d *demo) story(ctx context.Context) error {
	for i, chapter := range []struct {
		title string
		tell  func(context.Context) error
	}{
		{"A policy, signed by its author, becomes a hash", d.publish},
		{"A token that is good for one job under that hash; the agent never sees it", d.launch},
		{"Stolen, the token is worth nothing", d.theft},
		{"The agent searches and reads runbooks", d.read},
		{"What the policy does not hold is denied", d.denials},
		{"A hostile page gives orders; the write stops at the gate", d.injection},
		{"A correction waits for a person, who says yes", d.approval},
		{"The other dialect, streaming", d.stream},
		{"The proof, and a verifier that trusts none of this", d.proof},
		{"The same proof with one bit changed", d.tamper},
		{"What the job has done is undone, under a policy and with a yes of its own", d.undo},
	} {
		if i >= d.chapters {
			break
		}
		fmt.Fprintf(d.stdout, "\n%d. %s\n", i+1, chapter.title)
		if err := chapter.tell(ctx); err != nil {
			return fmt.Errorf("demo, chapter %d: %w", i+1, err)
		}
	}
	fmt.Fprintf(d.stdout, "\nAll of it took %.1f s.\n", time.Since(d.begun).Seconds())
	return nil
}

// clawea runs one command line of our own, shows it as a person would type it,
// and returns what it printed.
func (d *demo) clawea(ctx context.Context, args ...string) (string, error) {
	shown := make([]string, len(args))
	for i, a := range args {
		shown[i] = typed(strings.ReplaceAll(a, d.dir+string(filepath.Separator), ""))
	}
	fmt.Fprintf(d.stdout, "   $ clawea %s\n", strings.Join(shown, " "))
	var out, errs bytes.Buffer
	e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: d.world.getenv}
	err := run(ctx, e, args)
	return out.String(), err
}

// typed is an argument as a person types it into a shell: quoted where it needs that.
func typed(arg string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool { return !plain(r) }) < 0 {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// quote prints text from a command or an agent, a little to the right.
func quote(w io.Writer, text string, lines int) {
	n := 0
	for line := range strings.Lines(text) {
		if n++; n > lines {
			fmt.Fprintln(w, "     ...")
			return
		}
		fmt.Fprintf(w, "     %s\n", clean(strings.TrimRight(line, "\n")))
	}
}

func (d *demo) publish(ctx context.Context) error {
	signed := d.path("runbook-agent.signed.json")
	if _, err := d.clawea(ctx, "wpc", "sign", "-key", d.path("ada.key"), "-o", signed, d.path("runbook-agent.json")); err != nil {
		return err
	}
	out, err := d.clawea(ctx, "wpc", "publish", signed)
	if err != nil {
		return err
	}
	d.hash = strings.TrimSpace(out)
	quote(d.stdout, out, 1)
	if out, err = d.clawea(ctx, "wpc", "show", d.hash); err != nil {
		return err
	}
	quote(d.stdout, out, 9)
	return nil
}

// launch does what clawea run does, for an agent that is in this process.
func (d *demo) launch(ctx context.Context) error {
	fmt.Fprintf(d.stdout, "   $ clawea run -wpc %s -job %s -agent %s -- the-agent\n", d.hash, demoJob, demoAgent)
	h, err := seal.ParseHash(d.hash)
	if err != nil {
		return err
	}
	operator, err := config.ParseSecret(d.world.getenv("CLAWEA_OPERATOR"), "")
	if err != nil {
		return err
	}
	d.source = &overheard{Source: &login{&api.Client{URL: d.world.url, Token: operator.Get}, &sidecar.Detail{Policy: h, Job: demoJob, Agent: demoAgent}}}
	if d.car, err = sidecar.Start(ctx, &sidecar.Config{House: d.world.url, Source: d.source, Log: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	c := d.car.Claims()
	fmt.Fprintf(d.stdout, "   Token %s, until %s, bound to the key %s. Both stay with the launcher.\n", c.ID, stamp(time.Unix(c.Expires, 0)), c.Bound())
	if d.agent, err = newAgent(ctx, d.car.URL(), heldByUs, d.stdout); err != nil {
		return err
	}
	fmt.Fprintf(d.stdout, "   The agent's MCP client is told of %d tools: %s\n", len(d.agent.tools), strings.Join(d.agent.names(), ", "))
	return nil
}

// overheard is a source whose token a thief has got hold of.
type overheard struct {
	sidecar.Source
	raw string
}

// Token gets a token, with the thief listening.
func (o *overheard) Token(ctx context.Context, key *token.ProofKey) (*sidecar.Grant, error) {
	g, err := o.Source.Token(ctx, key)
	if err == nil {
		o.raw = g.Raw
	}
	return g, err
}

// theft tries the token without its key.
func (d *demo) theft(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.world.url+"/proxy/sim-openai/v1/chat/completions", strings.NewReader(`{"model":"sim-small","messages":[]}`))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+d.source.raw)
	res, err := httpClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	fmt.Fprintf(d.stdout, "   thief: POST %s -> %s: %s  [receipt %s]\n", req.URL.Path, res.Status, res.Header.Get("Clawea-Refused"), res.Header.Get("Clawea-Receipt"))
	if res.Header.Get("Clawea-Refused") != token.Code(token.ErrProofMissing) {
		return errors.New("the thief was not refused for want of the key")
	}
	return nil
}

func (d *demo) read(ctx context.Context) error {
	return d.expect(ctx, taskRead, "done", "done", "done")
}

func (d *demo) denials(ctx context.Context) error {
	return d.expect(ctx, taskBeyond, "denied", "denied")
}

func (d *demo) injection(ctx context.Context) error {
	if err := d.expect(ctx, taskSummarise, "done", "waiting"); err != nil {
		return err
	}
	if err := d.answer(ctx, "no", "the page gave that order, nobody here did"); err != nil {
		return err
	}
	if err := d.expect(ctx, taskRetryInjected, "denied"); err != nil {
		return err
	}
	if page, _ := d.world.site.Page(d.world.failover); len(page.Versions) != 1 {
		return fmt.Errorf("the page was changed: version %d", len(page.Versions))
	}
	fmt.Fprintln(d.stdout, "   The failover runbook is still at version 1.")
	return nil
}

func (d *demo) approval(ctx context.Context) error {
	if err := d.expect(ctx, taskCorrect, "waiting"); err != nil {
		return err
	}
	if err := d.answer(ctx, "yes", "checked against the failover drill"); err != nil {
		return err
	}
	if err := d.expect(ctx, taskRetryCorrect, "done"); err != nil {
		return err
	}
	if page, _ := d.world.site.Page(d.world.failover); len(page.Versions) != 2 || !strings.Contains(page.Body, "pg_promote") {
		return fmt.Errorf("the page was not changed as approved: version %d", len(page.Versions))
	}
	fmt.Fprintln(d.stdout, "   The failover runbook is at version 2. The same call again asks again: a yes is good once.")
	return d.expect(ctx, taskReplay, "waiting")
}

// answer has the person who is enrolled here answer the newest open question.
func (d *demo) answer(ctx context.Context, yesNo, reason string) error {
	out, err := d.clawea(ctx, "approve", "list")
	if err != nil {
		return err
	}
	quote(d.stdout, out, 1)
	id, _, _ := strings.Cut(out, " ")
	out, err = d.clawea(ctx, "approve", yesNo, id, "-key", d.path("alice.key"), "-reason", reason)
	if err != nil {
		return err
	}
	quote(d.stdout, out, 30)
	return nil
}

func (d *demo) stream(ctx context.Context) error {
	text, receipt, err := d.agent.message(ctx, taskReport)
	if err != nil {
		return err
	}
	quote(d.stdout, text, 6)
	fmt.Fprintf(d.stdout, "   (receipt %s)\n", receipt)
	return nil
}

func (d *demo) proof(ctx context.Context) error {
	file, trust := d.path("demo.proof"), d.path("trust.json")
	if _, err := d.clawea(ctx, "proof", "export", demoJob, "-o", file); err != nil {
		return err
	}
	if _, err := d.clawea(ctx, "proof", "trust", "-o", trust); err != nil {
		return err
	}
	out, err := d.clawea(ctx, "proof", "verify", "-trust", trust, "-expect-policy", d.hash, "-expect-job", demoJob, file)
	quote(d.stdout, out, 40)
	return err
}

// tamper makes one of the job's receipts a thousandth of a second older or younger.
func (d *demo) tamper(ctx context.Context) error {
	b, err := os.ReadFile(d.path("demo.proof"))
	if err != nil {
		return err
	}
	proof, err := bundle.Read(b)
	if err != nil {
		return err
	}
	payload := proof.Receipts[len(proof.Receipts)/2].Payload
	at := bytes.Index(payload, []byte(`Z"`)) - 1
	if at < 0 {
		return errors.New("a receipt of the demo says no time")
	}
	payload[at] ^= 1 // the digits come in pairs that differ in their last bit
	if b, err = proof.Marshal(); err != nil {
		return err
	}
	file := d.path("tampered.proof")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		return err
	}
	out, err := d.clawea(ctx, "proof", "verify", "-trust", d.path("trust.json"), file)
	if !errors.Is(err, errFalse) {
		return fmt.Errorf("a tampered bundle was not refused: %v", err)
	}
	quote(d.stdout, out, 14)
	fmt.Fprintf(d.stdout, "   Exit code %d.\n", exitFalse)
	return nil
}

// undo stops the job and takes back what it has changed.
func (d *demo) undo(ctx context.Context) error {
	if _, err := d.clawea(ctx, "job", "stop", demoJob, "-o", d.path("stopped.proof")); err != nil {
		return err
	}
	draft, signed := d.path("undo.json"), d.path("undo.signed.json")
	if _, err := d.clawea(ctx, "wpc", "new", "-shape", "undo", "-o", draft); err != nil {
		return err
	}
	if _, err := d.clawea(ctx, "wpc", "sign", "-key", d.path("ada.key"), "-o", signed, draft); err != nil {
		return err
	}
	hash, err := d.clawea(ctx, "wpc", "publish", signed)
	if err != nil {
		return err
	}
	undo := []string{"job", "undo", demoJob, "-policy", strings.TrimSpace(hash), "-note", "The drill was wrong"}
	if _, err := d.clawea(ctx, undo...); !errors.Is(err, errFalse) {
		return fmt.Errorf("undoing did not wait for a person: %v", err)
	}
	if err := d.answer(ctx, "yes", "the drill was wrong"); err != nil {
		return err
	}
	out, err := d.clawea(ctx, undo...)
	if err != nil {
		return err
	}
	quote(d.stdout, out, 10)
	page, _ := d.world.site.Page(d.world.failover)
	if len(page.Versions) != 3 || page.Body != page.Versions[0].Body {
		return fmt.Errorf("the page is not as it was: version %d", len(page.Versions))
	}
	fmt.Fprintln(d.stdout, "   The failover runbook is at version 3, byte for byte what version 1 was.")
	if out, err = d.clawea(ctx, "job", "reconcile", demoJob); err != nil {
		return err
	}
	quote(d.stdout, out, 10)
	return nil
}

// expect gives the agent a task and compares what became of its tool calls.
func (d *demo) expect(ctx context.Context, task string, want ...string) error {
	got, err := d.agent.do(ctx, task)
	if err != nil {
		return err
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		return fmt.Errorf("the agent's calls ended %q, not %q", got, want)
	}
	return nil
}
