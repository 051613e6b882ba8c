// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"html"
	"strings"
	"unicode"
)

// storageText returns the text of storage format, without its markup.
func storageText(body string) string {
	var b strings.Builder
	inside := false
	for _, r := range body {
		switch {
		case r == '<':
			inside = true
			b.WriteByte(' ')
		case r == '>' && inside:
			inside = false
		case !inside:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(html.UnescapeString(b.String())), " ")
}

// docNode is a node of an Atlassian document.
type docNode struct {
	Type    string          `json:"type"`
	Version int             `json:"version"`
	Text    *string         `json:"text"`
	Content json.RawMessage `json:"content"`
}

// maxDocDepth limits how deep the nodes of a document nest.
const maxDocDepth = 50

// readDoc returns the text of an Atlassian document and whether it is one: a node of type doc, version 1, whose nodes all
// have types, and whose text nodes have text.
func readDoc(raw json.RawMessage) (string, bool) {
	var doc docNode
	if json.Unmarshal(raw, &doc) != nil || doc.Type != "doc" || doc.Version != 1 || doc.Content == nil {
		return "", false
	}
	var b strings.Builder
	if !readNodes(&b, doc.Content, 1) {
		return "", false
	}
	return strings.TrimSpace(b.String()), true
}

func readNodes(b *strings.Builder, raw json.RawMessage, depth int) bool {
	var nodes []docNode
	if depth > maxDocDepth || json.Unmarshal(raw, &nodes) != nil {
		return false
	}
	for _, n := range nodes {
		switch {
		case n.Type == "" || n.Type == "doc" || (n.Type == "text") != (n.Text != nil):
			return false
		case n.Text != nil && *n.Text == "":
			return false
		case n.Text != nil:
			b.WriteString(*n.Text)
		case n.Content != nil && !readNodes(b, n.Content, depth+1):
			return false
		}
		if n.Text == nil {
			b.WriteByte('\n')
		}
	}
	return true
}

// TextDoc returns an Atlassian document that holds the text in one paragraph, as Jira wants descriptions and comments.
func TextDoc(text string) json.RawMessage {
	content := []object{}
	if text != "" {
		content = append(content, object{"type": "text", "text": text})
	}
	raw, err := json.Marshal(object{"type": "doc", "version": 1, "content": []object{{"type": "paragraph", "content": content}}})
	if err != nil {
		panic(err) // unreachable: strings always marshal
	}
	return raw
}

// words cuts text into words as an index does: lower case, only letters and digits.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// contains tells whether the text has what a ~ clause looks for: all words, in any order; or, between double quotes, the
// words one after the other. A word that ends in * matches its beginnings.
func contains(text, wanted string) bool {
	have := words(text)
	if phrase, isPhrase := strings.CutPrefix(strings.TrimSpace(wanted), `"`); isPhrase {
		return hasPhrase(have, words(strings.TrimSuffix(phrase, `"`)))
	}
	if len(words(wanted)) == 0 {
		return false
	}
	for term := range strings.FieldsSeq(wanted) {
		parts := words(term)
		prefix := strings.HasSuffix(term, "*")
		for i, part := range parts {
			if !hasWord(have, part, prefix && i == len(parts)-1) {
				return false
			}
		}
	}
	return true
}

func hasWord(have []string, wanted string, prefix bool) bool {
	for _, word := range have {
		if word == wanted || prefix && strings.HasPrefix(word, wanted) {
			return true
		}
	}
	return false
}

func hasPhrase(have, phrase []string) bool {
	for i := 0; len(phrase) > 0 && i+len(phrase) <= len(have); i++ {
		if strings.Join(have[i:i+len(phrase)], " ") == strings.Join(phrase, " ") {
			return true
		}
	}
	return false
}
