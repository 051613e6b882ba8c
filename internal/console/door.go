// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/internal/store"
)

// contentPolicy lets a page load its own style sheet and script, and nothing
// else; nothing that is in it runs.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"

// Protect sets the headers that every page of the house has: those of the console
// and those that others make for it.
func Protect(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
}

// patience bounds how long the database is asked for one page.
const patience = 15 * time.Second

type personKey struct{}

// whoIs is the person whose request ctx is of. Behind guard it is never nil, but
// for public routes.
func whoIs(ctx context.Context) *Person {
	p, _ := ctx.Value(personKey{}).(*Person)
	return p
}

// guard lets those through to a route who may see it.
func (c *Console) guard(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Protect(w.Header())
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		r = r.WithContext(ctx)
		if rt.roles == nil {
			rt.serve(w, r)
			return
		}
		p, err := c.Door.Person(r)
		switch {
		case err != nil:
			c.Log.ErrorContext(ctx, "nobody can be told from nobody", "err", err)
			c.say(w, r, http.StatusServiceUnavailable, "Who you are cannot be told just now", "The database may be out of reach. Try again in a moment; the house's log says more.")
		case p == nil && scripted(r): // whose session has ended since they loaded the page
			back := "/login?" + url.Values{"back": {path.Dir(r.URL.Path)}}.Encode()
			c.tell(w, r, http.StatusUnauthorized, &complaint{"you are not logged in, or no longer", "log in, and answer then", "no_session", back})
		case p == nil:
			http.Redirect(w, r, "/login?back="+url.QueryEscape(local(r)), http.StatusSeeOther)
		default:
			c.let(w, r.WithContext(context.WithValue(ctx, personKey{}, p)), rt, p)
		}
	})
}

// let serves p, or says why not.
func (c *Console) let(w http.ResponseWriter, r *http.Request, rt route, p *Person) {
	switch {
	case len(p.Roles) == 0:
		c.say(w, r, http.StatusForbidden, "You have no role in this house", "You are signed in, and nobody has given you a role. An admin gives roles in your identity provider; sign in again after that.")
	case !p.may(rt.roles):
		c.say(w, r, http.StatusForbidden, "This page is not for your role", "It is for these roles: "+strings.Join(rt.roles, ", ")+". Ask an admin of this house if you need one of them.")
	case !utf8.ValidString(r.URL.Path) || strings.ContainsRune(r.URL.Path, 0) || !utf8.ValidString(unescaped(r)) || strings.ContainsRune(unescaped(r), 0):
		c.lost(w, r) // no name is spelled so, and not every database could be asked for it
	default:
		rt.serve(w, r)
	}
}

// unescaped is the query as it is meant.
func unescaped(r *http.Request) string {
	s, err := url.QueryUnescape(r.URL.RawQuery)
	if err != nil {
		return "\x00"
	}
	return s
}

// local is where a person comes back to after signing in: this page.
func local(r *http.Request) string {
	if r.Method != http.MethodGet || strings.HasPrefix(r.URL.Path, "//") || strings.HasPrefix(r.URL.Path, `/\`) {
		return "/"
	}
	return r.URL.RequestURI()
}

// A frame is what every page has around it.
type frame struct {
	Title  string
	House  string
	Person *Person // nil: nobody is known
	Tabs   []tab
	Assets map[string]string
}

func (c *Console) frame(r *http.Request, title string) frame {
	f := frame{Title: title, House: c.House, Person: whoIs(r.Context()), Assets: assetNames()}
	if f.Person != nil {
		f.Tabs = tabs(f.Person, r.URL.Path)
	}
	return f
}

// MayJobs reports whether links to jobs lead anywhere for who looks.
func (f *frame) MayJobs() bool { return f.Person != nil && f.Person.may(watchers) }

// MayRead reports whether links to texts and to questions do.
func (f *frame) MayRead() bool { return f.Person != nil && f.Person.may(readers) }

// MayPropose reports whether who looks may begin drafts of policies.
func (f *frame) MayPropose() bool { return f.Person != nil && f.Person.may(proposers) }

// MaySign is for who signs policies, as their keys are listed.
func (f *frame) MaySign() bool { return f.Person != nil && f.Person.may(signers) }

// MayPublish is for who publishes them, and proofs.
func (f *frame) MayPublish() bool { return f.Person != nil && f.Person.may(operators) }

// MayDiscard is for who takes drafts away.
func (f *frame) MayDiscard() bool { return f.Person != nil && f.Person.may(discarders) }

// MayStop is for who revokes.
func (f *frame) MayStop() bool { return f.Person != nil && f.Person.may(operators) }

// A notice is a page of two sentences.
type notice struct {
	frame
	Says string
}

// Say writes a page that says what is wrong, and what mends it, for those who serve
// pages beside the console.
func (c *Console) Say(w http.ResponseWriter, r *http.Request, status int, what, mends string) {
	Protect(w.Header())
	if p, err := c.Door.Person(r); err == nil && p != nil {
		r = r.WithContext(context.WithValue(r.Context(), personKey{}, p))
	}
	c.say(w, r, status, what, mends)
}

// say writes a page that says what is wrong, and what mends it, or the same for a
// page's script.
func (c *Console) say(w http.ResponseWriter, r *http.Request, status int, what, mends string) {
	if scripted(r) {
		c.tell(w, r, status, &complaint{Title: what, Hint: mends})
		return
	}
	c.write(w, r, status, "notice", &notice{c.frame(r, what), mends})
}

func (c *Console) lost(w http.ResponseWriter, r *http.Request) {
	c.say(w, r, http.StatusNotFound, "There is nothing here", "What you look for may be spelled otherwise, or belong to another house. Begin with the overview.")
}

// fail tells the person what they may know of err, and the log the rest.
func (c *Console) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, store.ErrNotFound) {
		c.lost(w, r)
		return
	}
	c.Log.ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "err", err)
	if errors.Is(err, context.DeadlineExceeded) {
		c.say(w, r, http.StatusServiceUnavailable, "That takes too long", "Narrow the search: name an agent, a job or a shorter time.")
		return
	}
	c.say(w, r, http.StatusInternalServerError, "This page cannot be shown", "Something is wrong with the house, and its log says what. Nothing was changed.")
}

// refuse answers a request that means nothing.
func (c *Console) refuse(w http.ResponseWriter, r *http.Request, mends string) {
	c.say(w, r, http.StatusBadRequest, "That search cannot be read", mends)
}

// show writes a page.
func (c *Console) show(w http.ResponseWriter, r *http.Request, name string, data any) {
	c.write(w, r, http.StatusOK, name, data)
}

// write executes a template as a whole before the first byte is sent.
func (c *Console) write(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil { // unreachable: tests execute every page
		c.Log.ErrorContext(r.Context(), "page cannot be written", "page", name, "err", err)
		http.Error(w, "this page cannot be shown; the house's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if _, err := w.Write(visibleOnly(b.Bytes())); err != nil {
		c.Log.DebugContext(r.Context(), "reader gone", "err", err)
	}
}

// unseen stands for a character that people cannot see and that nobody has made
// visible.
const unseen = '\uFFFD'

// visibleOnly is a page without characters that people cannot see. Templates write them
// as what they are; this is for what one of them forgets.
func visibleOnly(b []byte) []byte {
	if page.IsText(string(b)) {
		return b
	}
	return bytes.Map(func(r rune) rune {
		if !page.IsText(string(r)) {
			return unseen
		}
		return r
	}, b)
}
