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

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A book is what one transaction adds to the chains of the jobs that it has
// locked. Lines are checked and gathered in memory; flush writes them.
type book struct {
	ctx     context.Context
	db      *DB
	tx      querier
	pages   map[string]*page // by job; a job that is not there has none
	entries []*entry         // in the order of the writes
	bytes   int              // of their texts
}

// An entry is a line on its way into the database.
type entry struct {
	line     *receipt.Line
	receipt  *receipt.Receipt // as line's payload says
	hash     seal.Hash
	envelope []byte         // line's, canonical, once it is signed
	sum      seal.Hash      // of envelope
	texts    []byte         // sealed, nil if there are none
	spent    *receipt.Spent // the proof that it uses up, nil if it uses none
	by       *write
}

// draft reads and seals a line that p is to take, made at now.
func (db *DB) draft(p *page, now time.Time, l *receipt.Line) (*entry, error) {
	r, err := l.Says()
	if err != nil {
		return nil, err
	}
	switch {
	case !l.Signed() && l.Signer == nil:
		return nil, fmt.Errorf("receipt %d of job %s: %w", r.Seq, p.job, seal.ErrUnsigned)
	case r.Job != p.job:
		return nil, fmt.Errorf("receipt is of job %q, not of %q", r.Job, p.job)
	case r.Seq != p.head.Seq+1 || !r.Prev.Equal(p.head.Hash):
		return nil, fmt.Errorf("receipt %d of job %s does not continue the chain", r.Seq, p.job)
	case !r.At.Equal(now):
		return nil, fmt.Errorf("receipt %d of job %s is not dated as its state is", r.Seq, p.job)
	}
	e := &entry{line: l, receipt: r, hash: l.Hash(), spent: l.Spent}
	e.texts, err = db.sealTexts(p.job, r.Seq, l.Texts)
	return e, err
}

// openBook locks the jobs of group and reads what they have come to, but for
// those whose pages are kept.
func (db *DB) openBook(ctx context.Context, tx querier, group []*write, kept map[string]*page) (*book, error) {
	b := &book{ctx: ctx, db: db, tx: tx, pages: map[string]*page{}}
	var ids []string
	for _, id := range jobs(group) {
		if p := kept[id]; p != nil {
			b.pages[id] = p
		} else {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return b, nil
	}
	return b, b.read(padded(ids))
}

// read reads pages.
func (b *book) read(ids []string) error {
	pages, err := all(b.ctx, b.tx, readPage, `
		SELECT j.id, j.agent, j.policy, c.seq, c.hash, c.at, c.used, c.reserved, c.executed, c.asked, c.changes, COALESCE(h.at, 0)
		FROM chain c JOIN job j ON j.id = c.job LEFT JOIN heartbeat h ON h.job = c.job
		WHERE c.job IN (`+places(1, len(ids))+`) AND `+b.db.engine.beforeOrders+` ORDER BY c.job`+b.db.engine.lockChains, values(ids)...)
	if err != nil {
		return fmt.Errorf("lock jobs: %w", err)
	}
	var executed, asked, changing []string
	for _, p := range pages {
		b.pages[p.job] = p
		if p.executed > 0 {
			executed = append(executed, p.job)
		}
		if p.questioned > 0 {
			asked = append(asked, p.job)
		}
		if p.attempted > 0 {
			changing = append(changing, p.job)
		}
	}
	return cmp.Or(b.readExecutions(executed), b.readQuestions(asked), b.readChanges(changing), b.readRevocations(pages))
}

// readExecutions reads how often the jobs did what changes something.
func (b *book) readExecutions(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	ids = padded(ids)
	used, err := all(b.ctx, b.tx, readCounter, `SELECT job, name, used FROM counter WHERE job IN (`+places(1, len(ids))+`)`, values(ids)...)
	for _, c := range used {
		b.pages[c.job].used[c.name] = c.used
	}
	return wrap("read counters", err)
}

// readRevocations reads what is in force for the jobs of pages.
func (b *book) readRevocations(pages []*page) error {
	_, err := one(b.ctx, b.tx, column[int], `SELECT 1 FROM revocation WHERE restored = 0 LIMIT 1`)
	if errors.Is(err, ErrNotFound) || len(pages) == 0 {
		return nil
	}
	if err != nil {
		return wrap("read revocations", err)
	}
	meant := map[string][]*page{}
	for _, p := range pages {
		for _, c := range p.owner.concerns() {
			meant[c] = append(meant[c], p)
		}
	}
	list, err := inForce(b.ctx, b.tx, padded(sortedKeys(meant)))
	for _, o := range list {
		for _, p := range meant[o.concerns] {
			p.revoked = append(p.revoked, o.Revocation.Revocation)
		}
	}
	return err
}

// readQuestions reads the questions and answers that may still count.
func (b *book) readQuestions(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	ids = padded(ids)
	now := b.db.now().UnixMilli()
	where := ` WHERE q.job IN (` + places(1, len(ids)) + `) AND q.used_by = 0 AND q.cancelled = 0 AND (q.expires > ` + places(len(ids)+1, 1) + ` OR q.holds_until > ` + places(len(ids)+2, 1) + `)`
	args := append(values(ids), now, now)
	questions, err := all(b.ctx, b.tx, readQuestion, questionQuery+where+` ORDER BY q.seq`, args...)
	if err != nil {
		return fmt.Errorf("read approvals: %w", err)
	}
	answers, err := all(b.ctx, b.tx, readSaid, saidQuery+` JOIN approval q ON q.id = n.approval`+where+` AND n.current = 1 ORDER BY n.place`, args...)
	if err != nil {
		return fmt.Errorf("read answers: %w", err)
	}
	byID := map[string]*question{}
	for _, q := range questions {
		p := b.pages[q.job]
		p.questions, byID[q.id] = append(p.questions, q), q
	}
	for _, g := range answers {
		if q := byID[g.approval]; q != nil {
			q.answers = append(q.answers, g)
		}
	}
	return nil
}

// flush signs and writes what the pages have taken. It fails with errDropped, and
// has dropped whose they are, if proofs are used up that lines use, or lines
// cannot be signed.
func (b *book) flush() error {
	if len(b.entries) == 0 {
		return nil
	}
	if n, err := b.spend(); err != nil || n > 0 {
		return cmp.Or(err, errDropped)
	}
	if b.sign() > 0 {
		return errDropped
	}
	var rows [][]any
	for _, e := range b.entries {
		r := e.receipt
		e.by.tried = append(e.by.tried, tried{r.Seq, e.sum, e.texts[:min(len(e.texts), nonceSize)]})
		rows = append(rows, []any{r.Job, int64(r.Seq), string(r.Kind), about(r, receipt.Closed), about(r, receipt.Learned), r.At.UnixMilli(), e.sum[:], e.envelope, e.texts})
	}
	if err := b.db.engine.insert(b.ctx, b.tx, `receipt (job, seq, kind, opened, learned, at, sum, envelope, texts)`, rows, ``); err != nil {
		return err
	}
	return b.flushPages()
}

// about is the opened receipt that r is about, if r is of a kind.
func about(r *receipt.Receipt, k receipt.Kind) sql.NullInt64 {
	return sql.NullInt64{Int64: int64(r.Opened), Valid: r.Kind == k}
}

func (b *book) flushPages() error {
	var counters, asked [][]any
	for _, id := range sortedKeys(b.pages) {
		p := b.pages[id]
		if !p.changed {
			continue
		}
		for _, name := range sortedKeys(p.touched) {
			counters = append(counters, []any{p.job, name, p.used[name]})
		}
		for _, q := range p.asked {
			asked = append(asked, []any{q.id, p.job, q.call.String(), q.policy.String(), int64(q.seq), q.asked.UnixMilli(), q.expires.UnixMilli(), q.action})
		}
		if err := cmp.Or(b.flushChain(p), b.flushChanges(p), b.flushQuestions(p), b.flushDebts(p)); err != nil {
			return err
		}
	}
	if err := b.db.engine.insert(b.ctx, b.tx, `counter (job, name, used)`, counters, `ON CONFLICT (job, name) DO UPDATE SET used = excluded.used`); err != nil {
		return err
	}
	return b.db.engine.insert(b.ctx, b.tx, `approval (id, job, call, policy, seq, asked, expires, action)`, asked, ``)
}

func (b *book) flushChain(p *page) error {
	used, err := p.counters()
	if err != nil {
		return err
	}
	reserved, err := seal.Marshal(p.reserved)
	if err != nil {
		return err
	}
	_, err = b.tx.ExecContext(b.ctx, `UPDATE chain SET seq = $1, hash = $2, at = $3, used = $4, reserved = $5, executed = $6, asked = $7, changes = $8 WHERE job = $9`,
		int64(p.head.Seq), p.head.Hash.String(), p.at.UnixMilli(), string(used), string(reserved), p.executed, p.questioned, p.attempted, p.job)
	return wrap("write chain", err)
}

// flushQuestions writes what became of p's questions and their answers.
func (b *book) flushQuestions(p *page) error {
	for _, q := range p.moved {
		res, err := b.tx.ExecContext(b.ctx, `UPDATE approval SET used_by = $1, reply = $2 WHERE id = $3 AND used_by = 0 AND cancelled = 0`, int64(q.usedBy), string(q.reply), q.id)
		if err != nil {
			return fmt.Errorf("use up approval: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 { // unreachable: the job is locked, and so are orders
			return fmt.Errorf("use up approval %s: %w", q.id, errors.Join(ErrConflict, err))
		}
		for _, g := range q.answers {
			if _, err := b.tx.ExecContext(b.ctx, `UPDATE answer SET remaining = $1 WHERE approval = $2 AND person = $3 AND current = 1`, g.remaining, q.id, g.fact.By); err != nil {
				return fmt.Errorf("use up answer: %w", err)
			}
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
	var used, reserved string
	err := scan(&p.job, &p.agent, &p.policy, &seq, (*digest)(&p.head.Hash), (*instant)(&p.at), &used, &reserved, &p.executed, &p.questioned, &p.attempted, (*instant)(&p.heard))
	p.head.Seq = uint64(seq)
	if err == nil {
		err = cmp.Or(seal.Unmarshal([]byte(used), &p.used), seal.Unmarshal([]byte(reserved), &p.reserved))
	}
	return p, err
}

const questionQuery = `SELECT q.id, q.job, q.call, q.policy, q.expires, q.reply, q.used_by, q.cancelled FROM approval q`

func readQuestion(scan scanner) (*question, error) {
	q := new(question)
	var usedBy, cancelled int64
	err := scan(&q.id, &q.job, (*digest)(&q.call), (*digest)(&q.policy), (*instant)(&q.expires), &q.reply, &usedBy, &cancelled)
	q.usedBy, q.cancelled = uint64(usedBy), cancelled != 0
	return q, err
}

// expired is when a question that nobody answers is asked anew.
func expired(asked time.Time) time.Time { return asked.Add(QuestionLife) }
