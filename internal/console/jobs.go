// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// perPage is how many lines a page of a list has.
const perPage = 50

// A form is what a person has filled in: the query of the page's address.
type form struct {
	url.Values
	wrong string // what cannot be read, and what mends it; the first such thing
}

// longestField bounds what is searched for, in bytes.
const longestField = 300

func formOf(r *http.Request) *form {
	f := &form{Values: r.URL.Query()}
	for name := range f.Values {
		if len(f.Get(name)) > longestField {
			f.wrong = "Search for less: at most 300 characters in a field."
		}
	}
	return f
}

// Field returns a field without the blanks around it.
func (f *form) Field(name string) string { return strings.TrimSpace(f.Get(name)) }

// time reads a field as browsers send dates and times, in UTC.
func (f *form) time(name string) time.Time {
	text := f.Field(name)
	if text == "" {
		return time.Time{}
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02", time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil && t.Year() > 1970 && t.Year() < 10000 {
			return t.UTC()
		}
	}
	f.fail("Write times like 2026-11-21 or 2026-11-21 14:30, in UTC.")
	return time.Time{}
}

func (f *form) fail(mends string) {
	if f.wrong == "" {
		f.wrong = mends
	}
}

// spot reads where a page begins: milliseconds, a dot and an id.
func (f *form) spot() (at time.Time, id string) {
	text := f.Get("before")
	if text == "" {
		return time.Time{}, ""
	}
	ms, id, ok := strings.Cut(text, ".")
	n, err := strconv.ParseInt(ms, 10, 64)
	if !ok || err != nil || n < 0 || id == "" {
		f.fail("Begin with the first page of the list again.")
		return time.Time{}, ""
	}
	return time.UnixMilli(n).UTC(), id
}

// next is the address of the page that goes on behind a spot.
func (f *form) next(path string, at time.Time, id string) string {
	v := url.Values{}
	for name := range f.Values {
		if s := f.Field(name); s != "" {
			v.Set(name, s)
		}
	}
	v.Set("before", strconv.FormatInt(at.UnixMilli(), 10)+"."+id)
	return path + "?" + v.Encode()
}

type jobsPage struct {
	frame
	Form      *form
	Standings []store.Standing
	Jobs      []store.ListedJob
	Next      string // "": this is the last page
}

func (c *Console) jobs(w http.ResponseWriter, r *http.Request) {
	f := formOf(r)
	s := &store.JobSearch{
		Agent: f.Field("agent"), Policy: f.Field("policy"), Standing: store.Standing(f.Field("state")), From: f.time("from"), To: f.time("to"), Limit: perPage + 1,
	}
	if at, id := f.spot(); id != "" {
		s.Before = &store.Spot{At: at, ID: id}
	}
	standings := []store.Standing{store.JobWaiting, store.JobLive, store.JobRevoked, store.JobOver}
	switch {
	case s.Standing != "" && s.Standing != store.JobWaiting && s.Standing != store.JobLive && s.Standing != store.JobRevoked && s.Standing != store.JobOver:
		f.fail("A job's state is waiting, live, revoked or over.")
	case s.Policy != "":
		if _, err := seal.ParseHash(s.Policy); err != nil {
			f.fail("Name a policy by its whole hash: sha256: and 64 digits.")
		}
	}
	if f.wrong != "" {
		c.refuse(w, r, f.wrong)
		return
	}
	list, err := c.DB.FindJobs(r.Context(), s)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	p := &jobsPage{frame: c.frame(r, "Jobs"), Form: f, Standings: standings, Jobs: list}
	if len(list) > perPage {
		p.Jobs = list[:perPage]
		last := p.Jobs[perPage-1]
		p.Next = f.next("/jobs", last.Created, last.ID)
	}
	c.show(w, r, "jobs", p)
}

type auditPage struct {
	frame
	Form     *form
	Actions  []policy.Action // that there are
	Effects  []string
	Outcomes []string
	Calls    []store.Listed
	Next     string
	Late     int64 // receipts that are not listed yet
}

func (c *Console) audit(w http.ResponseWriter, r *http.Request) {
	f := formOf(r)
	s := &store.Search{
		Job: f.Field("job"), Agent: f.Field("agent"), Action: f.Field("action"), Effect: f.Field("effect"), Outcome: f.Field("outcome"), Code: f.Field("code"),
		Resource: f.Field("resource"), From: f.time("from"), To: f.time("to"), Limit: perPage + 1,
	}
	if at, id := f.spot(); id != "" {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			f.fail("Begin with the first page of the list again.")
		}
		s.Before = &store.ListedSpot{At: at, ID: n}
	}
	if f.wrong != "" {
		c.refuse(w, r, f.wrong)
		return
	}
	list, err := c.DB.Find(r.Context(), s)
	late, err2 := c.DB.Unlisted(r.Context())
	if err := errors.Join(err, err2); err != nil {
		c.fail(w, r, err)
		return
	}
	p := &auditPage{
		frame: c.frame(r, "Audit"), Form: f, Calls: list, Late: late, Actions: c.Catalog,
		Effects:  []string{"allow", "ask", "deny", store.EffectRefused, store.EffectOrder},
		Outcomes: []string{string(receipt.Done), string(receipt.Failed), string(receipt.Aborted), string(receipt.Unknown)},
	}
	if len(list) > perPage {
		p.Calls = list[:perPage]
		last := p.Calls[perPage-1]
		p.Next = f.next("/audit", last.At, strconv.FormatInt(last.ID, 10))
	}
	c.show(w, r, "audit", p)
}
