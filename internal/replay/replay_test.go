// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/replay"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// story is two jobs: one with all of the policy, one with a part of it.
func story(t *testing.T) *house {
	h := newHouse(t)
	all := h.mint("job-1", nil)
	h.do(all, "confluence", "page.get", `{"id":1}`, "ENG", "Books", "Red")                                                  // 1, 2: allowed
	h.do(all, "confluence", "page.update", `{"id":1}`, "ENG", "Books", "Red")                                               // 3: asks
	h.do(all, "confluence", "page.get", `{"id":2}`, "HR", "Salaries")                                                       // 4: denied
	h.do(all, "desk", "post", `{"text":"SECURITY: x"}`)                                                                     // 5, 6: allowed
	h.do(all, "confluence", "space.delete", `{}`, "ENG")                                                                    // 7: denied, never planned
	h.do(all, "confluence", "page.get", `{"id":3}`, "ENG", "Notes")                                                         // 8, 9: allowed
	h.do(all, "confluence", "page.get", `{"id":4}`, "ENG", "Notes")                                                         // 10, 11: allowed
	h.do(all, "confluence", "page.get", `{"id":5}`, "ENG", "Notes")                                                         // 12: denied, pages are spent
	part := h.mint("job-2", &policy.Grant{Actions: []string{"confluence.page.get"}, Resources: []string{"confluence:ENG"}}) //
	h.do(part, "confluence", "page.update", `{"id":1}`, "ENG", "Books", "Red")                                              // 1: denied by the grant
	if _, err := h.db.Revoke(t.Context(), store.Revocation{Revocation: token.Revocation{Kind: token.RevokeJob, Target: "job-2"}, By: "olga"}); err != nil {
		t.Fatal(err)
	}
	h.do(part, "confluence", "page.get", `{"id":1}`, "ENG", "Books", "Red") // 2: refused, never decided
	return h
}

// with is the policy in force with something replaced.
func with(pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(force, pairs[i]) {
			panic(pairs[i])
		}
	}
	return strings.NewReplacer(pairs...).Replace(force)
}

func TestReplay(t *testing.T) {
	h := story(t)
	const calls = 9
	for _, test := range []struct {
		name, candidate string
		want            []string
	}{
		{"the same", with(`"v1"`, `"1"`), nil},
		{"writing needs nobody", with(`"allowed":false,"approval_gate":"required"`, `"allowed":true`), []string{"job-1/3 ask allow"}},
		{"reading is over", with(`"read":{"allowed":true,"max_pages_per_job":3},`, ``), []string{"job-1/1 allow deny", "job-1/8 allow deny", "job-1/10 allow deny"}},
		{"more pages", with(`:3`, `:9`), []string{"job-1/12 deny allow"}},
		{"fewer pages", with(`:3`, `:2`), []string{"job-1/10 allow deny"}},
		// The record does not keep the name of a space that the policy in force does not say.
		{"another space", with(`"ENG"`, `"ENG","HR"`), []string{"job-1/4 deny names"}},
		{"only another space", with(`"ENG"`, `"HR"`), []string{
			"job-1/1 allow deny", "job-1/3 ask deny", "job-1/4 deny names", "job-1/8 allow deny", "job-1/10 allow deny",
		}},
		{"administering", with(`"search"`, `"admin":{"allowed":true},"search"`), []string{"job-1/7 deny plan"}},
		{"a prefix that is on no record", with(`{"spaces_allowlist":["ENG"]}`, `{"page_prefix_allowlist":["ENG/Books/"]}`), []string{
			"job-1/1 allow names", "job-1/3 ask names", "job-1/8 allow deny", "job-1/10 allow deny",
		}},
		{"a condition on the text", with(`"tool_policy"`, `"approvals":[{"when":"content.contains('SECURITY:')","require":"human_approval"}],"tool_policy"`), []string{"job-1/5 allow ask"}},
		{"a condition on the job", with(`"tool_policy"`, `"approvals":[{"when":"job.count('page.get') >= 2","require":"human_approval"}],"tool_policy"`), []string{"job-1/10 allow ask"}},
		{"a tool less", with(`"desk.*",`, ``), []string{"job-1/5 allow deny"}},
		{"nothing at all", `{"wpc_version":"v1"}`, []string{
			"job-1/1 allow deny", "job-1/3 ask deny", "job-1/5 allow deny", "job-1/8 allow deny", "job-1/10 allow deny",
		}},
	} {
		n, got := h.replay(test.candidate, "")
		slices.SortStableFunc(got, func(a, b string) int { return strings.Compare(a[:5], b[:5]) })
		if diff := cmp.Diff(test.want, got); diff != "" || n != calls {
			t.Errorf("%s: %d calls\n%s", test.name, n, diff)
		}
	}
	if n, _ := h.replay(force, "job-2"); n != 1 {
		t.Errorf("job-2 has %d calls", n)
	}
	if list, err := h.registry.List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("replaying has published something: %d, %v", len(list), err)
	}
}

// A name that leads elsewhere than it did is not the place that it was.
func TestReplayBinds(t *testing.T) {
	h := story(t)
	text := []byte(with(`"v1"`, `"1"`))
	p, bound, err := h.Candidate(t.Context(), text, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []policy.Bound{{Name: policy.Name{Tool: "confluence", Kind: policy.Space, Name: "ENG"}, Site: "site", ID: "id:ENG"}}
	names := bound.Names
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	before := h.resolved
	if again, _, err := h.Candidate(t.Context(), text, names, nil); err != nil || again.Hash() != p.Hash() || h.resolved != before {
		t.Errorf("names were looked up again, or %v", err)
	}
	names[0].ID = "id:another"
	moved, _, err := h.Candidate(t.Context(), text, names, nil)
	if err != nil {
		t.Fatal(err)
	}
	page, err := h.Page(t.Context(), moved, store.Mark{}, "job-1")
	if err != nil || len(page.Differences) != 4 { // three reads and the question
		t.Errorf("%d differences, %v", len(page.Differences), err)
	}
}

func TestCandidateRefused(t *testing.T) {
	h := newHouse(t)
	syntax := (*seal.SyntaxError)(nil)
	if _, _, err := h.Candidate(t.Context(), []byte("{\n\"allow_all\":true}"), nil, nil); !errors.As(err, &syntax) || syntax.Line != 2 {
		t.Errorf("not a policy: %v", err)
	}
	if _, _, err := h.Candidate(t.Context(), []byte(with("ENG", "NOWHERE")), nil, nil); !errors.Is(err, registry.ErrRefused) {
		t.Errorf("a name that leads nowhere: %v", err)
	}
	wrong := []policy.Bound{{Name: policy.Name{Tool: "confluence", Kind: policy.Space, Name: "HR"}, Site: "site", ID: "1"}}
	if _, _, err := h.Candidate(t.Context(), []byte(force), wrong, nil); !errors.Is(err, policy.ErrBinding) {
		t.Errorf("names of another policy: %v", err)
	}
}

// What is damaged is unknown, and the rest is still told.
func TestReplayDamaged(t *testing.T) {
	conditional := with(`"tool_policy"`, `"approvals":[{"when":"content.contains('nobody')","require":"human_approval"}],"tool_policy"`)
	for name, test := range map[string]struct {
		damage    string
		candidate string
		want      []string
	}{
		"a receipt":           {`UPDATE receipt SET envelope = (SELECT envelope FROM policy LIMIT 1) WHERE job = 'job-1' AND seq = 5`, force, []string{"job-1/5 ? receipt"}},
		"not even JSON":       {`UPDATE receipt SET envelope = x'00' WHERE job = 'job-1' AND seq = 5`, force, []string{"job-1/5 ? receipt"}},
		"another's place":     {`UPDATE receipt SET envelope = (SELECT envelope FROM receipt WHERE job = 'job-1' AND seq = 3) WHERE job = 'job-1' AND seq = 5`, force, []string{"job-1/5 ? receipt"}},
		"a token's record":    {`UPDATE token SET record = x'00' WHERE job = 'job-2'`, force, []string{"job-2/1 deny token"}},
		"another's record":    {`UPDATE token SET record = (SELECT record FROM token WHERE job = 'job-1') WHERE job = 'job-2'`, force, []string{"job-2/1 deny token"}},
		"a record by nobody":  {`UPDATE token SET record = (SELECT envelope FROM policy LIMIT 1) WHERE job = 'job-2'`, force, []string{"job-2/1 deny token"}},
		"no record":           {`DELETE FROM token WHERE job = 'job-2'`, force, []string{"job-2/1 deny token"}},
		"a text":              {`UPDATE receipt SET texts = x'00' WHERE job = 'job-2'`, conditional, []string{"job-2/1 deny text"}},
		"no text":             {`UPDATE receipt SET texts = NULL WHERE job = 'job-2'`, conditional, []string{"job-2/1 deny text"}},
		"a text nobody needs": {`UPDATE receipt SET texts = NULL`, force, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := story(t)
			h.exec(test.damage)
			if _, got := h.replay(test.candidate, ""); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	t.Run("the policy", func(t *testing.T) {
		h := story(t)
		h.exec(`UPDATE policy SET binding = x'00'`)
		_, got := h.replay(force, "job-2")
		if want := []string{"job-2/1 deny policy"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A house in trouble is an error, and no answer.
func TestReplayTrouble(t *testing.T) {
	h := story(t)
	candidate, _, err := h.Candidate(t.Context(), []byte(with(`"tool_policy"`, `"approvals":[{"when":"content == ''","require":"human_approval"}],"tool_policy"`)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, r := range map[string]replay.Replayer{
		"policies": {DB: h.db, Policies: late{h.registry, ctx}, Gates: h.Gates, Issuers: h.Issuers},
		"tokens":   {DB: lateTokens{h.db, ctx}, Policies: h.registry, Gates: h.Gates, Issuers: h.Issuers},
		"texts":    {DB: lateTexts{h.db, ctx}, Policies: h.registry, Gates: h.Gates, Issuers: h.Issuers},
	} {
		if page, err := r.Page(t.Context(), candidate, store.Mark{}, ""); !errors.Is(err, context.Canceled) || page != nil {
			t.Errorf("%s: %v, %v", name, page, err)
		}
	}
	if _, err := h.Page(ctx, candidate, store.Mark{}, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("receipts: %v", err)
	}
}

// Many receipts come in pages, each once.
func TestPages(t *testing.T) {
	h := newHouse(t)
	h.do(h.mint("job-1", nil), "desk", "post", "a letter") // 1, 2
	const n = 2*replay.PageSize + 7
	h.exec(`WITH RECURSIVE places (n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM places WHERE n < ?)
		INSERT INTO receipt (job, seq, kind, at, sum, envelope) SELECT 'job-1', n, 'opened', at + n / 100, sum, envelope FROM places, receipt WHERE seq = 1`, n+1)
	calls, differences := h.replay(force, "") // copies in other places tell nothing
	if slices.Sort(differences); calls != n || len(differences) != n-1 || len(slices.Compact(differences)) != n-1 {
		t.Errorf("%d calls, %d differences; want %d", calls, len(differences), n)
	}
}

// oneServer is an upstream MCP server; it counts how often it is asked.
type oneServer struct{ asked int }

func (s *oneServer) Pins(context.Context, *policy.Policy) ([]policy.Server, []registry.Definition, error) {
	s.asked++
	d := registry.Definition{Digest: seal.Sum([]byte("{}")), Body: []byte("{}")}
	return []policy.Server{{Name: "s", Identity: d.Digest, Tools: []policy.PinnedTool{{Name: "t", Definition: d.Digest}}}}, []registry.Definition{d}, nil
}

// The servers of a page are those of all that follow.
func TestReplayBindsServers(t *testing.T) {
	h := story(t)
	s := new(oneServer)
	h.registry.Upstreams = s
	text := []byte(with(`"wpc_version"`, `"connection_mode":["official_api","mcp_server"],"wpc_version"`))
	p, bound, err := h.Candidate(t.Context(), text, nil, nil)
	if err != nil || len(bound.Servers) != 1 || !p.Pinned(seal.Sum([]byte("{}")), seal.Sum([]byte("{}"))) {
		t.Fatalf("bound to %+v, %v", bound, err)
	}
	again, _, err := h.Candidate(t.Context(), text, bound.Names, bound.Servers)
	if err != nil || s.asked != 1 || !again.Pinned(seal.Sum([]byte("{}")), seal.Sum([]byte("{}"))) {
		t.Errorf("asked %d times, %v", s.asked, err)
	}
}
