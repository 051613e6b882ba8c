// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	approversAt  = "/approvers"
	maxApprovers = 32             // entries
	maxRequired  = 10             // people of one entry
	maxHolds     = 24 * time.Hour // of a yes
)

var (
	groupName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,127}$`)
	holdTime  = regexp.MustCompile(`^([0-9]{1,2}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$`)
)

// IsGroup reports whether a policy can name a group of people so.
func IsGroup(name string) bool { return groupName.MatchString(name) }

// Groups are the groups of people that p names, sorted, each once.
func (p *Policy) Groups() []string { return p.rules.groups }

func (c *checker) approvers(list []approver) {
	if len(list) > maxApprovers {
		c.fail(approversAt, "these are %d entries, more than %d", len(list), maxApprovers)
	}
	for i, a := range list {
		at := fmt.Sprintf("%s/%d", approversAt, i)
		c.tools(at+"/for", a.For, "a category or a tool name")
		c.each(at+"/groups", a.Groups, groupName, "a group's name")
		if n := a.Required; n != nil && (*n < 1 || *n > maxRequired) {
			c.fail(at+"/required", "%d is not from 1 to %d", *n, maxRequired)
		}
		if d := a.holds(); a.Holds != "" && (!holdTime.MatchString(a.Holds) || d <= 0 || d > maxHolds) {
			c.fail(at+"/holds", "%q is not a time of at most 24 hours (30m, 1h30m)", a.Holds)
		}
	}
}

// holds is how long a yes holds at most, or zero: as long as it says.
func (a *approver) holds() time.Duration {
	d, _ := time.ParseDuration(a.Holds) // checked
	return d
}

func (a *approver) required() int {
	if a.Required == nil {
		return 1
	}
	return *a.Required
}

// who says a's people: "2 people of wiki-owners or security".
func (a *approver) who() string {
	s := people(a.required())
	switch {
	case len(a.Groups) > 0:
		s += " of " + strings.Join(a.Groups, " or ")
	case a.Groups != nil:
		s += " of no group"
	}
	return s
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// A quorum is an entry of /approvers as Decide wants it.
type quorum struct {
	means    approvalSet
	every    bool // it is for every call that is asked for
	groups   set
	anybody  bool
	required int
	holds    time.Duration // zero: as long as a yes says
	wants    Reason
	has      Reason
}

// anyone is the quorum of calls that no entry is for.
func anyone() *quorum { return &quorum{every: true, anybody: true, required: 1} }

func quorumsOf(list []approver) []quorum {
	var out []quorum
	for i, a := range list {
		at := fmt.Sprintf("%s/%d", approversAt, i)
		out = append(out, quorum{
			means: approvalSetOf(at+"/for", a.For), every: a.For == nil,
			groups: setOf(a.Groups), anybody: a.Groups == nil, required: a.required(), holds: a.holds(),
			wants: Reason{at, a.who() + " must say yes"}, has: Reason{at, a.who() + " said yes"},
		})
	}
	return out
}

func groupsOf(list []approver) []string {
	var out []string
	for _, a := range list {
		out = append(out, a.Groups...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// quorums are those that c needs, if it is asked for; nil: a person is enough.
func (p *Policy) quorums(c *Call) []*quorum {
	var out []*quorum
	for i := range p.rules.quorums {
		if q := &p.rules.quorums[i]; q.every || q.means.has(c) {
			out = append(out, q)
		}
	}
	return out
}

// Asks returns the groups whose people's yes c takes, if it is asked for: sorted, each
// once. Nil: nobody in particular is asked, since no entry of /approvers is for c, or
// one of them takes the yes of anybody who may answer.
func (p *Policy) Asks(c *Call) []string {
	var out []string
	for _, q := range p.quorums(c) {
		if q.anybody {
			return nil
		}
		out = slices.AppendSeq(out, maps.Keys(q.groups))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// counts reports whether a is a yes that q counts at now.
func (q *quorum) counts(a *Approval, now time.Time) bool {
	return a.Yes && (q.holds == 0 || now.Before(a.At.Add(q.holds))) &&
		(q.anybody || slices.ContainsFunc(a.Groups, q.groups.has))
}

// Heard is what people's answers to a question come to.
type Heard struct {
	No      bool // somebody said no
	Missing int  // how many more people have to say yes
}

// Hear says what the answers among f come to, for a call that is asked for. Only
// answers to one question belong there. It is total, pure and deterministic.
func (p *Policy) Hear(c *Call, f *Facts) Heard {
	heard := heardBy(c, f)
	quorums := p.quorums(c)
	if quorums == nil {
		quorums = []*quorum{anyone()}
	}
	no := slices.ContainsFunc(heard, func(a Approval) bool { return !a.Yes })
	return Heard{no, missing(quorums, heard, f.Now)}
}

// heardBy are the answers to this exact call that are in force, without the yeses of
// who ordered its token. A no whose clock is ahead is in force at once.
func heardBy(c *Call, f *Facts) []Approval {
	if len(f.Approvals) == 0 {
		return nil
	}
	digest := c.Digest()
	if digest.IsZero() { // the call has no name, so nothing can be an answer to it
		return nil
	}
	return slices.DeleteFunc(slices.Clone(f.Approvals), func(a Approval) bool {
		return !a.Call.Equal(digest) || !f.Now.Before(a.Expires) || a.Yes && (a.Own || a.At.After(f.Now))
	})
}

// answered hears people's answers to this exact call. A no outweighs any yes; the
// yeses to one question allow the call if its quorums have as many as they want.
func (p *Policy) answered(d *Decision, c *Call, f *Facts) {
	quorums := p.quorums(c)
	heard := heardBy(c, f)
	clause := d.Reasons[0].Clause
	if i := slices.IndexFunc(heard, func(a Approval) bool { return !a.Yes }); i >= 0 {
		d.Effect, d.Approval, d.Reasons = Deny, heard[i].ID, []Reason{{clause, "a person said no"}}
		return
	}
	wanted := quorums
	if quorums == nil {
		if len(heard) == 0 {
			return
		}
		wanted = []*quorum{anyone()}
	}
	least := missing(wanted, nil, f.Now)
	for i, a := range slices.Backward(heard) {
		if slices.ContainsFunc(heard[i+1:], func(o Approval) bool { return o.ID == a.ID }) {
			continue // its question has been looked at
		}
		to := slices.DeleteFunc(slices.Clone(heard), func(o Approval) bool { return o.ID != a.ID })
		if least = min(least, missing(wanted, to, f.Now)); least == 0 {
			d.Effect, d.Approval, d.Reasons = Allow, a.ID, allowing(quorums, clause)
			return
		}
	}
	if quorums != nil {
		d.Missing = least
		d.Reasons = append(slices.Clone(d.Reasons), wanting(quorums, least)...)
	}
}

func allowing(quorums []*quorum, clause string) []Reason {
	if quorums == nil {
		return []Reason{{clause, "a person said yes"}}
	}
	var out []Reason
	for _, q := range quorums {
		out = append(out, q.has)
	}
	return out
}

func wanting(quorums []*quorum, missing int) []Reason {
	var out []Reason
	for _, q := range quorums {
		out = append(out, q.wants)
	}
	more := "1 more person has to say yes"
	if missing != 1 {
		more = fmt.Sprintf("%d more people have to say yes", missing)
	}
	return append(out, Reason{approversAt, more})
}

// missing is how many more people have to say yes, at least. Who says yes counts
// once, by name, and for one entry alone: for the one where it helps most. Whom they
// stand in for counts once, too.
func missing(quorums []*quorum, said []Approval, now time.Time) int {
	yeses := voices(said)
	var names []string
	for _, a := range yeses {
		if !slices.Contains(names, a.By) {
			names = append(names, a.By)
		}
	}
	s := seating{sits: make([]int, len(names))}
	left := 0
	for _, q := range quorums {
		var fit []int
		for i := range yeses {
			if q.counts(&yeses[i], now) {
				fit = append(fit, slices.Index(names, yeses[i].By))
			}
		}
		for range q.required {
			s.fits = append(s.fits, fit)
			if !s.seat(len(s.fits)-1, make([]bool, len(names))) {
				left++
			}
		}
	}
	return left
}

// voices are said without what stand-ins have said for somebody who has answered
// themselves, or for whom a stand-in has said something later: of whom people stand
// in for, one is left who speaks for them.
func voices(said []Approval) []Approval {
	if !slices.ContainsFunc(said, func(a Approval) bool { return a.For != "" }) {
		return said
	}
	var out []Approval
	for i := range said {
		if !outweighed(said, i) {
			out = append(out, said[i])
		}
	}
	return out
}

func outweighed(said []Approval, i int) bool {
	a := &said[i]
	if a.For == "" {
		return false
	}
	for j := range said {
		switch o := &said[j]; {
		case o.For == "" && o.By == a.For:
			return true
		case o.For == a.For && (o.At.After(a.At) || o.At.Equal(a.At) && j > i):
			return true
		}
	}
	return false
}

// A seating gives each seat one person who fits, and each person one seat.
type seating struct {
	fits [][]int // who, by seat
	sits []int   // the seat, from 1, by person; 0: none
}

// seat fills one more seat, moving others if it has to. seen are those who have
// been asked to move.
func (s *seating) seat(i int, seen []bool) bool {
	for _, who := range s.fits[i] {
		if seen[who] {
			continue
		}
		seen[who] = true
		if s.sits[who] == 0 || s.seat(s.sits[who]-1, seen) {
			s.sits[who] = i + 1
			return true
		}
	}
	return false
}
