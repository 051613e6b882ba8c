// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/clawea/clawea/seal"
)

const (
	skew          = time.Minute      // by which a provider's clock may be off
	providerFresh = time.Hour        // how long what a provider says of itself is believed
	providerPause = 10 * time.Second // how often one is asked that does not answer
)

// algorithms are those that ID tokens may be signed with. What the provider or the
// token itself would like counts for nothing.
func algorithms() []string { return []string{oidc.RS256, oidc.ES256, oidc.EdDSA, oidc.PS256} }

// A Provider is an OpenID Connect provider as the configuration has it.
type Provider struct {
	Name     string // in URLs: /login/NAME, /login/callback/NAME
	Title    string
	Issuer   string
	Tenant   string // of Entra ID: then people are known by tid and oid; "": by their subject
	ClientID string
	Secret   func() (string, error)
	Scopes   []string // beside openid, profile and email

	NameClaim   string
	Names       map[string]string // key names by subject
	RolesClaim  string            // a name, or a JSON pointer
	Roles       map[Role][]string // values of the claim, by role
	GroupsClaim string
	Groups      map[string][]string // values of the claim, by group

	ACR    []string      // of which a step-up must have used one; none: any
	MaxAge time.Duration // since a step-up
}

// A provider is one that can be asked.
type provider struct {
	Provider
	client   *http.Client
	now      func() time.Time
	redirect string

	mu    sync.Mutex
	known *connection
	asked time.Time // when known, or trouble, came
	fault error
}

// A connection is what a provider says of itself.
type connection struct {
	oauth2.Config // without the secret
	verifier      *oidc.IDTokenVerifier
	saysIssuer    bool // whether its answers name it (RFC 9207)
}

// connect returns what the provider says of itself, and asks it if that is old.
func (p *provider) connect(ctx context.Context) (*connection, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	switch age := now.Sub(p.asked); {
	case p.known != nil && age < providerFresh:
		return p.known, nil
	case p.fault != nil && age < providerPause:
		return nil, p.fault
	}
	// Others wait for the answer as well: who asked first cannot call it off.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	p.known, p.fault = p.discover(ctx)
	p.asked = p.now()
	if p.fault != nil {
		p.fault = ErrProvider.with(p.fault)
	}
	return p.known, p.fault
}

func (p *provider) discover(ctx context.Context) (*connection, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.Issuer)
	if err != nil {
		return nil, brief(err)
	}
	var more struct {
		Methods    []string `json:"token_endpoint_auth_methods_supported"`
		SaysIssuer bool     `json:"authorization_response_iss_parameter_supported"`
		AuthURL    string   `json:"authorization_endpoint"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, err
	}
	if wrong := wrongEndpoint(more.AuthURL); wrong != nil {
		return nil, wrong
	}
	c := &connection{saysIssuer: more.SaysIssuer}
	c.ClientID, c.Endpoint, c.RedirectURL = p.ClientID, found.Endpoint(), p.redirect
	c.Endpoint.AuthStyle = oauth2.AuthStyleInHeader // OpenID Connect Discovery's default
	if len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	c.Scopes = append([]string{oidc.ScopeOpenID, "profile", "email"}, p.Scopes...)
	c.verifier = found.Verifier(&oidc.Config{
		ClientID: p.ClientID, SupportedSigningAlgs: algorithms(), Now: func() time.Time { return p.now().Add(-skew) },
	})
	return c, nil
}

// brief is err for the log: the library repeats whole answers in its errors.
func brief(err error) error { return fmt.Errorf("%.500q", err.Error()) }

// wrongEndpoint keeps people's browsers from being sent elsewhere than over TLS.
func wrongEndpoint(u string) error {
	if strings.HasPrefix(u, "https://") {
		return nil
	}
	r, err := http.NewRequest(http.MethodGet, u, nil)
	if err != nil || r.URL.Scheme != "http" || !local(r.URL.Hostname()) {
		return errors.New("its authorization_endpoint is not reached by https")
	}
	return nil
}

// Begin returns the address of a provider to which the browser is to be sent to log
// in. back is where on the house's pages the person goes then; what is not on them
// becomes "/". With again, whoever is logged in is to show once more that it is them:
// a step-up.
func (d *Desk) Begin(w http.ResponseWriter, r *http.Request, name, back string, again bool) (string, error) {
	p := d.providers[name]
	if p == nil {
		return "", ErrNobody
	}
	t := &try{Kind: logsIn, Provider: name, Nonce: secret(), Verifier: oauth2.GenerateVerifier(), Back: ours(back)}
	if again {
		who, _, err := d.Session(r)
		if err != nil {
			return "", err
		}
		if who.issuer != p.Issuer {
			return "", ErrOther
		}
		t.Kind, t.Person = stepsUp, who.ID
	}
	c, err := p.connect(r.Context())
	if err != nil {
		return "", err
	}
	if err := d.begin(w, r, t); err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)}
	if again {
		options = append(options, p.stepUp()...)
	}
	return c.AuthCodeURL(t.ID, options...), nil
}

// stepUp is what a provider is asked for to have a person show again that it is them.
// Entra ID knows authentication contexts as a claim that is asked for.
func (p *provider) stepUp() []oauth2.AuthCodeOption {
	out := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(p.MaxAge.Seconds())))}
	switch {
	case len(p.ACR) == 0:
	case p.Tenant == "":
		out = append(out, oauth2.SetAuthURLParam("acr_values", strings.Join(p.ACR, " ")))
	default:
		b, err := seal.Marshal(map[string]any{"id_token": map[string]any{"acrs": map[string]any{"essential": true, "values": p.ACR}}})
		if err == nil { // always: these are texts
			out = append(out, oauth2.SetAuthURLParam("claims", string(b)))
		}
	}
	return out
}

// Finish ends a login that Begin began in the same browser, with the provider's
// answer in r. The person is logged in then, and goes to the path that it returns.
func (d *Desk) Finish(w http.ResponseWriter, r *http.Request, name string) (*Person, string, error) {
	p := d.providers[name]
	if p == nil {
		return nil, "", ErrNobody
	}
	q := r.URL.Query()
	for _, parameter := range []string{"state", "code", "iss", "error"} {
		if len(q[parameter]) > 1 {
			return nil, "", ErrTry.with(fmt.Errorf("%s stands twice", parameter))
		}
	}
	t, err := d.end(w, r, logsIn, q.Get("state"))
	if err != nil {
		return nil, "", err
	}
	if q.Get("state") == "" || t.Provider != name {
		return nil, "", ErrTry.with(errors.New("no state, or another provider's"))
	}
	c, err := p.connect(r.Context())
	if err != nil {
		return nil, "", err
	}
	if iss := q.Get("iss"); iss != p.Issuer && (iss != "" || c.saysIssuer) {
		return nil, "", ErrIdentity.with(fmt.Errorf("the answer comes from %.200q", iss))
	}
	if e := q.Get("error"); e != "" {
		return nil, "", ErrDenied.with(fmt.Errorf("%.100q: %.300q", e, q.Get("error_description")))
	}
	if q.Get("code") == "" {
		return nil, "", ErrTry.with(errors.New("no code"))
	}
	if err := d.use(r.Context(), t); err != nil { // one login has the provider asked once, whoever repeats it
		return nil, "", err
	}
	id, err := p.identify(r.Context(), c, q.Get("code"), t)
	if err != nil {
		return nil, "", err
	}
	who, err := d.admit(r.Context(), p, id, t)
	if err != nil {
		return nil, "", err
	}
	if err := d.start(w, r, who); err != nil {
		return nil, "", err
	}
	return who, t.Back, d.narrow(r.Context(), who)
}

// identify exchanges the code for who the person is.
func (p *provider) identify(ctx context.Context, c *connection, code string, t *try) (*identity, error) {
	with := c.Config
	var err error
	if with.ClientSecret, err = p.Secret(); err != nil {
		return nil, ErrProvider.with(fmt.Errorf("its client secret: %w", err))
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), patience)
	defer cancel()
	answer, err := with.Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return nil, exchangeRefusal(err)
	}
	raw, ok := answer.Extra("id_token").(string)
	if !ok {
		return nil, ErrProvider.with(errors.New("its answer has no ID token"))
	}
	token, err := c.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, ErrIdentity.with(brief(err))
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(answer.AccessToken); err != nil {
			return nil, ErrIdentity.with(err)
		}
	}
	return p.read(token, t)
}

// exchangeRefusal says whose fault it is that a code was not taken. What the provider
// answered is not for the log: it may hold tokens.
func exchangeRefusal(err error) error {
	fault := (*oauth2.RetrieveError)(nil)
	switch {
	case !errors.As(err, &fault):
		return ErrProvider.with(err)
	case fault.ErrorCode == "invalid_grant":
		return ErrTry.with(fmt.Errorf("the provider does not take the code: %.300q", fault.ErrorDescription))
	}
	status := 0
	if fault.Response != nil {
		status = fault.Response.StatusCode
	}
	return ErrProvider.with(fmt.Errorf("token endpoint: status %d, %.100q: %.300q", status, fault.ErrorCode, fault.ErrorDescription))
}

// SteppedUp reports whether p has shown of late that it is them, as strictly as the
// house wants it of who gives an answer that matters: at their provider as its step-up
// says, or with a passkey, where no authentication context of the provider's is wanted.
func (d *Desk) SteppedUp(p *Person) bool {
	at := d.of(p)
	within := defaultMaxAge
	if at != nil {
		within = at.MaxAge
	}
	now := d.Now()
	if p.AuthTime.IsZero() || p.AuthTime.After(now.Add(skew)) || now.Sub(p.AuthTime) > within {
		return false
	}
	switch {
	case at == nil:
		return p.issuer == localIssuer && p.ACR == Passkey
	case len(at.ACR) == 0:
		return true
	}
	return slices.Contains(at.ACR, p.ACR)
}

// of is the provider that vouches for p, or nil.
func (d *Desk) of(p *Person) *provider {
	for _, at := range d.providers {
		if at.Issuer == p.issuer {
			return at
		}
	}
	return nil
}

// StepUp says how p can step up: at a provider, at the address /login/NAME?again=1, or
// with a passkey, or either. door is nil if no provider vouches for them.
func (d *Desk) StepUp(p *Person) (door *Door, passkey bool) {
	at := d.of(p)
	if at == nil {
		return nil, d.site != ""
	}
	return &Door{at.Name, at.Title}, d.site != "" && len(at.ACR) == 0
}

// defaultMaxAge is how long a step-up holds where no provider says it.
const defaultMaxAge = 5 * time.Minute
