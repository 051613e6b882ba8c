// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

func TestCheck(t *testing.T) {
	known := seal.Sum([]byte("policy"))
	c := &Checks{
		Catalog: []policy.Action{{Tool: "wiki", Name: "page.get", Class: policy.Read}},
		Known: func(_ context.Context, h seal.Hash) error {
			if h != known {
				return store.ErrNotFound
			}
			return nil
		},
	}
	for name, x := range map[string]struct {
		kind, target, reason string
		is                   error
	}{
		"a job":                     {token.RevokeJob, "job-1", "lost", nil},
		"everything, for no reason": {token.RevokeAll, "", "", nil},
		"an action":                 {token.RevokeAction, "wiki.page.get", "x", nil},
		"a class":                   {token.RevokeAction, "*:read", "x", nil},
		"an action of nobody's":     {token.RevokeAction, "wiki.page.gte", "x", ErrOrder},
		"no pattern":                {token.RevokeAction, "", "x", ErrOrder},
		"a policy":                  {token.RevokePolicy, known.String(), "x", nil},
		"a policy of nobody's":      {token.RevokePolicy, seal.Sum(nil).String(), "x", store.ErrNotFound},
		"a policy by name":          {token.RevokePolicy, "wiki", "x", ErrOrder},
		"no kind":                   {"", "job-1", "x", ErrOrder},
		"a job by no name":          {token.RevokeJob, "Job 1", "x", ErrOrder},
		"two lines":                 {token.RevokeJob, "job-1", "x\ny", ErrOrder},
		"a long reason":             {token.RevokeJob, "job-1", strings.Repeat("x", MaxReason+1), ErrOrder},
	} {
		err := c.Check(t.Context(), token.Revocation{Kind: x.kind, Target: x.target}, x.reason)
		if !errors.Is(err, x.is) || x.is == nil && err != nil {
			t.Errorf("%s: got %v, want %v", name, err, x.is)
		}
	}
	if (&Checks{}).Check(t.Context(), token.Revocation{Kind: token.RevokeAction, Target: "*"}, "x") == nil {
		t.Error("where there are no actions, one is stopped")
	}
}
