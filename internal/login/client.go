// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	patience  = 10 * time.Second // with a provider
	maxAnswer = 1 << 20          // bytes of one
)

// newClient asks providers: over TLS unless they are on this machine, where they say
// and nowhere else, and reads no more than it should.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       patience,
		Transport:     careful{http.DefaultTransport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it answers with a redirect") },
	}
}

type careful struct{ http.RoundTripper }

// RoundTrip sends r, if it may go where it is to go.
func (c careful) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !(r.URL.Scheme == "http" && local(r.URL.Hostname())) {
		return nil, fmt.Errorf("%s is not reached by https", r.URL.Redacted())
	}
	res, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = bounded{io.LimitReader(res.Body, maxAnswer), res.Body}
	return res, nil
}

// A bounded body ends early rather than late.
type bounded struct {
	io.Reader
	io.Closer
}
