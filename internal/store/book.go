// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A book is what one transaction adds to the chains of the jobs that it has
// locked. Lines are checked and gathered in memory; flush writes them.
type book struct {
	ctx     context.Context
	db      *DB
	tx      *sql.Tx
	pages   map[string]*page // by job; a job that is not there has none
	entries []*entry         // in the order of the writes
	bytes   int              // of their texts
}

// An entry is a line on its way into the database.
type entry struct {
	receipt  *receipt.Receipt // as its signed payload says
	hash     seal.Hash
	envelope []byte // canonical
	texts    []sealedText
	opened   *receipt.Receipt // what it closes, nil if there is no such thing
	spent    *receipt.Spent   // the proof that it uses up, nil if it uses none
	by       *write
}

// size is how many bytes e's texts have.
func (e *entry) size() int {
	n := 0
	for _, t := range e.texts {
		n += len(t.sealed)
	}
	return n
}

type sealedText struct {
	commitment seal.Hash
	sealed     []byte
}

// draft reads and seals a line that p is to take, made at now. What it says is
// taken from what was signed, not from l.Receipt.
func (db *DB) draft(p *page, now time.Time, l *receipt.Line) (*entry, error) {
	if l.Envelope.Type != receipt.Type {
		return nil, fmt.Errorf("line is not a receipt but %q", l.Envelope.Type)
	}
	r, err := receipt.Parse(l.Envelope.Payload)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Job != p.job:
		return nil, fmt.Errorf("receipt is of job %q, not of %q", r.Job, p.job)
	case r.Seq != p.head.Seq+1 || !r.Prev.Equal(p.head.Hash):
		return nil, fmt.Errorf("receipt %d of job %s does not continue the chain", r.Seq, p.job)
	case !r.At.Equal(now):
		return nil, fmt.Errorf("receipt %d of job %s is not dated as its state is", r.Seq, p.job)
	}
	e := &entry{receipt: r, hash: l.Hash(), spent: l.Spent}
	if e.envelope, err = l.Envelope.Marshal(); err != nil {
		return nil, err
	}
	for _, t := range l.Texts {
		sealed, err := db.sealText(p.job, t)
		if err != nil {
			return nil, err
		}
		e.texts = append(e.texts, sealedText{t.Commitment, sealed})
	}
	return e, nil
}

// openBook locks the jobs of group and reads what they have come to.
func (db *DB) openBook(ctx context.Context, tx *sql.Tx, group []*write) (*book, error) {
	b := &book{ctx: ctx, db: db, tx: tx, pages: map[string]*page{}}
	ids := jobs(group)
	in := "(" + places(1, len(ids)) + ")"
	pages, err := all(ctx, tx, readPage, `
		SELECT j.id, j.agent, j.policy, c.seq, c.hash, c.at FROM chain c JOIN job j ON j.id = c.job
		WHERE c.job IN `+in+` AND `+db.engine.beforeOrders+` ORDER BY c.job`+db.engine.lockChains, values(ids)...)
	if err != nil {
		return nil, fmt.Errorf("lock jobs: %w", err)
	}
	for _, p := range pages {
		b.pages[p.job] = p
	}
	used, err := all(ctx, tx, readCounter, `SELECT job, name, used FROM counter WHERE job IN `+in, values(ids)...)
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	for _, c := range used {
		b.pages[c.job].used[c.name] = c.used
	}
	if err := b.readQuestions(ids, in); err != nil {
		return nil, err
	}
	return b, b.readRevocations()
}

// readRevocations reads what is in force for the jobs.
func (b *book) readRevocations() error {
	meant := map[string][]*page{}
	for _, id := range sortedKeys(b.pages) {
		p := b.pages[id]
		for _, c := range p.owner.concerns() {
			meant[c] = append(meant[c], p)
		}
	}
	if len(meant) == 0 {
		return nil
	}
	list, err := inForce(b.ctx, b.tx, sortedKeys(meant))
	for _, o := range list {
		for _, p := range meant[o.concerns] {
			p.revoked = append(p.revoked, o.Revocation.Revocation)
		}
	}
	return err
}

// readQuestions reads the questions and answers that may still count.
func (b *book) readQuestions(ids []string, in string) error {
	now := b.db.now().UnixMilli()
	questions, err := all(b.ctx, b.tx, readQuestion, `
		SELECT id, job, call, expires, answer FROM approval
		WHERE job IN `+in+` AND used_by = 0 AND cancelled = 0 AND (expires > `+places(len(ids)+1, 1)+` OR holds_until > `+places(len(ids)+2, 1)+`)
		ORDER BY seq`, append(values(ids), now, now)...)
	if err != nil {
		return fmt.Errorf("read approvals: %w", err)
	}
	for _, q := range questions {
		p := b.pages[q.job]
		p.questions = append(p.questions, q)
	}
	return nil
}

// findOpened sets e.opened, if e closes an open call.
func (b *book) findOpened(e *entry) error {
	r := e.receipt
	if r.Kind != receipt.Closed {
		return nil
	}
	for _, o := range b.entries {
		if o.receipt.Job == r.Job && o.receipt.Seq == r.Opened {
			e.opened = o.receipt
			return nil
		}
	}
	env, err := one(b.ctx, b.tx, readEnvelope(receipt.Type), `
		SELECT envelope FROM receipt WHERE job = $1 AND seq = $2 AND kind = 'opened'
		AND NOT EXISTS (SELECT 1 FROM receipt c WHERE c.job = $1 AND c.opened = $2)`, r.Job, int64(r.Opened))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read opened receipt: %w", err)
	}
	e.opened, err = receipt.Parse(env.Payload)
	if err == nil && (e.opened.Job != r.Job || e.opened.Seq != r.Opened) {
		err = fmt.Errorf("receipt %d of job %s is another in the database", r.Opened, r.Job)
	}
	return err
}

// flush writes what the pages have taken. It fails with errReplays, and has
// marked whose they are, if proofs are used up that lines use.
func (b *book) flush() error {
	if len(b.entries) == 0 {
		return nil
	}
	if n, err := b.spend(); err != nil || n > 0 {
		return cmp.Or(err, errReplays)
	}
	var receipts, texts, queued [][]any
	for _, e := range b.entries {
		r := e.receipt
		opened := sql.NullInt64{Int64: int64(r.Opened), Valid: r.Kind == receipt.Closed}
		receipts = append(receipts, []any{r.Job, int64(r.Seq), string(r.Kind), e.hash.String(), opened, r.At.UnixMilli(), e.envelope})
		queued = append(queued, []any{r.Job, int64(r.Seq), bundle.LogEntry(r.Job, r.Seq, e.envelope)})
		for _, t := range e.texts {
			texts = append(texts, []any{r.Job, t.commitment.String(), t.sealed})
		}
	}
	if err := insert(b.ctx, b.tx, `receipt (job, seq, kind, hash, opened, at, envelope)`, receipts, ``); err != nil {
		return err
	}
	if err := insert(b.ctx, b.tx, `log_queue (job, seq, entry)`, queued, ``); err != nil {
		return err
	}
	if err := insert(b.ctx, b.tx, `sealed_text (job, commitment, sealed)`, texts, `ON CONFLICT (job, commitment) DO NOTHING`); err != nil {
		return err
	}
	return b.flushPages()
}

func (b *book) flushPages() error {
	var chains, counters, asked [][]any
	for _, id := range sortedKeys(b.pages) {
		p := b.pages[id]
		if !p.changed {
			continue
		}
		chains = append(chains, []any{p.job, int64(p.head.Seq), p.head.Hash.String(), p.at.UnixMilli()})
		for _, name := range sortedKeys(p.touched) {
			counters = append(counters, []any{p.job, name, p.used[name]})
		}
		for _, q := range p.asked {
			asked = append(asked, []any{q.id, p.job, q.call.String(), q.policy.String(), int64(q.seq), q.asked.UnixMilli(), q.expires.UnixMilli(), q.action})
		}
		if err := b.useUp(p); err != nil {
			return err
		}
		if err := b.flushDebts(p); err != nil {
			return err
		}
	}
	if err := insert(b.ctx, b.tx, `chain (job, seq, hash, at)`, chains, `ON CONFLICT (job) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, at = excluded.at`); err != nil {
		return err
	}
	if err := insert(b.ctx, b.tx, `counter (job, name, used)`, counters, `ON CONFLICT (job, name) DO UPDATE SET used = excluded.used`); err != nil {
		return err
	}
	return insert(b.ctx, b.tx, `approval (id, job, call, policy, seq, asked, expires, action)`, asked, ``)
}

// useUp marks the answers that p's lines cite.
func (b *book) useUp(p *page) error {
	for _, id := range sortedKeys(p.usedUp) {
		res, err := b.tx.ExecContext(b.ctx, `UPDATE approval SET used_by = $1 WHERE id = $2 AND used_by = 0 AND cancelled = 0 AND reply = 'yes'`, int64(p.usedUp[id]), id)
		if err != nil {
			return fmt.Errorf("use up approval: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 { // unreachable: the job is locked, and so are orders
			return fmt.Errorf("use up approval %s: %w", id, errors.Join(ErrConflict, err))
		}
	}
	return nil
}

type counter struct {
	job, name string
	used      int
}

func readCounter(scan scanner) (c counter, err error) {
	err = scan(&c.job, &c.name, &c.used)
	return c, err
}

func readPage(scan scanner) (*page, error) {
	p := newPage()
	var seq int64
	err := scan(&p.job, &p.agent, &p.policy, &seq, (*digest)(&p.head.Hash), (*instant)(&p.at))
	p.head.Seq = uint64(seq)
	return p, err
}

func readQuestion(scan scanner) (*question, error) {
	q := new(question)
	var paper []byte
	if err := scan(&q.id, &q.job, (*digest)(&q.call), (*instant)(&q.expires), &paper); err != nil || paper == nil {
		return q, err
	}
	e, a, err := readAnswer(paper)
	if err != nil {
		return nil, fmt.Errorf("approval %s: %w", q.id, err)
	}
	fact := a.Fact()
	q.answer, q.paper = &fact, e
	return q, nil
}

// expired is when a question that nobody answers is asked anew.
func expired(asked time.Time) time.Time { return asked.Add(QuestionLife) }
