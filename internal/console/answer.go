// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// ErrTrouble is what people are told of what went wrong in the house itself.
var ErrTrouble = errors.New("the house is in trouble, and has taken no answer\ntry again in a minute; its log says more")

// A wish is what a person wants to answer.
type wish struct {
	Yes       bool   `json:"yes"`
	Withdraws bool   `json:"withdraws"`
	Reason    string `json:"reason"`
	Minutes   int    `json:"minutes"` // how long a yes holds
	Times     int    `json:"times"`   // how many identical calls a yes is for; 0: one
	For       string `json:"for"`     // in whose stead; "": their own
}

// An offer is the answer that a person's passkey is to sign, and what their browser
// is asked for that.
type offer struct {
	Payload []byte `json:"payload"`
	Request any    `json:"request"`
}

// A signing is the answer as the browser brings it back.
type signing struct {
	Payload []byte          `json:"payload"`
	Answer  json.RawMessage `json:"answer"`
}

// complaint is an error as the page's script reads it (RFC 9457).
type complaint struct {
	Title string `json:"title"`
	Hint  string `json:"hint"`
	Code  string `json:"code,omitempty"`
	Link  string `json:"link,omitempty"` // where the person goes to mend it
}

const (
	maxReply  = 64 << 10
	maxReason = 1000 // bytes
)

// offer writes the answer that who asks is to sign: about this very call, as it was
// shown. Nothing counts before it is signed.
func (c *Console) offer(w http.ResponseWriter, r *http.Request) {
	c.script(w, r, func() (any, error) {
		var wanted wish
		if err := readJSON(r, &wanted); err != nil {
			return nil, err
		}
		q, err := c.proven(r)
		if err != nil {
			return nil, err
		}
		if wanted.Yes {
			if err := c.mayApprove(q, whoIs(r.Context())); err != nil {
				return nil, err
			}
		}
		a, err := c.answering(q, &wanted, whoIs(r.Context()))
		if err != nil {
			return nil, err
		}
		b, err := seal.Marshal(a)
		if err != nil {
			return nil, err
		}
		request, err := c.Passkeys.Ask(r, receipt.AnswerType, b)
		return &offer{b, request}, err
	})
}

// answering is the answer that p wishes to give to q.
func (c *Console) answering(q *approval.Question, wanted *wish, p *Person) (*receipt.Answer, error) {
	switch {
	case len(wanted.Reason) > maxReason:
		return nil, fmt.Errorf("the reason is longer than %d bytes\nsay it in fewer words", maxReason)
	case !wanted.Yes && !wanted.Withdraws && strings.TrimSpace(wanted.Reason) == "":
		return nil, errors.New("there is no reason\nsay why not, for those who look later")
	case wanted.Yes && (wanted.Minutes < 1 || time.Duration(wanted.Minutes)*time.Minute > approval.MaxHold):
		return nil, fmt.Errorf("a yes holds between a minute and %v\nchoose one of the times", approval.MaxHold)
	}
	now := c.Now().UTC().Truncate(time.Millisecond)
	a := &receipt.Answer{
		Approval: q.ID, Job: q.Job, Call: q.Call, Policy: q.Policy, Yes: wanted.Yes, Withdraws: wanted.Withdraws,
		By: p.Key, Reason: wanted.Reason, At: now, Expires: now.Add(receipt.NoHold),
	}
	switch {
	case wanted.Yes:
		a.Times, a.Expires = wanted.Times, now.Add(time.Duration(wanted.Minutes)*time.Minute)
	case wanted.Withdraws:
		a.Expires = now.Add(approval.MaxHold)
	}
	if !wanted.Withdraws {
		a.For = wanted.For
	}
	if q.Change != nil && !wanted.Withdraws {
		change, err := receipt.ParseChange(q.Change.Bytes)
		if err != nil {
			return nil, err
		}
		a.Shown = receipt.ShownHash(change.Diff)
	}
	return a, nil
}

// answer takes a signed answer. What it says is only what was signed; the desk and,
// each time that it counts one, the gate hold it to the question.
func (c *Console) answer(w http.ResponseWriter, r *http.Request) {
	c.script(w, r, func() (any, error) {
		var given signing
		if err := readJSON(r, &given); err != nil {
			return nil, err
		}
		e, err := c.Passkeys.Signed(r, receipt.AnswerType, given.Payload, given.Answer)
		if err != nil {
			return nil, err
		}
		if err := c.mayCount(r, e); err != nil {
			return nil, err
		}
		a, err := c.Desk.Answer(r.Context(), r.PathValue("id"), e)
		if err != nil {
			return nil, err
		}
		c.Log.InfoContext(r.Context(), "answered", "approval", a.Approval, "by", a.By, "for", a.For, "yes", a.Yes, "withdraws", a.Withdraws)
		return struct{}{}, nil
	})
}

// mayCount holds a signed answer to what the house wants of who says yes, whatever
// was offered to be signed: the page and its script are the browser's.
func (c *Console) mayCount(r *http.Request, e *seal.Envelope) error {
	a := new(receipt.Answer)
	if err := seal.Decode(e.Payload, a); err != nil {
		return fmt.Errorf("%w: %w", approval.ErrAnswer, err)
	}
	if !a.Yes {
		return nil
	}
	q, err := c.proven(r)
	if err != nil {
		return err
	}
	return c.mayApprove(q, whoIs(r.Context()))
}

// proven is the question that r is about, as its page shows it: a gate has signed the
// receipt that asks, and that commits to what is shown. Otherwise it fails with
// approval.ErrAltered: the row may be another than when the page was shown.
func (c *Console) proven(r *http.Request) (*approval.Question, error) {
	q, err := c.Desk.Question(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	asks, good := c.read(q.Asked)
	if !good || !seal.Commit(q.Text.Salt, q.Text.Bytes).Equal(asks.Call.Args) {
		return nil, approval.ErrAltered
	}
	if q.Change != nil && !seal.Commit(q.Change.Salt, q.Change.Bytes).Equal(asks.Call.Change) {
		return nil, approval.ErrAltered
	}
	return q, nil
}

// mayApprove reports why p may not say yes to q on our pages.
func (c *Console) mayApprove(q *approval.Question, p *Person) error {
	if err := shownWhole(q); err != nil {
		return err
	}
	return c.stepsUp(q, p)
}

// shownWhole fails if the page of q leaves something out.
func shownWhole(q *approval.Question) error {
	if len(q.Text.Bytes) > maxAsked {
		return errLong
	}
	if q.Change == nil {
		return nil
	}
	change, err := receipt.ParseChange(q.Change.Bytes)
	if err != nil {
		return err
	}
	if _, more := DiffLines(change.Diff); more > 0 || len(change.Request.Body) > maxAsked {
		return errLong
	}
	return nil
}

var errLong = errors.New("it is longer than a page shows, and a yes here is to what is shown\nread it piece by piece, and say yes with a key: clawea approve yes")

// script serves what a page's script asks for, if it comes from our page.
func (c *Console) script(w http.ResponseWriter, r *http.Request, f func() (any, error)) {
	var out any
	r.Body = http.MaxBytesReader(w, r.Body, maxReply)
	err := c.Passkeys.Check(r)
	if err == nil {
		out, err = f()
	}
	if err != nil {
		c.tell(w, r, http.StatusConflict, c.complaint(r, err))
		return
	}
	c.reply(w, r, http.StatusOK, "application/json", out)
}

// scripted reports whether a page's script sends r, and reads JSON.
func scripted(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}

// tell tells a page's script what is wrong.
func (c *Console) tell(w http.ResponseWriter, r *http.Request, status int, what *complaint) {
	c.reply(w, r, status, "application/problem+json", what)
}

func (c *Console) reply(w http.ResponseWriter, r *http.Request, status int, kind string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		c.Log.ErrorContext(r.Context(), "answer to a script cannot be written", "err", err)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	w.Write(b) // a reader that has gone hears nothing
}

// complaint is what a person is told of err: two lines, or that the house is in
// trouble.
func (c *Console) complaint(r *http.Request, err error) *complaint {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &complaint{Title: "there is no such question", Hint: "look at the list of approvals"}
	case errors.Is(err, store.ErrConflict):
		return &complaint{Title: "it takes no such answer as things stand", Hint: "load the page anew: somebody may have answered, or its time may be over"}
	case errors.Is(err, approval.ErrAltered):
		return &complaint{Title: "do not answer this question: " + approval.ErrAltered.Error(), Hint: "tell the operator of the house: somebody has changed its database"}
	case errors.Is(err, approval.ErrAnswer):
		return &complaint{Title: err.Error(), Hint: "load the page anew, and look at it again"}
	}
	if wrong, mends, ok := strings.Cut(err.Error(), "\n"); ok {
		if first := (*unshown)(nil); errors.As(err, &first) {
			return &complaint{wrong, mends, "step_up", first.link}
		}
		return &complaint{Title: wrong, Hint: mends}
	}
	c.Log.ErrorContext(r.Context(), "answer failed", "path", r.URL.Path, "err", err)
	wrong, mends, _ := strings.Cut(ErrTrouble.Error(), "\n")
	return &complaint{Title: wrong, Hint: mends}
}

// readJSON reads what a script sends, which is bounded (Console.script).
func readJSON(r *http.Request, v any) error {
	b, err := io.ReadAll(r.Body)
	if err == nil {
		err = seal.Unmarshal(b, v)
	}
	if err != nil {
		return errors.New("the page has sent what cannot be read\nload it anew")
	}
	return nil
}
