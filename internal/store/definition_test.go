// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/clawea/clawea/seal"
)

func TestDefinitions(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		one := Definition{seal.Sum([]byte("1")), []byte(`{"name":"one"}`)}
		two := Definition{seal.Sum([]byte("2")), bytes.Repeat([]byte{0, 255}, 32<<10)}
		if err := h.PutDefinitions(ctx, nil); err != nil {
			t.Errorf("none: %v", err)
		}
		if _, err := h.Definition(ctx, one.Digest); !errors.Is(err, ErrNotFound) {
			t.Errorf("what is not kept: got %v, want ErrNotFound", err)
		}
		for range 2 { // what is there already is no conflict
			if err := h.PutDefinitions(ctx, []Definition{one, two, one}); err != nil {
				t.Fatal(err)
			}
		}
		for _, d := range []Definition{one, two} {
			if got, err := h.Definition(ctx, d.Digest); err != nil || !bytes.Equal(got, d.Body) {
				t.Errorf("definition: %d bytes, %v; want %d", len(got), err, len(d.Body))
			}
		}
		if err := h.PutDefinitions(ctx, []Definition{{one.Digest, []byte("other")}}); err != nil {
			t.Fatal(err)
		}
		if got, err := h.Definition(ctx, one.Digest); err != nil || !bytes.Equal(got, one.Body) {
			t.Errorf("put again, it is %q, %v", got, err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if err := h.PutDefinitions(ended, []Definition{{seal.Sum(nil), nil}}); err == nil {
			t.Error("kept after its time")
		}
	})
}
