// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A story has the shape of an opened receipt: hashes, times, counters, lists of
// small objects, some 2 KB of it.
type story struct {
	Kind    string         `json:"kind"`
	Job     string         `json:"job"`
	Seq     uint64         `json:"seq"`
	Prev    Hash           `json:"prev"`
	At      time.Time      `json:"at"`
	Token   string         `json:"token"`
	Call    *storyCall     `json:"call,omitempty"`
	Facts   *storyFacts    `json:"facts,omitempty"`
	Reasons []storyReason  `json:"reasons,omitempty"`
	Used    map[string]int `json:"used,omitzero"`
}

type storyCall struct {
	Tool      string         `json:"tool"`
	Action    string         `json:"action,omitempty"`
	Class     string         `json:"class"`
	Resources []storyThing   `json:"resources,omitempty"`
	Offers    []string       `json:"offers,omitempty"`
	Uses      map[string]int `json:"uses,omitempty"`
	Args      Hash           `json:"args,omitzero"`
}

type storyThing struct {
	Type string       `json:"type"`
	ID   string       `json:"id"`
	Path []storyPlace `json:"path,omitempty"`
}

type storyPlace struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

type storyFacts struct {
	Now        time.Time       `json:"now"`
	Used       map[string]int  `json:"used,omitempty"`
	Conditions map[string]bool `json:"conditions,omitempty"`
	Policy     Hash            `json:"policy"`
	Binding    Hash            `json:"binding"`
}

type storyReason struct {
	Clause string `json:"clause"`
	Says   string `json:"says"`
}

func newStory() *story {
	at := time.Date(2026, 3, 2, 12, 0, 0, 123e6, time.UTC)
	s := &story{Kind: "opened", Job: "job-0123456789", Seq: 1234, Prev: Sum([]byte("prev")), At: at, Token: "cst-0123456789abcdef"}
	s.Call = &storyCall{Tool: "model", Action: "chat.completions", Class: "model", Args: Sum([]byte("args")), Uses: map[string]int{"tokens": 120000, "output_tokens": 4096, "cost": 730000}}
	for i := range 4 {
		place := storyPlace{fmt.Sprintf("id-%d", i), "Runbooks & répertoires"}
		s.Call.Resources = append(s.Call.Resources, storyThing{"page", fmt.Sprintf("10%d", i), []storyPlace{place, place}})
		s.Call.Offers = append(s.Call.Offers, fmt.Sprintf("tool_%d", i))
	}
	s.Facts = &storyFacts{
		Now: at, Used: map[string]int{"call:model.chat.completions": 17, "class:model": 17, "tokens": 123456, "cost": 98765},
		Conditions: map[string]bool{"/approvals/0": false, "/approvals/1": true}, Policy: Sum([]byte("policy")), Binding: Sum([]byte("binding")),
	}
	for i := range 4 {
		s.Reasons = append(s.Reasons, storyReason{fmt.Sprintf("/model_route/allowed/%d", i), "the route \"main\" is listed\nand the model is one of its own"})
	}
	return s
}

// paperOf is the canonical form of a story.
func paperOf(b testing.TB) []byte {
	b.Helper()
	paper, err := Marshal(newStory())
	if err != nil {
		b.Fatal(err)
	}
	if n := len(paper); n < 1500 || n > 2500 {
		b.Fatalf("the paper has %d bytes", n)
	}
	return paper
}

func BenchmarkMarshal(b *testing.B) {
	s := newStory()
	b.SetBytes(int64(len(paperOf(b))))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Marshal(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	paper := paperOf(b)
	b.SetBytes(int64(len(paper)))
	b.ReportAllocs()
	for b.Loop() {
		var s story
		if err := Decode(paper, &s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	paper := paperOf(b)
	b.SetBytes(int64(len(paper)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Canonical(paper); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseEnvelope(b *testing.B) {
	s, _, _ := testKey(b, "gate", 1)
	e, err := Sign(s, "application/vnd.clawea.receipt.v1+json", paperOf(b))
	if err != nil {
		b.Fatal(err)
	}
	paper, err := e.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseEnvelope(paper); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("marshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.Marshal(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkKeyID(b *testing.B) {
	s, _, _ := testKey(b, "gate", 1)
	b.ReportAllocs()
	for b.Loop() {
		KeyID(s)
	}
}

func BenchmarkPAE(b *testing.B) {
	text := []byte(strings.Repeat("x", 2000))
	b.ReportAllocs()
	for b.Loop() {
		pae("application/vnd.clawea.receipt.v1+json", text)
	}
}

// BenchmarkSignAll signs receipts, and writes their envelopes.
func BenchmarkSignAll(b *testing.B) {
	s, _, _ := testKey(b, "gate", 1)
	paper := paperOf(b)
	for _, n := range []int{1, 8, 32} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				es := make([]*Envelope, n)
				for i := range es {
					es[i] = &Envelope{Type: "application/vnd.clawea.receipt.v1+json", Payload: paper}
				}
				if err := SignAll(s, es...); err != nil {
					b.Fatal(err)
				}
				for _, e := range es {
					if _, err := e.Marshal(); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/receipt")
		})
	}
}
