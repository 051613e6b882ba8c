// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// maxBody is how much of a text a page shows, in bytes, and maxAsked how much the page
// of a question does, on which people say yes to all of it.
const (
	maxBody  = 128 << 10
	maxAsked = 1 << 20
)

// A body is a text as it is shown.
type body struct {
	Text   string
	Size   int
	Cut    bool
	Pretty bool   // it is JSON, and laid out for people
	Pieces string // where all of it is shown, piece by piece; "": nowhere
}

// bodyOf is a text of which up to so many bytes are shown. JSON is laid out, unless that
// makes it much longer.
func bodyOf(b []byte, most int) body {
	out := body{Size: len(b), Cut: len(b) > most}
	if out.Cut {
		out.Text, _ = VisibleText(string(b[:cutAt(b, most)]), most)
		return out
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, b, "", "\t") == nil && pretty.Len() <= 2*most {
		out.Pretty, b = true, pretty.Bytes()
	}
	out.Text, _ = VisibleText(string(b), len(b))
	return out
}

// wholeBody is bodyOf, and cuts nothing.
func wholeBody(b []byte) body { return bodyOf(b, max(len(b), maxBody)) }

// cutAt is where b is cut so that at most so many bytes are before, and no character is
// cut in two.
func cutAt(b []byte, most int) int {
	if len(b) <= most {
		return len(b)
	}
	for n := most; n > max(0, most-utf8.UTFMax); n-- {
		if utf8.RuneStart(b[n]) {
			return n
		}
	}
	return most // it is no UTF-8
}

// A piece is a part of a text that is too long for a page.
type piece struct {
	From, To, Size int
	Before, After  string // the addresses of the next ones; "": there is none
}

// pieceOf is the part of the text at a path that begins at byte from. ok is false if it
// has none there.
func pieceOf(path string, b []byte, from int) (at piece, shown body, ok bool) {
	if from < 0 || from >= len(b) {
		return at, shown, false
	}
	at = piece{From: from, To: from + cutAt(b[from:], maxBody), Size: len(b)}
	shown = body{Size: at.To - at.From}
	shown.Text, _ = VisibleText(string(b[at.From:at.To]), maxBody)
	if at.From > 0 {
		at.Before = fmt.Sprintf("%s?from=%d", path, cutAt(b, max(0, at.From-maxBody)))
	}
	if at.To < at.Size {
		at.After = fmt.Sprintf("%s?from=%d", path, at.To)
	}
	return at, shown, true
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
	Pieces  string // where all of the difference is shown, piece by piece
}

// whole reports whether nothing of the change is left out.
func (v *changeView) whole() bool { return !v.Body.Cut && v.More == 0 }

// change reads the text of a change and holds it to the call that commits to it. at is
// the address of the texts of its receipt.
func (c *Console) change(call *policy.Call, t *receipt.Text, at string) (*changeView, error) {
	if !seal.Commit(t.Salt, t.Bytes).Equal(call.Change) {
		return nil, errors.New("the change is another than the call commits to")
	}
	ch, err := receipt.ParseChange(t.Bytes)
	if err != nil {
		return nil, err
	}
	v := &changeView{Summary: Whole(ch.Summary), Undoes: Visible(ch.Undoes), Body: bodyOf(ch.Request.Body, maxAsked), Pieces: at + "change-diff?from=0"}
	v.Body.Pieces = at + "change-body?from=0"
	v.Sends = Whole(fmt.Sprintf("%s %s, %s bytes", ch.Request.Method, ch.Request.Path, count(len(ch.Request.Body))))
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
	Piece     *piece // nil: it is shown as one
}

// textsOf is the address of the texts of a receipt, to which one's name is added.
func textsOf(job string, seq uint64) string {
	return fmt.Sprintf("/jobs/%s/texts/%d/", url.PathEscape(job), seq)
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
	if !seal.Commit(t.Salt, t.Bytes).Equal(h) {
		c.say(w, r, http.StatusConflict, "This text is not the one", "It is not what its receipt commits to. Export the job's proof and verify it.")
		return
	}
	if part := r.PathValue("part"); strings.HasPrefix(part, "change") {
		ch, err := receipt.ParseChange(t.Bytes)
		if err == nil && part == "change" {
			p.Change, err = c.change(rc.Call, &t, textsOf(rc.Job, rc.Seq))
		}
		if err != nil {
			c.say(w, r, http.StatusConflict, "This change cannot be read", "It is no change. Export the job's proof and verify it.")
			return
		}
		if part == "change" {
			c.show(w, r, "text", p)
			return
		}
		if t.Bytes = ch.Request.Body; part == "change-diff" {
			t.Bytes = []byte(ch.Diff)
		}
	}
	c.textOf(w, r, p, t.Bytes)
}

// textOf shows a text, or, with "from", the piece of it that begins at that byte.
func (c *Console) textOf(w http.ResponseWriter, r *http.Request, p *textPage, b []byte) {
	text, path := r.URL.Query().Get("from"), textsOf(p.Job, p.Seq)+r.PathValue("part")
	if text == "" {
		p.Body = bodyOf(b, maxBody)
		p.Body.Pieces = path + "?from=0"
		c.show(w, r, "text", p)
		return
	}
	from, err := strconv.Atoi(text)
	at, shown, ok := pieceOf(path, b, from)
	if err != nil || !ok {
		c.lost(w, r)
		return
	}
	p.Piece, p.Body = &at, shown
	c.show(w, r, "text", p)
}

// commitment is what r says of a part, and what that is. Zero: it has none.
func commitment(r *receipt.Receipt, part string) (h seal.Hash, what string) {
	switch {
	case part == "args" && r.Call != nil:
		return r.Call.Args, "What was asked for"
	case part == "change" && r.Call != nil:
		return r.Call.Change, "What it changes"
	case part == "change-body" && r.Call != nil:
		return r.Call.Change, "The request, as it is sent"
	case part == "change-diff" && r.Call != nil:
		return r.Call.Change, "The difference"
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
	p := &receiptPage{frame: c.frame(r, "Receipt "+rc.Name()), Job: rc.Job, Seq: rc.Seq, Hash: e.Hash(), Body: bodyOf(e.Payload, maxBody)}
	for _, s := range e.Signatures {
		p.Signers = append(p.Signers, Visible(s.KeyID))
	}
	c.show(w, r, "receipt", p)
}
