// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"strings"
	"testing"
)

// at returns the name of the block at a path.
func at(t testing.TB, b *Body, path string) string {
	t.Helper()
	block := b.at(path)
	if block == nil {
		t.Fatalf("no block %s in %.200q", path, b.Text)
	}
	return block.Name
}

func mustParse(t testing.TB, format Format, body string) *Body {
	t.Helper()
	b, err := Parse(format, body)
	if err != nil {
		t.Fatalf("%v in %.200q", err, body)
	}
	return b
}

// adf is a document of some nodes.
func adf(nodes string) string { return `{"type":"doc","version":1,"content":[` + nodes + `]}` }

// para is a paragraph of ADF.
func para(text string) string {
	return `{"type":"paragraph","content":[{"type":"text","text":"` + text + `"}]}`
}

func TestApply(t *testing.T) {
	a, b, c, x, y := para("a"), para("b"), para("c"), para("x"), para("y")
	list := `{"type":"panel","content":[` + a + ` , ` + b + `]}`
	for _, test := range []struct {
		name   string
		format Format
		body   string
		edits  []Edit // Block is a path here
		want   string
	}{
		{"replace", Storage, "<p>a</p> <p>b</p>", []Edit{{Op: Replace, Block: "b2", Content: "<h1>x</h1><p>y</p>"}}, "<p>a</p> <h1>x</h1><p>y</p>"},
		{"around", Storage, "<p>a</p> <p>b</p>", []Edit{{Op: InsertBefore, Block: "b2", Content: "<p>x</p>"}, {Op: InsertAfter, Block: "b1", Content: "<p>y</p>"}},
			"<p>a</p><p>y</p> <p>x</p><p>b</p>"},
		{"in the order given", Storage, "<p>a</p>", []Edit{
			{Op: InsertAfter, Block: "b1", Content: "1"}, {Op: InsertAfter, Block: "b1", Content: "2"},
			{Op: Append, Content: "3"}, {Op: Append, Content: "4"}, {Op: Prepend, Content: "5"}, {Op: Prepend, Content: "6"}}, "56<p>a</p>1234"},
		{"delete", Storage, "<p>a</p> <p>b</p>\n", []Edit{{Op: Delete, Block: "b1"}}, " <p>b</p>\n"},
		{"delete all", Storage, "<p>a</p>", []Edit{{Op: Delete, Block: "b1"}}, ""},
		{"fill an empty page", Storage, "", []Edit{{Op: Append, Content: "<p>a</p>"}}, "<p>a</p>"},
		{"into a list", Storage, "<ul><li>a</li></ul>", []Edit{{Op: Append, Block: "b1", Content: "<li>b</li>"}}, "<ul><li>a</li><li>b</li></ul>"},
		{"into a cell", Storage, "<table><tr><td>a</td><td></td></tr></table>", []Edit{{Op: Prepend, Block: "b1.1.2", Content: "<p>b</p>"}, {Op: Delete, Block: "b1.1.1.1"}},
			"<table><tr><td></td><td><p>b</p></td></tr></table>"},
		{"a list anew", Storage, "<ul><li>a</li></ul>", []Edit{{Op: Delete, Block: "b1.1"}, {Op: Append, Block: "b1", Content: "<li>b</li>"}}, "<ul><li>b</li></ul>"},
		{"text", Storage, "<p>Tom &amp; <b>Jerry</b>&nbsp;x</p>", []Edit{{Op: ReplaceText, Block: "b1", Old: "m & ", New: "<b>\"&\u00e9"}}, "<p>To&lt;b&gt;\"&amp;é<b>Jerry</b>&nbsp;x</p>"},
		{"text at entities", Storage, "<p>a&nbsp;b&#x2014;c</p>", []Edit{{Op: ReplaceText, Block: "b1", Old: "\u00a0b—", New: "-"}}, "<p>a-c</p>"},
		{"text over line ends", Storage, "<p>a\r\nb\rc</p>", []Edit{{Op: ReplaceText, Block: "b1", Old: "\nb\n", New: "+"}}, "<p>a+c</p>"},
		{"two texts", Storage, "<p>one two</p>", []Edit{{Op: ReplaceText, Block: "b1", Old: "two", New: "2"}, {Op: ReplaceText, Block: "b1", Old: "one", New: "1"}}, "<p>1 2</p>"},
		{"text goes", Storage, "<p>one two</p>", []Edit{{Op: ReplaceText, Block: "b1", Old: " two"}}, "<p>one</p>"},
		{"not in tags", Storage, `<p title="x">x</p>`, []Edit{{Op: ReplaceText, Block: "b1", Old: "x", New: "y"}}, `<p title="x">y</p>`},
		{"deep text", Storage, "<ul><li>a<ul><li>b</li></ul></li></ul>", []Edit{{Op: ReplaceText, Block: "b1", Old: "b", New: "c"}}, "<ul><li>a<ul><li>c</li></ul></li></ul>"},

		{"replace", ADF, adf(a + ", " + b), []Edit{{Op: Replace, Block: "b2", Content: x}}, adf(a + ", " + x)},
		{"a list of nodes", ADF, adf(a), []Edit{{Op: Replace, Block: "b1", Content: " [" + x + " , " + y + "] "}}, adf(x + " , " + y)},
		{"around", ADF, adf(a + " ,\n" + b), []Edit{{Op: InsertBefore, Block: "b2", Content: x}, {Op: InsertAfter, Block: "b1", Content: y}}, adf(a + "," + y + " ,\n" + x + "," + b)},
		{"ends", ADF, adf(" " + a + " "), []Edit{{Op: Append, Content: x}, {Op: Prepend, Content: y}}, adf(y + ", " + a + " ," + x)},
		{"delete the first", ADF, adf(a + " , " + b + "," + c), []Edit{{Op: Delete, Block: "b1"}}, adf("  " + b + "," + c)},
		{"delete the last", ADF, adf(a + "," + b + " , " + c), []Edit{{Op: Delete, Block: "b3"}}, adf(a + "," + b + "  ")},
		{"delete two", ADF, adf(a + "," + b + "," + c), []Edit{{Op: Delete, Block: "b3"}, {Op: Delete, Block: "b2"}}, adf(a)},
		{"delete the outer two", ADF, adf(a + "," + b + "," + c), []Edit{{Op: Delete, Block: "b3"}, {Op: Delete, Block: "b1"}}, adf(b)},
		{"delete and append", ADF, adf(a + "," + b), []Edit{{Op: Delete, Block: "b2"}, {Op: Append, Content: x}}, adf(a + "," + x)},
		{"delete and prepend", ADF, adf(a + "," + b), []Edit{{Op: Delete, Block: "b1"}, {Op: Prepend, Content: x}}, adf(x + "," + b)},
		{"all anew", ADF, adf(a + "," + b), []Edit{{Op: Delete, Block: "b1"}, {Op: Append, Content: x}, {Op: Delete, Block: "b2"}, {Op: Prepend, Content: y}}, adf(x + "," + y)},
		{"fill", ADF, adf(" "), []Edit{{Op: Append, Content: x}, {Op: Append, Content: y}}, adf(" " + x + "," + y)},
		{"deep", ADF, adf(list), []Edit{{Op: Delete, Block: "b1.1"}, {Op: InsertAfter, Block: "b1", Content: x}}, adf(`{"type":"panel","content":[  ` + b + `]},` + x)},
		{"text", ADF, adf(para(`x\u00e4\ud83d\ude00\"y`)), []Edit{{Op: ReplaceText, Block: "b1", Old: "ä😀\"", New: "\\\"\n<"}}, adf(para(`x\\\"\n<y`))},
	} {
		before := mustParse(t, test.format, test.body)
		for i := range test.edits {
			if path := test.edits[i].Block; path != "" {
				test.edits[i].Block = at(t, before, path)
			}
		}
		after, err := Apply(before, test.edits)
		if err != nil {
			t.Errorf("%s, %s: %v", test.format, test.name, err)
			continue
		}
		if after.Text != test.want {
			t.Errorf("%s, %s:\ngot  %s\nwant %s", test.format, test.name, after.Text, test.want)
		}
		if Diff(before, after) == "" {
			t.Errorf("%s, %s: no diff", test.format, test.name)
		}
	}
}

func TestApplyRefuses(t *testing.T) {
	code := `<ac:structured-macro ac:name="html"><ac:plain-text-body><![CDATA[drop]]></ac:plain-text-body></ac:structured-macro>`
	status := `<p><ac:structured-macro ac:name="status"><ac:parameter ac:name="title">UP</ac:parameter></ac:structured-macro></p>`
	for _, test := range []struct {
		name   string
		format Format
		body   string
		edits  []Edit
		code   Code
		want   string
	}{
		{"none", Storage, "<p/>", nil, BadEdit, "0 edits"},
		{"unknown", Storage, "<p/>", []Edit{{Op: "move", Block: "b1"}}, BadEdit, `"move" is not known`},
		{"zero", Storage, "<p/>", []Edit{{}}, BadEdit, "not known"},
		{"no block", Storage, "<p/>", []Edit{{Op: Delete}}, BadEdit, "needs a block"},
		{"no content", Storage, "<p/>", []Edit{{Op: Replace, Block: "b1"}}, BadEdit, "content"},
		{"content of a deletion", Storage, "<p/>", []Edit{{Op: Delete, Block: "b1", Content: "x"}}, BadEdit, "content"},
		{"text of an insertion", Storage, "<p/>", []Edit{{Op: Append, Content: "x", New: "y"}}, BadEdit, "old and new"},
		{"no old text", Storage, "<p>a</p>", []Edit{{Op: ReplaceText, Block: "b1", New: "y"}}, BadEdit, "old and new"},
		{"blank content", Storage, "<p/>", []Edit{{Op: Replace, Block: "b1", Content: " <!--x--> "}}, BadEdit, "no block"},
		{"no nodes", ADF, adf(para("a")), []Edit{{Op: Replace, Block: "b1", Content: "[]"}}, BadEdit, "no block"},
		{"breaking out", Storage, "<div><p/></div>", []Edit{{Op: Replace, Block: "b1.1", Content: "</div><p/><div>"}}, Malformed, "closes what is not open"},
		{"unclosed", Storage, "<div><p/></div>", []Edit{{Op: Replace, Block: "b1.1", Content: "<p>"}}, Malformed, "never closed"},
		{"open comment", Storage, "<p/>", []Edit{{Op: Append, Content: "x<!--"}}, Malformed, ""},
		{"breaking out", ADF, adf(para("a")), []Edit{{Op: Append, Content: `{"type":"rule"}]},{"x":[`}}, Malformed, ""},
		{"breaking out of the list", ADF, adf(para("a")), []Edit{{Op: Append, Content: `[{"type":"rule"}],"x":[1]`}}, Malformed, "something follows"},
		{"not a node", ADF, adf(para("a")), []Edit{{Op: Append, Content: `"x"`}}, Malformed, "a node"},
		{"list in a table", Storage, "<table><tr><td/></tr></table>", []Edit{{Op: Append, Block: "b1", Content: "<p/>"}}, BadEdit, `"p" has no place`},
		{"row on the page", Storage, "<p/>", []Edit{{Op: Append, Content: "<tr><td/></tr>"}}, BadEdit, `"tr" has no place`},
		{"paragraph in a list", Storage, "<p/>", []Edit{{Op: Append, Content: "<ul><p/></ul>"}}, BadEdit, `"p" has no place`},
		{"text on the page", ADF, adf(para("a")), []Edit{{Op: Append, Content: `{"type":"text","text":"x"}`}}, BadEdit, `"text" has no place`},
		{"inside a paragraph", Storage, "<p>a</p>", []Edit{{Op: Append, Block: "b1", Content: "b"}}, BadEdit, "takes no blocks"},
		{"the last item", Storage, "<ul><li/></ul>", []Edit{{Op: Delete, Block: "b1.1"}}, BadEdit, "left empty"},
		{"the last node", ADF, adf(`{"type":"panel","content":[` + para("a") + `]}`), []Edit{{Op: Delete, Block: "b1.1"}}, BadEdit, "left empty"},
		{"twice", Storage, "<p/>", []Edit{{Op: Delete, Block: "b1"}, {Op: Replace, Block: "b1", Content: "<p/>"}}, BadEdit, "same place"},
		{"within", Storage, "<ul><li>a</li></ul>", []Edit{{Op: Delete, Block: "b1"}, {Op: ReplaceText, Block: "b1.1", Old: "a", New: "b"}}, BadEdit, "same place"},
		{"overlapping texts", Storage, "<p>abc</p>", []Edit{{Op: ReplaceText, Block: "b1", Old: "ab", New: "x"}, {Op: ReplaceText, Block: "b1", Old: "bc", New: "y"}}, BadEdit, "same place"},
		{"beside what goes", Storage, "<p/><p>b</p>", []Edit{{Op: Delete, Block: "b1"}, {Op: InsertBefore, Block: "b1", Content: "x"}}, BadEdit, "is deleted"},
		{"text that is not there", Storage, "<p>a</p>", []Edit{{Op: ReplaceText, Block: "b1", Old: "b", New: "c"}}, BadEdit, "is not in block"},
		{"text across tags", Storage, "<p>a<b>b</b></p>", []Edit{{Op: ReplaceText, Block: "b1", Old: "ab", New: "c"}}, BadEdit, "is not in block"},
		{"text across nodes", ADF, adf(`{"type":"paragraph","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}`), []Edit{{Op: ReplaceText, Block: "b1", Old: "ab", New: "c"}}, BadEdit, "is not in block"},
		{"text twice", Storage, "<p>aaa</p>", []Edit{{Op: ReplaceText, Block: "b1", Old: "aa", New: "c"}}, BadEdit, "more than once"},
		{"text of an attribute", Storage, `<p title="b">a</p>`, []Edit{{Op: ReplaceText, Block: "b1", Old: "b", New: "c"}}, BadEdit, "is not in block"},
		{"text of a parameter", Storage, status, []Edit{{Op: ReplaceText, Block: "b1", Old: "UP", New: "DOWN"}}, BadEdit, "is not in block"},
		{"source of a macro", Storage, code, []Edit{{Op: ReplaceText, Block: "b1", Old: "drop", New: "x"}}, BadEdit, "source of a macro"},
		{"all of a text", ADF, adf(para("a")), []Edit{{Op: ReplaceText, Block: "b1", Old: "a"}}, BadEdit, "no text would be left"},
		{"hidden text", Storage, "<p>a</p>", []Edit{{Op: ReplaceText, Block: "b1", Old: "a", New: "\u202eb"}}, BadEdit, "hidden"},
		{"bad text", Storage, "<p>a</p>", []Edit{{Op: ReplaceText, Block: "b1", Old: "a", New: "\xff"}}, BadEdit, "hidden"},
		{"too long", Storage, "<p>a</p>", []Edit{{Op: ReplaceText, Block: "b1", Old: "a", New: strings.Repeat("x", MaxBody)}}, TooLarge, "longer than"},
		{"too deep", Storage, strings.Repeat("<div>", 60) + "<p>a</p>" + strings.Repeat("</div>", 60), []Edit{{Op: Append, Block: "b1" + strings.Repeat(".1", 59), Content: "<div><div><div><div><p/></div></div></div></div>"}}, Malformed, "deeper"},
		{"stale", Storage, "<p>a</p>", []Edit{{Op: Delete, Block: "b1-00000000"}}, Stale, "not what it was"},
		{"which", Storage, "<p>a</p>", []Edit{{Op: Append, Content: "<p/>"}, {Op: "x"}}, BadEdit, "edit 2: "},
		{"a drop that does not happen", Storage, "<p>a</p>", []Edit{{Op: Append, Content: "<p/>", Drops: []string{"macro:toc:1"}}}, BadEdit, "stays as it is"},
	} {
		before := mustParse(t, test.format, test.body)
		for i := range test.edits {
			if b := before.at(test.edits[i].Block); b != nil {
				test.edits[i].Block = b.Name
			}
		}
		_, err := Apply(before, test.edits)
		checkCode(t, test.name, err, test.code)
		if err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	edits := make([]Edit, MaxEdits+1)
	_, err := Apply(mustParse(t, Storage, "<p/>"), edits)
	checkCode(t, "too many", err, BadEdit)
}

// TestCDATA holds that text in a CDATA section is replaced as text, whatever it
// makes up with its neighbours.
func TestCDATA(t *testing.T) {
	for _, body := range []string{"a]]x>b", "]x]>", "x", "]]x", "x>", "x]]]]><![CDATA[>", "]]]]><![CDATA[>x", "a]x>"} {
		for _, new := range []string{"", "]", ">", "]]", "]>", "]]>", "]]]]>>", "<![CDATA[", "&amp;"} {
			before := mustParse(t, Storage, `<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[`+body+`]]></ac:plain-text-body></ac:structured-macro>`)
			after, err := Apply(before, []Edit{{Op: ReplaceText, Block: before.Blocks[0].Name, Old: "x", New: new}})
			if err != nil {
				t.Errorf("%q for x in %q: %v", new, body, err)
				continue
			}
			want := strings.Replace(before.root.words(), "x", new, 1)
			if got := after.root.words(); got != want {
				t.Errorf("%q for x in %q: %q, want %q", new, body, got, want)
			}
		}
	}
}
