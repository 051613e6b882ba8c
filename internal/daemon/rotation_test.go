// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/seal"
)

// A daemon takes up a rotation of the issuer's key while it runs: tokens of the
// old key stay good, the new one signs, and the proof of a job that both have
// signed for verifies.
func TestRotation(t *testing.T) {
	h := newWorld(t, "sqlite:clawea.db").start()
	p := h.publish()
	dir := filepath.Join(h.dir, "keys")
	old := h.issue(p, "job-1")
	first := h.jwks()
	for step, want := range []int{2, 2} { // announced, switched
		r, err := keys.Rotate(dir, time.Now(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if r.Switched != (step == 1) {
			t.Errorf("step %d: %+v", step, r)
		}
		h.keyring.reload(t.Context(), time.Now())
		if got := h.jwks(); len(got) != want || got[0] != r.Signs {
			t.Errorf("step %d: the key set has %v, and %s signs", step, got, r.Signs)
		}
	}
	fresh := h.issue(p, "job-1")
	if status, _ := h.ask(old.Token); status != http.StatusOK {
		t.Errorf("the old key's token: %d", status)
	}
	if status, _ := h.ask(fresh.Token); status != http.StatusOK {
		t.Errorf("the new key's token: %d", status)
	}
	record, err := h.client.Record(t.Context(), fresh.Claims.ID)
	if err != nil {
		t.Fatal(err)
	}
	if by := record.Record.Signatures[0].KeyID; by == first[0] {
		t.Errorf("%s still signs", by)
	}
	h.verified("job-1", p)
	h.keyring.reload(t.Context(), time.Now().AddDate(0, 0, 32))
	if got := h.jwks(); len(got) != 1 || got[0] == first[0] {
		t.Errorf("after the longest life of a token the key set has %v", got)
	}
	h.verified("job-1", p) // and proofs verify for ever
}

// jwks lists the ids of the house's keys, that which signs first.
func (h *house) jwks() []string {
	h.t.Helper()
	res, err := http.Get(h.url + "/.well-known/jwks.json")
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	var set struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(b, &set); err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, k := range set.Keys {
		out = append(out, k.ID)
	}
	return out
}

// A directory of keys that cannot be used leaves the daemon with those that it
// has.
func TestRotationBroken(t *testing.T) {
	h := newWorld(t, "sqlite:clawea.db").start()
	p := h.publish()
	h.write("keys/issuer.next.key", "half a key")
	h.keyring.reload(t.Context(), time.Now())
	if status, _ := h.ask(h.issue(p, "job-1").Token); status != http.StatusOK {
		t.Errorf("%d", status)
	}
	if h.keyring.set.IssuerNext != nil || seal.KeyID(h.keyring.set.Issuer) != h.jwks()[0] {
		t.Error("it has taken up half a key")
	}
}
