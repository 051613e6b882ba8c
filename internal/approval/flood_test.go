// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package approval_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
)

// A job's questions are bounded: no agent puts the one that matters out of sight. What
// waits already is tried again, and there is room when one is answered.
func TestFlood(t *testing.T) {
	h := newHouse(t)
	first := h.ask(t, "the one that matters")
	refused := 0
	for i := range 60 {
		h.move(time.Millisecond)
		r, err := h.send(t.Context(), fmt.Sprint("noise ", i))
		turned := (*gate.Refused)(nil)
		if !errors.As(err, &turned) {
			continue
		}
		refused++
		if turned.Code != "limit.questions" || r.Refused != turned.Code || r.Asks != "" || r.Kind != receipt.Opened || !strings.Contains(turned.Error(), "50 other calls") || !strings.Contains(turned.Hint(), "wait") || turned.Status() != 429 {
			t.Fatalf("%+v: %v, %s", r, err, turned.Hint())
		}
	}
	list, err := h.db.Approvals(t.Context(), store.Filter{Open: true, Limit: 200})
	if err != nil || refused != 11 || len(list) != 50 || list[0].ID != first.ID {
		t.Fatalf("%d refused, %d open, the first %s, %v", refused, len(list), list[0].ID, err)
	}
	h.waits(t, "the one that matters", first)
	h.mustSay(t, h.alice, first, no)
	h.mustDeny(t, "the one that matters")
	h.ask(t, "noise 59")
	if _, err := h.send(t.Context(), "noise 58"); !errors.As(err, new(*gate.Refused)) {
		t.Errorf("there is room for two: %v", err)
	}
}
