// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/sim/authenticator"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

func (h *governed) drafts() *registry.Drafts {
	return &registry.Drafts{DB: h.DB.(*store.DB), Registry: h.Registry, Log: slog.New(slog.DiscardHandler)}
}

func bare(text string) *seal.Envelope {
	return &seal.Envelope{Type: policy.Type, Payload: []byte(text)}
}

// refused checks that an error is two lines for people that say something.
func refused(t *testing.T, what string, err error, says string) {
	t.Helper()
	var r *registry.Refusal
	if !errors.As(err, &r) || r.Msg == "" || r.Hint == "" || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: got %v, want a refusal that says %q", what, err, says)
	}
}

// A draft gathers signatures, says all the while what is missing, and is published when
// nothing is.
func TestDraft(t *testing.T) {
	h := newGoverned(t)
	d, ctx := h.drafts(), t.Context()
	id, err := d.Propose(ctx, bare(prod), "ada@house.test")
	if err != nil || id != seal.Sum([]byte(prod)) {
		t.Fatal(id, err)
	}
	lacks := func(want ...string) {
		t.Helper()
		draft, err := d.Draft(ctx, id)
		if err != nil || draft.Fault != nil {
			t.Fatal(draft, err)
		}
		if got := draft.Lacks(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("it lacks %q, want %q", got, want)
		}
		if list, err := d.Open(ctx); err != nil || len(list) != 1 || list[0].Policy.Hash() != id || list[0].Name != "reader" {
			t.Errorf("open: %v, %v", list, err)
		}
	}
	lacks("an author has to sign", "2 more approvers of prod have to sign: carol@house.test, erin@house.test")
	_, err = d.Publish(ctx, id, "olga")
	refused(t, "nobody's", err, "it cannot be published yet: an author has to sign; 2 more")
	for _, k := range []key{h.carol, h.ada} {
		if err := d.Sign(ctx, id, signed(t, prod, k), "by@house.test"); err != nil {
			t.Fatal(err)
		}
	}
	lacks("1 more approver of prod has to sign: erin@house.test")
	if draft, err := d.Draft(ctx, id); err != nil || fmt.Sprint(draft.Could) != fmt.Sprintf("[{%s author} {%s approver}]", seal.KeyID(h.second), seal.KeyID(h.erin)) {
		t.Errorf("it could be signed by %v, %v", draft.Could, err)
	}
	if _, err := d.Publish(ctx, id, "olga"); !errors.Is(err, policy.ErrApprovals) {
		t.Errorf("one of two: %v", err)
	}
	if again, err := d.Propose(ctx, bare(prod), "bo"); err != nil || again != id {
		t.Errorf("proposed again: %v", err)
	}
	if _, err := d.Propose(ctx, signed(t, prod, h.ada, h.erin), "bo"); err != nil { // ada has signed already
		t.Fatal(err)
	}
	lacks()
	entry, err := d.Publish(ctx, id, "olga")
	if err != nil || len(entry.Signatures) != 3 || entry.Policy.Hash() != id {
		t.Fatal(entry, err)
	}
	draft, err := d.Draft(ctx, id)
	if err != nil || draft.State != store.DraftPublished || draft.EndedBy != "olga" || draft.By != "ada@house.test" || draft.Policy != nil {
		t.Errorf("published: %+v, %v", draft, err)
	}
	_, err = d.Publish(ctx, id, "olga")
	refused(t, "again", err, "the draft is published, by olga")
	refused(t, "signed late", d.Sign(ctx, id, signed(t, prod, h.second), "bo"), "the draft is published")
	refused(t, "discarded late", d.Discard(ctx, id, "bo"), "not open any more")
	_, err = d.Propose(ctx, bare(prod), "ada")
	refused(t, "proposed late", err, "is published already")
	if list, err := d.Open(ctx); err != nil || len(list) != 0 {
		t.Errorf("open: %v, %v", list, err)
	}
}

// What nobody could publish, or what was signed by who may not, is refused.
func TestDraftRefused(t *testing.T) {
	h := newGoverned(t)
	d, ctx := h.drafts(), t.Context()
	mallory, adaPhone := newKey(t, "mallory@house.test", 9), newKey(t, "ADA@house.test", 11)
	for name, x := range map[string]struct {
		e    *seal.Envelope
		says string
	}{
		"another paper":           {&seal.Envelope{Type: policy.BindingType, Payload: []byte(prod)}, "this is no policy"},
		"no policy":               {bare(`{"wpc_version":"v1","x":1}`), "cannot be read"},
		"no JSON":                 {bare(`hello`), "cannot be read"},
		"another form":            {bare(" " + prod), "not the policy's one form"},
		"for no environment":      {bare(nowhere), "no signatures publish this policy"},
		"for another environment": {bare(strings.Replace(prod, "prod", "test", 1)), `for "test"`},
		"an emergency for years":  {bare(hasty(9000 * time.Hour)), "more than 24h0m0s"},
		"a control character":     {bare(strings.Replace(prod, "reader", `rea\nder`, 1)), "control characters"},
		"by a stranger":           {signed(t, prod, mallory), "mallory@house.test"},
		"by an author by the way": {signed(t, prod, h.adaToo), "would count for nothing"},
		"by dev's":                {signed(t, prod, h.dave), "would count for nothing"},
		"too long":                {bare(`{"wpc_version":"v1","purpose":"` + strings.Repeat("x", policy.MaxLength) + `"}`), "cannot be read"},
	} {
		_, err := d.Propose(ctx, x.e, "ada")
		refused(t, name, err, x.says)
	}
	if list, err := d.Open(ctx); err != nil || len(list) != 0 {
		t.Fatalf("left %d behind, %v", len(list), err)
	}
	id, err := d.Propose(ctx, signed(t, prod, h.ada), "ada")
	if err != nil {
		t.Fatal(err)
	}
	forged := signed(t, prod, h.carol)
	forged.Signatures[0].Sig[0] ^= 1
	for name, x := range map[string]struct {
		e    *seal.Envelope
		says string
	}{
		"another policy":  {signed(t, dev, h.dave), "another policy was signed"},
		"a stranger":      {signed(t, prod, mallory), "listed under authors"},
		"the author anew": {signed(t, prod, adaPhone), "ADA@house.test"},
		"forged":          {forged, "signature does not match"},
		"nothing new":     {signed(t, prod, h.ada), "has that signature already"},
		"no signature":    {bare(prod), "has that signature already"},
	} {
		refused(t, name, d.Sign(ctx, id, x.e, "by"), x.says)
	}
	if err := d.Sign(ctx, seal.Sum([]byte(dev)), signed(t, dev, h.dave), "dave"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no draft: %v", err)
	}
	if _, err := d.Publish(ctx, seal.Sum([]byte(dev)), "olga"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no draft: %v", err)
	}
	if err := d.Discard(ctx, seal.Sum([]byte(dev)), "olga"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no draft: %v", err)
	}
}

// A draft is what its papers say, whatever the database does.
func TestDraftFaults(t *testing.T) {
	h := newGoverned(t)
	d, ctx := h.drafts(), t.Context()
	id, err := d.Propose(ctx, signed(t, prod, h.ada, h.carol, h.erin), "ada")
	if err != nil {
		t.Fatal(err)
	}
	authors := h.Authors
	h.Authors = h.Authors[1:] // ada leaves
	draft, err := d.Draft(ctx, id)
	if err != nil || !errors.Is(draft.Fault, seal.ErrUnknownKey) || draft.Policy != nil {
		t.Errorf("signed by who has left: %+v, %v", draft, err)
	}
	_, err = d.Publish(ctx, id, "olga")
	refused(t, "signed by who has left", err, "does not verify")
	h.Authors = authors
	for name, envelope := range map[string][]byte{
		"another policy's papers": marshal(t, signed(t, dev, h.ada, h.dave)),
		"no papers":               []byte("x"),
		"a binding":               marshal(t, &seal.Envelope{Type: policy.BindingType, Payload: []byte(prod)}),
	} {
		h.exec(t, `UPDATE draft SET envelope = ?`, envelope)
		if draft, err := d.Draft(ctx, id); err != nil || draft.Fault == nil {
			t.Errorf("%s: %+v, %v", name, draft, err)
		}
		_, err = d.Publish(ctx, id, "olga")
		refused(t, name, err, "does not verify")
		refused(t, name, d.Sign(ctx, id, signed(t, prod, h.second), "bo"), "does not verify")
	}
	if err := d.Discard(ctx, id, "olga"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Propose(ctx, bare(prod), "bo"); err != nil {
		t.Errorf("anew: %v", err)
	}
}

// No signature is lost when several people sign at once.
func TestDraftSignedAtOnce(t *testing.T) {
	h := newGoverned(t)
	d, ctx := h.drafts(), t.Context()
	id, err := d.Propose(ctx, bare(prod), "ada")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, k := range []key{h.ada, h.carol, h.erin} {
		e := signed(t, prod, k)
		all.Go(func() {
			if err := d.Sign(ctx, id, e, k.Name()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if draft, err := d.Draft(ctx, id); err != nil || len(draft.Lacks()) != 0 || len(draft.Paper.Signatures) != 3 {
		t.Errorf("%+v, %v", draft, err)
	}
}

func TestTooManyDrafts(t *testing.T) {
	h := newGoverned(t)
	d := h.drafts()
	propose := func(i int) error {
		_, err := d.Propose(t.Context(), bare(strings.Replace(prod, "reader", fmt.Sprintf("reader-%d", i), 1)), "ada")
		return err
	}
	for i := range registry.MaxDrafts {
		if err := propose(i); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "one too many", propose(registry.MaxDrafts), "more there cannot be")
}

// People's passkeys sign policies, and count as whoever they are listed as.
func TestPasskeys(t *testing.T) {
	h := newGoverned(t)
	passkey := func(name string, seed byte) *authenticator.Authenticator {
		a, err := authenticator.New(bytes.NewReader(bytes.Repeat([]byte{seed}, 64)), name, "house.test", seal.ES256)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	kim, lee, lou := passkey("kim@house.test", 21), passkey("lee@house.test", 22), passkey("Kim@house.test", 23)
	q, err := policy.NewQuorum([]string{kim.Public}, []string{lee.Public, h.carol.Public, lou.Public}, 2)
	if err != nil {
		t.Fatal(err)
	}
	h.Authors, h.Environments = []seal.Verifier{kim.Verifier}, map[string]policy.Quorum{"prod": q}
	for name, x := range map[string]struct {
		by []seal.Signer
		is error
	}{
		"by passkeys and a file":    {[]seal.Signer{kim, lee, h.carol.Signer}, nil},
		"the author's other":        {[]seal.Signer{kim, lou, h.carol.Signer}, policy.ErrOwnApproval},
		"the author's other, alone": {[]seal.Signer{lou, lee, h.carol.Signer}, policy.ErrAuthor},
	} {
		e := bare(prod)
		for _, k := range x.by {
			if err := e.Add(k); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.Publish(t.Context(), e); !errors.Is(err, x.is) || x.is == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		h.raw.Exec(`DELETE FROM policy`)
	}
	kim.Origin = "https://evil.test"
	e := bare(prod)
	if err := errors.Join(e.Add(kim), e.Add(lee), e.Add(h.carol.Signer)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Publish(t.Context(), e); !errors.Is(err, seal.ErrBadSignature) {
		t.Errorf("on another's page: %v", err)
	}
}

// What people propose is read in one way, whatever it is.
func FuzzReadDraft(f *testing.F) {
	f.Add([]byte(prod))
	f.Add([]byte(" " + dev + "\n"))
	f.Add([]byte(`{"payload":"e30=","payloadType":"application/vnd.clawea.policy.v1+json","signatures":[]}`))
	f.Add([]byte(`{"payload":"e30=","payloadType":"","signatures":null}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := registry.ReadDraft(b)
		if err != nil {
			return
		}
		again, err := e.Marshal()
		if err != nil {
			return // no form that could be kept
		}
		if read, err := registry.ReadDraft(again); err != nil || read.Hash() != e.Hash() || read.Type != e.Type || len(read.Signatures) != len(e.Signatures) {
			t.Errorf("read again it is %+v, %v", read, err)
		}
	})
}
