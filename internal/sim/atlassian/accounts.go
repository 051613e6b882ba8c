// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// Account is a person or service that may call the site, with one API token.
type Account struct {
	Email string
	Token string // an account without a token cannot log in
	Name  string
	// Username is the account's name on a Data Center site; what is before the @ of Email if empty.
	Username string
	// Scopes are the granular or classic scopes of the token; without any it may do nothing. Data Center has none.
	Scopes []string
	// Admin makes the account an administrator, who may check the permissions of others and make bulk changes.
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
		"read:issue.property:jira", "read:comment.property:jira", "read:issue-link:jira", "read:issue-link-type:jira",
		"read:issue.remote-link:jira",
	}
}

// WriterScopes returns the smallest set of scopes for a credential that only writes. It can delete nothing.
func WriterScopes() []string {
	return []string{
		"write:page:confluence", "write:comment:confluence", "write:label:confluence",
		"write:issue:jira", "write:comment:jira", "write:issue.property:jira", "write:issue-link:jira",
		"write:issue.remote-link:jira",
	}
}

// RollbackScopes returns the scopes for a credential that undoes what a writer did. It cannot delete issues: they have no
// trash to come back from.
func RollbackScopes() []string {
	return []string{
		"delete:page:confluence", "write:content:confluence", "write:label:confluence",
		"delete:comment:confluence", "delete:comment:jira", "delete:issue-link:jira", "delete:issue.remote-link:jira",
		"delete:issue.property:jira",
	}
}

type account struct {
	Account
	id string
}

// AddAccount adds an account and returns its account id. (On a Data Center site, that is its user key.)
func (s *Site) AddAccount(a Account) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addAccount(a).id
}

func (s *Site) addAccount(a Account) *account {
	a.Scopes = slices.Clone(a.Scopes)
	if a.Username == "" {
		a.Username, _, _ = strings.Cut(a.Email, "@")
	}
	acct := &account{Account: a, id: "712020:" + newUUID()}
	if s.config.DataCenter {
		acct.id = "JIRAUSER" + s.newID()
	}
	s.accounts[acct.id] = acct
	if a.Token != "" {
		s.credentials = append(s.credentials, &credential{account: acct, token: a.Token, scopes: a.Scopes})
	}
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

// named finds an account as a request names it: by account id or, on a Data Center site, by user name or key.
func (s *Site) named(name string) *account {
	if a := s.accounts[name]; a != nil || !s.config.DataCenter {
		return a
	}
	for _, a := range s.accounts {
		if strings.EqualFold(a.Username, name) {
			return a
		}
	}
	return nil
}

// user is the account as Jira shows it.
func (a *account) user(c *call) object {
	if c.v2 {
		return object{
			"self": c.rest() + "/user?username=" + a.Username, "name": a.Username, "key": a.id, "emailAddress": a.Email,
			"displayName": a.Name, "active": true, "timeZone": "Etc/UTC", "avatarUrls": a.avatars(c),
		}
	}
	return object{
		"self":        c.rest() + "/user?accountId=" + a.id,
		"accountId":   a.id,
		"accountType": "atlassian",
		"displayName": a.Name,
		"active":      true,
		"timeZone":    "Etc/UTC",
		"avatarUrls":  a.avatars(c),
	}
}

func (a *account) avatars(c *call) object {
	o := object{}
	for _, size := range []string{"16x16", "24x24", "32x32", "48x48"} {
		o[size] = c.base + "/avatars/" + a.id + "/" + size
	}
	return o
}

// person is the account as Confluence v1 shows it.
func (a *account) person(c *call) object {
	picture := object{"path": "/wiki/aa-avatar/" + a.id, "width": 48, "height": 48, "isDefault": false}
	if c.v2 {
		return object{"type": "known", "username": a.Username, "userKey": a.id, "displayName": a.Name, "profilePicture": picture}
	}
	return object{
		"type": "known", "accountId": a.id, "accountType": "atlassian", "displayName": a.Name, "publicName": a.Name,
		"profilePicture": picture,
	}
}

func getMyself(_ *Site, c *call) reply {
	user := c.account.user(c)
	user["emailAddress"] = c.account.Email
	user["locale"] = "en_US"
	return ok(user)
}

func getCurrentUser(_ *Site, c *call) reply { return ok(c.account.person(c)) }

// getPerson answers with the account that the query names, in Confluence.
func getPerson(s *Site, c *call) reply {
	a := s.named(c.query.Get("accountId") + c.query.Get("username") + c.query.Get("key"))
	if a == nil {
		return v1Error(http.StatusNotFound, "No user is found for the given accountId.")
	}
	return ok(a.person(c))
}

// getUser answers with the account that the query names, in Jira.
func getUser(s *Site, c *call) reply {
	a := s.named(c.query.Get("accountId") + c.query.Get("username") + c.query.Get("key"))
	if a == nil {
		return jiraError(http.StatusNotFound, "Specified user does not exist or you do not have required permissions")
	}
	return ok(a.user(c))
}

// getUsers answers with the accounts whose names contain what the query looks for. It answers a bare list.
func getUsers(s *Site, c *call) reply {
	wanted := strings.ToLower(c.query.Get("query") + c.query.Get("username"))
	id := c.query.Get("accountId")
	if wanted == "" && id == "" && !strings.Contains(c.path, "/assignable/") {
		return jiraError(http.StatusBadRequest, "The 'query' or 'accountId' parameter is required.")
	}
	w, refusal := c.pageOf(50, 1000)
	if refusal != nil {
		return *refusal
	}
	list := []object{}
	for _, a := range s.sortedAccounts() {
		text := strings.ToLower(a.Name + " " + a.Email + " " + a.Username)
		if strings.Contains(text, wanted) && (id == "" || a.id == id) {
			list = append(list, a.user(c))
		}
	}
	part, _ := cut(list, w)
	return ok(append([]object{}, part...))
}

// sortedAccounts returns the accounts that can log in, by name.
func (s *Site) sortedAccounts() []*account {
	var list []*account
	for _, a := range s.accounts {
		if a.Token != "" {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b *account) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.id, b.id))
	})
	return list
}
