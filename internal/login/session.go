// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// touchEvery is how often it is written down that a session is in use.
const touchEvery = time.Minute

// CSRFField is the field of forms that holds the session's token, and CSRFHeader the
// header of scripts' requests.
const (
	CSRFField  = "csrf"
	CSRFHeader = "X-CSRF-Token"
)

// data is what a session may do. It is sealed in the database.
type data struct {
	Key       string   `json:"key"`
	Name      string   `json:"name"`
	Issuer    string   `json:"issuer"`
	Roles     []Role   `json:"roles,omitempty"`
	Groups    []string `json:"groups,omitempty"`
	ACR       string   `json:"acr,omitempty"`
	AuthTime  int64    `json:"auth_time,omitempty"` // milliseconds since 1970; 0: not known
	Enrolling bool     `json:"enrolling,omitempty"`
	Passkey   string   `json:"passkey,omitempty"` // the id of the one that was used in it last
	Used      int64    `json:"used,omitempty"`    // when; milliseconds since 1970; 0: never
}

// Session returns who sends r, and the token that forms on the answering page must
// carry. It fails with ErrNoSession if nobody is logged in there.
func (d *Desk) Session(r *http.Request) (*Person, string, error) {
	raw, err := d.carried(r)
	if err != nil {
		return nil, "", err
	}
	s, err := d.DB.Session(r.Context(), seal.Sum(raw))
	if errors.Is(err, store.ErrNotFound) {
		return nil, "", ErrNoSession.with(errors.New("no such session"))
	}
	if err != nil {
		return nil, "", fmt.Errorf("session: %w", err)
	}
	p, err := d.read(&s)
	if err != nil {
		return nil, "", err
	}
	if now := d.Now(); now.Sub(s.Seen) >= touchEvery {
		if err := d.DB.TouchSession(r.Context(), s.Hash, now); err != nil {
			return nil, "", fmt.Errorf("session: %w", err)
		}
	}
	return p, csrf(raw), nil
}

// carried is the secret that a browser carries.
func (d *Desk) carried(r *http.Request) ([]byte, error) {
	list := r.CookiesNamed(d.cookie(""))
	if len(list) != 1 { // of two, one was planted
		return nil, ErrNoSession.with(fmt.Errorf("%d cookies", len(list)))
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(list[0].Value)
	if err != nil || len(raw) != 32 {
		return nil, ErrNoSession.with(errors.New("not a session's cookie"))
	}
	return raw, nil
}

// read returns whose session s is, unless it is over.
func (d *Desk) read(s *store.Session) (*Person, error) {
	now := d.Now()
	if !now.Before(s.Seen.Add(d.Idle)) || !now.Before(s.Started.Add(d.Longest)) || s.Started.After(now.Add(skew)) {
		return nil, ErrNoSession.with(errors.New("the session is over"))
	}
	var v data
	if err := seal.Decode(s.Data, &v); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	if !d.vouches(v.Issuer) {
		return nil, ErrNoSession.with(fmt.Errorf("%s does not vouch for people any more", v.Issuer))
	}
	p := &Person{
		ID: s.Person, Name: v.Name, Key: v.Key, Roles: v.Roles, Groups: v.Groups, ACR: v.ACR, Enrolling: v.Enrolling,
		issuer: v.Issuer, passkey: v.Passkey, started: s.Started, session: s.Hash,
	}
	if v.AuthTime != 0 {
		p.AuthTime = time.UnixMilli(v.AuthTime).UTC()
	}
	if v.Used != 0 {
		p.usedPasskey = time.UnixMilli(v.Used).UTC()
	}
	return p, nil
}

// vouches reports whether people of an issuer are still let in.
func (d *Desk) vouches(issuer string) bool {
	if issuer == localIssuer {
		return d.Local
	}
	for _, p := range d.providers {
		if p.Issuer == issuer {
			return true
		}
	}
	return false
}

// csrf is the token of the forms of a session: it follows from the session's secret,
// and does not tell it.
func csrf(raw []byte) string {
	m := hmac.New(sha256.New, raw)
	m.Write([]byte("clawea csrf v1"))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// same compares secrets.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// Checked fails with ErrCross unless r comes from one of the house's pages (as its
// browser says), and carries the session's token: in the header, or in a form that is
// encoded as in a URL. What changes nothing need not. How much of a body is read, the
// caller has bounded.
func (d *Desk) Checked(r *http.Request, token string) error {
	if err := d.sameSite(r); err != nil || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return err
	}
	given, err := r.Header.Get(CSRFHeader), r.ParseForm() // not of several parts: pages that take files have read them
	if given == "" && err == nil {
		given = r.PostForm.Get(CSRFField)
	}
	if token == "" || !same(given, token) {
		return ErrCross.with(errors.New("another form's token, or none"))
	}
	return nil
}

func (d *Desk) sameSite(r *http.Request) error {
	if err := d.cross.Check(r); err != nil {
		return ErrCross.with(err)
	}
	return nil
}

// start begins a session of p, in the place of what the browser had. It is a new
// secret always: one that was there before the login is worth nothing.
func (d *Desk) start(w http.ResponseWriter, r *http.Request, p *Person) error {
	var former seal.Hash
	if raw, err := d.carried(r); err == nil {
		former = seal.Sum(raw)
	}
	now := d.Now()
	p.started = now
	return d.put(w, p, now, func(s store.Session) error { return d.DB.StartSession(r.Context(), s, former) })
}

// Rotate gives p's session a new secret, and keeps p with it as it is now. The former
// secret is worth nothing from then on. It fails with ErrNoSession if the session has
// ended meanwhile. The session's end stays where it was.
func (d *Desk) Rotate(w http.ResponseWriter, r *http.Request, p *Person) error {
	former := p.session
	err := d.put(w, p, p.started, func(s store.Session) error { return d.DB.RotateSession(r.Context(), s, former) })
	if errors.Is(err, store.ErrNotFound) {
		return ErrNoSession.with(err)
	}
	return err
}

func (d *Desk) put(w http.ResponseWriter, p *Person, started time.Time, keep func(store.Session) error) error {
	v := data{Key: p.Key, Name: p.Name, Issuer: p.issuer, Roles: p.Roles, Groups: p.Groups, ACR: p.ACR, Enrolling: p.Enrolling, Passkey: p.passkey}
	if !p.AuthTime.IsZero() {
		v.AuthTime = p.AuthTime.UnixMilli()
	}
	if !p.usedPasskey.IsZero() {
		v.Used = p.usedPasskey.UnixMilli()
	}
	b, err := seal.Marshal(v)
	if err != nil {
		return err
	}
	value := secret()
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil { // unreachable: it was just written
		return err
	}
	p.session = seal.Sum(raw)
	if err := keep(store.Session{Hash: p.session, Person: p.ID, Data: b, Started: started, Seen: d.Now()}); err != nil {
		return err
	}
	d.setCookie(w, d.cookie(""), value, 0)
	return nil
}

// End logs the browser out. That nobody is logged in is no error.
func (d *Desk) End(w http.ResponseWriter, r *http.Request) error {
	d.setCookie(w, d.cookie(""), "", -1)
	raw, err := d.carried(r)
	if err != nil {
		return nil
	}
	return d.DB.EndSession(r.Context(), seal.Sum(raw))
}
