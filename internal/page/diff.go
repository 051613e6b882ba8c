// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxDiff bounds the text of a diff, in bytes.
const MaxDiff = 64 << 10

const (
	context = 3   // lines around a change
	wide    = 300 // characters of a line, beyond which what is the same is cut
)

// Diff shows people what becomes of a body: first what is dropped or altered
// ([Losses]), then the changed lines with some around them, "-" before what goes
// and "+" before what comes. Where two lines read the same and differ in markup,
// the markup is shown, once for lines that share it; elsewhere what a line's text
// does not tell, such as attributes, stands behind it in braces. It is "" for two
// bodies that are the same bytes, and for no others. It is at most [MaxDiff] bytes
// long, takes time as the bodies are long, and says so where it leaves something
// of a change away; a bare "…" stands for what is the same on both sides. Where
// so many lines differ that a search for what stays between them would be long,
// all go and all come. It depends on nothing but the bodies.
func Diff(before, after *Body) string {
	text, _ := diff(before, after)
	return text
}

// diff also returns how much work it was, in bytes and lines looked at.
func diff(before, after *Body) (string, int) {
	if before.Format == after.Format && before.Text == after.Text {
		return "", 0
	}
	w := newWriter()
	for _, l := range Losses(before, after) {
		if l.Now == "" {
			w.line("dropped: " + l.Was + " " + l.ID)
		} else {
			w.line("altered: " + l.Was + " -> " + l.Now + " " + l.ID)
		}
	}
	was, is := before.lines(before.root.kids), after.lines(after.root.kids)
	w.was, w.is = before, after
	w.work += len(was) + len(is)
	hunks := w.compare(was, is)
	if len(hunks) == 0 {
		w.line("Nothing that people read is changed: white space, or how the same thing is written.")
	}
	for _, h := range hunks {
		h.write(w)
	}
	return w.String(), w.work
}

// A Field is something beside a body that an update changes: a title, labels, a
// field of an issue. Each entry is one value; its lines are compared one by one.
type Field struct {
	Name          string
	Before, After []string
}

// DiffFields shows people what becomes of fields, those that stay the same left
// out. It is bounded as [Diff] is.
func DiffFields(fields []Field) string {
	w := newWriter()
	for _, f := range fields {
		if slices.Equal(f.Before, f.After) {
			continue
		}
		w.line(label(f.Name, 80) + ":")
		for _, h := range w.compare(fieldLines(f.Before), fieldLines(f.After)) {
			h.write(w)
		}
	}
	return w.String()
}

func fieldLines(values []string) []line {
	var list []line
	for _, v := range values {
		for i, text := range strings.Split(v, "\n") {
			list = append(list, line{text: visible(text), sum: fmt.Sprint(i, text), source: &markup{text: fmt.Sprintf("%+q", text)}})
		}
	}
	return list
}

// A writer keeps within MaxDiff.
type writer struct {
	strings.Builder
	left    int   // lines left away
	work    int   // bytes and lines looked at
	was, is *Body // of a diff of bodies
}

func newWriter() *writer { return &writer{} }

const reserve = 200 // bytes for the last line

func (w *writer) line(text string) {
	if w.left > 0 || w.Len()+len(text)+1 > MaxDiff-reserve {
		w.left++
		return
	}
	w.WriteString(text + "\n")
}

// String returns what was written, and says what was not.
func (w *writer) String() string {
	if w.left == 0 {
		return w.Builder.String()
	}
	return w.Builder.String() + fmt.Sprintf("[%d more lines are left out here: the change is too large to show. Look at the request in full before you approve it.]\n", w.left)
}

// A hunk is a change and what is around it.
type hunk struct {
	steps []step
}

// A step is a line of a hunk.
type step struct {
	op   byte // ' ', '-' or '+'
	line *line
}

// compare returns the changes between two texts.
func (w *writer) compare(a, b []line) []hunk {
	steps := editScript(a, b, &w.work)
	var hunks []hunk
	last := -1 // end of the last hunk
	for i := 0; i < len(steps); i++ {
		if steps[i].op == ' ' {
			continue
		}
		from, to := max(i-context, last, 0), i
		for j := i; j < len(steps) && j <= to+2*context+1; j++ {
			if steps[j].op != ' ' {
				to = j
			}
		}
		end := min(to+1+context, len(steps))
		hunks = append(hunks, hunk{steps[from:end]})
		last, i = end, end-1
	}
	return hunks
}

func (h hunk) write(w *writer) {
	if w.left > 0 { // nothing has room any more
		w.left += len(h.steps) + 1
		return
	}
	head := "@@"
	if under := h.steps[0].line.heading; under != "" {
		head += " " + cut(under, 80)
	}
	w.line(head)
	for i := 0; i < len(h.steps); {
		if h.steps[i].op == ' ' {
			w.line(" " + cut(h.steps[i].line.text, wide))
			i++
			continue
		}
		from := i
		for i < len(h.steps) && h.steps[i].op != ' ' {
			i++
		}
		writeChange(w, h.steps[from:i])
	}
}

// writeChange writes lines that go, and those that come in their place. Lines
// that face each other are cut to what differs.
func writeChange(w *writer, steps []step) {
	var gone, come []*line
	for _, e := range steps {
		if e.op == '-' {
			gone = append(gone, e.line)
		} else {
			come = append(come, e.line)
		}
	}
	most := (MaxDiff - w.Len()) / len("-\n") // of each there is no room for more, even if they are empty
	goneTexts, comeTexts := w.texts(gone[:min(len(gone), most)], w.was), w.texts(come[:min(len(come), most)], w.is)
	w.tellApart(gone, come, goneTexts, comeTexts)
	for i := range min(len(goneTexts), len(comeTexts)) {
		w.work += len(goneTexts[i]) + len(comeTexts[i])
		goneTexts[i], comeTexts[i] = narrow(goneTexts[i], comeTexts[i])
	}
	for _, text := range goneTexts {
		w.line("-" + text)
	}
	for _, text := range comeTexts {
		w.line("+" + text)
	}
	w.left += len(steps) - len(goneTexts) - len(comeTexts)
}

// tellApart shows the markup of lines on both sides that read the same, as far
// as there are texts of them.
func (w *writer) tellApart(gone, come []*line, goneTexts, comeTexts []string) {
	reads := map[string][]int{} // which lines that come read so
	for j, l := range come {
		reads[l.text] = append(reads[l.text], j)
	}
	both := map[string]bool{}
	for i, l := range gone[:len(goneTexts)] {
		list, ok := reads[l.text]
		switch {
		case len(list) > 0:
			was, is := w.markup(l, come[list[0]])
			if goneTexts[i] = was; list[0] < len(comeTexts) {
				comeTexts[list[0]] = is
			}
			reads[l.text], both[l.text] = list[1:], true
		case ok:
			goneTexts[i], _ = w.markup(l, &line{text: l.text})
		}
	}
	for j, l := range come[:len(comeTexts)] { // those that none is left for
		if list := reads[l.text]; both[l.text] && len(list) > 0 && list[0] <= j {
			_, comeTexts[j] = w.markup(&line{text: l.text}, l)
		}
	}
}

// texts returns what lines of a body read, and behind it what they do not tell.
func (w *writer) texts(lines []*line, body *Body) []string {
	list := make([]string, len(lines))
	room := MaxDiff // of what is beyond it nothing is shown
	for i, l := range lines {
		list[i] = l.text
		if body != nil && room > 0 && len(l.parts) > 0 {
			w.work += len(l.source.text)
			if more := body.untold(l.parts); more != "" {
				list[i] += " {" + more + "}"
			}
		}
		room -= len(list[i]) + 2
	}
	return list
}

// markup tells lines apart that read the same. The markup that several lines
// share is shown with the first of them.
func (w *writer) markup(a, b *line) (string, string) {
	if a.source != nil && b.source != nil && a.source.same(b.source) {
		return a.text + " {what is around it}", b.text + " {is changed}"
	}
	left, right := w.show(a.source), w.show(b.source)
	if left != again && right != again {
		w.work += len(left) + len(right)
		left, right = narrow(left, right)
	}
	return cut(a.text, wide) + " {" + left + "}", cut(b.text, wide) + " {" + right + "}"
}

// again stands for markup that was shown.
const again = "as with the line before it"

func (w *writer) show(m *markup) string {
	switch {
	case m == nil:
		return ""
	case m.shown:
		return again
	}
	m.shown = true
	w.work += len(m.text)
	return escape(m.text)
}

// escape shows markup in one line with all its characters.
func escape(source string) string {
	var b strings.Builder
	for _, r := range source {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r != ' ' && isHidden(r):
			fmt.Fprintf(&b, "<U+%04X>", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// narrow cuts from long lines what they begin and end with alike.
func narrow(a, b string) (string, string) {
	if utf8.RuneCountInString(a) <= wide && utf8.RuneCountInString(b) <= wide {
		return a, b
	}
	ra, rb := []rune(a), []rune(b)
	short := min(len(ra), len(rb))
	head := 0
	for head < short && ra[head] == rb[head] {
		head++
	}
	tail := 0
	for tail < short-head && ra[len(ra)-1-tail] == rb[len(rb)-1-tail] {
		tail++
	}
	const around = 60
	head, tail = max(head-around, 0), max(tail-around, 0)
	clip := func(r []rune) string {
		s := string(r[head : len(r)-tail])
		if head > 0 {
			s = "…" + s
		}
		if tail > 0 {
			s += "…"
		}
		return s
	}
	return clip(ra), clip(rb)
}

// cut shortens a line that is only there to show where a change is.
func cut(s string, most int) string {
	n := 0
	for i := range s {
		if n == most {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
