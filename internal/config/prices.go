// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Price is what models cost. Policies limit what a job may cost
// ("max_cost_per_job") and how many tokens it may use; before a call is made, the
// most that it can come to is reserved. A call whose most is not known is denied
// where its policy limits it.
type Price struct {
	// Route is the provider's name.
	Route string `json:"route"`
	// Models is a model's name as policies say it, or a pattern of such names: "gpt-5*";
	// * stands for any run of characters. The first price that matches counts.
	Models string `json:"models"`
	// Input is the price of a million tokens of input. Where a provider has several,
	// for long requests or another tier of service, write the highest.
	Input *Money `json:"input"`
	// Output is the price of a million tokens of output, thinking included.
	Output *Money `json:"output"`
	// CacheRead is the price of a million tokens of input that the provider has in
	// its cache. Default Input.
	CacheRead *Money `json:"cache_read"`
	// CacheMade is the price of a million tokens of input that the provider puts into
	// its cache. Default Input.
	CacheMade *Money `json:"cache_made"`
	// Context is how many tokens of input the model takes. Optional. A call's input
	// is at most this, and at most a token for each byte of the request; only this
	// bounds requests that refer to what is not in them, such as a conversation that
	// the provider stores.
	Context int `json:"context"`
	// MaxOutput is how many tokens the model answers at most. Optional. It bounds
	// requests that do not say so themselves.
	MaxOutput int `json:"max_output"`
}

// Money is an amount in the house's currency, whichever that is, in millionths.
// It is written as a number of at most 6 decimals: 0.075.
type Money int

// maxMoney is one of the house's currency for each token.
const maxMoney = Money(1_000_000 * millionths)

const millionths = 1_000_000

// money is a number in its plain form, without exponent.
var money = regexp.MustCompile(`^(0|[1-9][0-9]{0,6})(?:\.([0-9]{1,6}))?$`)

// UnmarshalJSON reads an amount. Nothing is rounded.
func (m *Money) UnmarshalJSON(b []byte) error {
	parts := money.FindSubmatch(b)
	if parts == nil {
		return fmt.Errorf("%.40s is not an amount: a number of at most 6 decimals, without exponent", b)
	}
	text := string(parts[1]) + string(parts[2]) + strings.Repeat("0", 6-len(parts[2]))
	n, err := strconv.Atoi(text)
	if err != nil { // unreachable: 13 digits at most
		return err
	}
	*m = Money(n)
	return nil
}

// MarshalJSON writes the amount.
func (m Money) MarshalJSON() ([]byte, error) {
	s := fmt.Sprintf("%d.%06d", int(m)/millionths, int(m)%millionths)
	return []byte(strings.TrimSuffix(strings.TrimRight(s, "0"), ".")), nil
}

// maxTokens is far beyond any model, and small enough to reckon with.
const maxTokens = 1 << 30

var modelPattern = pattern{regexp.MustCompile(`^[A-Za-z0-9*][A-Za-z0-9._:/@*-]*$`), 200}

func (c *Config) checkPrices() *problem {
	for i := range c.Prices {
		p, at := &c.Prices[i], fmt.Sprintf("/prices/%d", i)
		if wrong := p.check(at); wrong != nil {
			return wrong
		}
		if !slices.ContainsFunc(c.Providers, func(m Provider) bool { return m.Name == p.Route }) {
			return &problem{at, "has no route that is among the providers", "write \"route\": a provider's name"}
		}
		for j := range c.Prices[:i] {
			if c.Prices[j].covers(p) {
				return &problem{at + "/models", fmt.Sprintf("is never reached: /prices/%d matches all of it, and the first counts", j), "put the narrower pattern first, or remove one"}
			}
		}
	}
	return nil
}

func (p *Price) check(at string) *problem {
	if !modelPattern.MatchString(p.Models) {
		return &problem{at, "has no models", "write \"models\": a model's name, or a pattern like \"gpt-5*\"; * alone is every model"}
	}
	if p.Input == nil || p.Output == nil {
		return &problem{at, "has no price of input, or none of output", "write \"input\" and \"output\", for a million tokens; 0 if it costs nothing"}
	}
	for _, m := range []*Money{p.Input, p.Output, p.CacheRead, p.CacheMade} {
		if m != nil && *m > maxMoney {
			return &problem{at, "costs more than 1 for a token", "write prices for a million tokens, in a larger unit of money"}
		}
	}
	for _, n := range []int{p.Context, p.MaxOutput} {
		if n < 0 || n > maxTokens {
			return &problem{at, "its context or its max_output is not a number of tokens", "write 1 to 1073741824, or leave it out"}
		}
	}
	return nil
}

// covers reports whether all that o matches is matched by p: a * of o is only
// matched by one of p.
func (p *Price) covers(o *Price) bool {
	wide := "^" + strings.ReplaceAll(regexp.QuoteMeta(p.Models), `\*`, ".*") + "$"
	return p.Route == o.Route && regexp.MustCompile(wide).MatchString(o.Models)
}
