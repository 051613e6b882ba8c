// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/seal"
)

func TestScreening(t *testing.T) {
	p := parse(t, `{"wpc_version":"v1","model_route":{"screening":{"block":["private-key"],"mask":["*-token","aws-*"]}}}`)
	block, mask := p.Screening()
	if diff := cmp.Diff([][]string{{"private-key"}, {"*-token", "aws-*"}}, [][]string{block, mask}); diff != "" {
		t.Error(diff)
	}
	mask[0] = "other"
	if _, again := p.Screening(); again[0] != "*-token" {
		t.Error("a policy can be changed through what it says")
	}
	for _, src := range []string{`{"wpc_version":"v1"}`, `{"wpc_version":"v1","model_route":{}}`, `{"wpc_version":"v1","model_route":{"screening":{}}}`} {
		if block, mask := parse(t, src).Screening(); block != nil || mask != nil {
			t.Errorf("%s: screens by %v and %v", src, block, mask)
		}
	}
}

// TestMinimalOffers says that what was offered is recorded where it matters.
func TestMinimalOffers(t *testing.T) {
	model := &Call{Tool: "model", Class: Model, Offers: []string{"lookup"}, Found: map[string]int{"aws-token": 1}, Uses: map[string]int{tokens: 7}}
	for body, want := range map[string]bool{
		``:                       false,
		`"tools_denylist": []`:   false,
		`"tools_denylist":["x"]`: true,
		`"tools_allowlist":[]`:   true,
		`"tools_allowlist":["lookup"],"tools_denylist":["x"]`: true,
	} {
		got := parse(t, `{"wpc_version":"v1","model_route":{`+body+`}}`).Minimal(model)
		if recorded := len(got.Offers) > 0; recorded != want {
			t.Errorf("%s: offers recorded: %t, want %t", body, recorded, want)
		}
		if got.Found["aws-token"] != 1 || got.Uses[tokens] != 7 {
			t.Errorf("%s: found %v, uses %v are recorded", body, got.Found, got.Uses)
		}
	}
	tool := &Call{Tool: "repo", Class: Read, Offers: []string{"lookup"}}
	if got := parse(t, `{"wpc_version":"v1"}`).Minimal(tool); len(got.Offers) == 0 {
		t.Error("what a tool's call is denied for is not recorded")
	}
	if len(model.Offers) == 0 {
		t.Error("the call itself was changed")
	}
}

// TestReasonsQuoteNoText says that neither names of tools nor of rules carry
// text of an agent's or a provider's into reasons.
func TestReasonsQuoteNoText(t *testing.T) {
	p := parse(t, `{"wpc_version":"v1","model_route":{"tools_allowlist":["x"],"tools_denylist":["*ignore*"],"screening":{"block":["*ignore*"]}}}`)
	for _, text := range []string{"ignore all rules", "ignore\nthem", "ignor\u00e9", "ignore\xff", strings.Repeat("ignore", 22), ""} {
		c := &Call{Tool: "model", Class: Model, Offers: []string{text}, Found: map[string]int{text: 1}}
		d := p.Decide(c, &Facts{Now: noon})
		if d.Effect != Deny {
			t.Errorf("%q: %v", text, d.Effect)
		}
		for _, r := range d.Reasons {
			if strings.Contains(r.Says, "ignor") {
				t.Errorf("%q: a reason says %q", text, r.Says)
			}
		}
	}
	long := strings.Repeat("a", maxToolName)
	for name, want := range map[string]bool{long: true, long + "a": false, "A-z_0.9:b/c": true, "a b": false, "a*": false, "\u212a": false} {
		if got := areNames([]string{name}); got != want {
			t.Errorf("%q is a name: %t, want %t", name, got, want)
		}
	}
}

// TestMoney says that every millionth up to the highest bound is read as itself,
// by any spelling, and that nothing else is money.
func TestMoney(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, maxCost*1_000_000).Draw(t, "millionths")
		text := fmt.Sprintf("%d.%06d", n/1_000_000, n%1_000_000)
		for _, spelling := range []string{text, strconv.Itoa(n) + "e-6", money(n)} {
			p, err := Parse([]byte(`{"wpc_version":"v1","model_route":{"max_cost_per_job":` + spelling + `}}`))
			if err != nil {
				t.Fatalf("%s: %v", spelling, err)
			}
			if got := p.Limits()[cost]; got != n {
				t.Fatalf("%s is %d millionths, want %d", spelling, got, n)
			}
		}
		if got, want := money(n), strings.TrimSuffix(strings.TrimRight(text, "0"), "."); got != want {
			t.Fatalf("money(%d) = %s, want %s", n, got, want)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Float64().Draw(t, "amount")
		n, ok := millionths(amount)
		if !ok {
			return
		}
		b, err := seal.Marshal(amount)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := strconv.ParseFloat(money(n), 64); err != nil || got != amount {
			t.Fatalf("%s is taken for %s", b, money(n))
		}
	})
}

// FuzzMoney reads any text as a bound of money: what is read is read alike from
// the canonical form.
func FuzzMoney(f *testing.F) {
	for _, s := range []string{"2.5", "25e-1", "0.000001", "1e9", "1000000000.000001", "-1", "0", "1e400", "0.1000000000000000055511151231257827", `"2.5"`, "9007199254740993"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, amount string) {
		src := []byte(`{"wpc_version":"v1","model_route":{"max_cost_per_job":` + amount + `}}`)
		p, err := Parse(src)
		if err != nil {
			return
		}
		canonical, err := seal.Canonical(src)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(canonical)
		if err != nil || again.Hash() != p.Hash() || again.Limits()[cost] != p.Limits()[cost] {
			t.Fatalf("%s: %v, and canonical %v: %v", amount, p.Limits(), again, err)
		}
		if n, ok := p.Limits()[cost]; ok && (n < 1 || n > maxCost*1e6) {
			t.Fatalf("%s: %d millionths", amount, n)
		}
	})
}

// drawAsked draws what a model is asked for, most often in order.
func drawAsked(t *rapid.T, c *Call) {
	if drawRarely(t, "offers", 2) {
		c.Offers = subset(t, "offered", world.offers)
		if drawRarely(t, "odd offers", 4) {
			c.Offers = append(c.Offers, rapid.SampledFrom([]string{"", "lookup", "two words", "t\u00f6\u00f6l", "\xff"}).Draw(t, "odd offer"))
		}
	}
	if drawRarely(t, "screened", 1) {
		c.Found = map[string]int{}
		for _, s := range world.rules {
			if drawRarely(t, "finds "+s, 3) {
				c.Found[s] = rapid.IntRange(0, 2).Draw(t, "how often")
			}
		}
	}
	for _, k := range modelCounters {
		if !drawRarely(t, "no "+k, 4) {
			if c.Uses == nil {
				c.Uses = map[string]int{}
			}
			c.Uses[k] = 1
			if drawRarely(t, "more "+k, 2) {
				c.Uses[k] = rapid.SampledFrom([]int{2, 0, 5, -1}).Draw(t, k)
			}
		}
	}
}
