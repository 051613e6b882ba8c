// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/login"
	"github.com/clawea/clawea/internal/sim/authenticator"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// enrolled is a passkey of a person, who is in a group.
func enrolled(t *testing.T, name string, until time.Time, groups ...string) login.Enrolled {
	t.Helper()
	a, err := authenticator.New(rand.Reader, name, "house.test", seal.ES256)
	if err != nil {
		t.Fatal(err)
	}
	v, err := seal.NewVerifier(a.Public)
	if err != nil {
		t.Fatal(err)
	}
	return login.Enrolled{Enrolment: login.Enrolment{Person: name, Name: name, Key: a.Public, Groups: groups}, Verifier: v, Until: until}
}

// The trust file has each person's passkeys, says which were revoked when, and has
// nobody in a group twice.
func TestEnrol(t *testing.T) {
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	old, new, lee := enrolled(t, "kim@house.test", at, "owners"), enrolled(t, "kim@house.test", time.Time{}, "owners"), enrolled(t, "lee@house.test", time.Time{}, "owners")
	configured := map[string][]string{"owners": {"lee@house.test"}}
	trust := &verify.Trust{House: "https://house.test", Groups: configured}
	enrol(trust, []login.Enrolled{old, new, lee})
	b, err := trust.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if trust, err = verify.ParseTrust(b); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(trust.People, []string{old.Key, new.Key, lee.Key}) || len(trust.Until) != 1 || !trust.Until[seal.KeyID(old.Verifier)].Equal(at) ||
		!slices.Equal(trust.Groups["owners"], []string{"lee@house.test", "kim@house.test"}) || len(configured["owners"]) != 1 {
		t.Errorf("%s", b)
	}
	// Of a person's keys the latest paper says their groups: those of a key that was revoked
	// before they were lost do not stay. Who has no other key was in them.
	new.Groups, new.At = nil, at
	trust = &verify.Trust{House: "https://house.test"}
	enrol(trust, []login.Enrolled{old, new, enrolled(t, "ana@house.test", at, "owners")})
	if !slices.Equal(trust.Groups["owners"], []string{"ana@house.test"}) {
		t.Errorf("owners are %v", trust.Groups["owners"])
	}
	none := &verify.Trust{House: "https://house.test"}
	enrol(none, nil)
	if b, err := none.Marshal(); err != nil || bytes.Contains(b, []byte("until")) || bytes.Contains(b, []byte("groups")) {
		t.Errorf("a house without passkeys: %s, %v", b, err)
	}
}

// A link for the local administrator is made on the house's machine, beside the running
// daemon; who has an operator's token has none made.
func TestLink(t *testing.T) {
	h := newWorld(t, "sqlite:"+filepath.Join(t.TempDir(), "house.db")).start()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/v1/login/link", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+secrets["operator"])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("an operator's token: %d", res.StatusCode)
	}
	c, err := config.Load(filepath.Join(h.dir, "clawea.hujson"))
	if err != nil {
		t.Fatal(err)
	}
	link, err := Link(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	passkey, err := authenticator.New(rand.Reader, "admin@local", "localhost", seal.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	h.visit(passkey).enrol(link)
	people, err := h.login.People(t.Context())
	if err != nil || len(people.Keys) != 1 || people.Keys[0].Name() != "admin@local" {
		t.Errorf("who came by it: %+v, %v", people, err)
	}
	c.Login.Providers = append(c.Login.Providers, config.LoginProvider{Name: "idp", Issuer: "https://idp.house.test"})
	if _, err := Link(t.Context(), c, slog.New(slog.DiscardHandler)); !errors.Is(err, login.ErrNotLocal) {
		t.Errorf("a house with a provider: %v", err)
	}
}
