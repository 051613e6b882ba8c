// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/clawea/clawea/seal"
)

// The errors that a [Vault] tells.
var (
	ErrAbsent  = errors.New("no such grant")
	ErrClaimed = errors.New("somebody else is renewing the grant")
)

// A Vault keeps grants: sealed, durable, and shared by all replicas. Names are of
// its user's making.
type Vault interface {
	// Get returns a grant, or ErrAbsent.
	Get(ctx context.Context, name string) ([]byte, error)
	// Claim lets nobody else claim a grant for d, or until Settle, and returns it as
	// it is. broken means that an earlier claim was never settled. It fails with
	// ErrClaimed while another holds, or with ErrAbsent.
	Claim(ctx context.Context, name, claim string, d time.Duration) (grant []byte, broken bool, err error)
	// Settle ends a claim. The grant is new, or stays as it is if new is nil. It
	// fails with ErrClaimed if the claim does not hold any more.
	Settle(ctx context.Context, name, claim string, new []byte) error
}

// A Grant is what a person has let the house do in their name (OAuth 2.0
// authorisation code; Atlassian says 3LO), in the form in which it is kept.
type Grant struct {
	Refresh   string    `json:"refresh"` // good once
	Access    string    `json:"access"`
	Expires   time.Time `json:"expires"`        // of Access
	Scopes    []string  `json:"scopes"`         // as granted
	Account   string    `json:"account"`        // the person's account id
	Name      string    `json:"name"`           // as the account is called there; for people
	Given     time.Time `json:"given"`          // when the person consented
	Refreshed time.Time `json:"refreshed"`      // when Access was given out
	Tried     time.Time `json:"tried,omitzero"` // when Refresh may have been used up, its answer having been lost
	Ended     time.Time `json:"ended,omitzero"` // when it was seen to be over
}

// String returns "[secret]".
func (Grant) String() string { return secret }

// GoString returns "[secret]".
func (Grant) GoString() string { return secret }

// LogValue returns "[secret]".
func (Grant) LogValue() slog.Value { return slog.StringValue(secret) }

// ParseGrant reads a grant as a Vault keeps it.
func ParseGrant(b []byte) (*Grant, error) {
	g := new(Grant)
	if err := seal.Unmarshal(b, g); err != nil {
		return nil, errors.New("read grant: it is not in the form of this version")
	}
	return g, nil
}

// Encode is the form in which a grant is kept.
func (g *Grant) Encode() ([]byte, error) { return seal.Marshal(g) }

// State says in a word what has become of the grant: "good", "ended", or
// "uncertain" if it was being renewed when something broke off.
func (g *Grant) State() string {
	switch {
	case !g.Ended.IsZero():
		return "ended"
	case !g.Tried.IsZero():
		return "uncertain"
	}
	return "good"
}

func (g *Grant) credential() Credential { return Bearer(g.Access).For(g.Account) }

// The times of renewing. A claim lasts longer than a request for tokens and its
// storing; who waits for one waits until after its end. Atlassian takes a used
// refresh token for some minutes more, so what a crash left is made good by the next.
const (
	claimFor = 45 * time.Second
	waitFor  = 60 * time.Second
	lookFor  = 250 * time.Millisecond
	storeFor = 10 * time.Second
)

// A Person gives out the credentials of a person who has consented. A refresh
// token is good once: of all replicas one uses it, and what it brought is durable
// before anybody uses that. Each Person is of one grant.
type Person struct {
	App   App
	Vault Vault
	Key   string // the grant's name in Vault
	User  string // whom the house calls so; for messages
	Mend  string // the command by which the person consents
	Log   *slog.Logger

	renewing lock
	mu       sync.Mutex
	refused  string // an access token that the site has refused
	owed     *Grant // renewed, and not stored
	claim    string // by which to store it
}

// Credential returns a credential by which the person acts. Its errors are
// *AuthError, or the context's, or those of Vault and of App.Secret.
func (p *Person) Credential(ctx context.Context) (Credential, error) {
	g, err := p.grant(ctx)
	if err != nil {
		return Credential{}, err
	}
	if p.usable(g, early) {
		return g.credential(), nil
	}
	if err := p.renewing.take(ctx); err != nil {
		return Credential{}, err
	}
	defer p.renewing.release()
	renewed, err := p.renew(ctx)
	if err == nil {
		return renewed.credential(), nil
	}
	if trouble := (*AuthError)(nil); errors.As(err, &trouble) && trouble.Code == AuthTrouble && p.usable(g, 0) {
		return g.credential(), nil
	}
	return Credential{}, err
}

// Refused has the next Credential renew the grant, unless c is of another one.
func (p *Person) Refused(c Credential) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = c.header
}

// usable reports whether g's access token is good for at least d. One that the
// site has refused is good if it is new: the reason is another then.
func (p *Person) usable(g *Grant, d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	wrong := p.refused == g.credential().header && time.Since(g.Refreshed) >= fresh
	return time.Until(g.Expires) > d && !wrong && g.Ended.IsZero()
}

// grant is the grant as it is now.
func (p *Person) grant(ctx context.Context) (*Grant, error) {
	p.settleOwed(ctx)
	p.mu.Lock()
	owed := p.owed
	p.mu.Unlock()
	if owed != nil && time.Until(owed.Expires) > early {
		return owed, nil
	}
	b, err := p.Vault.Get(ctx, p.Key)
	if errors.Is(err, ErrAbsent) {
		return nil, p.absent()
	}
	if err != nil {
		return nil, err
	}
	g, err := ParseGrant(b)
	if err == nil && !g.Ended.IsZero() {
		return nil, p.ended(g)
	}
	return g, err
}

// renew claims the grant and renews it, or waits for who does.
func (p *Person) renew(ctx context.Context) (*Grant, error) {
	for begun := time.Now(); ; {
		claim := rand.Text()
		b, broken, err := p.Vault.Claim(ctx, p.Key, claim, claimFor)
		switch {
		case err == nil:
			// Who asked may hang up: what a used token has brought must be kept all the same.
			return p.trade(context.WithoutCancel(ctx), claim, b, broken)
		case errors.Is(err, ErrAbsent):
			return nil, p.absent()
		case !errors.Is(err, ErrClaimed):
			return nil, err
		}
		if time.Since(begun) > waitFor {
			return nil, &AuthError{Code: AuthTrouble, Msg: "the grant of " + p.User + " is being renewed, and does not come", Hint: "try again in a minute"}
		}
		if err := Sleep(ctx, lookFor); err != nil {
			return nil, err
		}
		if g, err := p.grant(ctx); err != nil || p.usable(g, early) {
			return g, err
		}
	}
}

// trade uses up the refresh token of a claimed grant. broken says that somebody
// may have done so before.
func (p *Person) trade(ctx context.Context, claim string, b []byte, broken bool) (*Grant, error) {
	g, err := ParseGrant(b)
	if err != nil {
		return nil, errors.Join(err, p.settle(ctx, claim, nil))
	}
	switch {
	case !g.Ended.IsZero():
		return nil, errors.Join(p.ended(g), p.settle(ctx, claim, nil))
	case p.usable(g, early): // somebody has renewed it meanwhile
		return g, p.settle(ctx, claim, nil)
	case broken && g.Tried.IsZero():
		g.Tried = time.Now().UTC().Truncate(time.Second)
	}
	tokens, err := p.App.refresh(ctx, g.Refresh)
	if err != nil {
		return nil, p.lost(ctx, claim, g, err)
	}
	g.Access, g.Expires, g.Refreshed, g.Tried = tokens.Access, tokens.Expires.UTC(), time.Now().UTC(), time.Time{}
	if tokens.Refresh != "" {
		g.Refresh = tokens.Refresh
	}
	if tokens.Scopes != nil {
		g.Scopes = tokens.Scopes
	}
	switch err := p.settle(ctx, claim, g); {
	case errors.Is(err, ErrClaimed): // the person has consented anew meanwhile
		return p.grant(ctx)
	case err != nil:
		p.mu.Lock()
		p.owed, p.claim = g, claim
		p.mu.Unlock()
		p.Log.ErrorContext(ctx, "a renewed grant could not be stored, and is kept in memory: if this process ends now, the person may have to consent again", "user", p.User, "err", err)
	}
	return g, nil
}

// lost ends the claim of a grant that err kept from being renewed.
func (p *Person) lost(ctx context.Context, claim string, g *Grant, err error) error {
	no := (*AuthError)(nil)
	if !errors.As(err, &no) || !no.sent { // the token has not been used
		return errors.Join(err, p.settle(ctx, claim, nil))
	}
	now := time.Now().UTC().Truncate(time.Second)
	if no.Code == GrantEnded {
		g.Ended = now
		err = p.ended(g)
	} else if g.Tried.IsZero() {
		g.Tried = now
	}
	if failed := p.settle(ctx, claim, g); failed != nil && !errors.Is(failed, ErrClaimed) {
		p.Log.WarnContext(ctx, "the state of a grant could not be stored", "user", p.User, "err", failed)
	}
	return err
}

// settle ends a claim, and tries for a while if the vault is in trouble.
func (p *Person) settle(ctx context.Context, claim string, g *Grant) error {
	var b []byte
	if g != nil {
		var err error
		if b, err = g.Encode(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, storeFor)
	defer cancel()
	for pause := lookFor; ; pause *= 2 {
		err := p.Vault.Settle(ctx, p.Key, claim, b)
		if err == nil || errors.Is(err, ErrClaimed) || g == nil || Sleep(ctx, pause) != nil {
			return err
		}
	}
}

// settleOwed stores what could not be stored when it was renewed.
func (p *Person) settleOwed(ctx context.Context) {
	p.mu.Lock()
	g, claim := p.owed, p.claim
	p.mu.Unlock()
	if g == nil {
		return
	}
	b, err := g.Encode()
	if err == nil {
		err = p.Vault.Settle(ctx, p.Key, claim, b)
	}
	if err == nil || errors.Is(err, ErrClaimed) {
		p.mu.Lock()
		p.owed = nil
		p.mu.Unlock()
	}
}

func (p *Person) absent() error {
	return &AuthError{Code: NoGrant, Msg: p.User + " has not let this house act for them at Atlassian", Hint: "have them consent: " + p.Mend}
}

func (p *Person) ended(g *Grant) error {
	why := "was revoked, or was not used for 90 days"
	if !g.Tried.IsZero() {
		why = "was lost when its renewal broke off at " + g.Tried.UTC().Format(time.RFC3339)
	}
	return &AuthError{Code: GrantEnded, Msg: "the consent of " + p.User + " does not hold any more: it " + why, Hint: "have them consent again: " + p.Mend}
}
