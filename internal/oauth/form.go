// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxForm bounds a request's body, in bytes: a token or two of 64 KiB, encoded.
const maxForm = 256 << 10

// A form is the parameters of a request. Those without a value are left out, as
// if they had not been sent (RFC 6749 section 3.2).
type form map[string][]string

// readForm reads a request's parameters: from its body and nowhere else, so
// that no secret gets into a log of URLs.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	if r.URL.RawQuery != "" {
		return nil, bad(invalidRequest, "parameters belong into the body, not into the URL")
	}
	if typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || typ != "application/x-www-form-urlencoded" {
		return nil, bad(invalidRequest, "the body must be application/x-www-form-urlencoded")
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &fault{status: http.StatusRequestEntityTooLarge, code: invalidRequest, says: "the body is larger than 256 KiB"}
	}
	if err != nil {
		return nil, bad(invalidRequest, "the body broke off")
	}
	return parseForm(string(b))
}

// parseForm refuses what is there twice (RFC 6749 section 3.2), but for targets,
// of which there may be several (RFC 8693 section 2.1, RFC 8707 section 2).
func parseForm(body string) (form, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, bad(invalidRequest, "the body is not a form")
	}
	f := form{}
	for name, list := range values {
		if len(list) > 1 && name != "resource" && name != "audience" {
			return nil, bad(invalidRequest, "a parameter is there twice")
		}
		for _, v := range list {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return nil, bad(invalidRequest, "a parameter is not text")
			}
			if v != "" {
				f[name] = append(f[name], v)
			}
		}
	}
	return f, nil
}

// get returns the parameter, or "".
func (f form) get(name string) string {
	if len(f[name]) == 0 {
		return ""
	}
	return f[name][0]
}

// only says what is wrong with the form's targets, which must all be ours:
// tokens are for this house and nobody else.
func (f form) only(ours ...string) error {
	for _, name := range []string{"resource", "audience"} {
		for _, v := range f[name] {
			if !slices.Contains(ours, v) {
				return bad(invalidTarget, name+": tokens of this house are for "+ours[0]+" and nobody else")
			}
		}
	}
	return nil
}
