// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// carried is a house with job-1, whose call 1 is closed by 2 and whose call 3 was
// denied, and job-2, whose call 1 is closed by 2.
func carried(t *testing.T) (h *house, one, two *api.Issued) {
	t.Helper()
	h = newHouse(t)
	p, one := h.open()
	two = into[api.Issued](t, h.post("/v1/cst", `{"agent":"robot","job":"job-2","policy":"`+p.Hash.String()+`"}`))
	for _, raw := range []string{one.Token, two.Token} {
		if _, err := h.call(raw, read, "a"); err != nil {
			t.Fatal(err)
		}
	}
	denied := read
	denied.Name = "burn"
	if _, err := h.call(one.Token, denied, "b"); err == nil {
		t.Fatal("desk.burn is allowed")
	}
	return h, one, two
}

func seqOf(t *testing.T, e *seal.Envelope) uint64 {
	t.Helper()
	if e == nil {
		return 0
	}
	r, err := receipt.Parse(e.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return r.Seq
}

func TestReceiptsOfACall(t *testing.T) {
	h, one, _ := carried(t)
	for name, auth := range map[string]string{"operator": "Bearer " + secret, "agent": "Bearer " + one.Token} {
		for path, want := range map[string][2]uint64{"1": {1, 2}, "2": {1, 2}, "3": {3, 0}} {
			a := h.do(auth, "GET", "/v1/receipts/job-1/"+path, "")
			c := into[api.Call](t, a)
			if got := [2]uint64{seqOf(t, c.Opened), seqOf(t, c.Closed)}; got != want {
				t.Errorf("%s, %s: got %v, want %v", name, path, got, want)
			}
			if want[1] == 0 && !strings.Contains(string(a.body), `"closed":null`) {
				t.Errorf("%s, %s: %s", name, path, a.body)
			}
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", h.url+"/v1/receipts/job-1/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", one.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("with the CST as a provider's key: %d", res.StatusCode)
	}
}

// What is another job's looks like what is not there.
func TestReceiptsOfOthers(t *testing.T) {
	h, one, two := carried(t)
	nothing := func(auth, path string) string {
		t.Helper()
		p := h.wantProblem(h.do(auth, "GET", "/v1/receipts/"+path, ""), 404, "not_found")
		return strings.ReplaceAll(p.Detail, path, "")
	}
	want := nothing("Bearer "+one.Token, "job-1/99")
	for _, path := range []string{"job-2/1", "job-2/99", "job-3/1", receipt.Journal + "/1", "job-1/0", "job-1/-1", "job-1/x", "job-1/99999999999999999999"} {
		if got := nothing("Bearer "+one.Token, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := nothing("Bearer "+secret, "job-3/1"); got != want {
		t.Errorf("to an operator: %q", got)
	}
	if a := h.do("Bearer "+two.Token, "GET", "/v1/receipts/job-2/1", ""); a.status != 200 {
		t.Errorf("its own: %d", a.status)
	}
}

// Whoever is turned away is told how to come again, and a refusal is receipted.
func TestReceiptsForStrangers(t *testing.T) {
	h, one, _ := carried(t)
	for name, auth := range map[string]string{"nothing": "", "basic": "Basic " + secret, "bare": one.Token} {
		a := h.do(auth, "GET", "/v1/receipts/job-1/1", "")
		h.wantProblem(a, 401, "unauthorized")
		if len(a.header.Values("WWW-Authenticate")) != 2 || a.header.Get("Clawea-Refused") != "" {
			t.Errorf("%s: headers %v", name, a.header)
		}
	}
	if a := h.post("/v1/cst/"+string(one.Claims.ID)+"/revoke", `{"reason":"a test"}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for raw, code := range map[string]string{secret[1:]: token.Code(token.ErrMalformed), one.Token: token.Code(token.ErrRevoked)} {
		a := h.do("Bearer "+raw, "GET", "/v1/receipts/job-1/1", "")
		h.wantProblem(a, 401, code)
		if a.header.Get("Clawea-Refused") != code {
			t.Errorf("headers %v", a.header)
		}
	}
	list := into[api.Receipts](t, h.get("/v1/jobs/job-1/receipts")).Receipts
	last, err := receipt.Parse(list[len(list)-1].Payload)
	if err != nil {
		t.Fatal(err)
	}
	if last.Refused != token.Code(token.ErrRevoked) || last.Call.Name() != "receipts.get" {
		t.Errorf("the last receipt: %+v", last)
	}
}

// A token that is bound to a key is good with a proof for this very address, once.
func TestReceiptsWithAProof(t *testing.T) {
	h, one, _ := carried(t)
	key, err := token.NewProofKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	bound := into[api.Issued](t, h.post("/v1/cst", `{"agent":"robot","job":"job-1","policy":"`+one.Claims.Policy.String()+`","dpop_jkt":"`+key.Thumbprint()+`"}`))
	ask := func(url, proof string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", h.url+url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "DPoP "+bound.Token)
		req.Header.Set("DPoP", proof)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	prove := func(url string) string {
		t.Helper()
		proof, err := key.Prove(&token.Proof{
			ID: rand.Text(), Method: "GET", URL: "https://house.test" + url, Issued: time.Now().Unix(),
			Token: token.HashToken(bound.Token), Nonce: h.Door.Nonces.New(),
		})
		if err != nil {
			t.Fatal(err)
		}
		return proof
	}
	proof := prove("/v1/receipts/job-1/1")
	if res := ask("/v1/receipts/job-1/1", proof); res.StatusCode != http.StatusOK || res.Header.Get("DPoP-Nonce") == "" {
		t.Errorf("with a proof: %d, headers %v", res.StatusCode, res.Header)
	}
	for name, x := range map[string]struct{ url, proof, code string }{
		"again":       {"/v1/receipts/job-1/1", proof, token.Code(token.ErrReplayed)},
		"for another": {"/v1/receipts/job-1/2", prove("/v1/receipts/job-1/1"), token.Code(token.ErrProofURL)},
		"without":     {"/v1/receipts/job-1/1", "", token.Code(token.ErrProofMalformed)},
	} {
		if res := ask(x.url, x.proof); res.StatusCode != http.StatusUnauthorized || res.Header.Get("Clawea-Refused") != x.code {
			t.Errorf("%s: %d, refused as %q", name, res.StatusCode, res.Header.Get("Clawea-Refused"))
		}
	}
}
