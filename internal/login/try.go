// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// tryLife is how long a person may take to log in, or to use their passkey.
const tryLife = 10 * time.Minute

// maxTries is how many logins a browser may have under way at providers.
const maxTries = 4

// What is under way.
type kind string

const (
	logsIn   kind = "login"    // at a provider
	stepsUp  kind = "step-up"  // at a provider, by who is logged in
	asserts  kind = "passkey"  // with a passkey
	register kind = "register" // of a passkey
)

// A try is what is under way between its beginning and its end. The browser carries
// it, sealed, in a cookie of its own: so it ends where it began, and strangers who
// begin many cost the house nothing. That it ended once is kept in the database.
type try struct {
	Kind     kind   `json:"kind"`
	ID       string `json:"id"` // 256 random bits: the state of OAuth, the challenge of WebAuthn
	Provider string `json:"provider,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	Verifier string `json:"verifier,omitempty"` // of PKCE
	Back     string `json:"back,omitempty"`     // where on our pages the person goes then
	Person   string `json:"person,omitempty"`   // whose session it began in
	Expires  int64  `json:"expires"`            // milliseconds since 1970
}

// derive returns the key for one purpose that comes from the house's.
func derive(key []byte, purpose string) ([]byte, error) {
	if len(key) < 32 {
		return nil, errors.New("login: the key has fewer than 32 bytes")
	}
	k, err := hkdf.Key(sha256.New, key, nil, purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("login: derive a key: %w", err)
	}
	return k, nil
}

func newTries(key []byte) (cipher.AEAD, error) {
	k, err := derive(key, "clawea login try v1")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// secret returns 256 random bits in base64url.
func secret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// cookie is the name of one of the house's cookies. Over TLS, the prefix has browsers
// see to it that no other host can have set it.
func (d *Desk) cookie(suffix string) string {
	if d.secure {
		return "__Host-clawea" + suffix
	}
	return "clawea" + suffix
}

func (d *Desk) setCookie(w http.ResponseWriter, name, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, Secure: d.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// tryCookie names the cookie of a try. Logins at providers have one each, so that
// two can be under way in one browser.
func (d *Desk) tryCookie(k kind, id string) string {
	if k == logsIn || k == stepsUp {
		return d.cookie("-login-" + id[:min(8, len(id))])
	}
	return d.cookie("-" + string(k))
}

// begin has the browser carry t, which it completes.
func (d *Desk) begin(w http.ResponseWriter, r *http.Request, t *try) error {
	t.ID, t.Expires = secret(), d.Now().Add(tryLife).UnixMilli()
	b, err := seal.Marshal(t)
	if err != nil {
		return err
	}
	d.dropTries(w, r)
	name := d.tryCookie(t.Kind, t.ID)
	d.setCookie(w, name, base64.RawURLEncoding.EncodeToString(d.tries.Seal(nil, nil, b, []byte(name))), int(tryLife.Seconds()))
	return nil
}

// dropTries keeps a browser from carrying many tries: other sites can have it begin
// logins, and too many cookies are not let in.
func (d *Desk) dropTries(w http.ResponseWriter, r *http.Request) {
	var all []string
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, d.cookie("-login-")) {
			all = append(all, c.Name)
		}
	}
	if len(all) < maxTries {
		return
	}
	for _, name := range all {
		d.setCookie(w, name, "", -1)
	}
}

// end returns the try of that kind which the browser carries, and takes its cookie. id
// is "" where the cookie's name says which try is meant. Whatever is wrong is ErrTry.
func (d *Desk) end(w http.ResponseWriter, r *http.Request, k kind, id string) (*try, error) {
	name := d.tryCookie(k, id)
	list := r.CookiesNamed(name)
	if len(list) != 1 {
		return nil, ErrTry.with(fmt.Errorf("%d cookies %s", len(list), name))
	}
	d.setCookie(w, name, "", -1)
	t, err := d.open(name, list[0].Value)
	switch {
	case err != nil:
		return nil, ErrTry.with(err)
	case t.Kind != k && !(k == logsIn && t.Kind == stepsUp):
		return nil, ErrTry.with(errors.New("of another kind"))
	case id != "" && !same(t.ID, id):
		return nil, ErrTry.with(errors.New("another state"))
	case !d.Now().Before(time.UnixMilli(t.Expires)):
		return nil, ErrTry.with(errors.New("too late"))
	}
	return t, nil
}

// use uses a try up: it ends once, whoever has copied its cookie. What is known to be
// wrong before is not written down: strangers begin many. What is, is forgotten when
// the try would have been over.
func (d *Desk) use(ctx context.Context, t *try) error {
	err := d.DB.UseLogin(ctx, seal.Sum([]byte(t.ID)), time.UnixMilli(t.Expires))
	if errors.Is(err, store.ErrConflict) {
		return ErrTry.with(errors.New("a second time"))
	}
	return err
}

// open opens a try's cookie.
func (d *Desk) open(name, value string) (*try, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil {
		return nil, errors.New("the cookie is not in base64url")
	}
	if b, err = d.tries.Open(nil, nil, b, []byte(name)); err != nil {
		return nil, errors.New("the cookie was not sealed here")
	}
	t := new(try)
	if err := seal.Decode(b, t); err != nil {
		return nil, err
	}
	return t, nil
}
