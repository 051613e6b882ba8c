// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
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
	// SearchLag is how long new pages and issues stay out of search results. Jira's reconcileIssues overrules it.
	SearchLag time.Duration
}

// Site is a simulated Atlassian Cloud site. Make one with [New].
type Site struct {
	now     func() time.Time
	baseURL string
	lag     time.Duration
	cloudID string
	secret  []byte // seals page cursors

	mu       sync.Mutex
	lastID   int64
	system   *account
	accounts map[string]*account // by account id
	spaces   map[string]*space   // by id
	nodes    map[string]*node    // pages and folders, by id
	comments map[string]*footerComment
	projects map[string]*project // by id
	issues   map[string]*issue   // by id
	keys     map[string]*issue   // by every key that an issue has ever had
	fields   []*field
	log      []Request
	throttle throttle
	hooks    []hook
}

// Request is an entry of the request log.
type Request struct {
	Method  string
	Path    string // as sent, decoded
	Query   url.Values
	Account string // account id; empty when the credentials were wrong
}

type throttle struct {
	left   int
	after  time.Duration
	reason string
}

type hook struct {
	match func(Request) bool
	do    func(Request)
}

// New returns an empty site: it has no spaces, no projects, and one account of its own, which is the author of what is
// seeded without an author.
func New(c Config) *Site {
	s := &Site{
		now:      c.Now,
		baseURL:  strings.TrimSuffix(c.BaseURL, "/"),
		lag:      c.SearchLag,
		cloudID:  newUUID(),
		secret:   []byte(rand.Text()),
		lastID:   10000,
		accounts: make(map[string]*account),
		spaces:   make(map[string]*space),
		nodes:    make(map[string]*node),
		comments: make(map[string]*footerComment),
		projects: make(map[string]*project),
		issues:   make(map[string]*issue),
		keys:     make(map[string]*issue),
		fields:   systemFields(),
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

// Throttle makes the site answer the next n authenticated requests with 429, the headers Retry-After (rounded up to whole
// seconds) and RateLimit-Reason, and no effect. Reasons in use are jira-quota-tenant-based, jira-burst-based and
// jira-per-issue-on-write.
func (s *Site) Throttle(n int, retryAfter time.Duration, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.throttle = throttle{left: n, after: retryAfter, reason: reason}
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
	query   url.Values
	vars    map[string]string
	body    []byte
	base    string // the site's address
	path    string
}

// reply is what an operation answers. A nil body sends none.
type reply struct {
	status int
	body   any
	header http.Header
}

func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

// ServeHTTP answers a request to the site's REST interfaces.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		send(w, failure(r.URL.Path, http.StatusRequestEntityTooLarge, "The request body is larger than 5 MB."))
		return
	}
	if r.URL.Path == "/_edge/tenant_info" && r.Method == http.MethodGet {
		send(w, ok(object{"cloudId": s.cloudID}))
		return
	}
	op, c, refusal := s.admit(r)
	if c.account != nil {
		w.Header().Set("X-AAccountId", c.account.id)
	}
	if refusal != nil {
		send(w, *refusal)
		return
	}
	c.body = body
	if op.write {
		s.runHooks(c.request(r.Method))
	}
	send(w, s.perform(op, c))
}

// perform runs an operation alone: no other request sees a state in between.
func (s *Site) perform(op *operation, c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	return op.handle(s, c)
}

// admit finds the operation, logs the request, and checks all that comes before the operation itself.
func (s *Site) admit(r *http.Request) (*operation, *call, *reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{account: s.authenticate(r), query: r.URL.Query(), base: s.base(r), path: r.URL.Path}
	s.log = append(s.log, c.request(r.Method))
	refuse := func(status int, text string) (*operation, *call, *reply) {
		refusal := failure(r.URL.Path, status, text)
		return nil, c, &refusal
	}
	if c.account == nil {
		_, c, refusal := refuse(http.StatusUnauthorized, "Client must be authenticated to access this resource.")
		refusal.header = http.Header{"Www-Authenticate": {`Basic realm="Atlassian"`}}
		return nil, c, refusal
	}
	if s.throttle.left > 0 {
		s.throttle.left--
		_, c, refusal := refuse(http.StatusTooManyRequests, "Rate limit exceeded.")
		refusal.header = s.throttle.header(s.now())
		return nil, c, refusal
	}
	op, vars, status := match(r.Method, r.URL.EscapedPath())
	switch status {
	case http.StatusNotFound:
		return refuse(status, "No resource is at this path.")
	case http.StatusMethodNotAllowed:
		return refuse(status, "The resource does not have this method.")
	}
	c.vars = vars
	if !c.account.may(op.scopes) {
		return refuse(http.StatusForbidden, "Forbidden; scope does not match")
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

func (t throttle) header(now time.Time) http.Header {
	seconds := int((t.after + time.Second - 1) / time.Second)
	h := make(http.Header)
	h.Set("Retry-After", strconv.Itoa(seconds))
	h.Set("RateLimit-Reason", t.reason)
	h.Set("X-RateLimit-Limit", "100")
	h.Set("X-RateLimit-Remaining", "0")
	h.Set("X-RateLimit-Reset", now.Add(t.after).UTC().Format(time.RFC3339))
	return h
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

func send(w http.ResponseWriter, rep reply) {
	for name, values := range rep.header {
		w.Header()[name] = values
	}
	if rep.body == nil {
		w.WriteHeader(rep.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(rep.status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	// A client that went away is its own affair.
	_ = enc.Encode(rep.body)
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
