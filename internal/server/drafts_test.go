// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// Drafts are begun and signed over the API as well, in the operator's name.
func TestDrafts(t *testing.T) {
	h := newHouse(t)
	const wpc = `{"policy_name":"drafted","tool_policy":{"allow":["desk.page.get"]},"wpc_version":"v1"}`
	bare := h.paper(&seal.Envelope{Type: policy.Type, Payload: []byte(wpc)})
	var d api.Draft
	a := h.post("/v1/drafts", bare)
	if err := json.Unmarshal(a.body, &d); err != nil || a.status != 200 || d.Hash != seal.Sum([]byte(wpc)) || d.By != "olga" || len(d.Signers) != 0 || len(d.Lacks) != 1 {
		t.Fatalf("proposed: %d %s %v", a.status, a.body, err)
	}
	if a := h.post("/v1/drafts", h.signed(wpc, h.ada)); a.status != 200 || !strings.Contains(string(a.body), `"lacks":[]`) {
		t.Errorf("signed: %d %s", a.status, a.body)
	}
	var list api.Drafts
	a = h.get("/v1/drafts")
	if err := json.Unmarshal(a.body, &list); err != nil || len(list.Drafts) != 1 || list.Drafts[0].Name != "drafted" || list.Drafts[0].Signers[0].Role != policy.RoleAuthor {
		t.Errorf("drafts: %s %v", a.body, err)
	}
	if p := h.wantProblem(h.post("/v1/drafts", h.signed(strings.Replace(wpc, "drafted", "eves", 1), h.alice)), 422, "draft_refused"); !strings.Contains(p.Detail, "alice") || p.Hint == "" {
		t.Errorf("a stranger's: %+v", p)
	}
	h.wantProblem(h.post("/v1/drafts", h.paper(&seal.Envelope{Type: policy.Type, Payload: []byte("x")})), 422, "draft_refused")
	h.exec(`UPDATE draft SET envelope = X'00'`)
	if a := h.get("/v1/drafts"); a.status != 200 || !strings.Contains(string(a.body), `"fault":`) {
		t.Errorf("a draft that does not verify: %d %s", a.status, a.body)
	}
}
