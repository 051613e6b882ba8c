// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A Level is how bad a finding is. The zero value is the worst.
type Level uint8

// The levels.
const (
	Fail Level = iota // the bundle does not prove what it says
	Warn              // it does, and there is something to know
	Pass              // checked and found right
)

var levels = [...]string{"fail", "warn", "pass"}

// String returns fail, warn or pass.
func (l Level) String() string {
	if int(l) < len(levels) {
		return levels[l]
	}
	return levels[Fail]
}

// MarshalText returns the level's word.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the level's word.
func (l *Level) UnmarshalText(b []byte) error {
	i := slices.Index(levels[:], string(b))
	if i < 0 {
		return fmt.Errorf("unknown level %q: want fail, warn or pass", b)
	}
	*l = Level(i)
	return nil
}

// A Finding is one thing that was found, good or bad. Text may quote names out
// of the bundle; it never quotes disclosed texts.
type Finding struct {
	Code  Code   `json:"code"`
	Axis  Axis   `json:"axis"`
	Level Level  `json:"level"`
	Seq   uint64 `json:"seq,omitzero"` // the receipt concerned; 0: none or all
	Text  string `json:"text"`
}

// An Unchecked is a check for which the bundle had nothing, or nothing that is signed by
// those whom the auditor trusts. It did not fail, and says nothing.
type Unchecked struct {
	Code Code `json:"code"`
	Axis Axis `json:"axis"`
}

// Calls counts the calls of a job by what became of them.
type Calls struct {
	Allowed  int `json:"allowed"`
	Denied   int `json:"denied"`
	Asked    int `json:"asked"`    // attempts that were told to wait for a person
	Refused  int `json:"refused"`  // token or policy did not hold
	Unclosed int `json:"unclosed"` // of those allowed: without a closing receipt
}

// A Report is what was found in a bundle. Only Bundle makes one that verifies.
type Report struct {
	Bundle   seal.Hash   // SHA-256 of the file
	Job      string      // as the bundle says
	Receipts int         // as many as the bundle has, good or bad
	From, To time.Time   // of the receipts that could be read
	Policies []seal.Hash // of the policies that could be read, in the bundle's order
	Tokens   []token.ID  // of the tokens whose records could be read
	Calls    Calls       //
	Models   []Model     // that answered, by name
	Runtimes []Runtime   // of the attestations that could be read, in the bundle's order
	Traces   []Trace     // that could be read, in the bundle's order
	Findings []Finding   // in the order of checking
	Nothing  []Unchecked // checks that had nothing to check
	Limits   []string    // what the evidence cannot show

	complete bool   // checked to the end
	bare     []Axis // on which nothing was checked but the file's form
}

// Verified reports whether everything was checked and nothing failed. It may
// hold with warnings. A nil or zero report is not verified.
func (r *Report) Verified() bool {
	return r != nil && r.complete && !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level == Fail })
}

// Level returns the worst level of the findings on an axis. An axis on which
// nothing was checked fails.
func (r *Report) Level(a Axis) Level {
	if slices.Contains(r.bare, a) {
		return Fail
	}
	worst, seen := Pass, false
	for _, f := range r.Findings {
		if f.Axis == a {
			worst, seen = min(worst, f.Level), true
		}
	}
	if !seen {
		return Fail
	}
	return worst
}

// find adds a finding at its code's own level.
func (r *Report) find(c Code, seq uint64, format string, args ...any) {
	row := row(c)
	text := strings.ToValidUTF8(fmt.Sprintf(format, args...), "\uFFFD") // errors may quote any bytes
	r.Findings = append(r.Findings, Finding{c, row.Axis, row.Level, seq, text})
}

// found reports whether something was amiss under any of the codes.
func (r *Report) found(codes ...Code) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level != Pass && slices.Contains(codes, f.Code) })
}

// pass says that all of a code's checks went well, unless some did not.
func (r *Report) pass(c Code, format string, args ...any) {
	if r.found(c) {
		return
	}
	r.Findings = append(r.Findings, Finding{c, row(c).Axis, Pass, 0, fmt.Sprintf(format, args...)})
}

// checked is pass where n things were checked; where none was, it says that.
func (r *Report) checked(n int, c Code, format string, args ...any) {
	switch {
	case n > 0:
		r.pass(c, format, args...)
	case !r.found(c):
		r.Nothing = append(r.Nothing, Unchecked{c, row(c).Axis})
	}
}

// failed reports whether any of the codes has failed.
func (r *Report) failed(codes ...Code) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level == Fail && slices.Contains(codes, f.Code) })
}
