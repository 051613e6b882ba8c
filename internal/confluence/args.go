// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/seal"
)

// The bounds of arguments. Bytes are bytes of UTF-8, the rest are characters.
const (
	maxArgs     = 2 << 20 // bytes of all arguments
	maxBody     = 1 << 20 // bytes of a body, read or written
	defaultBody = 256 << 10
	maxTitle    = 255
	maxMessage  = 500
	maxLimit    = 25
	defaultHits = 10
	maxCQL      = 10000
)

// decode reads arguments strictly: what the schema does not name is refused.
func decode(args []byte, into any) error {
	if len(args) > maxArgs {
		return fault("bad_argument", "the arguments are longer than %d bytes; send less", maxArgs)
	}
	err := seal.Unmarshal(args, into)
	if e := (*seal.SyntaxError)(nil); errors.As(err, &e) {
		at := ""
		if e.Pointer != "" {
			at = " at " + e.Pointer
		}
		return fault("bad_argument", "the arguments are not right%s: %s; see the tool's schema", atlassian.Clean(at, 80), atlassian.Clean(e.Msg, 120))
	}
	return err
}

type getArgs struct {
	PageID   string `json:"page_id"`
	MaxBytes *int   `json:"max_bytes"`
}

func parseGet(args []byte) (*getArgs, error) {
	a := new(getArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	if a.MaxBytes == nil {
		n := defaultBody
		a.MaxBytes = &n
	}
	if *a.MaxBytes < 1 || *a.MaxBytes > maxBody {
		return nil, fault("bad_argument", "max_bytes is out of range; write 1 to %d", maxBody)
	}
	return a, checkID("page_id", a.PageID)
}

type searchArgs struct {
	CQL   string `json:"cql"`
	Limit *int   `json:"limit"`
}

func parseSearch(args []byte) (*searchArgs, error) {
	a := new(searchArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	if a.Limit == nil {
		n := defaultHits
		a.Limit = &n
	}
	switch {
	case *a.Limit < 1 || *a.Limit > maxLimit:
		return nil, fault("bad_argument", "limit is out of range; write 1 to %d", maxLimit)
	case len(a.CQL) > maxCQL:
		return nil, fault("bad_argument", "cql is longer than %d bytes; ask a narrower question", maxCQL)
	case strings.TrimSpace(a.CQL) == "":
		return nil, fault("bad_argument", `cql is empty; write a condition such as text ~ "rollback"`)
	}
	return a, nil
}

type createArgs struct {
	ParentID string `json:"parent_id"`
	Title    string `json:"title"`
	Body     string `json:"body_storage"`
	Message  string `json:"message"`
}

func parseCreate(args []byte) (*createArgs, error) {
	a := new(createArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	return a, firstError(checkID("parent_id", a.ParentID), checkTitle(a.Title), checkMessage(a.Message), checkBody(a.Body))
}

type updateArgs struct {
	PageID  string  `json:"page_id"`
	Version int     `json:"based_on_version"`
	Title   *string `json:"title"`
	Body    *string `json:"body_storage"`
	Message string  `json:"message"`
}

func parseUpdate(args []byte) (*updateArgs, error) {
	a := new(updateArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	switch {
	case a.Version < 1 || a.Version > 1<<31-2:
		return nil, fault("bad_argument", "based_on_version is missing or out of range; write the version that page.get returned")
	case a.Body == nil: // an empty body is one, a missing body is a mistake
		return nil, fault("bad_argument", "body_storage is missing; write the whole new body")
	case a.Title != nil:
		if err := checkTitle(*a.Title); err != nil {
			return nil, err
		}
	}
	return a, firstError(checkID("page_id", a.PageID), checkMessage(a.Message), checkBody(*a.Body))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkID(field, id string) error {
	if !isID(id) {
		return fault("bad_argument", "%s is not the id of a page; write its digits as text, such as \"123456\"", field)
	}
	return nil
}

func checkTitle(title string) error {
	switch {
	case title == "" || strings.TrimSpace(title) != title:
		return fault("bad_argument", "title is empty or begins or ends with a blank; write words")
	case utf8.RuneCountInString(title) > maxTitle:
		return fault("bad_argument", "title is longer than %d characters; shorten it", maxTitle)
	case !printable(title):
		return fault("bad_argument", "title holds control or invisible characters; leave them away")
	}
	return nil
}

func checkMessage(message string) error {
	switch {
	case utf8.RuneCountInString(message) > maxMessage:
		return fault("bad_argument", "message is longer than %d characters; shorten it", maxMessage)
	case !printable(message):
		return fault("bad_argument", "message holds control or invisible characters; write one line of text")
	}
	return nil
}

func checkBody(body string) error {
	if err := checkStorage(body); err != nil {
		return fault("bad_argument", "body_storage: %s", err)
	}
	return nil
}

// printable reports whether s is one line of visible characters. People must
// see in an approval what will be written.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError })
}
