// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"context"
	"errors"
	"slices"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A pageArgs asks for a part of something on an issue.
type pageArgs struct {
	IssueKey string `json:"issue_key"`
	Limit    *int   `json:"limit"`
	Skip     *int   `json:"skip"`
}

// check reads the issue's key and the part: at most most, and 20 if nothing is said.
func (a *pageArgs) check(most int) (issue string, limit, skip int, err error) {
	if issue, err = key(a.IssueKey); err != nil {
		return "", 0, 0, err
	}
	if limit, err = number("limit", a.Limit, 1, most, 20); err != nil {
		return "", 0, 0, err
	}
	skip, err = number("skip", a.Skip, 0, 10_000, 0)
	return issue, limit, skip, err
}

// A shortly is which issue a result is about.
type shortly struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

// reading is the plan of a read of one issue. show is called if the issue is still
// where it was and of the type that it was when that was allowed.
func (c *Connector) reading(action string, at *place, fields []string, show func(context.Context, *about) (*atlassian.Response, any, error)) *gate.Plan {
	call := c.call(action, policy.Read)
	call.Resources = withTypeOf([]policy.Resource{at.resource("")}, &at.Project, at.Type)
	call.Reads = slices.Sorted(slices.Values(fields))
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		now := *at
		now.Updated = ""
		if err := c.again(ctx, &now); err != nil {
			return stopped(err)
		}
		out := &about{labels: c.label(), Source: source{URL: c.browse(at.Key)}, Issue: shortly{at.ID, at.Key}}
		return told(show(ctx, out))
	}}
}

// An about is what each result about one issue begins with.
type about struct {
	labels
	Source source  `json:"source"`
	Issue  shortly `json:"issue"`
}

// told is the result of a read that ended so.
func told(res *atlassian.Response, shown any, err error) (*gate.Result, error) {
	if f := (*gate.Fault)(nil); errors.As(err, &f) {
		return stopped(err)
	}
	if err != nil {
		return refused(err, said(err, "what was asked for"))
	}
	body, err := seal.Marshal(shown)
	if err != nil {
		return nil, err
	}
	return &gate.Result{Body: body, Outcome: done(res, nil)}, nil
}

func (c *Connector) planComments(ctx context.Context, args []byte, _ []policy.Bound) (*gate.Plan, error) {
	var a pageArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	k, limit, skip, err := a.check(maxComments)
	if err != nil {
		return nil, err
	}
	at, err := c.locate(ctx, k)
	if err != nil {
		return nil, err
	}
	return c.reading(actionComments, at, []string{commentField}, func(ctx context.Context, of *about) (*atlassian.Response, any, error) {
		list, more, res, err := c.openComments(ctx, at, limit, skip)
		out := struct {
			about
			Comments []viewedComment `json:"comments"`
			More     bool            `json:"more"`
		}{*of, list, more}
		return res, &out, err
	}), nil
}

// A viewedEntry is a change in an issue's history, as far as its fields may be read.
type viewedEntry struct {
	ID      string       `json:"id"`
	Author  *viewedUser  `json:"author,omitzero"`
	Created string       `json:"created"`
	Items   []viewedItem `json:"items"`
}

type viewedItem struct {
	Field string `json:"field"`
	From  string `json:"from"`
	To    string `json:"to"`
}

func (c *Connector) planChangelog(ctx context.Context, args []byte, bounds []policy.Bound) (*gate.Plan, error) {
	var a pageArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	k, limit, skip, err := a.check(historyPage)
	if err != nil {
		return nil, err
	}
	at, err := c.locate(ctx, k)
	if err != nil {
		return nil, err
	}
	readable := readableBy(bounds)
	fields := readable.only(shownFields())
	if skip+limit > historyPage*historyPages {
		return nil, fault("bad_argument", "skip: a history is read no further back than %d changes; skip fewer", historyPage*historyPages)
	}
	return c.reading(actionChangelog, at, fields, func(ctx context.Context, of *about) (*atlassian.Response, any, error) {
		list, res, err := c.recent(ctx, at.ID, skip+limit+1, func(e *entry) bool { return e.view(fields) != nil })
		if err != nil {
			return nil, nil, err
		}
		out := struct {
			about
			Changes []viewedEntry `json:"changes"`
			More    bool          `json:"more"`
		}{about: *of, Changes: []viewedEntry{}, More: len(list) > skip+limit}
		for _, e := range list[min(skip, len(list)):min(skip+limit, len(list))] {
			out.Changes = append(out.Changes, *e.view(fields))
		}
		return res, &out, nil
	}), nil
}

// view shows what the entry changed of the fields; nil if nothing.
func (e *entry) view(fields []string) *viewedEntry {
	v := &viewedEntry{ID: e.ID, Author: e.Author.view(), Created: e.Created}
	for _, i := range e.Items {
		if slices.Contains(fields, i.FieldID) {
			v.Items = append(v.Items, viewedItem{i.FieldID, cut(i.FromString, maxHitText), cut(i.ToString, maxHitText)})
		}
	}
	if len(v.Items) == 0 {
		return nil
	}
	return v
}

// An issueArgs asks about one issue.
type issueArgs struct {
	IssueKey string `json:"issue_key"`
}

// asked finds the issue that arguments ask about, and nothing else.
func (c *Connector) asked(ctx context.Context, args []byte) (*place, error) {
	var a issueArgs
	if err := decode(args, &a); err != nil {
		return nil, err
	}
	k, err := key(a.IssueKey)
	if err != nil {
		return nil, err
	}
	return c.locate(ctx, k)
}

func (c *Connector) planTransitions(ctx context.Context, args []byte, _ []policy.Bound) (*gate.Plan, error) {
	at, err := c.asked(ctx, args)
	if err != nil {
		return nil, err
	}
	return c.reading(actionTransitions, at, []string{statusField}, func(ctx context.Context, of *about) (*atlassian.Response, any, error) {
		list, res, err := c.transitions(ctx, at)
		return res, &struct {
			about
			Transitions []transition `json:"transitions"`
		}{*of, list}, err
	}), nil
}

const attachmentField = "attachment"

func (c *Connector) planAttachments(ctx context.Context, args []byte, _ []policy.Bound) (*gate.Plan, error) {
	at, err := c.asked(ctx, args)
	if err != nil {
		return nil, err
	}
	return c.reading(actionAttachments, at, []string{attachmentField}, func(ctx context.Context, of *about) (*atlassian.Response, any, error) {
		_, res, err := c.issue(ctx, at.ID, []string{attachmentField})
		if err != nil {
			return nil, nil, err
		}
		list, err := attachmentsIn(res)
		out := struct {
			about
			Attachments []viewedAttachment `json:"attachments"`
			More        bool               `json:"more"`
		}{about: *of, Attachments: list[:min(len(list), maxAttachments)], More: len(list) > maxAttachments}
		return res, &out, err
	}), nil
}

const maxAttachments = 100

// A viewedAttachment is what a file is called, and not what is in it.
type viewedAttachment struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Type    string      `json:"type"`
	Size    int64       `json:"size"`
	Author  *viewedUser `json:"author,omitzero"`
	Created string      `json:"created"`
}

func attachmentsIn(res *atlassian.Response) ([]viewedAttachment, error) {
	var answer struct {
		Fields struct {
			Attachment []struct {
				ID       string `json:"id"`
				Filename string `json:"filename"`
				MimeType string `json:"mimeType"`
				Size     int64  `json:"size"`
				Author   *user  `json:"author"`
				Created  string `json:"created"`
			} `json:"attachment"`
		} `json:"fields"`
	}
	if err := res.Glance(&answer); err != nil {
		return nil, err
	}
	out := []viewedAttachment{}
	for _, a := range answer.Fields.Attachment {
		out = append(out, viewedAttachment{a.ID, cut(a.Filename, 500), cut(a.MimeType, 200), a.Size, a.Author.view(), a.Created})
	}
	return out, nil
}
