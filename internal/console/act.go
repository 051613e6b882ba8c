// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/clawea/clawea/internal/store"
)

// maxForm bounds what a form sends, in bytes: a policy, spelled as forms do.
const maxForm = 1 << 20

// act serves a form that changes something, if it comes from our page. f does it, and
// says where the person goes then.
func (c *Console) act(w http.ResponseWriter, r *http.Request, f func() (to string, err error)) {
	if err := c.checked(w, r); err != nil {
		c.object(w, r, err)
		return
	}
	to, err := f()
	if err != nil {
		c.object(w, r, err)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// checked fails unless a form comes from our page, by who is logged in. It reads it. A
// form of several parts says nothing here, unless uploaded has read it.
func (c *Console) checked(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); errors.As(err, new(*http.MaxBytesError)) {
		return errForm
	} // whatever else it is: without the session's token it is refused
	return c.Passkeys.Check(r)
}

var errForm = errors.New("the form holds more than the house reads\nsend less: a policy has 256 KiB at most")

// maxParts is how many parts a form with a file has, at most.
const maxParts = 16

// uploaded reads a form of several parts, for the pages that take a file: into memory,
// as r.PostForm, the file as a field. Any other form it leaves alone, and one that
// cannot be read is empty.
func uploaded(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil
	}
	r.PostForm = url.Values{}
	fields := url.Values{}
	for range maxParts {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			r.PostForm = fields
			return nil
		}
		var b []byte
		if err == nil {
			b, err = io.ReadAll(p)
		}
		if errors.As(err, new(*http.MaxBytesError)) {
			return errForm
		}
		if err != nil {
			return nil
		}
		fields.Add(p.FormName(), string(b))
	}
	return nil
}

// object tells a person why nothing was done: two lines, where err is so.
func (c *Console) object(w http.ResponseWriter, r *http.Request, err error) {
	if wrong, mends, ok := strings.Cut(err.Error(), "\n"); ok && !errors.Is(err, store.ErrNotFound) {
		c.say(w, r, http.StatusConflict, sentence(wrong), sentence(mends)+" Nothing was changed.")
		return
	}
	c.fail(w, r, err)
}

// sentence is a line of an error as pages have it.
func sentence(s string) string {
	s = Whole(strings.TrimSpace(s))
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}
