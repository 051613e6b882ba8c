// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package story_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/story"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// vector reads one of testdata/vectors.
func vector(t testing.TB, path string) (file []byte, trust *verify.Trust) {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		switch f.Name {
		case "bundle.json":
			file = f.Data
		case "trust.json":
			if trust, err = verify.ParseTrust(f.Data); err != nil {
				t.Fatal(err)
			}
		}
	}
	return file, trust
}

func named(name string) string { return "../../testdata/vectors/bundle-" + name + ".txtar" }

func tell(t testing.TB, file []byte, trust *verify.Trust) *story.Story {
	t.Helper()
	s, err := story.Tell(file, trust, verify.Bundle(file, trust, verify.Expect{}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestApproved(t *testing.T) {
	file, trust := vector(t, named("3.7-approved"))
	s := tell(t, file, trust)
	if len(s.Policies) != 1 || len(s.Tokens) != 1 || len(s.Steps) != 2 {
		t.Fatalf("%d policies, %d tokens, %d steps", len(s.Policies), len(s.Tokens), len(s.Steps))
	}
	p, tok := s.Policies[0], s.Tokens[0]
	if p.Unread != "" || len(p.Signers) == 0 || len(p.Says) < 3 || p.Hash != tok.Policy {
		t.Errorf("policy %+v", p)
	}
	if tok.Agent == "" || tok.Bound || !tok.Expires.After(tok.Issued) {
		t.Errorf("token %+v", tok)
	}
	asked, done := s.Steps[0], s.Steps[1]
	if asked.Effect != "ask" || !asked.Waits || len(asked.Reasons) == 0 || len(asked.Reasons[0].Means) == 0 || asked.Outcome != nil {
		t.Errorf("the question: %+v", asked)
	}
	if done.Effect != "allow" || done.Waits || done.Approval != asked.Approval || len(done.Answers) != 1 || done.Outcome == nil || done.Outcome.Seq != 3 {
		t.Fatalf("the call: %+v", done)
	}
	if a := done.Answers[0]; !a.Yes || !a.Counted || a.Times != 1 || a.Withdraws || a.Shown || a.Own || a.Origin != "" || !strings.HasPrefix(a.Key, a.By+"+") || a.At.IsZero() {
		t.Errorf("the answer: %+v", a)
	}
	want := []story.Text{
		{Of: "What was asked for, to the byte", State: story.Disclosed, Text: `{"id":"11"}`, Size: 11},
		{Of: "What the agent learned", State: story.Disclosed, Text: "ok", Size: 2},
	}
	if d := cmp.Diff(want, done.Texts); d != "" {
		t.Errorf("texts (-want +got):\n%s", d)
	}
}

// Who answered in whose stead is told, with the delegations that say so.
func TestStandIn(t *testing.T) {
	for name, tt := range map[string]struct {
		under   []string
		counted bool
	}{
		"3.23-stand-in":     {[]string{"d-1, from 2026-09-01T07:00:00Z to 2026-09-02T07:00:00Z: on leave"}, true},
		"3.23-taken-back":   {[]string{"d-1, from 2026-09-01T07:00:00Z to 2026-09-02T07:00:00Z: on leave (taken back at 2026-09-01T07:30:00Z)"}, true},
		"3.23-other-person": {[]string{"d-1, from 2026-09-01T07:00:00Z to 2026-09-02T07:00:00Z: on leave"}, false},
		"3.23-by-gate":      {nil, true},
	} {
		file, trust := vector(t, named(name))
		done := tell(t, file, trust).Steps[2]
		if len(done.Answers) != 2 || done.Answers[0].For != "" || done.Answers[0].Under != nil {
			t.Fatalf("%s: %+v", name, done.Answers)
		}
		if a := done.Answers[1]; a.By != "cat" || a.For != "ben" || a.Counted != tt.counted {
			t.Errorf("%s: %+v", name, a)
		}
		if d := cmp.Diff(tt.under, done.Answers[1].Under); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestLearned(t *testing.T) {
	file, trust := vector(t, named("3.22-learned"))
	s := tell(t, file, trust)
	i := slices.IndexFunc(s.Steps, func(s story.Step) bool { return s.Learned != nil })
	if i < 0 {
		t.Fatal("nothing is learned")
	}
	if got := s.Steps[i]; got.Change == nil || got.Change.Summary == "" || got.Outcome.Status != "unknown" && got.Outcome.Status != "aborted" || got.Learned.Seq <= got.Outcome.Seq {
		t.Errorf("%+v %+v", got, got.Outcome)
	}
}

// What is not signed by those whom the reader trusts is not told: not a word.
func TestUntrusted(t *testing.T) {
	file, trust := vector(t, named("3.7-approved"))
	nobody := &verify.Trust{House: trust.House}
	s := tell(t, file, nobody)
	for _, x := range s.Steps {
		if x.Unread == "" || x.Name != "" || x.Texts != nil || x.Reasons != nil {
			t.Errorf("told: %+v", x)
		}
	}
	if s.Policies[0].Unread == "" || s.Policies[0].Says != nil || s.Tokens[0].Unread == "" || s.Tokens[0].Agent != "" {
		t.Errorf("told: %+v %+v", s.Policies[0], s.Tokens[0])
	}
	for _, who := range []func(*verify.Trust){
		func(t *verify.Trust) { t.Authors = nil }, func(t *verify.Trust) { t.Registries = nil },
	} {
		some := *trust
		who(&some)
		if s := tell(t, file, &some); s.Policies[0].Unread == "" || s.Policies[0].Says != nil || s.Steps[0].Reasons[0].Means != nil {
			t.Errorf("told: %+v", s.Policies[0])
		}
	}
	some := *trust
	some.People = nil
	if s := tell(t, file, &some); s.Steps[1].Answers != nil {
		t.Errorf("told: %+v", s.Steps[1].Answers)
	}
}

// Every vector has a story, or is no bundle; redacted ones hold no text.
func TestEveryVector(t *testing.T) {
	paths, err := filepath.Glob(named("*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	told := 0
	for _, path := range paths {
		file, trust := vector(t, path)
		b, err := bundle.Read(file)
		if err != nil {
			continue
		}
		if s := tell(t, file, trust); len(s.Steps)+s.More > 0 || len(b.Receipts) == 0 {
			told++
		}
		bare := b.Redact(func(seal.Hash) bool { return false })
		file, err = bare.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range tell(t, file, trust).Steps {
			for _, text := range x.Texts {
				if text.State == story.Disclosed || text.Text != "" {
					t.Errorf("%s: %+v", path, text)
				}
			}
			if c := x.Change; c != nil && (!c.Redacted || c.Summary != "") {
				t.Errorf("%s: %+v", path, c)
			}
		}
	}
	if told < 60 {
		t.Errorf("%d vectors have a story", told)
	}
}

// An edited text is not shown as the one that was committed to.
func TestBroken(t *testing.T) {
	file, trust := vector(t, named("3.9-text-edited"))
	b, err := bundle.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, x := range tell(t, file, trust).Steps {
		for _, text := range x.Texts {
			if text.State == story.Broken && text.Text == "" {
				n++
			}
		}
	}
	if n != 1 || string(b.Disclosures[0].Text) != "e" {
		t.Errorf("%d broken texts", n)
	}
}

// Hostile names and texts come out visible, cut, and as lines of a difference.
func TestHostile(t *testing.T) {
	gate, trust := newHouse(t)
	evil := "x\u202ey\x1b[2J<script>alert(1)</script>\u200b\U000E0041\u2028z\ufeff❤️"
	change := &receipt.Change{
		Summary: evil, Request: receipt.Request{Method: "PUT", Path: "/" + evil}, Undo: receipt.Undo{Irreversible: evil},
		Diff: "@@\n-old\n+new" + evil + "\n kept\n" + strings.Repeat("+é", story.MaxText),
	}
	text, err := change.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	salt := seal.NewSalt([]byte("k"), "c", text)
	call := &policy.Call{Tool: "confluence", Action: evil, Class: policy.Write, Change: seal.Commit(salt, text), Resources: []policy.Resource{{Type: "page", ID: evil}}}
	r := &receipt.Receipt{Kind: receipt.Opened, Job: "job-1", Seq: 1, Token: "t", At: time.Unix(1e9, 0).UTC(), Call: call, Facts: &policy.Facts{}, Decision: &policy.Decision{Reasons: []policy.Reason{{Says: evil, Clause: evil}}}}
	e, err := r.Sign(gate)
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle.Bundle{Job: evil, Receipts: []seal.Envelope{*e.Envelope}, Disclosures: []bundle.Disclosure{{Commitment: call.Change, Salt: salt, Text: text}}}
	file, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s := tell(t, file, trust)
	told, err := seal.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.IndexFunc(told, func(r rune) bool { return strings.ContainsRune("\u202e\x1b\u200b\U000E0041\u2028\ufeff", r) }); i >= 0 {
		t.Errorf("it is told as it is: %.60q", told[i:])
	}
	if want := "x⟨U+202E⟩y⟨U+001B⟩[2J<script>alert(1)</script>⟨U+200B⟩⟨U+E0041⟩⟨U+2028⟩z⟨U+FEFF⟩❤️"; s.Job != want || s.Steps[0].Change.Summary != want {
		t.Errorf("job %q", s.Job)
	}
	var marks strings.Builder
	for _, l := range s.Steps[0].Change.Diff {
		marks.WriteString(l.Mark)
	}
	if got := marks.String(); got != "@-+ +@" {
		t.Errorf("marks %q", got)
	}
}

// newHouse is a gate whose key is trusted.
func newHouse(t testing.TB) (seal.Signer, *verify.Trust) {
	t.Helper()
	gate := housetest.FreshKey(t, "gate")
	return gate, &verify.Trust{Format: verify.TrustFormat, House: "house", Gates: []string{gate.Public}}
}

// Receipts that a gate signed and that lack what their kind has are not told, and
// break nothing.
func TestOddReceipts(t *testing.T) {
	gate, trust := newHouse(t)
	b := &bundle.Bundle{Job: "j"}
	for _, payload := range []string{
		`null`, `{}`, `[]`, `{"kind":"opened"}`, `{"kind":"closed","opened":1}`, `{"kind":"revoked"}`, `{"kind":"learned"}`, `{"kind":"other"}`,
		`{"at":"0001-01-01T00:00:00Z","call":{"class":"","tool":""},"job":"","kind":"opened","prev":"sha256:0000000000000000000000000000000000000000000000000000000000000000","seq":0,"token":""}`,
	} {
		e, err := seal.Sign(gate, receipt.Type, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		b.Receipts = append(b.Receipts, *e)
	}
	file, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range tell(t, file, trust).Steps {
		if s.Unread == "" {
			t.Errorf("told: %+v", s)
		}
	}
}

// A long story is told from its beginning.
func TestLong(t *testing.T) {
	_, trust := newHouse(t)
	b := &bundle.Bundle{Job: "j", Receipts: make([]seal.Envelope, story.MaxSteps+3)}
	file, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if s := tell(t, file, trust); len(s.Steps) != story.MaxSteps || s.More != 3 {
		t.Errorf("%d steps and %d more", len(s.Steps), s.More)
	}
}

func TestOf(t *testing.T) {
	file, _ := vector(t, named("3.7-approved"))
	b, err := bundle.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		seqs []uint64
		want []string
	}{{nil, nil}, {[]uint64{2}, []string{`{"id":"11"}`}}, {[]uint64{3}, []string{"ok"}}, {[]uint64{3, 2}, []string{`{"id":"11"}`, "ok"}}} {
		keep, err := story.Of(b, c.seqs)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range b.Redact(keep).Disclosures {
			got = append(got, string(d.Text))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("of %d: %q, want %q", c.seqs, got, c.want)
		}
	}
	for _, seq := range []uint64{0, 4, 1 << 63} {
		if _, err := story.Of(b, []uint64{seq}); err == nil || !strings.Contains(err.Error(), "\nits receipts are 1 to 3") {
			t.Errorf("of %d: %v", seq, err)
		}
	}
}

func TestClaim(t *testing.T) {
	file, trust := vector(t, named("3.7-approved"))
	c, err := story.Claim(file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Bundle != seal.Sum(file) || c.Size != len(file) || len(c.Keys) != 5 {
		t.Fatalf("%+v", c)
	}
	for _, k := range c.Keys {
		if k.For == "gates" && (len(k.Keys) != 1 || !strings.HasPrefix(trust.Gates[0], k.Keys[0])) {
			t.Errorf("gates: %q", k.Keys)
		}
	}
	if _, err := story.Claim([]byte("{}")); err == nil {
		t.Error("no bundle: no error")
	}
}

func FuzzTell(f *testing.F) {
	paths, err := filepath.Glob(named("*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		file, _ := vector(f, path)
		f.Add(file)
	}
	_, trust := vector(f, named("3.25-attested")) // the keys are those of all
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := story.Tell(file, trust, verify.Bundle(file, trust, verify.Expect{}))
		if err != nil {
			return
		}
		if _, err := seal.Marshal(s); err != nil {
			t.Error(err)
		}
		if _, err := story.Claim(file); err != nil {
			t.Error(err)
		}
	})
}

// FuzzReceipt tells whatever a gate signs.
func FuzzReceipt(f *testing.F) {
	gate, trust := newHouse(f)
	file, _ := vector(f, named("3.22-learned"))
	b, err := bundle.Read(file)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range b.Receipts {
		f.Add(e.Payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := seal.Sign(gate, receipt.Type, payload)
		if err != nil {
			t.Skip()
		}
		odd := &bundle.Bundle{Job: "j", Receipts: []seal.Envelope{*e, *e}}
		file, err := odd.Marshal()
		if err != nil {
			t.Skip()
		}
		tell(t, file, trust)
	})
}

// A call through an MCP server says so, and by which of its tools; one by a tool that is
// not pinned says that.
func TestThroughServers(t *testing.T) {
	file, trust := vector(t, named("3.6-through-a-server"))
	s := tell(t, file, trust)
	if p := s.Policies[0].Pins; len(p) != 1 || !strings.HasPrefix(p[0], "repo (sha256:") || !strings.HasSuffix(p[0], "): diff") {
		t.Errorf("pinned: %q", p)
	}
	if len(s.Steps) != 2 || s.Steps[0].Through != "the tool diff of the MCP server repo" || !strings.HasPrefix(s.Steps[1].Through, "an MCP server that its policy does not pin so: sha256:") {
		t.Errorf("%+v", s.Steps)
	}
	file, trust = vector(t, named("2.1-good"))
	if s := tell(t, file, trust); s.Policies[0].Pins != nil || s.Steps[0].Through != "" {
		t.Errorf("%+v", s.Steps[0])
	}
}
