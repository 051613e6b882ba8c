// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/seal"
)

// A walker reads a WPC by the grammar. What is not of the grammar becomes a
// finding and is left out of what it writes, so that the rest can be looked at.
type walker struct {
	*linter
	grammar *node
	in      *jsontext.Decoder
	out     *jsontext.Encoder
	err     error // of out
}

func (l *linter) walk() {
	kept := new(bytes.Buffer)
	w := walker{linter: l, grammar: grammar(), out: jsontext.NewEncoder(kept),
		in: jsontext.NewDecoder(bytes.NewReader(l.src), jsontext.AllowDuplicateNames(true))}
	if err := w.whole(); err != nil {
		l.broken(err, w.start())
	}
	if w.err == nil {
		l.kept = kept.Bytes()
	}
}

// whole reads the WPC and sees that nothing follows it.
func (w *walker) whole() error {
	if err := w.value("", w.grammar); err != nil {
		return err
	}
	if w.start() < len(w.src) {
		return errors.New("something follows the object")
	}
	return nil
}

// keep writes one token.
func (w *walker) keep(t jsontext.Token) { w.err = errors.Join(w.err, w.out.WriteToken(t)) }

// keepBlank writes a value that n takes.
func (w *walker) keepBlank(n *node) { w.err = errors.Join(w.err, w.out.WriteValue(n.blank())) }

// broken adds what makes src no JSON. Nothing after it can be read.
func (l *linter) broken(err error, offset int) {
	at, says := "", err.Error()
	if syn := (*jsontext.SyntacticError)(nil); errors.As(err, &syn) {
		at, says, offset = string(syn.JSONPointer), syn.Err.Error(), int(syn.ByteOffset)
	}
	l.addAt(min(offset, len(l.src)), at, "json", "mend the JSON there; what follows has not been looked at", "%s", says)
}

// value reads one value, which is at a pointer and should be as n says.
func (w *walker) value(at string, n *node) error {
	kind := w.in.PeekKind()
	w.starts[at] = w.start()
	shown := kind
	if kind == 'f' {
		shown = 't'
	}
	switch {
	case kind == 0 || kind == ']' || kind == '}': // the reader says what it is
		_, err := w.in.ReadToken()
		return err
	case kind == 'n':
		w.add(at, "empty", "say what it is to be, or leave it out", "null means nothing")
		return w.instead(n)
	case !strings.ContainsRune(n.kinds, rune(shown)):
		w.add(at, "type", w.wanted(at, n), "%s does not belong here", kindName(shown))
		return w.instead(n)
	case kind == '{':
		return w.object(at, n)
	case kind == '[':
		return w.list(at, n.item)
	}
	return w.scalar(at, n)
}

// start is where the next value begins.
func (w *walker) start() int {
	i := int(w.in.InputOffset())
	for i < len(w.src) && strings.IndexByte(" \t\r\n,:", w.src[i]) >= 0 {
		i++
	}
	return i
}

// wanted says which kinds n takes, and for what.
func (w *walker) wanted(at string, n *node) string {
	var kinds []string
	for _, k := range n.kinds {
		kinds = append(kinds, n.kindName(jsontext.Kind(k)))
	}
	return "want " + strings.Join(kinds, " or ") + ": " + meaningOf(n, w.grammar.at(holderOf(at)))
}

// instead passes over a value and writes one in its place, so that its
// neighbours keep their places.
func (w *walker) instead(n *node) error {
	w.keepBlank(n)
	return w.in.SkipValue()
}

// blank is a value that n takes.
func (n *node) blank() jsontext.Value {
	switch jsontext.Kind(n.kinds[0]) {
	case '{':
		return jsontext.Value(`{}`)
	case '[':
		return jsontext.Value(`[]`)
	case '0':
		return jsontext.Value(`1`)
	case 't':
		return jsontext.Value(`false`)
	}
	if n.moment {
		return jsontext.Value(`"2000-01-01T00:00:00Z"`)
	}
	return jsontext.Value(`"?"`)
}

func (w *walker) object(at string, n *node) error {
	_ = w.copy() // the brace that was seen; what is wrong with it, the next token says again
	seen := map[string]bool{}
	for w.in.PeekKind() == '"' {
		start := w.start()
		name, err := w.in.ReadToken()
		if err != nil {
			return err
		}
		if err := w.member(at, name.String(), start, n, seen); err != nil {
			return err
		}
	}
	if err := w.copy(); err != nil {
		return err
	}
	for _, f := range n.fields {
		if f.required && !seen[f.name] {
			w.add(at+"/"+f.name, "missing", "say "+f.about, "%s is missing", f.name)
		}
	}
	return nil
}

// member reads the value after a name.
func (w *walker) member(at, name string, start int, n *node, seen map[string]bool) error {
	pointer := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	f := n.field(name)
	switch {
	case seen[name]:
		w.addAt(start, pointer, "duplicate-field", "keep one of them", "%q is there twice", name)
	case f == nil:
		w.addAt(start, pointer, "unknown-field", n.mendName(name, w.grammar), "there is no field %q here", name)
	default:
		seen[name] = true
		w.keep(jsontext.String(name))
		return w.value(pointer, f.node)
	}
	seen[name] = true
	return w.in.SkipValue()
}

func (w *walker) list(at string, item *node) error {
	_ = w.copy() // the bracket that was seen
	for i := 0; w.in.PeekKind() != ']'; i++ {
		if err := w.value(fmt.Sprintf("%s/%d", at, i), item); err != nil {
			return err
		}
	}
	return w.copy()
}

// copy passes one token on.
func (w *walker) copy() error {
	tok, err := w.in.ReadToken()
	if err != nil {
		return err
	}
	w.keep(tok)
	return nil
}

func (w *walker) scalar(at string, n *node) error {
	tok, err := w.in.ReadToken()
	if err != nil {
		return err
	}
	sound := true
	switch tok.Kind() {
	case '0':
		sound = w.number(at, tok.String(), n)
	case 'f':
		w.falses = append(w.falses, at)
	case '"':
		sound = w.text(at, tok.String(), n)
	}
	if sound {
		w.keep(tok)
	} else {
		w.keepBlank(n)
	}
	return nil
}

// number reports whether a number can be kept.
func (w *walker) number(at, s string, n *node) bool {
	if f, err := strconv.ParseFloat(s, 64); err != nil || math.Abs(f) > maxSafe {
		w.add(at, "value", "want "+n.about, "%s is too large to have one form", s)
		return false
	}
	if _, err := strconv.ParseInt(s, 10, 64); err != nil && !n.parts {
		w.add(at, "type", "want a whole number: "+n.about, "%s is not a whole number", s)
		return false
	}
	return true
}

// text reports whether a text can be kept.
func (w *walker) text(at, s string, n *node) bool {
	holder := w.grammar.at(holderOf(at))
	switch {
	case s == "":
		w.add(at, "empty", "say "+meaningOf(n, holder)+", or leave it out", "an empty text means nothing")
	case n.words != nil && !slices.Contains(n.words, s):
		w.add(at, "value", mendWord(s, n.words), "%q is not one of: %s", s, strings.Join(n.words, ", "))
	case n.moment && seal.Unmarshal(w.raw(at), new(time.Time)) != nil:
		w.add(at, "value", "want a time like 2026-03-02T10:00:00Z: "+n.about, "%q is not a time", s)
		return false
	}
	return true
}

// raw is the text that begins at the value at a pointer and ends here.
func (w *walker) raw(at string) []byte {
	return w.src[w.starts[at]:w.in.InputOffset()]
}
