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
	maxVersion  = 1<<31 - 2
	maxComment  = 64 << 10
	maxLabel    = 255
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

type searchArgs struct {
	CQL   string `json:"cql"`
	Limit *int   `json:"limit"`
}

func parseSearch(args []byte) (*searchArgs, error) {
	a := new(searchArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	if err := checkLimit(&a.Limit); err != nil {
		return nil, err
	}
	switch {
	case len(a.CQL) > maxCQL:
		return nil, fault("bad_argument", "cql is longer than %d bytes; ask a narrower question", maxCQL)
	case strings.TrimSpace(a.CQL) == "":
		return nil, fault("bad_argument", `cql is empty; write a condition such as text ~ "rollback"`)
	}
	return a, nil
}

type getArgs struct {
	PageID   string `json:"page_id"`
	MaxBytes *int   `json:"max_bytes"`
}

type listArgs struct {
	PageID string `json:"page_id"`
	Limit  *int   `json:"limit"`
}

type oneArgs struct {
	PageID string `json:"page_id"`
}

type attachmentArgs struct {
	PageID       string `json:"page_id"`
	AttachmentID string `json:"attachment_id"`
}

type versionArgs struct {
	PageID   string `json:"page_id"`
	Version  int    `json:"version"`
	MaxBytes *int   `json:"max_bytes"`
}

func parseGet(args []byte) (*getArgs, error) {
	a := new(getArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	return a, firstError(checkBytes(&a.MaxBytes), checkID("page_id", a.PageID))
}

func parseList(args []byte) (*listArgs, error) {
	a := new(listArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	return a, firstError(checkLimit(&a.Limit), checkID("page_id", a.PageID))
}

func parseOne(args []byte) (*oneArgs, error) {
	a := new(oneArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	return a, checkID("page_id", a.PageID)
}

func parseAttachment(args []byte) (*attachmentArgs, error) {
	a := new(attachmentArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	if !isID(strings.TrimPrefix(a.AttachmentID, "att")) {
		return nil, fault("bad_argument", "attachment_id is not the id of an attachment; write it as page.attachments returned it")
	}
	return a, checkID("page_id", a.PageID)
}

func parseVersion(args []byte) (*versionArgs, error) {
	a := new(versionArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	return a, firstError(checkBytes(&a.MaxBytes), checkVersion("version", a.Version), checkID("page_id", a.PageID))
}

// checkBytes gives a bound of bytes its default, and refuses one out of range.
func checkBytes(n **int) error { return checkBound("max_bytes", n, defaultBody, maxBody) }

func checkLimit(n **int) error { return checkBound("limit", n, defaultHits, maxLimit) }

func checkBound(field string, n **int, byDefault, most int) error {
	if *n == nil {
		*n = &byDefault
	}
	if **n < 1 || **n > most {
		return fault("bad_argument", "%s is out of range; write 1 to %d", field, most)
	}
	return nil
}

func checkVersion(field string, n int) error {
	if n < 1 || n > maxVersion {
		return fault("bad_argument", "%s is missing or out of range; write the number of a version", field)
	}
	return nil
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

// checkWhy refuses a message that is missing or is none.
func checkWhy(message string) error {
	if message == "" {
		return fault("bad_argument", "message is missing; write in a line why, for the record")
	}
	return checkMessage(message)
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
