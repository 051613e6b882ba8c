// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package login says who people are. They log in at the house's OpenID Connect
// providers, or, where there are none, as one local administrator who begins with a
// one-time link; then a session knows them, and passkeys that they register sign for
// them. There are no passwords, and no account is anybody's but one person's.
//
// A person is known by a stable id: who vouches for them, and what they are called
// there. The name of their keys, which receipts show, is given once and stays. Roles
// and groups come from the provider's claims with each login and from nowhere else.
//
// The package shows no pages. Its handlers redirect, or answer a script in JSON; what
// is to be shown to a person of a failure is a *Refusal.
package login

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// A Role is what a person may do in the house's pages.
type Role string

// The roles.
const (
	Author   Role = "author"   // writes and signs policies
	Approver Role = "approver" // answers questions
	Operator Role = "operator" // runs jobs, publishes, revokes
	Auditor  Role = "auditor"  // reads everything, and changes nothing
	Admin    Role = "admin"    // sees to people and settings
)

// Passkey is the ACR of who has shown with a passkey that it is them.
const Passkey = "passkey"

// A Person is somebody who is logged in.
type Person struct {
	ID       string    // who vouches for them, and what they are called there
	Name     string    // as people read it; the provider's text, which may change
	Key      string    // the name of their keys, for good: what answers say in "by"
	Roles    []Role    // sorted; none: they may see nothing but that
	Groups   []string  // of approvers, as policies name them; sorted
	ACR      string    // how they showed that it is them, as the provider says; Passkey
	AuthTime time.Time // when they did; zero if the provider does not say

	// Enrolling means that the person must register a passkey before they have a role:
	// the local administrator who came by a link.
	Enrolling bool

	issuer      string    // that of the provider; Local for the local administrator
	passkey     string    // that they have used in this session last; "": none
	usedPasskey time.Time // when; zero: never
	started     time.Time
	session     seal.Hash
}

// Has reports whether p has one of roles.
func (p *Person) Has(roles ...Role) bool {
	return slices.ContainsFunc(p.Roles, func(r Role) bool { return slices.Contains(roles, r) })
}

// A DB keeps people, sessions and passkeys. internal/store fills it.
type DB interface {
	Enter(ctx context.Context, p store.Person) (store.Person, error)
	Person(ctx context.Context, id string) (store.Person, error)
	People(ctx context.Context, after string, limit int) ([]store.Person, error)

	StartSession(ctx context.Context, s store.Session, former seal.Hash) error
	RotateSession(ctx context.Context, s store.Session, former seal.Hash) error
	Session(ctx context.Context, hash seal.Hash) (store.Session, error)
	Sessions(ctx context.Context, person string) ([]store.Session, error)
	TouchSession(ctx context.Context, hash seal.Hash, seen time.Time) error
	EndSession(ctx context.Context, hash seal.Hash) error
	EndSessions(ctx context.Context, person string) error
	ForgetLogins(ctx context.Context, started, seen time.Time) error

	PutLink(ctx context.Context, hash seal.Hash, expires time.Time) error
	UseLink(ctx context.Context, hash seal.Hash) error
	UseLogin(ctx context.Context, hash seal.Hash, expires time.Time) error

	AddPasskey(ctx context.Context, p store.Passkey, max int) error
	Passkey(ctx context.Context, id string) (store.Passkey, error)
	Passkeys(ctx context.Context, person string) ([]store.Passkey, error)
	SetEnrolment(ctx context.Context, id string, enrolment []byte) error
	CountPasskey(ctx context.Context, id string, count uint32) (uint32, error)
	RevokePasskey(ctx context.Context, id string, keep bool) error
}

// A Config is what a Desk needs. All fields must be set, but for Providers, Reserved,
// Listed and Refuse.
type Config struct {
	DB  DB
	Key []byte // 32 secret bytes or more, the same on all replicas: what browsers carry during a login is sealed with keys that come from it, and one-time links are hashed with one
	URL string // of the house, https, or http on this machine

	Providers []Provider
	Local     bool // whether there is a local administrator

	Idle    time.Duration // how long a session lasts that nobody uses
	Longest time.Duration // how long any session lasts

	Registry seal.Signer   // signs enrolments
	Self     seal.Verifier // its public half

	// Reserved reports whether a name, in lower case, is in the configuration, as that of
	// somebody who need not log in or of one of a group: nobody gets it whose provider's
	// Names do not say so. Nil: none is.
	Reserved func(name string) bool
	// Listed returns the passkeys, as public texts, that somebody has listed by a name
	// elsewhere: who has enrolled one of them is who is meant. Nil: none is.
	Listed func(name string) []string
	// Refuse shows a person why something failed. Nil writes two lines of plain text.
	Refuse func(w http.ResponseWriter, r *http.Request, e *Refusal)

	Now func() time.Time
	Log *slog.Logger
}

// A Desk is where people show who they are. Make it with New. Its methods may be
// called by many goroutines, and several replicas may share a database.
type Desk struct {
	Config
	origin    string // as browsers write it
	site      string // the domain that passkeys are for; "" if there can be none
	secure    bool   // whether cookies go over TLS only
	tries     cipher.AEAD
	links     []byte // the key of the hashes of one-time links
	providers map[string]*provider
	cross     *http.CrossOriginProtection
	roll      Roll
}

// New checks c and returns its desk. It reaches no provider: they are asked when
// somebody logs in.
func New(c Config) (*Desk, error) {
	d := &Desk{Config: c, providers: map[string]*provider{}, cross: http.NewCrossOriginProtection()}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && local(u.Hostname())) {
		return nil, errors.New("login: the house's URL must be https, unless it is this machine")
	}
	if d.tries, err = newTries(c.Key); err != nil {
		return nil, err
	}
	if d.links, err = derive(c.Key, "clawea login link v1"); err != nil {
		return nil, err
	}
	d.secure = u.Scheme == "https"
	d.origin, d.site = place(u)
	if err := d.cross.AddTrustedOrigin(d.origin); err != nil {
		return nil, fmt.Errorf("login: the house's URL: %w", err)
	}
	for i := range c.Providers {
		p := &c.Providers[i]
		d.providers[p.Name] = &provider{Provider: *p, client: newClient(), now: c.Now, redirect: d.origin + "/login/callback/" + p.Name}
	}
	d.roll = Roll{DB: c.DB, Registries: []seal.Verifier{c.Self}, Vouches: d.vouches, Now: c.Now, busy: make(chan struct{}, 1)}
	return d, nil
}

// place returns the origin that people's browsers know the house by, and the domain
// of its passkeys. An address of this machine is called localhost: passkeys are for
// names, and so its cookies are in one place.
func place(u *url.URL) (origin, site string) {
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return u.Scheme + "://" + u.Host, host
	case ip.IsLoopback() && u.Port() != "":
		return u.Scheme + "://" + net.JoinHostPort("localhost", u.Port()), "localhost"
	case ip.IsLoopback():
		return u.Scheme + "://localhost", "localhost"
	}
	return u.Scheme + "://" + u.Host, ""
}

// local reports whether host is this machine.
func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Origin is the house's address as browsers know it, without a slash at its end: on
// this machine it names localhost.
func (d *Desk) Origin() string { return d.origin }

// Site is the domain that people's passkeys are for (WebAuthn's relying party id), or
// "" if the house has none: then passkeys cannot be registered.
func (d *Desk) Site() string { return d.site }

// A Door is a provider as the page for logging in shows it.
type Door struct{ Name, Title string }

// Doors lists the providers in the configuration's order. The page for one is
// /login/NAME.
func (d *Desk) Doors() []Door {
	var out []Door
	for i := range d.Providers {
		out = append(out, Door{d.Providers[i].Name, d.Providers[i].Title})
	}
	return out
}

// Tidy forgets what is over: sessions, links and logins. It is for once a minute.
func (d *Desk) Tidy(ctx context.Context) error {
	now := d.Now()
	return d.DB.ForgetLogins(ctx, now.Add(-d.Longest), now.Add(-d.Idle))
}
