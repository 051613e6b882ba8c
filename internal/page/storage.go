// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

const xhtmlHint = "Send well-formed XHTML: close every element, and write & and < as &amp; and &lt;."

// parseStorage reads a body in storage format. The root it returns holds the
// whole body.
func parseStorage(body string) (*node, error) {
	d := xml.NewDecoder(strings.NewReader(body))
	d.Entity = xml.HTMLEntity
	root := &node{from: 0, to: len(body), in: 0, out: len(body)}
	p := storageParser{body: body, open: []*node{root}}
	for {
		from := int(d.InputOffset())
		// Not Token: an xmlns attribute would change what prefixes read as.
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return root, p.end()
		}
		if err != nil {
			return nil, malformed(body, int(d.InputOffset()), xhtmlHint, "not well-formed XHTML: %s", xmlReason(err))
		}
		if err := p.token(token, from, int(d.InputOffset())); err != nil {
			return nil, err
		}
	}
}

// xmlReason is what the decoder says, without its own line number.
func xmlReason(err error) string {
	if e := (*xml.SyntaxError)(nil); errors.As(err, &e) {
		return label(e.Msg, 80)
	}
	return label(err.Error(), 80)
}

// maxAttrs bounds the attributes of an element.
const maxAttrs = 100

type storageParser struct {
	body string
	open []*node // the root and the elements that are open
}

func (p *storageParser) top() *node { return p.open[len(p.open)-1] }

func (p *storageParser) token(t xml.Token, from, to int) error {
	switch t := t.(type) {
	case xml.StartElement:
		return p.start(t, from, to)
	case xml.EndElement:
		return p.close(writtenName(t.Name), from, to)
	case xml.CharData:
		n := &node{kind: textKind, from: from, to: to, in: -1, text: string(t)}
		if strings.HasPrefix(p.body[from:to], "<![CDATA[") {
			n.written = cdata
		}
		p.add(n)
	case xml.Comment:
		p.add(&node{kind: commentKind, from: from, to: to, in: -1, text: string(t)})
	default:
		return malformed(p.body, from, "Remove it.", "processing instructions and document types have no place in a page")
	}
	return nil
}

func (p *storageParser) add(n *node) {
	if n.from < n.to { // the decoder may report text of no length
		p.top().kids = append(p.top().kids, n)
	}
}

func (p *storageParser) start(e xml.StartElement, from, to int) error {
	if len(p.open) > MaxDepth {
		return malformed(p.body, from, "Flatten the page.", "elements nest deeper than %d", MaxDepth)
	}
	n := &node{kind: writtenName(e.Name), from: from, to: to, in: to, out: to}
	if strings.HasSuffix(p.body[from:to], "/>") {
		n.in = -1
	}
	if len(e.Attr) > maxAttrs {
		return malformed(p.body, from, "Leave some out.", "<%s> has more than %d attributes", label(n.kind, 40), maxAttrs)
	}
	for _, a := range e.Attr {
		name := writtenName(a.Name)
		for _, b := range n.attrs {
			if b.name == name {
				return malformed(p.body, from, "Keep one of them.", "attribute %s of <%s> is there twice", label(name, 40), label(n.kind, 40))
			}
		}
		n.attrs = append(n.attrs, attr{name, a.Value})
	}
	p.add(n)
	p.open = append(p.open, n)
	return nil
}

func (p *storageParser) close(name string, from, to int) error {
	n := p.top()
	if len(p.open) == 1 || n.kind != name {
		return malformed(p.body, from, xhtmlHint, "</%s> closes what is not open", label(name, 40))
	}
	n.out, n.to = from, to
	if !isKnown(name) || name == "img" && len(n.kids) > 0 { // which may stand in one another
		n.sum = form(n)
	}
	p.open = p.open[:len(p.open)-1]
	return nil
}

func (p *storageParser) end() error {
	if n := p.top(); len(p.open) > 1 {
		return malformed(p.body, n.from, xhtmlHint, "<%s> is never closed", label(n.kind, 40))
	}
	return nil
}

// writtenName is a name as it stands in the text.
func writtenName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}
