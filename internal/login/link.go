// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// The local administrator. No provider's person can have that id or that name: a
// provider's id begins with a URL.
const (
	localIssuer = "local"
	localID     = "local admin"
	localKey    = "admin@local"
	localName   = "Local administrator"
)

// linkLife is how long a one-time link holds.
const linkLife = 15 * time.Minute

// Link returns the address of a new one-time link, with which its holder becomes the
// local administrator once they have registered a passkey. It holds for 15 minutes;
// links before it are over. It is a secret: it is for the terminal of who runs the
// house's machine, and nothing that a token opens may hand it out. It fails with ErrNotLocal or ErrNoSite.
func (d *Desk) Link(ctx context.Context) (string, error) {
	switch {
	case !d.Local:
		return "", ErrNotLocal
	case d.site == "":
		return "", ErrNoSite
	}
	value := secret()
	if err := d.DB.PutLink(ctx, d.linkHash(value), d.Now().Add(linkLife)); err != nil {
		return "", err
	}
	return d.origin + "/login/link/" + value, nil
}

// FirstLink is Link for the start of the daemon: it returns "" if the house needs
// none, since it has a local administrator or may not have one.
func (d *Desk) FirstLink(ctx context.Context) (string, error) {
	if !d.Local || d.site == "" {
		return "", nil
	}
	held, err := d.held(ctx, localID)
	if err != nil || len(held) > 0 {
		return "", err
	}
	return d.Link(ctx)
}

// linkHash is what the database knows a link by. It takes the house's secret: who can
// write there makes no link.
func (d *Desk) linkHash(value string) seal.Hash {
	m := hmac.New(sha256.New, d.links)
	m.Write([]byte(value))
	return seal.Sum(m.Sum(nil))
}

// UseLink logs in who has the link with that value. They have no role until they have
// registered a passkey. It fails with ErrLink or ErrNotLocal.
func (d *Desk) UseLink(w http.ResponseWriter, r *http.Request, value string) (*Person, error) {
	if !d.Local {
		return nil, ErrNotLocal
	}
	if b, err := base64.RawURLEncoding.Strict().DecodeString(value); err != nil || len(b) != 32 {
		return nil, ErrLink.with(errors.New("not a link's value"))
	}
	err := d.DB.UseLink(r.Context(), d.linkHash(value))
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrLink.with(err)
	}
	if err != nil {
		return nil, err
	}
	p, err := d.localPerson(r.Context())
	if err != nil {
		return nil, err
	}
	p.Enrolling = true
	d.Log.InfoContext(r.Context(), "one-time link used", "person", p.Key)
	return p, d.start(w, r, p)
}

// localPerson is the local administrator, without a role.
func (d *Desk) localPerson(ctx context.Context) (*Person, error) {
	known, err := d.DB.Enter(ctx, store.Person{ID: localID, Key: localKey, Name: localName})
	if err != nil {
		return nil, fmt.Errorf("local administrator: %w", err)
	}
	return &Person{ID: known.ID, Key: known.Key, Name: known.Name, issuer: localIssuer}, nil
}
