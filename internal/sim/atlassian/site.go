// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxBody is the size limit of a request body in bytes, as the pages operations document it.
const maxBody = 5 << 20

// Config sets up a site. The zero Config is ready to use.
type Config struct {
	// Now tells the time; time.Now if nil.
	Now func() time.Time
	// BaseURL is the site's address in links, without a trailing slash: https://example.atlassian.net. If empty, links
	// point to the host that the request was sent to.
	BaseURL string
	// SearchLag is how long new pages and issues stay out of search results, and changed issues are found by what they were
	// before. Jira's reconcileIssues overrules it.
	SearchLag time.Duration
	// DataCenter makes the site a pair of Data Center products, behind one address and with the same data: Jira with REST
	// version 2, user names and texts in wiki markup; Confluence with version 1 alone, without /wiki. Personal access
	// tokens and passwords are the accounts' tokens, and there are no scopes.
	DataCenter bool
	// LegacyContent keeps the removed interface /wiki/rest/api/content on a Cloud site, as sites had it before.
	LegacyContent bool
	// MediaURL is the address of the other host that attachments are downloaded from, without a trailing slash; see
	// [Site.Media].
	MediaURL string
	// TokenLife is how long access tokens live; an hour if 0.
	TokenLife time.Duration
	// RefreshLeeway is how long a refresh token that was used can be used again, for a client that lost the answer. After
	// that its use revokes all that came of the consent.
	RefreshLeeway time.Duration
}

// Site is a simulated Atlassian site. Make one with [New].
type Site struct {
	config     Config
	now        func() time.Time
	baseURL    string
	lag        time.Duration
	cloudID    string
	secret     []byte // seals page cursors
	operations []operation

	mu          sync.Mutex
	lastID      int64
	system      *account
	accounts    map[string]*account // by account id
	credentials []*credential
	oauth       authority
	spaces      map[string]*space // by id
	nodes       map[string]*node  // pages and folders, by id
	comments    map[string]*pageComment
	attachments map[string]*attachment
	projects    map[string]*project // by id
	issues      map[string]*issue   // by id
	keys        map[string]*issue   // by every key that an issue has ever had
	fields      []*field
	tasks       map[string]object // finished ones, by id
	log         []Request
	media       []MediaRequest
	throttle    throttle
	limits      *limiter
	hooks       []hook
	intercepts  []func(Stage, Request) Fault
}

// Request is an entry of the request log.
type Request struct {
	Method  string
	Path    string // as sent, decoded
	Query   url.Values
	Account string // account id; empty when the credentials were wrong
}

type hook struct {
	match func(Request) bool
	do    func(Request)
}

// New returns an empty site: it has no spaces, no projects, and one account of its own, which is the author of what is
// seeded without an author.
func New(c Config) *Site {
	s := &Site{
		config:      c,
		now:         c.Now,
		baseURL:     strings.TrimSuffix(c.BaseURL, "/"),
		lag:         c.SearchLag,
		cloudID:     newUUID(),
		secret:      []byte(rand.Text()),
		operations:  operations(c),
		lastID:      10000,
		accounts:    make(map[string]*account),
		oauth:       newAuthority(),
		spaces:      make(map[string]*space),
		nodes:       make(map[string]*node),
		comments:    make(map[string]*pageComment),
		attachments: make(map[string]*attachment),
		projects:    make(map[string]*project),
		issues:      make(map[string]*issue),
		keys:        make(map[string]*issue),
		fields:      systemFields(),
		tasks:       make(map[string]object),
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.system = s.addAccount(Account{Name: "Site Editor", Email: "editor@site.invalid"})
	return s
}

// CloudID returns the id that /_edge/tenant_info answers with.
func (s *Site) CloudID() string { return s.cloudID }

// Requests returns the log of all requests so far, oldest first, refused ones included.
func (s *Site) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.log...)
}

// OnWrite calls do before every request that writes, is authorised, and for which match returns true (nil matches all).
// The site is not locked meanwhile: do can call its methods, to be the editor who comes in between a client's read and
// its write. Hooks add up; a hook that should act once must count for itself.
func (s *Site) OnWrite(match func(Request) bool, do func(Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = append(s.hooks, hook{match, do})
}

// object is a JSON object of a response.
type object map[string]any

// call is one request on its way through an operation.
type call struct {
	account *account
	scopes  []string // of the credential
	method  string
	query   url.Values
	vars    map[string]string
	body    []byte
	base    string // the site's address
	door    string // the address that the request came in by: the site's, or the gateway's with the product and cloud id
	path    string // without the gateway's part
	v2      bool   // speaks version 2 of Jira's interface, as Data Center does
}

// rest is the address of Jira's interface that the request uses.
func (c *call) rest() string {
	if c.v2 {
		return c.door + "/rest/api/2"
	}
	return c.door + "/rest/api/3"
}

// reply is what an operation answers. A nil body sends none.
type reply struct {
	status int
	body   any
	raw    []byte // in the place of a body: what is not JSON
	header http.Header
}

func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

// ServeHTTP answers a request to the site's REST interfaces, to the gateway before them, or to the authorization server.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		send(w, failure(r.URL.Path, http.StatusRequestEntityTooLarge, "The request body is larger than 5 MB."))
		return
	}
	if rep, found := s.frontDoor(r, body); found {
		send(w, rep)
		return
	}
	op, c, refusal := s.admit(r)
	switch {
	case c.account == nil:
	case s.config.DataCenter:
		w.Header().Set("X-AUSERNAME", c.account.Username)
	default:
		w.Header().Set("X-AAccountId", c.account.id)
	}
	if refusal != nil {
		send(w, *refusal)
		return
	}
	c.body = body
	seen := c.request(r.Method)
	if s.strike(w, Received, seen) {
		return
	}
	if op.write {
		s.runHooks(seen)
	}
	rep := s.perform(op, c)
	if s.strike(w, Applied, seen) {
		return
	}
	send(w, rep)
	s.strike(w, Answered, seen)
}

// perform runs an operation alone: no other request sees a state in between.
func (s *Site) perform(op *operation, c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	rep := fit(c, op.handle(s, c))
	s.limits.warn(&rep)
	return rep
}

// admit finds the operation, logs the request, and checks all that comes before the operation itself.
func (s *Site) admit(r *http.Request) (*operation, *call, *reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	base := s.base(r)
	c := &call{method: r.Method, query: r.URL.Query(), base: base, door: base, path: r.URL.Path, v2: s.config.DataCenter}
	held, closed := s.authenticate(r)
	escaped, refusal := r.URL.EscapedPath(), closed
	if gateway, rest, found := s.gateway(r.URL.EscapedPath()); found && !s.config.DataCenter {
		escaped, c.door = rest, base+gateway
		c.path, _ = url.PathUnescape(rest)
	}
	if held != nil {
		c.account, c.scopes = held.account, held.scopes
	}
	seen := c.request(r.Method)
	seen.Path = r.URL.Path
	s.log = append(s.log, seen)
	if refusal == nil && c.account == nil {
		refusal = s.unauthorized(c)
	}
	if refusal == nil {
		refusal = s.throttled(c)
	}
	if refusal != nil {
		return nil, c, refusal
	}
	return s.admitTo(c, r, held, escaped)
}

// admitTo finds the operation and checks that the credential may use it, in the form in which the request came.
func (s *Site) admitTo(c *call, r *http.Request, held *credential, escaped string) (*operation, *call, *reply) {
	refuse := func(status int, text string) (*operation, *call, *reply) {
		refusal := failure(c.path, status, text)
		return nil, c, &refusal
	}
	op, vars, status := s.match(r.Method, escaped)
	switch status {
	case http.StatusNotFound:
		return refuse(status, "No resource is at this path.")
	case http.StatusMethodNotAllowed:
		return refuse(status, "The resource does not have this method.")
	}
	c.vars = vars
	if !s.config.DataCenter && !c.may(op.scopes) {
		if held.bearer {
			refusal := gatewayError(http.StatusUnauthorized, "Unauthorized; scope does not match")
			return nil, c, &refusal
		}
		return refuse(http.StatusForbidden, "Forbidden; scope does not match")
	}
	if refusal := s.limited(op, c); refusal != nil {
		return nil, c, refusal
	}
	if r.ContentLength != 0 && op.takesBody() && !isJSON(r) {
		return refuse(http.StatusUnsupportedMediaType, "The request body must be application/json.")
	}
	return op, c, nil
}

func isJSON(r *http.Request) bool {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(media), "application/json")
}

func (s *Site) runHooks(r Request) {
	s.mu.Lock()
	hooks := append([]hook(nil), s.hooks...)
	s.mu.Unlock()
	for _, h := range hooks {
		if h.match == nil || h.match(r) {
			h.do(r)
		}
	}
}

func (c *call) request(method string) Request {
	r := Request{Method: method, Path: c.path, Query: c.query}
	if c.account != nil {
		r.Account = c.account.id
	}
	return r
}

// base returns the site's address as the client knows it.
func (s *Site) base(r *http.Request) string {
	if s.baseURL != "" {
		return s.baseURL
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// send answers. It tells the length and flushes, so that the client has the answer when send returns.
func send(w http.ResponseWriter, rep reply) {
	for name, values := range rep.header {
		w.Header()[name] = values
	}
	var text bytes.Buffer
	if rep.body != nil {
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(rep.body); err != nil {
			panic(err) // unreachable: what the site keeps is JSON
		}
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/json")
		}
		w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	}
	if rep.raw != nil {
		text.Write(rep.raw)
	}
	w.WriteHeader(rep.status)
	// A client that went away is its own affair.
	_, _ = w.Write(text.Bytes())
	_ = http.NewResponseController(w).Flush()
}

// newID returns a numeric id; no two objects of a site ever have the same.
func (s *Site) newID() string {
	s.lastID++
	return strconv.FormatInt(s.lastID, 10)
}

func newUUID() string {
	var b [16]byte
	// Read never fails; see crypto/rand.
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
