// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// maxAnswer bounds the answers that are read here, in bytes: of the token
// endpoint, of introspection, and of refusals.
const maxAnswer = 256 << 10

// A prover makes proofs by one key, with the nonce that the house gave last.
type prover struct {
	key *token.ProofKey

	mu    sync.Mutex
	nonce string
}

// prove makes a proof for one request that goes with the token raw, or with
// none, and says which nonce is in it.
func (p *prover) prove(method, url, raw string) (proof, nonce string, err error) {
	claims := &token.Proof{ID: rand.Text(), Method: method, URL: url, Issued: time.Now().Unix()}
	if raw != "" {
		claims.Token = token.HashToken(raw)
	}
	p.mu.Lock()
	claims.Nonce = p.nonce
	p.mu.Unlock()
	proof, err = p.key.Prove(claims)
	return proof, claims.Nonce, err
}

// learn takes up the nonce of an answer, and reports whether it is another than
// the one that was used: other requests may have learned it meanwhile.
func (p *prover) learn(h http.Header, used string) bool {
	nonce := h.Get("DPoP-Nonce")
	if nonce == "" {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nonce = nonce
	return nonce != used
}

// A house is the other side, and the key that it knows us by.
type house struct {
	*prover
	url       string // without a slash at the end
	transport http.RoundTripper
}

func newHouse(address string, transport http.RoundTripper) (*house, error) {
	address, err := checkHouse(address)
	if err != nil {
		return nil, err
	}
	key, err := token.NewProofKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if transport == nil {
		transport = newTransport()
	}
	return &house{&prover{key: key}, address, transport}, nil
}

var errHouse = errors.New("the daemon's address is not one for tokens\nwrite it like https://clawea.example.com; http is for this machine only, like http://127.0.0.1:7433")

// checkHouse refuses addresses that tokens must not go to: RFC 6750 section 5.3.
func checkHouse(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", errHouse
	}
	here := u.Hostname() == "localhost"
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		here = ip.IsLoopback()
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && here) {
		return "", errHouse
	}
	return u.Scheme + "://" + u.Host, nil
}

func newTransport() http.RoundTripper {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  11 * time.Minute, // a little more than the house gives a model
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    64,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
}

// send sends r, whose whole body is given, with the token and a proof, and once
// more if the house wants its nonce in the proof (RFC 9449 section 9).
func (h *house) send(r *http.Request, body []byte, raw string) (*http.Response, error) {
	for again := false; ; again = true {
		res, nonce, err := h.once(r, body, raw)
		if err != nil {
			return nil, err
		}
		fresh := h.learn(res.Header, nonce)
		if again || !fresh || !wantsNonce(res) {
			return res, nil
		}
		io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)) // so that the connection can be used again
		res.Body.Close()
	}
}

func (h *house) once(r *http.Request, body []byte, raw string) (res *http.Response, nonce string, err error) {
	proof, nonce, err := h.prove(r.Method, h.url+r.URL.EscapedPath(), raw)
	if err != nil {
		return nil, "", err
	}
	out := r.Clone(r.Context())
	out.Header.Set("Authorization", token.SchemeDPoP+" "+raw)
	out.Header.Set("DPoP", proof)
	out.Body, out.ContentLength = http.NoBody, int64(len(body))
	out.TransferEncoding, out.Trailer = nil, nil // as it came, and not as it goes
	out.GetBody = nil                            // a transport that sent it twice would use the proof twice
	if len(body) > 0 {
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	res, err = h.transport.RoundTrip(out)
	return res, nonce, err
}

// wantsNonce reports whether res is the answer to a proof without the house's
// nonce (RFC 9449 section 9).
func wantsNonce(res *http.Response) bool {
	if res.StatusCode != http.StatusUnauthorized {
		return false
	}
	return asksForNonce(res.Header.Values("WWW-Authenticate"))
}

func asksForNonce(challenges []string) bool {
	for _, challenge := range challenges {
		scheme, params, _ := strings.Cut(challenge, " ")
		if strings.EqualFold(scheme, token.SchemeDPoP) && strings.Contains(params, `error="use_dpop_nonce"`) {
			return true
		}
	}
	return false
}

// A standing is what the house says of a token.
type standing struct {
	active bool
	code   string // why the house did not say, or why it is not active; may be ""
}

// look asks the house whether raw is good (RFC 7662), by the token itself.
func (h *house) look(ctx context.Context, raw string) (*standing, error) {
	body := []byte(url.Values{"token": {raw}}.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/oauth/introspect", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	res, err := h.send(r, body, raw)
	if err != nil {
		return nil, unreachable(err)
	}
	defer res.Body.Close()
	b, err := readAnswer(res)
	if err != nil {
		return nil, err
	}
	code := refusal(res.Header)
	if res.StatusCode != http.StatusOK {
		return nil, &OrderError{Status: res.StatusCode, Code: cmp.Or(code, oauthCode(b)), About: "the house does not say whether the token is good"}
	}
	var said struct {
		Active *bool `json:"active"`
	}
	if err := seal.Glance(b, &said); err != nil || said.Active == nil {
		return nil, &OrderError{Status: res.StatusCode, About: "the house does not say whether the token is good"}
	}
	return &standing{*said.Active, code}, nil
}

func readAnswer(res *http.Response) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("the house's answer broke off: %w\ntry again, and look into its log", err)
	}
	if len(b) > maxAnswer {
		return nil, fmt.Errorf("the house's answer is longer than %d bytes\nis this the address of a Clawea daemon?", maxAnswer)
	}
	return b, nil
}

// unreachable says that nothing came back.
func unreachable(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("the house does not answer: %w\nstart it with: clawea serve -config FILE", err)
}

// refusal returns the code by which an answer says that the token is refused,
// or "".
func refusal(h http.Header) string { return word(h.Get("Clawea-Refused")) }

// word keeps a code that came from outside, if it looks like one.
func word(s string) string {
	if len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return ""
	}
	return s
}

// ends reports whether a refusal's code ends the run. An action that is stopped
// does not: there are others.
func ends(code string) bool {
	return strings.HasSuffix(code, ".revoked") && code != token.Code(token.ErrActionRevoked)
}
