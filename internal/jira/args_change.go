// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/clawea/clawea/seal"
)

// A based is what a change of an issue that was read says of itself.
type based struct {
	IssueKey string `json:"issue_key"`
	BasedOn  string `json:"based_on"`
	Message  string `json:"message"`
	Undoes   string `json:"undoes,omitempty"` // set if it takes back another: JOB/SEQ
	Entry    string `json:"entry,omitempty"`  // the entry of the changelog that it takes back
}

// The arguments of changes. The table tells agents of the same.
type (
	editArgs struct {
		based
		Fields       map[string]json.RawMessage `json:"fields,omitempty"`
		LabelsAdd    []string                   `json:"labels_add,omitempty"`
		LabelsRemove []string                   `json:"labels_remove,omitempty"`
		Drops        []string                   `json:"drops,omitempty"` // ids of what rich text loses on purpose
	}
	transitionArgs struct {
		based
		TransitionID string `json:"transition_id"`
	}
	assignArgs struct {
		based
		AccountID json.RawMessage `json:"account_id"` // a string, or null
	}
	linkArgs struct {
		IssueKey string `json:"issue_key"`
		Phrase   string `json:"phrase"`
		OtherKey string `json:"other_key"`
		Message  string `json:"message"`
	}
	// takeArgs take back one thing on an issue: a comment or a link.
	takeArgs struct {
		IssueKey  string `json:"issue_key"`
		CommentID string `json:"comment_id,omitempty"`
		LinkID    string `json:"link_id,omitempty"`
		Message   string `json:"message"`
		Undoes    string `json:"undoes"`
	}
)

const maxMessage = 300 // bytes

var (
	receiptName = regexp.MustCompile(`^[^/\s]{1,200}/[1-9][0-9]{0,15}$`)
	account     = regexp.MustCompile(`^[0-9A-Za-z:_-]{1,128}$`)
)

// checkMessage lets a message be one line of text.
func checkMessage(s string) error {
	if strings.TrimSpace(s) == "" || len(s) > maxMessage || !isText(s) || strings.ContainsAny(s, "\n\t") {
		return fault("bad_argument", "message: say in one line of at most %d bytes why the change is made", maxMessage)
	}
	return nil
}

// check reads what every change of an issue says, and returns the issue's key.
func (b *based) check() (string, error) {
	k, err := key(b.IssueKey)
	if err != nil {
		return "", err
	}
	switch {
	case b.BasedOn == "" || len(b.BasedOn) > 40:
		return "", fault("bad_argument", "based_on: give the version of the issue that issue.get returned")
	case b.Entry != "" && (b.Undoes == "" || !digits.MatchString(b.Entry)):
		return "", fault("bad_argument", "entry: name an entry of the changelog, with undoes only")
	}
	return k, checkMessage(b.Message)
}

// holds reports whether the issue is as it was in the version that the change is
// based on. Only what takes back another names that by Jira's own time.
func (b *based) holds(at *place) bool {
	return b.BasedOn == at.version() || b.Undoes != "" && b.BasedOn == at.Updated
}

// labelSet returns labels that are valid, each once, sorted. What takes back another
// change may bring back labels that hold what cannot be seen.
func (b *based) labelSet(name string, list []string) ([]string, error) {
	if len(list) > maxFields {
		return nil, fault("bad_argument", "%s: give at most %d labels", name, maxFields)
	}
	for _, l := range list {
		if l == "" || len(l) > 255 || strings.ContainsFunc(l, isBlank) || b.Undoes == "" && !isText(l) {
			return nil, fault("bad_argument", "%s: %q is not a label; write one word", name, short(l))
		}
	}
	out := slices.Sorted(slices.Values(list))
	return slices.Compact(out), nil
}

// unreserved refuses the label that says what was taken back: an issue that has it is
// quarantined, and only a person, or who takes that back, ends it.
func unreserved(labels []string) error {
	if !slices.Contains(labels, quarantineLabel) {
		return nil
	}
	return fault("bad_argument", "labels: %s is the house's own; have a person put it on or take it off", quarantineLabel)
}

func isBlank(r rune) bool { return strings.ContainsRune(" \t\r\n\u00a0\u2003\u3000", r) }

// assignee is the account that is meant; "" for nobody.
func (a *assignArgs) assignee() (string, error) {
	var id *string
	if len(a.AccountID) == 0 || seal.Unmarshal(a.AccountID, &id) != nil || id != nil && !account.MatchString(*id) {
		return "", fault("bad_argument", "account_id: give an account's id, or null for nobody")
	}
	if id == nil {
		return "", nil
	}
	return *id, nil
}
