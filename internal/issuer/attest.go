// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// ErrAttestation is the cause of ErrOrder where what the agent runs in is not attested as
// the policy wants it, or not by whom the house takes it from. Its text goes on with two lines.
var ErrAttestation = errors.New("what the agent runs in is not attested")

var (
	errByHand = errors.New("only a launcher's signed attestation makes a token stand on it, and the order names one without it\nsend the attestation, and leave runtime out")
	errBoth   = errors.New("the order says itself what the agent runs in, and has an attestation of it\nleave runtime out: the attestation says it")
	errNone   = errors.New("the policy asks for a launcher's signed attestation of what the agent runs in, and the order has none\nlet the launcher order the token, or send its attestation: clawea cst issue -attestation FILE")
)

// attest gives o the runtime that its attestation attests, if it has one. p is bound, and
// may ask for one. It must hold now, and when the token says that it was issued: verifiers know
// no other time.
func (i *Issuer) attest(o *Order, p *policy.Policy, now, issued time.Time) error {
	switch {
	case o.Runtime != nil && !o.Runtime.Attestation.IsZero():
		return errByHand
	case o.Attestation != nil && o.Runtime != nil:
		return errBoth
	case o.Attestation == nil && p.Attested():
		return errNone
	case o.Attestation == nil:
		return nil
	}
	a, err := receipt.OpenAttestation(o.Attestation, i.Launchers...)
	if errors.Is(err, seal.ErrUnknownKey) || errors.Is(err, seal.ErrBadSignature) {
		return errors.New("no launcher that the house lists has signed the attestation, or it was changed since\nhave its key listed under launchers in the daemon's configuration, by the name that the attestation gives")
	}
	if err != nil {
		return fmt.Errorf("the attestation cannot be read: %w\nhave the launcher look anew", err)
	}
	if err := cmp.Or(a.Fits(o.Agent, o.Job, o.Key, p, now), a.Fits(o.Agent, o.Job, o.Key, p, issued)); err != nil {
		return err
	}
	o.Runtime = a.Attested()
	return nil
}

// keep puts the attestation of o, which fits, where proofs find it.
func (i *Issuer) keep(ctx context.Context, o *Order) error {
	if o.Attestation == nil {
		return nil
	}
	paper, err := o.Attestation.Marshal()
	if err != nil {
		return err
	}
	return i.DB.PutAttestation(ctx, store.Attestation{Job: o.Job, Hash: o.Runtime.Attestation, Envelope: paper})
}
