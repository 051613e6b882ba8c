// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/clawea/clawea/internal/api"
)

func TestSaid(t *testing.T) {
	ada, bob := api.Answer{By: "ada", Yes: true, Left: 3}, api.Answer{By: "bob"}
	for _, tt := range []struct {
		a    api.Approval
		want string
	}{
		{api.Approval{State: "open", Missing: 1}, "1 more yes is missing"},
		{api.Approval{State: "open", Missing: 2, Answers: []api.Answer{ada}}, "ada yes (for 3 calls), 2 more yeses are missing"},
		{api.Approval{State: "no", Answers: []api.Answer{ada, bob}}, "ada yes (for 3 calls), bob no"},
		{api.Approval{State: "yes", Answers: []api.Answer{bob, {By: "kim", Yes: true, For: "ada"}}}, "bob no, kim yes for ada"},
		{api.Approval{State: "expired"}, ""},
	} {
		if got := said(&tt.a); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.a, got, tt.want)
		}
	}
}
