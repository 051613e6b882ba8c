// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// maxBody bounds a request, in bytes: the most that a house can be told to take
// for a model.
const maxBody = 64 << 20

// credentials are headers by which programs show who they are. What the program
// believes to be its credentials is nobody else's business.
var credentials = []string{"Authorization", "Proxy-Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Dpop", "Cookie"}

// withheld are headers of the house's that are between it and us. A challenge
// would make a client start to authenticate for itself.
var withheld = []string{"Www-Authenticate", "Dpop-Nonce", "Set-Cookie"}

// ServeHTTP passes one request of the program's to the house.
func (s *Sidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := s.admit(r)
	if !ok {
		w.Header().Set("Connection", "close") // with what else it may send
		http.NotFound(w, r)
		return
	}
	if !s.door.welcome(r.Context()) {
		w.Header().Set("Connection", "close")
		tell(w, http.StatusServiceUnavailable, "too_many", fmt.Sprintf("there are %d connections already. Close some.", maxGuests))
		return
	}
	if why := s.Err(); why != nil {
		over(w, why)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		tell(w, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the request is longer than %d bytes. Send less.", maxBody))
		return
	}
	if err != nil {
		tell(w, http.StatusBadRequest, "bad_request", "the request broke off. Send it again.")
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.life, cancel)() // what is under way ends with the rest
	s.forward(w, r.WithContext(ctx), rest, body)
}

// admit returns where in the house r is to go. It is false for whoever does not
// know the secret, and for browsers, which say where they come from and may be
// led here under another name (DNS rebinding).
func (s *Sidecar) admit(r *http.Request) (rest string, ok bool) {
	secret, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	rest = "/" + rest
	known := subtle.ConstantTimeCompare([]byte(secret), []byte(s.secret)) == 1
	if !known || r.Host != s.host || len(r.Header.Values("Origin")) > 0 {
		return "", false
	}
	if r.URL.RawPath != "" || path.Clean(rest) != rest { // one spelling, so that nothing climbs out
		return "", false
	}
	if rest == localPath || strings.HasPrefix(rest, localPath+"/") {
		return rest, s.guards(r)
	}
	return rest, rest == "/mcp" || strings.HasPrefix(rest, "/proxy/") || strings.HasPrefix(rest, "/v1/receipts/") && r.Method == http.MethodGet
}

// localPath is where the program's own tools are asked about.
const localPath = "/v1/local"

// GuardHeader is where the plugin shows the secret of Config.Guard: other parts of the
// program, and what it starts, know the way here as well.
const GuardHeader = "Clawea-Guard"

func (s *Sidecar) guards(r *http.Request) bool {
	given := r.Header.Values(GuardHeader)
	return s.guard != "" && len(given) == 1 && r.Method == http.MethodPost && subtle.ConstantTimeCompare([]byte(given[0]), []byte(s.guard)) == 1
}

func (s *Sidecar) forward(w http.ResponseWriter, r *http.Request, rest string, body []byte) {
	held := s.keeper.now()
	p := &httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { s.rewrite(p.Out, rest, held.Claims) },
		Transport:      roundTrip(func(out *http.Request) (*http.Response, error) { return s.house.send(out, body, held.Raw) }),
		FlushInterval:  -1, // streams arrive as they come
		ModifyResponse: func(res *http.Response) error { return s.answered(res, held.Claims.Job) },
		ErrorHandler:   s.failed,
		ErrorLog:       quiet,
	}
	r.Body = http.NoBody // it has been read
	p.ServeHTTP(w, r)
}

// quiet drops what the reverse proxy would say of broken connections: nobody
// can do anything about them, and the receipts have them.
var quiet = log.New(io.Discard, "", 0)

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// rewrite turns the program's request into ours.
func (s *Sidecar) rewrite(out *http.Request, rest string, c *token.Claims) {
	u, err := url.Parse(s.house.url + rest)
	if err != nil { // unreachable: the house's address was parsed, and rest is clean
		u = &url.URL{}
	}
	u.RawQuery = out.URL.RawQuery
	out.URL, out.Host = u, ""
	for _, name := range credentials {
		out.Header.Del(name)
	}
	for name := range out.Header {
		if strings.HasPrefix(name, "Clawea-") {
			delete(out.Header, name)
		}
	}
	out.Header.Del("Upgrade") // no other protocols
	out.Header.Del("Connection")
	out.Header.Del("Expect")
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", "clawea-run")
	}
	out.Header.Set("Clawea-Job", c.Job)
	out.Header.Set("Clawea-Policy", c.Policy.String())
}

var errRedirect = errors.New("the house points elsewhere")

// answered looks at an answer before the program does.
func (s *Sidecar) answered(res *http.Response, job string) error {
	switch code := refusal(res.Header); {
	case ends(code):
		s.stop(&Revoked{code})
		return s.Err() // the program is told in our words: this answer is cut off with the rest
	case code == token.Code(token.ErrExpired):
		s.keeper.hurry()
	}
	if name, seq, ok := strings.Cut(res.Header.Get("Clawea-Receipt"), "/"); ok && name == job {
		s.cite(seq)
	}
	if res.StatusCode >= 300 && res.StatusCode < 400 && res.StatusCode != http.StatusNotModified {
		return errRedirect
	}
	for _, name := range withheld {
		res.Header.Del(name)
	}
	return nil
}

// cite remembers the highest number.
func (s *Sidecar) cite(seq string) {
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil {
		return
	}
	for old := s.cited.Load(); n > old && !s.cited.CompareAndSwap(old, n); old = s.cited.Load() {
	}
}

// failed answers where the house did not.
func (s *Sidecar) failed(w http.ResponseWriter, r *http.Request, err error) {
	if why := s.Err(); why != nil {
		over(w, why)
		return
	}
	if r.Context().Err() != nil {
		return // the program has gone
	}
	if errors.Is(err, errRedirect) {
		tell(w, http.StatusBadGateway, "redirect", "the house points elsewhere, and what is sent there would not be governed. Start the run with the house's own address.")
		return
	}
	s.log.WarnContext(r.Context(), "house not reached", "error", err)
	tell(w, http.StatusBadGateway, "unreachable", "the house does not answer. Try again in a moment; the call may have happened.")
}

// over answers what comes too late.
func over(w http.ResponseWriter, why error) {
	code := "over"
	if r := (*Revoked)(nil); errors.As(why, &r) {
		code = r.Code
		w.Header().Set("Clawea-Refused", code)
	}
	tell(w, http.StatusForbidden, code, "the run is over, and nothing more can be done in it.")
}

// A complaint is an error in the shape that clients of either dialect read.
type complaint struct {
	Type  string `json:"type"` // "error"
	Error struct {
		Type    string `json:"type"`
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func tell(w http.ResponseWriter, status int, code, message string) {
	c := complaint{Type: "error"}
	c.Error.Type, c.Error.Code, c.Error.Message = "clawea_error", code, message
	b, err := seal.Marshal(&c)
	if err != nil { // unreachable: three texts
		b = nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(b)
}

// Base returns the base URL that clients of a provider's own kind want for a
// route: OpenAI's clients want the version in it, Anthropic's do not.
func (s *Sidecar) Base(r api.Route) string { return BaseURL(s.url, r) }

// BaseURL is Base for a sidecar that is at sidecar, which may be starting yet.
func BaseURL(sidecar string, r api.Route) string {
	base := sidecar + "/proxy/" + url.PathEscape(r.Name)
	if r.Dialect == "openai" || r.Dialect == "fal" { // whose clients are OpenAI's
		base += "/v1"
	}
	return base
}
