// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A database of before this schema keeps what it had revoked.
func TestMigrateRevoked(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.owned(t, "job-1", "ann", testPolicy)
		if err := h.token("job-1", "ann", testPolicy, "token-2"); err != nil {
			t.Fatal(err)
		}
		undo := []string{
			`DROP TABLE revocation_receipt`, `DROP TABLE revocation`, `DROP TABLE proof`, `DROP INDEX token_expires`,
			`ALTER TABLE approval DROP COLUMN cancelled`, `ALTER TABLE approval DROP COLUMN action`, `ALTER TABLE job DROP COLUMN client`,
			`DELETE FROM chain WHERE job = 'house'`, `DELETE FROM job WHERE id = 'house'`,
			map[string]string{"sqlite": `ALTER TABLE token ADD COLUMN revoked INTEGER`, "postgres": `ALTER TABLE token ADD COLUMN revoked BIGINT`}[h.engine.name],
			`ALTER TABLE token ADD COLUMN reason TEXT NOT NULL DEFAULT ''`,
			fmt.Sprintf(`UPDATE token SET revoked = %d, reason = 'lost' WHERE id = 'token-2'`, h.clock.Now().UnixMilli()),
			`UPDATE schema_version SET version = 2`,
		}
		for _, stmt := range undo {
			if _, err := h.write.ExecContext(ctx, stmt); err != nil {
				t.Fatalf("%s: %v", stmt, err)
			}
		}
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
	for _, name := range []string{"0001", "0002", "0003"} {
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
