// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
	for _, test := range []struct {
		format Format
		body   string
		want   []string
	}{
		{Storage, "<h2>a</h2><p>b <strong>c</strong>\n d<br/>e</p>text", []string{"## a", "b c d", "e", "text"}},
		{Storage, "<ul><li>a<ol><li>b</li></ol></li><li><p>c</p><p>d</p></li></ul>", []string{"- a", "  1. b", "- c", "  d"}},
		{Storage, `<table><tr><th>a</th><td><p>b</p><ul><li>c</li></ul></td></tr></table>`, []string{"[table]", "  | a | b / - c |"}},
		{Storage, `<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">go</ac:parameter><ac:plain-text-body><![CDATA[a
	b]]></ac:plain-text-body></ac:structured-macro>`, []string{"[macro: code language=go]", "    a", "        b"}},
		{Storage, `<p><ac:link><ri:page ri:content-title="T"/><ac:link-body>see</ac:link-body></ac:link>, <a href="https://e.example">e</a></p>`, []string{"see [page: T], e [link: https://e.example]"}},
		{Storage, `<p><ac:inline-comment-marker ac:ref="r">x</ac:inline-comment-marker>.</p>`, []string{"[comment]x[/comment]."}},
		{Storage, `<p>[macro: toc] [x] [@a] [/comment]</p>`, []string{`\[macro: toc] \[x] \[@a] \[/comment]`}},
		{Storage, `<ac:image><ri:attachment ri:filename="a] [macro: b.png"/></ac:image>`, []string{`[image: a\] \[macro: b.png]`}},
		{Storage, "<p>a\u202eb\u200bc\u00a0d&#x85;e</p>", []string{"a<U+202E>b<U+200B>c d e"}},
		{Storage, "<p/><!-- do as I say -->", []string{"", "[hidden: do as I say]"}},
		{ADF, adf(`{"type":"paragraph","content":[{"type":"text","text":"a","marks":[{"type":"link","attrs":{"href":"h"}}]},{"type":"text","text":"b","marks":[{"type":"link","attrs":{"href":"h"}}]},{"type":"hardBreak"},{"type":"mention","attrs":{"id":"u"}}]}`), []string{"ab [link: h]", "[@u]"}},
		{ADF, adf(`{"type":"taskList","content":[{"type":"taskItem","attrs":{"state":"DONE"},"content":[{"type":"text","text":"a"}]}]},{"type":"panel","attrs":{"panelType":"info"},"content":[` + para("b") + `]}`), []string{"[x] a", "[panel: info]", "  b"}},
	} {
		if diff := cmp.Diff(test.want, mustParse(t, test.format, test.body).Lines()); diff != "" {
			t.Errorf("%s:\n%s", test.body, diff)
		}
	}
}

func TestDiff(t *testing.T) {
	list := func(words string) string { return "<p>" + strings.Join(strings.Fields(words), "</p><p>") + "</p>" }
	for _, test := range []struct{ name, before, after, want string }{
		{"same", "<p>a</p>", "<p>a</p>", ""},
		{"in the middle", "<h1>Top</h1>" + list("1 2 3 4 5 6 7 8 9"), "<h1>Top</h1>" + list("1 2 3 4 x 6 7 8 9"), "@@ # Top\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
		{"two hunks", list("1 2 3 4 5 6 7 8 9 10 11"), list("x 2 3 4 5 6 7 8 9 10 y"), "@@\n-1\n+x\n 2\n 3\n 4\n@@\n 8\n 9\n 10\n-11\n+y\n"},
		{"one hunk", list("1 2 3 4 5 6 7 8"), list("x 2 3 4 5 6 7 y"), "@@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+y\n"},
		{"formatting", "<p>a <b>b</b></p>", "<p>a b</p>", "@@\n-a b {<p>a <b>b</b></p>}\n+a b {<p>a b</p>}\n"},
		{"a blank of another kind", "<p>a b</p>", "<p>a\u00a0b</p>", "@@\n-a b {<p>a b</p>}\n+a b {<p>a<U+00A0>b</p>}\n"},
		{"formatting of several", "<p><i>a</i></p><p><b>a</b></p>", "<p>a</p>", "@@\n-a {<p><i>a</i></p>}\n-a {<p><b>a</b></p>}\n+a {<p>a</p>}\n"},
		{"formatting of more", "<p>a</p>", "<p><i>a</i></p><p><b>a</b></p>", "@@\n-a {<p>a</p>}\n+a {<p><i>a</i></p>}\n+a {<p><b>a</b></p>}\n"},
		{"an address", `<p><a href="https://good.example">x</a></p>`, `<p><a href="https://bad.example">x</a></p>`,
			"dropped: [link: https://good.example] link:https://good.example\n@@\n-x [link: https://good.example]\n+x [link: https://bad.example]\n"},
		{"what is around", `<table><tr><td>a</td></tr></table>`, `<table class="x"><tr><td>a</td></tr></table>`, "@@\n-[table] {<table> }\n+[table] {<table class=\"x\"> }\n   | a |\n"},
		{"deeper", "<div><p>a</p></div><p>b</p>", "<div><p>a</p><p>b</p></div>", "@@\n a\n-b {what is around it}\n+b {is changed}\n"},
		{"white space", "<p>a</p><p>b</p>", "<p>a</p>\n<p>b</p>", "Nothing that people read is changed: white space, or how the same thing is written.\n"},
		{"a task", `<ac:task-list><ac:task><ac:task-status>incomplete</ac:task-status><ac:task-body>a</ac:task-body></ac:task></ac:task-list>`,
			`<ac:task-list><ac:task><ac:task-status>complete</ac:task-status><ac:task-body>a</ac:task-body></ac:task></ac:task-list>`, "@@\n-[ ] a\n+[x] a\n"},
		{"lines of our own", "<p>a</p>", "<p>dropped: nothing</p><p>@@</p><p>+b\u2028-c</p>", "@@\n-a\n+dropped: nothing\n+@@\n++b -c\n"},
		{"altered", `<ac:structured-macro ac:name="toc" ac:macro-id="1"/>`, `<ac:structured-macro ac:name="toc" ac:macro-id="1"><ac:parameter ac:name="a">b</ac:parameter></ac:structured-macro>`,
			"altered: [macro: toc] -> [macro: toc a=b] macro:toc:1\n@@\n-[macro: toc]\n+[macro: toc a=b]\n"},
	} {
		got := Diff(mustParse(t, Storage, test.before), mustParse(t, Storage, test.after))
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

func TestDiffIsBounded(t *testing.T) {
	for _, body := range []string{strings.Repeat("<p>all of it is new and long enough to matter</p>", 3000), "<p>" + strings.Repeat("x", 100000) + "</p>",
		strings.Repeat(`<ac:structured-macro ac:name="toc"/>`, 5000)} {
		for _, pair := range [][2]string{{"", body}, {body, ""}, {body, largeStorage()}} {
			got := Diff(mustParse(t, Storage, pair[0]), mustParse(t, Storage, pair[1]))
			if len(got) > MaxDiff {
				t.Errorf("%d bytes", len(got))
			}
			if !strings.HasSuffix(got, "before you approve it.]\n") {
				t.Errorf("does not say that it is cut: …%q", got[len(got)-100:])
			}
		}
	}
	long := strings.Repeat("word ", 2000)
	got := Diff(mustParse(t, Storage, "<p>"+long+"old "+long+"</p>"), mustParse(t, Storage, "<p>"+long+"new "+long+"</p>"))
	if len(got) > 1000 || !strings.Contains(got, "word old word") || !strings.Contains(got, "word new word") {
		t.Errorf("a change in a long line: %s", got)
	}
}

func TestDiffShowsOnlyWhatCanBeSeen(t *testing.T) {
	empty := map[Format]*Body{Storage: mustParse(t, Storage, ""), ADF: mustParse(t, ADF, adf(""))}
	for _, s := range corpus(t) {
		b := s.parse(t)
		for _, got := range []string{Diff(empty[s.format], b), Diff(b, empty[s.format])} {
			if i := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && (isHidden(r) || unicode.Is(unicode.Cf, r)) }); i >= 0 {
				t.Errorf("%s: hidden character in …%q", s.name, got[i:min(len(got), i+20)])
			}
		}
	}
}

func TestDiffFields(t *testing.T) {
	got := DiffFields([]Field{
		{"title", []string{"Old\u202e"}, []string{"New"}},
		{"same", []string{"x"}, []string{"x"}},
		{"labels\n+evil", []string{"a", "b"}, []string{"b", "c"}},
		{"notes", nil, []string{"one\ntwo"}},
		{"blank", []string{"a b"}, []string{"a\u00a0b"}},
	})
	want := "title:\n@@\n-Old<U+202E>\n+New\nlabels +evil:\n@@\n-a\n b\n+c\nnotes:\n@@\n+one\n+two\nblank:\n@@\n-a b {\"a b\"}\n+a b {\"a\\u00a0b\"}\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestEditScript holds that the script makes one list of the other, and is no
// longer than it must be.
func TestEditScript(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	same := func(l, o line) bool { return l.same(&o) }
	draw := func() []line {
		list := make([]line, r.IntN(12))
		for i := range list {
			list[i].text = string(rune('a' + r.IntN(4)))
		}
		return list
	}
	for range 3000 {
		a, b := draw(), draw()
		var was, is []line
		changes := 0
		for _, e := range editScript(a, b, new(int)) {
			if e.op != '+' {
				was = append(was, *e.line)
			}
			if e.op != '-' {
				is = append(is, *e.line)
			}
			if e.op != ' ' {
				changes++
			}
		}
		if !slices.EqualFunc(was, a, same) || !slices.EqualFunc(is, b, same) {
			t.Fatalf("%v to %v: %v to %v", a, b, was, is)
		}
		if want := len(a) + len(b) - 2*common(a, b); changes != want {
			t.Fatalf("%v to %v: %d changes, want %d", a, b, changes, want)
		}
	}
	many := make([]line, 3000)
	if got := editScript(many, nil, new(int)); len(got) != len(many) {
		t.Errorf("%d steps for %d lines", len(got), len(many))
	}
}

// common is the length of the longest common subsequence, by the textbook.
func common(a, b []line) int {
	t := make([][]int, len(a)+1)
	for i := range t {
		t[i] = make([]int, len(b)+1)
	}
	for i := range a {
		for j := range b {
			if t[i+1][j+1] = max(t[i][j+1], t[i+1][j]); a[i].same(&b[j]) {
				t[i+1][j+1] = t[i][j] + 1
			}
		}
	}
	return t[len(a)][len(b)]
}

// TestDiffTellsAll holds that whatever may be hidden in markup stands in the
// diff of a body that is added, and that what is cut says so.
func TestDiffTellsAll(t *testing.T) {
	long := strings.Repeat("a ", maxTold)
	for _, body := range []string{
		`<pre>see <a href="EVIL">x</a></pre>`,
		`<ul><li>q<pre>see <a href="EVIL">x</a></pre></li></ul>`,
		`<pre>x<ac:image><ri:attachment ri:filename="EVIL"/></ac:image></pre>`,
		`<pre>x<ac:structured-macro ac:name="expand"><ac:parameter ac:name="title">EVIL</ac:parameter></ac:structured-macro></pre>`,
		`<p>ok <ac:emoticon ac:name="smile" ac:emoji-fallback="EVIL"/></p>`,
		`<ac:structured-macro ac:name="code"><ac:plain-text-body>a</ac:plain-text-body><ac:plain-text-body>EVIL</ac:plain-text-body></ac:structured-macro>`,
		`<ac:structured-macro ac:name="info"><ac:parameter ac:name="title">a<p>EVIL</p></ac:parameter></ac:structured-macro>`,
		`<ac:structured-macro ac:name="info" class="EVIL"><ac:rich-text-body style="EVIL"><p>a</p></ac:rich-text-body></ac:structured-macro>`,
		`<p><ac:link><ri:page ri:content-title="a"/><ri:page ri:content-title="EVIL"/></ac:link></p>`,
		`<p><ac:image><ri:attachment ri:filename="a"/><ri:attachment ri:filename="EVIL"/></ac:image></p>`,
		`<p><ac:image ac:alt="EVIL"><ri:attachment ri:filename="a"/></ac:image></p>`,
		`<p><a href="a" title="EVIL">x</a></p>`,
		`<p><a href="` + long + `EVIL" title="EVIL">x</a></p>`,
		`<p><span style="color: EVIL">x</span></p>`,
		`<table><tr>EVIL<td>a</td></tr></table>`,
		`<table><tr><td title="EVIL">a</td><!-- b --></tr></table>`,
		`<table><colgroup>EVIL</colgroup><tr><td>a</td></tr></table>`,
		`<p ac:local-id="EVIL is told if it is no id">a</p>`,
	} {
		if got := Diff(mustParse(t, Storage, ""), mustParse(t, Storage, body)); !strings.Contains(got, "EVIL") {
			t.Errorf("%s: hidden in %s", body, got)
		}
	}
	for _, body := range []string{
		`<p><a href="` + strings.Repeat("a", maxTold+1) + `">x</a></p>`,
		`<ac:structured-macro ac:name="info"><ac:parameter ac:name="title">` + long + `b</ac:parameter></ac:structured-macro>`,
		`<ac:structured-macro ac:name="info"><ac:parameter ac:name="title">` + strings.Repeat(" ", 9*maxTold) + `b</ac:parameter></ac:structured-macro>`,
	} {
		if got := Diff(mustParse(t, Storage, ""), mustParse(t, Storage, body)); !strings.Contains(got, seeFull) {
			t.Errorf("%.60s: does not say that it is cut", body)
		}
	}
	for _, node := range []string{
		`{"type":"paragraph","content":[{"type":"mention","attrs":{"id":"u","text":"EVIL"}}]}`,
		`{"type":"paragraph","content":[{"type":"text","text":"a","marks":[{"type":"link","attrs":{"href":"h","title":"EVIL"}}]}]}`,
		`{"type":"paragraph","content":[{"type":"text","text":"a","marks":[{"type":"textColor","attrs":{"color":"EVIL"}}]}]}`,
		`{"type":"extension","attrs":{"extensionKey":"k","parameters":{"other":"EVIL"}}}`,
		`{"type":"codeBlock","content":[{"type":"text","text":"a"},{"type":"emoji","attrs":{"shortName":"EVIL"}}]}`,
		`{"type":"paragraph","attrs":{"x":"EVIL"}}`,
	} {
		if got := Diff(mustParse(t, ADF, adf("")), mustParse(t, ADF, adf(node))); !strings.Contains(got, "EVIL") {
			t.Errorf("%s: hidden in %s", node, got)
		}
	}
}
