// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"testing"

	"github.com/clawea/clawea/internal/markdown"
	pagebody "github.com/clawea/clawea/internal/page"
)

// FuzzMarkdown says: what Markdown becomes is a body that agents may write.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{
		"# A *b*\n\nc **d** `e` ~~f~~ [g](https://h.example \"i\") ![j](k.png)  \nl <b>m</b>\n\n- n\n  1. o\n\n     > # p\n- - q\n\n> r\n> ---\n",
		"| u | v |\n|---|--:|\n| w | |\n\n~~~go\n]]>\n~~~\n\n---\n\n    y\n\n<!-- z -->\n", "[a](https://b\\ c)", "1000001. a", "&nbsp;&zwj;&#8;", "```\n]]]]>>\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		body, err := markdown.Storage(s)
		if err != nil {
			return
		}
		if err := checkStorage(body); err != nil {
			t.Fatalf("%q became %s: %v", s, body, err)
		}
		if _, err := pagebody.Parse(pagebody.Storage, body); err != nil {
			t.Fatalf("%q became %s: %v", s, body, err)
		}
	})
}
