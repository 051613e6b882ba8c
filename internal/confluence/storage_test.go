// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// goodBodies are bodies that agents may write.
var goodBodies = []string{
	``,
	`plain text &amp; entities: &nbsp;&eacute;&#8212;`,
	`<p>a <strong>b</strong> <em>c</em><br/></p><hr/>`,
	`<h1>T</h1><ul><li><p>x</p></li></ul><ol start="3"><li>y</li></ol>`,
	`<p style="text-align: center; color: rgb(1,2,3);">x</p>`,
	`<table class="wrapped relative-table" data-layout="default" ac:local-id="1"><colgroup><col style="width: 50.5%;"/></colgroup><tbody><tr><th scope="row">a</th><td colspan="2">b</td></tr></tbody></table>`,
	`<p><a href="https://example.com/a?b=c#d">x</a> <a href="#top">y</a></p>`,
	`<ac:structured-macro ac:name="info" ac:schema-version="1" ac:macro-id="x"><ac:parameter ac:name="title">T</ac:parameter><ac:rich-text-body><p>x</p></ac:rich-text-body></ac:structured-macro>`,
	`<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">xml</ac:parameter><ac:plain-text-body><![CDATA[<script>alert(1)</script>]]></ac:plain-text-body></ac:structured-macro>`,
	`<ac:structured-macro ac:name="expand"><ac:rich-text-body><ac:structured-macro ac:name="toc"/></ac:rich-text-body></ac:structured-macro>`,
	`<p><ac:structured-macro ac:name="status"><ac:parameter ac:name="title">OK</ac:parameter><ac:parameter ac:name="colour">Green</ac:parameter></ac:structured-macro></p>`,
	`<ac:link><ri:page ri:content-title="Deploy"/><ac:link-body>see</ac:link-body></ac:link>`,
	`<ac:link ac:anchor="x"><ac:plain-text-link-body><![CDATA[see]]></ac:plain-text-link-body></ac:link>`,
	`<ac:image ac:width="100"><ri:attachment ri:filename="a.png"/></ac:image>`,
	"<ac:layout>\n<ac:layout-section ac:type=\"single\"><ac:layout-cell><p>x</p></ac:layout-cell></ac:layout-section></ac:layout>",
	`<ac:task-list><ac:task><ac:task-id>1</ac:task-id><ac:task-status>incomplete</ac:task-status><ac:task-body><span>x</span></ac:task-body></ac:task></ac:task-list>`,
	`<p style="color: red; background-color: #fff0b3">a</p><table><tr><td data-highlight-colour="#deebff">b</td></tr></table>`,
	`<p>emoji 👩‍💻 and שלום</p>`,
}

// badBodies are bodies that agents may not write, with what the refusal names.
var badBodies = []struct{ body, says string }{
	{`<script>alert(1)</script>`, `<script>`},
	{`<SCRIPT/>`, `<SCRIPT>`},
	{`<p><iframe src="https://evil.example"/></p>`, `<iframe>`},
	{`<img src="https://evil.example/beacon.png"/>`, `<img>`},
	{`<object/>`, `<object>`}, {`<embed/>`, `<embed>`}, {`<link/>`, `<link>`}, {`<meta/>`, `<meta>`}, {`<base/>`, `<base>`}, {`<form/>`, `<form>`},
	{`<style>p{}</style>`, `<style>`}, {`<svg/>`, `<svg>`}, {`<html/>`, `<html>`}, {`<input/>`, `<input>`},
	{`<p onclick="x()">a</p>`, `onclick`},
	{`<p ONMOUSEOVER="x()">a</p>`, `ONMOUSEOVER`},
	{`<p xmlns:x="http://x">a</p>`, `xmlns:x`},
	{`<p xmlns="ac">a</p>`, `ac:p`}, // the decoder takes the name space for the prefix
	{`<p style="background-image: url(https://evil.example)">a</p>`, `style`},
	{`<p style="color: expression(x)">a</p>`, `style`},
	{`<p style="width: 1px; behavior: x">a</p>`, `style`},
	{`<p style="color: rgb(url(x))">a</p>`, `style`},
	{`<a href="javascript:alert(1)">a</a>`, `javascript`},
	{`<a href=" javascript:alert(1)">a</a>`, `link`},
	{`<a href="java&#10;script:alert(1)">a</a>`, `link`},
	{`<a href="//evil.example">a</a>`, `evil.example`},
	{`<a href="data:text/html,x">a</a>`, `data:`},
	{`<a href="https://user:pw@evil.example">a</a>`, `link`},
	{`<a href="https://">a</a>`, `link`},
	{`<a href="/wiki/logout.action">a</a>`, `link`},
	{`<a href="#a" href="https://x.example">a</a>`, `twice`},
	{`<a href="https://example.com" data-card-appearance="embed">a</a>`, `data-card-appearance`},
	{`<p class="wrapped user-mention">a</p>`, `class`},
	{`<ac:structured-macro ac:name="html"><ac:plain-text-body>x</ac:plain-text-body></ac:structured-macro>`, `"html"`},
	{`<ac:structured-macro ac:name="include"/>`, `"include"`},
	{`<ac:structured-macro ac:name="excerpt-include"/>`, `"excerpt-include"`},
	{`<ac:structured-macro ac:name="excerpt"/>`, `"excerpt"`},
	{`<ac:structured-macro ac:name="jira"><ac:parameter ac:name="jqlQuery">x</ac:parameter></ac:structured-macro>`, `"jira"`},
	{`<ac:structured-macro ac:name="widget"/>`, `"widget"`},
	{`<ac:structured-macro ac:name="iframe"/>`, `"iframe"`},
	{`<ac:structured-macro ac:name="INFO"/>`, `"INFO"`},
	{`<ac:structured-macro/>`, `macro ""`},
	{`<ac:structured-macro ac:name="info" ac:name="html"/>`, `twice`},
	{`<ac:structured-macro ac:name="info" name="html"/>`, `attribute name`},
	{`<ac:macro ac:name="info"/>`, `<ac:macro>`},
	{`<ac:adf-extension/>`, `<ac:adf-extension>`},
	{`<ac:structured-macro ac:name="info"><ac:parameter ac:name="src">x</ac:parameter></ac:structured-macro>`, `"src"`},
	{`<ac:structured-macro ac:name="info"><ac:parameter ac:name="title"><ri:url ri:value="https://evil.example"/></ac:parameter></ac:structured-macro>`, `<ri:url>`},
	{`<ac:structured-macro ac:name="info"><ac:parameter ac:name="title"><b>x</b></ac:parameter></ac:structured-macro>`, `text only`},
	{`<ac:structured-macro ac:name="info"><p>x</p></ac:structured-macro>`, `not allowed in <ac:structured-macro>`},
	{`<ac:structured-macro ac:name="info">text</ac:structured-macro>`, `right inside`},
	{`<ac:structured-macro ac:name="info"><ac:plain-text-body>x</ac:plain-text-body></ac:structured-macro>`, `takes no`},
	{`<ac:structured-macro ac:name="toc"><ac:rich-text-body/></ac:structured-macro>`, `takes no`},
	{`<ac:parameter ac:name="title">x</ac:parameter>`, `not allowed here`},
	{`<ac:rich-text-body><p/></ac:rich-text-body>`, `not allowed here`},
	{`<ac:image><ri:url ri:value="https://evil.example/x.png"/></ac:image>`, `<ri:url>`},
	{`<ac:image ac:src="https://evil.example/x.png"/>`, `ac:src`},
	{`<ac:image><ri:attachment ri:filename="a"><ri:page ri:content-title="x"/></ri:attachment></ac:image>`, `<ri:page>`},
	{`<ac:link><ri:user ri:account-id="x"/></ac:link>`, `<ri:user>`},
	{`<ac:link><ri:page ri:space-key="SEC" ri:content-title="x"/></ac:link>`, `ri:space-key`},
	{`<ac:link><ri:shortcut ri:key="x"/></ac:link>`, `<ri:shortcut>`},
	{`<ri:page ri:content-title="x"/>`, `not allowed here`},
	{`<at:declarations/>`, `<at:declarations>`},
	{`<xml:p/>`, `not allowed`},
	{`<p>`, `well-formed`},
	{`<p></p></p>`, `well-formed`},
	{`</p>`, `well-formed`},
	{`<p></b></p>`, `well-formed`},
	{`a < b`, `well-formed`},
	{`a & b`, `well-formed`},
	{`&xxe;`, `well-formed`},
	{`<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><p>&y;</p>`, `document types`},
	{`<?xml version="1.0"?><p/>`, `processing`},
	{`<?php x ?>`, `processing`},
	{`<!-- hidden -->`, `comments`},
	{`<ac:structured-macro ac:name="code"><ac:plain-text-body>a</ac:plain-text-body><ac:plain-text-body>b</ac:plain-text-body></ac:structured-macro>`, `second body`},
	{`<ac:structured-macro ac:name="info"><ac:parameter ac:name="title">a</ac:parameter><ac:parameter ac:name="title">b</ac:parameter></ac:structured-macro>`, `second parameter title`},
	{`<ac:structured-macro ac:name="panel"><ac:parameter ac:name="bgColor">#0<![CDATA[00]]></ac:parameter></ac:structured-macro>`, `bgColor`},
	{`<ac:link><ri:page ri:content-title="a"/><ri:page ri:content-title="b"/></ac:link>`, `second target`},
	{`<ac:link><ac:link-body>a</ac:link-body><ac:plain-text-link-body>b</ac:plain-text-link-body></ac:link>`, `second body`},
	{`<ac:image><ri:attachment ri:filename="a"/><ri:attachment ri:filename="b"/></ac:image>`, `second target`},
	{`<ac:task-list><ac:task><ac:task-id>1</ac:task-id><ac:task-id>2</ac:task-id></ac:task></ac:task-list>`, `second <ac:task-id>`},
	{`<table><tbody><tr>a<td>b</td></tr></tbody></table>`, `right inside <tr>`},
	{`<table>a</table>`, `right inside <table>`},
	{`<ul>a<li>b</li></ul>`, `right inside <ul>`}, {`<ol>a</ol>`, `right inside <ol>`},
	{`<ac:image ac:alt="` + strings.Repeat("a", maxValue+1) + `"/>`, `longer`},
	{`<a href="https://e.example/` + strings.Repeat("a", maxLink) + `">a</a>`, `longer`},
	{`<ac:structured-macro ac:name="info"><ac:parameter ac:name="title">` + strings.Repeat("<![CDATA[aaaaa]]>", maxValue/5+1) + `</ac:parameter></ac:structured-macro>`, `longer`},
	{`<p style="color: white">a</p>`, `style`}, {`<p style="color: #ffe">a</p>`, `style`}, {`<p style="color: transparent">a</p>`, `style`},
	{`<p style="background-color: #000">a</p>`, `style`}, {`<p style="margin-left: -9999px">a</p>`, `style`},
	{`<table><tr><td data-highlight-colour="#000000">a</td></tr></table>`, `colour`},
	{"<p>a\u202eb</p>", `U+202E`},
	{"<p title=\"a\u2066b\">x</p>", `U+2066`},
	{"<p>\U000e0041</p>", `U+E0041`},
	{"<p>\u0085</p>", `U+0085`},
	{"<p>\x00</p>", `well-formed`},
	{"<p>\xff</p>", `UTF-8`},
	{strings.Repeat("<div>", 101) + strings.Repeat("</div>", 101), `too deep`},
	{strings.Repeat(" ", maxBody+1), `longer`},
}

func TestStorage(t *testing.T) {
	for _, body := range goodBodies {
		if err := checkStorage(body); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, bad := range badBodies {
		err := checkStorage(bad.body)
		if err == nil || !strings.Contains(err.Error(), bad.says) || !strings.Contains(err.Error(), ";") {
			t.Errorf("%.100s: got %v, want a refusal that says %s and what mends it", bad.body, err, bad.says)
		}
	}
}

// TestLists holds the two lists to themselves.
func TestLists(t *testing.T) {
	for tag, e := range elements {
		for _, parent := range e.in {
			if _, ok := elements[parent]; !ok {
				t.Errorf("<%s> belongs into <%s>, which is not an element", tag, parent)
			}
		}
		for _, attr := range append(slices.Clone(everywhere), e.attrs...) {
			if strings.HasPrefix(attr, "on") || attr == "src" || strings.Contains(attr, "xmlns") || strings.HasSuffix(attr, "space-key") {
				t.Errorf("<%s> may have the attribute %s", tag, attr)
			}
		}
	}
	for name, m := range macros {
		if _, ok := elements[m.body]; !ok && m.body != "" {
			t.Errorf("macro %s has the body <%s>, which is not an element", name, m.body)
		}
	}
}

// FuzzStorage holds the validator to an independent look at what it accepted:
// every start tag, by a reader that resolves name spaces by itself.
func FuzzStorage(f *testing.F) {
	for _, body := range goodBodies {
		f.Add(body)
	}
	for _, bad := range badBodies {
		if len(bad.body) < 1000 {
			f.Add(bad.body)
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		if checkStorage(body) != nil {
			return
		}
		const open = `<x xmlns:ac="ac" xmlns:ri="ri">`
		d := xml.NewDecoder(strings.NewReader(open + body + `</x>`))
		d.Entity = xml.HTMLEntity
		for depth := 0; ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatalf("accepted %q, which is not well-formed inside an element: %v", body, err)
			}
			switch token := token.(type) {
			case xml.EndElement:
				if depth--; depth == 0 && d.InputOffset() != int64(len(open+body+`</x>`)) {
					t.Fatalf("accepted %q, which closes what is around it", body)
				}
			case xml.StartElement:
				if depth++; depth == 1 {
					continue
				}
				for _, bad := range []string{"script", "iframe", "img", "url", "user", "object", "html", "style"} {
					if strings.EqualFold(token.Name.Local, bad) {
						t.Fatalf("accepted %q with <%s>", body, token.Name.Local)
					}
				}
				for _, a := range token.Attr {
					name, value := strings.ToLower(a.Name.Local), strings.ToLower(a.Value)
					if strings.HasPrefix(name, "on") || strings.Contains(value, "javascript:") && name == "href" || strings.Contains(value, "url(") && name == "style" {
						t.Fatalf("accepted %q with %s=%q", body, name, value)
					}
				}
			}
		}
	})
}

// FuzzArgs holds every decoder to its bounds: what it accepts is safe to put into a path.
func FuzzArgs(f *testing.F) {
	f.Add([]byte(`{"page_id":"7","max_bytes":5}`))
	f.Add([]byte(`{"cql":"type = page","limit":3}`))
	f.Add([]byte(`{"parent_id":"7","title":"x","body_storage":"<p/>","message":"m"}`))
	f.Add([]byte(`{"page_id":"7","based_on_version":1,"title":"x","body_storage":"<p/>","message":"m"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := parseGet(b); err == nil && (!isID(a.PageID) || *a.MaxBytes < 1 || *a.MaxBytes > maxBody) {
			t.Fatalf("get accepted %q", b)
		}
		if a, err := parseSearch(b); err == nil && (*a.Limit < 1 || *a.Limit > maxLimit || a.CQL == "") {
			t.Fatalf("search accepted %q", b)
		}
		if a, err := parseCreate(b); err == nil && (!isID(a.ParentID) || a.Title == "" || checkStorage(a.Body) != nil) {
			t.Fatalf("create accepted %q", b)
		}
		if a, err := parseUpdate(b); err == nil && (!isID(a.PageID) || a.Version < 1 || checkStorage(*a.Body) != nil) {
			t.Fatalf("update accepted %q", b)
		}
	})
}
