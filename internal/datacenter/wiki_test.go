// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package datacenter

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clawea/clawea/seal"
)

func doc(content string) json.RawMessage {
	return json.RawMessage(`{"type":"doc","version":1,"content":[` + content + `]}`)
}

func para(text string) string {
	return `{"type":"paragraph","content":[{"type":"text","text":` + string(quoted(text)) + `}]}`
}

func TestToWiki(t *testing.T) {
	marks := func(text, marks string) string {
		return `{"type":"text","text":"` + text + `","marks":[` + marks + `]}`
	}
	strong, code := `{"type":"strong"}`, `{"type":"code"}`
	link := func(href string) string { return `{"type":"link","attrs":{"href":"` + href + `"}}` }
	list := func(typ, items string) string { return `{"type":"` + typ + `","content":[` + items + `]}` }
	item := func(blocks string) string { return list("listItem", blocks) }
	p := func(inline string) string { return `{"type":"paragraph","content":[` + inline + `]}` }
	tests := []struct{ name, content, want string }{
		{"plain", para("Day and night, 50% of it: a_b-c, #7. Why?"), "Day and night, 50% of it: a_b-c, #7. Why?"},
		{"two", para("a") + "," + para("b"), "a\n\nb"},
		{"break", p(`{"type":"text","text":"a"},{"type":"hardBreak"},{"type":"text","text":"b"}`), "a\nb"},
		{"macro", para("{html}x{html}"), `\{html\}x\{html\}`},
		{"mention", para("[~admin] and [x|http://y]"), `\[\~admin\] and \[x&#124;http://y\]`},
		{"image", para("!http://evil/x.png! Really!"), `\!http://evil/x.png! Really\!`},
		{"heading in text", para("h1. Not one"), `h1&#46; Not one`},
		{"heading across texts", p(`{"type":"text","text":"h"},{"type":"text","text":"1. x"}`), `h1&#46; x`},
		{"quote in text", para("bq. Not one\nbq. nor this"), "bq&#46; Not one\nbq&#46; nor this"},
		{"list in text", para("* a\n- b\n# c\n## d"), "\\* a\n\\- b\n\\# c\n\\#\\# d"},
		{"table in text", para("||a||"), "&#124;&#124;a&#124;&#124;"},
		{"ruler in text", para("----"), `\-\-\-\-`},
		{"marks in text", para("*a* _b_ -c- +d+ ^e^ ~f~ ??g?? {{h}}"), `\*a\* \_b\_ \-c\- \+d\+ \^e\^ \~f\~ \?\?g\?\? \{\{h\}\}`},
		{"marks beside blanks that are not ASCII", para("a\u2003-no-\u2003b \u00a0_x_\u00a0"), "a\u2003\\-no\\-\u2003b \u00a0\\_x\\_\u00a0"},
		{"marks beside quotes that are not ASCII", para("\u201c+x+\u201d"), "\u201c\\+x\\+\u201d"},
		{"signs in words that are not ASCII", para("Alt-Ötting, größen_maß, ٣-٤"), "Alt-Ötting, größen_maß, ٣-٤"},
		{"backslash", para(`C:\\x \{`), `C:&#92;&#92;x &#92;\{`},
		{"entity", para("&#33;x&#33; R&D &lt;"), "&amp;#33;x&amp;#33; R&D &amp;lt;"},
		{"faces", para("(x) :) ;) :D see (a)"), `\(x) &#58;) &#59;) &#58;D see (a)`},
		{"strong", p(marks("bold", strong)), "*bold*"},
		{"strong with blanks", p(marks(" bold ", strong)), " *bold* "},
		{"strong in a word", p(`{"type":"text","text":"un"},` + marks("bold", strong)), "un{*}bold{*}"},
		{"code", p(marks("a{b}", code)), `{{a\{b\}}}`},
		{"sub and sup", p(marks("2", `{"type":"subsup","attrs":{"type":"sub"}}`) + "," + marks("3", `{"type":"subsup","attrs":{"type":"sup"}}`)), "{~}2{~}{^}3{^}"},
		{"link", p(marks("a|b [c]!", link("https://example.com/x?y=[z]|{w}"))), "[a&#124;b &#91;c&#93;&#33;|https://example.com/x?y=%5Bz%5D%7C%7Bw%7D]"},
		{"link elsewhere", p(marks("a", link("javascript:x"))), "a"},
		{"link to a person", p(marks("a", link("~admin"))), "a"},
		{"heading", `{"type":"heading","attrs":{"level":2},"content":[{"type":"text","text":"{x}"}]}`, `h2. \{x\}`},
		{"lists", list("bulletList", item(para("a")+","+para("b")+","+list("orderedList", item(para("c"))))+","+item(para("d"))), "* a \\\\ b\n*# c\n* d"},
		{"code block", `{"type":"codeBlock","attrs":{"language":"Go"},"content":[{"type":"text","text":"a := b[0] // {x}"}]}`, "{code:go}\na := b[0] // {x}\n{code}"},
		{"code block of no language", `{"type":"codeBlock","content":[{"type":"text","text":"*x*"}]}`, "{noformat}\n*x*\n{noformat}"},
		{"code block that would end", `{"type":"codeBlock","content":[{"type":"text","text":"{noFormat}\nh1. x [~a]"}]}`, "\\{noFormat\\}\nh1&#46; x \\[\\~a\\]"},
		{"quote", list("blockquote", para("a")), "{quote}\na\n{quote}"},
		{"panel", `{"type":"panel","attrs":{"panelType":"warning"},"content":[` + para("a") + `]}`, "{panel:title=Warning}\na\n{panel}"},
		{"rule", `{"type":"rule"}`, "----"},
		{"table", list("table", list("tableRow", list("tableHeader", para("a|"))+","+list("tableCell", para("b")+","+list("bulletList", item(para("c")))))), `|| a&#124; | b \\ • c |`},
	}
	for _, test := range tests {
		got, err := toWiki(doc(test.content))
		if err != nil || got != test.want {
			t.Errorf("%s: got %q, %v; want %q", test.name, got, err, test.want)
		}
	}
	for _, bad := range []string{`{"type":"mention"}`, p(`{"type":"mention","attrs":{"id":"x"}}`), `{"type":"mediaSingle"}`, `{"type":"heading","content":[]}`,
		para("a") + `,{"type":"bodiedExtension","attrs":{"extensionType":"clawea.datacenter","extensionKey":"wiki-markup"},"content":[` + para("{x}") + `]}`,
		`{"type":"bodiedExtension","attrs":{"extensionType":"x","extensionKey":"wiki-markup"},"content":[` + para("{x}") + `]}`} {
		if got, err := toWiki(doc(bad)); err == nil {
			t.Errorf("%s: got %q", bad, got)
		}
	}
}

// What others wrote comes back byte for byte; what is plain text is shown as such.
func TestFromWiki(t *testing.T) {
	tests := []struct {
		wiki string
		kept bool
	}{
		{"", true}, {"It is *stuck*.", true}, {"h1. A\r\n\r\n{code}x{code}\r\n", true}, {"[~ann] !x.png!", true}, {"a - b", true}, {" \n\n\n ", false},
		{"Plain.", false}, {"Two\n\nparagraphs\nin lines.", false}, {`escaped \- \{x\} &#92; &amp;lt;`, false}, {"&lt;", true}, {`\x`, true}, {"a|b", true}, {"end!", true},
	}
	for _, test := range tests {
		d := fromWiki(test.wiki)
		if kept := d.Content[0].Type == keptNode; kept != test.kept {
			t.Errorf("%q: kept %v", test.wiki, kept)
		}
		raw, err := seal.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := toWiki(raw); err != nil || again != test.wiki {
			t.Errorf("%q: came back as %q, %v", test.wiki, again, err)
		}
	}
}

// scan finds what means something in wiki markup, other than what is written here
// on purpose. It is a reader of its own, from the published notation: an escaped
// sign means nothing, nor does what stands in a block of code.
func scan(s string) (found []string) {
	for {
		m := regexp.MustCompile(`(?s)^(.*?)\{(code(?::[a-z+#]+)?|noformat)\}\n(.*?)\n\{(code|noformat)\}`).FindStringSubmatch(s)
		if m == nil {
			break
		}
		if name, _, _ := strings.Cut(m[2], ":"); name != m[4] {
			found = append(found, "a block of "+m[2]+" that ends as "+m[4])
		}
		found = append(found, scanText(m[1])...)
		s = s[len(m[0]):]
	}
	return append(found, scanText(s)...)
}

var (
	ours     = regexp.MustCompile(`\{\{|\}\}|\{[-*_+^~]\}|\{quote\}|\{panel(?::title=[A-Z][a-z]+)?\}`)
	webLink  = regexp.MustCompile(`\[[^\[\]|\n]*\|https?://[^\[\]|{}!\s]+\]`)
	meanings = map[string]*regexp.Regexp{
		"macro": regexp.MustCompile(`\{`), "link or mention": regexp.MustCompile(`\[`), "mention": regexp.MustCompile(`~[a-z]+\]`),
		"image": regexp.MustCompile(`![^\s]`),
	}
)

func scanText(s string) (found []string) {
	s = strings.ReplaceAll(s, ` \\ `, "  ")
	s = regexp.MustCompile(`\\[^A-Za-z0-9\s\\]`).ReplaceAllString(s, "")
	if strings.Contains(s, `\`) {
		found = append(found, "a backslash")
	}
	s = webLink.ReplaceAllString(s, "")
	s = ours.ReplaceAllString(s, "")
	for name, re := range meanings {
		if at := re.FindString(s); at != "" {
			found = append(found, name+" "+at)
		}
	}
	return found
}

func TestScan(t *testing.T) {
	for _, s := range []string{"{html}", "x {color:red}y{color}", "[~admin]", "[x|file:///etc]", "[http://x]", "!x.png!", "!x.png|width=1!", `\\[~a]`, "{code}\n{code}\n{html}"} {
		if scan(s) == nil {
			t.Errorf("%q: found nothing", s)
		}
	}
}

// build is a document made of an agent's text in each place that text can be.
func build(text, second string, shape uint8) json.RawMessage {
	one := node{Type: "text", Text: text}
	two := node{Type: "text", Text: second}
	kinds := []string{"strong", "em", "strike", "underline", "code", "link", "subsup"}
	mark := mark{Type: kinds[int(shape)%len(kinds)], Attrs: &attrs{Href: "https://example.com/" + second, Type: "sup"}}
	if shape&0x10 != 0 {
		two.Marks = append(two.Marks, mark)
	}
	if shape&0x20 != 0 {
		one.Marks = append(one.Marks, mark)
	}
	inline := []node{one, two, {Type: "hardBreak"}, two, one}
	p := node{Type: "paragraph", Content: inline}
	item := node{Type: "listItem", Content: []node{p, p, {Type: "orderedList", Content: []node{{Type: "listItem", Content: []node{p}}}}}}
	cell := node{Type: "tableCell", Content: []node{p, {Type: "codeBlock", Content: []node{one}}}}
	blocks := []node{
		p, {Type: "heading", Attrs: &attrs{Level: 1}, Content: inline}, {Type: "bulletList", Content: []node{item, item}},
		{Type: "codeBlock", Attrs: &attrs{Language: second}, Content: []node{one}}, {Type: "blockquote", Content: []node{p}},
		{Type: "panel", Attrs: &attrs{PanelType: second}, Content: []node{p}}, {Type: "table", Content: []node{{Type: "tableRow", Content: []node{cell, cell}}}},
	}
	b, err := write(node{Type: "doc", Version: 1, Content: blocks})
	if err != nil {
		return nil
	}
	return b
}

// FuzzToWiki: nothing that an agent writes becomes a macro, a mention or an image.
func FuzzToWiki(f *testing.F) {
	for _, s := range []string{"plain", "{html}<script>{html}", "[~admin]", "!http://x/y.png!", `\\{html}`, "{code}", "{noformat}", "h1. x", "|| a ||", "&#123;html&#125;", "]|[", "{{", "(x) :)", "!", "{", "["} {
		for _, shape := range []uint8{0, 0x10, 0x14, 0x15, 0x35} {
			f.Add(s, "go", shape)
			f.Add("x", s, shape)
		}
	}
	f.Fuzz(func(t *testing.T, text, second string, shape uint8) {
		if !utf8.ValidString(text) || !utf8.ValidString(second) || strings.ContainsFunc(text+second, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) {
			return // the connector takes no control characters
		}
		got, err := toWiki(build(text, second, shape))
		if err != nil {
			return
		}
		if found := scan(got); found != nil {
			t.Fatalf("%q: %q", got, found)
		}
		for l := range strings.SplitSeq(got, "\n") {
			if blockStart.MatchString(l) && !strings.HasPrefix(l, "h1. ") && !strings.Contains(text+second, l) {
				t.Fatalf("the line %q begins a block", l)
			}
		}
	})
}

// FuzzFromWiki: whatever stands there comes back, byte for byte.
func FuzzFromWiki(f *testing.F) {
	for _, s := range []string{"", "a\n\nb", "*x*", `\-`, "\r\n", "&amp;", "a\n\n\nb", "[~x]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return // not JSON
		}
		d := fromWiki(s)
		raw, err := seal.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := toWiki(raw); err != nil || again != s {
			t.Fatalf("%q came back as %q, %v", s, again, err)
		}
		if slices.ContainsFunc(d.Content, func(n node) bool { return n.Type == keptNode }) != (len(d.Content) == 1 && d.Content[0].Type == keptNode) {
			t.Fatal("kept in part")
		}
	})
}

// FuzzLocalise: bodies of any form are read, and what comes out names no account ids.
func FuzzLocalise(f *testing.F) {
	f.Add([]byte(`{"fields":{"description":{"type":"doc","version":1,"content":[]},"assignee":{"accountId":"x"},"a":[{"b":{"accountId":"y"}}]},"properties":[]}`))
	f.Add([]byte(`{"body":{"type":"doc","version":1,"content":[]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var o object
		if parse(b, &o) != nil || o.localise() != nil {
			return
		}
		if fields := string(o["fields"]); strings.Contains(fields, `"accountId":`) && !strings.Contains(fields, `\"accountId`) {
			t.Fatalf("%s", fields)
		}
	})
}
