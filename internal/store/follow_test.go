// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"testing"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Who goes on behind the last receipt that it has sees each once, in the log's order.
func TestReceiptsAfter(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		one, two := h.job(t, "job-1"), h.job(t, "job-2")
		h.mustWrite(t, one, h.opens(one, call(1, "a"), policy.Allow))
		h.mustWrite(t, two, h.opens(two, call(1, "b"), policy.Deny))
		h.mustWrite(t, one, h.closes(one, 1, 1))
		var got []string
		for job, seq := "", uint64(0); ; {
			page, err := h.ReceiptsAfter(ctx, job, seq, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, f := range page {
				e, err := seal.ParseEnvelope(f.Envelope)
				if err != nil {
					t.Fatal(err)
				}
				r, err := receipt.Parse(e.Payload)
				if err != nil {
					t.Fatal(err)
				}
				if f.Agent != "agent" || (f.Opened != nil) != (r.Kind == receipt.Closed) {
					t.Errorf("%s: agent %q, opened %q", r.Name(), f.Agent, f.Opened)
				}
				got, job, seq = append(got, r.Name()), r.Job, r.Seq
			}
		}
		if len(got) != 3 || got[0] != "job-1/1" || got[1] != "job-2/1" || got[2] != "job-1/2" {
			t.Errorf("got %v", got)
		}
		if _, err := h.ReceiptsAfter(ctx, "job-1", 9, 1); !errors.Is(err, ErrNotFound) {
			t.Errorf("behind one that is not there: %v", err)
		}
	})
}
