// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// A keeping says what is to be kept of a job, and how.
type keeping struct {
	job    string
	policy seal.Hash // that all its calls must be under; zero: any
	cited  uint64    // receipts that the house has named: there must be as many
	out    string    // file; "": JOB.proof, or JOB-2.proof and so on
	trust  string    // file; "": the house's own word

	patience time.Duration // with calls under way; zero: settleTime
}

// A kept is what came of it.
type kept struct {
	path   string // "" if there was nothing to keep
	size   int
	report *verify.Report
}

// settleTime is how long a job has to close the calls that are under way.
const settleTime = 10 * time.Second

// settle waits until no call of a job is under way. It fails with an unsettled
// if some are when its time is over.
func settle(ctx context.Context, cl *api.Client, k *keeping) error {
	pause, patience := 20*time.Millisecond, cmp.Or(k.patience, settleTime)
	for end := time.Now().Add(patience); ; {
		list, err := cl.Receipts(ctx, k.job)
		if p := (*api.Problem)(nil); errors.As(err, &p) && p.Code == "not_found" {
			return nil // no job, no calls
		}
		if err != nil {
			return err
		}
		open, err := unclosed(list.Receipts)
		if err != nil || open == 0 {
			return err
		}
		if time.Now().After(end) {
			return &unsettled{k.job, open, patience}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, 500*time.Millisecond)
	}
}

// An unsettled says that calls of a job are under way still.
type unsettled struct {
	job   string
	open  int
	after time.Duration
}

// Error says how many, and what to do.
func (u *unsettled) Error() string {
	return fmt.Sprintf("%s after %v: the proof shows what was begun, and not how it ended\nlook into the daemon's log; when they have ended, keep the proof again with: clawea proof export %s -o FILE",
		u.count(), u.after, u.job)
}

func (u *unsettled) count() string {
	if u.open == 1 {
		return "1 call is still under way"
	}
	return fmt.Sprintf("%d calls are still under way", u.open)
}

// unclosed counts the calls that were allowed and have no closed receipt yet.
func unclosed(list []*seal.Envelope) (int, error) {
	open := map[uint64]bool{}
	for _, e := range list {
		r, err := receipt.Parse(e.Payload)
		if err != nil {
			return 0, fmt.Errorf("read the job's receipts: %w", err)
		}
		switch {
		case r.Kind == receipt.Closed:
			delete(open, r.Opened)
		case r.Kind == receipt.Opened && r.Decision != nil && r.Decision.Effect == policy.Allow:
			open[r.Seq] = true
		}
	}
	return len(open), nil
}

// preserve keeps what a run leaves and says so in a line. What is not settled is
// said, and kept as it is.
func (c *call) preserve(ctx context.Context, cl *api.Client, k *keeping, begun time.Time) error {
	took := time.Since(begun)
	settling := settle(ctx, cl, k)
	got, err := c.export(ctx, cl, k)
	if err != nil {
		return k.lost(err)
	}
	c.warnUnsettled(settling)
	if got.path == "" {
		fmt.Fprintf(c.stderr, "clawea: job %s: no calls in %.1f s, so there is nothing to prove\n", k.job, took.Seconds())
		return nil
	}
	n := got.report.Calls
	fmt.Fprintf(c.stderr, "clawea: job %s: %d calls allowed, %d denied, %d asked, %d refused in %.1f s; proof %s %s\n",
		k.job, n.Allowed, n.Denied, n.Asked, n.Refused, took.Seconds(), clean(got.path), got.verdict())
	return c.judge(got, k)
}

// warnUnsettled says why a proof may lack the end of what it shows.
func (c *call) warnUnsettled(err error) {
	if err == nil {
		return
	}
	wrong, mends, _ := strings.Cut(err.Error(), "\n")
	if !errors.As(err, new(*unsettled)) {
		wrong = "it is not known whether calls are still under way: " + wrong
	}
	fmt.Fprintf(c.stderr, "clawea: warning: %s\n", clean(wrong))
	if mends != "" {
		fmt.Fprintf(c.stderr, "clawea: hint: %s\n", clean(mends))
	}
}

// lost says what err left undone, and how it is done later.
func (k *keeping) lost(err error) error {
	wrong, mends, _ := strings.Cut(err.Error(), "\n")
	if mends != "" {
		mends += "; "
	}
	return fmt.Errorf("the proof of job %s is not kept and verified: %s\n%sthen keep it with: clawea proof export %s -o FILE, and clawea proof verify", k.job, wrong, mends, k.job)
}

func (g *kept) verdict() string {
	if g.report.Verified() {
		return "verified"
	}
	return "NOT VERIFIED"
}

// judge fails for a proof that is false. Its findings are for who has to look
// into it.
func (c *call) judge(g *kept, k *keeping) error {
	if !g.report.Verified() {
		verify.WriteText(c.stderr, g.report) // if nobody reads it, the exit code says so
		return errFalse
	}
	if uint64(g.report.Receipts) < k.cited {
		fmt.Fprintf(c.stderr, "clawea: error: the house has named receipt %d, and the proof has %d\nclawea: hint: receipts are missing: look into the daemon's log and its database\n", k.cited, g.report.Receipts)
		return errFalse
	}
	return nil
}

// export fetches a job's bundle, writes it and verifies it.
func (c *call) export(ctx context.Context, cl *api.Client, k *keeping) (*kept, error) {
	b, err := cl.Proof(ctx, k.job, false)
	if p := (*api.Problem)(nil); errors.As(err, &p) && (p.Code == "no_receipts" || p.Code == "not_found") && k.cited == 0 {
		return &kept{}, nil
	}
	if err != nil {
		return nil, err
	}
	g := &kept{size: len(b)}
	if g.path, err = c.store(k, b); err != nil {
		return nil, err
	}
	trust, err := c.trusted(ctx, cl, k.trust)
	if err != nil {
		return nil, err
	}
	if len(b) > bundle.MaxSize {
		return nil, fmt.Errorf("%s is larger than %d bytes\nverify it in parts: ask for fewer calls in a job", g.path, bundle.MaxSize)
	}
	g.report = verify.Bundle(b, trust, verify.Expect{Job: k.job, Policy: k.policy, Now: time.Now()})
	return g, nil
}

// readTrust reads a file of keys that somebody trusts.
func readTrust(path string) (*verify.Trust, error) {
	paper, err := readFile(path, maxPaper)
	if err != nil {
		return nil, err
	}
	t, err := verify.ParseTrust(paper)
	if err != nil {
		return nil, located(path, err, "name a file of keys, as clawea proof trust writes it")
	}
	return t, nil
}

// trusted reads the keys to verify by.
func (c *call) trusted(ctx context.Context, cl *api.Client, path string) (*verify.Trust, error) {
	if path != "" {
		return readTrust(path)
	}
	b, err := (&api.Client{URL: cl.URL}).Trust(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(c.stderr, "clawea: warning: verified by the keys that the daemon says are its own; name a file of keys that you trust with -trust")
	return verify.ParseTrust(b)
}

// store writes a bundle where k says, and nowhere over another one unless it
// was named.
func (c *call) store(k *keeping, b []byte) (path string, err error) {
	if k.out != "" {
		return k.out, c.output(k.out, b)
	}
	for n := 1; n <= 10000; n++ {
		path := k.job + ".proof"
		if n > 1 {
			path = fmt.Sprintf("%s-%d.proof", k.job, n)
		}
		err := writeNew(path, b)
		if !errors.Is(err, fs.ErrExist) {
			return path, err
		}
	}
	return "", fmt.Errorf("there are too many proofs of %s here\nname a file with -o", k.job)
}

// writeNew writes a file that must not be there yet, for its owner alone.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%w\nname a file in a directory that can be written with -o", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
