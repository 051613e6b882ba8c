// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

func TestGroups(t *testing.T) {
	for _, tt := range []struct {
		groups  map[string][]string
		pointer string // "": nothing is wrong
	}{
		{nil, ""},
		{map[string][]string{"wiki-owners": {"kim@house.test", "bob"}, "acme/sec:1": nil}, ""},
		{map[string][]string{"wiki owners": {"kim"}}, "/groups"},
		{map[string][]string{"": {"kim"}}, "/groups"},
		{map[string][]string{"a/b": {"kim", "kim"}}, "/groups/a~1b/1"},
		{map[string][]string{"a": {""}}, "/groups/a/0"},
		{map[string][]string{"a": {"kim+3f149602+ASrY"}}, "/groups/a/0"},
		{map[string][]string{"a": {"kim of the house"}}, "/groups/a/0"},
	} {
		got := ""
		if p := (&Config{Groups: tt.groups}).checkGroups(); p != nil {
			if got = p.pointer; p.msg == "" || p.hint == "" {
				t.Errorf("%v: %+v", tt.groups, p)
			}
		}
		if got != tt.pointer {
			t.Errorf("%v: %q is wrong, want %q", tt.groups, got, tt.pointer)
		}
	}
}
