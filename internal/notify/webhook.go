// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/clawea/clawea/seal"
)

// A Webhook posts signed JSON, in the form of Standard Webhooks: Webhook-Id,
// Webhook-Timestamp and Webhook-Signature. All fields must be set but for Private.
type Webhook struct {
	URL     string
	Secret  func() (string, error) // "whsec_" and base64, fetched for each request
	Private bool                   // whether it may be an address that is not public
	Now     func() time.Time
}

// answered is how much of an answer is read, and ignored.
const answered = 1 << 10

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
	Yes      *bool     `json:"yes,omitempty"` // of an answer
	Outcome  string    `json:"outcome,omitempty"`
}

// Send posts n. Anything but a 2xx is an error, a redirect too.
func (w *Webhook) Send(ctx context.Context, n *News) (string, error) {
	body, err := n.json()
	if err != nil {
		return "", err
	}
	return "", w.Post(ctx, n.ID, body)
}

func (n *News) json() ([]byte, error) {
	d := data{
		Approval: n.Approval, Sentence: n.Sentence, Link: n.Link, Open: n.Open, Job: n.Job, Agent: n.Agent, Receipt: n.Receipt,
		Call: n.Call, Class: n.Class, Targets: n.Targets, More: n.More, Policy: n.Policy, Clauses: n.Clauses, Risk: n.Risk, Undo: n.Undo,
		Asked: n.Asked, Expires: n.Expires.UTC(), By: n.By, Outcome: n.Outcome,
	}
	if n.Event == Answered {
		d.Yes = &n.Yes
	}
	return seal.Marshal(&posted{"approval." + n.Event, n.At.UTC(), d})
}

// Post sends body as the message id, signed now.
func (w *Webhook) Post(ctx context.Context, id string, body []byte) error {
	secret, err := w.Secret()
	if err != nil {
		return err
	}
	key, err := webhookKey(secret)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("tell a webhook: its URL is not one\nmend \"url\" in the configuration") // err repeats it
	}
	at := strconv.FormatInt(w.Now().Unix(), 10)
	r.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"clawea"},
		"Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {signature(key, id, at, body)},
	}
	resp, err := w.client().Do(r)
	if err != nil {
		return fmt.Errorf("tell a webhook: %w", unwrapURL(err))
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, answered)); err != nil && resp.StatusCode/100 != 2 {
		return fmt.Errorf("tell a webhook: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		err := fmt.Errorf("tell a webhook: it answers %d", resp.StatusCode)
		if after, bad := strconv.Atoi(resp.Header.Get("Retry-After")); bad == nil && after > 0 {
			return &Later{time.Duration(min(after, 3600)) * time.Second, err}
		}
		return err
	}
	return nil
}

// unwrapURL is err without the URL, which may be secret in its path.
func unwrapURL(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || !strings.Contains(err.Error(), "://") {
			return err
		}
		err = inner
	}
}

// webhookKey reads a secret.
func webhookKey(secret string) ([]byte, error) {
	text, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("tell a webhook: its secret is not whsec_ and 24 to 64 bytes in base64\nmake one with: echo whsec_$(openssl rand -base64 32)")
	}
	return key, nil
}

// signature is that of Standard Webhooks, version 1.
func signature(key []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, at)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// client connects to public addresses only, unless it may to others. It goes
// through no proxy, which would hide where it leads, and keeps no connections.
func (w *Webhook) client() *http.Client {
	d := &net.Dialer{Timeout: sending / 2}
	if !w.Private {
		d.Control = func(_, address string, _ syscall.RawConn) error { return checkPublic(address) }
	}
	return client(&http.Client{Timeout: sending, Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true, TLSHandshakeTimeout: sending / 2}})
}

// checkPublic fails for an address, with its port, that is not of the open net.
func checkPublic(address string) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !public(a.Addr().Unmap()) {
		return errors.New("the name leads to an address that is not public\nwrite \"allow_private\": true if that is meant")
	}
	return nil
}

// notPublic are prefixes that netip has no name for, or that stand for IPv4
// addresses (RFC 6890 and its registry).
func notPublic() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.Zone() != "" {
		return false
	}
	for _, p := range notPublic() {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
