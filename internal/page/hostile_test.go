// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"strings"
	"testing"
	"time"
)

// TestHostileSizes holds that pages made to be slow are not: the worst of a
// sixteenth of what fits is read, compared and shown in a time that people wait for.
func TestHostileSizes(t *testing.T) {
	fill := func(unit string) string { return strings.Repeat(unit, MaxBody/16/len(unit)) }
	deep := func(unit string) string {
		return strings.Repeat("<div>", 60) + strings.Repeat(unit, MaxBody/16/len(unit)) + strings.Repeat("</div>", 60)
	}
	for name, body := range map[string]string{
		"attributes": "<p " + fill(`a="" `) + "/>",
		"items":      "<ul>" + fill("<li/>") + "</ul>",
		"links":      "<p>" + fill(`<a href="x">y</a>`) + "</p>",
		"markers":    "<p>" + fill(`<ac:inline-comment-marker ac:ref="r">a</ac:inline-comment-marker>`) + "</p>",
		"sections":   "<p>" + fill("<![CDATA[a]]>") + "</p>",
		"same lines": fill("<p/>"),
		"macros":     fill(`<ac:macro ac:name="a"/>`),
		"deep":       deep("<p>a</p>"),
		"deep text":  deep("a&amp;"),
		"tables":     strings.Repeat("<table><tr><td>", 20) + strings.Repeat("<p>a</p>", 5000) + strings.Repeat("</td></tr></table>", 20),
		"unknown":    fill("<x:y/>"),
		"comments":   fill("<!---->"),
		"entities":   fill("&nbsp;"),
	} {
		began := time.Now()
		b, err := Parse(Storage, body)
		if err != nil {
			if name != "attributes" {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if len(b.Blocks) > 0 {
			last := b.Blocks[len(b.Blocks)-1].Name
			after, err := Apply(b, []Edit{{Op: ReplaceText, Block: last, Old: "zz", New: "y"}, {Op: Append, Content: "<p>b</p>"}})
			if err == nil {
				Diff(b, after)
			}
		}
		empty := mustParse(t, Storage, "")
		if Diff(b, empty) == "" || Diff(empty, b) == "" {
			t.Errorf("%s: no diff", name)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %v", name, took)
		} else {
			t.Logf("%s took %v", name, took)
		}
	}
}

// TestDiffWork holds that a diff takes work as bodies are long, whatever shape
// they are made in: counted in bytes and lines looked at.
func TestDiffWork(t *testing.T) {
	fill := func(n int, unit string) string { return strings.Repeat(unit, n/len(unit)) }
	for name, shape := range map[string]func(n int) (before, after string){
		"breaks":       func(n int) (string, string) { s := fill(n, "a<br/>"); return "<p>" + s + "</p>", "<p>" + s + "x</p>" },
		"breaks apart": func(n int) (string, string) { return "<p>" + fill(n, "a<br/>") + "</p>", fill(n, "<p>a</p>") },
		"inline tags": func(n int) (string, string) {
			s := fill(n, "<b>a</b>")
			return "<p>" + s + "</p>", "<p>" + s + "<i>b</i></p>"
		},
		"links": func(n int) (string, string) { s := fill(n, `<a href="x">y</a>`); return s, s + `<a href="z">y</a>` },
		"cells": func(n int) (string, string) {
			s := "<table><tr>" + fill(n, "<td>a</td>")
			return s + "</tr></table>", s + "<td>b</td></tr></table>"
		},
		"equal lines": func(n int) (string, string) { return fill(n, "<p>a</p>"), fill(n, "<p>a</p><p>a</p><p>b</p>") },
		"long name": func(n int) (string, string) {
			x := "x" + fill(n/4, "y")
			return "<" + x + ">" + fill(n/2, "<p/>") + "</" + x + ">", fill(n, "<p/>")
		},
		"headings": func(n int) (string, string) {
			h := "<h1>" + fill(n/2, "h") + "</h1>"
			return h + fill(n/2, "<p>a</p><p/><p/><p/><p/><p/><p/><p/><p/><p/>"), h + fill(n/2, "<p>b</p><p/><p/><p/><p/><p/><p/><p/><p/><p/>")
		},
	} {
		for _, n := range []int{16 << 10, 128 << 10} {
			before, after := shape(n)
			a, b := mustParse(t, Storage, before), mustParse(t, Storage, after)
			text, work := diff(a, b)
			if most := 8*(len(before)+len(after)) + maxSteps; work > most {
				t.Errorf("%s of %d bytes: %d bytes and lines looked at, want at most %d", name, n, work, most)
			}
			if text == "" || len(text) > MaxDiff {
				t.Errorf("%s of %d bytes: a diff of %d bytes", name, n, len(text))
			}
		}
	}
}
