// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"time"
)

// credential is what lets a caller act as an account: an API token, a personal access token, or an access token.
type credential struct {
	account *account
	token   string
	scopes  []string
	bearer  bool      // an access token, which is good at the gateway only
	expires time.Time // zero: never
	grant   *grant    // that it came from; nil for what did not come from the authorization server
}

// AddToken adds another API token of an account, with scopes of its own.
func (s *Site) AddToken(accountID, token string, scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials = append(s.credentials, &credential{account: s.author(accountID), token: token, scopes: slices.Clone(scopes)})
}

// RemoveToken takes an API token or access token out of use.
func (s *Site) RemoveToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials = slices.DeleteFunc(s.credentials, func(c *credential) bool { return c.token == token })
}

// authenticate returns the credential that the request carries, or nil. A refusal is an answer that is not the usual one
// to a missing credential.
func (s *Site) authenticate(r *http.Request) (*credential, *reply) {
	bearer, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	name, token, isBasic := r.BasicAuth()
	if isBearer {
		token = bearer
	}
	if !isBasic && !isBearer || token == "" {
		return nil, nil
	}
	for _, held := range s.credentials {
		if subtle.ConstantTimeCompare([]byte(held.token), []byte(token)) != 1 {
			continue
		}
		if isBasic && !held.bearer && held.account.logsInAs(name) || isBearer && s.config.DataCenter {
			return held, nil
		}
		if isBearer && held.bearer && strings.HasPrefix(r.URL.Path, "/ex/") {
			return held.live(s.now())
		}
	}
	return nil, nil
}

func (a *account) logsInAs(name string) bool {
	return name != "" && (name == a.Email || name == a.Username)
}

// live returns the credential unless it is over.
func (held *credential) live(now time.Time) (*credential, *reply) {
	if !held.expires.IsZero() && !now.Before(held.expires) || held.grant != nil && held.grant.revoked {
		refusal := gatewayError(http.StatusUnauthorized, "Unauthorized")
		return nil, &refusal
	}
	return held, nil
}

// unauthorized answers a request without credentials, or with wrong ones.
func (s *Site) unauthorized(c *call) *reply {
	if strings.HasPrefix(c.door, c.base+"/ex/") {
		refusal := gatewayError(http.StatusUnauthorized, "Unauthorized")
		return &refusal
	}
	refusal := failure(c.path, http.StatusUnauthorized, "Client must be authenticated to access this resource.")
	refusal.header = http.Header{"Www-Authenticate": {`Basic realm="Atlassian"`}}
	return &refusal
}

// gatewayError is an error of the gateway before the products.
func gatewayError(status int, message string) reply {
	return reply{status: status, body: object{"code": status, "message": message}}
}

// may tells whether the credential has one of the scopes, or a classic one that includes it. What needs no scope may
// everybody do.
func (c *call) may(scopes []string) bool {
	return len(scopes) == 0 || slices.ContainsFunc(scopes, func(scope string) bool {
		return slices.Contains(c.scopes, scope) || slices.Contains(c.scopes, classic(scope))
	})
}

// classic is the scope of the older, coarser set that includes a granular one; "" if none does.
func classic(scope string) string {
	verb, rest, _ := strings.Cut(scope, ":")
	object, product, _ := strings.Cut(rest, ":")
	switch {
	case product == "jira" && object == "user" && verb == "read":
		return "read:jira-user"
	case product == "jira" && object != "permission" && verb == "read":
		return "read:jira-work"
	case product == "jira" && (verb == "write" || verb == "delete" || verb == "send"):
		return "write:jira-work"
	case product == "confluence" && object == "content.permission":
		return "read:confluence-content.permission"
	case product == "confluence" && object == "attachment" && verb == "read":
		return "readonly:content.attachment:confluence"
	case product == "confluence" && object == "space" && verb == "read":
		return "read:confluence-space.summary"
	case product == "confluence" && verb == "read":
		return "read:confluence-content.all"
	case product == "confluence" && verb == "write" && object != "content.restriction":
		return "write:confluence-content"
	}
	return ""
}

// gateway cuts the part of a path that leads through the gateway: /ex/ with the product and the cloud id. A path through
// the gateway to another site, or into another product, leads nowhere.
func (s *Site) gateway(escaped string) (prefix, rest string, found bool) {
	after, found := strings.CutPrefix(escaped, "/ex/")
	if !found {
		return "", "", false
	}
	product, after, _ := strings.Cut(after, "/")
	cloudID, after, _ := strings.Cut(after, "/")
	inside := map[string]string{"jira": "/rest/api/", "confluence": "/wiki/"}[product]
	if cloudID != s.cloudID || inside == "" || !strings.HasPrefix("/"+after, inside) {
		return "/ex/" + product + "/" + cloudID, "/", true
	}
	return "/ex/" + product + "/" + cloudID, "/" + after, true
}
