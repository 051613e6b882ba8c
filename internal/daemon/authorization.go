// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/oauth"
	"github.com/clawea/clawea/internal/revocation"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// authorization is the house as an OAuth authorization server.
func (d *Daemon) authorization(c *config.Config, tokens *issuer.Issuer) *oauth.Server {
	s := &oauth.Server{
		URL: c.URL, House: c.House, Issuer: tokens, Nonces: tokens.Nonces, Spender: spender{d.db}, Revoker: revoker{d.revocations},
		PlainBearer: c.PlainBearer, Now: time.Now, Log: d.log,
	}
	for i := range c.Clients {
		x := &c.Clients[i]
		client := oauth.Client{ID: x.ID, Key: x.PublicKey(), Agents: x.Agents, Policies: x.Policies}
		if client.Key == nil {
			client.Secret = x.Secret.Get
		}
		s.Clients = append(s.Clients, client)
	}
	for _, x := range c.Identities {
		s.Identities = append(s.Identities, oauth.Identity(x))
	}
	return s
}

// A spender keeps what is used up at the endpoints beside the jobs' proofs,
// under names that no job has.
type spender struct{ db *store.DB }

func (s spender) Spend(ctx context.Context, scope, id string, until time.Time) error {
	return s.db.Spend(ctx, "("+scope+")", receipt.Spent{ID: id, Until: until})
}

type revoker struct{ desk *revocation.Desk }

func (r revoker) Revoke(ctx context.Context, what token.Revocation, by, reason string) error {
	_, err := r.desk.Revoke(ctx, store.Revocation{Revocation: what, By: by, Reason: reason})
	if errors.Is(err, revocation.ErrUnrecorded) { // it holds all the same, and is in the log
		return nil
	}
	return err
}
