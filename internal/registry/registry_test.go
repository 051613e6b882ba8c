// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

func TestPublish(t *testing.T) {
	h := newHouse(t)
	e := h.publish(t, wpc)
	if got, want := e.Policy.Hash(), seal.Sum([]byte(wpc)); got != want {
		t.Errorf("hash %v, want %v", got, want)
	}
	want := []policy.Bound{{Name: policy.Name{Tool: "confluence", Kind: "space", Name: "ENG"}, Site: "https://site.test", ID: "11"}}
	if diff := cmp.Diff(want, e.Bound.Names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, e.Policy.Bounds("confluence")); diff != "" {
		t.Error("the policy served is not bound:", diff)
	}
	if diff := cmp.Diff([]policy.Signature{{Key: seal.KeyID(h.ada), Role: policy.RoleAuthor}}, e.Signatures); diff != "" {
		t.Error(diff)
	}
	p, err := h.Policy(t.Context(), e.Policy.Hash())
	if err != nil || p.Name() != "reader" {
		t.Errorf("policy %v, %v", p, err)
	}
	h.publish(t, other)
	list, err := h.List(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%d listed, %v", len(list), err)
	}
	for _, l := range list {
		if l.Fault != nil || l.Entry.Policy.Hash() != l.Hash || l.Published.IsZero() {
			t.Errorf("listed: %+v", l)
		}
	}
	if _, err := h.Entry(t.Context(), seal.Sum([]byte("nothing"))); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a policy that is not there: %v", err)
	}
}

// The same paper again, also with other authors' signatures and after its name
// has come to lead elsewhere, is what was published first.
func TestPublishAgain(t *testing.T) {
	h := newHouse(t)
	first := h.publish(t, wpc)
	h.Resolvers["confluence"] = spaces{"ENG": "99"}
	for name, e := range map[string]*seal.Envelope{
		"same": signed(t, wpc, h.ada), "another author": signed(t, wpc, h.second), "both": signed(t, wpc, h.ada, h.second),
	} {
		again, err := h.Publish(t.Context(), e)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(first.Envelope, again.Envelope); diff != "" {
			t.Error(name, diff)
		}
		if diff := cmp.Diff(first.Binding, again.Binding); diff != "" {
			t.Error(name, diff)
		}
		if !again.Published.Equal(first.Published) {
			t.Errorf("%s: published %v, and first %v", name, again.Published, first.Published)
		}
	}
}

// Two signatures that count are two signers.
func TestTwoAuthors(t *testing.T) {
	h := newHouse(t)
	e, err := h.Publish(t.Context(), signed(t, wpc, h.ada, h.second))
	if err != nil {
		t.Fatal(err)
	}
	both := []policy.Signature{{Key: seal.KeyID(h.ada), Role: policy.RoleAuthor}, {Key: seal.KeyID(h.second), Role: policy.RoleAuthor}}
	if diff := cmp.Diff(both, e.Signatures); diff != "" {
		t.Error(diff)
	}
}

// What may not be published leaves no row behind.
func TestRefused(t *testing.T) {
	mallory := newKey(t, "mallory@house.test", 9)
	impostor := newKey(t, "ada@house.test", 10) // the name of an author, and another key
	flip := func(e *seal.Envelope) *seal.Envelope {
		e.Signatures[0].Sig[5] ^= 1
		return e
	}
	retype := func(e *seal.Envelope, typ string) *seal.Envelope {
		e.Type = typ
		return e
	}
	for _, test := range []struct {
		name  string
		paper func(h *house) *seal.Envelope
		setup func(h *house)
		says  string
		is    error
	}{
		{name: "unknown author", paper: func(*house) *seal.Envelope { return signed(t, wpc, mallory) }, is: seal.ErrUnknownKey},
		{name: "an author's name and another key", paper: func(*house) *seal.Envelope { return signed(t, wpc, impostor) }, is: seal.ErrUnknownKey},
		{name: "one of two unknown", paper: func(h *house) *seal.Envelope { return signed(t, wpc, h.ada, mallory) }, is: seal.ErrUnknownKey},
		{name: "unsigned", paper: func(*house) *seal.Envelope { return &seal.Envelope{Type: policy.Type, Payload: []byte(wpc)} }, is: seal.ErrUnsigned},
		{name: "signature changed", paper: func(h *house) *seal.Envelope { return flip(signed(t, wpc, h.ada)) }, is: seal.ErrBadSignature},
		{name: "another type", paper: func(h *house) *seal.Envelope { return retype(signed(t, wpc, h.ada), policy.BindingType) }, is: seal.ErrType},
		{name: "not canonical", paper: func(h *house) *seal.Envelope { return signed(t, " "+wpc, h.ada) }, is: seal.ErrNotCanonical},
		{name: "a name twice", paper: func(h *house) *seal.Envelope { return signed(t, `{"wpc_version":"v1","wpc_version":"v1"}`, h.ada) }, says: "duplicate"},
		{name: "unknown member", paper: func(h *house) *seal.Envelope { return signed(t, `{"actionz":{},"wpc_version":"v1"}`, h.ada) }, says: "actionz"},
		{name: "a name that no list can show", paper: func(h *house) *seal.Envelope {
			return signed(t, `{"policy_name":"a\u0000b","wpc_version":"v1"}`, h.ada)
		}, says: "control characters"},
		{name: "no JSON", paper: func(h *house) *seal.Envelope { return signed(t, `allow: all`, h.ada) }, says: "line 1, column 1"},
		{
			name: "a name that leads nowhere", paper: func(h *house) *seal.Envelope { return signed(t, wpc, h.ada) },
			setup: func(h *house) { h.Resolvers["confluence"] = spaces{} }, says: "no space has the key ENG",
		},
		{
			name: "no connector", paper: func(h *house) *seal.Envelope { return signed(t, wpc, h.ada) },
			setup: func(h *house) { delete(h.Resolvers, "confluence") }, says: `add a "confluence" section`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			if test.setup != nil {
				test.setup(h)
			}
			_, err := h.Publish(t.Context(), test.paper(h))
			if !errors.Is(err, registry.ErrRefused) || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
			if list, err := h.List(t.Context()); err != nil || len(list) != 0 {
				t.Errorf("left %d behind, %v", len(list), err)
			}
		})
	}
}

// wrong resolves to what does not fit the policy.
type wrong []policy.Bound

func (w wrong) Resolve(context.Context, []policy.Name) ([]policy.Bound, error) { return w, nil }

// A connector that leaves a name out, or adds one, binds nothing.
func TestWrongResolver(t *testing.T) {
	eng := policy.Bound{Name: policy.Name{Tool: "confluence", Kind: "space", Name: "ENG"}, Site: "https://site.test", ID: "11"}
	ops := policy.Bound{Name: policy.Name{Tool: "confluence", Kind: "space", Name: "OPS"}, Site: "https://site.test", ID: "12"}
	for name, w := range map[string]wrong{"none": nil, "another": {ops}, "one more": {eng, ops}, "twice": {eng, eng}} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.Resolvers["confluence"] = w
			if _, err := h.Publish(t.Context(), signed(t, wpc, h.ada)); !errors.Is(err, policy.ErrBinding) {
				t.Errorf("got %v", err)
			}
			if list, _ := h.List(t.Context()); len(list) != 0 {
				t.Error("left a row behind")
			}
		})
	}
}

// Whatever is changed in a row by hand, no read serves it: not by hash, not for
// the gate, not when it is published again; and the list says what is wrong.
func TestDamagedRow(t *testing.T) {
	mallory := newKey(t, "registry.test", 9) // the registry's name, and another key
	rebound := func(t *testing.T, k key, change func(*policy.Binding)) []byte {
		b := &policy.Binding{
			Policy: seal.Sum([]byte(wpc)), At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Names: []policy.Bound{{Name: policy.Name{Tool: "confluence", Kind: "space", Name: "ENG"}, Site: "https://site.test", ID: "11"}},
		}
		change(b)
		payload, err := seal.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		e, err := seal.Sign(k.Signer, policy.BindingType, payload)
		if err != nil {
			t.Fatal(err)
		}
		return marshal(t, e)
	}
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, h *house, e *registry.Entry)
	}{
		{"payload byte", func(t *testing.T, h *house, e *registry.Entry) {
			e.Envelope.Payload = bytes.Replace(e.Envelope.Payload, []byte("ENG"), []byte("OPS"), 1)
			h.exec(t, `UPDATE policy SET envelope = ? WHERE name = 'reader'`, marshal(t, e.Envelope))
		}},
		{"signature", func(t *testing.T, h *house, e *registry.Entry) {
			e.Envelope.Signatures[0].Sig[0] ^= 0x80
			h.exec(t, `UPDATE policy SET envelope = ? WHERE name = 'reader'`, marshal(t, e.Envelope))
		}},
		{"signature added by a stranger", func(t *testing.T, h *house, e *registry.Entry) {
			if err := e.Envelope.Add(mallory.Signer); err != nil {
				t.Fatal(err)
			}
			h.exec(t, `UPDATE policy SET envelope = ? WHERE name = 'reader'`, marshal(t, e.Envelope))
		}},
		{"envelope no JSON", func(t *testing.T, h *house, _ *registry.Entry) {
			h.exec(t, `UPDATE policy SET envelope = X'00ff' WHERE name = 'reader'`)
		}},
		{"envelope empty", func(t *testing.T, h *house, _ *registry.Entry) {
			h.exec(t, `UPDATE policy SET envelope = X'' WHERE name = 'reader'`)
		}},
		{"envelope spelled otherwise", func(t *testing.T, h *house, e *registry.Entry) {
			h.exec(t, `UPDATE policy SET envelope = ? WHERE name = 'reader'`, append(marshal(t, e.Envelope), '\n'))
		}},
		{"papers of another policy", func(t *testing.T, h *house, _ *registry.Entry) {
			o := h.publish(t, other)
			h.exec(t, `UPDATE policy SET envelope = ?, binding = ? WHERE name = 'reader'`, marshal(t, o.Envelope), marshal(t, o.Binding))
		}},
		{"envelope of another policy", func(t *testing.T, h *house, _ *registry.Entry) {
			h.exec(t, `UPDATE policy SET envelope = ? WHERE name = 'reader'`, marshal(t, h.publish(t, other).Envelope))
		}},
		{"binding of another policy", func(t *testing.T, h *house, _ *registry.Entry) {
			h.exec(t, `UPDATE policy SET binding = ? WHERE name = 'reader'`, marshal(t, h.publish(t, other).Binding))
		}},
		{"binding payload", func(t *testing.T, h *house, e *registry.Entry) {
			e.Binding.Payload = bytes.Replace(e.Binding.Payload, []byte(`"11"`), []byte(`"12"`), 1)
			h.exec(t, `UPDATE policy SET binding = ? WHERE name = 'reader'`, marshal(t, e.Binding))
		}},
		{"binding by another key", func(t *testing.T, h *house, _ *registry.Entry) {
			h.exec(t, `UPDATE policy SET binding = ? WHERE name = 'reader'`, rebound(t, mallory, func(*policy.Binding) {}))
		}},
		{"binding by an author", func(t *testing.T, h *house, _ *registry.Entry) {
			h.exec(t, `UPDATE policy SET binding = ? WHERE name = 'reader'`, rebound(t, h.ada, func(*policy.Binding) {}))
		}},
		{"binding without its names", func(t *testing.T, h *house, _ *registry.Entry) {
			own := key{Signer: h.Signer, Verifier: h.Self}
			h.exec(t, `UPDATE policy SET binding = ? WHERE name = 'reader'`, rebound(t, own, func(b *policy.Binding) { b.Names = []policy.Bound{} }))
		}},
		{"binding empty", func(t *testing.T, h *house, _ *registry.Entry) {
			h.exec(t, `UPDATE policy SET binding = X'' WHERE name = 'reader'`)
		}},
		{"envelope for binding", func(t *testing.T, h *house, e *registry.Entry) {
			h.exec(t, `UPDATE policy SET binding = ? WHERE name = 'reader'`, marshal(t, e.Envelope))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			e := h.publish(t, wpc)
			hash := e.Policy.Hash()
			test.damage(t, h, e)
			if _, err := h.Entry(t.Context(), hash); !errors.Is(err, registry.ErrUnusable) {
				t.Errorf("entry: %v", err)
			}
			if _, err := h.Policy(t.Context(), hash); !errors.Is(err, registry.ErrUnusable) {
				t.Errorf("policy: %v", err)
			}
			if _, err := h.Publish(t.Context(), signed(t, wpc, h.ada)); !errors.Is(err, registry.ErrUnusable) {
				t.Errorf("published again: %v", err)
			}
			h.wantFault(t, hash)
		})
	}
}

func (h *house) wantFault(t *testing.T, hash seal.Hash) {
	t.Helper()
	list, err := h.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, l := range list {
		if l.Hash != hash {
			if l.Fault != nil {
				t.Errorf("a good policy is listed with the fault %v", l.Fault)
			}
			continue
		}
		found = true
		if !errors.Is(l.Fault, registry.ErrUnusable) || l.Entry != nil {
			t.Errorf("fault: %v", l.Fault)
		}
	}
	if !found {
		t.Error("not listed at all")
	}
}

// A row that is moved to another hash is not that other policy.
func TestStoredUnderAnotherHash(t *testing.T) {
	h := newHouse(t)
	h.publish(t, wpc)
	stranger := seal.Sum([]byte(other))
	h.exec(t, `UPDATE policy SET hash = ?`, stranger.String())
	if _, err := h.Entry(t.Context(), stranger); !errors.Is(err, registry.ErrUnusable) {
		t.Errorf("got %v", err)
	}
	if _, err := h.Publish(t.Context(), signed(t, other, h.ada)); !errors.Is(err, registry.ErrUnusable) {
		t.Errorf("publishing what should be there: %v", err)
	}
	h.wantFault(t, stranger)
}

// When it was published is what the registry signed, not what a row says.
func TestPublishedIsSigned(t *testing.T) {
	h := newHouse(t)
	e := h.publish(t, wpc)
	h.exec(t, `UPDATE policy SET published = 1`)
	got, err := h.Entry(t.Context(), e.Policy.Hash())
	if err != nil || !got.Published.Equal(e.Published) {
		t.Errorf("published %v, %v; want %v", got.Published, err, e.Published)
	}
}

// An author who is struck off takes all that they alone signed along, at once.
func TestAuthorStruckOff(t *testing.T) {
	h := newHouse(t)
	e := h.publish(t, wpc)
	h.Authors = h.Authors[1:]
	if _, err := h.Policy(t.Context(), e.Policy.Hash()); !errors.Is(err, registry.ErrUnusable) || !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("got %v", err)
	}
	h.wantFault(t, e.Policy.Hash())
}

// The parsed form that is kept is of the very bytes that were signed.
func TestCache(t *testing.T) {
	h := newHouse(t)
	h.publish(t, wpc)
	for i := 0; i < len(wpc); i += 3 {
		for _, bit := range []byte{1, 0x20} {
			payload := []byte(wpc)
			payload[i] ^= bit
			e := signed(t, wpc, h.ada)
			e.Payload = payload // under the signature of the other bytes
			if _, err := h.Publish(t.Context(), e); !errors.Is(err, seal.ErrBadSignature) {
				t.Fatalf("byte %d: %v", i, err)
			}
			p, err := h.Publish(t.Context(), signed(t, string(payload), h.ada)) // under its own
			if err == nil && p.Policy.Hash() != seal.Sum(payload) {
				t.Fatalf("byte %d: got the policy %s", i, p.Policy.Hash())
			}
			if err != nil && !errors.Is(err, registry.ErrRefused) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
}

// Replicas that publish the same paper at once agree on one binding.
func TestReplicas(t *testing.T) {
	h := newHouse(t)
	twin := &registry.Registry{
		DB: h.DB, Authors: h.Authors, Signer: h.Signer, Self: h.Self, Now: h.Now,
		Resolvers: map[string]registry.Resolver{"confluence": spaces{"ENG": "77"}}, // to it, the name leads elsewhere
	}
	got := make([]*registry.Entry, 16)
	errs := make([]error, len(got))
	var all sync.WaitGroup
	for i := range got {
		r := h.Registry
		if i%2 == 1 {
			r = twin
		}
		e := signed(t, wpc, h.ada)
		all.Go(func() { got[i], errs[i] = r.Publish(t.Context(), e) })
	}
	all.Wait()
	for i := range got {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		if diff := cmp.Diff(got[0].Binding, got[i].Binding); diff != "" {
			t.Fatal(diff)
		}
	}
	if list, err := h.List(t.Context()); err != nil || len(list) != 1 || list[0].Fault != nil {
		t.Errorf("listed %v, %v", list, err)
	}
}

// A database in trouble is no verdict about a policy.
func TestDatabaseInTrouble(t *testing.T) {
	h := newHouse(t)
	e := h.publish(t, wpc)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, entryErr := h.Entry(ctx, e.Policy.Hash())
	_, publishErr := h.Publish(ctx, signed(t, other, h.ada))
	_, listErr := h.List(ctx)
	for name, err := range map[string]error{"entry": entryErr, "publish": publishErr, "list": listErr} {
		if err == nil || errors.Is(err, registry.ErrUnusable) || errors.Is(err, registry.ErrRefused) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
