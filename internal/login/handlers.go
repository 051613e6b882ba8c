// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/clawea/clawea/seal"
)

const (
	maxBody = 256 << 10
	maxBack = 1 << 10
)

// A Route is a door of this package.
type Route struct {
	Pattern string // of http.ServeMux
	Handler http.Handler
}

// Routes lists the doors. What is for a script speaks JSON, and needs the header
// CSRFHeader where somebody is logged in; the rest redirects, and shows failures as
// Refuse does. The page /login itself is its user's.
func (d *Desk) Routes() []Route {
	return []Route{
		{"GET /login/{provider}", d.page(d.serveBegin)},
		{"GET /login/callback/{provider}", d.page(d.serveCallback)},
		{"GET /login/link/{link}", d.page(d.serveLink)},
		{"POST /login/passkey/begin", d.script(d.servePasskeyBegin)},
		{"POST /login/passkey/finish", d.script(d.servePasskeyFinish)},
		{"POST /logout", d.page(d.serveLogout)},
		{"GET /passkeys", d.script(d.servePasskeys)},
		{"POST /passkeys/begin", d.script(d.serveRegisterBegin)},
		{"POST /passkeys/finish", d.script(d.serveRegisterFinish)},
		{"POST /passkeys/{id}/revoke", d.page(d.serveRevoke)},
		{"POST /people/end", d.page(d.serveEnd)},
	}
}

// page serves what a browser goes to. The addresses here hold secrets: none goes on
// as a Referer, and nothing is kept.
func (d *Desk) page(f func(http.ResponseWriter, *http.Request) (to string, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		private(w)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		to, err := f(w, r)
		if err != nil {
			d.fail(w, r, err)
			return
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusSeeOther)
	})
}

func private(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

// fail shows a person what they may know of err, and the log the rest.
func (d *Desk) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := d.logged(r, err)
	if d.Refuse != nil {
		d.Refuse(w, r, e)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(e.Status)
	_, _ = io.WriteString(w, e.Error()+"\n") // a client that has gone hears nothing
}

// logged is what may be told of err. The path is not for the log: it may be a link.
func (d *Desk) logged(r *http.Request, err error) *Refusal {
	e := refusal(err)
	if e.Status >= http.StatusInternalServerError {
		d.Log.ErrorContext(r.Context(), "login failed", "code", e.Code, "err", e.err)
	} else if e.err != nil {
		d.Log.WarnContext(r.Context(), "login refused", "code", e.Code, "err", e.err)
	}
	return e
}

// problem is a refusal as scripts read it (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Code   string `json:"code"`
	Title  string `json:"title"`
	Hint   string `json:"hint"`
	Status int    `json:"status"`
}

// script serves what a page's script asks for.
func (d *Desk) script(f func(http.ResponseWriter, *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		private(w)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		status, kind := http.StatusOK, "application/json"
		v, err := f(w, r)
		if err != nil && browses(r) {
			d.fail(w, r, err)
			return
		}
		if err != nil {
			e := d.logged(r, err)
			status, kind = e.Status, "application/problem+json"
			v = problem{"urn:clawea:problem:" + e.Code, e.Code, e.Msg, e.Hint, e.Status}
		}
		b, err := seal.Marshal(v)
		if err != nil {
			d.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write(b) // a client that has gone hears nothing
	})
}

// browses reports whether a browser asks for a page to show: a person has typed the
// address of what is for scripts.
func browses(r *http.Request) bool {
	return r.Method == http.MethodGet && (r.Header.Get("Sec-Fetch-Mode") == "navigate" || strings.Contains(r.Header.Get("Accept"), "text/html"))
}

// body reads a script's request.
func body(r *http.Request, v any) error {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		return ErrBody.with(errors.New("not JSON"))
	}
	b, err := io.ReadAll(r.Body) // which script has bounded
	if err == nil {
		err = seal.Glance(b, v)
	}
	if err != nil {
		return ErrBody.with(err)
	}
	return nil
}

// visitor returns who sends a request that may change something.
func (d *Desk) visitor(r *http.Request) (*Person, error) {
	p, token, err := d.Session(r)
	if err != nil {
		return nil, err
	}
	return p, d.Checked(r, token)
}

// ours returns a path on the house's pages: back, if it is one, and else "/". A
// browser reads a backslash as a slash, and drops blanks.
func ours(back string) string {
	u, err := url.Parse(back)
	plain := !strings.ContainsFunc(back, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' })
	switch {
	case err != nil || !plain || len(back) > maxBack || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "",
		!strings.HasPrefix(back, "/"), strings.HasPrefix(u.Path, "//"), strings.HasPrefix(back, "//"),
		u.Path == "/logout", u.Path == "/login", strings.HasPrefix(u.Path, "/login/"):
		return "/"
	}
	return back
}

// serveBegin sends the browser to a provider: ?back=/path, and ?again=1 for a step-up.
func (d *Desk) serveBegin(w http.ResponseWriter, r *http.Request) (string, error) {
	if !d.secure && d.origin != "http://"+r.Host { // cookies of 127.0.0.1 are not sent to localhost
		return d.origin + r.URL.RequestURI(), nil
	}
	q := r.URL.Query()
	return d.Begin(w, r, r.PathValue("provider"), q.Get("back"), q.Get("again") == "1")
}

func (d *Desk) serveCallback(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.Method != http.MethodGet {
		return "", ErrTry.with(errors.New(r.Method))
	}
	_, back, err := d.Finish(w, r, r.PathValue("provider"))
	return back, err
}

// serveLink uses a link up, unless the browser only looks ahead.
func (d *Desk) serveLink(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.Method != http.MethodGet || r.Header.Get("Sec-Purpose") != "" || r.Header.Get("Purpose") != "" {
		return "", ErrLink.with(errors.New("nobody has opened it"))
	}
	_, err := d.UseLink(w, r, r.PathValue("link"))
	return "/account", err
}

func (d *Desk) serveLogout(w http.ResponseWriter, r *http.Request) (string, error) {
	_, err := d.visitor(r)
	if err != nil && !errors.Is(err, ErrNoSession) {
		return "", err
	}
	return "/login", d.End(w, r)
}

func (d *Desk) servePasskeyBegin(w http.ResponseWriter, r *http.Request) (any, error) {
	if err := d.mayAssert(r); err != nil {
		return nil, err
	}
	return d.PasskeyBegin(w, r)
}

func (d *Desk) servePasskeyFinish(w http.ResponseWriter, r *http.Request) (any, error) {
	if err := d.mayAssert(r); err != nil {
		return nil, err
	}
	answer := new(Asserted)
	if err := body(r, answer); err != nil {
		return nil, err
	}
	p, err := d.PasskeyFinish(w, r, answer)
	if err != nil {
		return nil, err
	}
	return me(p), nil
}

// mayAssert has the request come from one of the house's pages. Who is logged in has
// a token; who is about to log in has none.
func (d *Desk) mayAssert(r *http.Request) error {
	_, err := d.visitor(r)
	if errors.Is(err, ErrNoSession) {
		return d.sameSite(r)
	}
	return err
}

// Me is who is logged in, as a script reads it.
type Me struct {
	Key   string `json:"key"`
	Name  string `json:"name"`
	Roles []Role `json:"roles"`
}

func me(p *Person) *Me { return &Me{p.Key, p.Name, append([]Role{}, p.Roles...)} }

// servePasskeys lists one's own passkeys, and with ?all=1 everybody's for
// administrators.
func (d *Desk) servePasskeys(_ http.ResponseWriter, r *http.Request) (any, error) {
	p, _, err := d.Session(r)
	if err != nil {
		return nil, err
	}
	person := p.ID
	if r.URL.Query().Get("all") == "1" && p.Has(Admin) {
		person = ""
	}
	list, err := d.Passkeys(r.Context(), person)
	return map[string][]PasskeyInfo{"passkeys": list}, err
}

func (d *Desk) serveRegisterBegin(w http.ResponseWriter, r *http.Request) (any, error) {
	p, err := d.visitor(r)
	if err != nil {
		return nil, err
	}
	return d.RegisterBegin(w, r, p)
}

func (d *Desk) serveRegisterFinish(w http.ResponseWriter, r *http.Request) (any, error) {
	p, err := d.visitor(r)
	if err != nil {
		return nil, err
	}
	answer := new(Created)
	if err := body(r, answer); err != nil {
		return nil, err
	}
	if err := d.RegisterFinish(w, r, p, answer); err != nil {
		return nil, err
	}
	return me(p), nil
}

// serveEnd is for a form of administrators: it ends the sessions of whom the field
// "person" names.
func (d *Desk) serveEnd(_ http.ResponseWriter, r *http.Request) (string, error) {
	p, err := d.visitor(r)
	if err != nil {
		return "", err
	}
	return ours(r.PostForm.Get("back")), d.EndOf(r.Context(), p, r.PostForm.Get("person"))
}

// serveRevoke is for a form: it works without a script. The field "back" is where the
// person goes then.
func (d *Desk) serveRevoke(_ http.ResponseWriter, r *http.Request) (string, error) {
	p, err := d.visitor(r)
	if err != nil {
		return "", err
	}
	return ours(cmp.Or(r.PostForm.Get("back"), "/account")), d.Revoke(r.Context(), p, r.PathValue("id"))
}
