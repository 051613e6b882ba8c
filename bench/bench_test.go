// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"testing"
)

// BenchmarkDecide decides the calls of policies/ in turn; an operation is one decision.
func BenchmarkDecide(b *testing.B) {
	for _, l := range Languages() {
		for _, n := range Sizes() {
			b.Run(fmt.Sprintf("%s/%d", l.Name, n), func(b *testing.B) {
				calls, err := l.Prepared(n)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					calls[i%len(calls)]()
				}
			})
		}
	}
}
