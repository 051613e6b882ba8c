// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"crypto/subtle"
	"net/http"
	"slices"
)

// Account is a person or service that may call the site, with one API token.
type Account struct {
	Email string
	Token string // an account without a token cannot log in
	Name  string
	// Scopes are the granular scopes of the token; without any it may do nothing.
	Scopes []string
	// Admin makes the account a Confluence administrator, who may check the permissions of others.
	Admin bool
}

// ReaderScopes returns the smallest set of scopes for a credential that only reads.
func ReaderScopes() []string {
	return []string{
		"read:page:confluence", "read:space:confluence", "read:folder:confluence", "read:content.metadata:confluence",
		"read:content-details:confluence", "read:content.permission:confluence", "read:comment:confluence",
		"read:attachment:confluence", "read:hierarchical-content:confluence", "search:confluence",
		"read:issue-details:jira", "read:issue-meta:jira", "read:field:jira", "read:issue.changelog:jira",
		"read:issue.transition:jira", "read:permission:jira", "read:project:jira", "read:user:jira", "read:comment:jira",
	}
}

// WriterScopes returns the smallest set of scopes for a credential that only writes. It can delete nothing.
func WriterScopes() []string {
	return []string{
		"write:page:confluence", "write:comment:confluence", "write:label:confluence",
		"write:issue:jira", "write:comment:jira",
	}
}

// RollbackScopes returns the scopes for a credential that undoes what a writer did. It cannot delete issues: they have no
// trash to come back from.
func RollbackScopes() []string {
	return []string{
		"delete:page:confluence", "write:content:confluence", "write:label:confluence",
		"delete:comment:confluence", "delete:comment:jira",
	}
}

type account struct {
	Account
	id string
}

// AddAccount adds an account and returns its account id.
func (s *Site) AddAccount(a Account) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addAccount(a).id
}

func (s *Site) addAccount(a Account) *account {
	a.Scopes = slices.Clone(a.Scopes)
	acct := &account{Account: a, id: "712020:" + newUUID()}
	s.accounts[acct.id] = acct
	return acct
}

// author returns the account with this id, or the site's own account for an empty id.
func (s *Site) author(id string) *account {
	if id == "" {
		return s.system
	}
	acct := s.accounts[id]
	if acct == nil {
		panic("atlassian: no account has the id " + id)
	}
	return acct
}

// authenticate returns the account whose e-mail address and token the request carries, or nil.
func (s *Site) authenticate(r *http.Request) *account {
	email, token, found := r.BasicAuth()
	if !found || token == "" {
		return nil
	}
	for _, acct := range s.accounts {
		if acct.Email == email && subtle.ConstantTimeCompare([]byte(acct.Token), []byte(token)) == 1 {
			return acct
		}
	}
	return nil
}

// may tells whether the account has one of the scopes.
func (a *account) may(scopes []string) bool {
	return slices.ContainsFunc(scopes, func(scope string) bool { return slices.Contains(a.Scopes, scope) })
}

// user is the account as Jira shows it.
func (a *account) user(base string) object {
	return object{
		"self":        base + "/rest/api/3/user?accountId=" + a.id,
		"accountId":   a.id,
		"accountType": "atlassian",
		"displayName": a.Name,
		"active":      true,
		"timeZone":    "Etc/UTC",
	}
}

// person is the account as Confluence v1 shows it.
func (a *account) person() object {
	return object{"type": "known", "accountId": a.id, "accountType": "atlassian", "displayName": a.Name, "publicName": a.Name}
}

func getMyself(_ *Site, c *call) reply {
	user := c.account.user(c.base)
	user["emailAddress"] = c.account.Email
	user["locale"] = "en_US"
	return ok(user)
}
