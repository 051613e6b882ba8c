// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"strings"
	"testing"
)

// A shape is a page made to be slow, and what becomes of it. Its text is about
// as long as asked for.
type shape struct {
	name   string
	format Format
	make   func(n int) (before, after string)
}

// fill repeats a unit to about n bytes.
func fill(n int, unit string) string { return strings.Repeat(unit, max(n/len(unit), 1)) }

// countUp fills n bytes with units that have one verb for a number.
func countUp(n, from int, unit string) string {
	var b strings.Builder
	for i := from; b.Len() < n-len(unit)-8; i++ {
		fmt.Fprintf(&b, unit, i)
	}
	return b.String()
}

// deep puts text into 60 of an element.
func deep(tag, text string) string {
	name, _, _ := strings.Cut(tag, " ")
	return strings.Repeat("<"+tag+">", 60) + text + strings.Repeat("</"+name+">", 60)
}

// with is a text, and the same with more behind it.
func with(s, more string) (before, after string) { return s, s + more }

var shapes = []shape{
	{"deep text", Storage, func(n int) (string, string) { s := fill(n, "a&amp;"); return deep("div", s), deep("div", s+"b") }},
	{"deep blocks", Storage, func(n int) (string, string) {
		s := fill(n, "<p>a</p>")
		return deep("div", s), deep("div", s+"<p>b</p>")
	}},
	{"deep lists", Storage, func(n int) (string, string) {
		open, shut := strings.Repeat("<ul><li>", 30), strings.Repeat("</li></ul>", 30)
		s := fill(n, "a b ")
		return open + s + shut, open + s + "c" + shut
	}},
	{"deep tables", Storage, func(n int) (string, string) {
		open, shut := strings.Repeat("<table><tr><td>", 20), strings.Repeat("</td></tr></table>", 20)
		s := fill(n, "<p>a</p>")
		return open + s + shut, open + s + "<p>b</p>" + shut
	}},
	{"deep images", Storage, func(n int) (string, string) { s := fill(n, "<b>a</b>"); return deep("img", s), deep("img", s+"c") }},
	{"deep comments", Storage, func(n int) (string, string) {
		var open strings.Builder
		for i := range 60 {
			fmt.Fprintf(&open, `<ac:inline-comment-marker ac:ref="r%d">`, i)
		}
		shut := strings.Repeat("</ac:inline-comment-marker>", 60)
		s := fill(n, "a b ")
		return open.String() + s + shut, open.String() + s + "c" + shut
	}},
	{"deep unknown", Storage, func(n int) (string, string) { s := fill(n, "<p>a</p>"); return deep("x:y", s), deep("x:y", s+"c") }},
	{"deep macros", Storage, func(n int) (string, string) {
		open := strings.Repeat(`<ac:macro ac:name="a"><ac:rich-text-body>`, 30)
		shut := strings.Repeat("</ac:rich-text-body></ac:macro>", 30)
		s := fill(n, "<p>a</p>")
		return open + s + shut, open + s + "<p>b</p>" + shut
	}},
	{"one paragraph", Storage, func(n int) (string, string) {
		s := fill(n, "word ")
		return "<p>" + s + "</p>", "<p>" + s[:len(s)/2] + "x" + s[len(s)/2:] + "</p>"
	}},
	{"brackets", Storage, func(n int) (string, string) { s := fill(n, "[a[@["); return "<p>" + s + "</p>", "<p>" + s + "x</p>" }},
	{"one letter", Storage, func(n int) (string, string) { s := fill(n, "a"); return "<p>" + s + "</p>", "<p>" + s + "b</p>" }},
	{"wide characters", Storage, func(n int) (string, string) {
		s := fill(n, "\U000e0041")
		return "<p>" + s + "</p>", "<p>" + s + "b</p>"
	}},
	{"entities", Storage, func(n int) (string, string) { s := fill(n, "&nbsp;"); return "<p>" + s + "</p>", "<p>" + s + "b</p>" }},
	{"sections", Storage, func(n int) (string, string) {
		s := fill(n, "<![CDATA[a]]>")
		return "<p>" + s + "</p>", "<p>" + s + "b</p>"
	}},
	{"breaks", Storage, func(n int) (string, string) { s := fill(n, "a<br/>"); return "<p>" + s + "</p>", "<p>" + s + "x</p>" }},
	{"inline tags", Storage, func(n int) (string, string) {
		s := fill(n, "<b>a</b>")
		return "<p>" + s + "</p>", "<p>" + s + "<i>b</i></p>"
	}},
	{"links", Storage, func(n int) (string, string) {
		s := countUp(n, 0, `<a href="%d">y</a>`)
		return "<p>" + s + "</p>", "<p>z</p>"
	}},
	{"tiny blocks", Storage, func(n int) (string, string) { return with(fill(n, "<p>a</p>"), "<p>b</p>") }},
	{"empty blocks", Storage, func(n int) (string, string) { return with(fill(n, "<p/>"), "<hr/>") }},
	{"all different", Storage, func(n int) (string, string) {
		return countUp(n, 0, "<p>%d</p>"), countUp(n, 1<<20, "<p>%d</p>")
	}},
	{"alternating", Storage, func(n int) (string, string) { return fill(n, "<p>a</p><p>b</p>"), fill(n, "<p>b</p><p>c</p>") }},
	{"every second", Storage, func(n int) (string, string) { return fill(n, "<p>a</p><p>b</p>"), fill(n, "<p>a</p>") }},
	{"turned round", Storage, func(n int) (string, string) {
		a, b := countUp(n/2, 0, "<p>%d</p>"), countUp(n/2, 1<<20, "<p>%d</p>")
		return a + b, b + a
	}},
	{"few differ", Storage, func(n int) (string, string) {
		a := fill(n, "<p>a</p><p>b</p><p>a</p>")
		for i := range 250 {
			at := i * (len(a) / 250) / 24 * 24
			a = a[:at] + "<p>c</p>" + a[at+8:]
		}
		return a, fill(n, "<p>a</p><p>b</p><p>a</p>")
	}},
	{"same reading", Storage, func(n int) (string, string) {
		return fill(n, "<p><i>a</i></p><p><b>a</b></p>"), fill(n, "<p><b>a</b></p><p>a</p>")
	}},
	{"shared markup", Storage, func(n int) (string, string) {
		s := fill(n, "a<br/>b<br/>")
		return "<p>" + s + "</p>", "<p><i>" + s + "</i></p>"
	}},
	{"huge attribute", Storage, func(n int) (string, string) {
		s := fill(n, "x [y] ")
		return `<p><a href="` + s + `">x</a></p>`, `<p><a href="` + s + `z">x</a></p>`
	}},
	{"attributes", Storage, func(n int) (string, string) {
		var e strings.Builder
		for i := range 100 {
			fmt.Fprintf(&e, ` a%d=""`, i)
		}
		return fill(n, "<p"+e.String()+">a</p>"), fill(n, "<p"+e.String()+">b</p>")
	}},
	{"macros", Storage, func(n int) (string, string) {
		return with(fill(n, `<ac:macro ac:name="a"/>`), `<ac:macro ac:name="b"/>`)
	}},
	{"macros go", Storage, func(n int) (string, string) {
		return countUp(n, 0, `<ac:macro ac:name="a%d"><ac:parameter ac:name="p">v</ac:parameter></ac:macro>`), "<p>a</p>"
	}},
	{"many bodies", Storage, func(n int) (string, string) {
		return "<p/>", `<ac:macro ac:name="a">` + fill(n/2, "<p/>") + fill(n/2, "<ac:plain-text-body/>") + "</ac:macro>"
	}},
	{"many targets", Storage, func(n int) (string, string) {
		return "<p/>", "<p><ac:image>" + fill(n/2, "<p/>") + fill(n/2, "<ri:a/>") + "</ac:image></p>"
	}},
	{"markers", Storage, func(n int) (string, string) {
		return with(fill(n, `<ac:inline-comment-marker ac:ref="r">a</ac:inline-comment-marker>`), "b")
	}},
	{"items", Storage, func(n int) (string, string) {
		s := fill(n, "<li/>")
		return "<ul>" + s + "</ul>", "<ul>" + s + "<li>a</li></ul>"
	}},
	{"cells", Storage, func(n int) (string, string) {
		s := "<table><tr>" + fill(n, "<td>a</td>")
		return s + "</tr></table>", s + "<td>b</td></tr></table>"
	}},
	{"headings", Storage, func(n int) (string, string) {
		h := "<h1>" + fill(n/2, "h") + "</h1>"
		return h + fill(n/2, "<p>a</p><p/><p/><p/><p/><p/><p/><p/><p/><p/>"), h + fill(n/2, "<p>b</p><p/><p/><p/><p/><p/><p/><p/><p/><p/>")
	}},
	{"long name", Storage, func(n int) (string, string) {
		x := "x" + fill(n/4, "y")
		return "<" + x + ">" + fill(n/2, "<p/>") + "</" + x + ">", fill(n, "<p/>")
	}},
	{"ADF blocks", ADF, func(n int) (string, string) {
		s := fill(n, `{"type":"rule"},`)
		return adf(s + para("a")), adf(s + para("b"))
	}},
	{"ADF texts", ADF, func(n int) (string, string) {
		s := fill(n, `{"type":"text","text":"a"},`)
		p := func(last string) string {
			return adf(`{"type":"paragraph","content":[` + s + `{"type":"text","text":"` + last + `"}]}`)
		}
		return p("a"), p("b")
	}},
	{"ADF escapes", ADF, func(n int) (string, string) { s := fill(n, `\u0041`); return adf(para(s)), adf(para(s + "b")) }},
	{"ADF deep", ADF, func(n int) (string, string) {
		open, shut := strings.Repeat(`{"type":"blockquote","content":[`, 60), strings.Repeat("]}", 60)
		s := fill(n, `{"type":"rule"},`)
		return adf(open + s + para("a") + shut), adf(open + s + para("b") + shut)
	}},
	{"ADF attributes", ADF, func(n int) (string, string) {
		s := countUp(n, 0, `"a%d":1,`)
		return adf(`{"type":"panel","attrs":{` + s + `"b":1}}`), adf(`{"type":"panel","attrs":{` + s + `"b":2}}`)
	}},
	{"ADF links", ADF, func(n int) (string, string) {
		s := strings.TrimSuffix(countUp(n, 0, `{"type":"text","text":"a","marks":[{"type":"link","attrs":{"href":"%d"}}]},`), ",")
		return adf(`{"type":"paragraph","content":[` + s + `]}`), adf(para("a"))
	}},
	{"ADF all different", ADF, func(n int) (string, string) {
		p := func(from int) string {
			return adf(strings.TrimSuffix(countUp(n, from, `{"type":"paragraph","content":[{"type":"text","text":"%d"}]},`), ","))
		}
		return p(0), p(1 << 20)
	}},
}

// bodies makes a shape of a size.
func (s shape) bodies(t testing.TB, n int) (before, after *Body) {
	t.Helper()
	was, is := s.make(n)
	return mustParse(t, s.format, was), mustParse(t, s.format, is)
}

// A retyping is a page with words "w0." to "w199." in it, to be replaced in the
// block that is as deep as asked for.
type retyping struct {
	name   string
	format Format
	make   func(n int) string
}

// among puts 200 words into a text of about n bytes.
func among(n int, unit, word string) string {
	var b strings.Builder
	for i := range MaxEdits {
		b.WriteString(fill(n/MaxEdits-len(word), unit) + fmt.Sprintf(word, i))
	}
	return b.String()
}

var retypings = []retyping{
	{"deep text", Storage, func(n int) string { return deep("div", among(n, "a", "w%d.")) }},
	{"deep entities", Storage, func(n int) string { return deep("div", among(n, "&amp;", "w%d.")) }},
	{"deep blocks", Storage, func(n int) string { return deep("div", among(n, "<p>a</p>", "<p>w%d.</p>")) }},
	{"deep inline tags", Storage, func(n int) string { return deep("div", "<b><i>"+among(n, "<b>w</b>", "<b>w%d.</b>")+"</i></b>") }},
	{"sections", Storage, func(n int) string { return "<div>" + among(n, "<![CDATA[w]]>", "<![CDATA[w%d.]]>") + "</div>" }},
	{"ADF escapes", ADF, func(n int) string {
		return adf(`{"type":"panel","content":[` + para(among(n, `\u0041`, "w%d.")) + `]}`)
	}},
	{"ADF texts", ADF, func(n int) string {
		s := among(n, `{"type":"text","text":"w"},`, `{"type":"text","text":"w%d."},`)
		return adf(`{"type":"panel","content":[{"type":"paragraph","content":[` + strings.TrimSuffix(s, ",") + `]}]}`)
	}},
}

// edits replaces the words. All name the block at the top, or with each, blocks
// at different depths in turn.
func (r retyping) edits(b *Body, each bool) []Edit {
	var names []string
	for block := b.Blocks[0]; block != nil; {
		names = append(names, block.Name)
		if !each || len(block.Children) != 1 {
			break
		}
		block = block.Children[0]
	}
	list := make([]Edit, MaxEdits)
	for i := range list {
		list[i] = Edit{Op: ReplaceText, Block: names[i%len(names)], Old: fmt.Sprintf("w%d.", i), New: "new"}
	}
	return list
}
