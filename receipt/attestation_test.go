// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// extendedPolicy lets a runtime load one plugin and one skill.
const extendedPolicy = `{"agent_runtime":{"plugins_allowlist":["clawea"],"skills_allowlist":["runbooks"]},"wpc_version":"v1"}`

// extended is extendedPolicy, published with the plugin and the skill as they are.
func extended(t testing.TB) *policy.Policy {
	t.Helper()
	p := must(policy.Parse([]byte(extendedPolicy)))
	return must(p.Bind(&policy.Binding{Policy: p.Hash(), At: leaves, Names: []policy.Bound{}, Extensions: asPublished()}))
}

func asPublished() []policy.Extension {
	return []policy.Extension{
		{Kind: policy.Plugin, Name: "clawea", Digest: seal.Sum([]byte("the plugin"))},
		{Kind: policy.Skill, Name: "runbooks", Digest: seal.Sum([]byte("the skill"))},
	}
}

// attestation is the launcher's word for what agent-1 is about to run in.
func attestation(t testing.TB) *Attestation {
	return &Attestation{
		Job: "job-1", Agent: "agent-1", Policy: extended(t).Hash(), Launcher: "launcher", At: leaves, Until: leaves.Add(time.Hour),
		Program: "openclaw", Version: "OpenClaw 2026.9.6 (eb377ac)", Runtime: policy.Runtime{Sandboxed: true, Workspace: "ro", Unelevated: true},
		Config: seal.Sum([]byte("configuration")), Guard: seal.Sum([]byte("the plugin")), Tools: []string{"exec", "read"}, Extensions: asPublished(),
		Checks: []Check{{Name: "security audit", Output: seal.Sum([]byte("all is well"))}, {Name: "sandbox explain", Exit: -1, Critical: 2}},
	}
}

// What an attestation says goes together, or it is none (spec/receipt.md 11.1).
func TestAttestationIsWhole(t *testing.T) {
	attestations.whole(t, map[string]saying[*Attestation]{
		"whole":                       {func(*Attestation) {}, true},
		"without a guard":             {func(a *Attestation) { a.Guard = seal.Hash{} }, true},
		"with nothing loaded":         {func(a *Attestation) { a.Extensions, a.Tools, a.Checks = nil, nil, nil }, true},
		"in no sandbox":               {func(a *Attestation) { a.Runtime = policy.Runtime{} }, true},
		"for as long as there may":    {func(a *Attestation) { a.Until = a.At.Add(MaxAttested) }, true},
		"for too long":                {func(a *Attestation) { a.Until = a.At.Add(MaxAttested + time.Second) }, false},
		"for no time":                 {func(a *Attestation) { a.Until = a.At }, false},
		"for no job":                  {func(a *Attestation) { a.Job = "" }, false},
		"for a job that is two":       {func(a *Attestation) { a.Job = "job 1" }, false},
		"for no agent":                {func(a *Attestation) { a.Agent = "" }, false},
		"for no policy":               {func(a *Attestation) { a.Policy = seal.Hash{} }, false},
		"by nobody":                   {func(a *Attestation) { a.Launcher = "" }, false},
		"by a key's text":             {func(a *Attestation) { a.Launcher = "launcher+1" }, false},
		"of no program":               {func(a *Attestation) { a.Program = "" }, false},
		"of a program in capitals":    {func(a *Attestation) { a.Program = "OpenClaw" }, false},
		"of no version":               {func(a *Attestation) { a.Version = "" }, false},
		"of a version of two lines":   {func(a *Attestation) { a.Version = "1\n2" }, false},
		"on another attestation":      {func(a *Attestation) { a.Runtime.Attestation = seal.Sum(nil) }, false},
		"of no configuration":         {func(a *Attestation) { a.Config = seal.Hash{} }, false},
		"of another workspace":        {func(a *Attestation) { a.Runtime.Workspace = "all" }, false},
		"with a tool twice":           {func(a *Attestation) { a.Tools = []string{"exec", "exec"} }, false},
		"with tools out of order":     {func(a *Attestation) { a.Tools = []string{"read", "exec"} }, false},
		"with a tool without a name":  {func(a *Attestation) { a.Tools = []string{""} }, false},
		"with a tool of a long name":  {func(a *Attestation) { a.Tools = []string{strings.Repeat("x", 129)} }, false},
		"with as many tools":          {func(a *Attestation) { a.Tools = numbered(maxAttestedTools) }, true},
		"with too many tools":         {func(a *Attestation) { a.Tools = numbered(maxAttestedTools + 1) }, false},
		"with an extension twice":     {func(a *Attestation) { a.Extensions = append(a.Extensions, a.Extensions[1]) }, false},
		"with a file as an extension": {func(a *Attestation) { a.Extensions[0].Kind = "file" }, false},
		"with an extension unseen":    {func(a *Attestation) { a.Extensions[0].Digest = seal.Hash{} }, false},
		"with a check of no name":     {func(a *Attestation) { a.Checks[0].Name = "" }, false},
		"with less than nothing":      {func(a *Attestation) { a.Checks[0].Critical = -1 }, false},
		"with as many checks":         {func(a *Attestation) { a.Checks = slices.Repeat(a.Checks[:1], maxChecks) }, true},
		"with too many checks":        {func(a *Attestation) { a.Checks = slices.Repeat(a.Checks[:1], maxChecks+1) }, false},
	})
}

// numbered are n names in order.
func numbered(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("tool-%05d", i)
	}
	return out
}

// An attestation is one launcher's word, and says whose.
func TestAttestationIsSigned(t *testing.T) { attestations.signed(t) }

// An attestation is named by the hash of what was signed: it is written in one way.
func TestAttestationIsSpelledOnce(t *testing.T) {
	k, v := answerKey(t, "launcher")
	bare := attestation(t)
	bare.Tools, bare.Checks, bare.Extensions = nil, nil, nil
	whole := string(must(seal.Marshal(bare)))
	for name, payload := range map[string]string{
		"a list left out":          strings.Replace(whole, `"checks":[],`, "", 1),
		"a time written otherwise": strings.Replace(whole, "08:00:00Z", "08:00:00.0Z", 1),
		"a guard left out":         strings.Replace(whole, `"guard":"`+bare.Guard.String()+`",`, "", 1),
	} {
		e := must(seal.Sign(k, AttestationType, []byte(payload)))
		if _, err := OpenAttestation(e, v); payload == whole || !errors.Is(err, seal.ErrNotCanonical) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The runtime of a token says all that was attested, and by which paper.
func TestAttested(t *testing.T) {
	a := attestation(t)
	got := a.Attested()
	want := &policy.Runtime{Sandboxed: true, Workspace: "ro", Unelevated: true, Attestation: a.Hash()}
	if d := cmp.Diff(want, got); d != "" || !a.Runtime.Attestation.IsZero() {
		t.Errorf("(-want +got):\n%s%+v", d, a.Runtime)
	}
	b := attestation(t)
	b.Config = seal.Sum([]byte("another"))
	if b.Attested().Attestation == got.Attestation {
		t.Error("two attestations have one hash")
	}
}

// Who may stand on an attestation, when, and with what loaded (11.2).
func TestFits(t *testing.T) {
	const agent, job = "agent-1", "job-1"
	jkt := strings.Repeat("A", 43)
	for name, tt := range map[string]struct {
		change func(*Attestation)
		agent  string
		job    string
		key    string
		now    time.Duration // since it was made
		good   bool
	}{
		"fits":                   {nil, agent, job, "", time.Minute, true},
		"another agent":          {nil, "agent-2", job, "", time.Minute, false},
		"another job":            {nil, agent, "job-2", "", time.Minute, false},
		"another policy":         {func(a *Attestation) { a.Policy = seal.Sum(nil) }, agent, job, "", time.Minute, false},
		"as it is made":          {nil, agent, job, "", 0, true},
		"by a clock behind":      {nil, agent, job, "", -token.Leeway, true},
		"before it is made":      {nil, agent, job, "", -token.Leeway - time.Second, false},
		"at its last moment":     {nil, agent, job, "", time.Hour - 1, true},
		"over":                   {nil, agent, job, "", time.Hour, false},
		"nothing loaded":         {func(a *Attestation) { a.Extensions = nil }, agent, job, "", time.Minute, true},
		"one of them":            {func(a *Attestation) { a.Extensions = a.Extensions[1:] }, agent, job, "", time.Minute, true},
		"a plugin as it was not": {func(a *Attestation) { a.Extensions[0].Digest = seal.Sum(nil) }, agent, job, "", time.Minute, false},
		"a skill as it was not":  {func(a *Attestation) { a.Extensions[1].Digest = seal.Sum(nil) }, agent, job, "", time.Minute, false},
		"another plugin":         {func(a *Attestation) { a.Extensions[0].Name = "memory" }, agent, job, "", time.Minute, false},
		"for its key":            {func(a *Attestation) { a.Key = jkt }, agent, job, jkt, time.Minute, true},
		"for any key":            {nil, agent, job, jkt, time.Minute, true},
		"for another key":        {func(a *Attestation) { a.Key = jkt }, agent, job, "B" + jkt[1:], time.Minute, false},
		"for a key, not bound":   {func(a *Attestation) { a.Key = jkt }, agent, job, "", time.Minute, false},
	} {
		a := attestation(t)
		if tt.change != nil {
			tt.change(a)
		}
		if err := a.Check(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err := a.Fits(tt.agent, tt.job, tt.key, extended(t), a.At.Add(tt.now))
		if (err == nil) != tt.good {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			twoLines(t, name, err)
		}
	}
	bare := must(policy.Parse([]byte(extendedPolicy))) // bound to nothing
	if err := attestation(t).Fits(agent, job, "", bare, leaves); !errors.Is(err, policy.ErrExtension) {
		t.Errorf("a policy that was not published: %v", err)
	}
}

// readAttestation opens a vector's attestation, and says what a token that is ordered
// by it has: order is "AGENT JOB TIME" and perhaps the key that it is bound to, under policy.json as binding.json binds it.
func readAttestation(t *testing.T, files map[string]string, vs []seal.Verifier) string {
	t.Helper()
	a, err := OpenAttestation(must(seal.ParseEnvelope([]byte(files["attestation.json"]))), vs...)
	if err != nil {
		return fmt.Sprintf("refused: %v", err)
	}
	if files["order"] != "" {
		words := strings.Fields(files["order"])
		p := must(must(policy.Parse([]byte(files["policy.json"]))).Bind(must(policy.ParseBinding([]byte(files["binding.json"])))))
		if err := a.Fits(words[0], words[1], strings.Join(words[3:], ""), p, must(time.Parse(time.RFC3339, words[2]))); err != nil {
			return fmt.Sprintf("refused: %v", err)
		}
	}
	return fmt.Sprintf("%s attests %s, %s, to %s for %s: %s", a.Launcher, a.Program, a.Version, a.Agent, a.Job, must(seal.Marshal(a.Attested())))
}

// FuzzAttestation reads whatever a launcher's key may have signed.
func FuzzAttestation(f *testing.F) {
	k, v := answerKey(f, "launcher")
	p := extended(f)
	bare := attestation(f)
	bare.Tools, bare.Extensions, bare.Checks = nil, nil, nil
	for _, a := range []*Attestation{attestation(f), bare, {}} {
		f.Add(must(seal.Marshal(a)))
	}
	f.Add([]byte(`null`))
	f.Add([]byte(strings.Replace(string(must(seal.Marshal(bare))), `"checks":[],`, "", 1)))
	f.Fuzz(func(t *testing.T, payload []byte) {
		read, err := ParseAttestation(payload)
		if err == nil && read.Check() != nil {
			t.Errorf("%q is read, and is none", payload)
		}
		e, err := seal.Sign(k, AttestationType, payload)
		if err != nil {
			t.Skip("it cannot be signed")
		}
		a, err := OpenAttestation(e, v)
		if err != nil {
			return
		}
		if a.Hash() != seal.Sum(payload) || a.Launcher != "launcher" || a.Attested().Attestation != a.Hash() {
			t.Errorf("%q has the hash %s", payload, a.Hash())
		}
		again := must(OpenAttestation(must(a.Sign(k)), v))
		if again.Hash() != a.Hash() {
			t.Errorf("read %+v, and then %+v", a, again)
		}
		if a.Fits(a.Agent, a.Job, a.Key, p, a.Until) == nil {
			t.Errorf("%+v holds when it is over", a)
		}
	})
}
