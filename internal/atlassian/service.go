// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"net/url"
	"sync"
	"time"
)

const (
	// fresh is how long a new access token is not renewed again because the site
	// does not take it: the reason is another then, such as a missing scope.
	fresh = time.Minute
	// sulk is how long a failure to get a token is the answer to all who ask.
	sulk = 2 * time.Second
)

// A ServiceAccount gives out the credentials of a service account (OAuth 2.0
// client credentials, RFC 6749 4.4). Its access token is kept until a minute
// before it expires, and asked for by one at a time.
type ServiceAccount struct {
	App     App
	Account string // the id of the account, which answers must name; "" if any will do

	asking lock
	mu     sync.Mutex
	tokens *Tokens // as they were given out last
	since  time.Time
	wrong  string // an access token that the site has refused
	failed time.Time
	err    error
}

// Credential returns a credential that is good, as far as is known. Its errors
// are *AuthError, or the context's, or those of App.Secret.
func (s *ServiceAccount) Credential(ctx context.Context) (Credential, error) {
	if c, ok := s.now(early); ok {
		return c, nil
	}
	if err := s.asking.take(ctx); err != nil {
		return Credential{}, err
	}
	defer s.asking.release()
	if c, ok := s.now(early); ok { // somebody else has asked meanwhile
		return c, nil
	}
	if err := s.lately(); err != nil {
		return s.fallback(err)
	}
	tokens, err := s.App.ask(ctx, url.Values{"grant_type": {"client_credentials"}})
	s.mu.Lock()
	if err == nil {
		s.tokens, s.since, s.wrong = tokens, time.Now(), ""
	} else if ctx.Err() == nil {
		s.failed, s.err = time.Now(), err
	}
	s.mu.Unlock()
	if err != nil {
		return s.fallback(err)
	}
	return Bearer(tokens.Access).For(s.Account), nil
}

// Refused has the next Credential ask for another token, unless c is not the
// present one, or is new.
func (s *ServiceAccount) Refused(c Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens != nil && Bearer(s.tokens.Access).For(s.Account) == c && time.Since(s.since) >= fresh {
		s.wrong = s.tokens.Access
	}
}

// now is the token at hand, if it is good for at least d.
func (s *ServiceAccount) now(d time.Duration) (Credential, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == nil || s.tokens.Access == s.wrong || time.Until(s.tokens.Expires) <= d {
		return Credential{}, false
	}
	return Bearer(s.tokens.Access).For(s.Account), true
}

// fallback is the token at hand while it is good at all, where another cannot be had.
func (s *ServiceAccount) fallback(err error) (Credential, error) {
	if c, ok := s.now(0); ok {
		return c, nil
	}
	return Credential{}, err
}

// lately is the error of somebody who has asked a moment ago.
func (s *ServiceAccount) lately() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil && time.Since(s.failed) < sulk {
		return s.err
	}
	return nil
}

// A lock lets in one at a time, and those who wait give up with their context.
// The zero lock is open.
type lock struct {
	once sync.Once
	in   chan struct{}
}

func (l *lock) take(ctx context.Context) error {
	l.once.Do(func() { l.in = make(chan struct{}, 1) })
	select {
	case l.in <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *lock) release() { <-l.in }
