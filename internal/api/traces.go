// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/url"

	"github.com/clawea/clawea/seal"
)

// MaxTrace bounds a trace with its texts, in bytes.
const MaxTrace = 32 << 20

// A Trace is what a launcher found that an agent's program says of itself: the signed
// trace's envelope, and texts behind its commitment or its attestation's:
// POST /v1/jobs/{job}/traces.
type Trace struct {
	seal.Envelope
	Texts []TraceText `json:"texts,omitempty"`
}

// A TraceText is a text, and the salt of its commitment.
type TraceText struct {
	Salt seal.Salt `json:"salt"`
	Text []byte    `json:"text"`
}

// Traced is a trace that is kept.
type Traced struct {
	Hash seal.Hash `json:"hash"` // of its envelope
}

// KeepTrace has the house keep a trace of job, for the job's proofs.
func (c *Client) KeepTrace(ctx context.Context, job string, t *Trace) (*Traced, error) {
	body, err := seal.MarshalUpTo(t, MaxTrace)
	if err != nil {
		return nil, err
	}
	b, err := c.do(ctx, "POST", "/v1/jobs/"+url.PathEscape(job)+"/traces", body)
	if err != nil {
		return nil, err
	}
	return answer[Traced](b)
}
