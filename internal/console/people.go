// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/seal"
)

// A Passkey is one of a person's, as their page lists it.
type Passkey struct {
	ID, Label, Key string // Key is its name in signatures
	Public         string // its text, as the configuration lists keys
	Created        time.Time
	Revoked        bool
}

// A Provider is where people log in.
type Provider struct{ Name, Title string }

// Passkeys are people's keys, with which they sign. internal/login fills it, by way
// of the daemon. Errors are two lines for the person concerned: what is wrong, and
// what mends it; those that are the house's own trouble are ErrTrouble.
type Passkeys interface {
	// Providers lists where people log in, and whether the local administrator does
	// here, by a passkey.
	Providers() (list []Provider, local bool)
	// Origin is the address under which browsers know the house: on one's own machine
	// http://localhost, for which there are passkeys, as there are none for 127.0.0.1.
	Origin() string
	// List returns the passkeys of who sends r.
	List(r *http.Request) ([]Passkey, error)
	// Check fails unless r comes from one of the house's pages, by who is logged in.
	Check(r *http.Request) error
	// Ask returns what the browser is to be asked so that who sends r signs a paper.
	Ask(r *http.Request, typ string, payload []byte) (request any, err error)
	// Signed returns the paper with the signature that the browser answered.
	Signed(r *http.Request, typ string, payload, answer []byte) (*seal.Envelope, error)
}

type loginPage struct {
	frame
	Providers []Provider
	Local     bool
	Back      string
}

// login is where people choose how they log in.
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	if p, err := c.Door.Person(r); err == nil && p != nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if o := c.Passkeys.Origin(); strings.HasPrefix(o, "http://") && o != "http://"+r.Host {
		http.Redirect(w, r, o+r.URL.RequestURI(), http.StatusSeeOther)
		return
	}
	p := &loginPage{frame: c.frame(r, "Log in")}
	p.Providers, p.Local = c.Passkeys.Providers()
	if back := r.URL.Query().Get("back"); back != "" {
		p.Back = "?" + url.Values{"back": {back}}.Encode() // whoever uses it checks where it leads
	}
	c.show(w, r, "login", p)
}

type accountPage struct {
	frame
	Passkeys []Passkey
	First    bool // a passkey is what is missing for a role
	StandIns []standIn
	Names    []string // who could stand in for who looks
}

// MayDelegate reports whether who looks has an answer of their own to delegate.
func (p *accountPage) MayDelegate() bool { return p.Person.may(answerers) }

// Again is where who looks logs in again and comes back, or "".
func (p *accountPage) Again() string { return p.Person.StepUp.again("/account") }

// Held reports whether a passkey of who looks can be asked for.
func (p *accountPage) Held() bool {
	return slices.ContainsFunc(p.Passkeys, func(k Passkey) bool { return !k.Revoked })
}

// account is a person's own page: who the house takes them for, and their passkeys.
// Everybody who is logged in has one, with a role or without.
func (c *Console) account(w http.ResponseWriter, r *http.Request) {
	who, err := c.Door.Person(r)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	if who == nil {
		http.Redirect(w, r, "/login?back=/account", http.StatusSeeOther)
		return
	}
	r = r.WithContext(context.WithValue(r.Context(), personKey{}, who))
	p := &accountPage{frame: c.frame(r, "Your account")}
	if p.Passkeys, err = c.Passkeys.List(r); err != nil {
		c.fail(w, r, err)
		return
	}
	if p.StandIns, p.Names, err = c.standIns(r.Context(), who); err != nil {
		c.fail(w, r, err)
		return
	}
	p.First = len(who.Roles) == 0 && len(p.Passkeys) == 0
	c.show(w, r, "account", p)
}
