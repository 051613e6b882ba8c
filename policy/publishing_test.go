// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/internal/sim/authenticator"
	"github.com/clawea/clawea/seal"
)

// A signingKey is someone's key, as its public text and as a verifier.
type signingKey struct {
	seal.Verifier
	text string
}

// keyOf makes a key whose bytes depend on seed alone, under any name.
func keyOf(t interface{ Fatal(...any) }, name string, seed byte) signingKey {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	text, err := note.NewEd25519VerifierKey(name, private.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	v, err := seal.NewVerifier(text)
	if err != nil {
		t.Fatal(err)
	}
	return signingKey{v, text}
}

// passkeyOf makes a passkey whose Ed25519 key has the bytes of keyOf's.
func passkeyOf(t interface{ Fatal(...any) }, name, site string, seed byte) signingKey {
	a, err := authenticator.New(bytes.NewReader(bytes.Repeat([]byte{seed}, ed25519.SeedSize)), name, site, seal.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	return signingKey{a.Verifier, a.Public}
}

func texts(keys ...signingKey) []string {
	var out []string
	for _, k := range keys {
		out = append(out, k.text)
	}
	return out
}

func verifiersOf(keys ...signingKey) []seal.Verifier {
	var out []seal.Verifier
	for _, k := range keys {
		out = append(out, k.Verifier)
	}
	return out
}

func TestNewQuorum(t *testing.T) {
	ada, bob, carol := keyOf(t, "ada", 1), keyOf(t, "bob", 2), keyOf(t, "carol", 3)
	adaToo, bobToo := keyOf(t, "ada-as-approver", 1), keyOf(t, "robert", 2)
	adaPasskey, bobPasskey, bobPhone := passkeyOf(t, "adele", "house.test", 1), passkeyOf(t, "robert", "house.test", 2), passkeyOf(t, "Bob", "house.test", 7)
	adaPhone := passkeyOf(t, "ADA", "house.test", 6)
	for name, tt := range map[string]struct {
		authors, approvers []string
		required           int
		says               string
	}{
		"one of one":                   {texts(ada), texts(bob), 1, ""},
		"two of two":                   {texts(ada), texts(bob, carol), 2, ""},
		"an author besides":            {texts(ada), texts(ada, bob), 1, ""},
		"without authors":              {nil, texts(ada), 1, ""},
		"none required":                {texts(ada), texts(bob), 0, "0 approvals are required"},
		"less than none":               {texts(ada), texts(bob), -1, "-1 approvals are required"},
		"more than there are":          {texts(ada), texts(bob), 2, "1 of the approvers are not authors"},
		"an author makes it up":        {texts(ada), texts(ada, bob), 2, "1 of the approvers are not authors"},
		"an author by another name":    {texts(ada), texts(adaToo, bob), 2, "1 of the approvers are not authors"},
		"passkeys":                     {texts(adaPhone), texts(bobPhone, carol), 2, ""},
		"two keys of a person":         {texts(ada), texts(bob, bobPhone, carol), 2, ""},
		"a person is not two":          {texts(ada), texts(bob, bobPhone), 2, "1 of the approvers are not authors"},
		"an author's other key":        {texts(ada), texts(adaPhone, bob), 2, "1 of the approvers are not authors"},
		"an author's key as a passkey": {texts(ada), texts(adaPasskey, bob), 2, "1 of the approvers are not authors"},
		"a passkey that is a key":      {texts(ada), texts(bob, carol, bobPasskey), 1, "entry 3: the key is there twice"},
		"a passkey of two sites":       {texts(ada), texts(bobPasskey, passkeyOf(t, "b", "b.test", 2)), 1, "entry 2: the key is there twice"},
		"no approvers":                 {texts(ada), nil, 1, "0 of the approvers"},
		"a key twice":                  {texts(ada), texts(bob, bob), 1, "entry 2: the key is there twice"},
		"a key by two names":           {texts(ada), texts(bob, carol, bobToo), 1, "entry 3: the key is there twice"},
		"an approver that is no key":   {texts(ada), []string{"bob"}, 1, "entry 1: malformed public key"},
		"an author that is no key":     {[]string{ada.text, "ada"}, texts(bob), 1, "entry 2: malformed public key"},
		"an approver's private key":    {texts(ada), []string{"PRIVATE+KEY+" + bob.text}, 1, "a private key is not a public one"},
		"an author's key cut short":    {[]string{ada.text[:len(ada.text)-3]}, texts(bob), 1, "malformed public key"},
		"an approver's key cut short ": {texts(ada), []string{bob.text[:len(bob.text)-3]}, 1, "malformed public key"},
	} {
		q, err := NewQuorum(tt.authors, tt.approvers, tt.required)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want %q", name, err, tt.says)
		}
		if err != nil && (q.required != 0 || q.approvers != nil) {
			t.Errorf("%s: a quorum comes with the error", name)
		}
	}
}

// A publishing house has two authors, of whom bob approves too, and approvers
// who differ by environment. Ada is listed again under another name.
type publishingHouse struct {
	Publishers
	ada, bob, adaToo, carol, dave, erin signingKey
}

func newPublishingHouse(t *testing.T) *publishingHouse {
	h := &publishingHouse{
		ada: keyOf(t, "ada", 1), bob: keyOf(t, "bob", 2), adaToo: keyOf(t, "ada-as-approver", 1),
		carol: keyOf(t, "carol", 3), dave: keyOf(t, "dave", 4), erin: keyOf(t, "erin", 5),
	}
	quorum := func(required int, approvers ...signingKey) Quorum {
		q, err := NewQuorum(texts(h.ada, h.bob), texts(approvers...), required)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	h.Publishers = Publishers{
		Authors: verifiersOf(h.ada, h.bob),
		Environments: map[string]Quorum{
			"dev":  quorum(1, h.dave),
			"prod": quorum(2, h.adaToo, h.bob, h.carol, h.erin),
		},
		BreakGlass: &Emergency{quorum(3, h.bob, h.carol, h.dave, h.erin), 24 * time.Hour},
	}
	return h
}

var published = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

const (
	forNone = `{"wpc_version":"v1"}`
	forDev  = `{"wpc_version":"v1","environment":"dev"}`
	forProd = `{"wpc_version":"v1","environment":"prod"}`
	inHaste = `{"wpc_version":"v1","environment":"prod","break_glass":{"reason":"outage","expires_at":"2026-09-02T08:00:00Z"}}`
)

func TestPublishersCheck(t *testing.T) {
	h := newPublishingHouse(t)
	for name, tt := range map[string]struct {
		src     string
		signers []signingKey
		is      error
		says    string
	}{
		"approved":                          {forDev, []signingKey{h.ada, h.dave}, nil, ""},
		"approved before it was signed":     {forDev, []signingKey{h.dave, h.ada}, nil, ""},
		"approved by two":                   {forProd, []signingKey{h.ada, h.carol, h.erin}, nil, ""},
		"two authors, two approvers":        {forProd, []signingKey{h.ada, h.bob, h.carol, h.erin}, nil, ""},
		"another environment's approver":    {forProd, []signingKey{h.ada, h.carol, h.erin, h.dave}, nil, ""},
		"nobody but the author":             {forDev, []signingKey{h.ada}, ErrApprovals, "dev needs 1 and has 0; signed by ada+"},
		"one of two":                        {forProd, []signingKey{h.ada, h.carol}, ErrApprovals, "missing: 1 of erin+"},
		"the wrong environment's":           {forProd, []signingKey{h.ada, h.carol, h.dave}, ErrApprovals, "dave+"},
		"the author's own":                  {forProd, []signingKey{h.bob, h.carol}, ErrOwnApproval, "prod needs 2 and has 1"},
		"a second author's":                 {forProd, []signingKey{h.ada, h.bob, h.carol}, ErrOwnApproval, "bob+"},
		"an author's by another name":       {forProd, []signingKey{h.ada, h.adaToo, h.carol}, ErrOwnApproval, "ada-as-approver"},
		"an author's own is not all":        {forProd, []signingKey{h.bob}, ErrApprovals, "needs 2 and has 0"},
		"approvers alone":                   {forProd, []signingKey{h.carol, h.erin}, ErrAuthor, "only carol+"},
		"an author by another name alone":   {forProd, []signingKey{h.adaToo, h.carol, h.erin}, ErrAuthor, "only ada-as-approver+"},
		"nobody":                            {forProd, nil, ErrAuthor, ""},
		"no environment":                    {forNone, []signingKey{h.ada}, ErrEnvironment, "names none, and this house has dev, prod"},
		"an unknown environment":            {`{"wpc_version":"v1","environment":"test"}`, []signingKey{h.ada}, ErrEnvironment, `for "test", and this house has dev, prod`},
		"emergency":                         {inHaste, []signingKey{h.ada, h.carol, h.dave, h.erin}, nil, ""},
		"emergency with prod's approvers":   {inHaste, []signingKey{h.ada, h.carol, h.erin}, ErrApprovals, "an emergency needs 3 and has 2"},
		"emergency with the author's own":   {inHaste, []signingKey{h.bob, h.carol, h.erin}, ErrOwnApproval, "an emergency needs 3"},
		"emergency that is over":            {strings.Replace(inHaste, "09-02", "09-01", 1), []signingKey{h.ada, h.carol, h.dave, h.erin}, ErrEmergency, "ended at 2026-09-01T08:00:00Z"},
		"emergency that lasts a second on":  {strings.Replace(inHaste, "08:00:00", "08:00:01", 1), []signingKey{h.ada, h.carol, h.dave, h.erin}, ErrEmergency, "more than 24h0m0s after its publication"},
		"emergency until the end of days":   {strings.Replace(inHaste, "2026-09-02", "9999-12-31", 1), []signingKey{h.ada, h.carol, h.dave, h.erin}, ErrEmergency, "more than 24h0m0s"},
		"emergency without an environment":  {strings.Replace(inHaste, `"environment":"prod",`, "", 1), []signingKey{h.ada, h.carol, h.dave, h.erin}, ErrEnvironment, "names none"},
		"emergency that nobody has written": {inHaste, []signingKey{h.carol, h.dave, h.erin}, ErrAuthor, ""},
	} {
		_, err := h.Check(parse(t, tt.src), verifiersOf(tt.signers...), published)
		if !errors.Is(err, tt.is) || tt.is == nil && err != nil || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want %v and %q", name, err, tt.is, tt.says)
		}
		if tt.is == ErrApprovals && errors.Is(err, ErrOwnApproval) {
			t.Errorf("%s: an author's own approval is blamed: %v", name, err)
		}
	}
}

func TestPublishersRoles(t *testing.T) {
	h := newPublishingHouse(t)
	got, err := h.Check(parse(t, forProd), verifiersOf(h.ada, h.bob, h.adaToo, h.carol, h.dave, h.erin), published)
	if err != nil {
		t.Fatal(err)
	}
	want := []Signature{
		{seal.KeyID(h.ada), RoleAuthor}, {seal.KeyID(h.bob), RoleAuthor}, {seal.KeyID(h.adaToo), RoleNone},
		{seal.KeyID(h.carol), RoleApprover}, {seal.KeyID(h.dave), RoleNone}, {seal.KeyID(h.erin), RoleApprover},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("roles (-want +got):\n%s", d)
	}
}

// A house without environments is one in which authors publish alone.
func TestPublishersWithoutEnvironments(t *testing.T) {
	h := newPublishingHouse(t)
	h.Environments = nil
	for name, tt := range map[string]struct {
		src     string
		signers []signingKey
		glass   bool
		is      error
	}{
		"an author":                         {forNone, []signingKey{h.ada}, true, nil},
		"nobody":                            {forNone, nil, true, ErrAuthor},
		"for an environment":                {forProd, []signingKey{h.ada, h.carol, h.erin}, true, ErrEnvironment},
		"emergency":                         {strings.Replace(inHaste, `"environment":"prod",`, "", 1), []signingKey{h.ada, h.carol, h.dave, h.erin}, true, nil},
		"emergency by its author":           {strings.Replace(inHaste, `"environment":"prod",`, "", 1), []signingKey{h.ada}, true, ErrApprovals},
		"emergency where there can be none": {strings.Replace(inHaste, `"environment":"prod",`, "", 1), []signingKey{h.ada, h.carol, h.dave, h.erin}, false, ErrEmergency},
	} {
		p := h.Publishers
		if !tt.glass {
			p.BreakGlass = nil
		}
		if _, err := p.Check(parse(t, tt.src), verifiersOf(tt.signers...), published); !errors.Is(err, tt.is) || tt.is == nil && err != nil {
			t.Errorf("%s: got %v, want %v", name, err, tt.is)
		}
	}
}

// What a policy lacks is told person by person.
func TestStanding(t *testing.T) {
	h := newPublishingHouse(t)
	carolPhone, adaPhone := passkeyOf(t, "Carol", "house.test", 8), passkeyOf(t, "ada", "house.test", 9)
	q, err := NewQuorum(texts(h.ada), texts(h.carol, carolPhone, h.erin, adaPhone), 2)
	if err != nil {
		t.Fatal(err)
	}
	h.Environments["prod"] = q
	for name, tt := range map[string]struct {
		signers  []signingKey
		roles    []Role
		noAuthor bool
		missing  int
		of       []signingKey
		is       error
	}{
		"nobody":              {nil, nil, true, 2, []signingKey{h.carol, carolPhone, h.erin}, ErrAuthor},
		"by one":              {[]signingKey{h.ada, h.carol}, []Role{RoleAuthor, RoleApprover}, false, 1, []signingKey{h.erin}, ErrApprovals},
		"by one, twice":       {[]signingKey{h.ada, h.carol, carolPhone}, []Role{RoleAuthor, RoleApprover, RoleApprover}, false, 1, []signingKey{h.erin}, ErrApprovals},
		"by two":              {[]signingKey{h.ada, carolPhone, h.erin}, []Role{RoleAuthor, RoleApprover, RoleApprover}, false, 0, nil, nil},
		"without its author":  {[]signingKey{h.carol, h.erin}, []Role{RoleApprover, RoleApprover}, true, 0, nil, ErrAuthor},
		"by the author again": {[]signingKey{h.ada, adaPhone, h.erin}, []Role{RoleAuthor, RoleNone, RoleApprover}, false, 1, []signingKey{h.carol, carolPhone}, ErrOwnApproval},
	} {
		s := h.Standing(parse(t, forProd), verifiersOf(tt.signers...), published)
		var roles []Role
		for _, g := range s.Signatures {
			roles = append(roles, g.Role)
		}
		if d := cmp.Diff(tt.roles, roles); d != "" || s.NoAuthor != tt.noAuthor || s.Missing != tt.missing || s.For != "prod" || !errors.Is(s.Err, tt.is) || tt.is == nil && s.Err != nil {
			t.Errorf("%s: %+v\n%s", name, s, d)
		}
		if got, want := keyIDs(s.Of), keyIDs(verifiersOf(tt.of...)); got != want {
			t.Errorf("%s: it lacks %s, want %s", name, got, want)
		}
		if _, err := h.Check(parse(t, forProd), verifiersOf(tt.signers...), published); (err == nil) != (s.Err == nil) {
			t.Errorf("%s: Check says %v", name, err)
		}
	}
	if s := h.Standing(parse(t, forNone), verifiersOf(h.ada), published); !errors.Is(s.Err, ErrEnvironment) || s.NoAuthor || s.Missing != 0 {
		t.Errorf("for no environment: %+v", s)
	}
}

// What nobody has set up lets nobody publish.
func TestZeroPublishers(t *testing.T) {
	h := newPublishingHouse(t)
	all := verifiersOf(h.ada, h.bob, h.carol, h.dave, h.erin)
	var zero Publishers
	if _, err := zero.Check(parse(t, forNone), all, published); !errors.Is(err, ErrAuthor) {
		t.Errorf("the zero house: %v", err)
	}
	if len(zero.Keys()) != 0 {
		t.Error("the zero house has keys")
	}
	empty := Publishers{Authors: h.Authors, Environments: map[string]Quorum{"prod": {}}, BreakGlass: &Emergency{Longest: 24 * time.Hour}}
	for _, src := range []string{forProd, inHaste} {
		if _, err := empty.Check(parse(t, src), all, published); !errors.Is(err, ErrApprovals) {
			t.Errorf("the zero quorum: %v", err)
		}
	}
	unnamed := Publishers{Authors: h.Authors, Environments: map[string]Quorum{"": h.Environments["dev"]}}
	if _, err := unnamed.Check(parse(t, forNone), all, published); !errors.Is(err, ErrEnvironment) {
		t.Errorf("an environment without a name: %v", err)
	}
}

func TestPublishersKeys(t *testing.T) {
	h := newPublishingHouse(t)
	known := map[string]bool{}
	for _, k := range h.Keys() {
		known[seal.KeyID(k)] = true
	}
	for _, k := range []signingKey{h.ada, h.bob, h.adaToo, h.carol, h.dave, h.erin} {
		if !known[seal.KeyID(k)] {
			t.Errorf("%s may sign, and is not among the keys", seal.KeyID(k))
		}
	}
	if len(known) != 6 || len(h.Authors) != 2 {
		t.Errorf("keys: %v, authors: %d", known, len(h.Authors))
	}
}

// Counted over everybody who can sign: a policy is published exactly if an
// author has signed it and so have, without the authors, as many people as
// required. Two of them have two keys each, of which one is a passkey.
func TestPublishersCount(t *testing.T) {
	const persons = 4
	rapid.Check(t, func(t *rapid.T) {
		people := make([]signingKey, 6)
		for i := range people {
			people[i] = keyOf(t, string(rune('a'+i)), byte(i+1))
			if i >= persons {
				people[i] = passkeyOf(t, string(rune('A'+i-persons)), "house.test", byte(i+1))
			}
		}
		some := func(label string) map[int]bool {
			return rapid.MapOfN(rapid.IntRange(0, 5), rapid.Just(true), 0, 6).Draw(t, label)
		}
		pick := func(m map[int]bool) (out []signingKey) {
			for i, k := range people {
				if m[i] {
					out = append(out, k)
				}
			}
			return out
		}
		authors, approvers, signers := some("authors"), some("approvers"), some("signers")
		required := rapid.IntRange(1, 3).Draw(t, "required")
		q, err := NewQuorum(texts(pick(authors)...), texts(pick(approvers)...), required)
		eligible, written, approved := 0, false, 0
		for i := range persons {
			may, has, author := false, false, false
			for k := i; k < len(people); k += persons {
				may, has, author = may || approvers[k], has || approvers[k] && signers[k], author || authors[k]
				written = written || authors[k] && signers[k]
			}
			if may && !author {
				eligible++
				if has {
					approved++
				}
			}
		}
		if (err == nil) != (required <= eligible) {
			t.Fatalf("%d required of %d: %v", required, eligible, err)
		}
		if err != nil {
			return
		}
		h := Publishers{Authors: verifiersOf(pick(authors)...), Environments: map[string]Quorum{"prod": q}}
		p, err := Parse([]byte(forProd))
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Check(p, verifiersOf(pick(signers)...), published)
		if (err == nil) != (written && approved >= required) {
			t.Errorf("written %t, %d of %d approvals: %v", written, approved, required, err)
		}
	})
}

func TestRequiresBundle(t *testing.T) {
	for src, want := range map[string][2]bool{
		`{"wpc_version":"1"}`: {false, false},
		`{"wpc_version":"1","attestation":{"require_proof_bundle_on_write":true}}`: {false, true},
		`{"wpc_version":"1","attestation":{"require_gateway_receipts":true}}`:      {false, false},
		`{"wpc_version":"1","audit":{"require_proof_bundle":true}}`:                {true, false},
		`{"wpc_version":"1","audit":{"require_gateway_receipts":true}}`:            {false, false},
	} {
		p := parse(t, src)
		if got := [2]bool{p.RequiresBundle(), p.RequiresBundleOnWrite()}; got != want {
			t.Errorf("%s: %t, want %t", src, got, want)
		}
	}
}
