// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/atlassian"
)

var updateDocs = flag.Bool("update", false, "write what docs/confluence.md has from the table anew")

const (
	docsPath  = "../../docs/confluence.md"
	docsBegin = "<!-- From here on written from the table in internal/confluence by go test -update. -->\n"
)

// TestDocs holds the second half of docs/confluence.md to the table. The first is written by hand.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	hand, got, ok := strings.Cut(string(b), docsBegin)
	if !ok {
		t.Fatalf("%s has no line %q", docsPath, strings.TrimSpace(docsBegin))
	}
	want := documented(Operations())
	if *updateDocs {
		if err := os.WriteFile(docsPath, []byte(hand+docsBegin+want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got != want {
		t.Errorf("%s is not what the table says: run go test ./internal/confluence -run TestDocs -update", docsPath)
	}
	for _, o := range named() {
		if !strings.Contains(want, "`"+o.Name+"`") {
			t.Errorf("%s is not in the document", o.Name)
		}
	}
}

// documented is the table for people.
func documented(ops []atlassian.Operation) string {
	var b strings.Builder
	b.WriteString("\n## Operations\n\n| operation | class | credential | what it does |\n|---|---|---|---|\n")
	for _, o := range ops {
		if o.Offered {
			fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", o.Name, strings.NewReplacer(".", "", " ", "-").Replace(o.Name), o.Class, strings.Join(credentials(o), ", "), o.Title)
		}
	}
	for _, o := range ops {
		if o.Offered {
			document(&b, o)
		}
	}
	b.WriteString("\n## Named, and not offered\n\nPolicies can name these, and calls of them are refused. No credential of the house's sends their requests for them.\n\n| operation | what it would do | request |\n|---|---|---|\n")
	for _, o := range ops {
		if !o.Offered {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.Name, o.Title, strings.Join(requests(o.Endpoints), "<br>"))
		}
	}
	b.WriteString("\n## Scopes\n\nA credential with these scopes, and no others, counts as least privilege.\n\n")
	for _, use := range []string{atlassian.ForReading, atlassian.ForWriting, atlassian.ForUndoing} {
		fmt.Fprintf(&b, "- `%s`: `%s`\n", use, strings.Join(atlassian.Scopes(ops, use), "`, `"))
	}
	return b.String()
}

func document(b *strings.Builder, o atlassian.Operation) {
	fmt.Fprintf(b, "\n### %s\n\n%s. Class `%s`.\n\n%s\n\n", o.Name, o.Title, o.Class, o.Description)
	b.WriteString("| | |\n|---|---|\n")
	var args []string
	for _, a := range o.Args {
		s := "`" + a.Name + "`"
		if !a.Required {
			s += " (optional)"
		}
		args = append(args, s)
	}
	rows := [][2]string{{"arguments", strings.Join(args, ", ")}, {"shows or writes", o.Fields}, {"limits", o.Limits}, {"evidence", o.Evidence}, {"undo", o.Undo}}
	for _, use := range []string{atlassian.ForReading, atlassian.ForWriting, atlassian.ForUndoing} {
		var list []atlassian.Endpoint
		for _, e := range o.Endpoints {
			if e.Use == use {
				list = append(list, e)
			}
		}
		rows = append(rows, [2]string{"sent by `" + use + "`", strings.Join(requests(list), "<br>")})
	}
	for _, r := range rows {
		if r[1] != "" {
			fmt.Fprintf(b, "| %s | %s |\n", r[0], r[1])
		}
	}
}

// credentials are the uses of an operation's requests that change something, or reading.
func credentials(o atlassian.Operation) []string {
	var out []string
	for _, e := range o.Endpoints {
		if e.Use != atlassian.ForReading && !slices.Contains(out, e.Use) {
			out = append(out, e.Use)
		}
	}
	if out == nil {
		return []string{atlassian.ForReading}
	}
	return out
}

func requests(list []atlassian.Endpoint) []string {
	var out []string
	for _, e := range list {
		s := e.Method + " " + e.API.Prefix() + e.Path
		if len(e.Query) > 0 {
			s += "?" + strings.Join(e.Query, "&")
		}
		out = append(out, "`"+s+"`")
	}
	return out
}
