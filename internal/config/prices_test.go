// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

func priced(prices string) string {
	return `{"providers": [{"name": "m", "dialect": "openai", "base_url": "https://m.example/v1", "key": "env:K"}], "prices": [` + prices + `]}`
}

func TestPrices(t *testing.T) {
	c, err := load(t, priced(`
		{"route": "m", "models": "small-*", "input": 0.075, "output": 0.30, "cache_read": 0, "cache_made": 1000000, "context": 200000, "max_output": 1073741824},
		{"route": "m", "models": "*", "input": 0.000001, "output": 12},
	`))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Prices) != 2 {
		t.Fatalf("%d prices", len(c.Prices))
	}
	small, rest := c.Prices[0], c.Prices[1]
	if *small.Input != 75_000 || *small.Output != 300_000 || *small.CacheRead != 0 || *small.CacheMade != maxMoney || small.Context != 200_000 || small.MaxOutput != maxTokens {
		t.Errorf("%+v", small)
	}
	if *rest.Input != 1 || *rest.Output != 12*millionths || rest.CacheRead != nil || rest.CacheMade != nil || rest.Context != 0 || rest.MaxOutput != 0 {
		t.Errorf("%+v", rest)
	}
}

func TestPricesSayWhatIsWrong(t *testing.T) {
	const money = `"input": 1, "output": 2`
	for _, c := range []struct {
		name, text string
		at, says   string
	}{
		{"no route", `{"models": "*", ` + money + `}`, "/prices/0", "has no route"},
		{"another route", `{"route": "n", "models": "*", ` + money + `}`, "/prices/0", "has no route"},
		{"no models", `{"route": "m", ` + money + `}`, "/prices/0", "has no models"},
		{"odd models", `{"route": "m", "models": "a b", ` + money + `}`, "/prices/0", "has no models"},
		{"no input", `{"route": "m", "models": "*", "output": 1}`, "/prices/0", "no price of input"},
		{"no output", `{"route": "m", "models": "*", "input": 1}`, "/prices/0", "none of output"},
		{"null", `{"route": "m", "models": "*", "input": null, "output": 1}`, "/prices/0", "no price of input"},
		{"money back", `{"route": "m", "models": "*", "input": -1, "output": 1}`, "/prices/0/input", "-1 is not an amount"},
		{"seven decimals", `{"route": "m", "models": "*", "input": 0.0000001, "output": 1}`, "/prices/0/input", "is not an amount"},
		{"exponent", `{"route": "m", "models": "*", "input": 1e3, "output": 1}`, "/prices/0/input", "is not an amount"},
		{"text", `{"route": "m", "models": "*", "input": "1", "output": 1}`, "/prices/0/input", "is not an amount"},
		{"too dear", `{"route": "m", "models": "*", "input": 1, "output": 1000000.000001}`, "/prices/0", "more than 1 for a token"},
		{"far too dear", `{"route": "m", "models": "*", "input": 1, "output": 1, "cache_made": 99999999}`, "/prices/0/cache_made", "is not an amount"},
		{"negative context", `{"route": "m", "models": "*", ` + money + `, "context": -1}`, "/prices/0", "not a number of tokens"},
		{"endless output", `{"route": "m", "models": "*", ` + money + `, "max_output": 1073741825}`, "/prices/0", "not a number of tokens"},
		{"twice", `{"route": "m", "models": "a", ` + money + `}, {"route": "m", "models": "a", ` + money + `}`, "/prices/1/models", "/prices/0 matches all of it"},
		{"out of reach", `{"route": "m", "models": "a*", ` + money + `}, {"route": "m", "models": "a.b*c", ` + money + `}`, "/prices/1/models", "never reached"},
		{"unknown field", `{"route": "m", "models": "*", ` + money + `, "inputs": 1}`, "/prices/0/inputs", "unknown field"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, priced(c.text))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			what, mend, two := strings.Cut(err.Error(), "\n")
			if !two || mend == "" || strings.Contains(mend, "\n") {
				t.Errorf("not two lines: %q", err)
			}
			if !strings.Contains(what, c.at+": ") || !strings.Contains(what, c.says) {
				t.Errorf("got %q, want it to say %q at %q", what, c.says, c.at)
			}
		})
	}
}

// A pattern is out of reach only where an earlier one matches all that it does.
func TestPricesInOrder(t *testing.T) {
	for _, models := range [][2]string{{"a*c", "a*"}, {"a", "A"}, {"a.c", "a*c"}, {"a*b", "a*b*"}} {
		list := ""
		for _, m := range models {
			list += `{"route": "m", "models": "` + m + `", "input": 1, "output": 2},`
		}
		if _, err := load(t, priced(list)); err != nil {
			t.Errorf("%v: %v", models, err)
		}
	}
}

func TestMoneyIsReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Money(rapid.IntRange(0, int(maxMoney)).Draw(t, "millionths"))
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Money
		if err := json.Unmarshal(b, &got); err != nil || got != want {
			t.Errorf("%d is written as %s and read as %d, %v", want, b, got, err)
		}
	})
}

func FuzzMoney(f *testing.F) {
	for _, s := range []string{"0", "0.5", "12.345678", "1e9", "-0", "01", "9999999.999999", ".5", "5."} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Money
		if m.UnmarshalJSON(b) != nil {
			return
		}
		if m < 0 || m > 9_999_999_999_999 {
			t.Errorf("%s is read as %d", b, m)
		}
		again, err := m.MarshalJSON()
		var n Money
		if err != nil || n.UnmarshalJSON(again) != nil || n != m {
			t.Errorf("%s is read as %d, written as %s, read as %d", b, m, again, n)
		}
	})
}
