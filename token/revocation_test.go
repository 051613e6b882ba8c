// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

var pin = seal.Sum([]byte("policy"))

// standing are claims, and what they ask for, that revocations are tried on.
func standing() (*Claims, policy.Action) {
	c := newClaims()
	c.Policy = pin
	return c, policy.Action{Tool: "jira", Name: "issue.create", Class: policy.Write}
}

// everyWay is one revocation of each kind that ends standing.
func everyWay() []Revocation {
	return []Revocation{
		{RevokeToken, "cst-1"}, {RevokeJob, "job-1"}, {RevokeAgent, "reviewer"}, {RevokePolicy, pin.String()}, {RevokeAction, "jira:write"}, {Kind: RevokeAll},
	}
}

func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		r    Revocation
		ends bool
		code string
	}{
		{Revocation{RevokeToken, "cst-1"}, true, "token.revoked"},
		{Revocation{RevokeToken, "cst-2"}, false, "token.revoked"},
		{Revocation{RevokeToken, ""}, false, "token.revoked"},
		{Revocation{RevokeJob, "job-1"}, true, "job.revoked"},
		{Revocation{RevokeJob, "job-10"}, false, "job.revoked"},
		{Revocation{RevokeJob, "reviewer"}, false, "job.revoked"},
		{Revocation{RevokeAgent, "reviewer"}, true, "agent.revoked"},
		{Revocation{RevokeAgent, "job-1"}, false, "agent.revoked"},
		{Revocation{RevokePolicy, pin.String()}, true, "policy.revoked"},
		{Revocation{RevokePolicy, seal.Sum(nil).String()}, false, "policy.revoked"},
		{Revocation{RevokePolicy, ""}, false, "policy.revoked"},
		{Revocation{RevokeAction, "jira"}, true, "action.revoked"},
		{Revocation{RevokeAction, "jira:write"}, true, "action.revoked"},
		{Revocation{RevokeAction, "*:write"}, true, "action.revoked"},
		{Revocation{RevokeAction, "jira.issue.*"}, true, "action.revoked"},
		{Revocation{RevokeAction, "JIRA.Issue.Create"}, true, "action.revoked"},
		{Revocation{RevokeAction, "jira:read"}, false, "action.revoked"},
		{Revocation{RevokeAction, "jira.issue.get"}, false, "action.revoked"},
		{Revocation{RevokeAction, "confluence"}, false, "action.revoked"},
		{Revocation{RevokeAction, "model"}, false, "action.revoked"},
		{Revocation{RevokeAction, "not a pattern"}, true, "action.revoked"}, // fail closed
		{Revocation{RevokeAction, "jira:writ"}, true, "action.revoked"},
		{Revocation{Kind: RevokeAll}, true, "house.revoked"},
		{Revocation{}, false, "house.revoked"},
		{Revocation{"everything", "x"}, false, "house.revoked"},
	} {
		c, a := standing()
		if got := tt.r.Ends(c, a); got != tt.ends {
			t.Errorf("%s ends it: %t", tt.r, got)
		}
		if got := Code(tt.r.Err()); got != tt.code {
			t.Errorf("%s has code %s, want %s", tt.r, got, tt.code)
		}
		want := []Revocation{tt.r}
		if ended := Ended(want, c, a); (ended != nil) != tt.ends || ended != nil && *ended != tt.r {
			t.Errorf("%s: the first that ends it is %v", tt.r, ended)
		}
	}
}

// TestEndedIsTheFirst says: of several that end a call the first is the reason,
// and others change nothing.
func TestEndedIsTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.Permutation(append(everyWay(), Revocation{RevokeToken, "x"}, Revocation{RevokeAction, "model"}, Revocation{})).Draw(t, "list")
		list = list[:rapid.IntRange(0, len(list)).Draw(t, "length")]
		c, a := standing()
		var want *Revocation
		for i, r := range list {
			if r.Ends(c, a) {
				want = &list[i]
				break
			}
		}
		if got := Ended(list, c, a); got != want {
			t.Fatalf("%v: the first is %v, want %v", list, got, want)
		}
	})
}

func TestCheckRevocation(t *testing.T) {
	for _, r := range everyWay() {
		if err := CheckRevocation(r); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
	for _, r := range []Revocation{
		{}, {"everything", ""}, {"Job", "job-1"}, {RevokeToken, ""}, {RevokeToken, strings.Repeat("x", 257)}, {RevokeToken, "a\nb"}, {RevokeToken, "a b"},
		{RevokeToken, "a\u2028b"}, {RevokeToken, "\x1b[2J"}, {RevokeJob, ""}, {RevokeJob, "../job"}, {RevokeJob, "JOB"}, {RevokeAgent, "a b"}, {RevokeAgent, "a\n"},
		{RevokePolicy, ""}, {RevokePolicy, pin.String()[7:]}, {RevokePolicy, strings.ToUpper(pin.String())}, {RevokeAction, ""}, {RevokeAction, "jira:"},
		{RevokeAction, ":write"}, {RevokeAction, "jira:delete"}, {RevokeAction, "jira issue"}, {RevokeAction, "jira\n"}, {RevokeAll, "all"},
	} {
		if err := CheckRevocation(r); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", r, err)
		}
	}
	for r, want := range map[Revocation]string{{RevokeJob, "job-1"}: "job:job-1", {RevokeAction, "jira:write"}: "action:jira:write", {Kind: RevokeAll}: "all"} {
		if got := r.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// FuzzRevocation says: what can be ordered is said in one line of visible
// characters, is as good after it was written and read, and never confuses who
// asks what it ends.
func FuzzRevocation(f *testing.F) {
	for _, r := range everyWay() {
		f.Add(r.Kind, r.Target)
	}
	f.Add(RevokeToken, "a\nb")
	f.Add(RevokeAction, "a.**.*:admin")
	f.Add("", "")
	c, a := standing()
	f.Fuzz(func(t *testing.T, kind, target string) {
		r := Revocation{kind, target}
		ends := r.Ends(c, a)
		if Code(r.Err()) == CodeUnknown {
			t.Fatalf("%q ends with no code", r)
		}
		if CheckRevocation(r) != nil {
			if ends && kind != RevokeAll && kind != RevokeAction {
				t.Fatalf("%q cannot be ordered, and ends", r)
			}
			return
		}
		if s := r.String(); strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) || !strings.HasPrefix(s, kind) {
			t.Fatalf("%q", s)
		}
		back := Revocation{}
		if err := seal.Decode([]byte(canonical(t, r)), &back); err != nil || back != r {
			t.Fatalf("%q reads as %q: %v", r, back, err)
		}
	})
}

// TestWhoOrdered says which names and keys a token may have: others are neither
// minted nor accepted, though a trusted issuer signed them.
func TestWhoOrdered(t *testing.T) {
	s, v, _ := testKey(t, "issuer", 1)
	p := boundPolicy(t, wpc, "id-")
	key := proofKey(t, 1).Thumbprint()
	_, minted := mint(t, s, p)
	for name, tt := range map[string]struct {
		change func(*Claims)
		ok     bool
	}{
		"nobody":                {func(*Claims) {}, true},
		"a client":              {func(c *Claims) { c.Client = "ci" }, true},
		"an identity":           {func(c *Claims) { c.Client = "github:repo:acme/app:ref:refs/heads/main" }, true},
		"the longest client":    {func(c *Claims) { c.Client = strings.Repeat("x", 200) }, true},
		"a client too long":     {func(c *Claims) { c.Client = strings.Repeat("x", 201) }, false},
		"a client of two words": {func(c *Claims) { c.Client = "c i" }, false},
		"a client of two lines": {func(c *Claims) { c.Client = "ci\n" }, false},
		"a client with tricks":  {func(c *Claims) { c.Client = "ci\u202e" }, false},
		"a key":                 {func(c *Claims) { c.Confirm = &Confirmation{key} }, true},
		"no key in cnf":         {func(c *Claims) { c.Confirm = &Confirmation{} }, false},
		"a short key":           {func(c *Claims) { c.Confirm = &Confirmation{key[:42]} }, false},
		"the house's own job":   {func(c *Claims) { c.Job = HouseJob }, false},
		"a job like it":         {func(c *Claims) { c.Job = "house-1" }, true},
	} {
		c := newClaims()
		tt.change(c)
		raw, _, err := Mint(s, p, catalog, p.Whole(catalog), c)
		if (err == nil) != tt.ok || (raw != "") != tt.ok {
			t.Errorf("%s: minting gives %q, %v", name, raw, err)
		}
		forged := *minted
		tt.change(&forged)
		got, err := Check(forge(t, s, header(s, ""), canonical(t, &forged)), house, issued, v)
		if tt.ok {
			if diff := cmp.Diff(&forged, got); diff != "" || err != nil {
				t.Errorf("%s: %v %s", name, err, diff)
			}
			continue
		}
		if !errors.Is(err, ErrMalformed) || got != nil {
			t.Errorf("%s: a token with it gives %v, %v", name, got, err)
		}
	}
	if got := (&Claims{}).Bound(); got != "" {
		t.Errorf("a plain bearer token is bound to %q", got)
	}
	if got := (&Claims{Confirm: &Confirmation{key}}).Bound(); got != key {
		t.Errorf("a token of %s is bound to %q", key, got)
	}
}
