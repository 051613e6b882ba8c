// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

func check(h *house, b *bundle.Bundle) *verify.Report {
	return verify.Bundle(must(b.Marshal()), h.trust(), verify.Expect{})
}

func TestVerified(t *testing.T) {
	h := bigStory(t)
	if n := len(h.book.lines[bigJob]); n != bigLength {
		t.Fatalf("the story has %d receipts, want %d", n, bigLength)
	}
	b := h.export(bigJob, bigLength)
	r := verify.Bundle(must(b.Marshal()), h.trust(), verify.Expect{Job: bigJob, Policy: policyOf(b), Now: h.now})
	if !r.Verified() {
		t.Errorf("not verified: %v", r.Findings)
	}
	want := verify.Calls{Allowed: 6, Denied: 3, Asked: 4, Refused: 2, Unclosed: 1}
	if d := cmp.Diff(want, r.Calls); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"receipt.unclosed", "receipt.unknown"}, codes(r, verify.Warn)); d != "" {
		t.Errorf("warnings (-want +got):\n%s", d)
	}
	for axis, want := range map[verify.Axis]verify.Level{verify.Integrity: verify.Pass, verify.Trusted: verify.Pass, verify.Completeness: verify.Warn} {
		if got := r.Level(axis); got != want {
			t.Errorf("%s is %s, want %s", axis, got, want)
		}
	}
	if r.Job != bigJob || r.Receipts != bigLength || !r.From.Equal(epoch.Add(250*time.Millisecond)) || !r.To.After(r.From) || len(r.Policies) != 1 {
		t.Errorf("report of %s: %d receipts, %s to %s, policies %v", r.Job, r.Receipts, r.From, r.To, r.Policies)
	}
}

// Whoever shows a bundle may keep texts to himself.
func TestRedacted(t *testing.T) {
	h := bigStory(t)
	b := h.export(bigJob, bigLength)
	for keep := range len(b.Disclosures) + 1 {
		redacted := b.Redact(func(c seal.Hash) bool {
			return slices.IndexFunc(b.Disclosures, func(d bundle.Disclosure) bool { return d.Commitment == c }) < keep
		})
		if r := check(h, redacted); !r.Verified() {
			t.Errorf("with %d disclosures: %v", keep, r.Findings)
		}
	}
}

func TestPrefixes(t *testing.T) {
	h := bigStory(t)
	for n := range bigLength + 1 {
		if r := check(h, h.export(bigJob, n)); !r.Verified() {
			t.Errorf("the first %d receipts: %v", n, r.Findings)
		}
	}
}

// The log follows the book at its own pace.
func TestLogBehind(t *testing.T) {
	h := bigStory(t)
	for n := range bigLength {
		b := h.export(bigJob, bigLength)
		b.Log.Proofs = b.Log.Proofs[:n]
		r := check(h, b)
		if !r.Verified() || !slices.Contains(codes(r, verify.Warn), "log.missing") {
			t.Errorf("with %d proofs: verified %t, warnings %v", n, r.Verified(), codes(r, verify.Warn))
		}
	}
	b := h.export(bigJob, bigLength)
	b.Log = nil
	if r := check(h, b); !r.Verified() || !slices.Contains(codes(r, verify.Warn), "log.missing") {
		t.Errorf("without log: verified %t, warnings %v", r.Verified(), codes(r, verify.Warn))
	}
}

func TestExpect(t *testing.T) {
	h := bigStory(t)
	file := must(h.export(bigJob, bigLength).Marshal())
	tests := []struct {
		name string
		e    verify.Expect
		want []string
	}{
		{"another policy", verify.Expect{Policy: seal.Sum(nil)}, fails("expect.policy")},
		{"another job", verify.Expect{Job: "another"}, fails("expect.job")},
		{"an earlier time", verify.Expect{Now: epoch}, fails("expect.time")},
		{"a time a little earlier", verify.Expect{Now: h.now.Add(-59 * time.Second)}, nil},
		{"a later time", verify.Expect{Now: h.now.Add(1000 * time.Hour)}, nil},
	}
	for _, x := range tests {
		r := verify.Bundle(file, h.trust(), x.e)
		if d := cmp.Diff(x.want, codes(r, verify.Fail)); d != "" || r.Verified() != (x.want == nil) {
			t.Errorf("%s: failing codes (-want +got):\n%s", x.name, d)
		}
	}
}

func TestTrusting(t *testing.T) {
	h := bigStory(t)
	file := must(h.export(bigJob, bigLength).Marshal())
	tests := []struct {
		name string
		edit func(*verify.Trust)
		want []string
	}{
		{"no authors", func(x *verify.Trust) { x.Authors = nil }, fails("policy.signature", "receipt.policy")},
		{"no approver", func(x *verify.Trust) { x.Authors = x.Authors[:1] }, fails("policy.signature", "receipt.policy")},
		{"no registries", func(x *verify.Trust) { x.Registries = nil }, fails("binding.signature", "receipt.policy")},
		{"no issuers", func(x *verify.Trust) { x.Issuers = nil }, fails("token.signature", "receipt.token", "bundle.unused")},
		{"no gates", func(x *verify.Trust) { x.Gates = nil }, fails("receipt.signature", "standing.signature", "answer.unasked", "bundle.unused", "disclosure.unknown")},
		{"no logs", func(x *verify.Trust) { x.Logs, x.Origin = nil, "" }, fails("log.signature")},
		{"no people", func(x *verify.Trust) { x.People = nil }, fails("answer.signature", "receipt.approval")},
		{"another house", func(x *verify.Trust) { x.House = "other.example" }, fails("token.audience")},
		{"another origin", func(x *verify.Trust) { x.Origin = "other.example" }, fails("log.origin")},
		{"no house", func(x *verify.Trust) { x.House = "" }, fails("trust.malformed")},
		{"an unreadable key", func(x *verify.Trust) { x.Gates[0] += "x" }, fails("trust.malformed")},
		{"a key twice", func(x *verify.Trust) { x.Gates = append(x.Gates, x.Gates[0]) }, fails("trust.malformed")},
		{"logs without origin", func(x *verify.Trust) { x.Origin = "" }, fails("trust.malformed")},
		{"nothing", func(x *verify.Trust) { *x = verify.Trust{} }, fails("trust.malformed")},
	}
	for _, x := range tests {
		trust := h.trust()
		x.edit(trust)
		r := verify.Bundle(file, trust, verify.Expect{})
		got := slices.DeleteFunc(codes(r, verify.Fail), func(c string) bool { return c == "policy.receipts" })
		if d := cmp.Diff(x.want, got); d != "" || r.Verified() {
			t.Errorf("%s: verified %t, failing codes (-want +got):\n%s", x.name, r.Verified(), d)
		}
	}
	if r := verify.Bundle(file, nil, verify.Expect{}); r.Verified() {
		t.Error("verified without trust")
	}
	shared := h.trust()
	shared.People = append(shared.People, h.gateKey.public)
	if r := verify.Bundle(file, shared, verify.Expect{}); !slices.Contains(codes(r, verify.Warn), "trust.shared") {
		t.Errorf("a gate's key among the people's: warnings %v", codes(r, verify.Warn))
	}
}

func TestMalformed(t *testing.T) {
	h, b := smallStory(t)
	good := string(must(b.Marshal()))
	tests := map[string]string{
		"nothing":            "",
		"not JSON":           "bundle",
		"a list":             "[]\n",
		"null":               "null\n",
		"an empty object":    "{}\n",
		"no newline":         strings.TrimSuffix(good, "\n"),
		"another newline":    good + "\n",
		"a space":            strings.Replace(good, ":", ": ", 1),
		"trailing data":      good + "{}",
		"another format":     strings.Replace(good, "bundle.v1", "bundle.v2", 1),
		"an unknown name":    strings.Replace(good, `"job"`, `"approved":true,"job"`, 1),
		"a name twice":       strings.Replace(good, `"job"`, `"job":"x","job"`, 1),
		"another case":       strings.Replace(good, `"job"`, `"Job"`, 1),
		"a null list":        strings.Replace(good, `"answers":[]`, `"answers":null`, 1),
		"a missing list":     strings.Replace(good, `"answers":[],`, ``, 1),
		"invalid UTF-8":      strings.Replace(good, smallJob, "job-\xff", 1),
		"an escape":          strings.Replace(good, smallJob, `job\u002dsmall`, 1),
		"a number as 1.0":    strings.Replace(good, `"seq":1}`, `"seq":1.0}`, 1),
		"a large number":     strings.Replace(good, `"seq":1}`, `"seq":9007199254740993}`, 1),
		"an upper-case hash": strings.Replace(good, "sha256:", "SHA256:", 1),
	}
	for name, file := range tests {
		r := verify.Bundle([]byte(file), h.trust(), verify.Expect{})
		if file == good || r.Verified() || !cmp.Equal(codes(r, verify.Fail), []string{"bundle.malformed"}) {
			t.Errorf("%s: verified %t, failing codes %v", name, r.Verified(), codes(r, verify.Fail))
		}
	}
}

// A gate is only as good as its book: what a broken book makes it do shows.
func TestBrokenBook(t *testing.T) {
	write := request(pageUpdate, `{}`, policy.Call{Resources: []policy.Resource{page("11", "x")}}, done("ok", nil), nil)
	read := request(pageGet, `{}`, policy.Call{Resources: []policy.Resource{page("11", "x")}, Uses: map[string]int{"pages": 50}}, done("ok", nil), nil)
	tests := []struct {
		name  string
		story func(h *house, raw string)
		want  []string
	}{
		{"a yes is used twice", func(h *house, raw string) {
			h.do(raw, write, &gate.Pending{})
			h.answer(h.ann, "j.1", true)
			h.do(raw, write, nil)
			h.book.forgetful = true
			h.do(raw, write, nil)
		}, fails("receipt.reused")},
		{"a counter is forgotten", func(h *house, raw string) {
			h.do(raw, read, nil)
			clear(h.book.used["j"])
			h.do(raw, read, nil)
		}, fails("receipt.counters")},
		{"an answer that nobody signed", func(h *house, raw string) {
			h.do(raw, write, &gate.Pending{})
			h.answer(h.ann, "j.1", false)
			h.book.answers[0].Yes = true
			h.do(raw, write, nil)
		}, fails("receipt.approval")},
		{"an answer that has expired", func(h *house, raw string) {
			h.do(raw, write, &gate.Pending{})
			h.answer(h.ann, "j.1", true)
			h.book.stale = true
			h.now = h.now.Add(time.Hour)
			h.do(h.mint(h.policies[h.book.asked["j.1"].Decision.Policy].bound, "j", "u", time.Minute, nil), write, &gate.Pending{})
		}, fails("receipt.approval")},
	}
	for _, x := range tests {
		h := newHouse(t)
		x.story(h, h.mint(h.publish(bigPolicy), "j", "t", time.Minute, nil))
		h.now = h.now.Add(2 * time.Hour)
		r := check(h, h.export("j", len(h.book.lines["j"])))
		if d := cmp.Diff(x.want, codes(r, verify.Fail)); d != "" {
			t.Errorf("%s: failing codes (-want +got):\n%s\n%v", x.name, d, r.Findings)
		}
	}
}

// A person's no that came while another's yes was used is worth a warning.
func TestLateNo(t *testing.T) {
	h := newHouse(t)
	raw := h.mint(h.publish(bigPolicy), "j", "t", time.Minute, nil)
	write := request(pageUpdate, `{}`, policy.Call{Resources: []policy.Resource{page("11", "x")}}, done("ok", nil), nil)
	h.do(raw, write, &gate.Pending{})
	h.answer(h.ann, "j.1", true)
	h.answer(h.ben, "j.1", false)
	no := h.book.answers[1]
	h.book.answers = h.book.answers[:1]
	h.do(raw, write, nil)
	h.book.answers = append(h.book.answers, no)
	r := check(h, h.export("j", 3))
	if !r.Verified() || !slices.Contains(codes(r, verify.Warn), "answer.late") {
		t.Errorf("verified %t, warnings %v", r.Verified(), codes(r, verify.Warn))
	}
}

// Tokens that never held prove nothing against the house that refused them.
func TestRefusedTokens(t *testing.T) {
	req := request(diff, "d", policy.Call{}, nil, nil)
	tests := []struct {
		code string
		mod  func(*token.Claims)
	}{
		{"token.audience", func(c *token.Claims) { c.Audience = "other.example" }},
		{"token.not-yet", func(c *token.Claims) { c.Issued += 60; c.Expires += 60 }},
		{"token.ttl", nil},
		{"token.scope", nil},
		{"token.policy", nil},
		{"token.grant", nil},
		{"policy.unusable", nil},
	}
	for _, x := range tests {
		h := newHouse(t)
		p := h.publish(smallPolicy)
		raw := h.mint(p, "j", "t", time.Minute, x.mod)
		if x.mod == nil { // the issuer itself went wrong, or the registry did
			raw = h.misissue("t", x.code)
		}
		papers := h.policies[p.Hash()]
		if x.code == "policy.unusable" {
			clear(h.policies)
		}
		h.do(raw, req, &gate.Refused{})
		h.policies[p.Hash()] = papers
		b := h.export("j", 1)
		r := check(h, b)
		if got := h.book.lines["j"][0].Receipt.Refused; got != x.code {
			t.Errorf("refused as %s, want %s", got, x.code)
		}
		if !r.Verified() || r.Calls.Refused != 1 {
			t.Errorf("%s: %v", x.code, r.Findings)
		}
	}
}

// A gate that says less than it saw of a text is found out only by the text.
func TestLimits(t *testing.T) {
	h := bigStory(t)
	turn := func(r *receipt.Receipt) {
		if r.Seq != secretAsked {
			return
		}
		r.Facts.Conditions["/approvals/0"] = false
		r.Asks = ""
		d := must(must(token.Check(h.mint(h.policies[r.Decision.Policy].bound, bigJob, "again", time.Minute, nil), houseName, h.now, h.verifier(h.issuer))).Fit(h.policies[r.Decision.Policy].bound)).Decide(r.Call, r.Facts)
		r.Decision = &d
	}
	b := h.export(bigJob, secretAsked)
	b.Answers = b.Answers[:2]
	h.rewrite(b, turn)
	if r := check(h, b); !cmp.Equal(codes(r, verify.Fail), fails("receipt.conditions")) {
		t.Errorf("disclosed: %v", r.Findings)
	}
	hidden := b.Redact(func(seal.Hash) bool { return false })
	if r := check(h, hidden); !r.Verified() || !slices.ContainsFunc(r.Limits, func(s string) bool { return strings.Contains(s, "condition") }) {
		t.Errorf("hidden: verified %t, limits %q", r.Verified(), r.Limits)
	}
}

func TestZeroReport(t *testing.T) {
	var none *verify.Report
	if none.Verified() || (&verify.Report{}).Verified() {
		t.Error("an empty report is verified")
	}
	if l := (&verify.Report{}).Level(verify.Integrity); l != verify.Fail {
		t.Errorf("an empty axis is %s", l)
	}
}

// Who trusts nobody, or others, is told of nothing that it holds but the file's form.
func TestNothingBehind(t *testing.T) {
	h := bigStory(t)
	b := h.export(bigJob, bigLength)
	stranger := h.stranger.public
	gateOnly := h.trust()
	gateOnly.Authors, gateOnly.Registries, gateOnly.Issuers, gateOnly.People = nil, nil, nil, nil
	for name, tt := range map[string]struct {
		trust  *verify.Trust
		passes string
		bare   []verify.Axis
	}{
		"nobody": {&verify.Trust{House: houseName}, "bundle.malformed", []verify.Axis{verify.Integrity, verify.Completeness, verify.Trusted}},
		"strangers": {&verify.Trust{House: houseName, Authors: []string{stranger}, Registries: []string{stranger}, Issuers: []string{stranger}, Gates: []string{stranger}, People: []string{stranger}},
			"bundle.malformed", []verify.Axis{verify.Integrity, verify.Completeness, verify.Trusted}},
		"the gate alone": {gateOnly, "bundle.malformed disclosure.commitment expect.policy log.proof receipt.chain receipt.counters receipt.signature standing.end", nil},
	} {
		r := verify.Bundle(must(b.Marshal()), tt.trust, verify.Expect{Policy: policyOf(b)})
		if got := strings.Join(codes(r, verify.Pass), " "); got != tt.passes || r.Verified() {
			t.Errorf("%s: verified %t, passes %s", name, r.Verified(), got)
		}
		for _, axis := range tt.bare {
			if r.Level(axis) != verify.Fail {
				t.Errorf("%s: %s is %s", name, axis, r.Level(axis))
			}
		}
		if !slices.ContainsFunc(r.Nothing, func(u verify.Unchecked) bool { return u.Code == "receipt.decision" && u.Axis == verify.Integrity }) {
			t.Errorf("%s: nothing is said of decisions: %v", name, r.Nothing)
		}
		var text, page bytes.Buffer
		if err := errors.Join(verify.WriteText(&text, r), verify.WriteJSON(&page, r)); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), "integrity     fail: nothing was checked\n") != (tt.bare != nil) || !strings.Contains(page.String(), `"unchecked":[{"axis":"`) {
			t.Errorf("%s: it says\n%s%s", name, text.String(), page.String())
		}
	}
}

// A chain without receipts is one if the gate says so; then nothing else is claimed of
// it.
func TestNothingYet(t *testing.T) {
	h := bigStory(t)
	r := check(h, h.export(bigJob, 0))
	if got := strings.Join(codes(r, verify.Pass), " "); !r.Verified() || strings.Contains(got, "receipt.") || strings.Contains(got, "token.") || r.Level(verify.Integrity) != verify.Pass {
		t.Errorf("verified %t, passes %s", r.Verified(), got)
	}
}

func TestCodes(t *testing.T) {
	spec, err := os.ReadFile("../spec/bundle.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[verify.Code]bool{}
	for _, row := range verify.Codes() {
		if seen[row.Code] {
			t.Errorf("%s is there twice", row.Code)
		}
		seen[row.Code] = true
		if line := fmt.Sprintf("| `%s` | %s | %s | %s |\n", row.Code, row.Axis, row.Level, row.Says); !strings.Contains(string(spec), line) {
			t.Errorf("spec/bundle.md lacks the line\n%s", line)
		}
	}
}

func TestPure(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for another system")
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(t.TempDir(), "verify.wasm"), ".")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build for the browser: %v\n%s", err, out)
	}
}

func TestWrite(t *testing.T) {
	h := bigStory(t)
	b := h.export(bigJob, bigLength)
	good, bad := new(bytes.Buffer), new(bytes.Buffer)
	if err := verify.WriteText(good, check(h, b)); err != nil {
		t.Fatal(err)
	}
	b.Job = "job\x1b[2J\u202e"
	b.Answers[0].Signatures[0].KeyID = "\x1b]0;VERIFIED\a"
	r := check(h, b)
	if err := verify.WriteText(bad, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"VERIFIED\n\n", "integrity     pass\n", "completeness  warn\n", "6 allowed, 3 denied, 4 asked, 2 refused, 1 unclosed", "receipt 19: ", "What this cannot show\n"} {
		if !strings.Contains(good.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, good)
		}
	}
	if !strings.HasPrefix(good.String(), "VERIFIED\n") || !strings.HasPrefix(bad.String(), "NOT VERIFIED\n") {
		t.Errorf("first lines: %.20q, %.20q", good, bad)
	}
	if strings.ContainsAny(bad.String(), "\x1b\a\u202e") {
		t.Errorf("the text plays tricks on terminals: %q", bad)
	}
	if err := verify.WriteText(failing{}, r); err == nil {
		t.Error("a failing writer went unnoticed")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestWriteJSON(t *testing.T) {
	h := bigStory(t)
	var out bytes.Buffer
	r := check(h, h.export(bigJob, bigLength))
	if err := verify.WriteJSON(&out, r); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Format   string                       `json:"format"`
		Verified bool                         `json:"verified"`
		Axes     map[verify.Axis]verify.Level `json:"axes"`
		Bundle   seal.Hash                    `json:"bundle"`
		Job      string                       `json:"job"`
		Receipts int                          `json:"receipts"`
		From     time.Time                    `json:"from"`
		To       time.Time                    `json:"to"`
		Policies []seal.Hash                  `json:"policies"`
		Calls    verify.Calls                 `json:"calls"`
		Findings []verify.Finding             `json:"findings"`
		Limits   []string                     `json:"limits"`
	}
	if err := seal.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !got.Verified || got.Format != verify.ReportFormat || got.Bundle != r.Bundle || got.Receipts != bigLength || got.Axes[verify.Completeness] != verify.Warn {
		t.Errorf("got %+v", got)
	}
	if d := cmp.Diff(r.Findings, got.Findings); d != "" {
		t.Errorf("findings (-want +got):\n%s", d)
	}
	if err := verify.WriteJSON(failing{}, r); err == nil {
		t.Error("a failing writer went unnoticed")
	}
	var l verify.Level
	if err := l.UnmarshalText([]byte("fine")); err == nil {
		t.Error("an unknown level was read")
	}
}
