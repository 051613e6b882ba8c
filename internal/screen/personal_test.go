// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// found returns what a rule finds in text.
func found(t testing.TB, rule, text string) (all []string) {
	t.Helper()
	for _, h := range newSearch(rules(t, rule)).hitsIn([]byte(text)) {
		all = append(all, text[h.from:h.to])
	}
	return all
}

// Every case has what is to be found between brackets.
func TestPersonalData(t *testing.T) {
	long := strings.Repeat("a", 100)
	tests := map[string][]string{
		"pii-email": {
			"[ann@mail.example]", "<[ann.b+c@mail.example]>.", "mailto:[ann@mail.example]?x", "to=[ann@mail.example]&x", "'[o'hara@mail.example]'",
			"[jörg@büro.example]", "[ann@mail.xn--p1ai]", "..[ann@mail.example]", "a..[b@mail.example]", "[a@b.co], [c@d.co]", "[a@b.co]@d.co", "x [a@mail.example].",
			"ann@localhost", "@mail.example", "ann@", "ann.@mail.example", "pkg@1.2.3", "pkg@v1.x", "a@b.c", "a@-b.co", "a@b..co", "ann@mail.example-x", "[a@b.co]_",
			long[:36] + "[" + long[:64] + "@mail.example]", "a@" + long + ".co", "@@@@", "[a@b.co].1",
		},
		"pii-card": {
			"[4111111111111111]", "card [4111 1111 1111 1111] 12/29 123", "[4111-1111-1111-1111],", "[378282246310005]", "[3782 822463 10005]", "[5555555555554444].",
			"[6011111111111117]", "[30569309025904]", "[3530111333300000]", "[2223003122003222]", "[4222222222222]", "1 [4111 1111 1111 1111] 1",
			"4111111111111112", "14111111111111111", "x4111111111111111", "4111111111111111x", "4111 1111-1111 1111", "41 11 11 11 11 11 11 11", "0.4111111111111111", "4111111111111111.5",
			"1234567812345670", "0000000000000000", "4111  1111 1111 1111", "41111111111111110000000000", "",
		},
		"pii-iban": {
			"[DE89370400440532013000]", "[DE89 3704 0044 0532 0130 00]", "IBAN:[GB82WEST12345698765432].", "[gb82 west 1234 5698 7654 32]", "[NO9386011117947]", "[FR1420041010050500013M02606]",
			"[MT84MALT011000012345MTLCAST001S]", "DE89370400440532013001", "DE8937040044053201300", "XDE89370400440532013000", "DE89370400440532013000X", "ZZ89370400440532013000",
			"DE893704 0044 0532 0130 0 0", "D489370400440532013000", "DE89-[NO9386011117947]", "DE",
		},
		"pii-phone": {
			"[+49 30 1234567]", "call [+1 (202) 555-0123].", "[+12025550123]", "[+44.20.7946.0123]", "[+358 40 1234567],",
			"+999 1234567", "+49 30 1", "1+12025550123", "+1202555012345678", "x+12025550123", "+12025550123x", "+1---2025550123", "a + 12025550123", "[+12025550.5]", "++", "+",
		},
	}
	for rule, cases := range tests {
		for _, c := range cases {
			var want []string
			for _, part := range strings.Split(c, "[")[1:] {
				text, _, _ := strings.Cut(part, "]")
				want = append(want, text)
			}
			text := strings.NewReplacer("[", "", "]", "").Replace(c)
			if diff := cmp.Diff(want, found(t, rule, text)); diff != "" {
				t.Errorf("%s in %q: %s", rule, text, diff)
			}
		}
	}
}

// Check digits tell apart numbers of which one digit is another.
func TestOneWrongDigit(t *testing.T) {
	for rule, number := range map[string]string{"pii-card": "4111111111111111", "pii-iban": "DE89370400440532013000"} {
		rapid.Check(t, func(t *rapid.T) {
			wrong := []byte(number)
			i := rapid.IntRange(4, len(wrong)-1).Draw(t, "place")
			wrong[i] = byte('0' + (int(wrong[i]-'0')+rapid.IntRange(1, 9).Draw(t, "more"))%10)
			r, err := For([]string{rule})
			if err != nil {
				t.Fatal(err)
			}
			if _, found := r.Mask(wrong); found != nil {
				t.Fatalf("%s is taken for right", wrong)
			}
		})
	}
}

// The countries' table is one string: it has to be in step.
func TestAccounts(t *testing.T) {
	last := ""
	for _, c := range strings.Fields(accounts) {
		if len(c) != 4 || c <= last || accountLength(c[0], c[1]) < 15 || accountLength(c[0], c[1]) > 34 {
			t.Errorf("%q", c)
		}
		last = c
	}
	for _, c := range strings.Fields(dialled) {
		if len(c) > 3 || c[0] == '0' {
			t.Errorf("%q is no country's code", c)
		}
	}
}
