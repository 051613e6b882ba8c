// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package markdown

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
)

// short writes a document in few words: p(a strong"b"), as people compare it.
func (n *node) short() string {
	if n.Type == "text" {
		s := ""
		for _, m := range n.Marks {
			s += m.Type + " "
			if m.Attrs != nil {
				s += m.Attrs.Href + " "
			}
		}
		return s + `"` + n.Text + `"`
	}
	name := map[string]string{"paragraph": "p", "bulletList": "ul", "orderedList": "ol", "listItem": "li", "hardBreak": "br", "rule": "hr",
		"blockquote": "quote", "codeBlock": "code", "tableRow": "tr", "tableHeader": "th", "tableCell": "td"}[n.Type]
	if name == "" {
		name = n.Type
	}
	if a := n.Attrs; a != nil {
		name += a.Language + strings.Repeat("#", a.Level)
		if a.Order != nil {
			name += "@"
		}
	}
	var kids []string
	for _, c := range n.Content {
		kids = append(kids, c.short())
	}
	return name + "(" + strings.Join(kids, " ") + ")"
}

var cases = []struct{ name, in, doc, storage string }{
	{"paragraphs", "one\r\ntwo\n\nthree", `doc(p("one two") p("three"))`, `<p>one two</p><p>three</p>`},
	{"break", "one  \ntwo\\\nthree", `doc(p("one" br() "two" br() "three"))`, `<p>one<br/>two<br/>three</p>`},
	{"marks", "a **b *c*** `d` ~~e~~", `doc(p("a " strong "b " strong em "c" " " code "d" " " strike "e"))`,
		`<p>a <strong>b </strong><strong><em>c</em></strong> <code>d</code> <s>e</s></p>`},
	{"code is not bold", "**a `b` c**", `doc(p(strong "a " code "b" strong " c"))`, `<p><strong>a </strong><code>b</code><strong> c</strong></p>`},
	{"heading", "# A *b*\n\nC\n---", `doc(heading#("A " em "b") heading##("C"))`, `<h1>A <em>b</em></h1><h2>C</h2>`},
	{"lists", "- a\n  1. b\n- c", `doc(ul(li(p("a") ol(li(p("b")))) li(p("c"))))`, `<ul><li><p>a</p><ol><li><p>b</p></li></ol></li><li><p>c</p></li></ul>`},
	{"number", "7. a\n8. b", `doc(ol@(li(p("a")) li(p("b"))))`, `<ol start="7"><li><p>a</p></li><li><p>b</p></li></ol>`},
	{"a date is no number", "20260102. a", `doc(ul(li(p("20260102.") p("a"))))`, `<ul><li><p>20260102.</p><p>a</p></li></ul>`},
	{"list in list", "- - a", `doc(ul(li(p() ul(li(p("a"))))))`, `<ul><li><p></p><ul><li><p>a</p></li></ul></li></ul>`},
	{"tasks are text", "- [ ] a", `doc(ul(li(p("[ ] a"))))`, `<ul><li><p>[ ] a</p></li></ul>`},
	{"quote", "> a\n>\n> # b\n> ---", `doc(quote(p("a") p(strong "b") p("---")))`, `<blockquote><p>a</p><p><strong>b</strong></p><p>---</p></blockquote>`},
	{"quote in list", "- > a", `doc(ul(li(p("a"))))`, `<ul><li><p>a</p></li></ul>`},
	{"fence", "```go\nx := `1`\n\n]]>&\n```", "doc(codego(\"x := `1`\n\n]]>&\"))",
		"<ac:structured-macro ac:name=\"code\"><ac:parameter ac:name=\"language\">go</ac:parameter><ac:plain-text-body><![CDATA[x := `1`\n\n]]]]><![CDATA[>&]]></ac:plain-text-body></ac:structured-macro>"},
	{"fence with words", "~~~go run\nx\n~~~", `doc(p("go run") code("x"))`,
		`<p>go run</p><ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[x]]></ac:plain-text-body></ac:structured-macro>`},
	{"indented", "    a\n     b", "doc(code(\"a\n b\"))", "<ac:structured-macro ac:name=\"code\"><ac:plain-text-body><![CDATA[a\n b]]></ac:plain-text-body></ac:structured-macro>"},
	{"table", "| a | b |\n|---|:-:|\n| `c\\|d` | |\n| e | f | g | h |", `doc(table(tr(th(p("a")) th(p("b"))) tr(td(p(code "c|d")) td(p())) tr(td(p("e")) td(p("f | g | h")))))`,
		`<table><tbody><tr><th><p>a</p></th><th><p>b</p></th></tr><tr><td><p><code>c|d</code></p></td><td><p></p></td></tr><tr><td><p>e</p></td><td><p>f | g | h</p></td></tr></tbody></table>`},
	{"table in list", "- | a | b |\n  |---|---|\n  | c | d |", `doc(ul(li(p("a | b") p("c | d"))))`, `<ul><li><p>a | b</p><p>c | d</p></li></ul>`},
	{"link", `[a *b*](https://x.example/?a=1&b=2 "T") <https://y.example>`,
		`doc(p(link https://x.example/?a=1&b=2 "a " link https://x.example/?a=1&b=2 em "b" " (T) " link https://y.example "https://y.example"))`,
		`<p><a href="https://x.example/?a=1&amp;b=2">a </a><a href="https://x.example/?a=1&amp;b=2"><em>b</em></a> (T) <a href="https://y.example">https://y.example</a></p>`},
	{"link elsewhere", "[a](javascript:alert(1)) [b](//x) [c](/d) [e](mailto:f@g) <mailto:h@i> <h@i> [j](https://k@l/) [m](ftp://n)",
		`doc(p("a (javascript:alert(1)) b (//x) c (/d) e (mailto:f@g) <mailto:h@i> h@i j (https://k@l/) m (ftp://n)"))`,
		`<p>a (javascript:alert(1)) b (//x) c (/d) e (mailto:f@g) &lt;mailto:h@i&gt; h@i j (https://k@l/) m (ftp://n)</p>`},
	{"image", "![a](https://x/y.png) ![](https://z) [![b](https://c)](https://d) ![e](f.png)",
		`doc(p(link https://x/y.png "a" " " link https://z "https://z" " " link https://d "b (https://c)" " e (f.png)"))`,
		`<p><a href="https://x/y.png">a</a> <a href="https://z">https://z</a> <a href="https://d">b (https://c)</a> e (f.png)</p>`},
	{"references", "[a][b] [c]\n\n[b]: https://x.example \"t\"\n[d]: https://y.example \"u\"", `doc(p(link https://x.example "a" " (t) [c]") p("[d]: https://y.example "u""))`,
		`<p><a href="https://x.example">a</a> (t) [c]</p><p>[d]: https://y.example &#34;u&#34;</p>`},
	{"html", "a <b onclick=\"x\">c</b>\n\n<script>\nalert(1)\n</script>\n\n<!-- d -->", `doc(p("a <b onclick="x">c</b>") p("<script>" br() "alert(1)" br() "</script>") p("<!-- d -->"))`,
		`<p>a &lt;b onclick=&#34;x&#34;&gt;c&lt;/b&gt;</p><p>&lt;script&gt;<br/>alert(1)<br/>&lt;/script&gt;</p><p>&lt;!-- d --&gt;</p>`},
	{"escapes", `\*a\* &lt;b&gt; \&amp; &#7; &#x202e; &#65; &nope;`, `doc(p("*a* <b> &amp; &#7; &#x202e; A &nope;"))`,
		`<p>*a* &lt;b&gt; &amp;amp; &amp;#7; &amp;#x202e; A &amp;nope;</p>`},
	{"macros are text", "{macro} [~accountid:1] @all <ac:link/>", `doc(p("{macro} [~accountid:1] @all <ac:link/>"))`, `<p>{macro} [~accountid:1] @all &lt;ac:link/&gt;</p>`},
}

func TestBoth(t *testing.T) {
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			b, err := ADF(test.in)
			if err != nil {
				t.Fatal(err)
			}
			doc := new(node)
			if err := json.Unmarshal(b, doc); err != nil {
				t.Fatal(err)
			}
			if got := doc.short(); got != test.doc {
				t.Errorf("document\n%s, want\n%s", got, test.doc)
			}
			if got, err := Storage(test.in); err != nil || got != test.storage {
				t.Errorf("storage\n%s, %v, want\n%s", got, err, test.storage)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct{ name, in, adf, storage string }{
		{"empty", " \n\t", "empty", "empty"},
		{"empty quote", ">", "empty", "empty"},
		{"hidden", "a\u202eb", "nobody sees", "nobody sees"},
		{"not UTF-8", "a\xff", "nobody sees", "nobody sees"},
		{"control", "a\x00b", "nobody sees", "nobody sees"},
		{"long", strings.Repeat("a", maxText+1), "longer", ""},
		{"very long", strings.Repeat("a", maxSource+1), "longer", "longer"},
		{"many", strings.Repeat("a\n\n", 2500), "shorten", ""},
		{"brackets", strings.Repeat("[", maxBrackets+1), "split", "split"},
		{"deep", strings.Repeat("- ", 15) + "a", "flatten", "flatten"},
		{"deeper", strings.Repeat(">", 50_000) + "a", "flatten", "flatten"},
	} {
		_, err := ADF(test.in)
		check(t, test.name, err, test.adf)
		_, err = Storage(test.in)
		check(t, test.name, err, test.storage)
	}
}

func check(t *testing.T, name string, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %v, want %q", name, err, want)
	}
}

// TestInTime reads texts that are made to be slow.
func TestInTime(t *testing.T) {
	for name, unit := range map[string]string{
		"brackets": "[", "images": "![", "stars": "*a ", "both": "*_", "ticks": "`a``", "quotes": "> ", "tags": "<a ", "entities": "&#", "pipes": "|",
		"links": "[a](", "tildes": "~a~~", "lists": "- a\n  ", "fences": "```\n> ", "refs": "[a]: b\n", "rows": "|a|\n|-|\n", "underlines": "a_", "closers": "]",
	} {
		begin := time.Now()
		n := maxSource / len(unit)
		if k := strings.Count(unit, "["); k > 0 {
			n = min(n, maxBrackets/k)
		}
		if k := strings.Count(unit, "*") + strings.Count(unit, "_") + strings.Count(unit, "~"); k > 0 {
			n = min(n, maxSigns/k)
		}
		_, _ = Storage(strings.Repeat(unit, n))
		if d := time.Since(begin); d > time.Minute { // some of it is other tests'
			t.Errorf("%s took %s", name, d)
		} else if d > time.Second {
			t.Logf("%s took %s", name, d)
		}
	}
}

var (
	anyEntity = regexp.MustCompile(`&[#A-Za-z0-9]{1,33};`)
	letters   = regexp.MustCompile(`[^A-Za-z]+`)
)

// FuzzText says: every letter of the text is in what is made of it, in a text, a link
// or the name of a language. Both formats are made of the same, and twice the same.
func FuzzText(f *testing.F) {
	for _, test := range cases {
		f.Add(test.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ADF(s)
		if err != nil {
			return
		}
		if b, err := ADF(s); err != nil || string(a) != string(b) {
			t.Fatalf("%q became %s and then %s", s, a, b)
		}
		if _, err := Storage(s); err != nil {
			t.Fatalf("%q is a document and no page: %v", s, err)
		}
		doc := new(node)
		if err := json.Unmarshal(a, doc); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(s, "]:") {
			return // names of references are syntax
		}
		have := count(doc.all())
		for c, n := range count(anyEntity.ReplaceAllString(s, "")) {
			if have[c] < n {
				t.Fatalf("%q became %s: %c is lost", s, a, c)
			}
		}
	})
}

func count(s string) map[rune]int {
	out := map[rune]int{}
	for _, r := range letters.ReplaceAllString(s, "") {
		out[r]++
	}
	return out
}

// all is every text of a document, with where its links lead.
func (n *node) all() string {
	out := n.Text
	if n.Attrs != nil {
		out += n.Attrs.Language
	}
	for _, m := range n.Marks {
		if m.Attrs != nil {
			out += m.Attrs.Href
		}
	}
	for _, c := range n.Content {
		out += c.all()
	}
	return out
}
