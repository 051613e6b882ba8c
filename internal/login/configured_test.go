// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/config"
)

// The sample configuration makes a desk, and the names in it are nobody's to take.
func TestConfigured(t *testing.T) {
	c, err := config.Load(filepath.Join("..", "..", "docs", "clawea.hujson"))
	if err != nil {
		t.Fatal(err)
	}
	got := Configured(c)
	if got.Local || got.URL != "https://clawea.example.com" || got.Idle != 30*time.Minute || got.Longest != 12*time.Hour || len(got.Providers) != 1 {
		t.Fatalf("got %+v", got)
	}
	p := got.Providers[0]
	if p.Name != "entra" || p.Tenant == "" || p.NameClaim != "preferred_username" || p.RolesClaim != "roles" || p.GroupsClaim != "groups" ||
		!slices.Equal(p.Roles[Approver], []string{"Clawea.Approver"}) || len(p.Groups["wiki-owners"]) != 1 || !slices.Equal(p.ACR, []string{"c1"}) || p.MaxAge != 5*time.Minute {
		t.Errorf("got %+v", p)
	}
	for role := range p.Roles {
		if !slices.Contains([]Role{Author, Approver, Operator, Auditor, Admin}, role) {
			t.Errorf("a role %s", role)
		}
	}
	for _, role := range config.Roles() {
		if !slices.Contains([]Role{Author, Approver, Operator, Auditor, Admin}, Role(role)) {
			t.Errorf("the configuration has a role %s", role)
		}
	}
	for _, name := range []string{"alice", "Bob", "carol", "erin", "ops", "nightly", "site-ci"} {
		if !got.Reserved(name) {
			t.Errorf("%s can be taken", name)
		}
	}
	c.Groups = map[string][]string{"security": {"Lee@house.test"}}
	c.Operators[0].Name = "Ops"
	for _, name := range []string{"lee@house.test", "ops"} {
		if !Configured(c).Reserved(name) {
			t.Errorf("%s can be taken", name)
		}
	}
	if got.Reserved("kim@house.test") {
		t.Error("a name that nobody has is reserved")
	}
}
