// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/seal"
	"github.com/google/go-cmp/cmp"
)

// A sample is one request of Cloud's, and all that comes of it.
type sample struct {
	name, cloud string
	site        []exchange
	gives       string
	fails       string
}

// An exchange is a request to the site and its answer.
type exchange struct{ request, answer string }

func samples(t *testing.T, file string) []sample {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out []sample
	for l := range strings.Lines(string(b)) {
		word, rest, _ := strings.Cut(strings.TrimRight(l, "\n"), " ")
		if word == "==" {
			out = append(out, sample{name: rest})
		}
		if len(out) == 0 {
			continue
		}
		s := &out[len(out)-1]
		switch word {
		case "cloud":
			s.cloud = rest
		case "site":
			s.site = append(s.site, exchange{request: rest})
		case "=":
			s.site[len(s.site)-1].answer = rest
		case "gives":
			s.gives = rest
		case "fails":
			s.fails = rest
		}
	}
	return out
}

// asked reads "METHOD path?query body".
func asked(t *testing.T, s string) *atlassian.Request {
	t.Helper()
	method, rest, _ := strings.Cut(s, " ")
	target, body, _ := strings.Cut(rest, " ")
	path, query, _ := strings.Cut(target, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	r := &atlassian.Request{Method: method, Path: path, Query: q, Safe: strings.HasSuffix(path, "/search/jql")}
	if body != "" {
		r.Body = []byte(body)
	}
	return r
}

// said is a request as asked reads it.
func said(r *atlassian.Request) string {
	s := r.Method + " " + r.Path
	if len(r.Query) > 0 {
		s += "?" + r.Query.Encode()
	}
	if r.Body != nil {
		s += " " + string(r.Body)
	}
	return s
}

func status(s string) (int, string) {
	first, rest, _ := strings.Cut(s, " ")
	if n, err := strconv.Atoi(first); err == nil {
		return n, rest
	}
	return 200, s
}

// play sends samples' answers, in order.
func (s *sample) play(t *testing.T, sent *[]string) atlassian.Send {
	return func(_ context.Context, r *atlassian.Request) (*atlassian.Response, error) {
		n := len(*sent)
		*sent = append(*sent, said(r))
		if n >= len(s.site) {
			t.Errorf("%s: sent %s", s.name, said(r))
			return nil, errors.New("no more")
		}
		code, body := status(s.site[n].answer)
		switch {
		case code == 403:
			return nil, &atlassian.Error{Status: code, Code: atlassian.Forbidden}
		case code == 404:
			return nil, &atlassian.Error{Status: code, Code: atlassian.NotFound}
		case code == 409:
			return nil, &atlassian.Error{Status: code, Code: atlassian.Conflict}
		}
		return &atlassian.Response{Status: code, Body: []byte(body), Account: "bot"}, nil
	}
}

func (s *sample) run(t *testing.T, d atlassian.Driver) {
	r := asked(t, s.cloud)
	if _, based, ok := strings.Cut(s.name, ", on version "); ok {
		r.Based, _ = strconv.Atoi(based)
		r.Mark = "/params/message"
	}
	var sent, want []string
	for _, e := range s.site {
		want = append(want, e.request)
	}
	res, err := d.Do(t.Context(), r, s.play(t, &sent))
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("%s: sent\n%s", s.name, diff)
	}
	code, perhaps := strings.CutSuffix(s.fails, ", perhaps done")
	if atlassian.Code(err) != code || atlassian.IsUncertain(err) != perhaps || err != nil && code == "" {
		t.Errorf("%s: got %v, want %s", s.name, err, s.fails)
	}
	if err != nil || s.gives == "" {
		return
	}
	if diff := cmp.Diff(canon(t, []byte(s.gives)), canon(t, res.Body)); diff != "" {
		t.Errorf("%s: gives\n%s", s.name, diff)
	}
	if res.Account != "bot" && len(s.site) > 0 && !strings.HasPrefix(s.site[0].answer, "404") && !strings.Contains(s.gives, `"results":[]`) {
		t.Errorf("%s: acted %q", s.name, res.Account)
	}
}

func canon(t *testing.T, b []byte) string {
	t.Helper()
	c, err := seal.Canonical(b)
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return string(c)
}

func TestJiraRequests(t *testing.T) {
	for _, s := range samples(t, "jira.txt") {
		s.run(t, Jira())
	}
}

func TestConfluenceRequests(t *testing.T) {
	for _, s := range samples(t, "confluence.txt") {
		s.run(t, Confluence())
	}
}

// TestForm: the form of a change is what is sent, and finds its way back.
func TestForm(t *testing.T) {
	for file, d := range map[string]func() atlassian.Driver{"jira.txt": Jira, "confluence.txt": Confluence} {
		for _, s := range samples(t, file) {
			r := asked(t, s.cloud)
			if r.Method == "GET" || r.Safe || len(s.site) == 0 {
				continue
			}
			if _, based, ok := strings.Cut(s.name, ", on version "); ok {
				r.Based, _ = strconv.Atoi(based)
				r.Mark = "/params/message"
			}
			var sent []string
			form, err := d().Form(t.Context(), r, s.play(t, &sent))
			if last := s.site[len(s.site)-1].request; err == nil && said(form) != last {
				t.Errorf("%s: the form is %s, want %s", s.name, said(form), last)
			}
			if err != nil {
				if atlassian.Code(err) != s.fails {
					t.Errorf("%s: %v", s.name, err)
				}
				continue
			}
			if form.Mark != "" && form.Mark != versionMark {
				t.Errorf("%s: the mark goes to %q", s.name, form.Mark)
			}
			s.returns(t, d(), r, form)
		}
	}
}

// returns holds Back to the request that Form was given, as far as it tells.
func (s *sample) returns(t *testing.T, d atlassian.Driver, r, form *atlassian.Request) {
	again := &sample{name: s.name, site: []exchange{{answer: `{"id":98306,"key":"ENG"}`}}}
	var sent []string
	back, err := d.Back(t.Context(), form, again.play(t, &sent))
	if err != nil {
		t.Errorf("%s: back: %v", s.name, err)
		return
	}
	switch {
	case strings.HasPrefix(r.Path, "/rest/api/3/"):
		if back.Path != r.Path || back.Method != r.Method {
			t.Errorf("%s: back to %s", s.name, said(back))
		}
	case strings.HasSuffix(r.Path, "/pages"), strings.HasSuffix(r.Path, "/footer-comments"), strings.Contains(r.Path, "/move/"):
		if said(back) != said(r) {
			t.Errorf("%s: back to %s, want %s", s.name, said(back), said(r))
		}
	}
}
