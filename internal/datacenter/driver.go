// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter

import (
	"context"
	"net/url"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
)

// A trip is one request of Cloud's, on its way.
type trip struct {
	*atlassian.Request
	send atlassian.Send
	part []string // what stands where the row's path has a name in braces
}

// A row says what becomes of a request of Cloud's. Either do or form is set.
type row struct {
	method, path string
	// do asks the site, which changes nothing, and answers in Cloud's form.
	do func(context.Context, *trip) (*atlassian.Response, error)
	// form is the one request that is sent.
	form func(context.Context, *trip) (*atlassian.Request, error)
	// answer puts the answer to form into Cloud's form; nil: it is in it.
	answer func(context.Context, *trip, *atlassian.Response) (*atlassian.Response, error)
}

// A table is all that a site has of Cloud's requests.
type table []row

// find returns the row of a request, or the error that there is none.
func (t table) find(r *atlassian.Request, send atlassian.Send) (*row, *trip, error) {
	for i := range t {
		if t[i].method != r.Method {
			continue
		}
		if part, ok := match(t[i].path, r.Path); ok {
			return &t[i], &trip{r, send, part}, nil
		}
	}
	return nil, nil, notOffered("the request")
}

// notOffered is the error for what Data Center has no call for.
func notOffered(what string) error {
	return &atlassian.Error{Code: atlassian.NotOffered, Message: "not on Data Center: " + what}
}

// match holds a path to a template and returns what stands for its names.
func match(template, path string) ([]string, bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	var part []string
	for i, w := range want {
		if !strings.HasPrefix(w, "{") {
			if w != got[i] {
				return nil, false
			}
			continue
		}
		s, err := url.PathUnescape(got[i])
		if err != nil || s == "" || s == "." || s == ".." || strings.ContainsAny(s, "/\\") {
			return nil, false
		}
		part = append(part, s)
	}
	return part, true
}

// do carries a request out.
func (t table) do(ctx context.Context, r *atlassian.Request, send atlassian.Send) (*atlassian.Response, error) {
	row, trip, err := t.find(r, send)
	switch {
	case err != nil:
		return nil, err
	case row.do != nil:
		return row.do(ctx, trip)
	}
	out, err := row.form(ctx, trip)
	if err != nil {
		return nil, err
	}
	res, err := send(ctx, out)
	if err != nil || row.answer == nil {
		return res, err
	}
	return row.answer(ctx, trip, res)
}

// form is the request that carries r out.
func (t table) form(ctx context.Context, r *atlassian.Request, send atlassian.Send) (*atlassian.Request, error) {
	row, trip, err := t.find(r, send)
	switch {
	case err != nil:
		return nil, err
	case row.form == nil:
		return nil, notOffered("a read in one request")
	}
	return row.form(ctx, trip)
}

// get reads one resource of the site's into v.
func (t *trip) get(ctx context.Context, path string, query url.Values, v any) (*atlassian.Response, error) {
	res, err := t.send(ctx, &atlassian.Request{Method: "GET", Path: path, Query: query})
	if err != nil {
		return nil, err
	}
	return res, res.Glance(v)
}

// is reports whether an error is of this code.
func is(err error, code string) bool { return atlassian.Code(err) == code }

// strange is the error for an answer that makes no sense.
func strange(res *atlassian.Response) error {
	return &atlassian.Error{Status: res.Status, Code: atlassian.Upstream, Message: "an answer in an unknown form", RequestID: res.RequestID, Account: res.Account}
}

// lost is strange, about an answer to a change, which may have taken effect.
func lost(res *atlassian.Response) error {
	return &atlassian.Error{Status: res.Status, Code: atlassian.Upstream, Message: "an answer in an unknown form", RequestID: res.RequestID, Account: res.Account, Uncertain: true}
}

// gone is the error for what is not what it was asked for.
func gone(res *atlassian.Response) error {
	return &atlassian.Error{Status: 404, Code: atlassian.NotFound, RequestID: res.RequestID, Account: res.Account}
}
