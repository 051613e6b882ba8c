// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A pen is a signer that counts, and may fail.
type pen struct {
	seal.Signer
	signed int
	fails  func() error
}

func (p *pen) Sign(b []byte) ([]byte, error) {
	p.signed++
	if p.fails != nil {
		if err := p.fails(); err != nil {
			return nil, err
		}
	}
	return p.Signer.Sign(b)
}

// newPen returns a pen and its public key.
func newPen(t testing.TB, name string) (*pen, seal.Verifier) {
	t.Helper()
	k := housetest.FreshKey(t, name)
	return &pen{Signer: k}, k.Verifier
}

// denies is a next that denies a call, with a receipt that s is to sign.
func denies(job string, s seal.Signer) next {
	return func(st *receipt.State) (*receipt.Line, error) {
		d := policy.Decision{Policy: testPolicy, Reasons: []policy.Reason{}}
		return receipt.Open(st, claims(job), call(1, "a"), &policy.Facts{Now: st.Now}, d).Line(s, text("a"))
	}
}

// checkSigned fails unless a job has n receipts, each signed by v.
func checkSigned(t *testing.T, h *house, job string, n int, v seal.Verifier) []*seal.Envelope {
	t.Helper()
	list, err := h.Receipts(t.Context(), job)
	if err != nil || len(list) != n || len(checkChain(t, h.DB, job)) != n {
		t.Errorf("%s has %d receipts, %v, want %d", job, len(list), err, n)
	}
	for _, e := range list {
		if _, err := e.Open(receipt.Type, v); err != nil {
			t.Errorf("%s: %v", job, err)
		}
	}
	return list
}

// The lines of a commit have one signature of each signer; those that are signed
// keep theirs.
func TestSignedTogether(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		one, oneKey := newPen(t, "one.example")
		two, twoKey := newPen(t, "two.example")
		var wishes []wish
		for i := range 5 {
			wishes = append(wishes, wish{h.job(t, fmt.Sprintf("one-%d", i%3)), denies(fmt.Sprintf("one-%d", i%3), one)})
		}
		wishes = append(wishes, wish{h.job(t, "two"), denies("two", two)}, wish{h.job(t, "before"), func(st *receipt.State) (*receipt.Line, error) {
			l, err := denies("before", one)(st)
			return l, errors.Join(err, l.Sign())
		}})
		for i, err := range h.together(wishes...) {
			if err != nil {
				t.Errorf("write %d: %v", i, err)
			}
		}
		if one.signed != 2 || two.signed != 1 {
			t.Errorf("one signed %d times, the other %d", one.signed, two.signed)
		}
		for i, n := range []int{2, 2, 1} {
			for _, e := range checkSigned(t, h, fmt.Sprintf("one-%d", i), n, oneKey) {
				if l := e.Signatures[0].Leaf; l == nil || l.Size != 5 {
					t.Errorf("it is leaf %+v, want one of five", l)
				}
			}
		}
		for job, v := range map[string]seal.Verifier{"two": twoKey, "before": oneKey} {
			if e := checkSigned(t, h, job, 1, v)[0]; e.Signatures[0].Leaf != nil {
				t.Errorf("%s is signed as %+v", job, e.Signatures[0])
			}
		}
	})
}

// What cannot be signed is not written, and does not keep others from it.
func TestUnsigned(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		job, other := h.job(t, "job-1"), h.job(t, "job-2")
		good, goodKey := newPen(t, "good.example")
		bad, _ := newPen(t, "bad.example")
		for name, fails := range map[string]func() error{
			"fails":  func() error { return errFire },
			"panics": func() error { panic("no hardware") },
		} {
			bad.fails = fails
			before := len(checkChain(t, h.DB, job))
			ends := h.together(wish{job, denies(job, bad)}, wish{job, denies(job, good)}, wish{other, denies(other, bad)}, wish{job, denies(job, good)})
			if ends[0] == nil || ends[1] != nil || ends[2] == nil || ends[3] != nil {
				t.Errorf("%s: got %v", name, ends)
			}
			checkSigned(t, h, job, before+2, goodKey)
			checkSigned(t, h, other, 0, goodKey)
		}
		ends := h.together(wish{job, denies(job, nil)}, wish{job, func(st *receipt.State) (*receipt.Line, error) {
			l, err := denies(job, good)(st)
			l.Receipt.Call.Resources = []policy.Resource{{ID: strings.Repeat("x", seal.MaxPaper*3/4-100)}} // which base64 makes too long
			l, err2 := l.Receipt.Line(good)
			return l, errors.Join(err, err2)
		}}, wish{job, denies(job, good)})
		if !errors.Is(ends[0], seal.ErrUnsigned) || ends[1] == nil || ends[2] != nil {
			t.Errorf("got %.200v", ends)
		}
		checkSigned(t, h, job, 5, goodKey)
	})
}

// A group's commit seems to fail: what landed of it is found by the signature
// that it has, and what did not is signed anew, alone.
func TestSignedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		faults map[int]func(*sql.Tx) error
		signed int
		leaves bool
	}{
		"done, but nobody heard": {map[int]func(*sql.Tx) error{1: doneButLost}, 1, true},
		"not done":               {map[int]func(*sql.Tx) error{1: lost}, 1 + 3, false},
		"not done, and one done alone, but nobody heard": {map[int]func(*sql.Tx) error{1: lost, 3: doneButLost}, 1 + 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, h *house) {
				s, v := newPen(t, "gate.example")
				job, other := h.job(t, "job-1"), h.job(t, "job-2")
				h.commits(c.faults)
				for i, err := range h.together(wish{job, denies(job, s)}, wish{other, denies(other, s)}, wish{job, denies(job, s)}) {
					if err != nil {
						t.Errorf("write %d: %v", i, err)
					}
				}
				if s.signed != c.signed {
					t.Errorf("signed %d times, want %d", s.signed, c.signed)
				}
				for _, e := range append(checkSigned(t, h, job, 2, v), checkSigned(t, h, other, 1, v)...) {
					if (e.Signatures[0].Leaf != nil) != c.leaves {
						t.Errorf("signed as %+v", e.Signatures[0])
					}
				}
			})
		})
	}
}

// A signature of a commit that failed is none of another's: a line that another
// daemon wrote in the same place is not taken for one's own.
func TestSignedByAnother(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		s, v := newPen(t, "gate.example")
		job := h.job(t, "job-1")
		bare := func(st *receipt.State) (*receipt.Line, error) { // no text tells it from others
			l, err := denies(job, s)(st)
			l.Texts = nil
			return l, err
		}
		second := h.open(t)
		h.commits(map[int]func(*sql.Tx) error{1: func(tx *sql.Tx) error {
			if err := tx.Rollback(); err != nil {
				return err
			}
			return errors.Join(errFire, second.Write(context.Background(), job, bare))
		}})
		for i, err := range h.together(wish{job, bare}, wish{job, bare}) {
			if err != nil {
				t.Errorf("write %d: %v", i, err)
			}
		}
		list := checkSigned(t, h, job, 3, v)
		if bytes.Equal(list[0].Payload, list[1].Payload) {
			t.Error("one line is there twice")
		}
	})
}
