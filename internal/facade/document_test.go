// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package facade

import (
	"encoding/json"
	"html"
	"strings"
	"testing"
	"unicode/utf8"

	pagebody "github.com/clawea/clawea/internal/page"
)

// outline is a document in short: kind(inside), texts with their marks.
func outline(n *docNode) string {
	if n.Type == "text" {
		s := n.Text
		for _, m := range n.Marks {
			s = m.Type + m.Attrs["href"] + "[" + s + "]"
		}
		return s
	}
	var b strings.Builder
	for _, k := range n.Content {
		b.WriteString(outline(k))
	}
	return n.Type + "(" + b.String() + ")"
}

func drawn(t testing.TB, storage string) *docNode {
	t.Helper()
	doc := new(docNode)
	b := documentOf(storage)
	if err := json.Unmarshal(b, doc); err != nil || doc.Type != "doc" || doc.Content == nil {
		t.Fatalf("%s is no document: %v", b, err)
	}
	return doc
}

func TestDocumentOf(t *testing.T) {
	for storage, want := range map[string]string{
		"":                                       "doc()",
		"plain":                                  "doc(paragraph(plain))",
		"<p>a</p> <p>b &amp; c</p>":              "doc(paragraph(a)paragraph(b & c))",
		"<h2>Head</h2><p>one<br/>two</p><p></p>": "doc(heading(Head)paragraph(one\ntwo))",
		"<p><strong>a<em>b</em></strong><code>c</code>&nbsp;</p>": "doc(paragraph(strong[a]em[strong[b]]code[c]\u00a0))",
		`<p><a href="https://example.com/">here</a></p>`:          "doc(paragraph(linkhttps://example.com/[here]))",
		`<p><ac:link><ri:page ri:content-title="Deploy"/></ac:link> and <ac:link><ri:page ri:content-title="X"/><ac:link-body>words</ac:link-body></ac:link></p>`:                "doc(paragraph(Deploy and words))",
		`<p><ac:link><ri:user ri:account-id="acc"/></ac:link> <time datetime="2026-01-02"/> <ac:emoticon ac:name="x" ac:emoji-fallback=":)"/></p>`:                               "doc(paragraph(acc 2026-01-02 :)))",
		`<ac:image ac:alt="plan"><ri:attachment ri:filename="plan.png"/></ac:image>`:                                                                                             "doc(paragraph(plan))",
		`<p>a<ac:inline-comment-marker ac:ref="1">b</ac:inline-comment-marker></p>`:                                                                                              "doc(paragraph(ab))",
		"<ul><li>a<ul><li><p>b</p><p>c</p><ol><li>d</li></ol></li></ul></li><li><p>e</p></li></ul>":                                                                              "doc(bulletList(listItem(paragraph(a)bulletList(listItem(paragraph(b\nc))listItem(paragraph(d))))listItem(paragraph(e))))",
		"<ac:task-list><ac:task><ac:task-id>1</ac:task-id><ac:task-status>incomplete</ac:task-status><ac:task-body>do</ac:task-body></ac:task></ac:task-list>":                   "doc(bulletList(listItem(paragraph(do))))",
		"<table><tbody><tr><th>h</th><th><p>i</p></th></tr><tr><td><p>a</p><p>b</p></td><td><ul><li>c</li><li>d</li></ul></td></tr></tbody></table>":                             "doc(table(tableRow(tableHeader(paragraph(h))tableHeader(paragraph(i)))tableRow(tableCell(paragraph(a b))tableCell(paragraph(c d)))))",
		`<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">go</ac:parameter><ac:plain-text-body><![CDATA[a < b]]></ac:plain-text-body></ac:structured-macro>`: "doc(codeBlock(a < b))",
		`<ac:structured-macro ac:name="info"><ac:parameter ac:name="title">T</ac:parameter><ac:rich-text-body><p>x</p></ac:rich-text-body></ac:structured-macro>`:                "doc(panel(paragraph(strong[T])paragraph(x)))",
		`<ac:structured-macro ac:name="expand"><ac:rich-text-body><p>x</p></ac:rich-text-body></ac:structured-macro>`:                                                            "doc(expand(paragraph(x)))",
		`<p>is <ac:structured-macro ac:name="status"><ac:parameter ac:name="title">DONE</ac:parameter></ac:structured-macro> now</p>`:                                            "doc(paragraph(is DONE now))",
		`<ac:structured-macro ac:name="toc"/>`: "doc(extension())",
		`<ac:structured-macro ac:name="excerpt"><ac:rich-text-body>x</ac:rich-text-body></ac:structured-macro>`:                                                         "doc(bodiedExtension(paragraph(x)))",
		"<ac:layout><ac:layout-section><ac:layout-cell><p>a</p></ac:layout-cell></ac:layout-section></ac:layout><blockquote><p>b</p></blockquote><hr/><pre>c\n d</pre>": "doc(paragraph(a)paragraph(b)codeBlock(c\n d))",
		"<p>cut he":          "doc(paragraph(cut he))",
		"<p>a</p><p>b</str":  "doc(paragraph(a)paragraph(b)paragraph(</str))",
		"<p>a</b>c</p>":      "doc(paragraph(a)paragraph(</b>c</p>))",
		"<!-- a --><p>b</p>": "doc(paragraph(b))",
	} {
		if got := outline(drawn(t, storage)); got != want {
			t.Errorf("%s\n got %s\nwant %s", storage, got, want)
		}
	}
}

// What nests deeper than is read is shown as it is written.
func TestDocumentOfDepths(t *testing.T) {
	deep := strings.Repeat("<div>", 10000) + "bottom" + strings.Repeat("</div>", 10000)
	if got := outline(drawn(t, deep)); !strings.Contains(got, "<div>bottom</div>") {
		t.Error("what is below is not shown")
	}
}

// Every word of a document is one of the body, and a document is one that the
// connectors' own reader takes.
func FuzzDocumentOf(f *testing.F) {
	for _, s := range []string{
		"<p>a <strong>b</strong></p>", "<ul><li>a<ul><li>b</li></ul></li></ul>", "<table><tr><td>a</td></tr></table>", "<p>cut <st",
		`<ac:structured-macro ac:name="x"><ac:parameter ac:name="y">z</ac:parameter><ac:plain-text-body><![CDATA[a]]></ac:plain-text-body></ac:structured-macro>`,
		`<p><ac:link><ri:page ri:content-title="Deploy &amp; co"/></ac:link></p>`, "<p>&nbsp;&auml;</p>", "<p><p><li><tr>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, storage string) {
		if len(storage) > 1<<16 || !utf8.ValidString(storage) { // which results are
			return
		}
		doc := drawn(t, storage)
		all := strings.Join(strings.Fields(storage+" "+html.UnescapeString(storage)), " ")
		var words func(*docNode)
		words = func(n *docNode) {
			for _, w := range strings.Fields(n.Text) {
				if !strings.Contains(all, w) && !strings.ContainsAny(storage, "&<\r") {
					t.Errorf("%q is not in %q", w, storage)
				}
			}
			for _, k := range n.Content {
				words(k)
			}
		}
		words(doc)
		b := documentOf(storage)
		if len(b) > 1000+200*len(storage) {
			t.Errorf("%d bytes of storage became %d", len(storage), len(b))
		}
		if _, err := pagebody.Parse(pagebody.ADF, string(b)); err != nil && len(b) < pagebody.MaxBody {
			t.Errorf("%s: %v", b, err)
		}
	})
}
