// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"errors"
	"strings"
)

// MaxEdits bounds how many edits one call may make.
const MaxEdits = 200

// An Op is what an edit does. The zero Op does nothing and is refused.
type Op string

// The operations. There are no others.
const (
	Replace      Op = "replace"       // Content instead of the block
	InsertBefore Op = "insert_before" // Content before the block
	InsertAfter  Op = "insert_after"  // Content behind the block
	Prepend      Op = "prepend"       // Content as the first in the block, or on the page if Block is ""
	Append       Op = "append"        // Content as the last in the block, or on the page if Block is ""
	Delete       Op = "delete"        // the block goes
	ReplaceText  Op = "replace_text"  // New instead of Old, which must be in the block's text exactly once
)

// An Edit is one change, as agents write it.
type Edit struct {
	Op    Op     `json:"op"`
	Block string `json:"block,omitzero"` // the Name of a Block
	// Content is one block or more in the body's format: XHTML, or a node of ADF
	// or a list of nodes.
	Content string   `json:"content,omitzero"`
	Old     string   `json:"old,omitzero"` // text as people read it, without markup and entities
	New     string   `json:"new,omitzero"` // the same; markup in it becomes text
	Drops   []string `json:"drops,omitzero"`
}

// Apply returns the body after all the edits, each of which names blocks of the
// body before. What no edit names is the same bytes, except that in ADF commas
// go and come with the nodes beside them. An [*Error] is returned, and nothing
// done, if any edit cannot be carried out exactly, if two meet in one place, or
// if together they would lose something ([Losses]) that none of them lists under
// Drops, list a drop that does not happen, or make an id occur twice. All that
// the edits bring is at most [MaxBody] bytes. Apply takes time as the body is
// long, and for each edit of text no more than a search of its block.
func Apply(before *Body, edits []Edit) (*Body, error) {
	if len(edits) == 0 || len(edits) > MaxEdits {
		return nil, refuse(BadEdit, "Send some edits, and a long list in several calls.", "%d edits; one to %d can be made at once", len(edits), MaxEdits)
	}
	if err := checkSize(edits); err != nil {
		return nil, err
	}
	p := plan{body: before, gone: map[*Block]bool{}}
	var drops []string
	for i, e := range edits {
		if err := p.add(e); err != nil {
			return nil, numbered(err, i, len(edits))
		}
		drops = append(drops, e.Drops...)
	}
	text, err := p.text()
	if err != nil {
		return nil, err
	}
	after, err := Parse(before.Format, text)
	if err != nil {
		return nil, err
	}
	if err := Permit(before, after, drops); err != nil {
		return nil, err
	}
	return after, nil
}

// checkSize refuses, before any of it is read, what would make a body too long.
func checkSize(edits []Edit) error {
	sum := 0
	for _, e := range edits {
		if sum += len(e.Content) + len(e.New); sum > MaxBody {
			return refuse(TooLarge, "Split the page.", "what the edits bring is longer than %d bytes", MaxBody)
		}
	}
	return nil
}

// numbered says which of several edits is refused.
func numbered(err error, i, n int) error {
	var e *Error
	if n < 2 || !errors.As(err, &e) {
		return err
	}
	r := refuse(e.Code, e.Hint, "edit %d: %s", i+1, e.Msg)
	r.Losses = e.Losses
	return r
}

// A plan is what edits come to.
type plan struct {
	body    *Body
	splices []splice
	gone    map[*Block]bool
	reading *reading   // for edits of text, once there is one
	starts  []addition // of holders whose first children go or that have none
}

// An addition is content for a holder's start or end; where commas are needed
// is known once all edits are.
type addition struct {
	holder  *node
	in      []*Block // what the holder has
	content string
	first   bool
}

func (p *plan) add(e Edit) error {
	if err := e.check(); err != nil {
		return err
	}
	if e.Op == Prepend || e.Op == Append {
		return p.extend(e)
	}
	block, err := p.body.Find(e.Block)
	if err != nil {
		return err
	}
	switch e.Op {
	case Delete:
		p.gone[block] = true
		p.splices = append(p.splices, splice{from: block.From, to: block.To, rank: cutting})
		return nil
	case ReplaceText:
		if p.reading == nil {
			p.reading = newReading(p.body)
		}
		s, err := p.reading.replaceText(block, e.Old, e.New)
		p.splices = append(p.splices, s)
		return err
	}
	content, err := p.body.content(e.Content, holderKind(block.parent))
	if err != nil {
		return err
	}
	comma := p.body.comma()
	switch e.Op {
	case Replace:
		p.splices = append(p.splices, splice{block.From, block.To, content, cutting})
	case InsertBefore:
		p.splices = append(p.splices, splice{block.From, block.From, content + comma, leading})
	case InsertAfter:
		p.splices = append(p.splices, splice{block.To, block.To, comma + content, trailing})
	}
	return nil
}

// check refuses an edit whose fields do not go with its operation.
func (e Edit) check() error {
	takes := map[Op]struct{ block, content, texts bool }{
		Replace: {true, true, false}, InsertBefore: {true, true, false}, InsertAfter: {true, true, false},
		Prepend: {e.Block != "", true, false}, Append: {e.Block != "", true, false},
		Delete: {true, false, false}, ReplaceText: {true, false, true},
	}
	want, ok := takes[e.Op]
	switch {
	case !ok:
		return refuse(BadEdit, "Use replace, insert_before, insert_after, prepend, append, delete or replace_text.", "operation %q is not known", label(string(e.Op), 40))
	case want.block && e.Block == "":
		return refuse(BadEdit, "Name a block of the page.", "%s needs a block", e.Op)
	case want.content != (e.Content != ""):
		return refuse(BadEdit, "Give content to what inserts or replaces, and to nothing else.", "%s and its content do not go together", e.Op)
	case want.texts != (e.Old != ""), !want.texts && e.New != "":
		return refuse(BadEdit, "Give old and new to replace_text, and to nothing else.", "%s and its old and new text do not go together", e.Op)
	}
	return nil
}

// extend adds to a holder's start or end.
func (p *plan) extend(e Edit) error {
	holder, in, kind := p.body.root, p.body.Blocks, ""
	if e.Block != "" {
		block, err := p.body.Find(e.Block)
		if err != nil {
			return err
		}
		if block.holder == nil {
			return refuse(BadEdit, "Insert before or after it, or replace it.", "block %s takes no blocks inside", block.Name)
		}
		holder, in, kind = block.holder, block.Children, block.Kind
	}
	content, err := p.body.content(e.Content, kind)
	if err != nil {
		return err
	}
	p.starts = append(p.starts, addition{holder, in, content, e.Op == Prepend})
	return nil
}

// content checks what an edit brings, and returns it as it goes into the body.
// In is the kind of the holder it goes into, "" at the top.
func (b *Body) content(text, in string) (string, error) {
	wrapped := text
	if b.Format == ADF {
		if _, err := parseJSON(text); err != nil { // by itself, so that it cannot end what is put around it
			return "", err
		}
		wrapped = strings.Trim(text, blanks)
		if !strings.HasPrefix(wrapped, "[") {
			wrapped = "[" + wrapped + "]"
		}
		wrapped = `{"type":"doc","version":1,"content":` + wrapped + `}`
	}
	made, err := Parse(b.Format, wrapped)
	if err != nil {
		return "", err
	}
	if len(made.Blocks) == 0 {
		return "", refuse(BadEdit, "Use delete to remove a block.", "the content holds no block")
	}
	var bad *Block
	each(made.Blocks, func(block *Block) {
		kind := in
		if block.parent != nil {
			kind = block.parent.Kind
		}
		if bad == nil && !fits(b.Format, block.Kind, kind) {
			bad = block
		}
	})
	if bad != nil {
		return "", refuse(BadEdit, "Put rows into tables, items into lists, text into paragraphs.", "a block of kind %q has no place there", label(kindName(bad.Kind), 40))
	}
	if b.Format == ADF {
		return made.Text[made.root.kids[0].from:made.root.kids[len(made.root.kids)-1].to], nil
	}
	return text, nil
}

func kindName(kind string) string { return strings.TrimPrefix(kind, "#") }

func holderKind(parent *Block) string {
	if parent == nil {
		return ""
	}
	return parent.Kind
}

func (b *Body) comma() string {
	if b.Format == ADF {
		return ","
	}
	return ""
}

// Permit holds a body that is to replace another to what [Apply] holds edits to:
// nothing is lost but what drops lists, by the ids of [Losses], and all of that
// is; and no id of a macro, task or comment occurs more often than before.
func Permit(before, after *Body, drops []string) error {
	if before.Format != after.Format {
		return refuse(BadEdit, "Write in the format in which the page was read.", "a page in format %s cannot be replaced by one in format %s", before.Format, after.Format)
	}
	was, is := gather(before), gather(after)
	if again := repeats(was, is); again != "" {
		return refuse(Repeat, "Leave out the id or the marker in what you add; Confluence gives new ones.", "%s would be on the page twice", again)
	}
	losses := losses(was, is)
	named, lost := map[string]bool{}, map[string]bool{}
	for _, id := range drops {
		named[id] = true
	}
	var unnamed []Lost
	for _, l := range losses {
		lost[l.ID] = true
		if !named[l.ID] {
			unnamed = append(unnamed, l)
		}
	}
	if len(unnamed) > 0 {
		return lossError(unnamed)
	}
	for _, id := range drops {
		if !lost[id] {
			return refuse(BadEdit, "List only what the edit drops or alters, by the ids of the refusal.", "drops lists %q, which stays as it is", label(id, 100))
		}
	}
	return nil
}

// lossError names the first of what would be lost; its Losses are all.
func lossError(unnamed []Lost) *Error {
	const most = 10
	var ids []string
	for _, l := range unnamed[:min(len(unnamed), most)] {
		ids = append(ids, l.ID)
	}
	list := strings.Join(ids, ", ")
	if len(unnamed) > most {
		list += ", …"
	}
	e := refuse(Loss, "Keep it in what you write, or list its id under drops; the person who approves will see it.",
		"would drop or alter %d that the edit does not name: %s", len(unnamed), list)
	e.Losses = unnamed
	return e
}
