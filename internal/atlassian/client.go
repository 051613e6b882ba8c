// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// The defaults of a [Config].
const (
	MaxBody     = 8 << 20          // bytes of an answer
	Timeout     = 30 * time.Second // of one try
	Concurrency = 8                // requests at once
)

// Config is a site and how to speak to it.
type Config struct {
	// BaseURL is the site, "https://example.atlassian.net", or Atlassian's gateway
	// to it, "https://api.atlassian.com/ex/jira/{cloudId}". Plain http is for
	// loopback addresses only.
	BaseURL string
	// Credential is asked before every try, so that secrets are fetched late and
	// rotate freely.
	Credential func(context.Context) (Credential, error)
	// Refused is told of a credential that the site does not take (401). If
	// Credential then gives out another, the request is sent once more. Optional.
	Refused func(Credential)
	// MediaHosts are the hosts that a download may be redirected to ([Client.Fetch]),
	// "api.media.atlassian.com", with the port if it is not the scheme's.
	MediaHosts []string
	// Scopes are those that the credential is declared to have; nil if nobody
	// declared any.
	Scopes []string
	// Endpoints are the only ones that requests are sent to; nil: any. They are
	// the last bound, under those of connectors and credentials.
	Endpoints []Endpoint
	// Driver is for a site that has another REST interface than Cloud; nil for Cloud.
	Driver Driver
	// Transport carries requests; if nil, the client makes its own.
	Transport   http.RoundTripper
	MaxBody     int64         // bytes of an answer, after decompression; if 0, MaxBody
	Timeout     time.Duration // of one try; if 0, Timeout
	Concurrency int           // requests at once; if 0, Concurrency
	Log         *slog.Logger  // if nil, nothing is logged
}

// A Client speaks to one site with one credential. It is safe for concurrent use.
type Client struct {
	base       *url.URL
	credential func(context.Context) (Credential, error)
	refused    func(Credential)
	scopes     []string
	endpoints  []Endpoint
	driver     Driver // nil for Cloud
	transport  http.RoundTripper
	media      http.RoundTripper
	mediaHosts []string
	maxBody    int64
	timeout    time.Duration
	pacer      pacer
	slots      chan struct{}                     // one for each request under way
	jitter     func(time.Duration) time.Duration // what a wait is lengthened by
	alien      atomic.Pointer[Credential]        // the last by which another account acted
	last       atomic.Pointer[string]            // the account that acted last, as the site says
	log        *slog.Logger
}

// New returns a client for the site. It sends nothing.
func New(c Config) (*Client, error) {
	base, err := parseBase(c.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("read base URL %q: %w", c.BaseURL, err)
	}
	if c.Credential == nil {
		return nil, errors.New("no credential: name one in the configuration")
	}
	hosts, err := parseHosts(c.MediaHosts)
	if err != nil {
		return nil, err
	}
	if c.Concurrency <= 0 {
		c.Concurrency = Concurrency
	}
	client := &Client{
		base: base, credential: c.Credential, refused: c.Refused,
		scopes: slices.Clone(c.Scopes), endpoints: slices.Clone(c.Endpoints), driver: c.Driver, transport: c.Transport,
		media: newMediaTransport(isLoopback(base.Hostname())), mediaHosts: hosts,
		maxBody: c.MaxBody, timeout: c.Timeout, slots: make(chan struct{}, c.Concurrency), jitter: jitter, log: c.Log,
	}
	if client.transport == nil {
		client.transport = newTransport()
	}
	if client.maxBody <= 0 {
		client.maxBody = MaxBody
	}
	if client.timeout <= 0 {
		client.timeout = Timeout
	}
	if client.log == nil {
		client.log = slog.New(slog.DiscardHandler)
	}
	return client, nil
}

// BaseURL is the site's address, without a slash at the end.
func (c *Client) BaseURL() string { return c.base.String() }

// HasOnly reports whether the credential's scopes are declared, and all of them
// are among scopes.
func (c *Client) HasOnly(scopes []string) bool {
	return len(c.scopes) > 0 && !slices.ContainsFunc(c.scopes, func(s string) bool { return !slices.Contains(scopes, s) })
}

func parseBase(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(s, "/"))
	if err != nil {
		return nil, errors.New("not a URL; write https://YOURS.atlassian.net")
	}
	switch {
	case u.Host == "" || u.Opaque != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.RawPath != "":
		return nil, errors.New("not the address of a site; write https://YOURS.atlassian.net")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("credentials would travel in the open; write https")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    8,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
}
