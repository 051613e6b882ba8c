// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/revocation"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// A stopKind is a kind of orders, as the form lists it.
type stopKind struct{ Kind, Says string }

func stopKinds() []stopKind {
	return []stopKind{
		{token.RevokeToken, "a token, by its id"}, {token.RevokeJob, "a job, by its name"}, {token.RevokeAgent, "an agent, by its name"},
		{token.RevokePolicy, "a policy, by its hash"}, {token.RevokeAction, "an action, by a pattern"}, {token.RevokeAll, "everything"},
	}
}

type revokePage struct {
	frame
	Kinds  []stopKind
	Order  token.Revocation
	Reason string
	Wrong  string // why the order cannot be given
	Mends  string
	Would  *store.Revoked // what it would come to; nil: it is not whole yet
	Shown  []string       // of its jobs
	Final  bool
}

// shownJobs is how many of the jobs that an order ends are named.
const shownJobs = 50

// newRevocation is the form for an order, filled in as the link says that leads to it.
func (c *Console) newRevocation(w http.ResponseWriter, r *http.Request) {
	f := formOf(r)
	if f.wrong != "" {
		c.refuse(w, r, f.wrong)
		return
	}
	c.show(w, r, "revoke", c.revokePage(r, token.Revocation{Kind: f.Field("kind"), Target: f.Field("target")}, f.Field("reason")))
}

func (c *Console) revokePage(r *http.Request, what token.Revocation, reason string) *revokePage {
	return &revokePage{frame: c.frame(r, "Revoke"), Kinds: stopKinds(), Order: what, Reason: reason}
}

// ordered is what a form orders.
func ordered(r *http.Request) (token.Revocation, string) {
	field := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	return token.Revocation{Kind: field("kind"), Target: field("target")}, field("reason")
}

// checkRevocation shows what an order would end, to be confirmed. Nothing ends yet.
func (c *Console) checkRevocation(w http.ResponseWriter, r *http.Request) {
	if err := c.checked(w, r); err != nil {
		c.object(w, r, err)
		return
	}
	what, reason := ordered(r)
	p := c.revokePage(r, what, reason)
	err := c.mayRevoke(r.Context(), what, reason)
	if err == nil {
		p.Would, err = c.DB.WouldRevoke(r.Context(), store.Revocation{Revocation: what, By: p.Person.Key, Reason: reason})
	}
	if err = told(what, err); err != nil {
		wrong, mends, ok := strings.Cut(err.Error(), "\n")
		if !ok {
			c.fail(w, r, err)
			return
		}
		p.Would, p.Wrong, p.Mends = nil, sentence(wrong), sentence(mends)
		c.write(w, r, http.StatusUnprocessableEntity, "revoke", p)
		return
	}
	p.Title, p.Final = "What this ends", what.Kind == token.RevokeToken || what.Kind == token.RevokeJob
	p.Shown = p.Would.Jobs[:min(shownJobs, len(p.Would.Jobs))]
	c.show(w, r, "revoking", p)
}

// mayRevoke says what is wrong with an order.
func (c *Console) mayRevoke(ctx context.Context, what token.Revocation, reason string) error {
	checks := revocation.Checks{Catalog: c.Catalog, Known: c.Policies.Known}
	if err := checks.Check(ctx, what, reason); err != nil {
		return err
	}
	if reason == "" {
		return errors.New("there is no reason\nsay why, for those who look later")
	}
	return nil
}

// told is err as people are told of it, if it is about their order.
func told(what token.Revocation, err error) error {
	switch {
	case errors.Is(err, revocation.ErrOrder):
		return fmt.Errorf("%w\nmend it, and look again at what it ends", err)
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("there is no %s\nlook at its page, and follow the link there", what)
	case errors.Is(err, store.ErrConflict):
		return fmt.Errorf("the job %s is the house's own\nname another", what.Target)
	}
	return err
}

// revoke gives an order, in the name of who sent the form.
func (c *Console) revoke(w http.ResponseWriter, r *http.Request) {
	c.act(w, r, func() (string, error) {
		what, reason := ordered(r)
		if err := c.mayRevoke(r.Context(), what, reason); err != nil {
			return "", told(what, err)
		}
		_, err := c.Orders.Revoke(r.Context(), store.Revocation{Revocation: what, By: whoIs(r.Context()).Key, Reason: reason})
		if errors.Is(err, revocation.ErrUnrecorded) { // it holds all the same, and the log says so
			err = nil
		}
		return "/revocations", told(what, err)
	})
}

type liftPage struct {
	frame
	Order store.Revocation
}

// lifting shows the order that is to be lifted, to be confirmed.
func (c *Console) lifting(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		c.lost(w, r)
		return
	}
	list, err := c.DB.Revocations(r.Context(), false, 10_000)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	for _, o := range list {
		if o.ID == id && liftable(&o) {
			c.show(w, r, "lifting", &liftPage{c.frame(r, "Lift an order"), o})
			return
		}
	}
	c.say(w, r, http.StatusNotFound, "There is no such order that can be lifted", "It is lifted already, or it ended a token or a job, which is final.")
}

// liftable reports whether an order can end.
func liftable(o *store.Revocation) bool {
	return o.Lifted == nil && o.Kind != token.RevokeToken && o.Kind != token.RevokeJob
}

// Liftable reports whether an order on the page can be lifted by who looks.
func (p *revocationsPage) Liftable(o store.Revocation) bool { return p.MayStop() && liftable(&o) }

// MayRevoke reports whether who looks may revoke the job: the house's own is nobody's to.
func (p *jobPage) MayRevoke() bool { return p.MayStop() && p.Job.ID != receipt.Journal }

// lift ends an order, in the name of who sent the form.
func (c *Console) lift(w http.ResponseWriter, r *http.Request) {
	c.act(w, r, func() (string, error) {
		id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
		if err != nil {
			return "", fmt.Errorf("order %.40q: %w", r.PathValue("id"), store.ErrNotFound)
		}
		_, err = c.Orders.Lift(r.Context(), id, whoIs(r.Context()).Key)
		switch {
		case errors.Is(err, revocation.ErrUnrecorded):
			return "", errors.New("the order is taken, and what it ended goes on once all of its receipts are written\nthat is tried again every minute: look at the list then")
		case errors.Is(err, store.ErrConflict):
			return "", errors.New("this order is lifted already, or is final\nlook at the list of orders")
		}
		return "/revocations?all=true", err
	})
}
