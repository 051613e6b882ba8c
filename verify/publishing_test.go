// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/sim/authenticator"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

const (
	prodPolicy  = `{"environment": "prod", "tool_policy": {"allow": ["repo.diff"]}, "wpc_version": "v1"}`
	hastyPolicy = `{"break_glass": {"expires_at": "2026-09-02T07:00:00Z", "reason": "the pager does not stop"}, "environment": "prod",
		"tool_policy": {"allow": ["repo.diff"]}, "wpc_version": "v1"}`
)

// governed is one call under a policy of a house with environments, whoever has
// signed it: author writes policies; dev takes one approval, prod two, an
// emergency three, of approver, ann, ben and author.
func governed(t testing.TB, src string, signers func(h *house) []key) (*house, *bundle.Bundle) {
	h := newHouse(t)
	h.rules = func(x *verify.Trust) {
		x.Authors = []string{h.author.public}
		all := []string{h.author.public, h.approver.public, h.ann.public, h.ben.public}
		x.Environments = map[string]verify.Quorum{"dev": {Approvers: all[3:], Required: 1}, "prod": {Approvers: all[:3], Required: 2}}
		x.BreakGlass = &verify.Emergency{Quorum: verify.Quorum{Approvers: all, Required: 3}, Longest: 24 * 3600}
	}
	raw := h.mint(h.publishAs(src, signers(h)...), smallJob, "t1", time.Minute, nil)
	h.do(raw, request(diff, "d", policy.Call{}, done("r", nil), nil), nil)
	return h, h.export(smallJob, 2)
}

func TestGoverned(t *testing.T) {
	for name, x := range map[string]struct {
		src         string
		signers     func(h *house) []key
		fails, warn []string
	}{
		"approved":                       {prodPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ann} }, nil, nil},
		"approved in another order":      {prodPolicy, func(h *house) []key { return []key{h.ann, h.author, h.approver} }, nil, nil},
		"approved by dev's as well":      {prodPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ann, h.ben} }, nil, nil},
		"by its author alone":            {prodPolicy, func(h *house) []key { return []key{h.author} }, fails("policy.approvals"), nil},
		"by dev's approver":              {prodPolicy, func(h *house) []key { return []key{h.author, h.ben} }, fails("policy.approvals"), nil},
		"prod's instead of dev's":        {strings.Replace(prodPolicy, "prod", "dev", 1), func(h *house) []key { return []key{h.author, h.approver, h.ann} }, fails("policy.approvals"), nil},
		"dev's for dev":                  {strings.Replace(prodPolicy, "prod", "dev", 1), func(h *house) []key { return []key{h.author, h.ben} }, nil, nil},
		"an author's own":                {prodPolicy, func(h *house) []key { return []key{h.author, h.approver} }, fails("policy.self"), nil},
		"no author":                      {prodPolicy, func(h *house) []key { return []key{h.approver, h.ann} }, fails("policy.signature", "receipt.policy"), nil},
		"a stranger as well":             {prodPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ann, h.stranger} }, fails("policy.signature", "receipt.policy"), nil},
		"for an environment not there":   {strings.Replace(prodPolicy, "prod", "test", 1), func(h *house) []key { return []key{h.author, h.approver, h.ann} }, fails("policy.environment"), nil},
		"for no environment":             {smallPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ann} }, fails("policy.environment"), nil},
		"emergency":                      {hastyPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ann, h.ben} }, nil, fails("policy.emergency")},
		"emergency with prod's approval": {hastyPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ben} }, fails("policy.self"), fails("policy.emergency")},
		"emergency by one":               {hastyPolicy, func(h *house) []key { return []key{h.author, h.ben} }, fails("policy.approvals"), fails("policy.emergency")},
		"emergency for too long":         {strings.Replace(hastyPolicy, "07:00:00", "07:00:01", 1), func(h *house) []key { return []key{h.author, h.approver, h.ann, h.ben} }, fails("policy.expiry"), fails("policy.emergency")},
	} {
		h, b := governed(t, x.src, x.signers)
		r := check(h, b)
		if d := cmp.Diff(x.fails, codes(r, verify.Fail)); d != "" || r.Verified() != (x.fails == nil) {
			t.Errorf("%s: verified %t, failing codes (-want +got):\n%s\n%v", name, r.Verified(), d, r.Findings)
		}
		if d := cmp.Diff(x.warn, codes(r, verify.Warn)); d != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", name, d)
		}
		unread := slices.Contains(x.fails, "policy.signature") // then there is nothing to say of it
		if passed := slices.Contains(codes(r, verify.Pass), "policy.approvals"); passed != (!unread && !slices.Contains(x.fails, "policy.approvals")) {
			t.Errorf("%s: approvals pass: %t", name, passed)
		}
	}
}

// An emergency's warning says why, until when and how often.
func TestEmergencyIsTold(t *testing.T) {
	h, b := governed(t, hastyPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ann, h.ben} })
	for _, f := range check(h, b).Findings {
		if f.Code == "policy.emergency" {
			for _, want := range []string{"the pager does not stop", "until 2026-09-02T07:00:00Z", "decided under it: 1"} {
				if !strings.Contains(f.Text, want) {
					t.Errorf("%q does not say %q", f.Text, want)
				}
			}
		}
	}
}

// What the auditor knows of the house decides, not what the house did.
func TestGovernedTrust(t *testing.T) {
	all := func(h *house) []key { return []key{h.author, h.approver, h.ann, h.ben} }
	tests := []struct {
		name, src string
		edit      func(*verify.Trust)
		want      []string
	}{
		{"one more is required", prodPolicy, func(x *verify.Trust) {
			x.Environments["prod"] = verify.Quorum{Approvers: append(slices.Clone(x.Environments["prod"].Approvers), x.People[1]), Required: 3}
		}, nil},
		{"an approver is an author", prodPolicy, func(x *verify.Trust) {
			x.Authors, x.BreakGlass = append(x.Authors, x.People[0]), nil
			x.Environments["prod"] = verify.Quorum{Approvers: append(slices.Clone(x.Environments["prod"].Approvers), x.Gates[0]), Required: 2}
		}, fails("policy.self")},
		{"an approver has gone", prodPolicy, func(x *verify.Trust) {
			delete(x.Environments, "dev")
			x.BreakGlass = nil
		}, fails("policy.signature", "receipt.policy")},
		{"no environments", prodPolicy, func(x *verify.Trust) {
			x.Authors = append(x.Authors, x.Environments["prod"].Approvers[1:]...)
			x.Authors = append(x.Authors, x.People[1])
			x.Environments, x.BreakGlass = nil, nil
		}, fails("policy.environment")},
		{"no emergencies", hastyPolicy, func(x *verify.Trust) { x.BreakGlass = nil }, fails("policy.expiry")},
		{"shorter emergencies", hastyPolicy, func(x *verify.Trust) { x.BreakGlass.Longest-- }, fails("policy.expiry")},
		{"more required than there are", prodPolicy, func(x *verify.Trust) {
			x.Environments["dev"] = verify.Quorum{Approvers: x.Environments["dev"].Approvers, Required: 2}
		}, fails("trust.malformed")},
		{"nothing required", prodPolicy, func(x *verify.Trust) {
			x.Environments["dev"] = verify.Quorum{Approvers: x.Environments["dev"].Approvers}
		}, fails("trust.malformed")},
	}
	for _, x := range tests {
		h, b := governed(t, x.src, all)
		trust := h.trust()
		x.edit(trust)
		r := verify.Bundle(must(b.Marshal()), trust, verify.Expect{})
		if d := cmp.Diff(x.want, codes(r, verify.Fail)); d != "" {
			t.Errorf("%s: failing codes (-want +got):\n%s\n%v", x.name, d, r.Findings)
		}
	}
}

func TestParseTrustWithApprovals(t *testing.T) {
	h, _ := governed(t, prodPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ann} })
	want := h.trust()
	want.Format = verify.TrustFormat
	file := string(must(h.trust().Marshal()))
	got, err := verify.ParseTrust([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("trust (-want +got):\n%s", d)
	}
	h.rules = nil
	if plain := string(must(h.trust().Marshal())); strings.Contains(plain, "environments") || strings.Contains(plain, "break_glass") {
		t.Errorf("a house without environments says %s", plain)
	}
	for name, s := range map[string]string{
		"an unknown name":         strings.Replace(file, `"required":1`, `"needed":1`, 1),
		"a quorum of none":        strings.Replace(file, `"required":1`, `"required":0`, 1),
		"a quorum of too many":    strings.Replace(file, `"required":1`, `"required":9`, 1),
		"a quorum of a half":      strings.Replace(file, `"required":1`, `"required":1.5`, 1),
		"an emergency for ever":   strings.Replace(file, `"longest_seconds":86400`, `"longest_seconds":2592001`, 1),
		"an emergency of no time": strings.Replace(file, `"longest_seconds":86400`, `"longest_seconds":0`, 1),
		"a text for a number":     strings.Replace(file, `"longest_seconds":86400`, `"longest_seconds":"24h"`, 1),
		"a key that is none":      strings.Replace(file, `"approvers":["`, `"approvers":["x`, 1),
	} {
		if s == file {
			t.Errorf("%s: the test changes nothing", name)
		}
		if _, err := verify.ParseTrust([]byte(s)); !errors.Is(err, verify.ErrTrust) {
			t.Errorf("%s: got %v, want ErrTrust", name, err)
		}
	}
}

const (
	auditPolicy   = `{"audit": {"require_proof_bundle": true}, "tool_policy": {"allow": ["repo.diff"]}, "wpc_version": "v1"}`
	onWritePolicy = `{"attestation": {"require_proof_bundle_on_write": true}, "actions": {"read": {"allowed": true}, "write": {"allowed": true}},
		"resources": {"spaces_allowlist": ["ENG"]}, "wpc_version": "v1"}`
)

// audited is one call under a policy that requires a bundle of every job.
func audited(t testing.TB) (*house, *bundle.Bundle) {
	h := newHouse(t)
	raw := h.mint(h.publish(auditPolicy), smallJob, "t1", time.Minute, nil)
	h.do(raw, request(diff, "d", policy.Call{}, done("r", nil), nil), nil)
	return h, h.export(smallJob, 2)
}

// wrote is a page read, and then changed if a write is given, under a policy
// that requires a bundle of jobs that write.
func wrote(t testing.TB, writes bool) (*house, *bundle.Bundle) {
	h := newHouse(t)
	raw := h.mint(h.publish(onWritePolicy), smallJob, "t1", time.Minute, nil)
	c := policy.Call{Resources: []policy.Resource{page("11", "x")}}
	h.do(raw, request(pageGet, "{}", c, done("r", nil), nil), nil)
	if writes {
		h.do(raw, request(pageUpdate, "{}", c, done("ok", nil), nil), nil)
	}
	return h, h.export(smallJob, len(h.book.lines[smallJob]))
}

func TestWholeBundle(t *testing.T) {
	reads := func(t testing.TB) (*house, *bundle.Bundle) { return wrote(t, false) }
	changes := func(t testing.TB) (*house, *bundle.Bundle) { return wrote(t, true) }
	noLog := func(h *house, b *bundle.Bundle) { b.Log = nil }
	behind := func(h *house, b *bundle.Bundle) { b.Log.Proofs = b.Log.Proofs[:1] }
	noStanding := func(h *house, b *bundle.Bundle) { b.Standing = nil }
	open := func(h *house, b *bundle.Bundle) { *b = *h.export(smallJob, len(b.Receipts)-1) }
	for name, x := range map[string]struct {
		make func(testing.TB) (*house, *bundle.Bundle)
		edit func(*house, *bundle.Bundle)
		want []string
		warn []string
	}{
		"whole":                            {audited, func(*house, *bundle.Bundle) {}, nil, nil},
		"without log":                      {audited, noLog, fails("policy.bundle"), fails("log.missing")},
		"log behind":                       {audited, behind, fails("policy.bundle"), fails("log.missing")},
		"without standing":                 {audited, noStanding, fails("policy.bundle", "standing.missing"), nil},
		"a reading left open":              {audited, open, nil, fails("receipt.unclosed")},
		"of a job that wrote":              {changes, func(*house, *bundle.Bundle) {}, nil, nil},
		"of a job that wrote, without log": {changes, noLog, fails("policy.bundle"), fails("log.missing")},
		"of a job that wrote, log behind":  {changes, behind, fails("policy.bundle"), fails("log.missing")},
		"a write left open":                {changes, open, fails("policy.bundle"), fails("receipt.unclosed")},
		"of a job that read":               {reads, noLog, nil, fails("log.missing")},
		"of a job that read, left open":    {reads, open, nil, fails("receipt.unclosed")},
		"a log of nobody":                  {audited, func(h *house, b *bundle.Bundle) { b.Log.Checkpoint = h.note(checkpointText(b), h.stranger) }, fails("log.signature", "policy.bundle"), nil},
		"where nothing is required":        {smallStory, noLog, nil, fails("log.missing")},
		"a proof that leads elsewhere":     {audited, func(h *house, b *bundle.Bundle) { b.Log.Proofs[1].Index++ }, fails("log.proof", "policy.bundle"), nil},
	} {
		h, b := x.make(t)
		x.edit(h, b)
		r := check(h, b)
		if d := cmp.Diff(x.want, codes(r, verify.Fail)); d != "" {
			t.Errorf("%s: failing codes (-want +got):\n%s\n%v", name, d, r.Findings)
		}
		if d := cmp.Diff(x.warn, codes(r, verify.Warn)); d != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", name, d)
		}
	}
}

// A write that was denied, or asked for, is no reason to require a bundle.
func TestWholeBundleOfADeniedWrite(t *testing.T) {
	h := newHouse(t)
	src := strings.Replace(onWritePolicy, `"write": {"allowed": true}`, `"write": {"allowed": false, "approval_gate": "required"}`, 1)
	raw := h.mint(h.publish(src), smallJob, "t1", time.Minute, nil)
	h.do(raw, request(pageUpdate, "{}", policy.Call{Resources: []policy.Resource{page("11", "x")}}, nil, nil), &gate.Pending{})
	h.do(raw, request(pageUpdate, "{}", policy.Call{Resources: []policy.Resource{elsewhere}}, nil, nil), &gate.Denied{})
	b := h.export(smallJob, 2)
	b.Log = nil
	if r := check(h, b); !r.Verified() {
		t.Errorf("not verified: %v", r.Findings)
	}
}

// A write under another policy is none of this one's business.
func TestWholeBundleOfAnotherPolicysWrite(t *testing.T) {
	for src, want := range map[string][]string{strings.Replace(onWritePolicy, "true}, \"actions\"", "false}, \"actions\"", 1): nil, onWritePolicy + " ": fails("policy.bundle")} {
		h := newHouse(t)
		c := policy.Call{Resources: []policy.Resource{page("11", "x")}}
		reader := h.mint(h.publish(onWritePolicy), smallJob, "t1", time.Minute, nil)
		h.do(reader, request(pageGet, "{}", c, done("r", nil), nil), nil)
		writer := h.mint(h.publish(src), smallJob, "t2", time.Minute, nil)
		h.do(writer, request(pageUpdate, "{}", c, done("ok", nil), nil), nil)
		b := h.export(smallJob, 4)
		b.Log = nil
		if d := cmp.Diff(want, codes(check(h, b), verify.Fail)); d != "" {
			t.Errorf("failing codes (-want +got):\n%s", d)
		}
	}
}

// governing are the vectors of clauses 3.13 to 3.16.
var governing = []vector{
	{"3.13-receipts-required", "Where a policy requires receipts, a chain that lacks one fails the policy too.", edited(func(t testing.TB) (*house, *bundle.Bundle) {
		h := newHouse(t)
		raw := h.mint(h.publish(`{"attestation": {"require_gateway_receipts": true}, "tool_policy": {"allow": ["repo.diff"]}, "wpc_version": "v1"}`), smallJob, "t1", time.Minute, nil)
		h.do(raw, request(diff, "d", policy.Call{}, done("r", nil), nil), nil)
		return h, h.export(smallJob, 2)
	}, func(h *house, b *bundle.Bundle) {
		b.Receipts, b.Log.Proofs, b.Disclosures = b.Receipts[:1], b.Log.Proofs[:1], b.Disclosures[:1]
	}), nil},
	{"3.14-whole", "A whole bundle of a job that needs one verifies.", edited(audited, nil), nil},
	{"3.14-no-proofs", "Where a policy requires a bundle, one without the log's proofs fails.", edited(audited, func(h *house, b *bundle.Bundle) { b.Log = nil }), nil},
	{"3.14-no-standing", "Where a policy requires a bundle, one without a standing fails.", edited(audited, func(h *house, b *bundle.Bundle) { b.Standing = nil }), nil},
	{"3.14-write-unclosed", "Where a policy requires a bundle on writing, a write that is left open fails.", edited(func(t testing.TB) (*house, *bundle.Bundle) { return wrote(t, true) }, func(h *house, b *bundle.Bundle) { *b = *h.export(smallJob, 3) }), nil},
	{"3.14-write-no-proofs", "Where a policy requires a bundle on writing, a job that wrote fails without the log's proofs.", edited(func(t testing.TB) (*house, *bundle.Bundle) { return wrote(t, true) }, func(h *house, b *bundle.Bundle) { b.Log = nil }), nil},
	{"3.14-only-read", "Where a policy requires a bundle on writing, a job that only read is worth a warning.", edited(func(t testing.TB) (*house, *bundle.Bundle) { return wrote(t, false) }, func(h *house, b *bundle.Bundle) { b.Log = nil }), nil},
	{"3.15-approved", "A policy that an author and two approvers signed is published, where two are required.", governedBy(prodPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ann} }), nil},
	{"3.15-too-few", "An approver of another environment does not make up for one of this.", governedBy(strings.Replace(prodPolicy, "prod", "dev", 1), func(h *house) []key { return []key{h.author, h.ann} }), nil},
	{"3.15-own-approval", "An author's own approval does not count.", governedBy(prodPolicy, func(h *house) []key { return []key{h.author, h.ann} }), nil},
	{"3.15-no-author", "Approvers alone publish nothing.", governedBy(prodPolicy, func(h *house) []key { return []key{h.approver, h.ann} }), nil},
	{"3.15-other-environment", "A policy for an environment that the auditor does not know is approved by nobody.", governedBy(strings.Replace(prodPolicy, "prod", "test", 1), func(h *house) []key { return []key{h.author, h.approver, h.ann} }), nil},
	{"3.15-no-environment", "Where there are environments, a policy names one.", governedBy(smallPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ann} }), nil},
	{"3.15-emergency-too-long", "A policy for an emergency ends in its time, counted from its publication.", governedBy(strings.Replace(hastyPolicy, "07:00:00", "07:00:01", 1), func(h *house) []key { return []key{h.author, h.approver, h.ann, h.ben} }), nil},
	{"3.15-emergency-too-few", "An emergency takes its own approvers.", governedBy(hastyPolicy, func(h *house) []key { return []key{h.author, h.ben} }), nil},
	{"3.15-passkeys", "Authors and approvers may sign with passkeys.", passkeyedBy(func(h *house) []key { return []key{h.passkey("author"), h.passkey("ben"), h.ann} }), nil},
	{"3.15-own-passkey", "An author's passkey is the author's, though their other key has signed as author.", passkeyedBy(func(h *house) []key { return []key{h.author, h.passkey("Author"), h.ann} }), nil},
	{"3.15-own-key-as-passkey", "A key is the same key as a passkey by another name.", passkeyedBy(func(h *house) []key { return []key{h.author, h.passkeyOf("carol", "author"), h.ann} }), nil},
	{"3.15-one-person-twice", "Two keys of one person are one approval.", passkeyedBy(func(h *house) []key { return []key{h.author, h.ben, h.passkey("ben")} }), nil},
	{"3.16-emergency", "A job under a policy for an emergency verifies with a warning.", governedBy(hastyPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ann, h.ben} }), nil},
}

func governedBy(src string, signers func(h *house) []key) func(testing.TB) (*house, *bundle.Bundle) {
	return func(t testing.TB) (*house, *bundle.Bundle) { return governed(t, src, signers) }
}

// passkeyOf is a passkey of name's whose bytes are those of the key file of another.
func (h *house) passkeyOf(name, of string) key {
	seed := sha256.Sum256([]byte("test key of " + of))
	a := must(authenticator.New(bytes.NewReader(seed[:]), name, "house.example", seal.EdDSA))
	return key{a, a.Public}
}

func (h *house) passkey(name string) key { return h.passkeyOf(name, "passkey of "+name) }

// passkeyed is one call under a policy of a house some of whose people have passkeys:
// two of prod's approvers approve, of whom ben has two keys, and authors are listed by other keys of theirs.
func passkeyed(t testing.TB, signers func(h *house) []key) (*house, *bundle.Bundle) {
	h := newHouse(t)
	h.rules = func(x *verify.Trust) {
		x.Authors = []string{h.author.public, h.passkey("author").public}
		x.Environments = map[string]verify.Quorum{"prod": {Required: 2, Approvers: []string{
			h.ann.public, h.ben.public, h.passkey("ben").public, h.passkey("Author").public, h.passkeyOf("carol", "author").public,
		}}}
	}
	raw := h.mint(h.publishAs(prodPolicy, signers(h)...), smallJob, "t1", time.Minute, nil)
	h.do(raw, request(diff, "d", policy.Call{}, done("r", nil), nil), nil)
	return h, h.export(smallJob, 2)
}

func passkeyedBy(signers func(h *house) []key) func(testing.TB) (*house, *bundle.Bundle) {
	return func(t testing.TB) (*house, *bundle.Bundle) { return passkeyed(t, signers) }
}
