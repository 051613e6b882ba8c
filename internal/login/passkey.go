// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// MaxPasskeys is how many passkeys that hold a person may have.
const MaxPasskeys = 10

// registerWithin is how long after they have shown who they are a person may register
// a passkey: who finds their browser open may not (Desk.mayRegister).
const registerWithin = 15 * time.Minute

// Creation is what a browser is asked for a new passkey: WebAuthn Level 3's
// PublicKeyCredentialCreationOptionsJSON.
type Creation struct {
	Site struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"rp"`
	User struct {
		ID          string `json:"id"` // base64url
		Name        string `json:"name"`
		DisplayName string `json:"displayName"`
	} `json:"user"`
	Challenge     string       `json:"challenge"` // base64url
	Algorithms    []Algorithm  `json:"pubKeyCredParams"`
	Timeout       int64        `json:"timeout"` // milliseconds
	Exclude       []Descriptor `json:"excludeCredentials"`
	Authenticator struct {
		ResidentKey        string `json:"residentKey"`
		RequireResidentKey bool   `json:"requireResidentKey"`
		UserVerification   string `json:"userVerification"`
	} `json:"authenticatorSelection"`
	Attestation string `json:"attestation"`
}

// An Algorithm is one that a passkey may have, by its COSE number.
type Algorithm struct {
	Type string `json:"type"`
	Alg  int    `json:"alg"`
}

// A Descriptor names a passkey.
type Descriptor struct {
	Type string `json:"type"`
	ID   string `json:"id"` // base64url
}

// Created is what the browser answers: RegistrationResponseJSON. It may say more.
type Created struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Response struct {
		ClientData  string `json:"clientDataJSON"`
		Attestation string `json:"attestationObject"`
	} `json:"response"`
	Label string `json:"label"` // what the person calls it; not of WebAuthn
}

func descriptors(list []store.Passkey) []Descriptor {
	out := []Descriptor{}
	for _, p := range list {
		out = append(out, Descriptor{"public-key", p.ID})
	}
	return out
}

// handle is what authenticators know a person by: it tells nothing of them.
func handle(person string) string {
	sum := sha256.Sum256([]byte("clawea user handle v1\n" + person))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// RegisterBegin returns what p's browser is to be asked for a new passkey. It fails
// with ErrNoSite, with ErrStale if p has not shown of late who they are, with
// ErrMany if they have MaxPasskeys, ErrOften if they have made too many of late, and
// with ErrNoRole for who has none and did not
// come by a link.
func (d *Desk) RegisterBegin(w http.ResponseWriter, r *http.Request, p *Person) (*Creation, error) {
	held, err := d.held(r.Context(), p.ID)
	if err != nil {
		return nil, err
	}
	if err := d.mayRegister(p, len(held) > 0); err != nil {
		return nil, err
	}
	if len(held) >= MaxPasskeys {
		return nil, ErrMany
	}
	if err := d.often(r.Context(), p); err != nil {
		return nil, err
	}
	t := &try{Kind: register, Person: p.ID}
	if err := d.begin(w, r, t); err != nil {
		return nil, err
	}
	c := &Creation{
		Challenge: t.ID, Timeout: tryLife.Milliseconds(), Exclude: descriptors(held), Attestation: "none",
		Algorithms: []Algorithm{{"public-key", seal.ES256}, {"public-key", seal.EdDSA}, {"public-key", seal.RS256}},
	}
	c.Site.ID, c.Site.Name = d.site, "Clawea"
	c.User.ID, c.User.Name, c.User.DisplayName = handle(p.ID), p.Key, p.Name
	c.Authenticator.ResidentKey, c.Authenticator.RequireResidentKey, c.Authenticator.UserVerification = "required", true, "required"
	return c, nil
}

// often fails with ErrOften if p has made as many passkeys of late as people may.
func (d *Desk) often(ctx context.Context, p *Person) error {
	list, err := d.DB.Passkeys(ctx, p.ID)
	if err != nil {
		return err
	}
	made, since := 0, d.Now().Add(-store.PasskeysWithin)
	for i := range list {
		if list[i].Created.After(since) {
			made++
		}
	}
	if made >= store.PasskeysMade {
		return ErrOften
	}
	return nil
}

// mayRegister reports why p may not register a passkey. What counts is when they were
// asked for something last: a provider's single sign-on lets in who sits at a browser
// that somebody has left open, and asks nothing. Only who has no passkey yet, at a
// provider that does not say when it has asked, is taken at their login. Who has one
// has to use it, or to step up, unless they came by a link since they have lost it.
func (d *Desk) mayRegister(p *Person, another bool) error {
	now := d.Now()
	shown := p.AuthTime
	if shown.IsZero() {
		shown = p.started
	}
	recent := func(t time.Time) bool { return !t.After(now.Add(skew)) && now.Sub(t) <= registerWithin }
	switch {
	case d.site == "":
		return ErrNoSite
	case len(p.Roles) == 0 && !p.Enrolling:
		return ErrNoRole
	case recent(p.usedPasskey) || d.SteppedUp(p):
		return nil
	case !recent(shown) || another && !p.Enrolling:
		return ErrStale
	}
	return nil
}

// RegisterFinish ends what RegisterBegin began: the passkey signs for p from now on,
// and is enrolled as theirs. The session is rotated; the local administrator has
// their role with it. It fails with ErrTry, ErrPasskey, ErrKind, ErrKnown, ErrMany or
// ErrOften.
func (d *Desk) RegisterFinish(w http.ResponseWriter, r *http.Request, p *Person, answer *Created) error {
	t, err := d.end(w, r, register, "")
	if err != nil {
		return err
	}
	if t.Person != p.ID {
		return ErrOther
	}
	held, err := d.held(r.Context(), p.ID)
	if err != nil {
		return err
	}
	if err := d.mayRegister(p, len(held) > 0); err != nil {
		return err
	}
	c, err := d.created(answer, t.ID)
	if err != nil {
		return err
	}
	if err := d.use(r.Context(), t); err != nil {
		return err
	}
	if err := d.keep(r.Context(), p, c, answer.Label); err != nil {
		return err
	}
	if p.Enrolling {
		p.Enrolling, p.Roles = false, []Role{Admin}
		p.ACR, p.AuthTime = Passkey, d.Now()
		p.passkey, p.usedPasskey = base64.RawURLEncoding.EncodeToString(c.id), p.AuthTime
	}
	return d.Rotate(w, r, p)
}

// created checks a new passkey (WebAuthn Level 3, 7.1).
func (d *Desk) created(answer *Created, challenge string) (*credential, error) {
	client, err1 := unbase64(answer.Response.ClientData)
	object, err2 := unbase64(answer.Response.Attestation)
	if err := errors.Join(err1, err2); err != nil || answer.Type != "public-key" {
		return nil, ErrPasskey.with(errors.New("not a new passkey in base64url"))
	}
	var said struct {
		Type        string `json:"type"`
		Challenge   string `json:"challenge"`
		Origin      string `json:"origin"`
		CrossOrigin bool   `json:"crossOrigin"`
	}
	if err := seal.Glance(client, &said); err != nil {
		return nil, ErrPasskey.with(err)
	}
	switch {
	case said.Type != "webauthn.create":
		return nil, ErrPasskey.with(fmt.Errorf("type %.40q", said.Type))
	case !same(said.Challenge, challenge):
		return nil, ErrPasskey.with(errors.New("another challenge"))
	case said.Origin != d.origin || said.CrossOrigin:
		return nil, ErrPasskey.with(fmt.Errorf("made at %.200q", said.Origin))
	}
	c, err := readAttestation(object)
	if err != nil {
		return nil, ErrKind.with(err)
	}
	switch {
	case c.site != sha256.Sum256([]byte(d.site)):
		return nil, ErrPasskey.with(errors.New("for another site"))
	case c.flags&flagPresent == 0 || c.flags&flagVerified == 0:
		return nil, ErrKind.with(errors.New("nobody was verified"))
	case base64.RawURLEncoding.EncodeToString(c.id) != answer.ID:
		return nil, ErrPasskey.with(errors.New("another id"))
	}
	return c, nil
}

// keep enrols a passkey as p's.
func (d *Desk) keep(ctx context.Context, p *Person, c *credential, label string) error {
	public, err := (&seal.Passkey{Name: p.Key, Site: d.site, Alg: c.alg, Key: c.key}).Public()
	if err != nil {
		return ErrKind.with(err)
	}
	paper, err := d.enrol(p, p.Key, public)
	if err != nil {
		return err
	}
	id := base64.RawURLEncoding.EncodeToString(c.id)
	err = d.DB.AddPasskey(ctx, store.Passkey{
		ID: id, Person: p.ID, Sum: seal.Sum(c.key), Label: labelled(label), Enrolment: paper, Count: c.count, Created: d.Now(),
	}, MaxPasskeys)
	switch {
	case errors.Is(err, store.ErrTooMany):
		return ErrMany.with(err)
	case errors.Is(err, store.ErrTooOften):
		return ErrOften.with(err)
	case errors.Is(err, store.ErrConflict):
		return ErrKnown.with(err)
	case err != nil:
		return err
	}
	d.roll.lately.Forget()
	d.Log.InfoContext(ctx, "passkey registered", "person", p.Key, "passkey", id)
	return nil
}

// labelled is a label as it is kept: a line of 60 characters at most.
func labelled(s string) string {
	s = strings.TrimSpace(cut(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s), 60))
	if s == "" {
		return "passkey"
	}
	return s
}

// unbase64 reads base64url as WebAuthn writes it, of a bounded length.
func unbase64(s string) ([]byte, error) {
	if len(s) > 2*maxAttestation {
		return nil, errors.New("too long")
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// A PasskeyInfo is a passkey as its owner sees it.
type PasskeyInfo struct {
	ID      string     `json:"id"`
	Owner   string     `json:"owner"` // the name of their keys
	Label   string     `json:"label"`
	Key     string     `json:"key"`    // its KeyID, as signatures have it
	Public  string     `json:"public"` // its text, as the configuration lists keys
	Created time.Time  `json:"created"`
	Revoked *time.Time `json:"revoked,omitempty"`
}

// Passkeys lists the passkeys of a person, and with "" those of everybody: that is
// for administrators, and the caller's to check.
func (d *Desk) Passkeys(ctx context.Context, person string) ([]PasskeyInfo, error) {
	rows, err := d.DB.Passkeys(ctx, person)
	if err != nil {
		return nil, err
	}
	out := []PasskeyInfo{}
	for i := range rows {
		e, err := enrolled(&rows[i], d.roll.Registries)
		if err != nil {
			d.Log.ErrorContext(ctx, "a passkey's enrolment does not verify", "passkey", rows[i].ID, "err", err)
			continue
		}
		out = append(out, PasskeyInfo{rows[i].ID, e.Name, rows[i].Label, seal.KeyID(e.Verifier), e.Key, rows[i].Created, rows[i].Revoked})
	}
	return out, nil
}

// Revoke ends a passkey for good: p's own, or anybody's if p is an administrator. The
// sessions in which it was used end with it, and all of its owner's if it is another's
// than p's. What it has signed stays signed. It fails with ErrNotYours or ErrLast.
func (d *Desk) Revoke(ctx context.Context, p *Person, id string) error {
	k, err := d.DB.Passkey(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && k.Person != p.ID && !p.Has(Admin) {
		return ErrNotYours
	}
	if err != nil {
		return err
	}
	err = d.DB.RevokePasskey(ctx, id, k.Person == localID && p.ID == localID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrNotYours.with(err)
	case errors.Is(err, store.ErrLast):
		return ErrLast.with(err)
	case err != nil:
		return err
	}
	d.roll.lately.Forget()
	d.Log.WarnContext(ctx, "passkey revoked", "passkey", id, "by", p.Key)
	if k.Person != p.ID {
		return d.DB.EndSessions(ctx, k.Person)
	}
	return d.endThose(ctx, k.Person, func(of *Person) bool { return of.passkey == id })
}

// Enrolled is what the house says of people's keys (Roll.Enrolled).
func (d *Desk) Enrolled(ctx context.Context) ([]Enrolled, error) { return d.roll.Enrolled(ctx) }

// People are those whose passkeys sign for them now (Roll.People).
func (d *Desk) People(ctx context.Context) (*receipt.People, error) { return d.roll.People(ctx) }
