// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// What happens to questions.
const (
	Asked     = "asked"     // it waits for people
	Reminded  = "reminded"  // it still does
	Answered  = "answered"  // a person has said yes or no
	Withdrawn = "withdrawn" // a person has taken an answer back, or the house the question
	Expired   = "expired"   // nobody has decided in time, or nobody has used the yes
	Done      = "done"      // its call has ended, one way or another
	seen      = "seen"      // somebody in a chat has; only that chat is told
)

// A detail is what a notice says beside its event.
type detail struct {
	By      string         `json:"by,omitempty"`      // whose answer it was
	For     string         `json:"for,omitempty"`     // in whose stead they gave it
	Yes     bool           `json:"yes,omitzero"`      // what it said
	Outcome receipt.Status `json:"outcome,omitempty"` // how the call ended
	User    string         `json:"user,omitempty"`    // who has seen it, by the chat's id
}

// A look is what the follower knows of a question that it has looked at.
type look struct {
	state string    // of the question's row
	until time.Time // when to look again whatever the row says
}

// How long to wait before looking again at a question of which a call is under way,
// since that ends without a change of the question's own, and at one that cannot be
// read. All others are looked at when something has changed, or when their time has come.
const (
	lookCall  = 2 * time.Second
	lookWrong = 20 * time.Second
)

// Follow notes what has happened to questions since the last time. It returns how
// much was new. A question that cannot be read is logged; nobody waits for it.
func (n *Notifier) Follow(ctx context.Context) (total int, err error) {
	since, err := n.DB.NoticesFrom(ctx)
	if err != nil {
		return 0, err
	}
	if oldest := n.Now().Add(-horizon); since.Before(oldest) {
		since = oldest
	}
	looks := map[string]look{}
	for last := (*store.Approval)(nil); ; {
		list, err := n.DB.Followed(ctx, since, last, page)
		if err != nil {
			return total, err
		}
		wrong, cause := []string{}, error(nil)
		for i := range list {
			added, err := n.follow(ctx, &list[i], looks)
			if err != nil {
				wrong, cause = append(wrong, list[i].ID), err
			}
			total += added
		}
		if cause != nil {
			if ctx.Err() != nil {
				return total, cause
			}
			n.Log.ErrorContext(ctx, "what has happened to questions cannot be read, and nobody is told of it; others go on", "questions", len(wrong), "first", wrong[0], "last_err", cause)
		}
		if len(list) < page {
			n.seen = looks
			return total, nil
		}
		last = &list[len(list)-1].Approval
	}
}

// follow notes what has happened to a question, unless nothing can have since the last
// look.
func (n *Notifier) follow(ctx context.Context, w *store.Watched, looks map[string]look) (int, error) {
	a, now := &w.Approval, n.Now()
	l := look{state: fmt.Sprint(a.Reply, " ", a.By, " ", a.UsedBy, " ", a.Expires.UnixMilli(), " ", a.Cancelled != nil, " ", w.Answers, " ", w.Left)}
	if old, ok := n.seen[a.ID]; ok && old.state == l.state && now.Before(old.until) {
		looks[a.ID] = old
		return 0, nil
	}
	added, again, err := n.look(ctx, a)
	if err != nil {
		again = now.Add(lookWrong)
	}
	if !again.IsZero() {
		l.until = again
		looks[a.ID] = l
	}
	return added, err
}

// look notes what has happened to a, and says when to look again though nothing of it
// changes; zero: never.
func (n *Notifier) look(ctx context.Context, a *store.Approval) (added int, again time.Time, err error) {
	if a.Job == "" {
		return 0, again, errors.New("its row cannot be read")
	}
	answers, err := n.answers(ctx, a)
	if err != nil {
		return 0, again, err
	}
	calls, err := n.closings(ctx, a, answers)
	if err != nil {
		return 0, again, err
	}
	now := n.Now()
	list, settled := events(a, answers, calls, n.Remind, now)
	if err := n.address(ctx, a, list); err != nil {
		return 0, again, err
	}
	added, err = n.DB.Note(ctx, a, list, settled)
	reminds := a.Asked.Add(n.Remind)
	switch {
	case settled:
	case underWay(calls):
		again = now.Add(lookCall)
	case n.Remind > 0 && a.Open(now) && now.Before(reminds) && reminds.Before(a.Expires):
		again = reminds
	default:
		again = a.Expires
	}
	return added, again, err
}

// An answer is what of a person's answer is told: not its reason, which is a text.
type answer struct {
	Approval  string    `json:"approval"`
	By        string    `json:"by"`
	For       string    `json:"for"`
	Yes       bool      `json:"yes"`
	Withdraws bool      `json:"withdraws"`
	Times     int       `json:"times"`
	At        time.Time `json:"at"`
	mark      string
	unsigned  bool // nobody is told of it
}

// answers returns the answers to a, in the order of their times. What is told of them
// decides nothing.
func (n *Notifier) answers(ctx context.Context, a *store.Approval) ([]answer, error) {
	papers, err := n.DB.AnswersTo(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	var out []answer
	for _, e := range papers {
		x := answer{mark: e.Hash().Short()}
		if err := seal.Glance(e.Payload, &x); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		if x.Approval != a.ID {
			continue
		}
		if n.Signed != nil {
			good, err := n.Signed(ctx, e)
			if err != nil {
				return nil, err
			}
			x.unsigned = !good
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b answer) int { return a.At.Compare(b.At) })
	return out, nil
}

// closings returns the receipts of calls that a allowed: those that close them, by
// those that opened them, nil for a call that is under way.
func (n *Notifier) closings(ctx context.Context, a *store.Approval, answers []answer) (map[uint64]*receipt.Receipt, error) {
	uses, err := n.uses(ctx, a, answers)
	if err != nil {
		return nil, err
	}
	out := map[uint64]*receipt.Receipt{}
	for _, seq := range uses {
		c, err := n.DB.Call(ctx, a.Job, seq)
		if err != nil {
			return nil, err
		}
		out[seq] = nil
		if c.Closed == nil {
			continue
		}
		if out[seq], err = receipt.Parse(c.Closed.Payload); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// uses returns the opened receipts of the calls that a allowed. Its row names the
// last; others there can be only if a yes was for several.
func (n *Notifier) uses(ctx context.Context, a *store.Approval, answers []answer) (out []uint64, err error) {
	if !slices.ContainsFunc(answers, func(x answer) bool { return x.Times > 1 }) {
		if a.UsedBy != 0 {
			out = append(out, a.UsedBy)
		}
		return out, nil
	}
	for at := (store.Mark{At: a.Asked}); ; {
		list, err := n.DB.OpenedAfter(ctx, at, a.Job, page)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			at = o.Mark
			e, err := seal.ParseEnvelope(o.Envelope)
			if err != nil {
				return nil, err
			}
			r, err := receipt.Parse(e.Payload)
			if err != nil {
				return nil, err
			}
			if r.Decision.Effect == policy.Allow && r.Decision.Approval == a.ID {
				out = append(out, r.Seq)
			}
		}
		if len(list) < page {
			return out, nil
		}
	}
}

// events is all that has happened to a by now, in order, and whether that is all
// that ever will. calls are the receipts that close those that it allowed, by what
// opened them, nil for one that is under way.
func events(a *store.Approval, answers []answer, calls map[uint64]*receipt.Receipt, remind time.Duration, now time.Time) (list []store.Notice, settled bool) {
	add := func(event, mark string, at time.Time, d detail) {
		list = append(list, store.Notice{Event: event, Mark: mark, At: at, Detail: d.text()})
	}
	add(Asked, "", a.Asked, detail{})
	if remind > 0 && a.Open(now) && !now.Before(a.Asked.Add(remind)) {
		add(Reminded, "", a.Asked.Add(remind), detail{})
	}
	for _, x := range answers {
		if x.unsigned {
			continue
		}
		if x.Withdraws {
			add(Withdrawn, x.mark, x.At, detail{By: x.By, For: x.For})
		} else {
			add(Answered, x.mark, x.At, detail{By: x.By, For: x.For, Yes: x.Yes})
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(calls)) {
		if r := calls[seq]; r != nil {
			add(Done, strconv.FormatUint(seq, 10), r.At, detail{Outcome: r.Outcome.Status})
		}
	}
	over := !now.Before(a.Expires)
	switch {
	case a.Cancelled != nil && len(calls) == 0:
		add(Withdrawn, "", *a.Cancelled, detail{})
		return list, true
	case over && a.Reply != store.No && len(calls) == 0:
		add(Expired, "", a.Expires, detail{Yes: a.Reply == store.Yes})
	}
	return list, over && !underWay(calls)
}

func underWay(calls map[uint64]*receipt.Receipt) bool {
	return slices.Contains(slices.Collect(maps.Values(calls)), nil)
}

func (d detail) text() string {
	b, err := seal.Marshal(d)
	if err != nil { // unreachable but for a name that is not UTF-8, which no key has
		return "{}"
	}
	return string(b)
}

// address says whom each notice of a goes to.
func (n *Notifier) address(ctx context.Context, a *store.Approval, list []store.Notice) error {
	asked, err := n.asked(ctx, a)
	if err != nil {
		return err
	}
	for _, c := range n.Channels {
		on := len(asked) == 0 || c.of(asked)
		if !on { // it may not have been known before whom a asks
			if on, err = n.DB.Told(ctx, c.Name, a.ID); err != nil {
				return err
			}
		}
		for i := range list {
			if on && (c.Events == nil || slices.Contains(c.Events, list[i].Event)) {
				list[i].Channels = append(list[i].Channels, c.Name)
			}
		}
	}
	return nil
}

// asked returns the groups that a asks, if a channel wants to know. None: all are to
// be told.
func (n *Notifier) asked(ctx context.Context, a *store.Approval) ([]string, error) {
	if n.Asked == nil || !slices.ContainsFunc(n.Channels, func(c Channel) bool { return len(c.Groups) > 0 }) {
		return nil, nil
	}
	r, err := n.asks(ctx, a)
	if err != nil {
		return nil, err
	}
	asked, err := n.Asked(ctx, r)
	if err == nil {
		return asked, nil
	}
	if _, again := n.seen[a.ID]; !again {
		n.Log.WarnContext(ctx, "whom a question asks is not known; all channels are told", "approval", a.ID, "err", err)
	}
	return nil, nil
}

// of reports whether c is told on questions that ask some groups.
func (c *Channel) of(asked []string) bool {
	return len(c.Groups) == 0 || slices.ContainsFunc(c.Groups, func(g string) bool { return slices.Contains(asked, g) })
}

// asks returns the receipt that asks a.
func (n *Notifier) asks(ctx context.Context, a *store.Approval) (*receipt.Receipt, error) {
	e, err := n.DB.Receipt(ctx, a.Job, a.Seq)
	if err != nil {
		return nil, err
	}
	r, err := receipt.Parse(e.Payload)
	if err != nil {
		return nil, err
	}
	if r.Call == nil || r.Decision == nil {
		return nil, fmt.Errorf("receipt %s asks nothing", r.Name())
	}
	return r, nil
}
