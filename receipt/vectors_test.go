// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/internal/vectors"
	"github.com/clawea/clawea/seal"
)

// TestVectors reads every testdata/vectors/receipt-*.txtar: payloads of
// receipts, signed answers, delegations, attestations, traces and standings, salts and
// commitments.
func TestVectors(t *testing.T) {
	vectors.Run(t, "receipt", func(t *testing.T, files map[string][]byte) string { return runVector(t, texts(files)) })
}

// texts are the files of a vector without their last line ends, which signed
// papers do not have.
func texts(files map[string][]byte) map[string]string {
	out := map[string]string{}
	for name, b := range files {
		out[name] = strings.TrimSuffix(string(b), "\n")
	}
	return out
}

func runVector(t *testing.T, files map[string]string) string {
	t.Helper()
	var vs []seal.Verifier
	for line := range strings.Lines(files["keys"]) {
		v, err := seal.NewVerifier(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		vs = append(vs, v)
	}
	switch {
	case files["receipt.json"] != "":
		return readReceipt([]byte(files["receipt.json"]))
	case files["story"] != "":
		return tell(t, files["story"])
	case files["changes"] != "":
		return tellChanges(t, files["changes"])
	case files["settle"] != "":
		return tellSettled(t, files["settle"])
	case files["stands"] != "":
		return tellStanding(t, files, vs)
	case files["attestation.json"] != "":
		return readAttestation(t, files, vs)
	case files["trace.json"] != "":
		return readTrace(t, files["trace.json"], vs)
	case files["delegation.json"] != "":
		return readDelegation(t, files["delegation.json"], vs)
	case files["answer.json"] != "":
		return readAnswer(t, files["answer.json"], vs)
	case files["standing.json"] != "":
		return readStanding(t, files["standing.json"], vs)
	case files["salt"] != "":
		var salt seal.Salt
		if err := salt.UnmarshalText([]byte(files["salt"])); err != nil {
			return fmt.Sprintf("refused: %v", err)
		}
		return fmt.Sprintf("commitment: %v", seal.Commit(salt, []byte(files["text"])))
	default:
		b, err := seal.NewSalt([]byte(files["key"]), files["context"], []byte(files["text"])).MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("salt: %s", b)
	}
}

func readReceipt(b []byte) string {
	r, err := Parse(b)
	if err != nil {
		return fmt.Sprintf("refused: %v", err)
	}
	return fmt.Sprintf("%s receipt %d of %s: %v", r.Kind, r.Seq, r.Job, seal.Sum(b))
}

// tellSettled reads an opened receipt and the closed one, a line each, and says
// what was used.
func tellSettled(t *testing.T, lines string) string {
	t.Helper()
	var rs []*Receipt
	for line := range strings.Lines(lines) {
		r, err := Parse([]byte(strings.TrimSpace(line)))
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, r)
	}
	used := Settled(rs[0].Call.Uses, rs[1].Outcome)
	if used == nil {
		return "used: all"
	}
	b, err := seal.Marshal(used)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("used: %s", b)
}

func readAnswer(t *testing.T, text string, vs []seal.Verifier) string {
	t.Helper()
	e, err := seal.ParseEnvelope([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	a, err := OpenAnswer(e, vs...)
	if err != nil {
		return fmt.Sprintf("refused: %v", err)
	}
	return fmt.Sprintf("%s says %t to %s: %v", a.By, a.Yes, a.Approval, a.Call)
}

func readDelegation(t *testing.T, text string, vs []seal.Verifier) string {
	t.Helper()
	e, err := seal.ParseEnvelope([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	d, err := OpenDelegation(e, vs...)
	if err != nil {
		return fmt.Sprintf("refused: %v", err)
	}
	if d.Withdraws {
		return fmt.Sprintf("%s takes %s back from %s", d.From, d.ID, d.To)
	}
	return fmt.Sprintf("%s: %s answers for %s from %s to %s", d.ID, d.To, d.From, d.Begins.Format(time.RFC3339), d.Ends.Format(time.RFC3339))
}

// tellStanding reads signed delegations, a line each, and says what answers count by
// them: each line of stands is "BY FOR SAYS WHEN-SIGNED WHEN-COUNTED".
func tellStanding(t *testing.T, files map[string]string, vs []seal.Verifier) string {
	t.Helper()
	p := &People{Keys: vs}
	for line := range strings.Lines(files["delegations"]) {
		e, err := seal.ParseEnvelope([]byte(strings.TrimSpace(line)))
		if err != nil {
			t.Fatal(err)
		}
		p.Delegations = append(p.Delegations, e)
	}
	out := ""
	for line := range strings.Lines(files["stands"]) {
		words := strings.Fields(line)
		at, err := time.Parse(time.RFC3339, words[3])
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.Parse(time.RFC3339, words[4])
		if err != nil {
			t.Fatal(err)
		}
		a := &Answer{By: words[0], For: words[1], Yes: words[2] == "yes", At: at}
		out += fmt.Sprintf("%s: stands in %t, counts %t\n", strings.TrimSpace(line), p.StandsIn(a, now), p.Speaks(a, now))
	}
	return out
}

func readStanding(t *testing.T, text string, vs []seal.Verifier) string {
	t.Helper()
	e, err := seal.ParseEnvelope([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenStanding(e, vs...)
	if err != nil {
		return fmt.Sprintf("refused: %v", err)
	}
	return fmt.Sprintf("%s stood at %d: %v", s.Job, s.Seq, s.Hash)
}

func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("../testdata/vectors/receipt-*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if in := texts(vectors.Files(a))["receipt.json"]; in != "" {
			f.Add([]byte(in))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			if r != nil {
				t.Fatal("a receipt with an error")
			}
			return
		}
		if r.Kind == Opened {
			r.Uses(nil)
		} else {
			r.Uses(&Receipt{Kind: Opened})
		}
		again, err := seal.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(again)
		if err != nil {
			t.Fatalf("%s reads, %s does not: %v", b, again, err)
		}
		if twice, err := seal.Marshal(back); err != nil || !bytes.Equal(again, twice) {
			t.Fatalf("%s, then %s, %v", again, twice, err)
		}
	})
}

// TestSpecAndVectorsAgree says: a vector's clause is in the spec.
func TestSpecAndVectorsAgree(t *testing.T) {
	b, err := os.ReadFile("../spec/receipt.md")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("../testdata/vectors/receipt-*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if clause := strings.Split(filepath.Base(path), "-")[1]; !strings.Contains(string(b), "\n"+clause+" ") {
			t.Errorf("%s proves clause %s, which the spec does not have", path, clause)
		}
	}
}
