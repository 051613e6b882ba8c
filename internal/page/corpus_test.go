// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A specimen is a page of the corpus.
type specimen struct {
	name   string
	format Format
	text   string
}

// corpus returns the pages in testdata, and a large one of each format.
func corpus(t testing.TB) []specimen {
	t.Helper()
	var list []specimen
	for _, kind := range []struct {
		format  Format
		pattern string
	}{{Storage, "testdata/storage/*.xml"}, {ADF, "testdata/adf/*.json"}} {
		paths, err := filepath.Glob(kind.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, specimen{filepath.Base(path), kind.format, string(b)})
		}
	}
	if len(list) < 25 {
		t.Fatalf("%d pages in the corpus", len(list))
	}
	return append(list, specimen{"large storage", Storage, largeStorage()}, specimen{"large ADF", ADF, largeADF()})
}

func (s specimen) parse(t testing.TB) *Body {
	t.Helper()
	b, err := Parse(s.format, s.text)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return b
}

const largeSize = 300 << 10

// largeStorage is a page of 300 KiB: sections with tables, macros and lists.
func largeStorage() string {
	var b strings.Builder
	for i := 0; b.Len() < largeSize; i++ {
		fmt.Fprintf(&b, `<h2>Service %d</h2><p>Text &amp; more about service %d, at length, for people who read.</p>`, i, i)
		fmt.Fprintf(&b, `<table><tbody><tr><th>Name</th><td>service-%d</td></tr><tr><th>State</th><td><ac:structured-macro ac:name="status" ac:macro-id="%08d-0000-4000-8000-000000000000"><ac:parameter ac:name="title">UP</ac:parameter></ac:structured-macro></td></tr></tbody></table>`, i, i)
		fmt.Fprintf(&b, "<ul><li><p>one</p></li><li><p>two <ac:inline-comment-marker ac:ref=\"ref-%d\">marked</ac:inline-comment-marker></p></li></ul>\n", i)
	}
	return b.String()
}

func largeADF() string {
	var b strings.Builder
	b.WriteString(`{"type":"doc","version":1,"content":[`)
	for i := 0; b.Len() < largeSize; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"type":"heading","attrs":{"level":2},"content":[{"type":"text","text":"Service %d"}]},`, i)
		fmt.Fprintf(&b, `{"type":"paragraph","content":[{"type":"text","text":"Owner "},{"type":"mention","attrs":{"id":"user-%d"}},{"type":"text","text":" marked","marks":[{"type":"annotation","attrs":{"id":"ref-%d","annotationType":"inlineComment"}}]}]},`, i, i)
		fmt.Fprintf(&b, `{"type":"extension","attrs":{"extensionType":"x","extensionKey":"toc","parameters":{"macroMetadata":{"macroId":{"value":"m-%d"}}}}}`, i)
	}
	b.WriteString("]}")
	return b.String()
}
