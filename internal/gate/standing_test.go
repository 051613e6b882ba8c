// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// bind binds the house's token to a key.
func (h *house) bindToken() {
	h.claims.Confirm = &token.Confirmation{Thumbprint: strings.Repeat("k", 43)}
	h.proof = &token.Proof{ID: "p1", Key: h.claims.Bound(), Issued: time.Now().Unix()}
}

func wantRefused(t *testing.T, err error, code string) *receipt.Receipt {
	t.Helper()
	refused := (*gate.Refused)(nil)
	if !errors.As(err, &refused) || refused.Code != code {
		t.Fatalf("error %v, want refused with %s", err, code)
	}
	return refused.Receipt
}

// What is revoked when the receipt would be committed refuses the call, though
// the token held when it was checked.
func TestRevokedWhileResolving(t *testing.T) {
	for code, r := range map[string]token.Revocation{
		"token.revoked":  {Kind: token.RevokeToken, Target: "t1"},
		"job.revoked":    {Kind: token.RevokeJob, Target: "job-1"},
		"agent.revoked":  {Kind: token.RevokeAgent, Target: "robot"},
		"action.revoked": {Kind: token.RevokeAction, Target: "deploy:write"},
		"house.revoked":  {Kind: token.RevokeAll},
	} {
		h, acts := newHouse(t), 0
		h.state.Revoked = []token.Revocation{{Kind: token.RevokeJob, Target: "another"}, r}
		_, _, err := h.Do(t.Context(), show(h.raw), request(&acts))
		if got := wantRefused(t, err, code); got == nil || got.Job != "job-1" || acts != 0 {
			t.Errorf("%s: receipt %+v, %d acts", code, got, acts)
		}
	}
	h, acts := newHouse(t), 0
	h.state.Revoked = []token.Revocation{{Kind: token.RevokeAction, Target: "deploy:read"}, {Kind: token.RevokeAgent, Target: "another"}}
	if _, _, err := h.Do(t.Context(), show(h.raw), request(&acts)); err != nil || acts != 1 {
		t.Errorf("what concerns others stops it: %v", err)
	}
}

// A replica that cannot see what is revoked carries nothing.
func TestBlind(t *testing.T) {
	h, acts := newHouse(t), 0
	h.blind = errors.New("the feed is out of sight")
	_, _, err := h.Do(t.Context(), show(h.raw), request(&acts))
	if err == nil || is[*gate.Refused](err) || acts != 0 || len(h.lines) != 0 {
		t.Errorf("%v, %d acts, book %s", err, acts, h.kinds())
	}
}

// A call under way is cut off, and its receipt says why.
func TestCut(t *testing.T) {
	h, acts := newHouse(t), 0
	req := request(&acts)
	plan := req.Plan
	req.Plan = func(ctx context.Context, b []policy.Bound) (*gate.Plan, error) {
		p, err := plan(ctx, b)
		p.Act = func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
			h.cut(fmt.Errorf("cut: %w", token.ErrAgentRevoked))
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return p, err
	}
	r, _, err := h.Do(t.Context(), show(h.raw), req)
	if !errors.Is(err, token.ErrAgentRevoked) || r.Outcome == nil || r.Outcome.Code != "agent.revoked" || r.Outcome.Status == receipt.Done {
		t.Errorf("%v, %+v", err, r)
	}
}

// A proof is good for one call.
func TestProofIsSpent(t *testing.T) {
	h, acts := newHouse(t), 0
	h.bindToken()
	if _, _, err := h.Do(t.Context(), show(h.raw), request(&acts)); err != nil {
		t.Fatal(err)
	}
	_, _, err := h.Do(t.Context(), show(h.raw), request(&acts))
	if r := wantRefused(t, err, "dpop.replayed"); r == nil || acts != 1 {
		t.Errorf("receipt %+v, %d acts", r, acts)
	}
	h.proof.ID = "p2"
	c, err := h.Admit(t.Context(), show(h.raw), deploy)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // an admitted caller may call as often as its request says
		if _, _, err := h.Carry(t.Context(), c, request(&acts)); is[*gate.Refused](err) {
			t.Error(err)
		}
	}
	if _, err = h.Admit(t.Context(), show(h.raw), deploy); err == nil {
		t.Error("a proof is admitted twice")
	}
	wantRefused(t, err, "dpop.replayed")
}

// The calls of one request share its proof: the first receipt uses it up, whatever it
// says. If the proof was used before, nothing of the request is carried out.
func TestProofIsShared(t *testing.T) {
	other := policy.Action{Tool: "deploy", Name: "show", Class: policy.Read}
	for name, refusals := range map[string]int{"recorded": 0, "beyond what is recorded": 200} {
		h, acts := newHouse(t), 0
		h.bindToken()
		h.revoked = []token.Revocation{{Kind: token.RevokeAction, Target: "deploy.show"}}
		ask := func() (first, second error) {
			h.proof.ID = "p1"
			c, err := h.Authenticate(t.Context(), show(h.raw), deploy)
			if err != nil {
				t.Fatal(err)
			}
			for range refusals {
				h.proof.ID += "x"
				_, _, _ = h.Do(t.Context(), show(h.raw), &gate.Request{Action: other})
			}
			stopped := request(&acts)
			stopped.Action = other
			_, _, first = h.Carry(t.Context(), c, stopped)
			_, _, second = h.Carry(t.Context(), c, request(&acts))
			if err := h.Gate.Spend(t.Context(), c, deploy); refusalOf(err) != refusalOf(second) {
				t.Errorf("%s: at the end: %v", name, err)
			}
			return first, second
		}
		if first, second := ask(); refusalOf(first) != "action.revoked" || second != nil || acts != 1 {
			t.Errorf("%s: %v, %v, %d acts", name, first, second, acts)
		}
		if first, second := ask(); refusalOf(first) != "dpop.replayed" || refusalOf(second) != "dpop.replayed" || acts != 1 {
			t.Errorf("%s, again: %v, %v, %d acts", name, first, second, acts)
		}
	}
}

func refusalOf(err error) string {
	if refused := (*gate.Refused)(nil); errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// A proof is used up whatever becomes of its call.
func TestRefusedProofIsSpent(t *testing.T) {
	for name, spoil := range map[string]func(*house){
		"policy":  func(h *house) { h.policyErr = errors.New("bad signature") },
		"revoked": func(h *house) { h.tokenErr = token.ErrJobRevoked },
		"stopped": func(h *house) { h.revoked = []token.Revocation{{Kind: token.RevokeAction, Target: "deploy"}} },
		"out of limit": func(h *house) {
			h.tokenErr = token.ErrJobRevoked
			for range 200 {
				h.proof.ID += "x"
				_, _, _ = h.Do(t.Context(), show(h.raw), request(new(int)))
			}
		},
	} {
		h, acts := newHouse(t), 0
		h.bindToken()
		spoil(h)
		if _, _, err := h.Do(t.Context(), show(h.raw), request(&acts)); !is[*gate.Refused](err) {
			t.Fatalf("%s: %v", name, err)
		}
		h.policyErr, h.tokenErr, h.revoked = nil, nil, nil
		_, _, err := h.Do(t.Context(), show(h.raw), request(&acts))
		wantRefused(t, err, "dpop.replayed")
		if acts != 0 {
			t.Errorf("%s: a proof that was refused is good afterwards", name)
		}
	}
}

// Nothing is looked up for a call that is stopped, or that nobody watches.
func TestNoPlanWhenStopped(t *testing.T) {
	for name, spoil := range map[string]func(*house){
		"stopped": func(h *house) { h.revoked = []token.Revocation{{Kind: token.RevokeAction, Target: "deploy:write"}} },
		"blind":   func(h *house) { h.blind = errors.New("out of sight") },
	} {
		h := newHouse(t)
		spoil(h)
		req := request(new(int))
		req.Plan = func(context.Context, []policy.Bound) (*gate.Plan, error) {
			t.Errorf("%s: it is planned", name)
			return nil, errors.New("no")
		}
		if _, _, err := h.Do(t.Context(), show(h.raw), req); err == nil {
			t.Errorf("%s: carried", name)
		}
	}
}

// Asking for a nonce is a step of the protocol, and leaves no receipt.
func TestNonceIsNoRefusal(t *testing.T) {
	h := newHouse(t)
	h.tokenErr = token.ErrProofNonce
	_, _, err := h.Do(t.Context(), show(h.raw), request(new(int)))
	if r := wantRefused(t, err, "dpop.nonce"); r != nil || len(h.lines) != 0 {
		t.Errorf("it leaves %s", h.kinds())
	}
}

// A token that is bound to no key is good where its policy says so, or says
// nothing and the house does.
func TestPlainBearer(t *testing.T) {
	for _, c := range []struct {
		says  string // in the policy
		house bool
		good  bool
	}{
		{"", false, false}, {"", true, true},
		{`"runtime":{"cst_bearer_allowed":true},`, false, true}, {`"runtime":{"cst_bearer_allowed":false},`, true, false},
	} {
		b := newBeside(t)
		b.enforce(t, deploy, bind(t, strings.Replace(wpc, "{", "{"+c.says, 1)))
		b.PlainBearer = c.house
		acts := 0
		_, _, err := b.Do(t.Context(), show(b.raw), request(&acts))
		if c.good && (err != nil || acts != 1) {
			t.Errorf("%+v: %v", c, err)
		}
		if !c.good {
			wantRefused(t, err, "token.bearer")
		}
	}
}

// The same change again, by a token that anyone could have sent, asks a person.
func TestRepeated(t *testing.T) {
	h, acts := newHouse(t), 0
	if _, _, err := h.Do(t.Context(), show(h.raw), request(&acts)); err != nil {
		t.Fatal(err)
	}
	r, _, err := h.Do(t.Context(), show(h.raw), request(&acts))
	if !is[*gate.Pending](err) || acts != 1 || r.Facts.Repeats != 1 {
		t.Errorf("%v, %d acts", err, acts)
	}
	for k := range r.Facts.Used {
		if strings.HasPrefix(k, "done:") {
			t.Errorf("the facts have %s", k)
		}
	}
	other := request(&acts)
	other.Text = []byte(`{"to":"test"}`)
	if _, _, err := h.Do(t.Context(), show(h.raw), other); err != nil {
		t.Errorf("another call: %v", err)
	}
	h.bindToken()
	if r, _, err := h.Do(t.Context(), show(h.raw), request(&acts)); err != nil || acts != 3 || r.Kind != receipt.Closed {
		t.Errorf("by a token that is bound to a key: %v", err)
	}
}

// Strangers are refused for ever, and recorded for a while.
func TestStrangersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		for range 1000 {
			_, _, err := h.Do(t.Context(), show("x"), request(new(int)))
			wantRefused(t, err, "token.signature")
		}
		if n := len(h.lines); n < 50 || n > 150 {
			t.Errorf("%d receipts of 1000 refusals", n)
		}
		if r := h.lines[0].Receipt; r.Job != receipt.Journal || r.Token != "" || !r.Decision.Policy.IsZero() {
			t.Errorf("%+v", r)
		}
		before := len(h.lines)
		time.Sleep(time.Minute)
		_, _, _ = h.Do(t.Context(), show("x"), request(new(int)))
		if len(h.lines) != before+1 {
			t.Error("it does not begin again")
		}
	})
}

type nonce string

func (n nonce) New() string { return string(n) }

func TestPresent(t *testing.T) {
	d := &gate.Door{URL: "https://house.test", Nonces: nonce("n1")}
	for name, c := range map[string]struct {
		headers []string
		want    *token.Presentation
	}{
		"bearer":    {[]string{"Authorization", "Bearer x"}, &token.Presentation{Raw: "x", Scheme: "Bearer"}},
		"key":       {[]string{"X-Api-Key", "x"}, &token.Presentation{Raw: "x", Scheme: "Bearer"}},
		"google":    {[]string{"X-Goog-Api-Key", " x "}, &token.Presentation{Raw: "x", Scheme: "Bearer"}},
		"dpop":      {[]string{"Authorization", "dPoP x", "DPoP", "p"}, &token.Presentation{Raw: "x", Scheme: "DPoP"}},
		"expecting": {[]string{"Authorization", "Bearer x", "Clawea-Job", "j", "Clawea-Policy", "h"}, &token.Presentation{Raw: "x", Scheme: "Bearer", Job: "j", Policy: "h"}},
		"none":      {nil, nil},
		"two":       {[]string{"Authorization", "Bearer x", "X-Api-Key", "x"}, nil},
		"two keys":  {[]string{"X-Api-Key", "x", "X-Goog-Api-Key", "x"}, nil},
		"no google": {[]string{"X-Goog-Api-Key", " "}, nil},
		"basic":     {[]string{"Authorization", "Basic x"}, nil},
		"no token":  {[]string{"Authorization", "DPoP "}, nil},
	} {
		r, w := httptest.NewRequest("POST", "http://inside:7433/mcp?x=1", nil), httptest.NewRecorder()
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Add(c.headers[i], c.headers[i+1])
		}
		got, ok := d.Present(w, r)
		if ok != (c.want != nil) {
			t.Errorf("%s: %+v, %v", name, got, ok)
			continue
		}
		if !ok {
			continue
		}
		if got.Raw != c.want.Raw || got.Scheme != c.want.Scheme || got.Job != c.want.Job || got.Policy != c.want.Policy || got.URL != "https://house.test/mcp" || got.Method != "POST" {
			t.Errorf("%s: %+v", name, got)
		}
		if (w.Header().Get("DPoP-Nonce") == "n1") != (name == "dpop") {
			t.Errorf("%s: nonce %q", name, w.Header().Get("DPoP-Nonce"))
		}
	}
}

func TestChallenge(t *testing.T) {
	d := &gate.Door{URL: "https://house.test", Nonces: nonce("n1")}
	for code, want := range map[string]string{
		"": `realm`, "token.expired": `error="invalid_token"`, "dpop.replayed": `error="invalid_dpop_proof"`, "dpop.nonce": `error="use_dpop_nonce"`,
	} {
		h := http.Header{}
		d.Challenge(h, code, "/mcp")
		all := strings.Join(h.Values("WWW-Authenticate"), "\n")
		if !strings.HasPrefix(all, "Bearer ") || !strings.Contains(all, "\nDPoP ") || !strings.Contains(all, want) ||
			strings.Count(all, `resource_metadata="https://house.test/.well-known/oauth-protected-resource/mcp"`) != 2 {
			t.Errorf("%q: %s", code, all)
		}
		if h.Get("Clawea-Refused") != code || (h.Get("DPoP-Nonce") != "") != strings.HasPrefix(code, "dpop.") {
			t.Errorf("%q: %v", code, h)
		}
	}
}
