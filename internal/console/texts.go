// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// maxBody is how much of a text a page shows, in bytes.
const maxBody = 128 << 10

// A body is a text as it is shown.
type body struct {
	Text   string
	Size   int
	Cut    bool
	Pretty bool // it is JSON, and laid out for people
}

func bodyOf(b []byte) body {
	out := body{Size: len(b)}
	var pretty bytes.Buffer
	if len(b) <= maxBody && json.Indent(&pretty, b, "", "\t") == nil {
		out.Pretty, b = true, pretty.Bytes()
	}
	out.Text, out.Cut = VisibleText(string(b), 2*maxBody)
	return out
}

// wholeBody is bodyOf, and cuts nothing.
func wholeBody(b []byte) body {
	out := body{Size: len(b)}
	var pretty bytes.Buffer
	if json.Indent(&pretty, b, "", "\t") == nil {
		out.Pretty, b = true, pretty.Bytes()
	}
	out.Text, out.Cut = VisibleText(string(b), len(b))
	return out
}

// A changeView is a change as people see it.
type changeView struct {
	Summary string
	Target  *resource // nil: something new
	Undoes  string
	CanUndo bool
	Undo    string
	Sends   string
	Body    body
	Diff    []DiffLine
	More    int
}

// change reads the text of a change and holds it to the call that commits to it.
func (c *Console) change(call *policy.Call, t *receipt.Text) (*changeView, error) {
	if !seal.Commit(t.Salt, t.Bytes).Equal(call.Change) {
		return nil, errors.New("the change is another than the call commits to")
	}
	ch, err := receipt.ParseChange(t.Bytes)
	if err != nil {
		return nil, err
	}
	v := &changeView{Summary: Visible(ch.Summary), Undoes: Visible(ch.Undoes), Body: bodyOf(ch.Request.Body)}
	v.Sends = Visible(fmt.Sprintf("%s %s, %s bytes", ch.Request.Method, ch.Request.Path, count(len(ch.Request.Body))))
	v.CanUndo, v.Undo = Undoing(call.Tool, ch)
	v.Diff, v.More = DiffLines(ch.Diff)
	if ch.Target != nil {
		target := c.resourceOf(call, ch.Target)
		v.Target = &target
	}
	return v, nil
}

type textPage struct {
	frame
	Job       string
	Seq       uint64
	What      string
	Untrusted bool
	Change    *changeView
	Body      body
}

// looked notes that a person has looked at a text.
func (c *Console) looked(r *http.Request, job string, seq uint64, what string) {
	p := whoIs(r.Context())
	c.Log.InfoContext(r.Context(), "a person looked at a text", "id", p.ID, "key", p.Key, "receipt", fmt.Sprintf("%s/%d", job, seq), "text", what)
}

// signed returns receipt seq of a job, which a gate has signed. ok is false if it
// has answered the request otherwise.
func (c *Console) signed(w http.ResponseWriter, r *http.Request) (e *seal.Envelope, rc *receipt.Receipt, ok bool) {
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 62)
	if err != nil {
		c.lost(w, r)
		return nil, nil, false
	}
	e, err = c.DB.Receipt(r.Context(), r.PathValue("job"), seq)
	if err != nil {
		c.fail(w, r, err)
		return nil, nil, false
	}
	rc, good := c.read(e)
	if !good || rc.Job != r.PathValue("job") || rc.Seq != seq {
		c.say(w, r, http.StatusConflict, "This receipt does not verify", "Nothing of it is shown. Export the job's proof and verify it: clawea proof export, clawea proof verify.")
		return nil, nil, false
	}
	return e, rc, true
}

// text shows what a receipt commits to.
func (c *Console) text(w http.ResponseWriter, r *http.Request) {
	_, rc, ok := c.signed(w, r)
	if !ok {
		return
	}
	h, what := commitment(rc, r.PathValue("part"))
	if h.IsZero() {
		c.lost(w, r)
		return
	}
	t, err := c.DB.Text(r.Context(), rc.Job, rc.Seq, h)
	if errors.Is(err, store.ErrNotFound) {
		c.say(w, r, http.StatusNotFound, "This text is not kept any more", "The receipt commits to it, so whoever has it can show that it is the one.")
		return
	}
	if err != nil {
		c.fail(w, r, err)
		return
	}
	c.looked(r, rc.Job, rc.Seq, r.PathValue("part"))
	p := &textPage{frame: c.frame(r, what), Job: rc.Job, Seq: rc.Seq, What: what, Untrusted: true}
	if r.PathValue("part") == "change" {
		if p.Change, err = c.change(rc.Call, &t); err != nil {
			c.say(w, r, http.StatusConflict, "This change cannot be read", "It is not what its receipt commits to, or no change. Export the job's proof and verify it.")
			return
		}
		c.show(w, r, "text", p)
		return
	}
	if !seal.Commit(t.Salt, t.Bytes).Equal(h) {
		c.say(w, r, http.StatusConflict, "This text is not the one", "It is not what its receipt commits to. Export the job's proof and verify it.")
		return
	}
	p.Body = bodyOf(t.Bytes)
	c.show(w, r, "text", p)
}

// commitment is what r says of a part, and what that is. Zero: it has none.
func commitment(r *receipt.Receipt, part string) (h seal.Hash, what string) {
	switch {
	case part == "args" && r.Call != nil:
		return r.Call.Args, "What was asked for"
	case part == "change" && r.Call != nil:
		return r.Call.Change, "What it changes"
	case part == "result" && r.Outcome != nil:
		return r.Outcome.Result, "What the agent was given"
	case strings.HasPrefix(part, "proposed-") && r.Outcome != nil && r.Outcome.Model != nil:
		i, err := strconv.Atoi(strings.TrimPrefix(part, "proposed-"))
		if list := r.Outcome.Model.Proposed; err == nil && i >= 1 && i <= len(list) {
			return list[i-1].Args, "What the model proposed"
		}
	}
	return seal.Hash{}, ""
}

type receiptPage struct {
	frame
	Job     string
	Seq     uint64
	Hash    seal.Hash
	Signers []string
	Body    body
}

// receipt shows a receipt as it was signed.
func (c *Console) receipt(w http.ResponseWriter, r *http.Request) {
	e, rc, ok := c.signed(w, r)
	if !ok {
		return
	}
	p := &receiptPage{frame: c.frame(r, "Receipt "+rc.Name()), Job: rc.Job, Seq: rc.Seq, Hash: e.Hash(), Body: bodyOf(e.Payload)}
	for _, s := range e.Signatures {
		p.Signers = append(p.Signers, Visible(s.KeyID))
	}
	c.show(w, r, "receipt", p)
}
