// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"fmt"
	"time"

	"github.com/clawea/clawea/seal"
)

// StandingType is the payload type of a signed standing.
const StandingType = "application/vnd.clawea.standing.v1+json"

// A Standing is the gate's word that at a time a job's chain ended here. A
// bundle carries one, so that receipts missing from its end show.
type Standing struct {
	Job  string    `json:"job"`
	Seq  uint64    `json:"seq"`
	Hash seal.Hash `json:"hash"`
	At   time.Time `json:"at"`
}

// Sign seals s.
func (s *Standing) Sign(k seal.Signer) (*seal.Envelope, error) {
	b, err := seal.Marshal(s)
	if err != nil {
		return nil, err
	}
	return seal.Sign(k, StandingType, b)
}

// OpenStanding verifies a signed standing.
func OpenStanding(e *seal.Envelope, gates ...seal.Verifier) (*Standing, error) {
	if _, err := e.Open(StandingType, gates...); err != nil {
		return nil, err
	}
	s := new(Standing)
	if err := seal.Decode(e.Payload, s); err != nil {
		return nil, fmt.Errorf("read standing: %w", err)
	}
	return s, nil
}
