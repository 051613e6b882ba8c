// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Credentials are put together here, so that nobody who screens this file finds any.
var (
	awsKey     = "AKIA" + "QYLPMN5HHHFPZAM2"
	githubPAT  = "ghp_" + "R7dK2pXw9LqZ4vT8mB3nC6yH1jF5sG0aEuWi"
	privateKey = "-----BEGIN RSA PRIVATE" + " KEY-----\n" + strings.Repeat("MIIEpAIBAAKCAQEAzq9r7sL5t8Vx0wYcF2dKpQ3nBhTgJmRe\n", 3) + "-----END RSA PRIVATE" + " KEY-----"
	jwt        = "ey" + "JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.ey" + "JzdWIiOiI5ODc2NTQzMjEwIiwibmFtZSI6IkFubiJ9.x7Qw2ErTy5UiOp8AsDf1GhJkL4ZxCvBn6MqWe9RtYu0"
	cardNumber = "4111 1111" + " 1111 1111"
	account    = "DE89 3704" + " 0044 0532 0130 00"
)

func TestMask(t *testing.T) {
	quoted := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	escaped := ""
	for _, c := range awsKey {
		escaped += fmt.Sprintf(`\u%04X`, c)
	}
	tests := []struct {
		name, rules, in, out string
		found                map[string]int
	}{
		{"nothing", "*", `{"a":"b"}`, `{"a":"b"}`, nil},
		{"not JSON", "aws-*", "a " + awsKey + " b", "a [masked:aws-access-token] b", map[string]int{"aws-access-token": 1}},
		{"a value", "aws-*", `{ "a" : "x ` + awsKey + `" , "b":1.0}`, `{ "a" : "x [masked:aws-access-token]" , "b":1.0}`, map[string]int{"aws-access-token": 1}},
		{"a name", "aws-*", `{"` + awsKey + `":1}`, `{"[masked:aws-access-token]":1}`, map[string]int{"aws-access-token": 1}},
		{"a rule that is not asked for", "github-*", `"` + awsKey + `"`, `"` + awsKey + `"`, nil},
		{"escapes", "aws-*", `["\u00e9\n` + escaped + `\n\ud83d\ude00"]`, `["\u00e9\n[masked:aws-access-token]\n\ud83d\ude00"]`, map[string]int{"aws-access-token": 1}},
		{"half a pair", "aws-*", `["\ud83d ` + awsKey + ` \ude00"]`, `["\ud83d [masked:aws-access-token] \ude00"]`, map[string]int{"aws-access-token": 1}},
		{"a quote and a backslash", "aws-*", `["\"\\", "\\\"` + awsKey + `\\"]`, `["\"\\", "\\\"[masked:aws-access-token]\\"]`, map[string]int{"aws-access-token": 1}},
		{"a private key", "private-key", `{"k":` + quoted("see: "+privateKey+" end") + `}`, `{"k":"see: [masked:private-key] end"}`, map[string]int{"private-key": 1}},
		{"a token in arguments of a tool", "github-pat", quoted(`{"token":"` + githubPAT + `"}`), quoted(`{"token":"[masked:github-pat]"}`), map[string]int{"github-pat": 1}},
		{"two rules", "*", quoted(awsKey + " and " + githubPAT), `"[masked:aws-access-token] and [masked:github-pat]"`, map[string]int{"aws-access-token": 1, "github-pat": 1}},
		{"twice", "jwt", quoted(jwt + " " + jwt), `"[masked:jwt] [masked:jwt]"`, map[string]int{"jwt": 2}},
		{"what is known is no guess", "*", quoted("api_key = \"" + githubPAT + "\""), `"api_key = \"[masked:github-pat]\""`, map[string]int{"github-pat": 1}},
		{"a guess", "generic-*", quoted("api_key = \"" + "q8Zr5Tn2Wx7Kv4Jb9" + "\""), `"api_key = \"[masked:generic-api-key]\""`, map[string]int{"generic-api-key": 1}},
		{"an example", "aws-*", `"` + "AKIAQYLPMN5HH" + `EXAMPLE"`, `"` + "AKIAQYLPMN5HH" + `EXAMPLE"`, nil},
		{"the longest has the mark, all are counted", "pii-email,private-key", quoted(strings.Replace(privateKey, "MII", "a@b.example ", 1)), `"[masked:private-key]"`, map[string]int{"pii-email": 1, "private-key": 1}},
		{"a comment of the text's own", "aws-*", `"` + awsKey + ` gitleaks:allow"`, `"[masked:aws-access-token] gitleaks:allow"`, map[string]int{"aws-access-token": 1}},
		{"across strings", "aws-*", `["` + awsKey[:8] + `","` + awsKey[8:] + `"]`, `["` + awsKey[:8] + `","` + awsKey[8:] + `"]`, nil},
		{"personal data", "pii-*", quoted("Ann <ann@mail.example>, " + cardNumber + ", " + account + ", +49 30 1234567"),
			`"Ann \u003c[masked:pii-email]\u003e, [masked:pii-card], [masked:pii-iban], [masked:pii-phone]"`,
			map[string]int{"pii-email": 1, "pii-card": 1, "pii-iban": 1, "pii-phone": 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := []byte(test.in)
			out, found := rules(t, strings.Split(test.rules, ",")...).Mask(in)
			if string(out) != test.out {
				t.Errorf("got %s, want %s", out, test.out)
			}
			if diff := cmp.Diff(test.found, found); diff != "" {
				t.Error(diff)
			}
			if string(in) != test.in {
				t.Error("what was given was changed")
			}
			if test.found == nil && &in[0] != &out[0] {
				t.Error("nothing was found, and another text came back")
			}
		})
	}
}

func TestForRefuses(t *testing.T) {
	for _, p := range []string{"no-such-rule", "", "AWS-*", "aws-?ccess-token", "[a]ws-access-token", "kubernetes-secret-yaml"} {
		if _, err := For([]string{"private-key", p}); err == nil || len(strings.Split(err.Error(), "\n")) != 2 {
			t.Errorf("%q: %v", p, err)
		}
	}
}

func TestZeroRulesFindNothing(t *testing.T) {
	in := []byte(awsKey)
	none := rules(t)
	for _, r := range []*Rules{none, new(Rules)} {
		if out, found := r.Mask(in); string(out) != awsKey || found != nil {
			t.Errorf("got %s, %v", out, found)
		}
	}
}

// Rules are shared: many goroutines may compile and use them at once.
func TestMaskAtOnce(t *testing.T) {
	done := make(chan map[string]int)
	for range 8 {
		go func() {
			r, err := For([]string{"*"})
			if err != nil {
				done <- nil
				return
			}
			_, found := r.Mask([]byte(`"` + awsKey + " " + jwt + " " + githubPAT + `"`))
			done <- found
		}()
	}
	want := map[string]int{"aws-access-token": 1, "jwt": 1, "github-pat": 1}
	for range 8 {
		if diff := cmp.Diff(want, <-done); diff != "" {
			t.Error(diff)
		}
	}
}

// pieces are what drawn texts are made of.
func pieces() []string {
	return []string{awsKey, githubPAT, privateKey, jwt, cardNumber, account, "ann@mail.example", "+1 202 555 0123", "api_key = ", "token: ", "password",
		" ", "\n", "\"", "\\", "'", "x", "é", "😀", "=", ";", "[masked:jwt]", "[masked:", "]", "curl -u ", "q8Zr5Tn2Wx7Kv4Jb9", "secret", "a1b2c3d4e5f6", "@", "4", "\x00"}
}

// drawnText returns a text and how it may be written in JSON.
func drawnText(t *rapid.T) (text, written string) {
	all := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces()), 0, 12).Draw(t, "pieces"), "")
	var b strings.Builder
	for _, c := range all {
		switch {
		case c < ' ' || c == '"' || c == '\\' || c < 0x10000 && rapid.IntRange(0, 7).Draw(t, "escape") == 0:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	return all, b.String()
}

// Masking changes strings that have something to mask, and nothing else; it
// leaves nothing to mask; a text is masked the same however it is written.
func TestMaskProperties(t *testing.T) {
	r := rules(t, "*")
	rapid.Check(t, func(t *rapid.T) {
		var texts, written []string
		for range rapid.IntRange(1, 4).Draw(t, "strings") {
			a, b := drawnText(t)
			texts, written = append(texts, a), append(written, b)
		}
		body := `{"model" : "m", "n":1.50, "list":["` + strings.Join(written, `",   "`) + `"] }`
		out, found := r.Mask([]byte(body))
		again, more := r.Mask(out)
		if !bytes.Equal(again, out) || more != nil {
			t.Fatalf("%s became %s, and that %s: %v", body, out, again, more)
		}
		var v struct{ List []string }
		if err := json.Unmarshal(out, &v); err != nil {
			t.Fatalf("%s became %s: %v", body, out, err)
		}
		sum, want := map[string]int{}, []byte(body)
		for i, text := range texts {
			masked, n := r.Mask(plainText(text))
			if v.List[i] != string(masked[len(notJSON):]) {
				t.Fatalf("%q became %q, and alone %q", text, v.List[i], masked)
			}
			for rule, times := range n {
				sum[rule] += times
			}
			if n == nil && !bytes.Contains(out, []byte(`"`+written[i]+`"`)) {
				t.Fatalf("%s is written otherwise in %s", written[i], out)
			}
		}
		if !maps.Equal(sum, found) {
			t.Fatalf("%s: %v, in parts %v", body, found, sum)
		}
		if found == nil && !bytes.Equal(out, want) {
			t.Fatalf("%s became %s", body, out)
		}
	})
}

// notJSON before a text makes it none, and is nothing to any rule.
const notJSON = "\n~\n"

func plainText(s string) []byte { return []byte(notJSON + s) }

func FuzzMask(f *testing.F) {
	for _, p := range pieces() {
		f.Add([]byte(p))
		if b, err := json.Marshal([]string{p, "x" + p}); err == nil {
			f.Add(b)
		}
	}
	r := rules(f, "*")
	f.Fuzz(func(t *testing.T, in []byte) {
		loose := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
		before := bytes.Clone(in)
		out, found := r.Mask(in)
		if !bytes.Equal(in, before) {
			t.Fatal("what was given was changed")
		}
		if jsontext.Value(in).IsValid(loose...) != jsontext.Value(out).IsValid(loose...) && jsontext.Value(in).IsValid(loose...) {
			t.Fatalf("%q became %q", in, out)
		}
		if found == nil && !bytes.Equal(in, out) {
			t.Fatalf("nothing found, and %q became %q", in, out)
		}
		if again, more := r.Mask(out); !bytes.Equal(again, out) || more != nil {
			t.Fatalf("%q became %q, and that %q: %v", in, out, again, more)
		}
	})
}
