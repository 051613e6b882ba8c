// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write policies/ anew")

// files are what policies/ holds for n clauses, by the end of its name.
func files(t testing.TB, n int) map[string]string {
	t.Helper()
	calls := "[\n"
	for i, r := range Calls(n) {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			calls += ",\n"
		}
		calls += "  " + string(b)
	}
	r := Sized(n)
	return map[string]string{".wpc.json": r.WPC(), ".cedar": r.Cedar(), ".sets.cedar": r.CedarSets(), ".rego": r.Rego(), ".calls.json": calls + "\n]\n"}
}

// TestPolicies holds the files that people read to what is measured.
func TestPolicies(t *testing.T) {
	for _, n := range Sizes() {
		for end, want := range files(t, n) {
			path := fmt.Sprintf("policies/%d%s", n, end)
			if *update {
				if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != want {
				t.Errorf("%s is not what is measured (%v): run with -update", path, err)
			}
		}
	}
}
