// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// maxHitParts is in how many answers of Jira's hits are looked for. Only the first is
// as short as what was asked for.
const maxHitParts = 10

// maxTold is how many issues a line of the log names.
const maxTold = 10

// A sieve keeps of hits those that may be shown. What may not be shown takes
// nothing from the others: how many there are does not tell of it.
type sieve struct {
	*search
	seen    map[string]bool // ids of hits: while the index changes, one may come twice
	shown   []*issue        // one more than the limit, if there are more
	dropped int             // hits that may not be shown
	outside []string        // of these, the ids of the first that lie outside of the bound
}

func (s *sieve) full() bool { return len(s.shown) > s.limit }

func (s *sieve) sift(list []issue) {
	for i := range list {
		is := &list[i]
		again := s.seen[is.ID]
		s.seen[is.ID] = true
		inside := s.holds(is)
		switch {
		case again || s.full():
		case inside && s.shows(is):
			s.shown = append(s.shown, is)
		default:
			s.dropped++
			if !inside && len(s.outside) < maxTold {
				s.outside = append(s.outside, atlassian.Clean(is.ID, 40))
			}
		}
	}
}

// search asks Jira and shows what lies within the bound: as many as are wanted, or
// all. It reads on where hits are left out, and where it does not get to the end,
// it shows nothing.
func (c *Connector) search(ctx context.Context, opened *receipt.Receipt, s *search) (*gate.Result, error) {
	kept := &sieve{search: s, seen: map[string]bool{}}
	whole, res, err := c.siftAll(ctx, kept, c.written.recently(opened.Job, c.now()))
	if len(kept.outside) > 0 {
		c.incident(ctx, opened, "a search found issues outside of its bound", "filtered", kept.outside...)
	}
	switch {
	case err != nil:
		return refused(err, searchFault(err))
	case !whole:
		return stopped(fault("bad_query", "the query finds more issues than can be looked through\nwrite one that finds fewer"))
	}
	return c.shownHits(ctx, kept, res)
}

// siftAll looks through hits until there are enough or no more, and reports whether
// it got there.
func (c *Connector) siftAll(ctx context.Context, s *sieve, written []int64) (bool, *atlassian.Response, error) {
	token, part := "", s.limit+1
	for range maxHitParts {
		body, err := seal.Marshal(struct {
			JQL        string   `json:"jql"`
			MaxResults int      `json:"maxResults"`
			Fields     []string `json:"fields"`
			Written    []int64  `json:"reconcileIssues,omitempty"`
			Token      string   `json:"nextPageToken,omitempty"`
		}{s.jql, part, withStanding(s.fields), written, token})
		if err != nil {
			return false, nil, err
		}
		var answer struct {
			Issues []issue `json:"issues"`
			IsLast bool    `json:"isLast"`
			Token  string  `json:"nextPageToken"`
		}
		res, err := c.read.Do(ctx, &atlassian.Request{Method: "POST", Path: api + "/search/jql", Body: body, Safe: true})
		if err == nil {
			err = res.Glance(&answer)
		}
		if err != nil {
			return false, nil, err
		}
		s.sift(answer.Issues)
		if token = answer.Token; s.full() || answer.IsLast || token == "" {
			return true, res, nil
		}
		part = maxHits + 1
	}
	return false, nil, nil
}

// shownHits is the result. That hits were left out is for the receipt, not for the
// agent: it would tell about what it may not see.
func (c *Connector) shownHits(ctx context.Context, s *sieve, res *atlassian.Response) (*gate.Result, error) {
	out := found{Issues: []view{}, More: s.full(), labels: c.label()}
	for _, is := range s.shown[:min(s.limit, len(s.shown))] {
		v, err := c.view(is, s.fields, maxHitText)
		if err != nil {
			return refused(err, said(err, "the hits"))
		}
		out.Issues = append(out.Issues, *v)
	}
	body, err := seal.Marshal(&out)
	if err != nil {
		return nil, err
	}
	outcome := done(res, nil)
	if s.dropped > 0 {
		outcome.Code = "filtered"
		c.log.WarnContext(ctx, "hits of a search were left out", "dropped", s.dropped, "upstream", res.RequestID)
	}
	return &gate.Result{Body: body, Outcome: outcome}, nil
}

// openComments reads comments that everybody who sees the issue sees: at most most
// of them, the newest first, after skip others, and whether there are more. The rest
// is neither shown nor counted.
func (c *Connector) openComments(ctx context.Context, at *place, most, skip int) (out []viewedComment, more bool, res *atlassian.Response, err error) {
	out = []viewedComment{}
	seen := map[string]bool{}
	part := min(skip+most, maxComments) + 1
	for n, start := 0, 0; n < maxCommentParts; n, part = n+1, maxComments {
		list, total, answer, err := c.newest(ctx, at, part, start)
		if err != nil {
			return nil, false, nil, err
		}
		for i := range list {
			m := &list[i]
			if seen[m.ID] || !m.open() {
				continue
			}
			seen[m.ID] = true
			switch {
			case len(seen) <= skip:
			case len(out) == most:
				return out, true, answer, nil
			default:
				v, err := c.viewComment(at, m)
				if err != nil {
					return nil, false, nil, err
				}
				out = append(out, *v)
			}
		}
		if start += len(list); start >= total || len(list) == 0 {
			return out, false, answer, nil
		}
	}
	return nil, false, nil, fault("bad_argument", "the issue %s has more comments than can be looked through\nask for newer ones", at.Key)
}

// maxCommentParts is in how many answers of Jira's comments are looked for: 2,000
// comments, where each but the first, which may be short, has as many as it may.
const maxCommentParts = 41

// incident tells whoever runs the house of what ought never to be: a person must
// look at it.
func (c *Connector) incident(ctx context.Context, opened *receipt.Receipt, what, code string, targets ...string) {
	c.log.ErrorContext(ctx, "incident: "+what, "receipt", opened.Name(), "target", targets, "code", code)
}
