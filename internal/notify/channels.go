// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"time"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/webhook"
)

// Configured returns the channels that c names, and what takes the presses of their
// buttons once its Notifier is set. Secrets are fetched when they are used. No
// channel is reached before there is something to tell. c may be nil: nobody is told.
func Configured(c *config.Notify, db DB, now func() time.Time) ([]Channel, *Presses) {
	presses := new(Presses)
	if c == nil {
		return nil, presses
	}
	var out []Channel
	add := func(h *config.Hearing, s Sender) {
		out = append(out, Channel{Name: h.Name, Events: h.Events, Groups: h.Groups, Sender: s})
	}
	for i := range c.Slack {
		s := &c.Slack[i]
		add(&s.Hearing, &Slack{Channel: s.Channel, API: s.API, Token: s.Token.Get, DB: db, Now: now})
		presses.Slack = append(presses.Slack, SlackKeys{Name: s.Name, Channel: s.Channel, Secret: s.SigningSecret.Get})
	}
	for i := range c.Email {
		m := &c.Email[i]
		add(&m.Hearing, &Email{Server: m.Server, Security: m.Security, Username: m.Username, Password: m.Password.Get, From: m.From, To: m.To})
	}
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		add(&w.Hearing, &Webhook{webhook.Hook{URL: w.URL, Secret: w.Secret.Get, Private: w.AllowPrivate, Now: now}})
	}
	return out, presses
}
