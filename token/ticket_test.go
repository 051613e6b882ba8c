// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/policy"
)

// tickets are texts, and whether each can name a ticket.
var tickets = map[string]bool{
	"": true, "ENG-1": true, "INC0042": true, "7": true, "owner/repo#12": true, "a.b_c:d": true, strings.Repeat("x", 128): true,
	"-1": false, "#1": false, " ENG-1": false, "ENG-1 ": false, "ENG 1": false, "ENG-1\n": false, "\x1b[2J": false, "ÉNG-1": false,
	"ENG-1\u202e": false, "a\x00": false, "ENG-1;": false, strings.Repeat("x", 129): false,
}

// TestTicket says: a ticket goes into the claims and the record as it is, and
// what cannot name one is neither minted nor, signed by a trusted issuer all
// the same, accepted.
func TestTicket(t *testing.T) {
	s, v, _ := testKey(t, "issuer", 1)
	p := boundPolicy(t, wpc, "id-")
	_, minted := mint(t, s, p)
	for text, ok := range tickets {
		c := newClaims()
		c.Ticket = text
		raw, record, err := Mint(s, p, catalog, p.Whole(catalog), c)
		if (err == nil) != ok {
			t.Errorf("%.20q: minting gives %v", text, err)
		}
		if err != nil && (raw != "" || record != nil) {
			t.Errorf("%.20q: minted in spite of %v", text, err)
		}
		if ok && text != "" && !strings.Contains(string(record.Payload), `"ticket":"`+text+`"`) {
			t.Errorf("%.20q is not in the record %s", text, record.Payload)
		}
		forged := *minted
		forged.Ticket = text
		got, err := Check(forge(t, s, header(s, ""), canonical(t, &forged)), house, issued, v)
		if !ok {
			if !errors.Is(err, ErrMalformed) || got != nil {
				t.Errorf("%.20q: a token with it gives %v, %v", text, got, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%.20q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(&forged, got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestNoTicket says that a token without a ticket does not say one, so that
// tokens from before tickets are the same bytes.
func TestNoTicket(t *testing.T) {
	s, _, _ := testKey(t, "issuer", 1)
	_, c := mint(t, s, boundPolicy(t, wpc, "id-"))
	if strings.Contains(canonical(t, c), "ticket") {
		t.Error("the claims speak of a ticket")
	}
}

// emergency is wpc, for an emergency until ten minutes after the token is issued.
func emergency(t testing.TB, left time.Duration) *policy.Policy {
	t.Helper()
	marked := strings.Replace(wpc, `"wpc_version":"v1",`, `"wpc_version":"v1","break_glass":{"reason":"down","expires_at":"`+issued.Add(left).Format(time.RFC3339Nano)+`"},`, 1)
	return boundPolicy(t, marked, "id-")
}

// TestEmergencyEnds says that no token outlives the emergency that its policy
// is for, whether it is minted or checked.
func TestEmergencyEnds(t *testing.T) {
	s, _, _ := testKey(t, "issuer", 1)
	for name, tt := range map[string]struct {
		left, life time.Duration
		want       error
	}{
		"shorter":              {10 * time.Minute, 9 * time.Minute, nil},
		"to the end":           {10 * time.Minute, 10 * time.Minute, nil},
		"a second over":        {10 * time.Minute, 10*time.Minute + time.Second, ErrTTL},
		"half a second over":   {10*time.Minute - time.Second/2, 10 * time.Minute, ErrTTL},
		"policy's own bound":   {time.Hour, 15*time.Minute + time.Second, ErrTTL},
		"after the emergency":  {-time.Minute, time.Minute, ErrTTL},
		"over at the very end": {0, time.Second, ErrTTL},
	} {
		p := emergency(t, tt.left)
		c := newClaims()
		c.Expires = issued.Add(tt.life).Unix()
		_, _, err := Mint(s, p, catalog, p.Whole(catalog), c)
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: minting gives %v, want %v", name, err, tt.want)
		}
		if tt.want == nil {
			continue
		}
		// Claims of a careless issuer, all else in order.
		short := newClaims()
		short.Expires = short.Issued + 1
		good := emergency(t, time.Hour)
		if _, _, err := Mint(s, good, catalog, good.Whole(catalog), short); err != nil {
			t.Fatal(err)
		}
		short.Policy, short.Expires = p.Hash(), c.Expires
		if q, err := short.Fit(p); !errors.Is(err, tt.want) || q != nil {
			t.Errorf("%s: fitting gives %v, %v, want %v", name, q, err, tt.want)
		}
	}
}

const bounded = `{"wpc_version":"v1",
	"resources":{"spaces_allowlist":["ENG"],"spaces_denylist":["HR"]},
	"actions":{"read":{"allowed":true,"max_pages_per_job":9},"write":{"allowed":true,"max_writes_per_job":5}},
	"allow":{"projects":["ENG"],"issue_types":["Task","Bug"],"operations":["issue.get"]}}`

// TestScopeOfBounds says that the scope hash depends on every bound that a
// grant can narrow or a binding can move.
func TestScopeOfBounds(t *testing.T) {
	s, _, _ := testKey(t, "issuer", 1)
	p := boundPolicy(t, bounded, "id-")
	mintWith := func(g policy.Grant) *Claims {
		c := newClaims()
		if _, _, err := Mint(s, p, catalog, g, c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	whole := mintWith(p.Whole(catalog))
	if diff := cmp.Diff(map[string]int{"pages": 9, "writes": 5}, whole.Grant().Limits); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"confluence:ENG", "jira:ENG/Bug", "jira:ENG/Task", "jira:ENG"}, whole.Grant().Resources); diff != "" {
		t.Error(diff)
	}
	seen := map[string]string{whole.Scope.String(): "the whole"}
	for name, narrow := range map[string]func(*policy.Grant){
		"fewer writes": func(g *policy.Grant) { g.Limits = map[string]int{"writes": 4} },
		"no writes":    func(g *policy.Grant) { g.Limits = map[string]int{"writes": 0} },
		"one type":     func(g *policy.Grant) { g.Resources = []string{"confluence:ENG", "jira:ENG", "jira:ENG/Task"} },
	} {
		g := p.Whole(catalog)
		narrow(&g)
		c := mintWith(g)
		if other, ok := seen[c.Scope.String()]; ok {
			t.Errorf("%s and %s have one scope", name, other)
		}
		seen[c.Scope.String()] = name
		if _, err := c.Fit(p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.Details[0].Grant = whole.Grant()
		if _, err := c.Fit(p); !errors.Is(err, ErrScope) {
			t.Errorf("%s: widened afterwards, it gives %v", name, err)
		}
	}
	if _, err := whole.Fit(rebound(t, "HR")); !errors.Is(err, ErrScope) {
		t.Errorf("a denied space leads elsewhere: %v", err)
	}
	if _, err := whole.Fit(rebound(t, "ENG/Task")); !errors.Is(err, ErrScope) {
		t.Errorf("an issue type leads elsewhere: %v", err)
	}
	if _, err := whole.Fit(rebound(t, "nothing")); err != nil {
		t.Error(err)
	}
	c := newClaims()
	if _, _, err := Mint(s, p, catalog, policy.Grant{Resources: []string{"confluence:HR"}}, c); !errors.Is(err, policy.ErrGrant) {
		t.Errorf("a denied space is granted: %v", err)
	}
}

// rebound is the bounded policy, one of its names leading elsewhere.
func rebound(t *testing.T, name string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(bounded))
	if err != nil {
		t.Fatal(err)
	}
	b := &policy.Binding{Policy: p.Hash(), At: issued}
	for _, n := range p.Names() {
		id := "id-" + n.Name
		if n.Name == name {
			id = "elsewhere"
		}
		b.Names = append(b.Names, policy.Bound{Name: n, Site: "https://example.atlassian.net", ID: id})
	}
	if p, err = p.Bind(b); err != nil {
		t.Fatal(err)
	}
	return p
}
