// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/receipt"
)

// What a client sends of what its agent runs in reaches the issuer as it was signed, and why
// the issuer does not take it reaches the client, on one line.
func TestAttestationOrdered(t *testing.T) {
	h := newHouse(t)
	const envelope = `"attestation":{"payload":"e30=","payloadType":"` + receipt.AttestationType + `","signatures":[{"keyid":"ci+00000000","sig":"AA=="}]}`
	h.wantToken(h.send(order().set("authorization_details", detailOf(envelope))))
	if e := h.issuer.orders[0].Attestation; e == nil || e.Type != receipt.AttestationType || string(e.Payload) != "{}" || len(e.Signatures) != 1 {
		t.Errorf("ordered with %+v", e)
	}
	h.issuer.err = fmt.Errorf("%w: %w: %w", issuer.ErrOrder, issuer.ErrAttestation, errors.New("it does not hold now\nhave the launcher look anew"))
	a := h.send(order())
	h.wantError(a, 400, invalidDetails)
	if says, _ := a.body["error_description"].(string); !strings.HasSuffix(says, "it does not hold now; have the launcher look anew") {
		t.Errorf("it says %q", says)
	}
}
