// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/clawea/clawea/receipt"
	"github.com/google/go-cmp/cmp"
)

// A puppet is a driver that sends what a test says.
type puppet struct {
	sends []*Request
	form  *Request
}

func (p *puppet) Do(ctx context.Context, _ *Request, send Send) (*Response, error) {
	var res *Response
	for _, r := range p.sends {
		var err error
		if res, err = send(ctx, r); err != nil {
			return nil, err
		}
	}
	return res, nil
}

func (p *puppet) Form(ctx context.Context, _ *Request, send Send) (*Request, error) {
	for _, r := range p.sends {
		if _, err := send(ctx, r); err != nil {
			return nil, err
		}
	}
	return p.form, nil
}

func (p *puppet) Back(_ context.Context, form *Request, _ Send) (*Request, error) {
	back := *form
	back.Path = "/cloud"
	return &back, nil
}

// driven is a client by a driver that may be asked for /cloud only, and what its
// site has been sent.
func driven(t *testing.T, d Driver) (*Client, *[]string) {
	t.Helper()
	var sent []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Method+" "+r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(srv.Close)
	get := Endpoint{API: Jira3, Method: "GET", Path: "/cloud"}
	put := Endpoint{API: Jira3, Method: "PUT", Path: "/cloud", Query: []string{"a"}}
	c := client(t, srv.URL, func(c *Config) { c.Driver, c.Endpoints = d, []Endpoint{get, put} })
	return c, &sent
}

func TestDriver(t *testing.T) {
	get, put := &Request{Method: "GET", Path: "/here"}, &Request{Method: "PUT", Path: "/here"}
	search := &Request{Method: "POST", Path: "/search", Safe: true}
	tests := []struct {
		name  string
		asked string
		sends []*Request
		want  []string
		code  string
	}{
		{"a read", "GET", []*Request{get, search}, []string{"GET /here", "POST /search"}, ""},
		{"a read that changes something", "GET", []*Request{get, put}, []string{"GET /here"}, Invalid},
		{"a change", "PUT", []*Request{get, put, get}, []string{"GET /here", "PUT /here", "GET /here"}, ""},
		{"a change that changes two things", "PUT", []*Request{put, put}, []string{"PUT /here"}, Invalid},
		{"a path that leads elsewhere", "GET", []*Request{{Method: "GET", Path: "/a/../b"}}, nil, Invalid},
		{"what no operation makes", "DELETE", []*Request{get}, nil, Invalid},
	}
	for _, test := range tests {
		c, sent := driven(t, &puppet{sends: test.sends})
		_, err := c.Do(t.Context(), &Request{Method: test.asked, Path: "/cloud"})
		if Code(err) != test.code || !slices.Equal(*sent, test.want) {
			t.Errorf("%s: got %v, sent %v", test.name, err, *sent)
		}
	}
}

func TestRecord(t *testing.T) {
	form := &Request{Method: "POST", Path: "/here", Query: map[string][]string{"b": {"x y"}}, Body: []byte(`{}`), Mark: "/m"}
	c, sent := driven(t, &puppet{sends: []*Request{{Method: "GET", Path: "/here"}}, form: form})
	asked := &Request{Method: "PUT", Path: "/cloud"}
	got, err := c.Record(t.Context(), asked)
	want := receipt.Request{Method: "POST", Path: "/here?b=x+y", Body: []byte(`{}`), Mark: "/m"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || !slices.Equal(*sent, []string{"GET /here"}) {
		t.Errorf("%v, sent %v: %s", err, *sent, diff)
	}
	if got, err = c.Recall(t.Context(), got); err != nil || got.Path != "/cloud?b=x+y" || got.Mark != "/m" {
		t.Errorf("back: %+v, %v", got, err)
	}
	if _, err := c.Recall(t.Context(), receipt.Request{Path: "/here?%zz"}); Code(err) != Invalid {
		t.Errorf("a bad query: %v", err)
	}
	if _, err := c.Record(t.Context(), &Request{Method: "DELETE", Path: "/cloud"}); Code(err) != Invalid {
		t.Errorf("what no operation makes: %v", err)
	}
	c, sent = driven(t, &puppet{sends: []*Request{{Method: "PUT", Path: "/here"}}, form: form})
	if _, err := c.Record(t.Context(), asked); Code(err) != Invalid || *sent != nil {
		t.Errorf("a form that is had by a change: %v, sent %v", err, *sent)
	}
}

func TestRecordInCloud(t *testing.T) {
	c, _ := driven(t, nil)
	r := &Request{Method: "PUT", Path: "/cloud", Query: map[string][]string{"a": {"1"}}, Body: []byte(`{}`), Mark: "/m"}
	got, err := c.Record(t.Context(), r)
	if want := (receipt.Request{Method: "PUT", Path: "/cloud?a=1", Body: []byte(`{}`), Mark: "/m"}); !cmp.Equal(want, got) || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if back, err := c.Recall(t.Context(), got); err != nil || !cmp.Equal(back, got) {
		t.Errorf("got %+v, %v", back, err)
	}
	if !c.IsCloud() {
		t.Error("a site without a driver is not Cloud")
	}
}
