// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package daemon builds the house from its configuration and keeps it open. It
// is the only package that knows all the others.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/internal/ledger"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/server"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/tools"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// sequenceEvery is how often the ledger looks for receipts that it was not told
// of: those of other replicas.
const sequenceEvery = time.Second

// A Daemon is an open house.
type Daemon struct {
	handler http.Handler
	db      *store.DB
	ledger  *ledger.Ledger
	log     *slog.Logger
}

// New opens the keys and the database that c names, and builds everything on
// them. It reaches no other system; a wrong credential shows with the first call.
func New(ctx context.Context, c *config.Config, version string, log *slog.Logger) (*Daemon, error) {
	set, err := keys.Open(c.Keys, c.Name())
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	url, err := c.Store.URL()
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Config{URL: url, Key: set.Store, Now: time.Now, Log: log})
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	d := &Daemon{db: db, log: log}
	if err := d.build(c, set, version); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return d, nil
}

// build wires the house, bottom up.
func (d *Daemon) build(c *config.Config, set *keys.Set, version string) error {
	connectors, err := connect(c, d.log)
	if err != nil {
		return err
	}
	registryKey, err := seal.NewVerifier(set.Registry.Public)
	if err != nil {
		return err
	}
	issuerKey, err := seal.NewVerifier(set.Issuer.Public)
	if err != nil {
		return err
	}
	d.ledger = &ledger.Ledger{DB: d.db, Signer: set.Log, Origin: c.Origin, Log: d.log}
	policies := &registry.Registry{
		DB: d.db, Authors: config.Verifiers(c.Authors), Signer: set.Registry, Self: registryKey,
		Resolvers: connectors.resolvers, Now: time.Now,
	}
	tokens := &issuer.Issuer{
		DB: d.db, Policies: policies, Signer: set.Issuer, PublicKey: set.Issuer.Public, Verifiers: []seal.Verifier{issuerKey},
		URL: c.URL, House: c.House, Catalog: catalog(connectors), Now: time.Now,
	}
	g := &gate.Gate{Tokens: tokens, Policies: policies, Book: d.db, Signer: set.Gate, Salt: set.Salt}
	s := &server.Server{
		Registry: policies,
		Issuer:   tokens,
		Desk:     &approval.Desk{DB: d.db, People: config.Verifiers(c.People), Now: time.Now},
		Proofs:   &proof.Exporter{DB: d.db, Policies: policies, Ledger: d.ledger, Signer: set.Gate, Now: time.Now, Log: d.log},
		DB:       d.db,
		Trust:    trust(c, set),
		Proxy:    newProxy(c, g, d.log),
		MCP:      tools.New(g, connectors.list, version, d.log),
		Tiles:    d.ledger.Handler(),
		Log:      d.log,
	}
	for _, o := range c.Operators {
		s.Operators = append(s.Operators, server.Operator{Name: o.Name, Token: o.Token.Get})
	}
	d.handler = s.Handler()
	return nil
}

// trust is what the house says its keys are. An auditor gets it some other way,
// or compares it.
func trust(c *config.Config, set *keys.Set) *verify.Trust {
	t := &verify.Trust{
		House: c.House, Origin: c.Origin,
		Registries: []string{set.Registry.Public}, Issuers: []string{set.Issuer.Public},
		Gates: []string{set.Gate.Public}, Logs: []string{set.Log.Public},
		Authors: []string{}, People: []string{},
	}
	for _, k := range c.Authors {
		t.Authors = append(t.Authors, k.Text)
	}
	for _, k := range c.People {
		t.People = append(t.People, k.Text)
	}
	return t
}

// Serve answers on ln until ctx ends, and then lets what is under way finish.
func (d *Daemon) Serve(ctx context.Context, ln net.Listener) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	sequenced := make(chan struct{})
	go func() {
		defer close(sequenced)
		d.ledger.Run(running, sequenceEvery)
	}()
	defer func() {
		stop()
		<-sequenced
	}()
	s := &http.Server{
		Handler:           d.handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	d.log.InfoContext(ctx, "stopping")
	grace, cancel := context.WithTimeout(running, 10*time.Second)
	defer cancel()
	if err := s.Shutdown(grace); err != nil {
		return errors.Join(fmt.Errorf("stop serving: %w", err), s.Close())
	}
	return nil
}

// Close lets go of the database. Serve must have returned.
func (d *Daemon) Close() error { return d.db.Close() }
