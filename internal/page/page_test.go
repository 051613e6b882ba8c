// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// whole puts a list of blocks together again from blocks and gaps, at every depth.
func whole(b *Body, list []*Block, from, to int) (string, error) {
	var out strings.Builder
	at := from
	for _, block := range list {
		if block.From < at || block.To <= block.From || block.To > to {
			return "", fmt.Errorf("block %s at %d to %d, within %d to %d, after %d", block.Name, block.From, block.To, from, to, at)
		}
		gap := b.Text[at:block.From]
		if err := checkGap(b.Format, gap); err != nil {
			return "", fmt.Errorf("before block %s: %w", block.Name, err)
		}
		out.WriteString(gap)
		if block.holder == nil {
			out.WriteString(b.Source(block))
		} else {
			inside, err := whole(b, block.Children, block.holder.in, block.holder.out)
			if err != nil {
				return "", err
			}
			out.WriteString(b.Text[block.From:block.holder.in] + inside + b.Text[block.holder.out:block.To])
		}
		at = block.To
	}
	if err := checkGap(b.Format, b.Text[at:to]); err != nil {
		return "", err
	}
	return out.String() + b.Text[at:to], nil
}

// checkGap holds that nothing of a page is in no block.
func checkGap(format Format, gap string) error {
	rest := gap
	for format == Storage && strings.Contains(rest, "<!--") {
		head, tail, _ := strings.Cut(rest, "<!--")
		_, tail, _ = strings.Cut(tail, "-->")
		rest = head + tail
	}
	if format == ADF {
		rest = strings.Replace(rest, ",", "", 1)
	}
	if !isBlank(rest) {
		return fmt.Errorf("gap %q", gap)
	}
	return nil
}

func checkWhole(b *Body) error {
	text, err := whole(b, b.Blocks, b.root.in, b.root.out)
	if err != nil {
		return err
	}
	if text = b.Text[:b.root.in] + text + b.Text[b.root.out:]; text != b.Text {
		return errors.New("blocks and gaps are not the body")
	}
	var wrong error
	b.All(func(block *Block) {
		found, err := b.Find(block.Name)
		if err != nil || found != block {
			wrong = fmt.Errorf("block %s is not found by its name", block.Name)
		}
	})
	return wrong
}

func TestBlocksAndGapsAreTheBody(t *testing.T) {
	for _, s := range corpus(t) {
		if err := checkWhole(s.parse(t)); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

// outline is a body's blocks without their hashes.
func outline(b *Body) []string {
	var list []string
	b.All(func(block *Block) {
		path, _, _ := strings.Cut(block.Name, "-")
		list = append(list, path+" "+block.Kind+" "+b.Source(block))
	})
	return list
}

func TestBlocks(t *testing.T) {
	for _, test := range []struct {
		name   string
		format Format
		body   string
		want   []string
	}{
		{"runs", Storage, "<td> a <b>c</b> <p>d</p>\n<i>e</i> </td>", []string{
			"b1 td <td> a <b>c</b> <p>d</p>\n<i>e</i> </td>", "b1.1 text a <b>c</b>", "b1.2 p <p>d</p>", "b1.3 text <i>e</i>"}},
		{"comments are gaps", Storage, "<!--x--><p/><!--y-->z", []string{"b1 p <p/>", "b2 text z"}},
		{"an entity is text", Storage, "<li>&nbsp;</li>", []string{"b1 li <li>&nbsp;</li>", "b1.1 text &nbsp;"}},
		{"a macro holds its body", Storage,
			`<ac:structured-macro ac:name="info"><ac:parameter ac:name="title">t</ac:parameter><ac:rich-text-body><p>a</p></ac:rich-text-body></ac:structured-macro>`, []string{
				`b1 ac:structured-macro <ac:structured-macro ac:name="info"><ac:parameter ac:name="title">t</ac:parameter><ac:rich-text-body><p>a</p></ac:rich-text-body></ac:structured-macro>`,
				"b1.1 p <p>a</p>"}},
		{"empty elements hold nothing", Storage, "<ul/><td></td>", []string{"b1 ul <ul/>", "b2 td <td></td>"}},
		{"nodes", ADF, `{"type":"doc","content":[{"type":"panel","content":[{"type":"paragraph"}]}, {"type":"rule"}]}`, []string{
			`b1 panel {"type":"panel","content":[{"type":"paragraph"}]}`, `b1.1 paragraph {"type":"paragraph"}`, `b2 rule {"type":"rule"}`}},
	} {
		b, err := Parse(test.format, test.body)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(test.want, outline(b)); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

func TestNamesAreForOneVersion(t *testing.T) {
	a, err := Parse(Storage, "<p>a</p><ul><li>b</li></ul>")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse(Storage, "<p>x</p><ul><li>b</li></ul>")
	if err != nil {
		t.Fatal(err)
	}
	if a.Blocks[1].Name != b.Blocks[1].Name {
		t.Errorf("the list is %s and %s", a.Blocks[1].Name, b.Blocks[1].Name)
	}
	_, err = b.Find(a.Blocks[0].Name)
	checkCode(t, "changed block", err, Stale)
	for _, name := range []string{"", "b1", "b9-00000000", "b1-", "x"} {
		_, err = a.Find(name)
		checkCode(t, name, err, Stale)
	}
}

func checkCode(t *testing.T, what string, err error, want Code) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != want {
		t.Errorf("%s: %v, want code %s", what, err, want)
		return
	}
	if msg, hint, ok := strings.Cut(e.Error(), "\n"); !ok || msg == "" || hint == "" || strings.Contains(hint, "\n") {
		t.Errorf("%s: error is not in two lines: %q", what, e.Error())
	}
}

func TestRefusals(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("<div>", n) + strings.Repeat("</div>", n) }
	deepADF := func(n int) string {
		return `{"type":"doc","content":[` + strings.Repeat(`{"type":"panel","content":[`, n) + strings.Repeat("]}", n) + "]}"
	}
	for _, test := range []struct {
		format Format
		body   string
		want   string // "" for accepted; else in the error
	}{
		{Storage, "<p>a</div>", "</div> closes what is not open (line 1, column 5)"},
		{Storage, "<p>\n<b>a</p>", "</p> closes what is not open (line 2, column 5)"},
		{Storage, "</p>", "closes what is not open"},
		{Storage, "<p>a", "<p> is never closed (line 1, column 1)"},
		{Storage, "<p>a & b</p>", "invalid character entity"},
		{Storage, "<p>&nosuch;</p>", "invalid character entity"},
		{Storage, "<p a='1' a='2'/>", "attribute a of <p> is there twice"},
		{Storage, "<p a=1/>", "not well-formed"},
		{Storage, "<p><![CDATA[a</p>", "not well-formed"},
		{Storage, "<p>]]></p>", "not well-formed"},
		{Storage, `<!DOCTYPE html [<!ENTITY x "y">]><p/>`, "document types"},
		{Storage, `<?xml version="1.0"?><p/>`, "processing instructions"},
		{Storage, "<p>\x00</p>", "not well-formed"},
		{Storage, "<p>\xff</p>", "not UTF-8"},
		{Storage, deep(MaxDepth), ""},
		{Storage, deep(MaxDepth + 1), "nest deeper"},
		{Storage, strings.Repeat("a", MaxBody), ""},
		{Storage, strings.Repeat("a", MaxBody+1), "longer than"},
		{ADF, "", "not strict JSON"},
		{ADF, `{"type":"doc","content":[]} x`, "something follows"},
		{ADF, `{"type":"doc","content":[],"type":"doc"}`, "duplicate"},
		{ADF, `{"type":"doc","content":[],"t\u0079pe":"x"}`, "duplicate"},
		{ADF, `{"type":"doc","content":[{"type":"paragraph","attrs":{"a":1,"a":2}}]}`, "duplicate"},
		{ADF, `{"type":"doc","content":[{"type":"text","text":"\ud800"}]}`, "not strict JSON"},
		{ADF, `{"type":"paragraph","content":[]}`, "not a document"},
		{ADF, `{"type":"doc"}`, "not a document"},
		{ADF, `[]`, "a node is an object"},
		{ADF, `{"type":"doc","content":{}}`, "content is a list"},
		{ADF, `{"type":"doc","content":["x"]}`, "a node is an object"},
		{ADF, `{"type":"doc","content":[{"type":"text"}]}`, "has a text"},
		{ADF, `{"type":"doc","content":[{"type":"text","text":"a","content":[]}]}`, "no content"},
		{ADF, `{"type":"doc","content":[{"type":"text","text":"a","marks":[{}]}]}`, "a mark is"},
		{ADF, `{"type":"doc","content":[{"type":"text","text":"a","marks":{}}]}`, "marks are a list"},
		{ADF, deepADF(MaxDepth), ""},
		{ADF, deepADF(MaxDepth + 1), "nest deeper"},
		{ADF, `{"type":"doc","content":[],"x":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "}", "nest deeper"},
		{"", "<p/>", "not known"},
		{"wiki", "x", "not known"},
	} {
		_, err := Parse(test.format, test.body)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%.60q: %v", test.body, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%.60q: %v, want %q", test.body, err, test.want)
		}
	}
}

// The package is pure: it neither reads nor writes anything.
func TestImports(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"crypto/sha256", "encoding/hex", "encoding/xml", "errors", "fmt", "hash", "io", "regexp", "cmp", "slices", "strconv",
		"strings", "time", "unicode", "unicode/utf8", "github.com/go-json-experiment/json/jsontext", "github.com/clawea/clawea/seal"}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range file.Imports {
			name, err := strconv.Unquote(imported.Path.Value)
			if err != nil || !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s", path, name)
			}
		}
	}
}
