// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"encoding/xml"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// replaceText returns the splice that puts one text instead of another, which
// must be in the block's readable text exactly once.
func (r *reading) replaceText(block *Block, old, new string) (splice, error) {
	for _, s := range []string{old, new} {
		if i := strings.IndexFunc(s, isForbidden); i >= 0 || !utf8.ValidString(s) {
			return splice{}, refuse(BadEdit, "Write old and new in characters that people can see.", "old or new text holds a hidden character")
		}
	}
	from, to := r.span(block)
	found, at := occurrences(r.text[from:to], old)
	r.work += to - from
	switch at += from; {
	case found == 0:
		return splice{}, refuse(BadEdit, "Copy it from the block's text; text that runs across formatting or macros is not found: replace the block.",
			"the text to replace is not in block %s", block.Name)
	case found > 1:
		return splice{}, refuse(BadEdit, "Give more of the text around it, or name a smaller block.", "the text to replace is in block %s more than once", block.Name)
	case r.piece(at).source >= block.nodes[0].from:
		return splice{}, refuse(BadEdit, "Replace the block.", "the text to replace is the source of a macro")
	}
	s, err := r.splice(at, at+len(old), new)
	if err == nil && (s.from < block.From || s.to > block.To) { // white space around a run
		err = refuse(BadEdit, "Copy it from the block's text.", "the text to replace is not all in block %s", block.Name)
	}
	return s, err
}

// occurrences counts where old is in text, overlapping ones too, up to two: more
// make no difference. It returns the first place.
func occurrences(text, old string) (n, first int) {
	for i := 0; ; {
		j := strings.Index(text[i:], old)
		if j < 0 {
			return n, first
		}
		if n == 0 {
			first = i + j
		}
		if n++; n == 2 {
			return n, first
		}
		i += j + 1
	}
}

// splice replaces r.text[from:to], which is not empty and all in one run.
func (r *reading) splice(from, to int, new string) (splice, error) {
	head, tail := r.piece(from), r.piece(to-1)
	script := head.node.written
	if script != tail.node.written {
		return splice{}, refuse(BadEdit, "Replace the block.", "the text to replace lies across the border of a CDATA section")
	}
	start, stop := r.rawAt(head.node, from-head.at), r.rawAt(tail.node, to-tail.at)
	raw, body := encodeText(script, new), r.body.Text
	if script == cdata {
		raw = safeCDATA(body[:start], raw, body[stop:tail.node.to-len("]]>")])
	}
	if script == escapedJSON && new == "" && len(head.node.text) == to-from {
		return splice{}, refuse(BadEdit, "Delete or replace the block.", "no text would be left between two formats")
	}
	return splice{start, stop, raw, cutting}, nil
}

// character returns how long the first character of raw is written, and what it
// stands for. The raw text is known to be well-formed.
func character(w script, raw string) (size int, stands string) {
	switch {
	case w == escapedXML && raw[0] == '&':
		size = strings.IndexByte(raw, ';') + 1
		return size, entity(raw[1 : size-1])
	case w == escapedJSON && raw[0] == '\\':
		size = 2
		if raw[1] == 'u' {
			size = 6
			if n, err := strconv.ParseUint(raw[2:6], 16, 16); err == nil && 0xd800 <= n && n < 0xdc00 {
				size = 12
			}
		}
		b, err := jsontext.AppendUnquote(nil, `"`+raw[:size]+`"`)
		if err != nil {
			return size, string(utf8.RuneError)
		}
		return size, string(b)
	case w != escapedJSON && raw[0] == '\r': // XML reads every end of a line as \n
		if strings.HasPrefix(raw, "\r\n") {
			return 2, "\n"
		}
		return 1, "\n"
	}
	_, size = utf8.DecodeRuneInString(raw)
	return size, raw[:size]
}

// entity returns what &name; stands for.
func entity(name string) string {
	if digits, ok := strings.CutPrefix(name, "#"); ok {
		base := 10
		if hex, ok := strings.CutPrefix(digits, "x"); ok {
			digits, base = hex, 16
		}
		n, err := strconv.ParseUint(digits, base, 32)
		if err != nil {
			return string(utf8.RuneError)
		}
		return string(rune(n))
	}
	switch name {
	case "lt":
		return "<"
	case "gt":
		return ">"
	case "amp":
		return "&"
	case "apos":
		return "'"
	case "quot":
		return `"`
	}
	return xml.HTMLEntity[name]
}

// encodeText writes text so that it is read as nothing but text.
func encodeText(w script, s string) string {
	switch w {
	case cdata:
		return strings.ReplaceAll(s, "]]>", cdataSplit+">")
	case escapedJSON:
		b, err := jsontext.AppendQuote(nil, s)
		if err != nil {
			return "" // not UTF-8, which was refused
		}
		return string(b[1 : len(b)-1])
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#13;").Replace(s)
}

// cdataSplit ends a CDATA section within "]]>" and begins another.
const cdataSplit = "]]" + cdataSeam

const cdataSeam = "]]><![CDATA["

// safeCDATA keeps raw and what is around it from making up the end of a CDATA
// section between them.
func safeCDATA(before, raw, behind string) string {
	left := before[max(0, len(before)-2):]
	right := behind[:min(len(behind), 2)]
	if len(raw) <= 2 { // too short to hold an end of its own
		if strings.Contains(left+raw+right, "]]>") {
			return cdataSeam + raw + cdataSeam
		}
		return raw
	}
	if strings.Contains(left+raw[:2], "]]>") {
		raw = cdataSeam + raw
	}
	if strings.Contains(raw[len(raw)-2:]+right, "]]>") {
		raw += cdataSeam
	}
	return raw
}
