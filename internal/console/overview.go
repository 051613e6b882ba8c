// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/clawea/clawea/internal/store"
)

type overviewPage struct {
	frame
	Week      bool
	Questions []question
	Charts    []*Chart
	Median    string // of how long people took; "": nobody was asked
	Jobs      []store.ListedJob
	Revoked   []store.Revocation
	Checks    []Check
}

// few is how many of anything the overview shows.
const few = 8

func (c *Console) overview(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	p := &overviewPage{frame: c.frame(r, "Overview"), Week: r.URL.Query().Get("span") == "7d"}
	var err error
	if p.Questions, err = c.questions(ctx, "", few); err != nil {
		c.fail(w, r, err)
		return
	}
	if p.Jobs, err = c.DB.FindJobs(ctx, &store.JobSearch{Standing: store.JobLive, Limit: few}); err != nil {
		c.fail(w, r, err)
		return
	}
	if p.Revoked, err = c.DB.Revocations(ctx, false, few); err != nil {
		c.fail(w, r, err)
		return
	}
	if err := c.charts(ctx, p); err != nil {
		c.fail(w, r, err)
		return
	}
	p.Checks = c.checks(ctx)
	c.show(w, r, "overview", p)
}

// A span is what the charts cover, in columns of so many hours.
type span struct {
	from    time.Time
	columns int
	hours   int
}

func (c *Console) span(week bool) span {
	now := c.Now().UTC().Truncate(time.Hour)
	if week {
		return span{now.Add(-(7*24 - 1) * time.Hour).Truncate(6 * time.Hour), 29, 6}
	}
	return span{now.Add(-23 * time.Hour), 24, 1}
}

// column is where a time belongs, or -1.
func (s span) column(t time.Time) int {
	i := int(t.Sub(s.from) / (time.Duration(s.hours) * time.Hour))
	if t.Before(s.from) || i >= s.columns {
		return -1
	}
	return i
}

func (s span) labels() []string {
	form := "15:04"
	if s.hours > 1 {
		form = "Jan 2 15h"
	}
	out := make([]string, s.columns)
	for i := range out {
		out[i] = s.from.Add(time.Duration(i*s.hours) * time.Hour).Format(form)
	}
	return out
}

// sum adds up what is counted under names.
func (s span) sum(tallies []store.Tally, names ...string) []int64 {
	out := make([]int64, s.columns)
	for _, t := range tallies {
		if i := s.column(t.Hour); i >= 0 && slices.Contains(names, t.Name) {
			out[i] += t.N
		}
	}
	return out
}

func (c *Console) charts(ctx context.Context, p *overviewPage) error {
	s := c.span(p.Week)
	tallies, err := c.DB.Tallies(ctx, s.from)
	if err != nil {
		return err
	}
	answers, err := c.DB.AnsweredSince(ctx, s.from, 5000)
	if err != nil {
		return err
	}
	plain := func(n int64) string { return count(n) }
	p.Charts = []*Chart{
		{ID: "calls", Title: "Calls", Unit: "calls", Labels: s.labels(), Format: plain, Series: []Series{
			{"allowed", "good", s.sum(tallies, "allow")}, {"asked for", "care", s.sum(tallies, "ask")}, {"denied or refused", "bad", s.sum(tallies, "deny", store.EffectRefused)},
		}},
		{ID: "spend", Title: "Spend on models", Unit: "the house's currency", Labels: s.labels(), Format: money, Series: []Series{{"spent", "calm", s.sum(tallies, store.TallyCost)}}},
	}
	chart, median := waits(answers)
	p.Charts, p.Median = append(p.Charts, chart), median
	return nil
}

// waits draws how long people took to answer.
func waits(answers []store.Answered) (*Chart, string) {
	bounds := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 24 * time.Hour}
	labels := []string{"1 min", "5 min", "15 min", "1 h", "4 h", "1 day"} // at most
	yes, no := make([]int64, len(bounds)), make([]int64, len(bounds))
	var all []time.Duration
	for _, a := range answers {
		d := a.At.Sub(a.Asked)
		i := slices.IndexFunc(bounds, func(b time.Duration) bool { return d < b })
		if i < 0 {
			i = len(bounds) - 1
		}
		if a.Yes {
			yes[i]++
		} else {
			no[i]++
		}
		all = append(all, d)
	}
	median := ""
	if len(all) > 0 {
		slices.SortFunc(all, func(a, b time.Duration) int { return cmp.Compare(a, b) })
		median = took(max(all[len(all)/2], time.Second))
	}
	return &Chart{ID: "waits", Title: "How long answers took", Unit: "answers", Labels: labels, Format: func(n int64) string { return count(n) },
		Series: []Series{{"yes", "good", yes}, {"no", "bad", no}}}, median
}

// lagging is how many receipts may wait to be listed before people are told.
const lagging = 2000

// checks says how the house is.
func (c *Console) checks(ctx context.Context) []Check {
	out := []Check{{"Database", true, "It answers."}}
	if err := c.DB.Ping(ctx); err != nil {
		out[0] = Check{"Database", false, "It does not answer. Nothing is carried until it does."}
	}
	n, err := c.DB.Unlisted(ctx)
	switch {
	case err != nil:
		out = append(out, Check{"Log and listing", false, "How far they are cannot be told."})
	case n > lagging:
		out = append(out, Check{"Log and listing", false, fmt.Sprintf("%s receipts are not in the log yet, or not listed here. Charts and searches are behind; receipts are not lost.", count(n))})
	default:
		out = append(out, Check{"Log and listing", true, "They are up to date."})
	}
	if c.Checks != nil {
		out = append(out, c.Checks(ctx)...)
	}
	return out
}
