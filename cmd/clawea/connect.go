// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/daemon"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/token"
)

// callback is the path that the browser comes back to.
const callback = "/callback"

func connectAtlassian(ctx context.Context, c *call) error {
	open := c.grants()
	user := c.String("user", "", "the `NAME` of the person who consents, as in \"act_as\" of the configuration")
	only := c.String("app", "", "the `CLIENT_ID` of the app, if not all of them")
	port := c.Int("port", 7434, "the `PORT` of this machine that the browser comes back to; http://127.0.0.1:PORT/callback is registered for the app at Atlassian")
	patience := c.Duration("wait", 10*time.Minute, "how long to wait for the person")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := c.need("config", "user"); err != nil {
		return err
	}
	if err := token.CheckName("person", *user); err != nil {
		return usagef("%v\nname the person as \"act_as\" of the configuration does", err)
	}
	conf, grants, err := open(ctx)
	if err != nil {
		return err
	}
	defer grants.Close()
	apps := slices.DeleteFunc(daemon.Apps(conf), func(a daemon.App) bool { return *only != "" && a.ID != *only })
	if len(apps) == 0 {
		return usagef("no app of the configuration acts for people\nwrite \"per_user\": true and a client_id into an account of \"confluence\" or \"jira\"")
	}
	for i := range apps {
		if !slices.Contains(apps[i].Users, *user) {
			return usagef("\"act_as\" names nobody %q\nwrite \"act_as\": {\"AGENT\": %q} beside the account", *user, *user)
		}
		waiting, stop := context.WithTimeout(ctx, *patience)
		grant, err := c.consent(waiting, &apps[i], *user, *port)
		stop()
		if err != nil {
			return err
		}
		if err := grants.Keep(ctx, apps[i].ID, *user, grant); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "connected %s: account %s (%s) lets the app %s act for them (%s)\n",
			*user, grant.Account, clean(grant.Name), apps[i].ID, strings.Join(apps[i].Uses, ", "))
	}
	return nil
}

// grants adds the flags of commands that work on people's grants.
func (c *call) grants() func(context.Context) (*config.Config, *daemon.Grants, error) {
	path := c.String("config", "", "the daemon's configuration `FILE`")
	return func(ctx context.Context) (*config.Config, *daemon.Grants, error) {
		conf, err := config.Load(*path)
		if err != nil {
			return nil, nil, err
		}
		g, err := daemon.OpenGrants(ctx, conf, slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
		return conf, g, err
	}
}

// consent leads a person through the consent screen, and listens for the browser
// to come back.
func (c *call) consent(ctx context.Context, app *daemon.App, user string, port int) (*atlassian.Grant, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("%w\nchoose another port with -port, and register http://127.0.0.1:PORT/callback for the app", err)
	}
	consent := app.Consent("http://" + ln.Addr().String() + callback)
	came := make(chan answer, 1)
	s := &http.Server{Handler: listener(ctx, consent, came), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	defer func() {
		stopping, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // for the page that says how it went
		defer stop()
		_ = errors.Join(s.Shutdown(stopping), s.Close())
	}()
	fmt.Fprintf(c.stderr, "have %s open this address in a browser on this machine, and sign in as themselves:\n", user)
	fmt.Fprintf(c.stdout, "%s\n", consent.Begin())
	select {
	case a := <-came:
		return a.grant, a.err
	case err := <-served:
		return nil, fmt.Errorf("listen for the browser: %w", err)
	case <-ctx.Done():
		return nil, errors.New("nobody consented in time\nbegin again; -wait says how long to wait")
	}
}

// An answer is what a consent came to.
type answer struct {
	grant *atlassian.Grant
	err   error
}

// listener takes the one answer to consent, and turns others away.
func listener(ctx context.Context, consent *atlassian.Consent, came chan<- answer) http.Handler {
	turn := make(chan struct{}, 1) // one at a time: a consent is good once
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+callback, func(w http.ResponseWriter, r *http.Request) {
		turn <- struct{}{}
		defer func() { <-turn }()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer") // the address holds the code
		q := r.URL.Query()
		if !consent.Ours(q) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, "This is not the answer to the question that clawea has asked. Use the address that it shows.\n")
			return
		}
		grant, err := consent.Finish(ctx, q)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "It did not work; clawea says why in its window. You can close this one.\n")
		} else {
			_, _ = io.WriteString(w, "Done. You can close this window.\n")
		}
		came <- answer{grant, err}
	})
	return mux
}

func connectList(ctx context.Context, c *call) error {
	open := c.grants()
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := c.need("config"); err != nil {
		return err
	}
	_, grants, err := open(ctx)
	if err != nil {
		return err
	}
	defer grants.Close()
	list, err := grants.List(ctx)
	if err != nil {
		return err
	}
	for _, g := range list {
		fmt.Fprintln(c.stdout, clean(fmt.Sprintf("%-20s  %-9s  app %s  account %s (%s)  given %s  renewed %s",
			g.User, g.State, g.App, g.Account, g.Name, stamp(g.Given), stamp(g.Refreshed))))
	}
	return nil
}

func connectDrop(ctx context.Context, c *call) error {
	open := c.grants()
	user := c.String("user", "", "the `NAME` of the person")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := c.need("config", "user"); err != nil {
		return err
	}
	_, grants, err := open(ctx)
	if err != nil {
		return err
	}
	defer grants.Close()
	list, err := grants.List(ctx)
	if err != nil {
		return err
	}
	dropped := 0
	for _, g := range list {
		if g.User != *user {
			continue
		}
		if err := grants.Drop(ctx, g.App, g.User); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		dropped++
	}
	if dropped == 0 {
		return fmt.Errorf("%s has consented to nothing\nlist who has with: clawea connect list", *user)
	}
	fmt.Fprintf(c.stdout, "dropped %s: %d grants\n", *user, dropped)
	fmt.Fprintln(c.stderr, "at Atlassian the consent holds until the person takes it back: https://id.atlassian.com/manage-profile/apps")
	return nil
}
