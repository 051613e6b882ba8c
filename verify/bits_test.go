// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// TestEveryBit turns every single bit of a small bundle: none may go unnoticed.
// With -short it turns one bit of every byte, with -race of every eighth.
func TestEveryBit(t *testing.T) {
	h, b := smallStory(t)
	file := must(b.Marshal())
	trust := h.trust()
	if !verify.Bundle(file, trust, verify.Expect{}).Verified() {
		t.Fatal("the bundle does not verify to begin with")
	}
	bits, step := 8, 1
	switch {
	case raced():
		bits, step = 1, 8
	case testing.Short():
		bits = 1
	}
	var g errgroup.Group
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		g.Go(func() error {
			mine := bytes.Clone(file)
			for i := w * step; i < len(file); i += workers * step {
				for bit := range bits {
					flip := byte(1) << ((bit + i/step) % 8)
					mine[i] ^= flip
					if verify.Bundle(mine, trust, verify.Expect{}).Verified() {
						return fmt.Errorf("byte %d (%q) with %#02x turned still verifies", i, file[max(0, i-20):i+1], flip)
					}
					mine[i] ^= flip
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("%d bytes, %d bits of every %d", len(file), bits, step)
}

// raced reports whether the race detector, which makes everything slow, is on.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestBitsOfABigBundle turns random bits of a bundle in which everything occurs, and of
// one whose agent's program is attested to and speaks for itself.
func TestBitsOfABigBundle(t *testing.T) {
	h := bigStory(t)
	n := 1500
	if testing.Short() || raced() {
		n = 150
	}
	turnBits(t, must(h.export(bigJob, bigLength).Marshal()), h.trust(), n)
	attested, b := attestedStory(t)
	turnBits(t, must(b.Marshal()), attested.trust(), n)
}

func turnBits(t *testing.T, file []byte, trust *verify.Trust, n int) {
	t.Helper()
	if r := verify.Bundle(file, trust, verify.Expect{}); !r.Verified() {
		t.Fatalf("the bundle does not verify to begin with: %v", r.Findings)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range n {
		i, flip := rnd.IntN(len(file)), byte(1)<<rnd.IntN(8)
		file[i] ^= flip
		if verify.Bundle(file, trust, verify.Expect{}).Verified() {
			t.Errorf("byte %d (%q) with %#02x turned still verifies", i, file[max(0, i-20):i+1], flip)
		}
		file[i] ^= flip
	}
}

// TestChain removes, repeats and moves receipts at random, with or without a
// standing and a log that go along: only an untouched chain verifies.
func TestChain(t *testing.T) {
	h := bigStory(t)
	good := h.export(bigJob, bigLength)
	trust := h.trust()
	rapid.Check(t, func(t *rapid.T) {
		b := clone(good)
		i := rapid.IntRange(0, bigLength-1).Draw(t, "from")
		j := rapid.IntRange(0, bigLength-1).Filter(func(j int) bool { return j != i }).Draw(t, "to")
		moved := b.Receipts[i]
		switch rapid.SampledFrom([]string{"remove", "repeat", "move", "cut out"}).Draw(t, "how") {
		case "remove":
			i = min(i, bigLength-2) // removing the last is a prefix
			b.Receipts = slices.Delete(b.Receipts, i, i+1)
		case "repeat":
			b.Receipts = slices.Insert(b.Receipts, j, moved)
		case "move":
			b.Receipts = slices.Insert(slices.Delete(b.Receipts, i, i+1), j, moved)
		case "cut out":
			i, j = min(i, j, bigLength-2), max(i, j)
			j = min(j, bigLength-1)
			b.Receipts = slices.Delete(b.Receipts, i, max(i+1, j))
		}
		if rapid.Bool().Draw(t, "stand") {
			h.stand(b)
		}
		switch rapid.IntRange(0, 2).Draw(t, "log") {
		case 0:
			h.prove(b)
		case 1:
			b.Log = nil
		}
		if r := verify.Bundle(must(b.Marshal()), trust, verify.Expect{}); r.Verified() {
			t.Errorf("a chain of %d verifies", len(b.Receipts))
		}
	})
}

// BenchmarkBundle verifies a bundle of a thousand receipts.
func BenchmarkBundle(b *testing.B) {
	h := newHouse(b)
	raw := h.mint(h.publish(smallPolicy), "j", "t", 59*time.Minute, nil)
	for range 500 {
		h.do(raw, request(diff, "d", policy.Call{}, done("r", nil), nil), nil)
	}
	file, trust := must(h.export("j", 1000).Marshal()), h.trust()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if !verify.Bundle(file, trust, verify.Expect{}).Verified() {
			b.Fatal("not verified")
		}
	}
}

// FuzzBundle wants -fuzzminimizetime 1x: making long files shorter takes all
// the time otherwise.
func FuzzBundle(f *testing.F) {
	h, small := smallStory(f)
	big := bigStory(f)
	f.Add(must(small.Marshal()))
	f.Add(must(small.Redact(nothing).Marshal()))
	f.Add(must(big.export(bigJob, writeClosed).Marshal()))
	f.Add([]byte(`{"format":"clawea.bundle.v1"}`))
	for _, file := range vectorBundles(f) {
		f.Add(file)
	}
	trust := h.trust()
	f.Fuzz(func(t *testing.T, file []byte) {
		r := verify.Bundle(file, trust, verify.Expect{})
		if len(r.Findings) == 0 {
			t.Error("nothing found, neither good nor bad")
		}
		if r.Verified() && !bytes.Equal(must(must(bundle.Read(file)).Marshal()), file) {
			t.Error("a verified bundle has another spelling")
		}
		var out bytes.Buffer
		if err := verify.WriteText(&out, r); err != nil {
			t.Error(err)
		}
		if err := verify.WriteJSON(&out, r); err != nil {
			t.Error(err)
		}
	})
}

// FuzzReceipt has the gate sign anything as a receipt: no payload may crash an
// auditor, and only a receipt that belongs there verifies.
func FuzzReceipt(f *testing.F) {
	h := bigStory(f)
	stopped, _ := stoppedStory(f)
	for _, l := range slices.Concat(h.book.lines[bigJob], stopped.book.lines[smallJob], stopped.book.lines[receipt.Journal]) {
		f.Add(l.Envelope.Payload)
	}
	good := h.export(bigJob, adminDenied)
	trust := h.trust()
	f.Fuzz(func(t *testing.T, payload []byte) {
		b := clone(good)
		b.Receipts[adminDenied-1] = signed(h.gateKey, receipt.Type, string(payload))
		h.stand(b)
		h.prove(b)
		if !verify.Bundle(must(b.Marshal()), trust, verify.Expect{}).Verified() {
			return
		}
		r, err := receipt.Parse(payload)
		if err != nil || r.Seq != adminDenied || r.Prev != b.Receipts[adminDenied-2].Hash() || r.Job != bigJob {
			t.Errorf("verified: %s (%v)", payload, err)
		}
	})
}

func FuzzParseTrust(f *testing.F) {
	h := newHouse(f)
	f.Add(must(h.trust().Marshal()))
	f.Add([]byte(`{"format":"clawea.trust.v1","house":"h","gates":["g"]}`))
	governing, _ := governed(f, prodPolicy, func(h *house) []key { return []key{h.author, h.approver, h.ann} })
	f.Add(must(governing.trust().Marshal()))
	f.Add([]byte(`{"format":"clawea.trust.v1","house":"h","environments":{"":{"approvers":[],"required":0}},"break_glass":null}`))
	launched := h.trust()
	launched.Launchers = []string{launcher(f).public}
	f.Add(must(launched.Marshal()))
	ended := h.trust()
	ended.Until = map[string]time.Time{seal.KeyID(h.verifier(h.ann)): h.now}
	f.Add(must(ended.Marshal()))
	f.Add([]byte(`{"format":"clawea.trust.v1","house":"h","until":{"ann":"0001-01-01T00:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		trust, err := verify.ParseTrust(b)
		if err != nil {
			return
		}
		once := must(trust.Marshal())
		again, err := verify.ParseTrust(once)
		if err != nil || !bytes.Equal(must(again.Marshal()), once) {
			t.Errorf("%s does not read as it was written: %v", once, err)
		}
	})
}
