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
	"strings"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/console"
	"github.com/clawea/clawea/internal/egress"
	"github.com/clawea/clawea/internal/export"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/internal/ledger"
	"github.com/clawea/clawea/internal/login"
	"github.com/clawea/clawea/internal/notify"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/pulse"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/replay"
	"github.com/clawea/clawea/internal/revocation"
	"github.com/clawea/clawea/internal/server"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/telemetry"
	"github.com/clawea/clawea/internal/tools"
	"github.com/clawea/clawea/internal/undo"
	"github.com/clawea/clawea/internal/upstream"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/verify"
)

// sequenceEvery is how often the ledger looks for receipts that it was not told
// of: those of other replicas.
const sequenceEvery = time.Second

// grace is how long a stop lets requests finish, and then again how long those
// that are cut off have to close their receipts.
const grace = 10 * time.Second

// forgetEvery is how often proofs are forgotten that nobody could use again.
const forgetEvery = time.Minute

// A Daemon is an open house.
type Daemon struct {
	handler     http.Handler
	db          *store.DB
	ledger      *ledger.Ledger
	keyring     *keyring
	feed        *revocation.Feed
	revocations *revocation.Desk
	settler     *undo.Settler
	settles     time.Duration // how often
	login       *login.Desk
	console     *console.Console
	notices     *notify.Notifier
	posts       *export.Poster
	others      *upstream.Set
	agents      *tools.Handler
	pulse       *pulse.Desk         // nil: nothing is published
	telemetry   *telemetry.Recorder // nil: nobody is told
	egress      *egress.Proxy       // without a gate: for servers that the house starts only
	egressAt    string              // where it listens; "": elsewhere, in a process of its own
	log         *slog.Logger
	grace       time.Duration
}

// New opens the keys and the database that c names, and builds everything on
// them. It reaches no other system; a wrong credential shows with the first call.
func New(ctx context.Context, c *config.Config, version string, log *slog.Logger) (*Daemon, error) {
	set, db, url, err := open(ctx, c, log)
	if err != nil {
		return nil, err
	}
	d := &Daemon{db: db, log: log, grace: grace, settles: undo.Every}
	if d.keyring, err = newKeyring(c.Keys, set, log); err == nil {
		d.telemetry, err = newRecorder(c, db, version, log)
	}
	if err == nil {
		err = d.build(c, set, url, version)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if _, missing := c.Secrets(); len(missing) > 0 { // now, and not when somebody needs them first
		log.WarnContext(ctx, "secrets cannot be read, and what needs them fails", "fields", missing)
	}
	return d, nil
}

// open opens the keys and the database that c names. Several processes of the house's
// machine may have them open.
func open(ctx context.Context, c *config.Config, log *slog.Logger) (set *keys.Set, db *store.DB, url string, err error) {
	if set, err = keys.Open(c.Keys, c.Name()); err != nil {
		return nil, nil, "", fmt.Errorf("open keys: %w", err)
	}
	if url, err = c.Store.URL(); err != nil {
		return nil, nil, "", err
	}
	if db, err = store.Open(ctx, store.Config{URL: url, Key: set.Store, Now: time.Now, Log: log}); err != nil {
		return nil, nil, "", fmt.Errorf("open store: %w", err)
	}
	return set, db, url, nil
}

// build wires the house, bottom up.
func (d *Daemon) build(c *config.Config, set *keys.Set, url, version string) error {
	connectors, err := connect(c, d.db, d.log)
	if err != nil {
		return err
	}
	d.egress = newEgress(c.Egress, d.log)
	if d.others, err = upstreams(c, connectors, d.egress, version, d.log); err != nil {
		return err
	}
	registryKey, err := seal.NewVerifier(set.Registry.Public)
	if err != nil {
		return err
	}
	gateKey, err := seal.NewVerifier(set.Gate.Public)
	if err != nil {
		return err
	}
	if err := d.openLogin(c, set, registryKey); err != nil {
		return err
	}
	d.ledger = &ledger.Ledger{DB: d.db, Signer: set.Log, Origin: c.Origin, Log: d.log}
	policies := &registry.Registry{
		DB: d.db, Authors: config.Verifiers(c.Authors), Environments: c.Quorums(), BreakGlass: c.Emergency(),
		Signer: set.Registry, Self: registryKey, Resolvers: connectors.resolvers, Upstreams: d.others, Now: time.Now,
	}
	nonces := &issuer.Nonces{Key: set.Salt, Now: time.Now}
	tokens := &issuer.Issuer{
		DB: d.db, Policies: policies, Keys: func() *issuer.Keys { return d.keyring.now.Load().good }, Nonces: nonces,
		URL: c.URL, House: c.House, Catalog: withEgress(c, catalog(connectors, d.others)), Launchers: config.Verifiers(c.Launchers), Now: time.Now, PlainBearer: c.PlainBearer,
	}
	d.feed = &revocation.Feed{DB: d.db, Bound: time.Duration(c.RevocationBound), Now: time.Now, Log: d.log}
	d.revocations = &revocation.Desk{DB: d.db, Book: d.db, Signer: set.Gate, Log: d.log}
	back := &undo.Desk{DB: d.db, Connectors: connectors.later, Accounts: connectors.accounts, Gates: []seal.Verifier{gateKey}, Over: undo.Longest, Now: time.Now, Log: d.log}
	absences := &approval.Absences{DB: d.db, Now: time.Now}
	g := &gate.Gate{
		Tokens: tokens, Policies: &registry.Recent{Registry: policies}, Book: d.telemetry.Book(d.db), Revocations: d.feed, Shadows: d.db, Undoing: back, People: config.Verifiers(c.People), Groups: c.Groups, Enrolled: d.login, Absences: absences,
		Signer: set.Gate, Salt: set.Salt, PlainBearer: c.PlainBearer, Telemetry: d.telemetry, Log: d.log,
	}
	d.settler = &undo.Settler{
		DB: d.db, Book: d.telemetry.Book(d.db), Connectors: connectors.later, Signer: set.Gate, Gates: []seal.Verifier{gateKey},
		Dead: undo.Longest, Ours: strings.HasPrefix(url, "sqlite:"), Start: time.Now(), Over: undo.Longest, Now: time.Now, Log: d.log,
	}
	desk := &approval.Desk{DB: d.db, Policies: &registry.Recent{Registry: policies}, People: config.Verifiers(c.People), Groups: c.Groups, Enrolled: d.login, Absences: absences, Now: time.Now}
	drafts := &registry.Drafts{DB: d.db, Registry: policies, Log: d.log}
	d.console = &console.Console{
		Door: lobby{d.login}, Passkeys: lobby{d.login}, DB: d.db, Policies: policies, Desk: desk, Drafts: drafts, Orders: d.revocations, Gates: []seal.Verifier{gateKey},
		Catalog: withEgress(c, catalog(connectors, d.others)), House: c.House, Accounts: lobby{d.login}.accounts, Sites: sites(c), StepUp: c.Login.StepUp.Answers, Now: time.Now, Log: d.log,
	}
	d.posts = &export.Poster{DB: d.db, Channels: export.Configured(c.Export, time.Now), Version: version, Now: time.Now, Log: d.log}
	exporter := &proof.Exporter{DB: d.db, Policies: policies, Ledger: d.ledger, Signer: set.Gate, Now: time.Now, Log: d.log}
	if err := d.openPulse(c, set, url, exporter); err != nil {
		return err
	}
	if d.pulse != nil { // a nil desk is not a nil interface
		d.console.Proofs = d.pulse
	}
	door := &gate.Door{URL: c.URL, Nonces: nonces}
	if c.Egress != nil {
		d.egress.Gate, d.egress.Nonces = g, nonces
		if !c.Egress.Apart {
			d.egressAt = c.Egress.Listen
		}
	}
	d.agents, err = tools.New(g, door, connectors.list, d.others, tools.Waits{Approvals: d.db, Pages: d.login.Origin()}, version, d.log)
	if err != nil {
		return err
	}
	gateways, err := d.openSeam(c, g, door, connectors, gateKey)
	if err != nil {
		return err
	}
	s := &server.Server{
		Registry:    policies,
		Drafts:      drafts,
		Issuer:      tokens,
		Desk:        desk,
		Revocations: d.revocations,
		Proofs:      exporter,
		Traces:      &proof.Traces{DB: d.db, Launchers: config.Verifiers(c.Launchers)},
		Pulse:       d.pulse,
		Origin:      d.login.Origin(),
		Replayer: &replay.Replayer{
			DB: d.db, Policies: policies, Gates: []seal.Verifier{gateKey}, Issuers: func() []seal.Verifier { return d.keyring.now.Load().ever },
		},
		Undo:       back,
		Settler:    d.settler,
		UndoPolicy: c.UndoPolicy,
		UndoTools:  undoTools(c),
		DB:         d.db,
		Trust: func(ctx context.Context) *verify.Trust {
			return d.trusting(ctx, trust(c, set, d.keyring.now.Load().all))
		},
		Receipts: &export.Feed{DB: d.db, Log: d.log},
		Presses:  d.openNotices(c, &registry.Recent{Registry: policies}, desk),
		Pages:    d.pages(),
		Lost:     d.console.Handler(),
		OAuth:    d.authorization(c, tokens),
		Gate:     g,
		Door:     door,
		Routes:   routes(c),
		Egress:   egressURL(c),
		Proxy:    d.telemetry.Handler(newProxy(c, g, door, d.log)),
		MCP:      d.telemetry.Handler(d.agents),
		Seam:     gateways,
		Local:    d.openLocal(gateways),
		Tiles:    d.ledger.Handler(),
		Log:      d.log,
	}
	for _, o := range c.Operators {
		s.Operators = append(s.Operators, server.Operator{Name: o.Name, Token: o.Token.Get})
	}
	d.console.Settings = func() []console.Section { return settings(c, url) }
	d.console.Servers = func() []console.Server { return serversOf(c, d.others) }
	d.console.Checks = d.checkup(c, url).checks
	d.handler = s.Handler()
	return nil
}

// trust is what the house says its keys are. An auditor gets it some other way,
// or compares it.
func trust(c *config.Config, set *keys.Set, issuers []string) *verify.Trust {
	t := &verify.Trust{
		House: c.House, Origin: c.Origin,
		Registries: []string{set.Registry.Public}, Issuers: issuers,
		Gates: []string{set.Gate.Public}, Logs: []string{set.Log.Public},
		Authors: []string{}, People: []string{},
	}
	t.Authors = append(t.Authors, config.Texts(c.Authors)...)
	t.People = append(t.People, config.Texts(c.People)...)
	t.Launchers = config.Texts(c.Launchers)
	t.Groups = c.Groups
	for name, e := range c.Environments {
		if t.Environments == nil {
			t.Environments = map[string]verify.Quorum{}
		}
		t.Environments[name] = verify.Quorum{Approvers: config.Texts(e.Approvers), Required: e.Required}
	}
	if b := c.BreakGlass; b != nil {
		t.BreakGlass = &verify.Emergency{Quorum: verify.Quorum{Approvers: config.Texts(b.Approvers), Required: b.Required}, Longest: b.Seconds()}
	}
	return t
}

// Serve answers on ln until ctx ends, and then lets what is under way finish.
// What does not in time is cut off, and its receipt is closed as such.
func (d *Daemon) Serve(ctx context.Context, ln net.Listener) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var chores sync.WaitGroup
	chores.Go(func() { d.ledger.Run(running, sequenceEvery) })
	chores.Go(d.feed.Start(running)) // now: a call that comes at once is not to find it unready
	chores.Go(func() { d.keyring.run(running) })
	chores.Go(func() { d.tidy(running) })
	chores.Go(func() { d.settler.Run(running, d.settles) })
	chores.Go(func() { d.console.Run(running) })
	if d.pulse != nil {
		chores.Go(func() { d.sweep(running) })
	}
	if len(d.notices.Channels) > 0 {
		chores.Go(func() { d.notices.Run(running, time.Second) })
	}
	chores.Go(func() { d.posts.Run(running) })
	defer func() {
		stop()
		chores.Wait()
	}()
	endEgress, err := d.startEgress(ctx)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer endEgress()
	requests, cut := context.WithCancel(running)
	defer cut()
	s := &http.Server{
		Handler:           d.handler,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
	}
	s.RegisterOnShutdown(d.agents.Rest)
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(ln) }()
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve: %w", err), s.Close())
	case <-ctx.Done():
	}
	d.log.InfoContext(ctx, "stopping")
	err = d.shutDown(running, s)
	if errors.Is(err, context.DeadlineExceeded) {
		d.log.WarnContext(ctx, "cutting off what goes on", "after", d.grace)
		cut()
		err = d.shutDown(running, s)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("stop serving: %w", err), s.Close())
	}
	return nil
}

// tidy makes good what a crash has left of orders to revoke, and forgets proofs
// that are too old to be used again.
func (d *Daemon) tidy(ctx context.Context) {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		if err := d.revocations.Complete(ctx); err != nil && ctx.Err() == nil {
			d.log.ErrorContext(ctx, "receipts of revocations are missing", "err", err)
		}
		if _, err := d.db.Forget(ctx, time.Now()); err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "old proofs not forgotten", "err", err)
		}
		if err := d.login.Tidy(ctx); err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "old sessions not forgotten", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// shutDown takes no more requests and waits a while for those under way.
func (d *Daemon) shutDown(ctx context.Context, s *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, d.grace)
	defer cancel()
	return s.Shutdown(ctx)
}
