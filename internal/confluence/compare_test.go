// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"strings"
	"testing"
)

func TestSameBody(t *testing.T) {
	const macro = `<ac:structured-macro ac:name="info"><ac:rich-text-body><p>x</p></ac:rich-text-body></ac:structured-macro>`
	same := []struct{ a, b string }{
		{"", ""},
		{"<p/>", "<p></p>"},
		{"<p>a<br/>b</p>", "<p>a<br />b</p>"},
		{"<p>&eacute;&nbsp;&amp;</p>", "<p>é\u00a0&amp;</p>"},
		{macro, `<ac:structured-macro ac:schema-version="1" ac:name="info" ac:macro-id="1"><ac:rich-text-body> <p local-id="2">x</p></ac:rich-text-body></ac:structured-macro>`},
		{`<ac:task-list><ac:task><ac:task-status>complete</ac:task-status></ac:task></ac:task-list>`,
			`<ac:task-list><ac:task><ac:task-id>7</ac:task-id><ac:task-uuid>u</ac:task-uuid><ac:task-status>complete</ac:task-status></ac:task></ac:task-list>`},
		{`<ac:plain-text-body><![CDATA[a]]b]]></ac:plain-text-body>`, `<ac:plain-text-body><![CDATA[a]]]]><![CDATA[b]]></ac:plain-text-body>`},
	}
	for _, test := range same {
		if !sameBody(test.a, test.b) || !sameBody(test.b, test.a) {
			t.Errorf("%s and %s count as two", test.a, test.b)
		}
	}
	other := []struct{ a, b string }{
		{"<p>a</p>", "<p>b</p>"}, {"<p>a</p>", "<h1>a</h1>"}, {"<p>a</p>", "<p>a</p><p>a</p>"}, {"<p>a b</p>", "<p>ab</p>"},
		{macro, strings.Replace(macro, "info", "note", 1)}, {macro, ""}, {`<a href="#a">x</a>`, `<a href="#b">x</a>`}, {"<p>", "<p>x"},
		{`<p><em>a</em>b</p>`, `<p><em>ab</em></p>`},
	}
	for _, test := range other {
		if sameBody(test.a, test.b) {
			t.Errorf("%s and %s count as one", test.a, test.b)
		}
	}
}

func TestMarks(t *testing.T) {
	for message, want := range map[string]string{
		marked("why", "job-1/7"):                  "job-1/7",
		marked("", "job-1/7"):                     "job-1/7",
		marked("why (clawea other/1)", "job-1/7"): "job-1/7",
		"why":                           "",
		"why (clawea job-1/7) and more": "",
		"why(clawea job-1/7)":           "",
		"(clawea job-1)":                "",
		"(clawea job-1/0)":              "",
		"(clawea job-1/01)":             "",
		"(clawea ../7)":                 "",
		"(clawea job-1/7 )":             "",
		"(clawea a/b/7)":                "",
		"(clawea " + strings.Repeat("x", 65) + "/7)":     "",
		"(clawea job-1/9999999999999999999999999999999)": "",
	} {
		if got := markOf(message); got != want {
			t.Errorf("%q names %q, want %q", message, got, want)
		}
	}
	if marked("why", "") != "why" {
		t.Error("a mark without a name")
	}
}

// FuzzSameBody says: comparing never panics, is symmetric, and a body that can be read is itself.
func FuzzSameBody(f *testing.F) {
	for _, body := range goodBodies {
		f.Add(body, body)
	}
	for _, bad := range badBodies {
		f.Add(bad.body, "")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if sameBody(a, b) != sameBody(b, a) || !sameBody(a, a) {
			t.Errorf("%q and %q", a, b)
		}
	})
}

// FuzzMark says: what is read from a message is a receipt's name, and one that was marked names what it was marked with.
func FuzzMark(f *testing.F) {
	f.Add("why", "job-1/7")
	f.Add("why (clawea job-1/7)", "")
	f.Fuzz(func(t *testing.T, message, receipt string) {
		if mark := markOf(message); mark != "" && checkUndoes(mark) != nil {
			t.Errorf("%q names %q", message, mark)
		}
		if receipt != "" && checkUndoes(receipt) == nil && markOf(marked(message, receipt)) != receipt {
			t.Errorf("%q marked with %q names %q", message, receipt, markOf(marked(message, receipt)))
		}
		if cursor, err := (links{message}).next(); err == nil && (cursor == "") != (message == "") {
			t.Errorf("a list that goes on at %q goes on at %q", message, cursor)
		}
	})
}
