// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seam

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/hold"
	"github.com/clawea/clawea/policy"
)

// receiptSaid is the header in which answers to agents name a receipt.
const receiptSaid = "Clawea-Receipt"

// askingOwn is what a program comes for whose token does not hold.
var askingOwn = policy.Action{Tool: "seam", Name: "local"}

// Local answers the programs that agents run in: what the house decides of a tool of
// the program's own, and what became of it. They show their agent's token and proof, and
// nothing else. What they report is their word. Make one with NewLocal.
type Local struct {
	house *Handler
	room  *hold.Room
	ears  Ears
}

// Ears remember that the plugin in the runtime of a job's agent was heard of. internal/store
// fills it.
type Ears interface {
	// Hear says that the job's plugin was heard of now.
	Hear(ctx context.Context, job string) error
}

// NewLocal returns the part of h that is for agents' own programs. room holds what waits
// for people; nil: nothing is held.
func NewLocal(h *Handler, room *hold.Room, ears Ears) *Local {
	return &Local{house: h, room: room, ears: ears}
}

// ServeAsk answers POST /v1/local: a decision is status 200, whatever it is. A question
// to people is held as long as the program prefers, and decided again once they have answered.
func (l *Local) ServeAsk(w http.ResponseWriter, r *http.Request) {
	h := l.house
	var in api.OwnCall
	if p := h.read(w, r, &in); p != nil {
		h.tell(w, r, p)
		return
	}
	class := cmp.Or(in.Class, policy.Write)
	if !slices.Contains([]policy.Class{policy.Read, policy.Search, policy.Write, policy.Admin}, class) {
		h.tell(w, r, badRequest("/class", "write \"read\", \"search\", \"write\" or \"admin\", or leave it out"))
		return
	}
	if in.Args == nil {
		in.Args = []byte("{}")
	}
	c, p := l.caller(w, r)
	if p != nil {
		h.tell(w, r, p)
		return
	}
	v, err := l.decide(r, c, l.request(&in, class))
	if err != nil {
		h.tell(w, r, l.problem(w, r, err))
		return
	}
	w.Header().Set(receiptSaid, v.Receipt)
	h.write(w, r, http.StatusOK, "application/json", v)
}

// ServeReport answers POST /v1/local/{job}/{seq}/close, with the closed receipt. The
// ticket is enough: the agent's token may hold no longer, and a report is no power.
func (l *Local) ServeReport(w http.ResponseWriter, r *http.Request) {
	l.house.serveReport(w, r, l.house.gate.ReportOwn)
}

// ServeAlive answers POST /v1/local/alive with status 204: the plugin is heard of, for the
// job of the token and no other. What it says of itself must be what a guard says; it is its word.
func (l *Local) ServeAlive(w http.ResponseWriter, r *http.Request) {
	h := l.house
	var in api.Alive
	if p := h.read(w, r, &in); p != nil {
		h.tell(w, r, p)
		return
	}
	if in.Plugin == "" || in.Mode != api.GuardMode {
		h.tell(w, r, badRequest("/plugin or /mode", "only a plugin whose hooks run reports, in the mode \"full\""))
		return
	}
	p, ok := h.present(w, r, nil, "", "")
	if !ok {
		h.door.Challenge(w.Header(), "", "")
		h.tell(w, r, noOwnToken)
		return
	}
	c, err := h.gate.Admit(r.Context(), p, askingOwn)
	if err == nil {
		err = l.ears.Hear(r.Context(), c.Claims().Job)
	}
	if err != nil {
		h.tell(w, r, l.problem(w, r, err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// caller checks the token that r shows.
func (l *Local) caller(w http.ResponseWriter, r *http.Request) (*gate.Caller, *api.Problem) {
	p, ok := l.house.present(w, r, nil, "", "")
	if !ok {
		l.house.door.Challenge(w.Header(), "", "")
		return nil, noOwnToken
	}
	c, err := l.house.gate.Authenticate(r.Context(), p, askingOwn)
	if err != nil {
		return nil, l.problem(w, r, err)
	}
	return c, nil
}

// problem says err to a program, and which receipt says so.
func (l *Local) problem(w http.ResponseWriter, r *http.Request, err error) *api.Problem {
	var refused *gate.Refused
	if errors.As(err, &refused) && refused.Receipt != nil {
		w.Header().Set(receiptSaid, refused.Receipt.Name())
	}
	return l.house.problem(w, r, err)
}

var noOwnToken = &api.Problem{Status: http.StatusUnauthorized, Code: "no_token", Title: "the request has no CST, or more than one",
	Hint: "start the program with clawea run, or send the agent's token and proof"}

// request is the call of a tool of the program's own. One with a name that means another
// tool is a call of none.
func (l *Local) request(in *api.OwnCall, class policy.Class) *request {
	by := &gate.Carrier{Own: true}
	if !l.house.own(in.Tool) {
		return stranger("unknown_tool", "no program has a tool of that name; it is the house's, or none", in.Args, by)
	}
	return l.house.request(in.Tool, in.Action, class, in.Args, by)
}

// decide asks the gate, and asks again once people have answered while the program waits.
func (l *Local) decide(r *http.Request, c *gate.Caller, req *request) (*api.Verdict, error) {
	v, err := l.house.decide(r.Context(), c, req)
	if err != nil || v.Effect != policy.Ask {
		return v, err
	}
	if !l.room.Hold(r.Context(), hold.Wait{Question: v.Approval, Long: hold.Preferred(r.Header)}) {
		return v, nil
	}
	return l.house.decide(r.Context(), c, req)
}
