// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/store/storetest"
	"github.com/clawea/clawea/internal/webhook"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A book is a database with receipts, and a clock that stands still.
type book struct {
	*store.DB
	config store.Config
	clock  atomic.Int64
	gate   seal.Signer
	log    bytes.Buffer
	names  []string // of its receipts, in order
}

func (b *book) now() time.Time       { return time.UnixMilli(b.clock.Load()).UTC() }
func (b *book) move(d time.Duration) { b.clock.Add(d.Milliseconds()) }

// onBoth runs f on each engine.
func onBoth(t *testing.T, f func(t *testing.T, b *book)) {
	for engine, url := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return storetest.URL(t) },
		"postgres": func(t *testing.T) string { return pgtest.New(t) },
	} {
		t.Run(engine, func(t *testing.T) {
			b := &book{gate: housetest.NewKey(t, "gate.test", 1)}
			b.clock.Store(noon.UnixMilli())
			b.config = store.Config{URL: url(t), Now: b.now}
			b.DB = storetest.Open(t, b.config)
			if err := b.CreateJob(t.Context(), store.Job{ID: "job-1", Agent: "robot", Client: "olga", Policy: seal.Sum([]byte("p")), Created: noon}); err != nil {
				t.Fatal(err)
			}
			f(t, b)
		})
	}
}

// add has n more receipts written.
func (b *book) add(t *testing.T, n int) {
	t.Helper()
	claims := &token.Claims{Job: "job-1", ID: "token-1", Policy: seal.Sum([]byte("p"))}
	for range n {
		err := b.Write(t.Context(), "job-1", func(st *receipt.State) (*receipt.Line, error) {
			r := receipt.Open(st, claims, &policy.Call{Tool: "x", Action: "y", Class: policy.Read}, &policy.Facts{Now: st.Now}, policy.Decision{Reasons: []policy.Reason{}})
			b.names = append(b.names, r.Name())
			return r.Line(b.gate)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// A siem takes messages.
type siem struct {
	mu     sync.Mutex
	got    [][]string // the receipts of each message, those taken twice included
	ids    []string
	lines  []string
	answer func(n int, w http.ResponseWriter) (taken bool) // to request n; nil: takes it
	asked  int
	url    string
}

func newSIEM(t *testing.T) *siem {
	s := new(siem)
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

func (s *siem) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if err != nil || r.Header.Get("Content-Type") != "application/x-ndjson" || r.Header.Get("Webhook-Signature") == "" || !bytes.HasSuffix(body, []byte("\n")) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if s.answer != nil && !s.answer(s.asked, w) {
		return
	}
	var names []string
	for line := range strings.Lines(string(body)) {
		var e struct {
			Metadata struct{ UID string } `json:"metadata"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		names, s.lines = append(names, e.Metadata.UID), append(s.lines, line)
	}
	s.got, s.ids = append(s.got, names), append(s.ids, r.Header.Get("Webhook-Id"))
}

// told are the receipts that s has, in order, each once.
func (s *siem) told() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Concat(s.got...) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func (b *book) poster(db PostDB, list ...*siem) *Poster {
	p := &Poster{DB: db, Version: "1.2.3", Now: b.now, Log: slog.New(slog.NewTextHandler(&b.log, nil))}
	for i, s := range list {
		p.Channels = append(p.Channels, Channel{fmt.Sprint("siem-", i), 4, time.Millisecond, webhook.Hook{
			URL: s.url, Secret: func() (string, error) { return hookSecret, nil }, Private: true, Now: b.now,
		}})
	}
	return p
}

// all posts to p's channels until nothing is left for now. The first look can be at
// what the database knew to be settled before.
func all(t *testing.T, p *Poster) {
	t.Helper()
	for i := range p.Channels {
		for idle := 0; idle < 2; idle++ {
			more, err := p.Post(t.Context(), &p.Channels[i])
			if err != nil {
				t.Fatal(err)
			}
			if more {
				idle = -1
			}
		}
	}
}

// New receipts are posted in order, in batches, each once.
func TestPosting(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		s := newSIEM(t)
		p := b.poster(b, s)
		all(t, p)
		b.add(t, 10)
		all(t, p)
		all(t, p)
		b.add(t, 1)
		all(t, p)
		want := [][]string{b.names[:4], b.names[4:8], b.names[8:10], b.names[10:]}
		if diff := cmp.Diff(want, s.got); diff != "" {
			t.Error(diff)
		}
		if slices.Sort(s.ids); len(slices.Compact(s.ids)) != 4 {
			t.Errorf("ids %v", s.ids)
		}
		schema := loadSchema(t)
		for _, line := range s.lines {
			if err := schema.check([]byte(line)); err != nil || !strings.Contains(line, `"app_name":"robot"`) || !strings.Contains(line, `"version":"1.2.3"`) {
				t.Errorf("%v: %s", err, line)
			}
		}
	})
}

// A dying DB loses what it is told after sending, as a replica does that is killed.
type dying struct{ PostDB }

func (dying) EndExport(context.Context, *store.Export) error { return errors.New("killed") }

// Who is killed between sending and saying so leaves it to be sent again, as it was,
// though more has come; who is killed before sending loses nothing.
func TestPostingKilled(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		s := newSIEM(t)
		b.add(t, 2)
		p := b.poster(dying{b}, s)
		if _, err := p.Post(t.Context(), &p.Channels[0]); err == nil {
			t.Fatal("the dying did not die")
		}
		b.add(t, 1)
		p = b.poster(b, s)
		all(t, p)
		if len(s.got) != 1 {
			t.Fatalf("sent %d times while the claim holds", len(s.got))
		}
		b.move(lease)
		all(t, p)
		if diff := cmp.Diff([][]string{b.names[:2], b.names[:2], b.names[2:]}, s.got); diff != "" || s.ids[0] != s.ids[1] || s.ids[1] == s.ids[2] {
			t.Errorf("ids %v\n%s", s.ids, diff)
		}
		b.add(t, 1)
		ctx, kill := context.WithCancel(t.Context())
		p.Channels[0].Hook.Secret = func() (string, error) { kill(); return hookSecret, nil } // claimed, and not sent yet
		if more, err := p.Post(ctx, &p.Channels[0]); more || err != nil {
			t.Fatal(more, err)
		}
		b.move(lease)
		all(t, b.poster(b, s))
		if diff := cmp.Diff(b.names, s.told()); diff != "" {
			t.Error(diff)
		}
	})
}

// Whatever fails in between, all receipts come in the end, in order.
func TestPostingLosesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		chance := rand.New(rand.NewPCG(1, 2))
		s := newSIEM(t)
		s.answer = func(_ int, w http.ResponseWriter) bool {
			switch chance.IntN(5) {
			case 0:
				w.WriteHeader(http.StatusServiceUnavailable)
				return false
			case 1:
				w.WriteHeader(http.StatusBadGateway) // and has it all the same
			}
			return true
		}
		for range 40 {
			b.add(t, chance.IntN(4))
			var db PostDB = b.DB
			if chance.IntN(4) == 0 {
				db = dying{b}
			}
			p := b.poster(db, s)
			p.Channels[0].Batch = 1 + chance.IntN(4)
			if _, err := p.Post(t.Context(), &p.Channels[0]); err != nil && err.Error() != "killed" {
				t.Fatal(err)
			}
			b.move(time.Duration(chance.IntN(60)) * time.Second)
		}
		s.answer = nil
		b.move(lastPause)
		all(t, b.poster(b, s))
		if diff := cmp.Diff(b.names, s.told()); diff != "" {
			t.Error(diff)
		}
	})
}

// Replicas send each message once among them.
func TestPostingReplicas(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		s := newSIEM(t)
		replicas := []*Poster{b.poster(b, s), b.poster(storetest.Open(t, b.config), s)}
		b.add(t, 30)
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for _, p := range replicas {
			group.Go(func() { p.Run(ctx) })
		}
		for range 3000 {
			if len(s.told()) == 30 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		stop()
		group.Wait()
		if diff := cmp.Diff(b.names, slices.Concat(s.got...)); diff != "" {
			t.Error(diff)
		}
	})
}

// A channel that is down is asked ever more rarely, or when it says, gets all in the
// end, and keeps no other from its own.
func TestPostingTroubles(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		well, ill := newSIEM(t), newSIEM(t)
		ill.answer = func(n int, w http.ResponseWriter) bool {
			if n == 3 {
				w.Header().Set("Retry-After", "600")
				w.WriteHeader(http.StatusTooManyRequests)
			} else {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return false
		}
		b.add(t, 6)
		p := b.poster(b, well, ill)
		var asked []int
		for range 20 * 12 {
			before := ill.asked
			all(t, p)
			if ill.asked != before {
				asked = append(asked, int(b.now().Sub(noon)/time.Second))
			}
			b.move(5 * time.Second)
		}
		if want := []int{0, 5, 15, 615, 655, 735, 895}; !slices.Equal(asked[:len(want)], want) {
			t.Errorf("asked after %v seconds", asked)
		}
		if diff := cmp.Diff(b.names, well.told()); diff != "" || len(well.got) != 2 {
			t.Errorf("who is well has %v", well.got)
		}
		if !strings.Contains(b.log.String(), "job-1/1 to job-1/4") || !strings.Contains(b.log.String(), "answers 429") || strings.Contains(b.log.String(), ill.url) {
			t.Errorf("the log says\n%s", b.log.String())
		}
		ill.answer = nil
		b.move(lastPause)
		all(t, p)
		if diff := cmp.Diff(b.names, ill.told()); diff != "" {
			t.Error(diff)
		}
	})
}

// Receipts go where the configuration says and nowhere else.
func TestPostingLeadsNowhereElse(t *testing.T) {
	onBoth(t, func(t *testing.T, b *book) {
		target, away := newSIEM(t), newSIEM(t)
		away.answer = func(_ int, w http.ResponseWriter) bool {
			w.Header().Set("Location", target.url)
			w.WriteHeader(http.StatusPermanentRedirect)
			return false
		}
		b.add(t, 1)
		p := b.poster(b, away, target)
		p.Channels[1].Hook.Private = false
		all(t, p)
		if target.asked != 0 || away.asked != 1 {
			t.Errorf("asked %d and %d times", target.asked, away.asked)
		}
		if !strings.Contains(b.log.String(), "answers 308") || !strings.Contains(b.log.String(), "not public") {
			t.Errorf("the log says\n%s", b.log.String())
		}
	})
}

// A rack has receipts of any kind.
type rack struct {
	PostDB
	list []store.Followed
}

func (r rack) ReceiptsBehind(_ context.Context, after int64, limit int) ([]store.Followed, error) {
	var out []store.Followed
	for _, f := range r.list {
		if f.ID > after && len(out) < limit {
			out = append(out, f)
		}
	}
	return out, nil
}

// A message is bounded in bytes, however long the lines are; a receipt that cannot be
// read is not passed over.
func TestMessageBounds(t *testing.T) {
	shelf := func(resources int) []byte {
		r := &receipt.Receipt{Kind: receipt.Opened, Job: "job-1", Seq: 1, At: noon, Token: "t", Call: &policy.Call{Tool: "x", Class: policy.Read, Resources: []policy.Resource{}}, Refused: "token.revoked", Decision: &policy.Decision{Reasons: []policy.Reason{}}}
		for i := range resources {
			r.Call.Resources = append(r.Call.Resources, policy.Resource{Type: strings.Repeat("t", 300), ID: fmt.Sprint(i)})
		}
		b, err := seal.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		e := &seal.Envelope{Payload: b, Type: receipt.Type, Signatures: []seal.Signature{{KeyID: "k+00000001", Sig: []byte{1}}}}
		out, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	var db rack
	for i := range 20 {
		db.list = append(db.list, store.Followed{ID: int64(i + 1), Envelope: shelf(3000)})
	}
	p, c := &Poster{DB: db, Version: "1"}, &Channel{Batch: 100}
	sent := 0
	for x := new(store.Export); ; {
		m, err := p.message(t.Context(), c, x)
		if err != nil {
			t.Fatal(err)
		}
		if m == nil {
			break
		}
		if len(m.body) > maxMessage || m.last <= x.Last {
			t.Fatalf("%d bytes up to %d", len(m.body), m.last)
		}
		sent += bytes.Count(m.body, []byte("\n"))
		x.Last = m.last
	}
	if sent != 20 {
		t.Errorf("%d lines", sent)
	}
	db.list[3].Envelope = []byte("{}")
	p.DB = db
	if m, err := p.message(t.Context(), c, new(store.Export)); err == nil {
		t.Errorf("a broken receipt is passed over: %s", m.what())
	}
}
