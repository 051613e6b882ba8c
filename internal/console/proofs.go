// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// Proofs are published bundles. pulse.Desk is the one. Errors that people are told
// are *pulse.Refusal, store.ErrNotFound, store.ErrHeld and store.ErrConflict.
type Proofs interface {
	PublishJob(ctx context.Context, job, by string, x pulse.Disclosure, k pulse.Keep) (seal.Hash, error)
	Publication(ctx context.Context, id seal.Hash) (store.Publication, error)
	Publications(ctx context.Context, before *store.Spot, limit int) ([]store.Publication, error)
	Events(ctx context.Context, id seal.Hash) ([]store.Event, error)
	Shares(ctx context.Context, id seal.Hash, limit int) ([]store.Share, error)
	Share(ctx context.Context, id seal.Hash, by, note string, expires time.Time, x pulse.Disclosure) (secret string, err error)
	Unshare(ctx context.Context, link seal.Hash, by string) error
	Hold(ctx context.Context, id seal.Hash, by, note string) error
	Release(ctx context.Context, id seal.Hash, by, note string) error
	Delete(ctx context.Context, id seal.Hash, by, note string) error
}

// MayProofs reports whether the person whose request ctx is of may read published
// bundles. It is for what Proofed lets through.
func MayProofs(ctx context.Context) bool {
	p := whoIs(ctx)
	return p != nil && p.may(keepers)
}

// MayTexts reports whether they may read the texts in them: what agents wrote and read.
func MayTexts(ctx context.Context) bool {
	p := whoIs(ctx)
	return p != nil && p.may(readers)
}

// Proofed lets those through to h who may read published bundles, and sends who is not
// logged in to do so.
func (c *Console) Proofed(h http.Handler) http.Handler {
	return c.guard(route{roles: keepers, serve: h.ServeHTTP})
}

type proofsPage struct {
	frame
	Published []store.Publication
	Next      string
	None      bool // the house publishes nothing
}

func (c *Console) proofs(w http.ResponseWriter, r *http.Request) {
	f := formOf(r)
	p := &proofsPage{frame: c.frame(r, "Proofs"), None: c.Proofs == nil}
	if p.None {
		c.show(w, r, "proofs", p)
		return
	}
	var before *store.Spot
	if at, id := f.spot(); id != "" {
		before = &store.Spot{At: at, ID: id}
	}
	if f.wrong != "" {
		c.refuse(w, r, f.wrong)
		return
	}
	list, err := c.Proofs.Publications(r.Context(), before, perPage+1)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	if p.Published = list; len(list) > perPage {
		p.Published = list[:perPage]
		last := &list[perPage-1]
		p.Next = f.next("/pulse", last.At, last.ID.String())
	}
	c.show(w, r, "proofs", p)
}

type proofPage struct {
	frame
	Proof  store.Publication
	Events []eventView
	Shares []shareView
	Here   bool   // its job is one of this house
	Until  string // what a new link's end is, unless the person says another
	Fresh  string // the address of a link that was just made
}

// An eventView is a deed as its line says it.
type eventView struct {
	store.Event
	Link *seal.Hash // that it was done to; nil: to the whole
}

// eventOf takes the link that a note begins with out of it.
func eventOf(e store.Event) eventView {
	if e.What != "shared" && e.What != "unshared" {
		return eventView{e, nil}
	}
	word, rest, _ := strings.Cut(e.Note, " ")
	link, err := seal.ParseHash(word)
	if err != nil {
		return eventView{e, nil}
	}
	e.Note = rest
	return eventView{e, &link}
}

// A shareView is a link as its line says it.
type shareView struct {
	store.Share
	State string // "live", "over" or "revoked"
	Shows string
}

// monthly is how long a link holds if nobody says otherwise.
const monthly = 30 * 24 * time.Hour

// MayHold reports whether who looks puts what is published under legal hold.
func (f *frame) MayHold() bool { return f.Person != nil && f.Person.may(auditors) }

func (c *Console) proof(w http.ResponseWriter, r *http.Request) { c.aboutProof(w, r, "") }

// aboutProof shows all that is on record of a published bundle. fresh is the address of
// a link that was just made, which is shown this once.
func (c *Console) aboutProof(w http.ResponseWriter, r *http.Request, fresh string) {
	id, ok := c.published(w, r)
	if !ok {
		return
	}
	ctx := r.Context()
	pub, err := c.Proofs.Publication(ctx, id)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	p := &proofPage{frame: c.frame(r, "Proof of "+pub.Job), Proof: pub, Fresh: fresh, Until: c.Now().Add(monthly).UTC().Format("2006-01-02 15:04")}
	_, err = c.DB.Job(ctx, pub.Job) // a file that was published may be of another house
	if p.Here = err == nil; errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	events, err2 := c.Proofs.Events(ctx, id)
	shares, err3 := c.Proofs.Shares(ctx, id, 0)
	if err := errors.Join(err, err2, err3); err != nil {
		c.fail(w, r, err)
		return
	}
	for _, e := range events {
		p.Events = append(p.Events, eventOf(e))
	}
	for _, s := range shares {
		v := shareView{s, "live", ""}
		switch {
		case s.Revoked != nil:
			v.State = "revoked"
		case !s.Expires.After(c.Now()) || pub.Deleted != nil:
			v.State = "over"
		}
		if x, err := pulse.Disclosed(s.Discloses); err == nil {
			v.Shows = x.String()
		}
		p.Shares = append(p.Shares, v)
	}
	c.show(w, r, "proof", p)
}

// published reads which bundle r is about; if it is none, the person is told.
func (c *Console) published(w http.ResponseWriter, r *http.Request) (seal.Hash, bool) {
	text := r.PathValue("id")
	if len(text) == 2*len(seal.Hash{}) {
		text = "sha256:" + text
	}
	id, err := seal.ParseHash(text)
	if c.Proofs == nil || err != nil {
		c.lost(w, r)
		return id, false
	}
	return id, true
}

// maxFields bounds a form that holds names, times and notes, in bytes.
const maxFields = 64 << 10

// filled reads a form that a person has sent from one of our pages; if it comes from
// elsewhere or cannot be read, the person is told.
func (c *Console) filled(w http.ResponseWriter, r *http.Request) (*form, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFields)
	if err := r.ParseForm(); err != nil {
		c.say(w, r, http.StatusBadRequest, "The form cannot be read", "Load its page anew, and write less.")
		return nil, false
	}
	if err := c.Passkeys.Check(r); err != nil {
		c.object(w, r, err)
		return nil, false
	}
	return &form{Values: r.PostForm}, true
}

// disclosure reads which texts a person wants disclosed. Only who may read texts lets
// others read them.
func (c *Console) disclosure(r *http.Request, f *form) (pulse.Disclosure, error) {
	text := f.Field("disclose")
	if text == "some" {
		if text = f.Field("receipts"); text == "" {
			return pulse.Disclosure{}, &pulse.Refusal{Wrong: "No receipt is listed", Mends: "Write the numbers of those whose texts are disclosed, or choose none."}
		}
	}
	x, err := pulse.ReadDisclosure(text)
	if err == nil && !x.None() && !MayTexts(r.Context()) {
		return pulse.Disclosure{}, &pulse.Refusal{Wrong: "Texts are not for your role", Mends: "Choose none, or ask an admin: who may not read what agents wrote and read does not disclose it."}
	}
	return x, err
}

// untold tells a person why something was not done to a published bundle.
func (c *Console) untold(w http.ResponseWriter, r *http.Request, err error) {
	refused := (*pulse.Refusal)(nil)
	switch {
	case errors.As(err, &refused):
		c.say(w, r, http.StatusUnprocessableEntity, strings.TrimSuffix(sentence(refused.Wrong), "."), sentence(refused.Mends))
	case errors.Is(err, proof.ErrEmpty):
		c.say(w, r, http.StatusConflict, "The job has no receipts yet", "Publish its proof after its first call.")
	case errors.Is(err, store.ErrHeld):
		c.say(w, r, http.StatusConflict, "It is under legal hold", "Nothing deletes it before somebody ends the hold.")
	case errors.Is(err, store.ErrConflict):
		c.say(w, r, http.StatusConflict, "That cannot be done as things stand", "Load the page anew: somebody may have held, released or deleted it, and what was deleted is not published again.")
	default:
		c.fail(w, r, err)
	}
}

// publishProof publishes a job's bundle as it stands now.
func (c *Console) publishProof(w http.ResponseWriter, r *http.Request) {
	if c.Proofs == nil {
		c.lost(w, r)
		return
	}
	f, ok := c.filled(w, r)
	if !ok {
		return
	}
	k := pulse.Keep{Until: f.time("until")}
	if f.wrong != "" {
		c.refuse(w, r, f.wrong)
		return
	}
	x, err := c.disclosure(r, f)
	if err != nil {
		c.untold(w, r, err)
		return
	}
	id, err := c.Proofs.PublishJob(r.Context(), r.PathValue("job"), whoIs(r.Context()).Key, x, k)
	if err != nil {
		c.untold(w, r, err)
		return
	}
	http.Redirect(w, r, "/pulse/"+id.String()+"/about", http.StatusSeeOther)
}

// shareProof makes a link, and shows its address on the answer to this request only.
func (c *Console) shareProof(w http.ResponseWriter, r *http.Request) {
	c.onProof(w, r, func(id seal.Hash, f *form, by string) error {
		until := f.time("until")
		if f.wrong != "" {
			return &pulse.Refusal{Wrong: "That time cannot be read", Mends: f.wrong}
		}
		if until.IsZero() {
			until = c.Now().Add(monthly)
		}
		x, err := c.disclosure(r, f)
		if err != nil {
			return err
		}
		secret, err := c.Proofs.Share(r.Context(), id, by, f.Field("note"), until, x)
		if err != nil {
			return err
		}
		c.aboutProof(w, r, c.Passkeys.Origin()+"/share/"+secret)
		return errShown
	})
}

// errShown is returned where the answer is written already.
var errShown = errors.New("shown")

func (c *Console) unshareProof(w http.ResponseWriter, r *http.Request) {
	c.onProof(w, r, func(_ seal.Hash, _ *form, by string) error {
		link, err := seal.ParseHash(r.PathValue("link"))
		if err != nil {
			return store.ErrNotFound
		}
		return c.Proofs.Unshare(r.Context(), link, by)
	})
}

func (c *Console) holdProof(w http.ResponseWriter, r *http.Request) {
	c.onProof(w, r, func(id seal.Hash, f *form, by string) error {
		return c.Proofs.Hold(r.Context(), id, by, f.Field("note"))
	})
}

func (c *Console) releaseProof(w http.ResponseWriter, r *http.Request) {
	c.onProof(w, r, func(id seal.Hash, f *form, by string) error {
		return c.Proofs.Release(r.Context(), id, by, f.Field("note"))
	})
}

func (c *Console) deleteProof(w http.ResponseWriter, r *http.Request) {
	c.onProof(w, r, func(id seal.Hash, f *form, by string) error {
		if f.Get("sure") != "yes" {
			return &pulse.Refusal{Wrong: "It is not said that it is to go for good", Mends: "Tick the box above the button."}
		}
		return c.Proofs.Delete(r.Context(), id, by, f.Field("note"))
	})
}

// onProof does what a form asks for to the bundle that r names, and leads back to its
// page.
func (c *Console) onProof(w http.ResponseWriter, r *http.Request, do func(id seal.Hash, f *form, by string) error) {
	id, ok := c.published(w, r)
	if !ok {
		return
	}
	f, ok := c.filled(w, r)
	if !ok {
		return
	}
	switch err := do(id, f, whoIs(r.Context()).Key); {
	case errors.Is(err, errShown):
	case err != nil:
		c.untold(w, r, err)
	default:
		http.Redirect(w, r, "/pulse/"+url.PathEscape(id.String())+"/about", http.StatusSeeOther)
	}
}
