// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/policy"
)

// wpcReplay decides past calls again under a policy that is not published. It
// ends with exit code 3 where the candidate would have allowed what was denied
// or asked, or where that is not known.
func wpcReplay(ctx context.Context, c *call) error {
	connect := c.client()
	since := c.String("since", "7d", "how far back: a `TIME` like 12h, 7d or 2026-11-01")
	job := c.String("job", "", "only the calls of `JOB`")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	from, err := parseSince(*since, time.Now())
	if err != nil {
		return err
	}
	_, e, err := readPolicy(c.args[0])
	if err != nil {
		return err
	}
	cl, err := connect()
	if err != nil {
		return err
	}
	req := &api.Replay{Policy: string(e.Payload), Since: from, Job: *job}
	var sum replaySum
	for {
		page, err := cl.Replay(ctx, req)
		if err != nil {
			return err
		}
		if req.After == nil {
			c.replayed(page)
		}
		for i := range page.Differences {
			d := &page.Differences[i]
			sum.add(d)
			fmt.Fprintln(c.stdout, clean(differenceLine(d)))
		}
		sum.calls += page.Calls
		if page.Next == nil {
			break
		}
		req.Names, req.Servers, req.After = page.Names, page.Servers, page.Next
	}
	fmt.Fprintln(c.stdout, sum.String())
	if sum.wider > 0 || sum.unknownWider > 0 {
		return errFalse
	}
	return nil
}

// replayed says what is replayed under: the candidate, and what its names lead to now.
func (c *call) replayed(page *api.Replayed) {
	fmt.Fprintf(c.stdout, "candidate  %s\n", page.Policy)
	for _, n := range page.Names {
		fmt.Fprintf(c.stdout, "name       %s is %s %s on %s\n", clean(n.Name.String()), n.Kind, clean(n.ID), clean(n.Site))
	}
	writeServers(c.stdout, page.Servers)
}

// differenceLine says a difference in one line.
func differenceLine(d *api.Difference) string {
	s := fmt.Sprintf("%s  %s/%d  ", stamp(d.At), d.Job, d.Seq)
	if d.Was == nil {
		return s + unknownText(d.Would.Unknown)
	}
	s += fmt.Sprintf("%s  was %s", d.Call, d.Was.Effect)
	for i, r := range d.Was.Reasons {
		if i == 0 {
			s += ": "
		} else {
			s += "; "
		}
		s += r.String()
	}
	return s + "  ->  " + verdictText(&d.Would)
}

// A replaySum counts what came out.
type replaySum struct {
	calls        int
	wider        int // would have been allowed, and were denied or asked
	narrower     int // would have been denied or asked, and were allowed
	otherwise    int // denied and asked change places
	unknown      int
	unknownWider int // unknown, and not allowed then
}

func (s *replaySum) add(d *api.Difference) {
	allowed := d.Was != nil && d.Was.Effect == policy.Allow
	switch {
	case d.Would.Decision == nil:
		s.unknown++
		if !allowed {
			s.unknownWider++
		}
	case d.Would.Decision.Effect == policy.Allow:
		s.wider++
	case allowed:
		s.narrower++
	default:
		s.otherwise++
	}
}

// String is the last line of a replay.
func (s *replaySum) String() string {
	same := s.calls - s.wider - s.narrower - s.otherwise - s.unknown
	out := fmt.Sprintf("\n%d calls: %d the same, %d newly allowed, %d no longer allowed, %d denied or asked the other way round, %d unknown from the record",
		s.calls, same, s.wider, s.narrower, s.otherwise, s.unknown)
	if s.unknownWider > 0 {
		out += fmt.Sprintf("\nof those that are unknown, %d were not allowed, and might be", s.unknownWider)
	}
	return out
}

// moment reads a time, or how long before or after now it is, as sign says; d stands
// for days.
func moment(s string, now time.Time, sign int) (time.Time, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, sign*int(n)), true
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(time.Duration(sign) * d), true
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseSince reads how far back something goes: a duration, where d stands for
// days, or a time.
func parseSince(s string, now time.Time) (time.Time, error) {
	if t, ok := moment(s, now, -1); ok {
		return t, nil
	}
	return time.Time{}, usagef("-since %s is no time\nwant one like 12h, 7d, 2026-11-01 or 2026-11-01T08:00:00Z", s)
}
