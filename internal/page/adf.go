// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

const adfHint = `Send a document of ADF: {"type":"doc","version":1,"content":[...]}.`

// parseADF reads a body in Atlassian Document Format. The root it returns is the
// document.
func parseADF(body string) (*node, error) {
	v, err := parseJSON(body)
	if err != nil {
		return nil, err
	}
	p := &adfParser{body: body}
	root, err := p.node(v, 0)
	if err != nil {
		return nil, err
	}
	if root.kind != "doc" || root.in < 0 {
		return nil, malformed(body, v.from, adfHint, "not a document")
	}
	root.from, root.to = 0, len(body)
	return root, nil
}

const (
	maxMarks  = 30           // of one node
	maxMarked = 16 * MaxBody // bytes below comments that lie over one another, all together
)

type adfParser struct {
	body   string
	marked int
}

func (p *adfParser) node(v *value, depth int) (*node, error) {
	typ := v.member("type")
	if v.kind != '{' || typ == nil || typ.kind != '"' || typ.text == "" {
		return nil, malformed(p.body, v.from, adfHint, "a node is an object with a type")
	}
	if depth > MaxDepth {
		return nil, malformed(p.body, v.from, "Flatten the page.", "nodes nest deeper than %d", MaxDepth)
	}
	n := &node{kind: typ.text, from: v.from, to: v.to, in: -1, json: v}
	if err := p.marks(n); err != nil {
		return nil, err
	}
	if n.kind == "text" {
		return n, p.text(n)
	}
	content := v.member("content")
	if content == nil {
		return n, nil
	}
	if content.kind != '[' {
		return nil, malformed(p.body, content.from, adfHint, "content is a list of nodes")
	}
	n.in, n.out = content.from+1, content.to-1
	for _, item := range content.items {
		kid, err := p.node(item, depth+1)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
	}
	return n, nil
}

// text makes a node one of text. Its inside is what stands between the quotes.
func (p *adfParser) text(n *node) error {
	t := n.json.member("text")
	if t == nil || t.kind != '"' || n.json.member("content") != nil {
		return malformed(p.body, n.from, adfHint, "a node of text has a text and no content")
	}
	n.kind, n.text, n.written = textKind, t.text, escapedJSON
	n.in, n.out = t.from+1, t.to-1
	return nil
}

func (p *adfParser) marks(n *node) error {
	list := n.json.member("marks")
	if list == nil {
		return nil
	}
	if list.kind != '[' {
		return malformed(p.body, list.from, adfHint, "marks are a list")
	}
	if len(list.items) > maxMarks {
		return malformed(p.body, list.from, "Leave some out.", "a node has more than %d marks", maxMarks)
	}
	if p.marked += len(list.items) * (n.to - n.from); p.marked > maxMarked {
		return refuse(TooLarge, "Split the page.", "too many marks lie over one another")
	}
	for _, item := range list.items {
		typ := item.member("type")
		if typ == nil || typ.kind != '"' {
			return malformed(p.body, item.from, adfHint, "a mark is an object with a type")
		}
		n.marks = append(n.marks, &mark{typ.text, item})
	}
	return nil
}
