// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/seal"
)

// A Finding is something in a WPC that its author should see: a mistake, which
// Parse refuses, or a risk in a WPC that parses.
type Finding struct {
	Line    int    `json:"line"`    // from 1
	Column  int    `json:"column"`  // from 1, in bytes
	Pointer string `json:"pointer"` // RFC 6901; "" is the whole WPC
	Code    string `json:"code"`    // a stable name: docs/lint.md has them all
	Says    string `json:"says"`    // what is wrong
	Mends   string `json:"mends"`   // what mends it
}

// Refuses reports whether Parse refuses the WPC for f. Otherwise f is a risk.
func (f Finding) Refuses() bool {
	return slices.ContainsFunc(lintCodes(), func(k lintCode) bool { return k.code == f.Code && k.refuses })
}

// maxFindings bounds what is said about one WPC.
const maxFindings = 200

// Lint returns what is wrong with a WPC, in the order of its text: every mistake
// that can be told from the others; or, if there is none, the risks that it
// takes. It finds a mistake if and only if Parse refuses src. Risks that depend
// on the time are found by now, unless it is zero.
func Lint(src []byte, now time.Time) []Finding {
	l := &linter{src: src, starts: map[string]int{}}
	p, err := Parse(src)
	if len(src) <= MaxLength {
		l.walk()
	}
	if err == nil {
		l.now = now
		l.risks(p)
	} else {
		l.meaning()
	}
	if at := (*seal.SyntaxError)(nil); len(l.found) == 0 && errors.As(err, &at) {
		l.found = []Finding{{at.Line, at.Column, at.Pointer, "json", at.Msg, "mend it there"}}
	}
	slices.SortStableFunc(l.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return l.found
}

// A linter collects findings about one WPC.
type linter struct {
	src    []byte
	now    time.Time
	starts map[string]int // where each value that was walked begins, by pointer
	falses []string       // pointers of what is false
	kept   []byte         // the WPC without what is not of the grammar
	found  []Finding
}

// add keeps a finding about the value at a pointer, or about what should hold it.
func (l *linter) add(at, code, mends, format string, args ...any) {
	near := at
	for {
		if start, ok := l.starts[near]; ok || near == "" {
			l.addAt(start, at, code, mends, format, args...)
			return
		}
		near = near[:strings.LastIndexByte(near, '/')]
	}
}

func (l *linter) addAt(offset int, at, code, mends, format string, args ...any) {
	if len(l.found) == maxFindings {
		return
	}
	head := l.src[:offset]
	line := strings.Count(string(head), "\n") + 1
	column := offset - strings.LastIndexByte(string(head), '\n')
	l.found = append(l.found, Finding{line, column, at, code, fmt.Sprintf(format, args...), mends})
}

// blamed reports whether something is wrong with the value at a pointer already,
// or with what holds it.
func (l *linter) blamed(at string) bool {
	return slices.ContainsFunc(l.found, func(f Finding) bool {
		return f.Code != "json" && strings.HasPrefix(at+"/", f.Pointer+"/")
	})
}

// meaning finds the values that are of the grammar and mean nothing.
func (l *linter) meaning() {
	var d document
	if seal.Unmarshal(l.kept, &d) != nil {
		return // it is not JSON, and that has been said
	}
	g := grammar()
	for _, c := range d.complaints() {
		if !l.blamed(c.at) {
			l.add(c.at, "value", "want "+meaningOf(g.at(c.at), g.at(holderOf(c.at))), "%s", c.says)
		}
	}
	d.eachCondition(l.condition)
}

// meaningOf says what belongs at a place: in n, which is in holder.
func meaningOf(n, holder *node) string {
	if n.about == "" {
		return holder.about
	}
	return n.about
}

func holderOf(pointer string) string {
	return pointer[:max(strings.LastIndexByte(pointer, '/'), 0)]
}
