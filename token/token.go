// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package token binds a job to a policy for a while (users say CST, scoped
// token). A token is a JWT that names one job, pins one policy by hash and
// carries what it may use of it; its scope hash says what that came to when it
// was minted. spec/token.md is its definition.
package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// RecordType is the payload type of the issuer's signed record of a token: its
// claims, never the token.
const RecordType = "application/vnd.clawea.cst.v1+json"

const (
	mediaType = "at+jwt" // RFC 9068 section 2.1
	grantType = "clawea_wpc"

	// HouseJob is the house's own job: no token is minted for it, and none is good.
	HouseJob = "house"
	// MaxLength bounds a token's text, in bytes.
	MaxLength = 64 << 10
	// Leeway is how far the issuer's clock may be ahead of the gate's.
	Leeway = 5 * time.Second
)

// An ID names a token (jti).
type ID string

// Claims are what a token says (RFC 9068, RFC 9396). Times are Unix seconds.
type Claims struct {
	Issuer   string          `json:"iss"`
	Audience string          `json:"aud"`
	Agent    string          `json:"sub"`
	ID       ID              `json:"jti"`
	Issued   int64           `json:"iat"`
	Expires  int64           `json:"exp"`
	Job      string          `json:"job"`
	Policy   seal.Hash       `json:"policy_hash"`
	Scope    seal.Hash       `json:"scope_hash"`
	Details  []Detail        `json:"authorization_details"`
	Runtime  *policy.Runtime `json:"runtime,omitempty"`
	Ticket   string          `json:"ticket,omitempty"`    // what the job is done for, as the order said
	Client   string          `json:"client_id,omitempty"` // who ordered it: an operator, an OAuth client or an identity (RFC 9068)
	Confirm  *Confirmation   `json:"cnf,omitempty"`       // the key that whoever uses it must hold; nil: a plain bearer token
}

// A Detail is the one entry of authorization_details (RFC 9396): the grant.
type Detail struct {
	Type string `json:"type"`
	policy.Grant
}

// Grant returns what the token may use of its policy.
func (c *Claims) Grant() policy.Grant {
	if len(c.Details) != 1 || c.Details[0].Type != grantType {
		return policy.Grant{}
	}
	return c.Details[0].Grant
}

// The reasons to refuse a token. Each has a stable code (Code).
var (
	ErrMalformed = errors.New("token is malformed")
	ErrSignature = errors.New("token is not signed by a trusted issuer")
	ErrAudience  = errors.New("token is for another house")
	ErrNotYet    = errors.New("token is not valid yet")
	ErrExpired   = errors.New("token has expired")
	ErrRevoked   = errors.New("token is revoked")
	ErrPolicy    = errors.New("token is pinned to another policy")
	ErrTTL       = errors.New("token lives longer than its policy permits")
	ErrScope     = errors.New("token's scope hash does not match its policy and grant")
	ErrJob       = errors.New("token is for another job")
	ErrBearer    = errors.New("token is bound to no key, and neither its policy nor this house takes such tokens")
)

// Hint returns what mends a refusal, by its code, for people: a line without a
// stop at its end.
func Hint(code string) string {
	for _, c := range codes {
		if c.code == code {
			return c.hint
		}
	}
	return "order a new one for the job, or ask the house's operator"
}

// CodeUnknown is the code of an error that says nothing about the token.
const CodeUnknown = "token.unknown"

// Code returns the stable code of a refusal, for receipts and problem details.
func Code(err error) string {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return CodeUnknown
}

var codes = []struct {
	err  error
	code string
	hint string // what mends it
}{
	{ErrMalformed, "token.malformed", "order one from this house: clawea run, or its token endpoint"},
	{ErrSignature, "token.signature", "order one from this house: clawea run, or its token endpoint"},
	{ErrAudience, "token.audience", "order one from this house: clawea run, or its token endpoint"},
	{ErrNotYet, "token.not-yet", "set the clock of the house that minted it"},
	{ErrExpired, "token.expired", "order a new one for the job"},
	{ErrRevoked, "token.revoked", "order a new one for the job; this one stays revoked"},
	{ErrPolicy, "token.policy", "use a token that is pinned to the policy that you expect"},
	{ErrTTL, "token.ttl", "order a new one, of a life that the policy permits"},
	{ErrScope, "token.scope", "order a new one: what the policy's names lead to has changed"},
	{policy.ErrGrant, "token.grant", "order a new one, of no more than the policy holds"},
	{ErrJob, "token.job", "use a token of the job that you name"},
	{ErrBearer, "token.bearer", "start the agent with clawea run, or order a token that is bound to a key"},
	{ErrJobRevoked, "job.revoked", "the job is stopped for good; what it was for can go on as another job"},
	{ErrAgentRevoked, "agent.revoked", "an operator can let the agent go on: clawea revocation list"},
	{ErrPolicyRevoked, "policy.revoked", "use a policy that is in force, or have an operator let this one be: clawea revocation list"},
	{ErrActionRevoked, "action.revoked", "do something else, or have an operator let it go on: clawea revocation list"},
	{ErrAllRevoked, "house.revoked", "an operator can let the house go on: clawea revocation list"},
	{ErrProofMissing, "dpop.missing", "send the token under the scheme DPoP, with one proof in the header DPoP (RFC 9449)"},
	{ErrProofMalformed, "dpop.malformed", "make proofs as RFC 9449 section 4.2 says, signed with ES256, EdDSA or Ed25519"},
	{ErrProofSignature, "dpop.signature", "sign the proof with the key that it shows"},
	{ErrProofMethod, "dpop.method", "make a proof for each request, with its own method"},
	{ErrProofURL, "dpop.url", "make the proof for the address that the house calls itself by, without query"},
	{ErrProofTime, "dpop.time", "make the proof when it is sent, by a clock that is right"},
	{ErrProofToken, "dpop.token", "make the proof for this token: ath is the SHA-256 of its text"},
	{ErrProofKey, "dpop.key", "prove with the key that the token was ordered with"},
	{ErrProofNonce, "dpop.nonce", "send it again, with a proof that has the nonce of the header DPoP-Nonce"},
	{ErrReplayed, "dpop.replayed", "make a fresh proof for every request"},
}

// jobName is what a job or an agent may be called: it goes into URLs, file
// names and logs.
var jobName = pattern{regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`), 64}

// ticket is what a ticket's id may be: it goes into receipts.
var ticket = pattern{regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:#/-]*$`), 128}

// client is what may be named as who ordered a token.
var client = pattern{regexp.MustCompile(`^[!-~]+$`), 200}

// A pattern is an expression, and how long a text may be that matches it. Said in
// the expression, that would make it large: each start of the program compiles it.
type pattern struct {
	*regexp.Regexp
	longest int
}

// MatchString reports whether s matches.
func (p pattern) MatchString(s string) bool { return len(s) <= p.longest && p.Regexp.MatchString(s) }

// CheckName says what is wrong with the name of a job or an agent.
func CheckName(what, s string) error {
	if !jobName.MatchString(s) {
		return fmt.Errorf("%s %q: want 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or a digit", what, s)
	}
	return nil
}

// Mint completes c and signs it: as a token, and as a record of its claims for
// bundles. p must be bound; grant must be a subset of it (catalog lists what
// the house's tools can do), and c must not outlive what p permits.
func Mint(s seal.Signer, p *policy.Policy, catalog []policy.Action, grant policy.Grant, c *Claims) (raw string, record *seal.Envelope, err error) {
	if err := CheckClaims(c); err != nil {
		return "", nil, err
	}
	if catalog == nil {
		catalog = []policy.Action{} // no tools; to Narrow, nil means that the grant has been checked
	}
	narrowed, err := p.Narrow(grant, catalog)
	if err != nil {
		return "", nil, err
	}
	scope := narrowed.Scope()
	grant = policy.Grant{Actions: scope.Actions, Resources: names(scope), Limits: scope.Limits}
	c.Policy = p.Hash()
	c.Details = []Detail{{grantType, grant}}
	if c.Scope, err = scope.Hash(); err != nil {
		return "", nil, err
	}
	if _, err := c.Fit(p); err != nil {
		return "", nil, err
	}
	payload, err := seal.Marshal(c)
	if err != nil {
		return "", nil, err
	}
	if record, err = seal.Sign(s, RecordType, payload); err != nil {
		return "", nil, err
	}
	if raw, err = compact(s, payload); err != nil {
		return "", nil, err
	}
	if len(raw) > MaxLength {
		return "", nil, fmt.Errorf("mint token: longer than %d bytes: grant less", MaxLength)
	}
	return raw, record, nil
}

// CheckClaims says what is wrong with the names in c. A token that fails it is
// neither minted nor accepted.
func CheckClaims(c *Claims) error {
	if c.ID == "" || c.Audience == "" {
		return errors.New("token names no id or no audience")
	}
	if err := CheckName("job", c.Job); err != nil {
		return err
	}
	if c.Job == HouseJob {
		return fmt.Errorf("the job %q is the house's own", c.Job)
	}
	if c.Ticket != "" && !ticket.MatchString(c.Ticket) {
		return fmt.Errorf("ticket %q: want 1 to 128 letters, digits and _ . : # / -, beginning with a letter or a digit", c.Ticket)
	}
	if c.Client != "" && !client.MatchString(c.Client) {
		return fmt.Errorf("client %q: want 1 to 200 printable characters without spaces", c.Client)
	}
	if c.Confirm != nil {
		if err := CheckThumbprint(c.Confirm.Thumbprint); err != nil {
			return err
		}
	}
	return CheckName("agent", c.Agent)
}

func names(s policy.Scope) []string {
	out := []string{}
	for _, r := range s.Resources {
		out = append(out, r.Name.String())
	}
	return out
}

// Fit checks that c and the bound policy p belong together, and returns p
// narrowed to c's grant: the pin, the token's life and the scope hash,
// recomputed from policy and grant.
func (c *Claims) Fit(p *policy.Policy) (*policy.Policy, error) {
	if !c.Policy.Equal(p.Hash()) {
		return nil, ErrPolicy
	}
	// In seconds: as a Duration, a life of centuries overflows into a short one.
	if life := c.Expires - c.Issued; life <= 0 || life > int64(p.MaxTTL()/time.Second) {
		return nil, ErrTTL
	}
	if b := p.BreakGlass(); b != nil && time.Unix(c.Expires, 0).After(b.Expires) {
		return nil, ErrTTL
	}
	narrowed, err := p.Narrow(c.Grant(), nil)
	if err != nil {
		return nil, err
	}
	scope, err := narrowed.Scope().Hash()
	if err != nil {
		return nil, err
	}
	if !scope.Equal(c.Scope) {
		return nil, ErrScope
	}
	return narrowed, nil
}

// opaque lets keys of this house sign and verify for go-jose.
type opaque struct {
	seal.Signer
	seal.Verifier
}

func (o opaque) Public() *jose.JSONWebKey { return nil }

func (o opaque) Algs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.EdDSA}
}

func (o opaque) SignPayload(b []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	return o.Signer.Sign(b)
}

func (o opaque) VerifyPayload(b, sig []byte, _ jose.SignatureAlgorithm) error {
	if !o.Verifier.Verify(b, sig) {
		return ErrSignature
	}
	return nil
}

func compact(s seal.Signer, payload []byte) (string, error) {
	opts := (&jose.SignerOptions{}).WithType(mediaType).WithHeader("kid", seal.KeyID(s))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: opaque{Signer: s}}, opts)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return jws.CompactSerialize()
}

// Check verifies raw at now: signed by one of vs, with the one algorithm that
// this house uses, for audience, within its time. It knows nothing of
// revocation, and Fit says whether it holds under a policy. If the signature
// holds, the claims are returned even with an error, so that the refusal can be
// recorded against its job.
func Check(raw, audience string, now time.Time, vs ...seal.Verifier) (*Claims, error) {
	payload, err := verified(raw, vs)
	if err != nil {
		return nil, err
	}
	c := new(Claims)
	if err := seal.Decode(payload, c); err != nil {
		return nil, ErrMalformed
	}
	if CheckClaims(c) != nil {
		return nil, ErrMalformed
	}
	if c.Audience != audience {
		return c, ErrAudience
	}
	return c, c.At(now)
}

// At says why c, which Check has taken once, does not hold at now.
func (c *Claims) At(now time.Time) error {
	switch {
	case now.Add(Leeway).Before(time.Unix(c.Issued, 0)):
		return ErrNotYet
	case !now.Before(time.Unix(c.Expires, 0)):
		return ErrExpired
	}
	return nil
}

func verified(raw string, vs []seal.Verifier) ([]byte, error) {
	if len(raw) > MaxLength || !plain(raw) {
		return nil, ErrMalformed
	}
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(jws.Signatures) != 1 {
		return nil, ErrMalformed
	}
	h := jws.Signatures[0].Protected
	if typ, _ := h.ExtraHeaders[jose.HeaderType].(string); typ != mediaType {
		return nil, ErrMalformed
	}
	for _, v := range vs {
		if seal.KeyID(v) != h.KeyID {
			continue
		}
		if payload, err := jws.Verify(opaque{Verifier: v}); err == nil {
			return payload, nil
		}
	}
	return nil, ErrSignature
}

// plain reports whether every part of raw is in the one spelling of its bytes.
// Base64 decoders forgive line breaks and stray bits at the end, so one token
// could otherwise be written in many ways.
func plain(raw string) bool {
	for part := range strings.SplitSeq(raw, ".") {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || base64.RawURLEncoding.EncodeToString(b) != part {
			return false
		}
	}
	return true
}
