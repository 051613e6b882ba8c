// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import "testing"

// The benchmarks measure pages made to be slow, as large as they may be.

func benchShapes(b *testing.B, do func(before, after *Body)) {
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			before, after := s.bodies(b, fullSize)
			b.SetBytes(int64(len(before.Text) + len(after.Text)))
			for b.Loop() {
				do(before, after)
			}
		})
	}
}

// fullSize is nearly MaxBody: what the shapes put around it has room.
const fullSize = MaxBody - 32<<10

func BenchmarkParse(b *testing.B) {
	benchShapes(b, func(before, _ *Body) { mustParse(b, before.Format, before.Text) })
}

func BenchmarkLines(b *testing.B) { benchShapes(b, func(before, _ *Body) { before.Lines() }) }

func BenchmarkPreview(b *testing.B) {
	benchShapes(b, func(before, _ *Body) { before.Preview(before.Blocks[0], 80) })
}

func BenchmarkLosses(b *testing.B) {
	benchShapes(b, func(before, after *Body) { Losses(before, after) })
}

func BenchmarkDiff(b *testing.B) { benchShapes(b, func(before, after *Body) { Diff(before, after) }) }

func BenchmarkDiffBack(b *testing.B) {
	benchShapes(b, func(before, after *Body) { Diff(after, before) })
}

func BenchmarkReplaceText(b *testing.B) {
	for _, r := range retypings {
		for name, each := range map[string]bool{"one block": false, "each depth": true} {
			b.Run(r.name+"/"+name, func(b *testing.B) {
				before := mustParse(b, r.format, r.make(fullSize))
				edits := r.edits(before, each)
				b.SetBytes(int64(len(before.Text)))
				for b.Loop() {
					if _, err := Apply(before, edits); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
