// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// relied are the beginnings of what people rely on, as it is written.
var relied = []string{`ac:macro-id="`, `ri:filename="`, `ac:ref="`, `ri:account-id="`, `ac:name="toc"`, "<ac:task-id>",
	`"macroId"`, `"annotationType"`, `"type":"mention"`, `"type":"media"`, `"extensionKey":"`, `"resourceId":"`}

// reliedOn finds by text alone, not by what the package understands, what people
// rely on.
func reliedOn(text string) []string {
	var list []string
	for _, begin := range relied {
		parts := strings.Split(text, begin)
		for _, rest := range parts[1:] {
			list = append(list, begin+rest[:max(strings.IndexAny(rest, `"<`), 0)])
		}
	}
	slices.Sort(list)
	return list
}

var storagePieces = []string{"<p>New text</p>", "<h2>New &amp; bold</h2><p>two <b>blocks</b></p>", "<ul><li>item</li></ul>", "<li>item</li>", "<tr><td>cell</td></tr>",
	"<td>cell</td>", "loose text", "<hr/>", `<ac:structured-macro ac:name="info"><ac:rich-text-body><p>i</p></ac:rich-text-body></ac:structured-macro>`,
	"<ac:layout-cell><p>c</p></ac:layout-cell>", "<ac:task><ac:task-status>incomplete</ac:task-status><ac:task-body>t</ac:task-body></ac:task>", "<br>", "</p>", "<p>&", "<!--", ""}

var adfPieces = []string{para("New text"), "[" + para("one") + ",\n" + para("two") + "]", `{"type":"rule"}`, `{"type":"listItem","content":[` + para("i") + `]}`,
	`{"type":"tableRow","content":[{"type":"tableCell","content":[` + para("c") + `]}]}`, `{"type":"tableCell","content":[` + para("c") + `]}`,
	`{"type":"taskItem","attrs":{"localId":"new","state":"TODO"}}`, `{"type":"panel","attrs":{"panelType":"info"},"content":[` + para("p") + `]}`, `{`, `]`, `null`, ""}

var ops = []Op{Replace, InsertBefore, InsertAfter, Prepend, Append, Delete, ReplaceText}

// A drawer draws edits.
type drawer struct {
	*rand.Rand
	body   *Body
	blocks []*Block
	read   *reading
}

func newDrawer(r *rand.Rand, b *Body) *drawer {
	d := &drawer{r, b, nil, newReading(b)}
	b.All(func(block *Block) { d.blocks = append(d.blocks, block) })
	return d
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// runs returns the readable text in a block, cut where there is markup in it.
func (d *drawer) runs(block *Block) []string {
	from, to := d.read.span(block)
	if from == 0 {
		return nil
	}
	return strings.Split(d.read.text[from:to], border)
}

// edit draws an edit and the block that it names, nil for the page.
func (d *drawer) edit() (Edit, *Block) {
	e := Edit{Op: pick(d.Rand, ops)}
	pieces := storagePieces
	if d.body.Format == ADF {
		pieces = adfPieces
	}
	var block *Block
	if len(d.blocks) > 0 && (e.Op != Append && e.Op != Prepend || d.IntN(3) > 0) {
		block = pick(d.Rand, d.blocks)
		e.Block = block.Name
	}
	switch e.Op {
	case Delete:
	case ReplaceText:
		e.Old, e.New = "text", pick(d.Rand, []string{"", "x", "<b>&]]>\"\\", "ä\n"})
		if block != nil {
			if list := d.runs(block); len(list) > 0 {
				e.Old = pick(d.Rand, list)
				r := []rune(e.Old)
				from := d.IntN(len(r) + 1)
				e.Old = string(r[from : from+d.IntN(len(r)-from+1)])
			}
		}
	default:
		e.Content = pick(d.Rand, pieces)
	}
	return e, block
}

// outside checks that all that an edit did is within the bytes of its block, or
// at one place. For ADF commas beside it do not count.
func outside(before, after *Body, e Edit, block *Block) string {
	holder, children := before.root, before.Blocks
	if block != nil {
		holder, children = block.holder, block.Children
	}
	var from, to int
	switch e.Op {
	case InsertBefore:
		from, to = block.From, block.From
	case InsertAfter:
		from, to = block.To, block.To
	case Prepend, Append:
		from, to = holder.out, holder.out
		if e.Op == Prepend && len(children) > 0 {
			from, to = holder.in, holder.in
		}
	default:
		from, to = block.From, block.To
	}
	head, tail := before.Text[:from], before.Text[to:]
	if before.Format == Storage || e.Op != Delete {
		if !strings.HasPrefix(after.Text, head) || !strings.HasSuffix(after.Text, tail) || len(after.Text) < len(head)+len(tail) {
			return "something outside of the edit changed"
		}
		return ""
	}
	if after.Text == head+tail { // the only one
		return ""
	}
	if next := strings.TrimLeft(tail, blanks); strings.HasPrefix(next, ",") && after.Text == head+tail[:len(tail)-len(next)]+next[1:] {
		return ""
	}
	if last := strings.TrimRight(head, blanks); strings.HasSuffix(last, ",") && after.Text == last[:len(last)-1]+head[len(last):]+tail {
		return ""
	}
	return "more than one comma outside of the edit changed"
}

// TestRandomEdits makes 5,000 random edits on the corpus, and tries many that are
// refused. Whatever is outside of
// the block that an edit names is the same bytes afterwards, and nothing that
// people rely on is gone unless the edit says so.
func TestRandomEdits(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 2026))
	var bodies []*Body
	for _, s := range corpus(t) {
		bodies = append(bodies, s.parse(t))
	}
	made, refused, dropped := 0, map[Code]int{}, 0
	drawers := make([]*drawer, len(bodies))
	for i, b := range bodies {
		drawers[i] = newDrawer(r, b)
	}
	for made < 5000 {
		n := r.IntN(len(bodies))
		if len(bodies[n].Text) > 100<<10 && r.IntN(500) > 0 { // the large ones take their time
			n = r.IntN(len(bodies) - 2)
		}
		before := bodies[n]
		e, block := drawers[n].edit()
		after, err := Apply(before, []Edit{e})
		var refusal *Error
		if errors.As(err, &refusal) && refusal.Code == Loss {
			if block == nil {
				t.Fatalf("edit %+v names no block and loses %v", e, refusal.Losses)
			}
			dropped++
			e.Drops = ids(refusal.Losses)
			after, err = Apply(before, []Edit{e})
		}
		if err != nil {
			if !errors.As(err, &refusal) {
				t.Fatalf("edit %+v: %v", e, err)
			}
			refused[refusal.Code]++
			continue
		}
		made++
		if why := outside(before, after, e, block); why != "" {
			t.Fatalf("edit %+v: %s\nbefore %.2000s\nafter  %.2000s", e, why, before.Text, after.Text)
		}
		if err := checkWhole(after); err != nil {
			t.Fatalf("edit %+v: %v", e, err)
		}
		if len(e.Drops) == 0 {
			checkKept(t, before.Text, after.Text, e)
		}
		if made%4 == 0 && (Diff(before, after) == "") != (before.Text == after.Text) {
			t.Fatalf("edit %+v: the diff is %q", e, Diff(before, after))
		}
	}
	if dropped < 500 || refused[BadEdit] < 100 || refused[Malformed] < 100 {
		t.Errorf("%d with drops, refused %v: the test says little", dropped, refused)
	}
}

// checkKept holds that every id that a text shows is still there as often.
func checkKept(t *testing.T, before, after string, e Edit) {
	t.Helper()
	was, is := reliedOn(before), reliedOn(after)
	for _, id := range was {
		i, ok := slices.BinarySearch(is, id)
		if !ok {
			t.Fatalf("edit %+v lost %s", e, id)
		}
		is = slices.Delete(is, i, i+1)
	}
}

// TestManyEdits makes several edits at once: they do what they do one by one, or
// are refused.
func TestManyEdits(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2026))
	list := corpus(t)
	made := 0
	for range 2000 {
		s := list[r.IntN(len(list)-2)]
		before := s.parse(t)
		d := newDrawer(r, before)
		var edits []Edit
		var named []*Block
		for range 2 + r.IntN(8) {
			e, block := d.edit()
			var refusal *Error
			if _, err := Apply(before, []Edit{e}); errors.As(err, &refusal) && refusal.Code != Loss {
				continue // no good by itself
			}
			edits, named = append(edits, e), append(named, block)
		}
		after, err := Apply(before, edits)
		var refusal *Error
		if errors.As(err, &refusal) && refusal.Code == Loss {
			edits[0].Drops = ids(refusal.Losses)
			after, err = Apply(before, edits)
		}
		if err != nil {
			continue
		}
		made++
		if err := checkWhole(after); err != nil {
			t.Fatalf("%s: edits %+v: %v", s.name, edits, err)
		}
		untouched := slices.DeleteFunc(slices.Clone(before.Blocks), func(b *Block) bool {
			return slices.ContainsFunc(named, func(n *Block) bool { return n != nil && n.From >= b.From && n.To <= b.To })
		})
		at := 0
		for _, b := range untouched { // all there, in their order
			i := strings.Index(after.Text[at:], before.Source(b))
			if i < 0 {
				t.Fatalf("%s: edits %+v: block %s is not in %s", s.name, edits, b.Name, after.Text)
			}
			at += i + b.To - b.From
		}
	}
	if made < 500 {
		t.Errorf("%d made: the test says little", made)
	}
}
