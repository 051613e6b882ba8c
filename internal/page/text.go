// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A run is text that readers see as one: neighbours without markup between them.
type run struct {
	parts []*node
	text  string
	fixed bool // its bytes mean more than its text says
}

// replaceText returns the splice that puts one text instead of another, which
// must be in the block's readable text exactly once.
func (b *Body) replaceText(block *Block, old, new string) (splice, error) {
	for _, s := range []string{old, new} {
		if i := strings.IndexFunc(s, isForbidden); i >= 0 || !utf8.ValidString(s) {
			return splice{}, refuse(BadEdit, "Write old and new in characters that people can see.", "old or new text holds a hidden character")
		}
	}
	var in *run
	at, found := 0, 0
	for _, r := range runs(block.nodes) {
		n, first := occurrences(r.text, old)
		if n > 0 && found == 0 {
			in, at = r, first
		}
		found += n
	}
	switch {
	case found == 0:
		return splice{}, refuse(BadEdit, "Copy it from the block's text; text that runs across formatting or macros is not found: replace the block.",
			"the text to replace is not in block %s", block.Name)
	case found > 1:
		return splice{}, refuse(BadEdit, "Give more of the text around it, or name a smaller block.", "the text to replace is in block %s more than once", block.Name)
	case in.fixed:
		return splice{}, refuse(BadEdit, "Replace the block.", "the text to replace is the source of a macro")
	}
	s, err := b.spliceText(in, at, at+len(old), new)
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

// runs returns the readable text in nodes: no parameters, ids or comments.
func runs(nodes []*node) []*run {
	var list []*run
	var last *node // text, right before
	for _, n := range nodes {
		switch {
		case n.kind != textKind:
			if !slices.Contains(unread, n.kind) {
				list = append(list, runsIn(n)...)
			}
		case last != nil && last.to == n.from && last.written != escapedJSON:
			r := list[len(list)-1]
			r.parts = append(r.parts, n)
		default:
			list = append(list, &run{parts: []*node{n}})
		}
		last = nil
		if n.kind == textKind {
			last = n
		}
	}
	for _, r := range list {
		if r.text == "" { // not from further below
			r.text = r.join()
		}
	}
	return list
}

func (r *run) join() string {
	var b strings.Builder
	for _, n := range r.parts {
		b.WriteString(n.text)
	}
	return b.String()
}

func runsIn(n *node) []*run {
	list := runs(n.kids)
	if isMacro(n) && !slices.Contains(shown, n.attr("ac:name")) && n.child("ac:plain-text-body") != nil {
		for _, r := range list {
			r.fixed = true
		}
	}
	return list
}

// unread are elements whose text is for programs.
var unread = []string{"ac:parameter", "ac:default-parameter", "ac:task-id", "ac:task-uuid", "ac:task-status",
	"ac:adf-attribute", "ac:adf-parameter", "ac:adf-parameter-value", "script", "style"}

// shown are the macros that show their plain text as it is. Another's may be a
// query, a drawing or a script.
var shown = []string{"code", "noformat"}

// spliceText replaces r.text[from:to].
func (b *Body) spliceText(r *run, from, to int, new string) (splice, error) {
	head, at := r.part(from, false)
	tail, end := r.part(to, true)
	if head.written != tail.written {
		return splice{}, refuse(BadEdit, "Replace the block.", "the text to replace lies across the border of a CDATA section")
	}
	start, stop := b.rawAt(head, from-at), b.rawAt(tail, to-end)
	raw := encodeText(head.written, new)
	if head.written == cdata {
		raw = safeCDATA(b.Text[:start], raw, b.Text[stop:tail.to-len("]]>")])
	}
	if head.written == escapedJSON && new == "" && len(r.text) == to-from {
		return splice{}, refuse(BadEdit, "Delete or replace the block.", "no text would be left between two formats")
	}
	return splice{start, stop, raw, cutting}, nil
}

// part returns the node that holds the character at a place of the run's text,
// or with end, the one before it; and where the node's text begins.
func (r *run) part(at int, end bool) (*node, int) {
	begin := 0
	for _, n := range r.parts {
		stop := begin + len(n.text)
		if at < stop || end && at == stop && stop > begin {
			return n, begin
		}
		begin = stop
	}
	last := r.parts[len(r.parts)-1]
	return last, begin - len(last.text)
}

// rawAt returns where in the body the place at of a text is written.
func (b *Body) rawAt(n *node, at int) int {
	from, to := n.from, n.to
	switch n.written {
	case cdata:
		from, to = from+len("<![CDATA["), to-len("]]>")
	case escapedJSON:
		from, to = n.in, n.out
	}
	raw, i, text := b.Text[from:to], 0, 0
	for i < len(raw) && text < at {
		size, stands := character(n.written, raw[i:])
		i, text = i+size, text+len(stands)
	}
	return from + i
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
