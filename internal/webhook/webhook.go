// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package webhook posts what a house says to other programs, signed in the form of
// Standard Webhooks: Webhook-Id, Webhook-Timestamp and Webhook-Signature.
//
// Where a hook leads is other people's matter, and their answers are hostile: it goes
// to addresses of the open net only, unless it is told otherwise, follows no
// redirect, uses no proxy, and reads next to nothing of an answer.
package webhook

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
)

// A Hook is where to post. All fields must be set but for Private.
type Hook struct {
	URL     string
	Secret  func() (string, error) // "whsec_" and base64, fetched for each request
	Private bool                   // whether it may be an address that is not public
	Now     func() time.Time
}

// Timeout is how long a post takes at most.
const Timeout = 20 * time.Second

const (
	answered = 1 << 10   // of an answer is read, and ignored
	latest   = time.Hour // the other side can have us wait
)

// A Later is an error after which the other side says when to try again.
type Later struct {
	After time.Duration
	Err   error
}

// Error is what went wrong.
func (l *Later) Error() string { return l.Err.Error() }

// Unwrap returns it.
func (l *Later) Unwrap() error { return l.Err }

// Post sends body, of a media type, as the message id, signed now. Anything but a 2xx
// is an error, a redirect too; *Later if the answer says when to try again. No error
// holds the URL, which may be secret in its path.
func (h *Hook) Post(ctx context.Context, id, media string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	secret, err := h.Secret()
	if err != nil {
		return err
	}
	key, err := keyOf(secret)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("tell a webhook: its URL is not one\nmend \"url\" in the configuration") // err repeats it
	}
	at := strconv.FormatInt(h.Now().Unix(), 10)
	r.Header = http.Header{
		"Content-Type": {media}, "User-Agent": {"clawea"},
		"Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {signature(key, id, at, body)},
	}
	resp, err := h.client().Do(r)
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
			return &Later{min(time.Duration(min(after, 1<<20))*time.Second, latest), err}
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

// keyOf reads a secret.
func keyOf(secret string) ([]byte, error) {
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
func (h *Hook) client() *http.Client {
	d := &net.Dialer{Timeout: Timeout / 2}
	if !h.Private {
		d.Control = func(_, address string, _ syscall.RawConn) error { return checkPublic(address) }
	}
	return &http.Client{
		Timeout:       Timeout,
		Transport:     &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true, TLSHandshakeTimeout: Timeout / 2},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
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
