// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package bundle_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/seal"
)

func sample() *bundle.Bundle {
	e := seal.Envelope{Payload: []byte(`{"a":1}`), Type: "t", Signatures: []seal.Signature{{KeyID: "k+00000001", Sig: []byte{1, 2, 3, 4}}}}
	text := []byte("a text")
	return &bundle.Bundle{
		Job:      "job-1",
		Policies: []bundle.Policy{{Policy: e, Binding: e}},
		Tokens:   []seal.Envelope{e},
		Receipts: []seal.Envelope{e, e},
		Answers:  []seal.Envelope{},
		Disclosures: []bundle.Disclosure{
			{Commitment: seal.Commit(seal.Salt{1}, text), Salt: seal.Salt{1}, Text: text},
			{Commitment: seal.Commit(seal.Salt{2}, nil), Salt: seal.Salt{2}, Text: []byte{}},
		},
		Standing:     &e,
		Delegations:  []seal.Envelope{e},
		Attestations: []seal.Envelope{e, e},
		Traces:       []seal.Envelope{e},
		Log:          &bundle.Log{Checkpoint: "origin\n1\n", Proofs: []bundle.Proof{{Seq: 1, Index: 0, Hashes: tlog.RecordProof{{1}, {2}}}}},
	}
}

func marshal(t testing.TB, b *bundle.Bundle) []byte {
	t.Helper()
	file, err := b.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRoundTrip(t *testing.T) {
	want := sample()
	file := marshal(t, want)
	got, err := bundle.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	want.Format = bundle.Format
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("bundle (-want +got):\n%s", d)
	}
	if again := marshal(t, got); !bytes.Equal(again, file) {
		t.Errorf("written again:\n%s\nwas:\n%s", again, file)
	}
}

func TestEmpty(t *testing.T) {
	const want = `{"answers":[],"disclosures":[],"format":"clawea.bundle.v1","job":"","policies":[],"receipts":[],"tokens":[]}` + "\n"
	if got := marshal(t, new(bundle.Bundle)); string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := bundle.Read([]byte(want)); err != nil {
		t.Error(err)
	}
}

func TestReadRefuses(t *testing.T) {
	good := string(marshal(t, sample()))
	syntax := new(*seal.SyntaxError)
	tests := []struct {
		name, file string
		want       any // an error, or a pointer for errors.As
	}{
		{"nothing", "", syntax},
		{"null", "null\n", bundle.ErrFormat},
		{"an object", "{}\n", bundle.ErrFormat},
		{"another format", strings.Replace(good, "bundle.v1", "bundle.v9", 1), bundle.ErrFormat},
		{"no newline", strings.TrimSpace(good), seal.ErrNotCanonical},
		{"two newlines", good + "\n", seal.ErrNotCanonical},
		{"a carriage return", strings.TrimSpace(good) + "\r\n", seal.ErrNotCanonical},
		{"white space", strings.Replace(good, ",", ", ", 1), seal.ErrNotCanonical},
		{"an escape", strings.Replace(good, "job-1", `job\u002d1`, 1), seal.ErrNotCanonical},
		{"a number as 1e0", strings.Replace(good, `"seq":1`, `"seq":1e0`, 1), syntax},
		{"a number below zero", strings.Replace(good, `"seq":1`, `"seq":-1`, 1), syntax},
		{"a null list", strings.Replace(good, `"answers":[]`, `"answers":null`, 1), seal.ErrNotCanonical},
		{"a null standing", strings.Replace(good, `"standing":{`, `"standing":null,"x":{`, 1), syntax},
		{"an empty list of traces", strings.Replace(good, `"traces":[`, `"traces":[],"x":[`, 1), syntax},
		{"a list left out", strings.Replace(good, `"answers":[],`, ``, 1), seal.ErrNotCanonical},
		{"base64 with a loose bit", strings.Replace(good, "AQIDBA==", "AQIDBB==", 1), seal.ErrNotCanonical},
		{"base64 without padding", strings.Replace(good, "AQIDBA==", "AQIDBA", 1), syntax},
		{"an unknown name", strings.Replace(good, `"job"`, `"jab":1,"job"`, 1), syntax},
		{"an unknown name within", strings.Replace(good, `"seq"`, `"sex":1,"seq"`, 1), syntax},
		{"a name twice", strings.Replace(good, `"job"`, `"job":"x","job"`, 1), syntax},
		{"another case", strings.Replace(good, `"job"`, `"JOB"`, 1), syntax},
		{"trailing data", good + "{}", syntax},
		{"invalid UTF-8", strings.Replace(good, "job-1", "job-\xff", 1), syntax},
	}
	for _, x := range tests {
		_, err := bundle.Read([]byte(x.file))
		ok := false
		switch want := x.want.(type) {
		case error:
			ok = errors.Is(err, want)
		case **seal.SyntaxError:
			ok = errors.As(err, want)
		}
		if x.file == good || !ok {
			t.Errorf("%s: got %v, want %T", x.name, err, x.want)
		}
	}
}

// A bundle may be larger than any one paper.
func TestLarge(t *testing.T) {
	b := sample()
	b.Disclosures[0].Text = bytes.Repeat([]byte{7}, seal.MaxPaper*3/4+1)
	if _, err := bundle.Read(marshal(t, b)); err != nil {
		t.Errorf("a bundle larger than a paper: %v", err)
	}
	b.Disclosures[0].Text = nil
	for i, list := range []*[]seal.Envelope{&b.Tokens, &b.Receipts, &b.Answers, &b.Delegations, &b.Attestations, &b.Traces} {
		kept := *list
		*list = make([]seal.Envelope, bundle.MaxItems+1)
		if _, err := b.Marshal(); err == nil {
			t.Errorf("a list that is too long was written, the one in place %d", i)
		}
		*list = kept
	}
	long := `{"answers":[` + strings.Repeat(`{"payload":"","payloadType":"","signatures":[]},`, bundle.MaxItems)
	long += `{"payload":"","payloadType":"","signatures":[]}],"disclosures":[],"format":"clawea.bundle.v1","job":"","policies":[],"receipts":[],"tokens":[]}` + "\n"
	if _, err := bundle.Read([]byte(long)); err == nil {
		t.Error("a list that is too long was read")
	}
	b = sample()
	b.Log.Proofs = make([]bundle.Proof, bundle.MaxItems+1)
	if _, err := b.Marshal(); err == nil {
		t.Error("a list of proofs that is too long was written")
	}
	if _, err := bundle.Read(make([]byte, bundle.MaxSize+1)); err == nil {
		t.Error("a file that is too long was read")
	}
}

func TestMarshalRefuses(t *testing.T) {
	b := sample()
	b.Log.Proofs[0].Seq = 1 << 60 // has no one form in JSON
	if _, err := b.Marshal(); err == nil {
		t.Error("a number that RFC 8785 would round was written")
	}
	b = sample()
	b.Job = "\xff"
	if _, err := b.Marshal(); err == nil {
		t.Error("invalid UTF-8 was written")
	}
}

func TestRedact(t *testing.T) {
	b := sample()
	first := b.Disclosures[0].Commitment
	got := b.Redact(func(h seal.Hash) bool { return h == first })
	if len(got.Disclosures) != 1 || got.Disclosures[0].Commitment != first {
		t.Errorf("kept %v, want the first", got.Disclosures)
	}
	if d := cmp.Diff(sample(), b); d != "" {
		t.Errorf("the original was changed (-want +got):\n%s", d)
	}
	got.Disclosures = b.Disclosures
	if d := cmp.Diff(b, got); d != "" {
		t.Errorf("something else was redacted (-want +got):\n%s", d)
	}
}

func TestLogEntry(t *testing.T) {
	const want = "clawea receipt v1\njob-1\n7\nsha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\n"
	if got := string(bundle.LogEntry("job-1", 7, seal.Sum([]byte("x")))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(marshal(f, sample()))
	f.Add(marshal(f, new(bundle.Bundle)))
	paths, err := filepath.Glob("../testdata/vectors/bundle-*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range a.Files {
			f.Add(part.Data)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		b, err := bundle.Read(file)
		if err != nil {
			return
		}
		if again := marshal(t, b); !bytes.Equal(again, file) {
			t.Errorf("read:\n%q\nwritten:\n%q", file, again)
		}
	})
}
