// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestSpecHasEveryField holds the table of spec/policy.md 2.20 to the fields
// that are read.
func TestSpecHasEveryField(t *testing.T) {
	spec := readText(t, "../spec/policy.md")
	_, table, _ := strings.Cut(spec, "| field |")
	table, _, _ = strings.Cut(table, "\n## 3.")
	sections := map[string]bool{ // fields that only hold others
		"actions": true, "resources": true, "auth": true, "attestation": true, "allow": true, "deny": true,
		"runtime": true, "audit": true, "binding": true, "constraints": true,
	}
	fields := regexp.MustCompile("json:\"([a-zA-Z_]+)").FindAllStringSubmatch(readText(t, "document.go"), -1)
	if len(fields) < 40 {
		t.Fatalf("only %d fields found", len(fields))
	}
	for _, f := range fields {
		if !sections[f[1]] && !regexp.MustCompile(`\b`+f[1]+`\b`).MatchString(table) {
			t.Errorf("field %s is not in the table", f[1])
		}
	}
}

// TestSpecAndVectorsAgree says: a vector's clause is in the spec, every clause
// of deciding has a vector.
func TestSpecAndVectorsAgree(t *testing.T) {
	spec := readText(t, "../spec/policy.md")
	proved := map[string]bool{}
	paths, err := filepath.Glob("../testdata/vectors/policy-*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		clause := strings.Split(filepath.Base(path), "-")[1]
		proved[clause] = true
		if !strings.Contains(spec, "\n"+clause+" ") {
			t.Errorf("%s proves clause %s, which the spec does not have", path, clause)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^([456]\.\d+) `).FindAllStringSubmatch(spec, -1) {
		if clause := m[1]; !proved[clause] && clause != "4.20" && clause != "4.21" { // the vectors of 5.1, and all vectors
			t.Errorf("clause %s has no vector", clause)
		}
	}
}
