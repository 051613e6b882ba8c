// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/clawea/clawea/seal"
)

// ReportFormat is the first word of every report in JSON of this version.
const ReportFormat = "clawea.report.v1"

// jsonReport is the shape of WriteJSON: spec/bundle.md section 5.
type jsonReport struct {
	Format   string         `json:"format"`
	Verified bool           `json:"verified"`
	Axes     map[Axis]Level `json:"axes"`
	Bundle   seal.Hash      `json:"bundle"`
	Job      string         `json:"job"`
	Receipts int            `json:"receipts"`
	From     time.Time      `json:"from,omitzero"`
	To       time.Time      `json:"to,omitzero"`
	Policies []seal.Hash    `json:"policies"`
	Calls    Calls          `json:"calls"`
	Models   []Model        `json:"models,omitempty"`
	Runtimes []Runtime      `json:"runtimes,omitempty"`
	Traces   []Trace        `json:"traces,omitempty"`
	Findings []Finding      `json:"findings"`
	Nothing  []Unchecked    `json:"unchecked,omitempty"`
	Limits   []string       `json:"limits"`
}

var axes = [...]Axis{Integrity, Trusted, Completeness}

// WriteJSON writes r for programs: canonical JSON and a newline, of the shape
// in spec/bundle.md section 5.
func WriteJSON(w io.Writer, r *Report) error {
	out := jsonReport{
		Format: ReportFormat, Verified: r.Verified(), Axes: map[Axis]Level{},
		Bundle: r.Bundle, Job: r.Job, Receipts: r.Receipts, From: r.From, To: r.To,
		Policies: r.Policies, Calls: r.Calls, Models: r.Models, Runtimes: r.Runtimes, Traces: r.Traces, Findings: r.Findings, Nothing: r.Nothing, Limits: r.Limits,
	}
	for _, a := range axes {
		out.Axes[a] = r.Level(a)
	}
	b, err := seal.MarshalUpTo(&out, maxReport)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// maxReport bounds a report in JSON: a bundle of nothing but wrong papers has
// a finding or two for each.
const maxReport = 512 << 20

// WriteText writes r for people: the verdict on the first line, then the three
// axes, what became of the calls, the findings, the worst first, what there was nothing
// to check for, and what the evidence cannot show. Characters that could play tricks on a terminal are
// written as escapes.
func WriteText(w io.Writer, r *Report) error {
	var s strings.Builder
	if r.Verified() {
		s.WriteString("VERIFIED\n")
	} else {
		s.WriteString("NOT VERIFIED\n")
	}
	s.WriteByte('\n')
	for _, a := range axes {
		fmt.Fprintf(&s, "  %-14s%s", a, r.Level(a))
		if slices.Contains(r.bare, a) {
			s.WriteString(": nothing was checked")
		}
		s.WriteByte('\n')
	}
	about(&s, r)
	for _, l := range []Level{Fail, Warn, Pass} {
		findings(&s, r, l)
	}
	for i, n := range r.Nothing {
		if i == 0 {
			s.WriteString("\nNothing to check, or nothing by those whom you trust\n")
		}
		fmt.Fprintf(&s, "  %-22s %s\n", n.Code, row(n.Code).Says)
	}
	s.WriteString("\nWhat this cannot show\n")
	for _, l := range r.Limits {
		fmt.Fprintf(&s, "  - %s\n", l)
	}
	_, err := io.WriteString(w, s.String())
	return err
}

func about(s *strings.Builder, r *Report) {
	fmt.Fprintf(s, "\n  bundle        %s\n", r.Bundle)
	if r.Job == "" {
		return
	}
	fmt.Fprintf(s, "  job           %s\n", printable(r.Job))
	for _, h := range r.Policies {
		fmt.Fprintf(s, "  policy        %s\n", h)
	}
	fmt.Fprintf(s, "  receipts      %d", r.Receipts)
	if !r.From.IsZero() {
		fmt.Fprintf(s, ", %s to %s", stamp(r.From), stamp(r.To))
	}
	c := r.Calls
	fmt.Fprintf(s, "\n  calls         %d allowed, %d denied, %d asked, %d refused, %d unclosed\n", c.Allowed, c.Denied, c.Asked, c.Refused, c.Unclosed)
	for _, m := range r.Models {
		fmt.Fprintf(s, "  model         %s: %d calls, %d tokens in, %d out, %d tool calls proposed", printable(m.Name), m.Calls, m.Input, m.Output, m.Proposed)
		if m.Uncounted > 0 {
			fmt.Fprintf(s, "; of %d calls the tokens are unknown", m.Uncounted)
		}
		s.WriteByte('\n')
	}
	for _, x := range r.Runtimes {
		fmt.Fprintf(s, "  ran in        %s\n", printable(x.String()))
	}
	for _, x := range r.Traces {
		fmt.Fprintf(s, "  by its word   %s\n", printable(x.String()))
	}
}

var headings = [...]string{Fail: "Failed", Warn: "Warnings", Pass: "Checked"}

func findings(s *strings.Builder, r *Report, l Level) {
	head := "\n" + headings[l] + "\n"
	for _, f := range r.Findings {
		if f.Level != l {
			continue
		}
		s.WriteString(head)
		head = ""
		at := ""
		if f.Seq > 0 {
			at = fmt.Sprintf("receipt %d: ", f.Seq)
		}
		fmt.Fprintf(s, "  %-22s %s%s\n", f.Code, at, printable(f.Text))
	}
}

// printable writes what is not a visible character as a Go escape: names in a
// bundle are anybody's text.
func printable(s string) string {
	var out strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			out.WriteRune(r)
		} else {
			out.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return out.String()
}
