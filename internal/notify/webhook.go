// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"time"

	"github.com/clawea/clawea/internal/webhook"
	"github.com/clawea/clawea/seal"
)

// A Webhook posts signed JSON.
type Webhook struct{ webhook.Hook }

// A posted is what is sent.
type posted struct {
	Type      string    `json:"type"` // "approval.asked"
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	Approval string    `json:"approval"`
	Sentence string    `json:"sentence"`
	Link     string    `json:"link"`
	Open     bool      `json:"open"`
	Job      string    `json:"job"`
	Agent    string    `json:"agent"`
	Receipt  string    `json:"receipt"`
	Call     string    `json:"call"`
	Class    string    `json:"class"`
	Targets  []Target  `json:"targets"`
	More     int       `json:"more_targets,omitzero"`
	Policy   seal.Hash `json:"policy"`
	Clauses  []string  `json:"clauses"`
	Risk     string    `json:"risk"`
	Undo     string    `json:"undo"`
	Asked    []string  `json:"asked"`
	Expires  time.Time `json:"expires"`
	By       string    `json:"by,omitempty"`
	For      string    `json:"for,omitempty"`
	Yes      *bool     `json:"yes,omitempty"` // of an answer
	Outcome  string    `json:"outcome,omitempty"`
}

// Send posts n. Anything but a 2xx is an error, a redirect too.
func (w *Webhook) Send(ctx context.Context, n *News) (string, error) {
	body, err := n.json()
	if err != nil {
		return "", err
	}
	return "", w.Post(ctx, n.ID, "application/json", body)
}

func (n *News) json() ([]byte, error) {
	d := data{
		Approval: n.Approval, Sentence: n.Sentence, Link: n.Link, Open: n.Open, Job: n.Job, Agent: n.Agent, Receipt: n.Receipt,
		Call: n.Call, Class: n.Class, Targets: n.Targets, More: n.More, Policy: n.Policy, Clauses: n.Clauses, Risk: n.Risk, Undo: n.Undo,
		Asked: n.Asked, Expires: n.Expires.UTC(), By: n.By, For: n.For, Outcome: n.Outcome,
	}
	if n.Event == Answered {
		d.Yes = &n.Yes
	}
	return seal.Marshal(&posted{"approval." + n.Event, n.At.UTC(), d})
}
