// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/seal"
)

// disclosing adds the flag of commands that let others read texts.
func (c *call) disclosing() func() (pulse.Disclosure, error) {
	text := c.String("disclose", "none", "the texts that it discloses: none, all, or those of receipts `SEQ,...`")
	return func() (pulse.Disclosure, error) {
		x, err := pulse.ReadDisclosure(*text)
		if err != nil {
			return x, usagef("-disclose: %w", err)
		}
		return x, nil
	}
}

func pulsePublish(ctx context.Context, c *call) error {
	connect, disclosed := c.client(), c.disclosing()
	keep := c.String("keep", "", "how long it is kept: a `DURATION` like 90d or 12h, or ever (default: as the house does)")
	until := c.String("until", "", "the `TIME` until which it is kept, like 2036-11-21 or 2036-11-21T08:00:00Z")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	x, err := disclosed()
	if err != nil {
		return err
	}
	o := &api.PublicationOrder{Job: c.args[0], Disclose: x.String(), Ever: *keep == "ever"}
	if o.Until, err = end(*keep, *until, time.Now()); err != nil {
		return err
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	var p *api.Publication
	file, err := c.bundleFile(c.args[0], x)
	switch {
	case err != nil:
		return err
	case file != nil:
		p, err = cl.PublishFile(ctx, file, o.Until, o.Ever)
	default:
		p, err = cl.PublishJob(ctx, o)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "%s\n", p.ID)
	fmt.Fprintf(c.stderr, "published the proof of job %s, kept %s: %s\n", clean(p.Job), keptUntil(p.Until), clean(p.Address))
	return nil
}

// bundleFile is the bundle in a file, with the texts that x discloses; nil if there is
// no file of that name: it is a job's then.
func (c *call) bundleFile(name string, x pulse.Disclosure) ([]byte, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, `/\`) {
		return nil, nil
	}
	if err == nil && info.IsDir() {
		return nil, nil // a job can be called as a folder is
	}
	file, err := readFile(name, bundle.MaxSize)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(c.stderr, "clawea: note: %s is a file, and its bundle is published\n", clean(name))
	b, err := bundle.Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w\nname a file that clawea proof export wrote, or a job that no file here is called as", name, err)
	}
	if len(b.Disclosures) == 0 {
		return file, nil // as it is, to the byte
	}
	return x.Redact(file)
}

// end reads when something ends: after a duration, where d stands for days, or at a
// time. The zero time means that neither is said, or "ever".
func end(after, at string, now time.Time) (time.Time, error) {
	switch {
	case after != "" && at != "":
		return time.Time{}, usagef("there is a duration, and a time as well\nsay one of them")
	case after == "ever", after == "" && at == "":
		return time.Time{}, nil
	case at != "":
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if t, err := time.Parse(layout, at); err == nil {
				return t, nil
			}
		}
		return time.Time{}, usagef("-until %s is no time\nwant one like 2036-11-21 or 2036-11-21T08:00:00Z", at)
	}
	if days, ok := strings.CutSuffix(after, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 {
			return now.AddDate(0, 0, int(n)), nil
		}
	}
	if d, err := time.ParseDuration(after); err == nil && d > 0 {
		return now.Add(d), nil
	}
	return time.Time{}, usagef("-keep %s is no duration\nwant one like 90d or 12h, or ever", after)
}

func keptUntil(t *time.Time) string {
	if t == nil {
		return "for ever"
	}
	return "until " + stamp(*t)
}

// mostListed bounds what a list reads of the daemon, in pages.
const mostListed = 100

func pulseList(ctx context.Context, c *call) error {
	cl, err := c.dial(0, 0)
	if err != nil {
		return err
	}
	next := ""
	for range mostListed {
		list, err := cl.Publications(ctx, next, 200)
		if err != nil {
			return err
		}
		for i := range list.Publications {
			p := &list.Publications[i]
			line := fmt.Sprintf("%s  %s  %-24s by %s  %s", p.ID, stamp(p.At), p.Job, p.By, keptUntil(p.Until))
			if p.HeldBy != "" {
				line += "  held by " + p.HeldBy
			}
			if p.Links > 0 {
				line += fmt.Sprintf("  links %d", p.Links)
			}
			if p.Deleted != nil {
				line += "  deleted " + stamp(*p.Deleted)
			}
			fmt.Fprintln(c.stdout, clean(line))
		}
		if next = list.Next; next == "" {
			return nil
		}
	}
	fmt.Fprintln(c.stderr, "clawea: note: there are more, older ones; the console shows them")
	return nil
}

func pulseShow(ctx context.Context, c *call) error {
	return c.onPublication(func(cl *api.Client, id seal.Hash) (*api.Publication, error) { return cl.Publication(ctx, id) })
}

// onPublication does what do does to the publication that the command line names, and
// shows what it is then.
func (c *call) onPublication(do func(*api.Client, seal.Hash) (*api.Publication, error)) error {
	cl, err := c.dial(1, 1)
	if err != nil {
		return err
	}
	id, err := publicationID(c.args[0])
	if err != nil {
		return err
	}
	p, err := do(cl, id)
	if err != nil {
		return err
	}
	c.printPublication(p)
	return nil
}

// publicationID reads a bundle's hash, or the address of its page.
func publicationID(s string) (seal.Hash, error) {
	text := s
	if _, after, ok := strings.Cut(s, "/pulse/"); ok {
		text, _, _ = strings.Cut(after, "/")
	}
	id, err := seal.ParseHash(text)
	if err != nil {
		return id, usagef("%q is no published bundle's hash\nlist them with: clawea pulse list", s)
	}
	return id, nil
}

func (c *call) printPublication(p *api.Publication) {
	fmt.Fprintf(c.stdout, "bundle     %s\njob        %s\npublished  %s by %s\nkept       %s\n", p.ID, clean(p.Job), stamp(p.At), clean(p.By), keptUntil(p.Until))
	if p.HeldBy != "" {
		fmt.Fprintf(c.stdout, "held by    %s: nothing deletes it\n", clean(p.HeldBy))
	}
	if p.Deleted != nil {
		fmt.Fprintf(c.stdout, "deleted    %s\n", stamp(*p.Deleted))
	} else {
		fmt.Fprintf(c.stdout, "page       %s\n", clean(p.Address))
	}
	for i := range p.Shares {
		s := &p.Shares[i]
		line := fmt.Sprintf("link       %s until %s, discloses %s, for %s", s.ID, stamp(s.Expires), s.Discloses, s.Note)
		if s.Ended != nil {
			line += ", ended " + stamp(*s.Ended)
		}
		fmt.Fprintln(c.stdout, clean(line))
	}
	for _, e := range p.Events {
		fmt.Fprintln(c.stdout, clean(strings.TrimRight(fmt.Sprintf("event      %s %s by %s  %s", stamp(e.At), e.What, e.By, e.Note), " ")))
	}
}

func pulseShare(ctx context.Context, c *call) error {
	connect, disclosed := c.client(), c.disclosing()
	note := c.String("note", "", "whom the link is for: it stays on record (`WHO`)")
	until := c.String("until", "", "the `TIME` at which it ends, within a year: like 2026-12-21, or after a duration like 30d")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	if err := c.need("note", "until"); err != nil {
		return err
	}
	id, err := publicationID(c.args[0])
	if err != nil {
		return err
	}
	x, err := disclosed()
	if err != nil {
		return err
	}
	o := &api.ShareOrder{Note: *note, Disclose: x.String()}
	if o.Until, err = end("", *until, time.Now()); err != nil {
		if o.Until, err = end(*until, "", time.Now()); err != nil || *until == "ever" {
			return usagef("-until %s is no time\nwant one like 2026-12-21, 2026-12-21T08:00:00Z or 30d", *until)
		}
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	l, err := cl.Share(ctx, id, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "%s\n", clean(l.Address))
	fmt.Fprintf(c.stderr, "the link %s holds until %s and discloses %s; its address is told this once: whoever has it reads what it shows\n", l.ID, stamp(l.Expires), clean(l.Discloses))
	return nil
}

func pulseUnshare(ctx context.Context, c *call) error {
	cl, err := c.dial(1, 1)
	if err != nil {
		return err
	}
	id, err := linkID(c.args[0])
	if err != nil {
		return err
	}
	if err := cl.Unshare(ctx, id); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "ended the link %s\n", id)
	return nil
}

// linkID reads a link's id, or its address, of which the secret goes no further.
func linkID(s string) (seal.Hash, error) {
	if u, err := url.Parse(s); err == nil {
		if secret, ok := strings.CutPrefix(u.Path, "/share/"); ok && secret != "" {
			secret, _, _ = strings.Cut(secret, "/")
			return seal.Sum([]byte(secret)), nil
		}
	}
	id, err := seal.ParseHash(s)
	if err != nil { // it may be a secret: it is not said again
		return id, usagef("that is neither a link's id nor its address\nlist a bundle's links with: clawea pulse show ID")
	}
	return id, nil
}

// noted adds the flag of commands that say why.
func (c *call) noted() *string { return c.String("note", "", "why: it stays on record (`TEXT`)") }

func pulseHold(ctx context.Context, c *call) error {
	note := c.noted()
	return c.onPublication(func(cl *api.Client, id seal.Hash) (*api.Publication, error) {
		if err := c.need("note"); err != nil {
			return nil, err
		}
		return cl.HoldPublication(ctx, id, *note)
	})
}

func pulseRelease(ctx context.Context, c *call) error {
	note := c.noted()
	return c.onPublication(func(cl *api.Client, id seal.Hash) (*api.Publication, error) {
		return cl.ReleasePublication(ctx, id, *note)
	})
}

func pulseDelete(ctx context.Context, c *call) error {
	note := c.noted()
	return c.onPublication(func(cl *api.Client, id seal.Hash) (*api.Publication, error) {
		return cl.DeletePublication(ctx, id, *note)
	})
}
