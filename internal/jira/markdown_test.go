// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"testing"

	"github.com/clawea/clawea/internal/markdown"
)

// sampleMarkdown has all that Markdown has.
const sampleMarkdown = "# A *b*\n\nc **d** `e` ~~f~~ [g](https://h.example \"i\") ![j](k.png)  \nl <b>m</b>\n\n- n\n  1. o\n\n     > # p\n- - q\n\n> r\n> ---\n>\n> | s | t |\n> |---|---|\n\n" +
	"| u | v |\n|---|--:|\n| w | |\n\n```go\nx\n```\n\n---\n\n    y\n\n<!-- z -->\n"

// TestMarkdown holds a document made of Markdown to the published schema.
func TestMarkdown(t *testing.T) {
	b, err := markdown.ADF(sampleMarkdown)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if err := publishedSchema(t).VisitJSON(doc); err != nil {
		t.Errorf("%s: %v", b, err)
	}
}

// FuzzMarkdown says: what Markdown becomes is a document that agents may write, as it is.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{sampleMarkdown, "[a](https://b\\ c)", "<https://a@b>", "1000001. a", "`` ` ``", "**`a`** [`b`](https://c)", "&nbsp;&zwj;&#8;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := markdown.ADF(s)
		if err != nil {
			return
		}
		if again, err := document(b); err != nil || string(again) != string(b) {
			t.Fatalf("%q became %s, which is sent as %s, %v", s, b, again, err)
		}
	})
}
