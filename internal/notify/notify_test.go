// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Each thing that happens to a question is told once, in order.
func TestStory(t *testing.T) {
	h, all := newHouse(t), new(told)
	n := h.notifier(h, Channel{Name: "all", Sender: all})
	a := h.ask(t, "10001")
	h.settle(t, n)
	h.settle(t, n)
	h.move(30 * time.Minute)
	h.settle(t, n)
	h.move(time.Minute)
	h.settle(t, n)
	h.answer(t, a, true)
	h.move(time.Second)
	h.settle(t, n)
	h.do(t, a, "10001")
	h.settle(t, n)
	h.move(25 * time.Hour)
	h.settle(t, n)
	if diff := cmp.Diff([]string{Asked, Reminded, Answered, Done}, all.events()); diff != "" {
		t.Fatal(diff)
	}
	want := []string{
		"triage-bot asks to do jira.issue.edit on issue 10001", "Still open: triage-bot asks to do jira.issue.edit on issue 10001",
		"kim@house.test says yes to jira.issue.edit on issue 10001", "Done: jira.issue.edit on issue 10001",
	}
	ids := map[string]bool{}
	for i, x := range all.all {
		if x.Sentence != want[i] || x.Open != (i < 2) || x.Link != "https://house.test/approvals/job-1.1" || x.Undo != "yes" {
			t.Errorf("%d: %+v", i, x)
		}
		if i > 0 && x.Place != fmt.Sprint("place ", i) {
			t.Errorf("%d: the place before is %q", i, x.Place)
		}
		ids[x.ID] = true
	}
	if len(ids) != 4 {
		t.Errorf("ids %v", ids)
	}
	if diff := cmp.Diff([]Line{{Text: want[2]}, {Text: want[3]}}, all.all[3].History); diff != "" {
		t.Error(diff)
	}
	left, err := h.Followed(t.Context(), time.Time{}, nil, 10)
	if err != nil || len(left) != 0 {
		t.Errorf("still followed: %v, %v", left, err)
	}
}

func TestOtherEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		happens func(t *testing.T, h *house, a *store.Approval)
		want    []string
		says    string
	}{
		"nobody answers":     {func(t *testing.T, h *house, a *store.Approval) { h.move(24 * time.Hour) }, []string{Asked, Expired}, "Nobody has decided in time: jira.issue.edit on issue 7"},
		"a no":               {func(t *testing.T, h *house, a *store.Approval) { h.answer(t, a, false); h.move(25 * time.Hour) }, []string{Asked, Answered}, "kim@house.test says no to jira.issue.edit on issue 7"},
		"a yes without call": {func(t *testing.T, h *house, a *store.Approval) { h.answer(t, a, true); h.move(time.Hour) }, []string{Asked, Answered, Expired}, "The yes was not used in time: jira.issue.edit on issue 7"},
	} {
		t.Run(name, func(t *testing.T) {
			h, all := newHouse(t), new(told)
			n := h.notifier(h, Channel{Name: "all", Sender: all})
			a := h.ask(t, "7")
			h.settle(t, n)
			tt.happens(t, h, a)
			h.settle(t, n)
			if diff := cmp.Diff(tt.want, all.events()); diff != "" {
				t.Error(diff)
			}
			if got := all.all[len(all.all)-1].Sentence; got != tt.says {
				t.Errorf("it says %q", got)
			}
			if left, err := h.Followed(t.Context(), time.Time{}, nil, 10); err != nil || len(left) != 0 {
				t.Errorf("still followed: %v, %v", left, err)
			}
		})
	}
}

// Nobody is told of an answer that nobody who may answer has signed.
func TestUnsigned(t *testing.T) {
	for _, good := range []bool{true, false} {
		h, all := newHouse(t), new(told)
		n := h.notifier(h, Channel{Name: "all", Sender: all})
		n.Signed = func(context.Context, *seal.Envelope) (bool, error) { return good, nil }
		h.answer(t, h.ask(t, "7"), true)
		h.settle(t, n)
		want := []string{Asked}
		if good {
			want = append(want, Answered)
		}
		if diff := cmp.Diff(want, all.events()); diff != "" {
			t.Errorf("signed: %t\n%s", good, diff)
		}
	}
}

// What a revocation cancels, and what a person takes back.
func TestEventsOfWithdrawing(t *testing.T) {
	asked := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	when := asked.Add(time.Minute)
	a := &store.Approval{ID: "job-1.1", Asked: asked, Expires: asked.Add(24 * time.Hour), Cancelled: &when}
	list, settled := events(a, nil, nil, time.Second, when)
	if len(list) != 2 || list[1].Event != Withdrawn || !list[1].At.Equal(when) || !settled {
		t.Errorf("cancelled: %v, %v", list, settled)
	}
	a.Cancelled = nil
	list, settled = events(a, []answer{{By: "kim", Yes: true, At: when, mark: "1"}, {By: "kim", Withdraws: true, At: when, mark: "2"}}, nil, 0, when)
	if len(list) != 3 || list[1].Event != Answered || list[2].Event != Withdrawn || list[2].Detail != `{"by":"kim"}` || settled {
		t.Errorf("taken back: %v, %v", list, settled)
	}
	a.UsedBy, a.Reply, a.Expires = 5, store.Yes, when
	if list, settled = events(a, nil, map[uint64]*receipt.Receipt{5: nil}, 0, when.Add(time.Hour)); len(list) != 1 || settled {
		t.Errorf("under way: %v, %v", list, settled)
	}
	closed := &receipt.Receipt{At: when.Add(time.Hour), Outcome: &receipt.Outcome{Status: receipt.Unknown}}
	if list, settled = events(a, nil, map[uint64]*receipt.Receipt{5: closed}, 0, when.Add(time.Hour)); len(list) != 2 || list[1].Event != Done || list[1].Mark != "5" || !settled {
		t.Errorf("closed late: %v, %v", list, settled)
	}
}

// A channel that is down gets all of it later, in order, and keeps no other from
// hearing of it; the pauses grow.
func TestRetries(t *testing.T) {
	h, well, ill := newHouse(t), new(told), &told{fails: 3, err: errors.New("down")}
	n := h.notifier(h, Channel{Name: "well", Sender: well}, Channel{Name: "ill", Sender: ill})
	a := h.ask(t, "1")
	h.settle(t, n)
	h.answer(t, a, false)
	h.move(20 * time.Second)
	for range 40 {
		h.settle(t, n)
		h.move(time.Second)
	}
	if diff := cmp.Diff([]string{Asked, Answered}, well.events()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{Asked, Asked, Asked, Asked, Answered}, ill.events()); diff != "" {
		t.Error(diff)
	}
	for i, x := range ill.all[:4] {
		if x.ID != ill.all[0].ID {
			t.Errorf("attempt %d is %s, the first %s", i, x.ID, ill.all[0].ID)
		}
	}
	var pauses []time.Duration
	for i := range 12 {
		pauses = append(pauses, pause(i))
	}
	if pauses[0] != firstPause || pauses[1] != 2*firstPause || pauses[11] != lastPause || !slices.IsSorted(pauses) || pause(1<<20) != lastPause {
		t.Errorf("pauses %v", pauses)
	}
}

// The other side says when to try again; and after days nobody tries any more.
func TestLaterAndNever(t *testing.T) {
	h, s := newHouse(t), &told{fails: 1 << 20, err: fmt.Errorf("full: %w", &Later{After: 10 * time.Minute, Err: errors.New("slow down")})}
	n := h.notifier(h, Channel{Name: "s", Sender: s})
	h.ask(t, "1")
	h.settle(t, n)
	h.move(10*time.Minute - time.Second)
	h.settle(t, n)
	if len(s.events()) != 1 {
		t.Errorf("tried %d times before it may", len(s.events()))
	}
	h.move(time.Second)
	h.settle(t, n)
	if len(s.events()) != 2 {
		t.Errorf("tried %d times", len(s.events()))
	}
	h.move(patience + time.Hour)
	h.settle(t, n)
	h.move(24 * time.Hour)
	h.settle(t, n)
	tries := map[string]int{}
	for _, x := range s.all {
		tries[x.ID]++
	}
	if tries[s.all[0].ID] != 3 || !strings.Contains(h.log.String(), "given up") {
		t.Errorf("tried %v times\n%s", tries, h.log.String())
	}
}

// A claimed DB loses what it is told after sending, as a replica does that dies.
type dying struct{ DB }

func (dying) EndDelivery(context.Context, *store.Delivery, string) error {
	return errors.New("killed")
}

// Who dies between sending and saying so leaves it to be sent again, under the same
// id, by which the other side can tell.
func TestCrashBetweenSendAndNote(t *testing.T) {
	h, s := newHouse(t), new(told)
	h.ask(t, "1")
	n := h.notifier(dying{h}, Channel{Name: "s", Sender: s})
	if _, err := n.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Deliver(t.Context(), &n.Channels[0]); err == nil {
		t.Fatal("the dying did not die")
	}
	again := h.notifier(h, Channel{Name: "s", Sender: s})
	h.settle(t, again)
	if len(s.all) != 1 {
		t.Fatalf("sent %d times while the claim holds", len(s.all))
	}
	h.move(lease)
	h.settle(t, again)
	h.move(lease)
	h.settle(t, again)
	if len(s.all) != 2 || s.all[0].ID != s.all[1].ID {
		t.Errorf("sent %v", s.all)
	}
}

// Two replicas tell each thing once.
func TestTwoReplicas(t *testing.T) {
	h, s := newHouse(t), new(told)
	var replicas []*Notifier
	for _, db := range []*store.DB{h.DB, storetest.Open(t, h.config)} {
		replicas = append(replicas, h.notifier(db, Channel{Name: "s", Sender: s}))
	}
	for i := range 5 {
		h.ask(t, fmt.Sprint(i))
	}
	var all sync.WaitGroup
	for _, n := range replicas {
		all.Go(func() { h.settle(t, n) })
	}
	all.Wait()
	h.settle(t, replicas[0])
	if len(s.all) != 5 {
		t.Errorf("told %v", s.events())
	}
}

// Run ends with its context, and what is under way is not cut off half.
func TestRun(t *testing.T) {
	h, s := newHouse(t), new(told)
	n := h.notifier(h, Channel{Name: "s", Sender: s})
	h.ask(t, "1")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { n.Run(ctx, time.Millisecond); close(done) }()
	for range 10_000 {
		if len(s.events()) > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	stop()
	<-done
	if len(s.events()) != 1 {
		t.Errorf("told %v", s.events())
	}
}

// Questions of before anybody was told are not told; a channel hears of what it is
// for.
func TestWhoHears(t *testing.T) {
	h, few, wiki, other := newHouse(t), new(told), new(told), new(told)
	n := h.notifier(h, Channel{Name: "few", Events: []string{Answered}, Sender: few}, Channel{Name: "wiki", Groups: []string{"wiki-owners"}, Sender: wiki},
		Channel{Name: "other", Groups: []string{"dba"}, Sender: other})
	n.Asked = func(_ context.Context, r *receipt.Receipt) ([]string, error) {
		if r.Call.Resources[0].ID == "broken" {
			return nil, errors.New("not known")
		}
		return []string{"wiki-owners"}, nil
	}
	h.answer(t, h.ask(t, "1"), true)
	h.settle(t, n)
	for name, got := range map[string][2][]string{"few": {few.events(), {Answered}}, "wiki": {wiki.events(), {Asked, Answered}}, "other": {other.events(), nil}} {
		if diff := cmp.Diff(got[1], got[0]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff([]string{"wiki-owners"}, wiki.all[0].Asked); diff != "" {
		t.Error(diff)
	}
	h.ask(t, "broken")
	h.settle(t, n)
	if diff := cmp.Diff([]string{Asked}, other.events()); diff != "" {
		t.Error("whom it asks is not known:", diff)
	}
}

// A channel of groups hears of a question to its end: reminded, answered, done. One
// that was told since it was not known whom the question asks is not left with that;
// one that was not told does not begin in the middle.
func TestWhoHearsTheRest(t *testing.T) {
	h, wiki, other, third := newHouse(t), new(told), new(told), new(told)
	n := h.notifier(h, Channel{Name: "wiki", Groups: []string{"wiki-owners"}, Sender: wiki}, Channel{Name: "other", Groups: []string{"dba"}, Sender: other},
		Channel{Name: "third", Groups: []string{"dba"}, Events: []string{Answered}, Sender: third})
	known := false
	n.Asked = func(context.Context, *receipt.Receipt) ([]string, error) {
		if !known {
			return nil, errors.New("not known")
		}
		return []string{"wiki-owners"}, nil
	}
	a := h.ask(t, "1")
	h.settle(t, n)
	known = true
	b := h.ask(t, "2")
	h.move(31 * time.Minute)
	h.settle(t, n)
	h.answer(t, a, true)
	h.answer(t, b, true)
	h.move(20 * time.Second)
	h.settle(t, n)
	h.do(t, a, "1")
	h.do(t, b, "2")
	h.settle(t, n)
	story := []string{Asked, Reminded, Answered, Done}
	for _, tt := range []struct {
		s    *told
		a    *store.Approval
		want []string
	}{{wiki, a, story}, {other, a, story}, {third, a, nil}, {wiki, b, story}, {other, b, nil}, {third, b, nil}} {
		var got []string
		for _, x := range tt.s.all {
			if x.approval == tt.a.ID {
				got = append(got, x.Event)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("of %s: %s", tt.a.ID, diff)
		}
	}
	if got := strings.Count(h.log.String(), "all channels are told"); got != 1 {
		t.Errorf("said %d times that all are told", got)
	}
}

// Nothing that is told holds a text or markup.
func TestNothingLeaks(t *testing.T) {
	h, s := newHouse(t), new(told)
	n := h.notifier(h, Channel{Name: "s", Sender: s})
	h.answer(t, h.ask(t, hostile), true)
	h.settle(t, n)
	if len(s.all) != 2 {
		t.Fatalf("told %v", s.events())
	}
	for _, x := range s.all {
		all := fmt.Sprintf("%+v", x)
		if body, err := x.json(); err != nil {
			t.Error(err)
		} else {
			all += string(body)
		}
		for _, bad := range []string{secretWords, "salaries", "<!", "\r", "\\r", "\n", "evil.test|", "https://evil", "*yes*", " @here"} {
			if strings.Contains(all, bad) {
				t.Errorf("it holds %q: %s", bad, all)
			}
		}
	}
}

func FuzzWord(f *testing.F) {
	f.Add(hostile)
	f.Add("PROJ-1")
	f.Fuzz(func(t *testing.T, s string) {
		got := word(s)
		if len(got) > maxWord || strings.ContainsAny(got, "<>&\"'` \r\n\t*~|[]()=\\") || strings.Contains(got, "//") || strings.HasPrefix(got, "@") || word(got) != got {
			t.Errorf("%q", got)
		}
	})
}
