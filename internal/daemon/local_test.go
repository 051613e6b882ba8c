// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/sidecar"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// ownTools is a policy under which an agent's program has tools of its own.
const ownTools = `{"wpc_version":"v1","tool_policy":{"allow":["exec","read","write","confluence.page.get"],"deny":["browser"]},"approvals":{"required_for":["write"]}}`

// A program asks of its own tools with its agent's token, people are asked as for any
// other call, and a stranger finds in the bundle whose word the end is.
func TestLocalStory(t *testing.T) {
	h := newWorld(t, "sqlite:clawea.db").start()
	published, err := h.client.Publish(t.Context(), h.signed(ownTools))
	if err != nil {
		t.Fatal(err)
	}
	raw := h.issue(published.Hash, "job-1").Token
	ask := func(tool string) (v api.Verdict) {
		t.Helper()
		if status := h.post("/v1/local", raw, api.OwnCall{Tool: tool, Args: json.RawMessage(`{"path":"a"}`)}, &v); status != http.StatusOK {
			t.Fatalf("%s: %d", tool, status)
		}
		return v
	}
	if v := ask("browser"); v.Effect != policy.Deny || !strings.Contains(v.Reasons[0].Clause, "/tool_policy/deny") {
		t.Errorf("%+v", v)
	}
	if v := ask("confluence"); v.Effect != policy.Deny || v.Code != "unknown_tool" {
		t.Errorf("%+v", v)
	}
	v := ask("write")
	if v.Effect != policy.Ask {
		t.Fatalf("%+v", v)
	}
	h.yes(v.Approval)
	if v = ask("write"); v.Effect != policy.Allow {
		t.Fatalf("after a yes: %+v", v)
	}
	if v.Until.IsZero() || v.Ticket == "" {
		t.Errorf("%+v", v)
	}
	var reported api.Reported
	if status := h.post("/v1/local/"+v.Receipt+"/close", "", api.Report{Ticket: v.Ticket, Status: "done", Code: "0"}, &reported); status != http.StatusOK || reported.Receipt != "job-1/5" {
		t.Fatalf("the report: %d %+v", status, reported)
	}
	if r := h.verified("job-1", published.Hash); r.Calls.Allowed != 1 || r.Calls.Unclosed != 0 || !said(r, "receipt.reported") {
		t.Errorf("%+v", r)
	}
}

// A source orders tokens as olga does.
type source struct {
	*house
	order api.Order
}

func (s source) Token(ctx context.Context, key *token.ProofKey) (*sidecar.Grant, error) {
	o := s.order
	o.Key = key.Thumbprint()
	issued, err := s.client.Issue(ctx, &o)
	if err != nil {
		return nil, err
	}
	return &sidecar.Grant{Raw: issued.Token, Claims: issued.Claims}, nil
}

// A plugin asks through the sidecar, by a token that is bound to the sidecar's key: it is
// heard of, held while a person is asked, and its one proof is used up once.
func TestLocalThroughSidecar(t *testing.T) {
	h := newWorld(t, "sqlite:clawea.db").start()
	published, err := h.client.Publish(t.Context(), h.signed(strings.Replace(ownTools, `{"`, `{"agent_runtime":{"heartbeat_seconds":60},"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	const guard = "guard-0123456789abcdef0123456789abcdef"
	car, err := sidecar.Start(t.Context(), &sidecar.Config{
		House: h.url, Guard: guard, Log: slog.New(slog.DiscardHandler), Source: source{h, api.Order{Agent: "robot", Job: "job-1", Policy: published.Hash}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer car.Close()
	send := func(path string, in, out any) int {
		t.Helper()
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), "POST", car.URL()+path, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(sidecar.GuardHeader, guard)
		req.Header.Set("Prefer", "wait=30")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if out != nil {
			if err := json.NewDecoder(res.Body).Decode(out); err != nil {
				t.Fatal(err)
			}
		}
		return res.StatusCode
	}
	var v api.Verdict
	if send("/v1/local", api.OwnCall{Tool: "exec"}, &v); v.Effect != policy.Deny || !strings.Contains(v.Reasons[0].Clause, "heartbeat") {
		t.Errorf("before it was heard of: %+v", v)
	}
	if status := send("/v1/local/alive", api.Alive{Plugin: "clawea", Version: "1", Mode: api.GuardMode}, nil); status != http.StatusNoContent {
		t.Fatalf("alive: %d", status)
	}
	go func() {
		for range 1500 {
			if list, err := h.client.Approvals(t.Context(), false, ""); err == nil && len(list.Approvals) > 0 {
				h.yes(list.Approvals[0].ID)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	v = api.Verdict{}
	if send("/v1/local", api.OwnCall{Tool: "write", Args: json.RawMessage(`{"path":"a"}`)}, &v); v.Effect != policy.Allow {
		t.Fatalf("after a yes: %+v", v)
	}
	var reported api.Reported
	if status := send("/v1/local/"+v.Receipt+"/close", api.Report{Ticket: v.Ticket, Status: "done", ResultDigest: seal.Sum([]byte("a"))}, &reported); status != http.StatusOK {
		t.Fatalf("the report: %d", status)
	}
	if want := "job-1/" + fmt.Sprint(car.Cited()); reported.Receipt != want {
		t.Errorf("reported %s, cited %s", reported.Receipt, want)
	}
	h.verified("job-1", published.Hash)
}
