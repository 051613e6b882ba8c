// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
	"github.com/clawea/clawea/verify"
)

// A key is a deterministic key of the test house.
type key struct {
	seal.Signer
	public string
}

func newKey(t testing.TB, name string) key {
	t.Helper()
	seed := sha256.Sum256([]byte("test key of " + name))
	private := ed25519.NewKeyFromSeed(seed[:])
	public, err := note.NewEd25519VerifierKey(name, private.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Split(public, "+")[1]
	s, err := seal.NewSigner("PRIVATE+KEY+" + name + "+" + id + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, seed[:]...)))
	if err != nil {
		t.Fatal(err)
	}
	return key{s, public}
}

const (
	houseName = "house.example"
	origin    = "log.house.example"
	site      = "site-1"
)

var epoch = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

// A house is a real gate over a book, an issuer and a log in memory.
type house struct {
	t                                                                         testing.TB
	author, approver, registry, issuer, gateKey, log, ann, ben, cat, stranger key
	gate                                                                      *gate.Gate
	policies                                                                  map[seal.Hash]*published
	records                                                                   map[token.ID]*seal.Envelope
	revoked                                                                   map[string]bool
	now                                                                       time.Time
	book                                                                      *book
	rules                                                                     func(*verify.Trust) // what the auditor knows of approvals; nil: nothing
}

type published struct {
	bound  *policy.Policy
	papers bundle.Policy
}

func newHouse(t testing.TB) *house {
	h := &house{
		t: t, now: epoch, policies: map[seal.Hash]*published{}, records: map[token.ID]*seal.Envelope{}, revoked: map[string]bool{},
		author: newKey(t, "author"), approver: newKey(t, "approver"), registry: newKey(t, "registry"), issuer: newKey(t, "issuer"),
		gateKey: newKey(t, "gate"), log: newKey(t, origin), ann: newKey(t, "ann"), ben: newKey(t, "ben"), cat: newKey(t, "cat"), stranger: newKey(t, "stranger"),
	}
	h.book = newBook(h)
	people := []seal.Verifier{must(seal.NewVerifier(h.ann.public)), must(seal.NewVerifier(h.ben.public)), must(seal.NewVerifier(h.stranger.public))}
	h.gate = &gate.Gate{
		Tokens: h, Policies: h, Book: h.book, Revocations: h, People: people, Signer: h.gateKey, Salt: []byte("0123456789abcdef0123456789abcdef"),
		PlainBearer: true, Log: slog.New(slog.DiscardHandler),
	}
	return h
}

func (h *house) trust() *verify.Trust {
	t := &verify.Trust{
		House: houseName, Origin: origin,
		Authors: []string{h.author.public, h.approver.public}, Registries: []string{h.registry.public}, Issuers: []string{h.issuer.public},
		Gates: []string{h.gateKey.public}, Logs: []string{h.log.public}, People: []string{h.ann.public, h.ben.public},
	}
	if h.rules != nil {
		h.rules(t)
	}
	return t
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// publish signs and binds a policy; ids are made from names.
func (h *house) publish(src string) *policy.Policy {
	h.t.Helper()
	return h.publishAs(src, h.author, h.approver)
}

// publishAs has the registry publish a policy whoever has signed it.
func (h *house) publishAs(src string, signers ...key) *policy.Policy {
	h.t.Helper()
	canonical := must(seal.Canonical([]byte(src)))
	p, err := policy.Parse(canonical)
	if err != nil {
		h.t.Fatal(err)
	}
	paper := &seal.Envelope{Type: policy.Type, Payload: canonical}
	for _, k := range signers {
		if err := paper.Add(k); err != nil {
			h.t.Fatal(err)
		}
	}
	b := &policy.Binding{Policy: p.Hash(), At: epoch.Add(-time.Hour)}
	for _, n := range p.Names() {
		b.Names = append(b.Names, policy.Bound{Name: n, Site: site, ID: "id:" + strings.TrimSuffix(n.Name, "/")})
	}
	if p.Upstream() {
		b.Servers = []policy.Server{repoServer}
	}
	b.Extensions = onDisk(p)
	binding := must(seal.Sign(h.registry, policy.BindingType, must(seal.Marshal(b))))
	bound := must(p.Bind(b))
	h.policies[p.Hash()] = &published{bound, bundle.Policy{Policy: *paper, Binding: *binding}}
	return bound
}

// mint issues a token for the whole of p.
func (h *house) mint(p *policy.Policy, job, id string, life time.Duration, mod func(*token.Claims)) string {
	h.t.Helper()
	c := &token.Claims{
		Issuer: "https://" + houseName, Audience: houseName, Agent: "agent-1", ID: token.ID(id), Job: job,
		Issued: h.now.Unix(), Expires: h.now.Add(life).Unix(), Runtime: &policy.Runtime{Sandboxed: true, Workspace: "ro"},
	}
	if mod != nil {
		mod(c)
	}
	raw, record, err := token.Mint(h.issuer, p, catalog, p.Whole(catalog), c)
	if err != nil {
		h.t.Fatal(err)
	}
	h.records[c.ID] = record
	return raw
}

// misissue signs a token that its policy does not bear out, as an issuer gone
// wrong would: code says in what way.
func (h *house) misissue(id, code string) string {
	c := new(token.Claims)
	if err := seal.Decode(h.records[token.ID(id)].Payload, c); err != nil {
		h.t.Fatal(err)
	}
	switch code {
	case "token.ttl":
		c.Expires = c.Issued + 3601
	case "token.scope":
		c.Scope = seal.Sum(nil)
	case "token.policy":
		other := h.publish(`{"wpc_version": "v1"}`)
		wrong := *h.policies[other.Hash()]
		wrong.bound = h.policies[c.Policy].bound
		c.Policy = other.Hash()
		h.policies[other.Hash()] = &wrong
	case "token.grant":
		c.Details[0].Resources = []string{"confluence:HR"}
	}
	payload := must(seal.Marshal(c))
	h.records[c.ID] = must(seal.Sign(h.issuer, token.RecordType, payload))
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: opaque{h.issuer}}, (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", seal.KeyID(h.issuer))))
	return must(must(signer.Sign(payload)).CompactSerialize())
}

// opaque lets go-jose sign with a key.
type opaque struct{ key }

func (o opaque) Public() *jose.JSONWebKey { return nil }

func (o opaque) Algs() []jose.SignatureAlgorithm { return []jose.SignatureAlgorithm{jose.EdDSA} }

func (o opaque) SignPayload(b []byte, _ jose.SignatureAlgorithm) ([]byte, error) { return o.Sign(b) }

// Check fills gate.Tokens. Receipts hold no proofs: none is asked for here.
func (h *house) Check(_ context.Context, p *token.Presentation) (token.Shown, error) {
	c, err := token.Check(p.Raw, houseName, h.now, h.verifier(h.issuer))
	if err == nil && h.revoked[string(c.ID)] {
		err = token.ErrRevoked
	}
	return token.Shown{Claims: c}, err
}

// show presents a token.
func show(raw string) *token.Presentation {
	return &token.Presentation{Raw: raw, Scheme: token.SchemeBearer}
}

// Watch fills gate.Revocations: no call here takes long enough to be cut off.
func (h *house) Watch(ctx context.Context, _ *token.Claims, _ policy.Action) (context.Context, func(), error) {
	return ctx, func() {}, nil
}

// Policy fills gate.Policies.
func (h *house) Policy(_ context.Context, hash seal.Hash) (*policy.Policy, error) {
	p := h.policies[hash]
	if p == nil {
		return nil, errors.New("no such policy")
	}
	return p.bound, nil
}

func (h *house) verifier(k key) seal.Verifier {
	return must(seal.NewVerifier(k.public))
}

// answer has a person answer a question of the book.
func (h *house) answer(who key, id string, yes bool) {
	h.t.Helper()
	q, ok := h.book.asked[id]
	if !ok {
		h.t.Fatalf("nobody asked %q", id)
	}
	a := &receipt.Answer{Approval: id, Job: q.Job, Call: q.Call.Digest(), Policy: q.Decision.Policy, Yes: yes, By: who.Name(), At: h.now, Expires: h.now.Add(time.Hour)}
	if !yes {
		a.Reason = "not now"
	}
	h.book.answers = append(h.book.answers, a)
	h.book.papers[q.Job] = append(h.book.papers[q.Job], must(a.Sign(who)))
	delete(h.book.pending[q.Job], a.Call)
}

// person returns the key of that name.
func (h *house) person(name string) key {
	for _, k := range []key{h.ann, h.ben, h.cat, h.stranger} {
		if k.Name() == name {
			return k
		}
	}
	h.t.Fatalf("nobody is called %q", name)
	return key{}
}

// A book is gate.Book in memory.
type book struct {
	h         *house
	lines     map[string][]*receipt.Line
	used      map[string]map[string]int
	pending   map[string]map[seal.Hash]string
	asked     map[string]*receipt.Receipt
	answers   []*receipt.Answer
	papers    map[string][]*seal.Envelope
	orders    []*receipt.Revocation // in force
	changes   map[seal.Hash]receipt.Earlier
	heard     *time.Time      // when the plugin in the agent's runtime was
	spent     map[string]bool // cancelled
	full      bool            // closed receipts cannot be written
	stale     bool            // expired answers are still handed out
	forgetful bool            // and those that are used up
}

func newBook(h *house) *book {
	return &book{
		h: h, lines: map[string][]*receipt.Line{}, used: map[string]map[string]int{}, pending: map[string]map[seal.Hash]string{},
		asked: map[string]*receipt.Receipt{}, papers: map[string][]*seal.Envelope{}, spent: map[string]bool{},
	}
}

var errFull = errors.New("disk full")

func (b *book) Write(_ context.Context, job string, next func(*receipt.State) (*receipt.Line, error)) error {
	if b.used[job] == nil {
		b.used[job], b.pending[job] = map[string]int{}, map[seal.Hash]string{}
	}
	b.h.now = b.h.now.Add(250 * time.Millisecond)
	l, err := next(b.state(job))
	if err == nil {
		err = l.Sign()
	}
	if err != nil {
		return err
	}
	r := must(receipt.Parse(l.Envelope.Payload))
	if b.full && r.Kind == receipt.Closed {
		return errFull
	}
	b.lines[job] = append(b.lines[job], l)
	var opened *receipt.Receipt
	if r.Kind == receipt.Closed {
		opened = b.lines[job][r.Opened-1].Receipt
	}
	for k, n := range r.Uses(opened) {
		b.used[job][k] += n
	}
	if r.Asks != "" && b.asked[r.Asks] == nil {
		b.asked[r.Asks], b.pending[job][r.Call.Digest()] = r, r.Asks
	}
	return nil
}

// Spend fills gate.Book: Check gives no proofs to use up.
func (b *book) Spend(context.Context, string, receipt.Spent) error { return errFull }

func (b *book) state(job string) *receipt.State {
	st := &receipt.State{Now: b.h.now, Used: map[string]int{}, Pending: b.pending[job]}
	st.Changes, st.Heard = b.changes, b.heard
	for _, o := range b.orders {
		st.Revoked = append(st.Revoked, o.Revocation)
	}
	for k, n := range b.used[job] {
		st.Used[k] = n
	}
	if n := len(b.lines[job]); n > 0 {
		st.Head = receipt.Head{Seq: uint64(n), Hash: b.lines[job][n-1].Hash()}
	}
	for _, a := range b.answers {
		if a.Job == job && !b.spent[a.Approval] && b.left(a) && (b.stale || st.Now.Before(a.Expires)) {
			st.Answers = append(st.Answers, must(a.Sign(b.h.person(a.By))))
		}
	}
	return st
}

// left reports whether a is the last that its person has said, and not used up.
func (b *book) left(a *receipt.Answer) bool {
	uses := 0
	for _, l := range b.lines[a.Job] {
		if r := l.Receipt; r.Kind == receipt.Opened && r.Decision.Effect == policy.Allow && r.Decision.Approval == a.Approval &&
			slices.ContainsFunc(r.Facts.Approvals, func(x policy.Approval) bool { return x.By == a.By && x.At.Equal(a.At) }) {
			uses++
		}
	}
	later := slices.ContainsFunc(b.answers, func(o *receipt.Answer) bool { return o.Approval == a.Approval && o.By == a.By && o.At.After(a.At) })
	return !a.Withdraws && !later && (!a.Yes || b.forgetful || uses < a.Calls())
}

// export makes the bundle of a job's first n receipts, as of a standing there.
func (h *house) export(job string, n int) *bundle.Bundle {
	h.t.Helper()
	lines := h.book.lines[job][:n]
	out := &bundle.Bundle{Job: job}
	commitments := map[seal.Hash]bool{}
	for _, l := range lines {
		out.Receipts = append(out.Receipts, *l.Envelope)
		for _, x := range l.Texts {
			if !commitments[x.Commitment] {
				commitments[x.Commitment] = true
				out.Disclosures = append(out.Disclosures, bundle.Disclosure{Commitment: x.Commitment, Salt: x.Salt, Text: x.Bytes})
			}
		}
	}
	h.exportPapers(out, lines)
	h.stand(out)
	h.prove(out)
	return out
}

// exportPapers adds what the receipts name: policies, tokens and answers.
func (h *house) exportPapers(out *bundle.Bundle, lines []*receipt.Line) {
	policies, tokens, asked := map[seal.Hash]bool{}, map[token.ID]bool{}, map[string]bool{}
	for _, l := range lines {
		r := l.Receipt
		if r.Token != "" && !tokens[r.Token] {
			tokens[r.Token] = true
			out.Tokens = append(out.Tokens, *h.records[r.Token])
		}
		if r.Decision == nil {
			continue
		}
		asked[r.Asks] = true
		if p := h.policies[r.Decision.Policy]; p != nil && !policies[r.Decision.Policy] {
			policies[r.Decision.Policy] = true
			out.Policies = append(out.Policies, p.papers)
		}
	}
	i := 0
	for _, a := range h.book.answers {
		if a.Job != out.Job {
			continue
		}
		if asked[a.Approval] {
			out.Answers = append(out.Answers, *h.book.papers[out.Job][i])
		}
		i++
	}
}

// stand signs where the bundle ends.
func (h *house) stand(b *bundle.Bundle) {
	s := &receipt.Standing{Job: b.Job, Seq: uint64(len(b.Receipts)), At: h.now}
	if s.Seq > 0 {
		s.Hash = b.Receipts[s.Seq-1].Hash()
	}
	b.Standing = must(s.Sign(h.gateKey))
}

// prove puts the bundle's receipts into a log, among others, and proves them.
func (h *house) prove(b *bundle.Bundle) {
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, x := range at {
			out[i] = hashes[x]
		}
		return out, nil
	})
	size := int64(0)
	add := func(entry []byte) int64 {
		hashes = append(hashes, must(tlog.StoredHashes(size, entry, reader))...)
		size++
		return size - 1
	}
	b.Log = &bundle.Log{}
	for i, e := range b.Receipts {
		if i%3 == 0 {
			add(fmt.Appendf(nil, "another job's entry %d\n", i))
		}
		index := add(bundle.LogEntry(b.Job, uint64(i)+1, seal.Sum(must(e.Marshal()))))
		b.Log.Proofs = append(b.Log.Proofs, bundle.Proof{Seq: uint64(i) + 1, Index: index})
	}
	for i := range b.Log.Proofs {
		b.Log.Proofs[i].Hashes = must(tlog.ProveRecord(size, b.Log.Proofs[i].Index, reader))
	}
	root := must(tlog.TreeHash(size, reader))
	b.Log.Checkpoint = h.note(checkpoint(origin, size, root), h.log)
}

func checkpoint(origin string, size int64, root tlog.Hash) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, root)
}

func (h *house) note(text string, by ...key) string {
	signers := make([]note.Signer, len(by))
	for i, k := range by {
		signers[i] = k
	}
	return string(must(note.Sign(&note.Note{Text: text}, signers...)))
}

// rewrite has the house lie with all its keys: f changes receipts, and the
// gate signs all of them again in a chain that holds, with a new standing and log.
func (h *house) rewrite(b *bundle.Bundle, f func(*receipt.Receipt)) {
	var prev seal.Hash
	for i := range b.Receipts {
		r := must(receipt.Parse(b.Receipts[i].Payload))
		r.Prev = prev
		f(r)
		b.Receipts[i] = *must(seal.Sign(h.gateKey, receipt.Type, must(seal.Marshal(r))))
		prev = b.Receipts[i].Hash()
	}
	h.stand(b)
	h.prove(b)
}

// at makes a function for rewrite that changes one receipt.
func at(seq uint64, f func(*receipt.Receipt)) func(*receipt.Receipt) {
	return func(r *receipt.Receipt) {
		if r.Seq == seq {
			f(r)
		}
	}
}

func clone(b *bundle.Bundle) *bundle.Bundle { return must(bundle.Read(must(b.Marshal()))) }

// codes lists the codes of a report's findings at a level, each once, sorted.
func codes(r *verify.Report, l verify.Level) []string {
	var out []string
	for _, f := range r.Findings {
		if f.Level == l {
			out = append(out, string(f.Code))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
