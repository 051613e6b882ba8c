// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the database, for who writes into it by hand

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
)

// A busy database counts what is noted.
type busy struct {
	*store.DB
	noted int
}

func (b *busy) Note(ctx context.Context, a *store.Approval, list []store.Notice, settled bool) (int, error) {
	b.noted++
	return b.DB.Note(ctx, a, list, settled)
}

// A question is looked at when something has changed, or when its time has come.
func TestQuietQuestionsCostNothing(t *testing.T) {
	h := newHouse(t)
	db := &busy{DB: h.DB}
	n := h.notifier(db)
	const many = 20
	var last *store.Approval
	for i := range many {
		last = h.ask(t, fmt.Sprint(10000+i))
	}
	looks := func(when string, want int) {
		t.Helper()
		db.noted = 0
		if _, err := n.Follow(t.Context()); err != nil || db.noted != want {
			t.Errorf("%s: looked at %d, %v; want %d", when, db.noted, err, want)
		}
	}
	looks("at first", many)
	for range 5 {
		h.move(time.Minute)
		looks("nothing new", 0)
	}
	h.answer(t, last, true)
	looks("one is answered", 1)
	looks("after that", 0)
	h.do(t, last, "10019")
	looks("its call is made", 1)
	h.move(25 * time.Minute)
	looks("time to remind", many-1)
	h.move(time.Minute)
	looks("reminded", 0)
	h.move(24 * time.Hour)
	looks("over", many)
	looks("settled", 0)
}

// What cannot be read of one question keeps nobody from hearing of another.
func TestOneUnreadable(t *testing.T) {
	for _, damage := range []string{`UPDATE answer SET envelope = x'00'`, `UPDATE approval SET policy = 'x' WHERE id = 'job-1.1'`} {
		h, all := newHouse(t), new(told)
		h.answer(t, h.ask(t, "1"), true)
		h.move(time.Second)
		b := h.ask(t, "2")
		if _, err := storetest.Raw(t, h.config.URL).Exec(damage); err != nil {
			t.Fatal(err)
		}
		n := h.notifier(h, Channel{Name: "all", Sender: all})
		for range 5 {
			h.settle(t, n)
		}
		if diff := cmp.Diff([]string{Asked}, all.events()); diff != "" || all.all[0].Approval != b.ID {
			t.Errorf("%s: %s", damage, diff)
		}
		if got := strings.Count(h.log.String(), "others go on"); got != 1 {
			t.Errorf("%s: the log says it %d times\n%s", damage, got, &h.log)
		}
		h.move(lookWrong)
		h.settle(t, n)
		if got := strings.Count(h.log.String(), "others go on"); got != 2 {
			t.Errorf("%s: later the log has said it %d times", damage, got)
		}
	}
}

// Who answers in another's stead is said to.
func TestInAnothersStead(t *testing.T) {
	asked := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	a := &store.Approval{ID: "job-1.1", Asked: asked, Expires: asked.Add(time.Hour)}
	list, _ := events(a, []answer{{By: "kim", For: "ana <!here>", Yes: true, At: asked, mark: "1"}, {By: "kim", For: "ana", Withdraws: true, At: asked, mark: "2"}}, nil, 0, asked)
	n := &News{Call: "jira.issue.edit"}
	var got []string
	for _, x := range list[1:] {
		d, err := readDetail(x.Detail)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n.sentence(x.Event, d))
	}
	if diff := cmp.Diff([]string{"kim, for ana???here?, says yes to jira.issue.edit", "kim, for ana, takes the answer back to jira.issue.edit"}, got); diff != "" {
		t.Error(diff)
	}
}
