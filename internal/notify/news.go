// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// News is one thing that happened to a question, as people are told it. Its words
// come from agents and systems in part, and are made of few characters: see word.
type News struct {
	ID       string    // the same for each attempt to tell it
	Event    string    //
	At       time.Time //
	Sentence string    // what happened
	Question string    // what the question is, in a sentence
	Link     string    // to the house's page, where people look and decide
	Open     bool      // whether people may still answer
	History  []Line    // what has happened to the question so far, this included, but for its asking

	Approval, Job, Agent, Receipt string
	Call                          string // the full name of the action
	Class                         string
	Targets                       []Target
	More                          int // how many targets are not listed
	Policy                        seal.Hash
	Clauses                       []string // of the policy, that ask
	Risk                          string   // in a few words
	Undo                          string   // "yes", "no" or "unknown": whether something takes it back
	Asked                         []string // the groups that are asked; none: anyone who may approve
	Expires                       time.Time

	By      string // whose answer it is about
	For     string // in whose stead they gave it; "": their own
	Yes     bool   // what that said
	Outcome string // how the call ended

	Place   string // where the channel keeps what it was told before
	Channel string // the channel's name

	approval string // its id as it is
}

// A Line is one thing that happened.
type Line struct {
	Text string
	User string // who did it, by a chat's own id; "" mostly
}

// A Target is something that the call is about, by its id.
type Target struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Version string `json:"version,omitempty"`
}

const (
	maxWord    = 64
	maxTargets = 5
	maxHistory = 8
)

// word is s for people: of the characters that names and ids are made of, and not
// much of it. Nothing in it can be markup, a header, a mention or an address.
func word(s string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._:/+-#@", r):
			return r
		}
		return '?'
	}, s)
	out = strings.ReplaceAll(out, "//", "??") // no address of a page
	if strings.HasPrefix(out, "@") {          // no mention of anyone
		out = "?" + out[1:]
	}
	if len(out) > maxWord {
		out = out[:maxWord-3] + "..."
	}
	return out
}

func words(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = word(s)
	}
	return out
}

// news says what d is about, as things stand now.
func (n *Notifier) news(ctx context.Context, d *store.Delivery) (*News, error) {
	a, err := n.DB.Approval(ctx, d.Approval)
	if err != nil {
		return nil, err
	}
	r, err := n.asks(ctx, a)
	if err != nil {
		return nil, err
	}
	job, err := n.DB.Job(ctx, a.Job)
	if err != nil {
		return nil, err
	}
	out := &News{
		ID: id(d.ID), Event: d.Event, At: d.At, Open: a.Open(n.Now()), Link: n.URL + "/approvals/" + url.PathEscape(a.ID),
		Approval: word(a.ID), Job: word(a.Job), Agent: word(job.Agent), Receipt: word(r.Name()),
		Call: word(r.Call.Name()), Class: word(string(r.Call.Class)), Policy: a.Policy, Risk: risk(r.Call),
		Expires: a.Expires, Place: d.Place, Channel: d.Channel, approval: a.ID,
	}
	out.target(r.Call)
	for _, reason := range r.Decision.Reasons {
		if reason.Clause != "" && len(out.Clauses) < 3 {
			out.Clauses = append(out.Clauses, word(reason.Clause))
		}
	}
	if out.Undo, err = n.undo(ctx, r); err != nil {
		return nil, err
	}
	if n.Asked != nil {
		asked, err := n.Asked(ctx, r)
		if err != nil {
			n.Log.WarnContext(ctx, "whom a question asks is not known", "approval", a.ID, "err", err)
		}
		out.Asked = words(asked)
	}
	return out, n.tell(ctx, out, d)
}

// tell says what d is in sentences, and what was before it.
func (n *Notifier) tell(ctx context.Context, out *News, d *store.Delivery) error {
	out.Question = fmt.Sprintf("%s asks to do %s", out.Agent, out.what())
	noted, err := n.DB.Noted(ctx, d.Approval)
	if err != nil {
		return err
	}
	for _, x := range noted {
		if x.ID > d.ID || x.Event == Asked || x.Event == Reminded {
			continue
		}
		about, err := readDetail(x.Detail)
		if err != nil {
			return err
		}
		out.History = append(out.History, Line{out.sentence(x.Event, about), about.User})
	}
	out.History = out.History[max(0, len(out.History)-maxHistory):]
	about, err := readDetail(d.Detail)
	if err != nil {
		return err
	}
	out.By, out.For, out.Yes, out.Outcome = word(about.By), word(about.For), about.Yes, word(string(about.Outcome))
	out.Sentence = out.sentence(d.Event, about)
	return nil
}

func readDetail(text string) (d detail, err error) {
	if err := seal.Unmarshal([]byte(text), &d); err != nil {
		return d, fmt.Errorf("read notice: %w", err)
	}
	return d, nil
}

// what names the call and what it is about.
func (n *News) what() string {
	s := n.Call
	for i, t := range n.Targets {
		s += map[bool]string{true: " on ", false: ", "}[i == 0] + t.Type + " " + t.ID
	}
	if n.More > 0 {
		s += fmt.Sprintf(" and %d more", n.More)
	}
	return s
}

// sentence says what an event is.
func (n *News) sentence(event string, d detail) string {
	by := word(d.By)
	if d.For != "" {
		by += ", for " + word(d.For) + ","
	}
	switch event {
	case Asked:
		return n.Question
	case Reminded:
		return "Still open: " + n.Question
	case Answered:
		return fmt.Sprintf("%s says %s to %s", by, map[bool]string{true: "yes", false: "no"}[d.Yes], n.what())
	case Withdrawn:
		if by == "" {
			return "No longer open, since what it stands on is revoked: " + n.what()
		}
		return fmt.Sprintf("%s takes the answer back to %s", by, n.what())
	case Expired:
		if d.Yes {
			return "The yes was not used in time: " + n.what()
		}
		return "Nobody has decided in time: " + n.what()
	case Done:
		return ended(d.Outcome) + ": " + n.what()
	case seen:
		return "Somebody has seen it: " + n.what()
	}
	return word(event) + ": " + n.what()
}

func ended(s receipt.Status) string {
	switch s {
	case receipt.Done:
		return "Done"
	case receipt.Failed:
		return "Failed"
	case receipt.Aborted:
		return "Broke off"
	}
	return "Nobody knows yet whether it happened"
}

// target lists what c is about.
func (n *News) target(c *policy.Call) {
	n.More = max(0, len(c.Resources)-maxTargets)
	for _, r := range c.Resources[:min(len(c.Resources), maxTargets)] {
		n.Targets = append(n.Targets, Target{word(r.Type), word(r.ID), word(r.Version)})
	}
}

// risk says in a few words what kind of call c is.
func risk(c *policy.Call) string {
	s := map[policy.Class]string{
		policy.Read: "reads", policy.Search: "searches", policy.Model: "asks a model", policy.Write: "changes something outside", policy.Admin: "changes who may do what",
	}[c.Class]
	if s == "" {
		s = "of a kind that is not known"
	}
	for _, k := range c.Categories {
		s += ", " + word(k)
	}
	return s
}

// undo says whether something takes the call back that r asks for. Of the text that
// says how, nothing else is told.
func (n *Notifier) undo(ctx context.Context, r *receipt.Receipt) (string, error) {
	if !r.Call.Mutates() {
		return "yes", nil
	}
	if r.Call.Change.IsZero() {
		return "unknown", nil
	}
	text, err := n.DB.Text(ctx, r.Job, r.Seq, r.Call.Change)
	if errors.Is(err, store.ErrNotFound) {
		return "unknown", nil
	}
	if err != nil {
		return "", err
	}
	c, err := receipt.ParseChange(text.Bytes)
	switch {
	case err != nil:
		return "unknown", nil
	case c.Undo.Action == "":
		return "no", nil
	}
	return "yes", nil
}
