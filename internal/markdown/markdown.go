// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package markdown turns the Markdown that agents write into what Atlassian's
// systems keep: Jira's document format (ADF) and Confluence's storage format.
package markdown

import (
	"html"
	"strings"

	"github.com/clawea/clawea/seal"
)

func paragraphs(s string) []string {
	var out []string
	for p := range strings.SplitSeq(strings.ReplaceAll(s, "\r\n", "\n"), "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

type node struct {
	Type    string `json:"type"`
	Version int    `json:"version,omitempty"`
	Text    string `json:"text,omitempty"`
	Content []node `json:"content,omitempty"`
}

// ADF is s as a document of Jira's: canonical JSON.
func ADF(s string) ([]byte, error) {
	doc := node{Type: "doc", Version: 1}
	for _, p := range paragraphs(s) {
		doc.Content = append(doc.Content, node{Type: "paragraph", Content: []node{{Type: "text", Text: p}}})
	}
	return seal.Marshal(doc)
}

// Storage is s in Confluence's storage format: XHTML.
func Storage(s string) (string, error) {
	var b strings.Builder
	for _, p := range paragraphs(s) {
		b.WriteString("<p>" + html.EscapeString(p) + "</p>")
	}
	return b.String(), nil
}
