// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

const (
	maxPress = 256 << 10 // bytes of what Slack sends
	// fresh is how far from now the time of a request may be.
	fresh = 5 * time.Minute
)

// A Presses takes what Slack sends when somebody presses a button. No button
// decides anything: one opens the house's page, the other says that a question was
// seen. All fields must be set.
type Presses struct {
	Notifier *Notifier
	Slack    []SlackKeys
}

// SlackKeys is how what Slack sends about a channel is known to be Slack's.
type SlackKeys struct {
	Name    string                 // of the Channel
	Channel string                 // its id at Slack
	Secret  func() (string, error) // the app's signing secret
}

// ServeHTTP answers POST /v1/notify/slack. What is not signed by Slack just now, or
// has been taken before, is refused.
func (p *Presses) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPress))
	if err != nil {
		http.Error(w, "too long, or broken off", http.StatusBadRequest)
		return
	}
	keys := p.signers(ctx, r.Header, body)
	if len(keys) == 0 {
		http.Error(w, "not signed by Slack, or too old", http.StatusUnauthorized)
		return
	}
	err = p.Notifier.DB.PutOnce(ctx, "request "+seal.Sum([]byte(r.Header.Get("X-Slack-Signature"))).String(), "", "", p.Notifier.Now().Add(2*fresh))
	switch {
	case errors.Is(err, store.ErrConflict):
		http.Error(w, "taken before", http.StatusConflict)
		return
	case err == nil:
		err = p.press(ctx, keys, body)
	}
	if errors.Is(err, errPress) {
		http.Error(w, errPress.Error(), http.StatusBadRequest)
	} else if err != nil {
		p.Notifier.Log.ErrorContext(ctx, "a button was pressed in vain", "err", err)
		http.Error(w, "try again later", http.StatusServiceUnavailable)
	}
}

// signers returns the channels whose app has signed the request just now.
func (p *Presses) signers(ctx context.Context, h http.Header, body []byte) []SlackKeys {
	at, err := strconv.ParseInt(h.Get("X-Slack-Request-Timestamp"), 10, 64)
	if err != nil || p.Notifier.Now().Sub(time.Unix(at, 0)).Abs() > fresh {
		return nil
	}
	text, ok := strings.CutPrefix(h.Get("X-Slack-Signature"), "v0=")
	got, err := hex.DecodeString(text)
	if !ok || err != nil || text != strings.ToLower(text) { // one spelling: a replay looks the same
		return nil
	}
	var out []SlackKeys
	for _, k := range p.Slack {
		secret, err := k.Secret()
		if err != nil {
			p.Notifier.Log.ErrorContext(ctx, "Slack's signing secret is not to be had", "channel", k.Name, "err", err)
			continue
		}
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "v0:%s:", h.Get("X-Slack-Request-Timestamp"))
		mac.Write(body)
		if secret != "" && hmac.Equal(mac.Sum(nil), got) {
			out = append(out, k)
		}
	}
	return out
}

var errPress = errors.New("not what Slack sends when a button is pressed")

// A pressed is what is read of it.
type pressed struct {
	Type    string `json:"type"`
	User    party  `json:"user"`
	Channel party  `json:"channel"`
	Actions []struct {
		ID    string `json:"action_id"`
		Value string `json:"value"`
	} `json:"actions"`
}

// A party is somebody or something at Slack.
type party struct {
	ID string `json:"id"`
}

func readPress(body []byte) (*pressed, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["payload"]) != 1 {
		return nil, errPress
	}
	p := new(pressed)
	if err := seal.Glance([]byte(form.Get("payload")), p); err != nil || p.Type != "block_actions" {
		return nil, errPress
	}
	return p, nil
}

// press does what is asked by the one button that has something done.
func (p *Presses) press(ctx context.Context, keys []SlackKeys, body []byte) error {
	got, err := readPress(body)
	if err != nil {
		return err
	}
	for _, a := range got.Actions {
		if a.ID != seenAction || len(a.Value) > 100 || !slackUser.MatchString(got.User.ID) {
			continue
		}
		approval, channel, err := p.Notifier.DB.UseOnce(ctx, buttonID(a.Value))
		if errors.Is(err, store.ErrNotFound) {
			continue // pressed before
		}
		if err != nil {
			return err
		}
		if err := p.seen(ctx, keys, approval, channel, got); err != nil {
			return err
		}
	}
	return nil
}

// seen has the channel's message say who has seen it, if it was pressed there.
func (p *Presses) seen(ctx context.Context, keys []SlackKeys, approval, channel string, got *pressed) error {
	for _, k := range keys {
		if k.Name != channel || k.Channel != got.Channel.ID {
			continue
		}
		a, err := p.Notifier.DB.Approval(ctx, approval)
		if err != nil {
			return err
		}
		_, err = p.Notifier.DB.Note(ctx, a, []store.Notice{{
			Event: seen, Mark: channel + " " + got.User.ID, At: p.Notifier.Now(), Detail: detail{User: got.User.ID}.text(), Channels: []string{channel},
		}}, false)
		return err
	}
	return nil
}
