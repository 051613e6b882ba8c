// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Traces are kept once, so many of a job and no more, and their texts sealed, where all of
// the job's are found.
func TestTraces(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.job(t, "job-1")
		h.job(t, "job-2")
		paper := func(n int) *seal.Envelope {
			e, err := seal.Sign(h.gate, receipt.TraceType, fmt.Appendf(nil, `{"n":%d}`, n))
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		said := text("what the program says")
		if err := h.PutTrace(ctx, Trace{Job: "nobody", Envelope: paper(1)}, 2); !errors.Is(err, ErrNotFound) {
			t.Errorf("a job that is not there: got %v, want ErrNotFound", err)
		}
		for range 2 {
			if err := h.PutTrace(ctx, Trace{"job-1", paper(1), []receipt.Text{said}}, 2); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.PutTrace(ctx, Trace{"job-1", paper(2), nil}, 2); err != nil {
			t.Fatal(err)
		}
		if err := h.PutTrace(ctx, Trace{"job-1", paper(3), nil}, 2); !errors.Is(err, ErrTooMany) {
			t.Errorf("one too many: got %v, want ErrTooMany", err)
		}
		if err := h.PutTrace(ctx, Trace{"job-1", paper(1), nil}, 2); err != nil {
			t.Errorf("one that is there: %v", err)
		}
		if list, err := h.Traces(ctx, "job-1"); err != nil || len(list) != 2 {
			t.Errorf("%d traces, %v", len(list), err)
		}
		texts, err := h.Texts(ctx, "job-1")
		if err != nil || len(texts) != 1 || !bytes.Equal(texts[0].Bytes, said.Bytes) {
			t.Errorf("texts %v, %v", texts, err)
		}
		if list, err := h.Traces(ctx, "job-2"); err != nil || len(list) != 0 {
			t.Errorf("another job has %d traces, %v", len(list), err)
		}
		var sealed []byte
		if err := h.read.QueryRowContext(ctx, `SELECT texts FROM trace WHERE texts IS NOT NULL`).Scan(&sealed); err != nil || bytes.Contains(sealed, said.Bytes) {
			t.Errorf("the text is not sealed: %v", err)
		}
		if _, err := h.write.ExecContext(ctx, `UPDATE trace SET job = 'job-2' WHERE texts IS NOT NULL`); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Texts(ctx, "job-2"); !errors.Is(err, errChanged) {
			t.Errorf("another job's texts are opened: %v", err)
		}
	})
}
