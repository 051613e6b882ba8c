// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// hostile is in every text that comes from outside.
const hostile = "<script>alert(1)</script>'\"><img src=x onerror=alert(2)>\u202eevil\u200b</textarea></title></pre>{{.}}`javascript:alert(3)"

const wpc = `{"approvals":{"required_for":["external_send"]},"policy_name":"wiki","purpose":%q,"runtime":{"max_ttl_seconds":600},` +
	`"tool_policy":{"allow":["desk.page.get","desk.page.update"%s]},"wpc_version":"v1"}`

// lived returns a house in which things have happened, all of them hostile, and
// the question that waits.
func lived(t *testing.T) (h *house, question string) {
	t.Helper()
	h = newHouse(t)
	h.publish(fmt.Sprintf(wpc, "x", ""))
	time.Sleep(5 * time.Millisecond) // the next is published later
	h.hash = h.publish(fmt.Sprintf(wpc, "<b>to keep the wiki tidy</b>", `,"desk.page.send"`))
	if err := h.DB.PutShadow(t.Context(), h.hash, h.publish(fmt.Sprintf(wpc, "y", `,"desk.other"`))); err != nil {
		t.Fatal(err)
	}
	raw := h.order("job-1")
	change := &receipt.Change{
		Summary: "Update page 77 " + hostile, Request: receipt.Request{Method: "PUT", Path: "/wiki/77?" + hostile, Body: []byte(`{"body":"new"}`)},
		Undo: receipt.Undo{Action: "page.restore"}, Diff: "@@ # " + hostile + "\n same " + hostile + "\n-old " + hostile + "\n+new " + hostile + "\ndropped: " + hostile + "\n",
	}
	if _, err := h.do(raw, &deed{action: read, args: `{"q":"` + "tidings\u202e <script>alert(1)</script>" + `"}`, result: hostile, outcome: receipt.Outcome{Status: receipt.Done, Code: hostile, Actor: hostile}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.do(raw, &deed{action: post, args: `{}`, change: change, outcome: receipt.Outcome{Status: receipt.Failed, Code: "conflict"}}); err != nil {
		t.Fatal(err)
	}
	other := post
	other.Name = "page.destroy"
	if _, err := h.do(raw, &deed{action: other, args: `{}`}); err == nil {
		t.Fatal("not denied")
	}
	r, err := h.do(raw, &deed{action: mail, args: hostile, change: change})
	if pending := (*gate.Pending)(nil); !errors.As(err, &pending) {
		t.Fatalf("not asked: %v", err)
	}
	h.order("job-2")
	if _, err := h.Orders.Revoke(t.Context(), store.Revocation{Revocation: token.Revocation{Kind: token.RevokeAgent, Target: "other"}, By: "olga " + hostile, Reason: hostile}); err != nil {
		t.Fatal(err)
	}
	if h.proposed, err = h.Drafts.Propose(t.Context(), h.signed(h.ada, fmt.Sprintf(wpc, hostile, "")), "kim "+hostile); err != nil {
		t.Fatal(err)
	}
	h.listed()
	h.publishes()
	return h, r.Asks
}

// visited are all pages of a house that has lived.
func visited(h *house, question string) []string {
	return []string{
		"/", "/?span=7d", "/approvals", "/approvals/" + question, "/policies", "/policies/" + h.hash.String(), "/jobs", "/jobs?agent=robot&state=waiting",
		"/jobs/job-1", "/jobs/job-1?after=2", "/jobs/job-2", "/jobs/house", "/jobs/job-1/receipts/1", "/jobs/job-1/receipts/2", "/jobs/job-1/texts/1/args", "/jobs/job-1/texts/2/result",
		"/jobs/job-1/texts/3/change", "/account", "/agents", "/revocations", "/revocations?all=true", "/revocations/new", "/revocations/new?kind=job&target=" + "%3Cscript%3Ealert(1)%3C%2Fscript%3E", "/revocations/1/lift",
		"/policies/new", "/policies/new?from=" + h.hash.String(), "/policies/drafts/" + h.proposed.String(), "/settings", "/settings/people", "/pulse", "/pulse/" + h.published.String() + "/about", "/settings/people?after=kim0001%40house.test", "/audit", "/audit?resource=77&code=conflict&effect=allow",
		"/nothing", "/jobs/nobody", "/jobs?from=yesterday", "/jobs/job-1/texts/9/args", "/jobs?agent=" + "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
	}
}

const all = "author approver operator auditor admin"

func TestPages(t *testing.T) {
	h, question := lived(t)
	links := map[string]bool{}
	for _, path := range visited(h, question) {
		a := h.get(all, path)
		lost := slices.Contains([]string{"/nothing", "/jobs/nobody", "/jobs/job-1/texts/9/args"}, path)
		if want := map[bool]int{true: 404, false: 200}[lost]; a.status != want && path != "/jobs?from=yesterday" {
			t.Errorf("%s: %d, want %d\n%s", path, a.status, want, a.body)
		}
		checkHeaders(t, path, a)
		for _, l := range checkPage(t, path, a.body) {
			links[l] = true
		}
	}
	for l := range links {
		page, _, _ := strings.Cut(l, "#")
		if a := h.get(all, page); a.status != 200 && page != "/logout" && page != "" && !checks(page) {
			t.Errorf("the link %s leads to %d", l, a.status)
		}
	}
	if a := h.get(all, "/jobs?from=yesterday"); a.status != 400 || !strings.Contains(a.body, "2026-11-21 14:30") {
		t.Errorf("a bad time: %d", a.status)
	}
}

func checkHeaders(t testing.TB, path string, a *reply) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Content-Security-Policy": contentPolicy,
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %s is %q", path, name, got)
		}
	}
}

// phrasing are elements that hold no blocks.
var phrasing = []string{"p", "span", "a", "code", "strong", "h1", "h2", "h3", "summary", "label", "button", "caption", "time"}
var blocks = []string{"p", "div", "ul", "ol", "li", "table", "dl", "section", "pre", "details", "form", "figure", "h1", "h2", "h3"}

// checkPage holds a page to what all pages are: balanced, without scripts and
// styles of its own, with one first heading and no gap below it, each id once,
// each field with a label, each table with a caption and scopes. It returns the
// links to other pages.
func checkPage(t testing.TB, path, body string) (links []string) {
	t.Helper()
	if !strings.HasPrefix(body, "<!doctype html>\n<html lang=\"en\">") {
		t.Errorf("%s begins with %.60q", path, body)
	}
	for _, bad := range []string{"<script>", "onerror=alert(2)>", "\u202e", "\u200b", "{{", "ZgotmplZ", "<no value>"} {
		if bad == "{{" {
			bad = "{{ "
		}
		if strings.Contains(body, bad) {
			t.Errorf("%s holds %q", path, bad)
		}
	}
	d := xml.NewDecoder(strings.NewReader(body))
	d.Entity = xml.HTMLEntity
	var open []string
	var level, firsts int
	ids := map[string]bool{}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Errorf("%s is not balanced: %v", path, err)
			return links
		}
		switch e := tok.(type) {
		case xml.StartElement:
			links = append(links, checkElement(t, path, &e, open, ids)...)
			open = append(open, e.Name.Local)
			if n := strings.TrimPrefix(e.Name.Local, "h"); len(n) == 1 && n >= "1" && n <= "6" {
				now := int(n[0] - '0')
				if now > level+1 {
					t.Errorf("%s: heading %d comes after %d", path, now, level)
				}
				if level = now; now == 1 {
					firsts++
				}
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
	if firsts != 1 {
		t.Errorf("%s has %d first headings", path, firsts)
	}
	if strings.Count(body, "<table") != strings.Count(body, "<caption") {
		t.Errorf("%s has a table without a caption", path)
	}
	for _, m := range regexp.MustCompile(`aria-labelledby="([^"]*)"|href="#([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if !ids[m[1]+m[2]] {
			t.Errorf("%s: nothing has the id %q", path, m[1]+m[2])
		}
	}
	return links
}

func checkElement(t testing.TB, path string, e *xml.StartElement, open []string, ids map[string]bool) (links []string) {
	t.Helper()
	name, attr := e.Name.Local, map[string]string{}
	for _, a := range e.Attr {
		attr[a.Name.Local] = a.Value
		if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") {
			t.Errorf("%s: %s has %s", path, name, a.Name.Local)
		}
	}
	if id, ok := attr["id"]; ok {
		if ids[id] {
			t.Errorf("%s: the id %s is there twice", path, id)
		}
		ids[id] = true
	}
	if n := len(open); n > 0 && slices.Contains(phrasing, open[n-1]) && slices.Contains(blocks, name) {
		t.Errorf("%s: %s in %s", path, name, open[n-1])
	}
	switch {
	case name == "style", name == "script" && !strings.HasPrefix(attr["src"], "/assets/"):
		t.Errorf("%s has a %s of its own", path, name)
	case name == "th" && attr["scope"] == "", name == "img" && !hasAttr(e, "alt"), name == "svg" && attr["role"] == "" && attr["aria-hidden"] == "":
		t.Errorf("%s: %s without what tells what it is", path, name)
	case (name == "input" || name == "select") && attr["type"] != "hidden" && !slices.Contains(open, "label"):
		t.Errorf("%s: a field without a label: %v", path, attr)
	}
	for _, a := range []string{"href", "src", "action"} {
		u, ok := attr[a]
		if ok && !strings.HasPrefix(u, "/") && !strings.HasPrefix(u, "#") {
			t.Errorf("%s: %s of %s leads elsewhere: %q", path, a, name, u)
		}
		if ok && name != "form" && !strings.HasPrefix(u, "#") {
			links = append(links, u)
		}
	}
	return links
}

func hasAttr(e *xml.StartElement, name string) bool {
	return slices.ContainsFunc(e.Attr, func(a xml.Attr) bool { return a.Name.Local == name })
}

// Every route says who may see it, and nobody else does.
func TestRoles(t *testing.T) {
	h, question := lived(t)
	paths := strings.NewReplacer("GET ", "", "{$}", "", "/drafts/{id}", "/drafts/"+h.proposed.String(), "/revocations/{id}", "/revocations/1", "/approvals/{id}", "/approvals/"+question, "/pulse/{id}", "/pulse/"+h.published.String(), "{hash}", h.hash.String(), "{job}", "job-1", "{seq}", "1", "{part}", "args")
	for _, rt := range h.routes() {
		if rt.roles == nil || strings.HasPrefix(rt.pattern, "POST ") { // those of the answers are TestAnswer's
			continue
		}
		path := paths.Replace(rt.pattern)
		for _, role := range []string{Author, Approver, Operator, Auditor, Admin, "visitor"} {
			a, want := h.get(role, path), 403
			if slices.Contains(rt.roles, role) {
				want = 200
			}
			if a.status != want {
				t.Errorf("%s as %s: %d, want %d", path, role, a.status, want)
			}
			if want == 403 && !strings.Contains(a.body, "This page is not for your role") {
				t.Errorf("%s as %s: %s", path, role, a.body)
			}
			if a.header.Get("Content-Type") != "application/json" {
				checkHeaders(t, path, a)
				checkPage(t, path, a.body)
			}
		}
		if a := h.get("", path); a.status != 403 || !strings.Contains(a.body, "You have no role in this house") {
			t.Errorf("%s without a role: %d", path, a.status)
		}
		if a := h.get("?", path); a.status != 503 {
			t.Errorf("%s while nobody can be told: %d", path, a.status)
		}
	}
	if a := h.get("-", "/jobs?agent=a&state=live"); a.status != 303 || a.header.Get("Location") != "/login?back=%2Fjobs%3Fagent%3Da%26state%3Dlive" {
		t.Errorf("nobody: %d %s", a.status, a.header.Get("Location"))
	}
	for _, path := range []string{"//evil.test/x", "/nothing//evil.test"} {
		if a := h.get("-", path); a.status != 301 && a.status != 307 && !strings.HasPrefix(a.header.Get("Location"), "/login?back=%2F") {
			t.Errorf("%s: %d %s", path, a.status, a.header.Get("Location"))
		}
	}
}

// The table of routes is in the documentation, word for word.
func TestDocumented(t *testing.T) {
	b := readDoc(t)
	for _, rt := range new(Console).routes() {
		who := strings.Join(rt.roles, ", ")
		if rt.roles == nil {
			who = "anyone"
		}
		if line := "| `" + rt.pattern + "` | " + who + " |"; !strings.Contains(b, line) {
			t.Errorf("docs/console.md lacks %s", line)
		}
	}
}

// What agents wrote and read is for some roles only, is marked, and each look at
// it is logged.
func TestTexts(t *testing.T) {
	h, question := lived(t)
	for _, role := range []string{Author, Operator} {
		if a := h.get(role, "/jobs/job-1/texts/1/args"); a.status != 403 || strings.Contains(a.body, "Untrusted") {
			t.Errorf("%s: %d", role, a.status)
		}
	}
	if a := h.get(Operator, "/jobs/job-1"); strings.Contains(a.body, "/texts/") || !strings.Contains(a.body, "Its texts are for approvers") {
		t.Error("an operator is offered texts")
	}
	if strings.Contains(h.log.String(), "a person looked") {
		t.Error("somebody looked already")
	}
	for path, want := range map[string]string{
		"/jobs/job-1/texts/1/args":   "tidings&lt;U&#43;202E&gt; &lt;script&gt;",
		"/jobs/job-1/texts/2/result": "&lt;script&gt;alert(1)",
		"/jobs/job-1/texts/3/change": "by desk.page.restore",
		"/approvals/" + question:     "What the agent had read before",
	} {
		a := h.get(Approver, path)
		if a.status != 200 || !strings.Contains(a.body, want) || !strings.Contains(a.body, "Untrusted text.") {
			t.Errorf("%s: %d\n%s", path, a.status, a.body)
		}
	}
	for _, want := range []string{"text=args", "text=result", "text=change", "text=question", "key=kim@house.test", "receipt=job-1/1"} {
		if !strings.Contains(h.log.String(), want) {
			t.Errorf("the log does not say %s", want)
		}
	}
	if strings.Contains(h.log.String(), "tidings") {
		t.Error("the log holds a text")
	}
}

// What a page shows of a receipt, a gate of the house has signed.
func TestTampered(t *testing.T) {
	h, question := lived(t)
	if _, err := h.raw.ExecContext(t.Context(), `UPDATE receipt SET envelope = (SELECT envelope FROM receipt WHERE job = 'job-1' AND seq = 3) WHERE job = 'job-1' AND seq IN (1, 6)`); err != nil {
		t.Fatal(err)
	}
	if a := h.get(Auditor, "/jobs/job-1"); strings.Count(a.body, "This does not verify.") != 2 {
		t.Errorf("the thread: %s", a.body)
	}
	for _, path := range []string{"/jobs/job-1/receipts/1", "/jobs/job-1/texts/1/args", "/approvals/" + question} {
		if a := h.get(Auditor, path); a.status != 409 {
			t.Errorf("%s: %d\n%s", path, a.status, a.body)
		}
	}
	if a := h.get(Auditor, "/"); !strings.Contains(a.body, "Do not answer it.") {
		t.Error("the overview shows the question as it is")
	}
	if _, err := h.raw.ExecContext(t.Context(), `DELETE FROM receipt WHERE seq = 6`); err != nil {
		t.Fatal(err)
	}
	if a := h.get(Auditor, "/approvals"); a.status != 200 || !strings.Contains(a.body, "Do not answer it.") {
		t.Errorf("a question whose receipt is gone: %d", a.status)
	}
	if _, err := h.raw.ExecContext(t.Context(), `UPDATE policy SET binding = X'00'`); err != nil {
		t.Fatal(err)
	}
	if a := h.get(Auditor, "/policies"); a.status != 200 || !strings.Contains(a.body, "does not verify") {
		t.Errorf("policies: %d", a.status)
	}
	if a := h.get(Auditor, "/policies/"+h.hash.String()); a.status != 409 {
		t.Errorf("policy: %d", a.status)
	}
}

// A house whose database is gone says so, and tells no cause.
func TestNoDatabase(t *testing.T) {
	h, question := lived(t)
	h.DB.Close()
	for _, path := range visited(h, question) {
		a := h.get(all, path)
		if a.status < 400 && !slices.Contains([]string{"/settings", "/account", "/policies/new"}, path) && !strings.HasPrefix(path, "/revocations/new") || strings.Contains(a.body, "sql:") || strings.Contains(a.body, "database is closed") {
			t.Errorf("%s: %d\n%s", path, a.status, a.body)
		}
		checkPage(t, path, a.body)
	}
}

// Run lists what happens while it runs, and ends with its context.
func TestRun(t *testing.T) {
	h, _ := lived(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Run(ctx)
	}()
	go h.ledger.Run(ctx, time.Millisecond)
	raw := h.order("late")
	if _, err := h.do(raw, &deed{action: read, args: "{}", outcome: receipt.Outcome{Status: receipt.Done, Code: "fresh"}}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); !strings.Contains(h.get(Auditor, "/audit?code=fresh").body, "late/1"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not listed")
		}
	}
	stop()
	<-done
}

// The search finds by each of its fields.
func TestAudit(t *testing.T) {
	h, _ := lived(t)
	for query, want := range map[string]int{
		"": 5, "job=job-1": 4, "job=job-9": 0, "agent=robot": 4, "action=desk.page.update": 1, "effect=deny": 1, "effect=ask": 1, "effect=order": 1,
		"outcome=failed": 1, "code=conflict": 1, "resource=77": 3, "resource=9&effect=allow": 2, "from=2020-01-01&to=2020-01-02": 0, "to=9998-01-01": 5,
	} {
		a := h.get(Auditor, "/audit?"+query)
		if got := strings.Count(a.body, `<th scope="row">`); a.status != 200 || got != want {
			t.Errorf("%s: %d, %d lines, want %d", query, a.status, got, want)
		}
	}
	for _, query := range []string{"from=x", "before=x", "before=1.x", "job=" + strings.Repeat("x", 301), "job=%00", "job=%ff"} {
		if a := h.get(Auditor, "/audit?"+query); a.status != 400 && a.status != 404 {
			t.Errorf("%s: %d", query, a.status)
		}
	}
}

// Lists go on where they ended.
func TestPaging(t *testing.T) {
	h := newHouse(t)
	h.hash = h.publish(fmt.Sprintf(wpc, "x", ""))
	for i := range perPage + 5 {
		h.order(fmt.Sprintf("job-%03d", i))
	}
	a := h.get(Admin, "/jobs?agent=robot")
	m := regexp.MustCompile(`rel="next" href="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil || strings.Count(a.body, `<th scope="row">`) != perPage {
		t.Fatalf("first page: %s", a.body)
	}
	next := strings.ReplaceAll(m[1], "&amp;", "&")
	if !strings.Contains(next, "agent=robot") {
		t.Errorf("the filter is lost: %s", next)
	}
	b := h.get(Admin, next)
	if strings.Count(b.body, `<th scope="row">`) != 5 || strings.Contains(b.body, `rel="next"`) {
		t.Errorf("second page of %s: %s", next, b.body)
	}
	raw := h.order("long")
	for range perThread + 2 {
		if _, err := h.do(raw, &deed{action: read, args: "{}", outcome: receipt.Outcome{Status: receipt.Done}}); err != nil {
			t.Fatal(err)
		}
	}
	first := h.get(Admin, "/jobs/long")
	m = regexp.MustCompile(`rel="next" href="([^"]*)"`).FindStringSubmatch(first.body)
	if m == nil || strings.Count(first.body, `<li id="r`) != perThread {
		t.Fatal("first page of the thread")
	}
	if rest := h.get(Admin, m[1]); strings.Count(rest.body, `<li id="r`) != 2 || !strings.Contains(rest.body, "From the beginning") {
		t.Errorf("second page of the thread: %s", rest.body)
	}
}
