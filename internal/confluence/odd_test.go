// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/receipt"
)

// odd is the read credential's client before a site whose answers to some
// requests are changed, or replaced by an error's status.
func (h *house) odd(change func(r *http.Request, body string) (string, int)) *atlassian.Client {
	h.t.Helper()
	return h.oddOver(http.DefaultTransport, change)
}

// oddOver does the same to the answers that come through rt.
func (h *house) oddOver(rt http.RoundTripper, change func(r *http.Request, body string) (string, int)) *atlassian.Client {
	h.t.Helper()
	return connectOver(h.t, h.c.read.BaseURL(), "reader", "r-token", roundTrip(func(r *http.Request) (*http.Response, error) {
		res, err := rt.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		body, status := change(r, string(b))
		res.Body, res.ContentLength = io.NopCloser(strings.NewReader(body)), -1
		if status != 0 {
			res.StatusCode = status
		}
		return res, err
	}))
}

// TestOddAnswers has the site answer in ways that it should not. Whatever cannot be read for certain is refused.
func TestOddAnswers(t *testing.T) {
	replace := func(path, old, text string) func(*http.Request, string) (string, int) {
		return func(r *http.Request, body string) (string, int) {
			if strings.HasSuffix(r.URL.Path, path) {
				return strings.ReplaceAll(body, old, text), 0
			}
			return body, 0
		}
	}
	whole := func(path, text string, status int) func(*http.Request, string) (string, int) {
		return func(r *http.Request, body string) (string, int) {
			if strings.HasSuffix(r.URL.Path, path) {
				return text, status
			}
			return body, 0
		}
	}
	deep := `{"results":[` + strings.Repeat(`{"id":"1","type":"page"},`, maxAncestors-1) + `{"id":"1","type":"page"}]}`
	tests := []struct {
		name string
		odd  func(*http.Request, string) (string, int)
		want string
	}{
		{"as it should be", replace("none", "", ""), "done"},
		{"restrictions folded", whole("/byOperation", `{"read":{"operation":"read","_expandable":{"restrictions":""}}}`, 0), "upstream"},
		{"restrictions without groups", whole("/byOperation", `{"read":{"restrictions":{"user":{"results":[],"size":0}}}}`, 0), "upstream"},
		{"no restrictions", whole("/byOperation", `{}`, 0), "upstream"},
		{"restricted to a group", whole("/byOperation", `{"read":{"restrictions":{"user":{"results":[]},"group":{"results":[{"name":"x"}]}}}}`, 0), "restricted"},
		{"restricted by size", whole("/byOperation", `{"read":{"restrictions":{"user":{"results":[],"size":1},"group":{"results":[]}}}}`, 0), "restricted"},
		{"restrictions not told", whole("/byOperation", `{}`, 404), "restricted"},
		{"restrictions forbidden", whole("/byOperation", `{}`, 403), "forbidden"},
		{"space in the archive", func(r *http.Request, body string) (string, int) {
			if strings.Contains(r.URL.Path, "/spaces/") {
				return strings.ReplaceAll(body, `"status":"current"`, `"status":"archived"`), 0
			}
			return body, 0
		}, "not_current"},
		{"parent and ancestors differ", replace("", `"parentId":"`, `"parentId":"9`), "conflict"},
		{"another page", replace("", `"id":"`, `"id":"9`), "upstream"},
		{"too deep", whole("/ancestors", deep, 0), "outside"},
		{"an ancestor without an id", whole("/ancestors", `{"results":[{"type":"page"}]}`, 0), "upstream"},
		{"an ancestor of an unknown type", replace("/ancestors", `"type":"page"`, `"type":"canvas"`), "outside"},
		{"an ancestor that is not there", whole("/pages", `{"results":[]}`, 0), "not_found"},
		{"sent elsewhere", whole("/ancestors", "", 302), "upstream"},
		{"two titles", replace("", `"title":`, `"title":"x","title":`), "upstream"},
		{"not JSON", whole("/ancestors", `<html>`, 0), "upstream"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t, prefixPolicy, nil)
			h.c.read = h.odd(test.odd)
			h.want(h.get(h.deploy), test.want)
		})
	}
}

// TestTreeMovedWithItsRoot has a whole tree change its space between plan and act, so that only the space tells.
func TestTreeMovedWithItsRoot(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	acting := false
	page, _ := h.site.Page(h.deploy)
	h.c.read = h.odd(func(_ *http.Request, body string) (string, int) {
		if acting {
			body = strings.ReplaceAll(body, `"spaceId":"`+page.SpaceID+`"`, `"spaceId":"777"`)
		}
		return body, 0
	})
	h.want(h.do("page.get", args(`{"page_id":%q}`, h.deploy), func() { acting = true }), "conflict")
}

// TestBelowOtherContent has the policy's root's place taken by content of every type that pages can lie in.
func TestBelowOtherContent(t *testing.T) {
	for typ, path := range map[string]string{"whiteboard": "/whiteboards/", "database": "/databases/", "embed": "/embeds/"} {
		h := newHouse(t, prefixPolicy, nil)
		title := "Runbooks"
		h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
			switch {
			case r.URL.Path == v2+path+h.runbooks: // the simulated site has no such content
				return `{"id":"` + h.runbooks + `","title":"` + title + `"}`, 200
			case strings.HasSuffix(r.URL.Path, "/ancestors"):
				return strings.ReplaceAll(body, `"id":"`+h.runbooks+`","type":"page"`, `"id":"`+h.runbooks+`","type":"`+typ+`"`), 0
			}
			return body, 0
		})
		h.want(h.get(h.deploy), "done")
		title = "Renamed"
		h.want(h.get(h.deploy), "outside")
	}
}

func TestSearchHitGoneMeanwhile(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	h.c.read = h.odd(func(r *http.Request, body string) (string, int) {
		if r.URL.Path == "/wiki/api/v2/pages/"+h.deploy+"/ancestors" {
			return `{}`, 404
		}
		return body, 0
	})
	e := h.search(`text ~ "alpha" AND title = "Deploy"`)
	h.want(e, "done")
	if got := h.hits(e); len(got) != 0 || e.result.Outcome.Code != "filtered" {
		t.Errorf("got %v, %+v", got, e.result.Outcome)
	}
}

func TestSearchOfASpaceDoesNotBelieveTheIndex(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	h.c.read = h.indexed([]string{h.secret, h.hr, h.site.HomepageID("SEC")})
	e := h.search(`text ~ "alpha"`)
	h.want(e, "done")
	if got := h.hits(e); !slices.Equal(got, []string{h.hr}) {
		t.Errorf("got %v, want only %s", got, h.hr)
	}
}

// TestEditedRightAfterTheWrite has somebody write between our write and our last look.
func TestEditedRightAfterTheWrite(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	h.c.write = h.over(roundTrip(func(r *http.Request) (*http.Response, error) {
		res, err := http.DefaultTransport.RoundTrip(r)
		h.site.EditPage(h.deploy, "", "<p>theirs</p>")
		return res, err
	}))
	e := h.update(h.deploy, 1, "<p>ours</p>")
	if e.code != "conflict" || e.result.Outcome.Status != receipt.Done || e.result.Outcome.Code != "conflict" || e.result.Outcome.Target.Version != "2" {
		t.Errorf("got %s with %+v", e, e.result.Outcome)
	}
}
