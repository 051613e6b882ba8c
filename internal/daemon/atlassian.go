// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/store"
)

// clients are how the house reaches a site: the client that reads, and those that
// write and undo, which are nil where that is not done.
type clients struct{ read, write, undo *atlassian.Client }

// newClients makes them. They send what ops need and nothing else; to a Data Center
// site through a driver.
func newClients(s *config.Site, ops []atlassian.Operation, driver func() atlassian.Driver, db *store.DB, log *slog.Logger) (*clients, error) {
	out := new(clients)
	conf := atlassian.Config{BaseURL: cmp.Or(s.API, s.Site), MediaHosts: s.MediaHosts, Log: log}
	if s.Deployment == config.DataCenter {
		conf.Driver = driver()
	}
	for _, x := range []struct {
		account *config.Account
		use     string
		client  **atlassian.Client
	}{{s.Read, atlassian.ForReading, &out.read}, {s.Write, atlassian.ForWriting, &out.write}, {s.Undo, atlassian.ForUndoing, &out.undo}} {
		if x.account == nil {
			continue
		}
		conf.Endpoints = append([]atlassian.Endpoint{}, atlassian.Endpoints(ops, x.use)...)
		c, err := newClient(s, x.account, conf, db, log)
		if err != nil {
			return nil, err
		}
		*x.client = c
	}
	return out, nil
}

func newClient(s *config.Site, a *config.Account, conf atlassian.Config, db *store.DB, log *slog.Logger) (*atlassian.Client, error) {
	conf.Scopes = a.Scopes
	switch {
	case a.PerUser:
		conf.Credential, conf.Refused = perUser(s, a, db, log)
	case a.ClientID != "":
		service := &atlassian.ServiceAccount{App: app(a), Account: a.ID}
		conf.Credential, conf.Refused = service.Credential, service.Refused
	default:
		conf.Credential = func(context.Context) (atlassian.Credential, error) {
			secret, err := a.Token.Get()
			if err != nil {
				return atlassian.Credential{}, err
			}
			if a.Email == "" {
				return atlassian.Bearer(secret).For(a.ID), nil
			}
			return atlassian.Basic(a.Email, secret).For(a.ID), nil
		}
	}
	credential := conf.Credential
	conf.Credential = func(ctx context.Context) (atlassian.Credential, error) {
		c, err := credential(ctx)
		return c, authFault(err)
	}
	return atlassian.New(conf)
}

// perUser gives out the credentials of the person as whom the agent of a call acts.
func perUser(s *config.Site, a *config.Account, db *store.DB, log *slog.Logger) (func(context.Context) (atlassian.Credential, error), func(atlassian.Credential)) {
	people := map[string]*atlassian.Person{}
	for _, user := range s.ActAs {
		people[user] = &atlassian.Person{
			App: app(a), Vault: vault{db}, Key: grantName(a.ClientID, user), User: user,
			Mend: "clawea connect atlassian -config FILE -user " + user, Log: log,
		}
	}
	credential := func(ctx context.Context) (atlassian.Credential, error) {
		agent := gate.Agent(ctx)
		p := people[s.User(agent)]
		if p == nil {
			return atlassian.Credential{}, &atlassian.AuthError{
				Code: atlassian.NoActAs, Msg: "nobody is named as whom " + cmp.Or(agent, "the house itself") + " acts here",
				Hint: "an operator names a person in \"act_as\" of the configuration",
			}
		}
		return p.Credential(ctx)
	}
	refused := func(c atlassian.Credential) {
		for _, p := range people {
			p.Refused(c)
		}
	}
	return credential, refused
}

// authFault adds to an error of a credential what an agent may know of it.
func authFault(err error) error {
	e := (*atlassian.AuthError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	f := &gate.Fault{Code: e.Code, Msg: e.Msg + "; " + e.Hint}
	switch e.Code {
	case atlassian.AppRefused: // what it says is for operators
		f = &gate.Fault{Code: "unauthorized", Msg: "Atlassian does not accept this house's credential; its operator must renew it"}
	case atlassian.AuthTrouble:
		f = &gate.Fault{Code: "upstream", Msg: "Atlassian gives out no access just now; try again in a minute"}
	}
	return errors.Join(f, err)
}
