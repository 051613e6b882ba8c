// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// AssertionType is the type of the paper that a passkey signs to log somebody in. No
// signature under it is worth anything elsewhere, and none that answers a question is
// worth anything here.
const AssertionType = "application/vnd.clawea.login.v1+json"

// Request is what a browser is asked for a passkey's signature: WebAuthn Level 3's
// PublicKeyCredentialRequestOptionsJSON.
type Request struct {
	Challenge        string       `json:"challenge"` // base64url
	Timeout          int64        `json:"timeout"`   // milliseconds
	Site             string       `json:"rpId"`
	Allow            []Descriptor `json:"allowCredentials"` // none: any that the person has for the site
	UserVerification string       `json:"userVerification"`
}

// Asserted is what the browser answers: AuthenticationResponseJSON. It may say more.
type Asserted struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Response struct {
		ClientData        string `json:"clientDataJSON"`
		AuthenticatorData string `json:"authenticatorData"`
		Signature         string `json:"signature"`
		UserHandle        string `json:"userHandle"`
	} `json:"response"`
}

// Assertion returns the signature as envelopes have it.
func (a *Asserted) Assertion() (*seal.Assertion, error) {
	client, err1 := unbase64(a.Response.ClientData)
	data, err2 := unbase64(a.Response.AuthenticatorData)
	sig, err3 := unbase64(a.Response.Signature)
	if err := errors.Join(err1, err2, err3); err != nil || a.Type != "public-key" {
		return nil, ErrPasskey.with(errors.New("not a passkey's answer in base64url"))
	}
	return &seal.Assertion{AuthenticatorData: data, ClientData: client, Signature: sig}, nil
}

// paper is what is signed to log in: it names the house and the try.
func (d *Desk) paper(t *try) ([]byte, error) {
	return seal.Marshal(map[string]string{"house": d.origin, "login": t.ID})
}

// PasskeyBegin returns what the browser is to be asked to log somebody in by their
// passkey, or to have who is logged in show again that it is them.
func (d *Desk) PasskeyBegin(w http.ResponseWriter, r *http.Request) (*Request, error) {
	if d.site == "" {
		return nil, ErrNoSite
	}
	t := &try{Kind: asserts}
	allow := []Descriptor{}
	who, _, err := d.Session(r)
	switch {
	case err == nil:
		held, err := d.held(r.Context(), who.ID)
		if err != nil {
			return nil, err
		}
		t.Person, allow = who.ID, descriptors(held)
	case !errors.Is(err, ErrNoSession):
		return nil, err
	case !d.Local:
		return nil, ErrNotLocal
	}
	if err := d.begin(w, r, t); err != nil {
		return nil, err
	}
	b, err := d.paper(t)
	if err != nil {
		return nil, err
	}
	return &Request{
		Challenge: base64.RawURLEncoding.EncodeToString(seal.Challenge(AssertionType, b)), Timeout: tryLife.Milliseconds(),
		Site: d.site, Allow: allow, UserVerification: "required",
	}, nil
}

// PasskeyFinish ends what PasskeyBegin began. Who is logged in has shown then that it
// is them, unless their provider's context is wanted for that; their roles and their
// session's end stay as they were, but for the local administrator's, who came by a
// link. The local administrator can log in so. Others log in at their providers, which alone know
// what they may do: ErrNotLocal. It fails with ErrTry, ErrOther or ErrPasskey.
func (d *Desk) PasskeyFinish(w http.ResponseWriter, r *http.Request, answer *Asserted) (*Person, error) {
	t, err := d.end(w, r, asserts, "")
	if err != nil {
		return nil, err
	}
	k, err := d.asserted(r.Context(), t, answer)
	if err != nil {
		return nil, err
	}
	if err := d.use(r.Context(), t); err != nil {
		return nil, err
	}
	who, _, err := d.Session(r)
	switch {
	case t.Person != "" && err != nil:
		return nil, err
	case t.Person != "" && (who.ID != t.Person || k.Person != t.Person):
		return nil, ErrOther
	case t.Person != "":
		if _, counts := d.StepUp(who); counts { // what a provider has said of its context stays otherwise
			who.ACR, who.AuthTime = Passkey, d.Now()
		}
		who.passkey, who.usedPasskey = k.ID, d.Now()
		if who.Enrolling { // who came by a link, and has a passkey already
			who.Enrolling, who.Roles = false, []Role{Admin}
			if err := d.regroup(r.Context(), who); err != nil {
				return nil, err
			}
		}
		d.Log.InfoContext(r.Context(), "passkey used", "person", who.Key, "passkey", k.ID, "stepped_up", d.SteppedUp(who))
		return who, d.Rotate(w, r, who)
	case k.Person != localID || !d.Local:
		return nil, ErrNotLocal
	}
	if who, err = d.localPerson(r.Context()); err != nil {
		return nil, err
	}
	who.Roles, who.ACR, who.AuthTime, who.passkey = []Role{Admin}, Passkey, d.Now(), k.ID
	who.usedPasskey = who.AuthTime
	if err := d.regroup(r.Context(), who); err != nil {
		return nil, err
	}
	d.Log.InfoContext(r.Context(), "logged in", "person", who.Key, "passkey", k.ID)
	return who, d.start(w, r, who)
}

// asserted returns the passkey that has signed t, if it holds.
func (d *Desk) asserted(ctx context.Context, t *try, answer *Asserted) (*store.Passkey, error) {
	k, err := d.DB.Passkey(ctx, answer.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrPasskey.with(err)
	}
	if err != nil {
		return nil, err
	}
	if k.Revoked != nil {
		return nil, ErrPasskey.with(fmt.Errorf("it was revoked on %s", k.Revoked.Format(time.RFC3339)))
	}
	if h := answer.Response.UserHandle; h != "" && !same(h, handle(k.Person)) {
		return nil, ErrPasskey.with(errors.New("its user handle is another person's"))
	}
	payload, err := d.paper(t)
	if err != nil {
		return nil, err
	}
	_, err = d.signedBy(ctx, &k, AssertionType, payload, answer)
	if err != nil {
		return nil, err
	}
	return &k, nil
}

// count notes the authenticator's counter. One that goes back may be a copy of the
// passkey: somebody should know; those that are synced between devices count nothing.
func (d *Desk) count(ctx context.Context, k *store.Passkey, data []byte) error {
	n := binary.BigEndian.Uint32(data[headSize-4:]) // seal has checked the length
	former, err := d.DB.CountPasskey(ctx, k.ID, n)
	if err != nil {
		return err
	}
	if n <= former && (n != 0 || former != 0) {
		d.Log.WarnContext(ctx, "a passkey's counter went back: there may be a copy of it", "passkey", k.ID, "counter", n, "before", former)
	}
	return nil
}
