// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// maxPaper bounds a policy's file, in bytes.
const maxPaper = 1 << 20

// readPolicy reads a policy's file: a WPC as people write it, or a signed one.
func readPolicy(path string) (*policy.Policy, *seal.Envelope, error) {
	b, err := readFile(path, maxPaper)
	if err != nil {
		return nil, nil, err
	}
	e := &seal.Envelope{Type: policy.Type}
	signed := new(seal.Envelope)
	if seal.Unmarshal(b, signed) == nil && signed.Type == policy.Type {
		e = signed
	} else if e.Payload, err = seal.Canonical(b); err != nil {
		return nil, nil, located(path, err, mendPolicy)
	} else if p, err := policy.Parse(b); err != nil { // for lines as the author sees them
		return nil, nil, located(path, err, mendPolicy)
	} else {
		return p, e, nil
	}
	p, err := policy.Parse(e.Payload)
	if err != nil {
		return nil, nil, located(path, err, mendPolicy)
	}
	return p, e, nil
}

// mendPolicy mends a policy's file.
const mendPolicy = "mend that line; spec/policy.md lists every field"

// located puts a file's name before an error's line and column, and after it what mends the file.
func located(path string, err error, mend string) error {
	if strings.Contains(err.Error(), "\n") { // it says itself what mends it
		return fmt.Errorf("%s: %w", path, err)
	}
	return fmt.Errorf("%s: %w\n%s", path, err, mend)
}

func wpcSign(_ context.Context, c *call) error {
	key := c.String("key", "", "the author's or approver's private key `FILE`")
	out := c.String("o", "", "write to `FILE` instead of standard output")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	if err := c.need("key"); err != nil {
		return err
	}
	_, e, err := readPolicy(c.args[0])
	if err != nil {
		return err
	}
	k, err := keys.LoadSigner(*key)
	if err != nil {
		return err
	}
	if err := e.Add(k); err != nil {
		return err
	}
	b, err := e.Marshal()
	if err != nil {
		return err
	}
	return c.output(*out, append(b, '\n'))
}

func wpcPublish(ctx context.Context, c *call) error {
	connect := c.client()
	extensions := c.extensions()
	if err := c.parse(1, 1); err != nil {
		return err
	}
	local, e, err := readPolicy(c.args[0])
	if err != nil {
		return err
	}
	if len(e.Signatures) == 0 {
		return fmt.Errorf("%s is not signed\nsign it with: clawea wpc sign -key FILE -o SIGNED %s", c.args[0], c.args[0])
	}
	xs, err := extensions()
	if err != nil {
		return err
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	p, err := cl.Publish(ctx, e, xs...)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, p.Hash)
	describePolicy(c.stderr, p) // the hash alone is for programs
	if local.Upstream() && len(p.Servers) == 0 {
		fmt.Fprintln(c.stderr, "pinned     nothing: the house has no MCP servers, so agents may use none under this policy")
	}
	return nil
}

func wpcPropose(ctx context.Context, c *call) error {
	connect := c.client()
	extensions := c.extensions()
	if err := c.parse(1, 1); err != nil {
		return err
	}
	_, e, err := readPolicy(c.args[0])
	if err != nil {
		return err
	}
	xs, err := extensions()
	if err != nil {
		return err
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	d, err := cl.Propose(ctx, e, xs...)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, d.Hash)
	describeDraft(c.stderr, d) // the hash alone is for programs
	return nil
}

func wpcDrafts(ctx context.Context, c *call) error {
	cl, err := c.dial(0, 0)
	if err != nil {
		return err
	}
	list, err := cl.Drafts(ctx)
	if err != nil {
		return err
	}
	for _, d := range list.Drafts {
		fmt.Fprintf(c.stdout, "%s  %s  %s, by %s\n", d.Hash, stamp(d.At), cmp.Or(clean(d.Name), "without a name"), clean(d.By))
		describeDraft(c.stdout, &d)
	}
	return nil
}

// describeDraft says who has signed a draft, and what it lacks.
func describeDraft(w io.Writer, d *api.Draft) {
	for _, s := range d.Signers {
		fmt.Fprintf(w, "  signed by %s as %s\n", clean(s.Key), s.Role)
	}
	for _, x := range d.Extends {
		fmt.Fprintf(w, "  to be pinned: %s %s, as %s\n", clean(x.Kind), clean(x.Name), x.Digest)
	}
	for _, l := range d.Lacks {
		fmt.Fprintf(w, "  missing: %s\n", clean(l))
	}
	if d.Fault != "" {
		fmt.Fprintf(w, "  DOES NOT VERIFY: %s\n", clean(d.Fault))
	}
}

func wpcList(ctx context.Context, c *call) error {
	cl, err := c.dial(0, 0)
	if err != nil {
		return err
	}
	list, err := cl.Policies(ctx)
	if err != nil {
		return err
	}
	for _, p := range list.Policies {
		state := clean(p.Name)
		if p.Fault != "" {
			state = "DOES NOT VERIFY: " + clean(p.Fault)
		}
		fmt.Fprintf(c.stdout, "%s  %s  %s\n", p.Hash, stamp(p.Published), state)
	}
	return nil
}

func wpcShow(ctx context.Context, c *call) error {
	connect := c.client()
	if err := c.parse(1, 1); err != nil {
		return err
	}
	h, err := parseHash(c.args[0])
	if err != nil {
		return err
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	p, err := cl.Policy(ctx, h)
	if err != nil {
		return err
	}
	if p.Envelope == nil || !p.Envelope.Hash().Equal(h) {
		return errors.New("the daemon sent another policy than the one asked for\nits database or the way to it is not to be trusted")
	}
	fmt.Fprintf(c.stdout, "hash       %s\nname       %s\npurpose    %s\npublished  %s\nmax ttl    %s\n",
		h, clean(p.Name), clean(p.Purpose), stamp(p.Published), time.Duration(p.MaxTTL)*time.Second)
	describePolicy(c.stdout, p)
	writeShadows(c.stdout, p.Shadows)
	fmt.Fprintf(c.stdout, "\n%s\n", p.Envelope.Payload)
	return nil
}

func parseHash(s string) (seal.Hash, error) {
	h, err := seal.ParseHash(s)
	if err != nil {
		return h, usagef("%v\npolicies and their hashes are listed by: clawea wpc list", err)
	}
	if h.IsZero() {
		return h, usagef("%s names nothing\npolicies and their hashes are listed by: clawea wpc list", h)
	}
	return h, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// extensions is the flag for a file that says how the plugins and skills are that a policy lists.
func (c *call) extensions() func() ([]policy.Extension, error) {
	path := c.String("extensions", "", "`FILE` that says how the plugins and skills are that the policy lists: [{\"kind\":\"plugin\",\"name\":\"...\",\"digest\":\"sha256:...\"}]")
	return func() ([]policy.Extension, error) {
		if *path == "" {
			return nil, nil
		}
		b, err := readFile(*path, maxPaper)
		if err != nil {
			return nil, err
		}
		var list []policy.Extension
		if err := seal.Unmarshal(b, &list); err != nil {
			return nil, located(*path, err, "mend it; clawea openclaw check -o FILE says how each of them is")
		}
		return list, nil
	}
}

// readEnvelope reads a signed paper, of which nobody has verified the signatures.
func readEnvelope(path string) (*seal.Envelope, error) {
	b, err := readFile(path, maxPaper)
	if err != nil {
		return nil, err
	}
	e := new(seal.Envelope)
	if err := seal.Unmarshal(b, e); err != nil {
		return nil, located(path, err, "name a file with a signature, as it was written")
	}
	return e, nil
}
