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
