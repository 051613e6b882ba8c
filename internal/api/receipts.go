// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/url"
	"strconv"

	"github.com/clawea/clawea/seal"
)

// Followed are receipts of all jobs, in the order in which the log takes them.
type Followed struct {
	Receipts []FollowedReceipt `json:"receipts"`
}

// A FollowedReceipt is one of them, with what the house knows of its job.
type FollowedReceipt struct {
	Agent   string         `json:"agent"`
	Client  string         `json:"client,omitzero"` // who ordered the job
	Receipt *seal.Envelope `json:"receipt"`
	Opened  *seal.Envelope `json:"opened,omitzero"` // the one that it closes or says something of later
}

// ReceiptsAfter returns up to limit receipts behind the one named after, JOB/SEQ, or
// from the first on if that is "". None means that there are none yet.
func (c *Client) ReceiptsAfter(ctx context.Context, after string, limit int) (*Followed, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	return call[Followed](ctx, c, "GET", "/v1/receipts?"+query.Encode(), nil)
}
