// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Remote dials a server that is somewhere else, over streamable HTTP. headers
// returns the credentials that go with each request to the address's host, and to no
// other: redirects are not followed.
func Remote(address string, headers func() (http.Header, error)) Dialer {
	return func(context.Context, http.Handler) (*Connection, error) {
		u, err := url.Parse(address)
		if err != nil {
			return nil, err
		}
		client := &http.Client{
			Transport: &credited{host: u.Host, headers: headers, next: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 64, ForceAttemptHTTP2: true}},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return errors.New("a server of tools does not send its clients elsewhere")
			},
		}
		return &Connection{
			Transport: &mcp.StreamableClientTransport{Endpoint: address, HTTPClient: client, MaxRetries: -1, MaxEventSize: maxMessage, DisableStandaloneSSE: true},
			Origin:    Origin{URL: address},
			Close:     func() error { client.CloseIdleConnections(); return nil },
		}, nil
	}
}

// maxMessage bounds a message of a server's, in bytes.
const maxMessage = 8 << 20

// A credited transport adds credentials to requests to one host.
type credited struct {
	host    string
	headers func() (http.Header, error)
	next    http.RoundTripper
}

// RoundTrip sends r with its credentials.
func (c *credited) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != c.host {
		return nil, errors.New("the server's credentials are for its own host only")
	}
	h, err := c.headers()
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	for name, values := range h {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	res, err := c.next.RoundTrip(r)
	if err == nil {
		res.Body = &bounded{ReadCloser: res.Body, left: maxStream}
	}
	return res, err
}

// maxStream bounds an answer over HTTP, in bytes: one message, or all that comes
// before it.
const maxStream = 2 * maxMessage

var errLong = errors.New("the server's answer is too long")

// A bounded body fails behind its bound.
type bounded struct {
	io.ReadCloser
	left int64
}

// Read reads on, up to the bound.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLong
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
