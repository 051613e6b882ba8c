// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// tables are those of the newest schema, whose parts come before what they refer to.
var tables = []string{"heartbeat", "attestation", "trace", "definition", "draft", "export_place", "delegation", "listing", "listing_resource", "listing_end", "tally", "answered", "passkey", "login_used", "link", "session", "person", "notice_once", "notice_delivery", "notice", "notice_question", "notice_start", "publication_event", "share", "publication", "secret", "change", "revocation_receipt", "revocation", "proof", "shadow", "schema_version", "sealing", "log_checkpoint", "log_hashes", "log_part",
	"answer", "approval", "token", "sealed_text", "receipt", "counter", "chain", "job", "policy"}

// older makes h's database an empty one of an older schema, and lets stmts fill it.
func (h *house) older(t *testing.T, version int, stmts ...string) {
	t.Helper()
	run := func(query string, args ...any) {
		t.Helper()
		if _, err := h.write.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatalf("%.200s: %v", query, err)
		}
	}
	for _, table := range tables {
		run(`DROP TABLE ` + table)
	}
	for n := 1; n <= version; n++ {
		text, err := migrations.ReadFile(fmt.Sprintf("%s/%04d.sql", h.engine.name, n))
		if err != nil {
			t.Fatal(err)
		}
		run(string(text))
	}
	run(`CREATE TABLE schema_version (version BIGINT NOT NULL)`)
	run(`INSERT INTO schema_version (version) VALUES ($1)`, version)
	run(`INSERT INTO sealing (id, sealed) VALUES (1, $1)`, h.keyCheck())
	for _, stmt := range stmts {
		run(stmt)
	}
}

// An old house's receipts keep their places in the log, their texts and what they
// have come to; its log grows on.
func TestMigrateReceipts(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		one, two := h.job(t, "job-1"), h.job(t, "job-2")
		var records [][]byte
		for i := range 5 { // those of both jobs in turn, three calls of which are never closed
			h.mustWrite(t, one, h.opens(one, call(1, "a"), policy.Allow, text("a")))
			h.mustWrite(t, two, h.opens(two, call(2, "b"), policy.Allow))
			if i == 0 {
				h.mustWrite(t, two, h.closes(two, 1, 1))
			}
		}
		if n, err := h.Sequence(ctx, 100, fold); err != nil || n != 11 {
			t.Fatalf("sequence: %d, %v", n, err)
		}
		records, err := h.Records(ctx, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		note, size, err := h.Checkpoint(ctx)
		if err != nil {
			t.Fatal(err)
		}
		hashes, err := h.HashReader(ctx).ReadHashes(positions(tlog.StoredHashCount(size)))
		if err != nil {
			t.Fatal(err)
		}
		type row struct {
			query string
			args  []any
		}
		var rows []row
		add := func(query string, args ...any) { rows = append(rows, row{query, args}) }
		for _, job := range []string{one, two} {
			st := h.state(t, job)
			add(`INSERT INTO job (id, agent, policy, client, created) VALUES ($1, 'agent', $2, '', 0)`, job, testPolicy.String())
			add(`INSERT INTO chain (job, seq, hash, at) VALUES ($1, $2, $3, $4)`, job, int64(st.Seq), st.Hash.String(), h.clock.ms.Load())
			for name, n := range st.Used {
				add(`INSERT INTO counter (job, name, used) VALUES ($1, $2, $3)`, job, name, n)
			}
			list, err := h.Receipts(ctx, job)
			if err != nil {
				t.Fatal(err)
			}
			for i, e := range list {
				b, err := e.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				var opened *int64
				kind := "opened"
				if r, err := receipt.Parse(e.Payload); err == nil && r.Kind == receipt.Closed {
					n := int64(r.Opened)
					opened, kind = &n, "closed"
				}
				add(`INSERT INTO receipt (job, seq, kind, hash, opened, at, envelope) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
					job, i+1, kind, e.Hash().String(), opened, h.clock.ms.Load(), b)
			}
		}
		add(`INSERT INTO counter (job, name, used) VALUES ('job-1', 'done:sha256:aa', 3)`)
		a := text("a")
		add(`INSERT INTO sealed_text (job, commitment, sealed) VALUES ('job-1', $1, $2)`, a.Commitment.String(),
			h.sealer.Seal(nil, nil, slices.Concat(a.Salt[:], a.Bytes), textBinding("job-1", a.Commitment)))
		for i, r := range records { // the last two still wait
			var job string
			var seq int
			if _, err := fmt.Sscanf(string(r), "clawea receipt v1\n%s\n%d\n", &job, &seq); err != nil {
				t.Fatal(err)
			}
			if i < len(records)-2 {
				add(`INSERT INTO log_entry (leaf, job, seq, entry) VALUES ($1, $2, $3, $4)`, i, job, seq, r)
			} else {
				add(`INSERT INTO log_queue (job, seq, entry) VALUES ($1, $2, $3)`, job, seq, r)
			}
		}
		logged := int64(len(records) - 2)
		for i := range tlog.StoredHashCount(logged) {
			add(`INSERT INTO log_hash (position, hash) VALUES ($1, $2)`, i, hashes[i][:])
		}
		h.older(t, 3)
		for _, r := range rows {
			if _, err := h.write.ExecContext(ctx, r.query, r.args...); err != nil {
				t.Fatalf("%s: %v", r.query, err)
			}
		}
		oldNote := noteOf(t, logged, hashes)
		if _, err := h.write.ExecContext(ctx, `INSERT INTO log_checkpoint (id, size, note) VALUES (1, $1, $2)`, logged, oldNote); err != nil {
			t.Fatal(err)
		}

		db := h.open(t)
		checkLog(t, db, records[:logged])
		if n, err := db.Sequence(ctx, 100, fold); err != nil || n != 2 {
			t.Fatalf("sequence: %d, %v", n, err)
		}
		checkLog(t, db, records)
		if again, _, err := db.Checkpoint(ctx); err != nil || string(again) != string(note) {
			t.Errorf("checkpoint %q, %v, want %q", again, err, note)
		}
		if got, err := db.Text(ctx, "job-1", 3, a.Commitment); err != nil || string(got.Bytes) != "a" {
			t.Errorf("text: %q, %v", got.Bytes, err)
		}
		if list, err := db.Texts(ctx, "job-1"); err != nil || len(list) != 1 {
			t.Errorf("texts: %v, %v", list, err)
		}
		moved := &house{DB: db, config: h.config, clock: h.clock, gate: h.gate, person: h.person}
		if st := moved.state(t, one); st.Used["pages"] != 5 || st.Used["done:sha256:aa"] != 3 || st.Seq != 5 {
			t.Errorf("job-1 has come to %+v", st)
		}
		if st := moved.state(t, two); st.Used["pages"] != 9 || st.Used["class:read"] != 5 {
			t.Errorf("job-2 has come to %+v", st)
		}
		moved.mustWrite(t, one, moved.opens(one, call(1, "a"), policy.Allow, text("c")))
		moved.mustWrite(t, one, moved.closes(one, 6, 0))
		if n, err := db.Sequence(ctx, 100, fold); err != nil || n != 2 {
			t.Errorf("sequence: %d, %v", n, err)
		}
		if leaf, err := db.LeafIndex(ctx, "job-1", 6); err != nil || leaf != int64(len(records)) {
			t.Errorf("leaf %d, %v", leaf, err)
		}
		checkChain(t, db, one)
	})
}

func positions(n int64) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i)
	}
	return out
}

// noteOf is fold's checkpoint of the first size records of a log with hashes.
func noteOf(t *testing.T, size int64, hashes []tlog.Hash) []byte {
	t.Helper()
	root, err := tlog.TreeHash(size, tlog.HashReaderFunc(func(positions []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(positions))
		for i, p := range positions {
			out[i] = hashes[p]
		}
		return out, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, "%d %s", size, root)
}

// A database of before there were orders keeps what it had revoked.
func TestMigrateRevoked(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		token1 := func(id, revoked string) string {
			return fmt.Sprintf(`INSERT INTO token (id, job, agent, policy, record, issued, expires, revoked, reason) VALUES ('%s', 'job-1', 'ann', '%s', '', 0, %d, %s)`,
				id, testPolicy, h.clock.ms.Load()+1000, revoked)
		}
		if h.engine.name == "sqlite" {
			was := token1
			token1 = func(id, revoked string) string { return strings.Replace(was(id, revoked), ", '', 0,", ", x'', 0,", 1) }
		}
		h.older(t, 2,
			fmt.Sprintf(`INSERT INTO job (id, agent, policy, created) VALUES ('job-1', 'ann', '%s', 0)`, testPolicy),
			fmt.Sprintf(`INSERT INTO chain (job, seq, hash, at) VALUES ('job-1', 0, '%s', 0)`, seal.Hash{}),
			token1("token-job-1", `NULL, ''`), token1("token-2", fmt.Sprintf(`%d, 'lost'`, h.clock.ms.Load())))
		db := h.open(t)
		got, err := db.Token(ctx, "token-2")
		if err != nil || got.Revoked == nil || !got.Revoked.Equal(h.clock.Now()) || got.Reason != "lost" {
			t.Errorf("revoked before: %+v, %v", got, err)
		}
		if got, err = db.Token(ctx, "token-job-1"); err != nil || got.Revoked != nil {
			t.Errorf("not revoked: %+v, %v", got, err)
		}
		want := []Revocation{{ID: 1, Revocation: token.Revocation{Kind: token.RevokeToken, Target: "token-2"}, Job: "job-1", Reason: "lost", At: h.clock.Now()}}
		list, err := db.Revocations(ctx, false, 0)
		if diff := cmp.Diff(want, list); err != nil || diff != "" {
			t.Errorf("orders: %v\n%s", err, diff)
		}
		if owed, err := db.Owed(ctx, 0, 0); err != nil || len(owed) != 0 {
			t.Errorf("owed: %v, %v", owed, err)
		}
		j, err := db.Job(ctx, receipt.Journal)
		if err != nil || j.Agent != "house" || j.Policy != (seal.Hash{}) || j.Receipts != 0 {
			t.Errorf("journal: %+v, %v", j, err)
		}
	})
}

// The questions of an older house do not say what they are about: any action's
// order cancels them.
func TestOldQuestion(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.owned(t, "job-1", "ann", testPolicy)
		q := h.ask(t, "job-1", call(0, "a"))
		if _, err := h.write.ExecContext(t.Context(), `UPDATE approval SET action = ''`); err != nil {
			t.Fatal(err)
		}
		if r := h.revoke(t, token.RevokeAction, "jira", ""); !slices.Equal(r.Cancelled, []string{q.ID}) {
			t.Errorf("cancelled %v, want %s", r.Cancelled, q.ID)
		}
	})
}

// Reading what is revoked uses an index, however much ever was.
func TestRevokedIsIndexed(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "plan.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, name := range []string{"0001", "0002", "0003", "0004"} {
		text, err := migrations.ReadFile("sqlite/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), string(text)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(scan scanner) (detail string, err error) {
		var id, parent, unused int
		err = scan(&id, &parent, &unused, &detail)
		return detail, err
	}
	plan, err := all(t.Context(), db, read, `EXPLAIN QUERY PLAN `+revocationQuery+` WHERE restored = 0 AND concerns IN ('', 'job job-1')`)
	if err != nil || len(plan) != 1 || plan[0] != "SEARCH revocation USING INDEX revocation_in_force (concerns=?)" {
		t.Errorf("plan: %q, %v", plan, err)
	}
}
