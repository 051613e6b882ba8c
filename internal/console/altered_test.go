// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/receipt"
)

// waits has the robot ask for a mail, and returns the receipt that asks.
func (h *house) waits(raw, args string, c *receipt.Change) *receipt.Receipt {
	h.t.Helper()
	r, err := h.do(raw, &deed{action: mail, args: args, change: c, outcome: receipt.Outcome{Status: receipt.Done}})
	if pending := (*gate.Pending)(nil); !errors.As(err, &pending) {
		h.t.Fatal("it does not wait:", err)
	}
	return r
}

// Rows that are changed while a person reads what they are to answer have them sign
// nothing else, and what is sent in back of the page is not taken.
func TestAlteredWhileShown(t *testing.T) {
	for name, alter := range map[string]string{
		"another call":               `UPDATE approval SET call = (SELECT call FROM approval WHERE id = $2) WHERE id = $1`,
		"another call and its paper": `UPDATE approval SET (call, seq) = (SELECT call, seq FROM approval WHERE id = $2) WHERE id = $1`,
		"another policy":             `UPDATE approval SET policy = (SELECT call FROM approval WHERE id = $2) WHERE id = $1`,
		"another job":                `UPDATE approval SET (job, seq) = ('job-2', 1) WHERE id = $1 AND $2 <> ''`,
		"an unsigned paper":          `UPDATE receipt SET envelope = CAST(replace(CAST(envelope AS TEXT), '"sig":"', '"sig":"AAAA') AS BLOB) WHERE job || '.' || seq = $1 AND $2 <> ''`,
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := asked(t)
			raw := h.order("job-1")
			good, evil := h.waits(raw, `{"to":"team"}`, nil), h.waits(raw, `{"to":"everybody"}`, nil)
			h.waits(h.order("job-2"), `{"to":"everybody"}`, nil)
			if p := h.get("approver", "/approvals/"+good.Asks); p.status != 200 || !strings.Contains(p.body, "Approve with a passkey") {
				t.Fatal(p.status)
			}
			_, early := h.offered(good.Asks, yes)
			if _, err := h.raw.Exec(alter, good.Asks, evil.Asks); err != nil {
				t.Fatal(err)
			}
			if p := h.get("approver", "/approvals/"+good.Asks); p.status != 409 || !strings.Contains(p.body, "Do not answer") {
				t.Errorf("the page: %d", p.status)
			}
			if res := h.post("/approvals/"+good.Asks+"/offer", "good", yes); res.status != 409 || !strings.Contains(res.body, "do not answer") {
				t.Errorf("it is offered to sign: %d %s", res.status, res.body)
			}
			if res := h.sent(good.Asks, early); res.status != 409 {
				t.Errorf("what was offered before is taken: %d %s", res.status, res.body)
			}
		})
	}
}

// However many questions wait, each is on a page, and the oldest are on the first.
func TestApprovalsGoOn(t *testing.T) {
	h, first := asked(t)
	var last *receipt.Receipt
	for j := range 5 {
		raw := h.order(fmt.Sprint("job-of-many-", j))
		for i := range 41 {
			last = h.waits(raw, fmt.Sprint(i), nil)
		}
	}
	p := h.get("approver", "/approvals")
	checkPage(t, "/approvals", p.body)
	next := regexp.MustCompile(`href="(/approvals\?after=[^"]+)"`).FindStringSubmatch(p.body)
	if next == nil || !strings.Contains(p.body, first) || strings.Contains(p.body, last.Asks+`"`) {
		t.Fatal("the first page does not begin with the oldest, or has no next")
	}
	p = h.get("approver", next[1])
	checkPage(t, "/approvals", p.body)
	if !strings.Contains(p.body, last.Asks+`"`) || strings.Contains(p.body, `rel="next"`) {
		t.Error("the next page does not end with the newest")
	}
}

// An answer that nobody of the house has signed is not shown as anybody's.
func TestAnswerOfNobody(t *testing.T) {
	h, question := asked(t)
	q, err := h.Desk.Question(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	mallory, _ := newKey(t, "ceo@house.test", 66)
	now := h.Now().UTC()
	e, err := (&receipt.Answer{Approval: q.ID, Job: q.Job, Call: q.Call, Policy: q.Policy, Yes: true, By: "ceo@house.test", At: now, Expires: now.Add(time.Hour)}).Sign(mallory)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.raw.Exec(`INSERT INTO answer (approval, place, person, reply, remaining, current, envelope) VALUES (?, 1, 'ceo@house.test', 'yes', 1, 1, ?)`, question, b); err != nil {
		t.Fatal(err)
	}
	p := h.get("approver", "/approvals/"+question)
	checkPage(t, "/approvals", p.body)
	if strings.Contains(p.body, "ceo@house.test") || !strings.Contains(p.body, "1 more must say yes") || !strings.Contains(p.body, "1 answer that nobody has signed") {
		t.Errorf("the page says\n%s", p.body)
	}
}
