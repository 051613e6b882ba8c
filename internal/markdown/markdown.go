// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package markdown turns the Markdown that agents write into what Atlassian's
// systems keep: Jira's document format (ADF) and Confluence's storage format. It
// reads CommonMark with GitHub's tables and strikethrough.
//
// What comes out holds nothing that agents may not write by themselves: paragraphs,
// headings, lists, quotes, code, tables, rules and links to the web. All else is
// text. HTML is text, as it was written. An image is a link to it, since showing it
// would fetch it. A link that leads elsewhere than to the web is its words, with
// where it leads in brackets. What a system cannot nest is taken apart: a heading in
// a list becomes a paragraph in bold, a table in a quote a paragraph per row. No
// text is lost on the way.
package markdown

import (
	"errors"
	"fmt"
	"strings"

	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/seal"
)

// Bounds of what is read and made. Those of documents are what Jira, and the house's
// own check of what agents write, take.
const (
	maxSource   = 128 << 10 // bytes of Markdown
	maxDepth    = 24        // of nodes
	maxNodes    = 4_000     // of a document of Jira's
	maxText     = 32_767    // bytes of its text
	maxDocument = 128 << 10 // bytes of its JSON
	maxStorage  = 1 << 20   // bytes of a page
	maxBlocks   = 40_000    // nodes of a page
	maxBrackets = 4_000     // and
	maxSigns    = 20_000    // signs of emphasis: a parser's time grows with their square
)

var errEmpty = errors.New("the text is empty; write some")

// ADF is s as a document of Jira's, in canonical JSON. It fails for an empty text, for
// one that is too long or nests too deeply, and for characters that nobody sees.
func ADF(s string) ([]byte, error) {
	doc, err := parse(s, maxNodes)
	if err != nil {
		return nil, err
	}
	if doc.length() > maxText {
		return nil, fmt.Errorf("the text is longer than %d bytes; shorten it", maxText)
	}
	b, err := seal.Marshal(doc)
	if err == nil && len(b) > maxDocument {
		err = fmt.Errorf("the document is longer than %d bytes; shorten it", maxDocument)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Storage is s in Confluence's storage format: XHTML. It fails as [ADF] does, and
// takes longer texts.
func Storage(s string) (string, error) {
	doc, err := parse(s, maxBlocks)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	doc.storage(&b)
	if b.Len() > maxStorage {
		return "", fmt.Errorf("the page is longer than %d bytes; split it", maxStorage)
	}
	return b.String(), nil
}

// parse reads s into a document of at most nodes nodes.
func parse(s string, nodes int) (*node, error) {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s) + "\n" // the parser wants whole lines
	switch {
	case strings.TrimSpace(s) == "":
		return nil, errEmpty
	case len(s) > maxSource:
		return nil, fmt.Errorf("the text is longer than %d bytes; shorten it", maxSource)
	case !page.IsText(s):
		return nil, errors.New("the text holds characters that nobody sees; leave them away")
	case tooDeep(s):
		return nil, errDeep
	case strings.Count(s, "[") > maxBrackets || strings.Count(s, "*")+strings.Count(s, "_")+strings.Count(s, "~") > maxSigns:
		return nil, errors.New("the text has too many brackets or signs of emphasis; split it")
	}
	return build(s, nodes)
}
