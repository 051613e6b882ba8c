// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"strings"
	"unicode/utf8"

	pagebody "github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/token"
)

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
	PageID  string   `json:"page_id"`
	Version int      `json:"based_on_version"`
	Title   *string  `json:"title"`
	Body    *string  `json:"body_storage"`
	Message string   `json:"message"`
	Drops   []string `json:"drops"`
}

func parseUpdate(args []byte) (*updateArgs, error) {
	a := new(updateArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	switch {
	case a.Body == nil: // an empty body is one, a missing body is a mistake
		return nil, fault("bad_argument", "body_storage is missing; write the whole new body")
	case a.Title != nil:
		if err := checkTitle(*a.Title); err != nil {
			return nil, err
		}
	}
	return a, firstError(checkID("page_id", a.PageID), checkBased(a.Version), checkWhy(a.Message), checkBody(*a.Body))
}

type editArgs struct {
	PageID  string          `json:"page_id"`
	Version int             `json:"based_on_version"`
	Edits   []pagebody.Edit `json:"edits"`
	Message string          `json:"message"`
}

func parseEdit(args []byte) (*editArgs, error) {
	a := new(editArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	if len(a.Edits) == 0 || len(a.Edits) > pagebody.MaxEdits {
		return nil, fault("bad_argument", "edits are missing or too many; write 1 to %d", pagebody.MaxEdits)
	}
	return a, firstError(checkID("page_id", a.PageID), checkBased(a.Version), checkWhy(a.Message))
}

type labelArgs struct {
	PageID  string `json:"page_id"`
	Label   string `json:"label"`
	Version *int   `json:"based_on_version"`
	Message string `json:"message"`
	Undoes  string `json:"undoes"`
}

func parseLabel(args []byte) (*labelArgs, error) {
	a := new(labelArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	return a, firstError(checkID("page_id", a.PageID), checkLabel(a.Label), checkSince(a.Version), checkMessage(a.Message), checkUndoes(a.Undoes))
}

type commentArgs struct {
	PageID  string `json:"page_id"`
	Body    string `json:"body_storage"`
	Version *int   `json:"based_on_version"`
	Message string `json:"message"`
}

func parseComment(args []byte) (*commentArgs, error) {
	a := new(commentArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	if strings.TrimSpace(a.Body) == "" || len(a.Body) > maxComment {
		return nil, fault("bad_argument", "body_storage is empty or longer than %d bytes; write a comment", maxComment)
	}
	return a, firstError(checkID("page_id", a.PageID), checkSince(a.Version), checkMessage(a.Message), checkBody(a.Body))
}

type moveArgs struct {
	PageID   string `json:"page_id"`
	TargetID string `json:"target_id"`
	Version  int    `json:"based_on_version"`
	Message  string `json:"message"`
	Undoes   string `json:"undoes"`
}

func parseMove(args []byte) (*moveArgs, error) {
	a := new(moveArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	if a.PageID == a.TargetID {
		return nil, fault("bad_argument", "a page cannot be moved below itself; write another target_id")
	}
	return a, firstError(checkID("page_id", a.PageID), checkID("target_id", a.TargetID), checkBased(a.Version), checkWhy(a.Message), checkUndoes(a.Undoes))
}

type restoreArgs struct {
	PageID  string `json:"page_id"`
	Old     int    `json:"version"`
	Version int    `json:"based_on_version"`
	Message string `json:"message"`
	Undoes  string `json:"undoes"`
}

func parseRestore(args []byte) (*restoreArgs, error) {
	a := new(restoreArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	if a.Old >= a.Version {
		return nil, fault("bad_argument", "version is not before based_on_version; write the number of an older version")
	}
	return a, firstError(checkID("page_id", a.PageID), checkVersion("version", a.Old), checkBased(a.Version), checkWhy(a.Message), checkUndoes(a.Undoes))
}

type trashArgs struct {
	PageID  string `json:"page_id"`
	Version int    `json:"based_on_version"`
	Message string `json:"message"`
	Undoes  string `json:"undoes"`
}

func parseTrash(args []byte) (*trashArgs, error) {
	a := new(trashArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	return a, firstError(checkID("page_id", a.PageID), checkBased(a.Version), checkWhy(a.Message), checkUndoes(a.Undoes))
}

type commentDeleteArgs struct {
	CommentID string `json:"comment_id"`
	Version   *int   `json:"based_on_version"`
	Message   string `json:"message"`
	Undoes    string `json:"undoes"`
}

func parseCommentDelete(args []byte) (*commentDeleteArgs, error) {
	a := new(commentDeleteArgs)
	if err := decode(args, a); err != nil {
		return nil, err
	}
	if !isID(a.CommentID) {
		return nil, fault("bad_argument", "comment_id is not the id of a comment; write its digits as text, such as \"123456\"")
	}
	return a, firstError(checkSince(a.Version), checkWhy(a.Message), checkUndoes(a.Undoes))
}

func checkBased(n int) error {
	if n < 1 || n > maxVersion {
		return fault("bad_argument", "based_on_version is missing or out of range; write the version that page.get returned")
	}
	return nil
}

// checkSince checks a version that may be left away.
func checkSince(n *int) error {
	if n == nil {
		return nil
	}
	return checkBased(*n)
}

// checkUndoes checks the name of a receipt, JOB/SEQ, that may be left away.
func checkUndoes(s string) error {
	if s == "" {
		return nil
	}
	job, seq, ok := strings.Cut(s, "/")
	if !ok || token.CheckName("job", job) != nil || !isID(seq) {
		return fault("bad_argument", "undoes is not the name of a receipt; write JOB/SEQ, or leave it away")
	}
	return nil
}

// checkLabel takes what Confluence takes as one global label, in the form in
// which it keeps it.
func checkLabel(label string) error {
	switch {
	case label == "" || utf8.RuneCountInString(label) > maxLabel:
		return fault("bad_argument", "label is empty or longer than %d characters; write one label", maxLabel)
	case strings.ContainsAny(label, " :;,?!()#*&^@") || !printable(label):
		return fault("bad_argument", "label holds characters that labels do not have; use letters, digits, - and _")
	case strings.ToLower(label) != label:
		return fault("bad_argument", "label has capitals, and Confluence keeps labels in small letters; write it in small letters")
	}
	return nil
}
