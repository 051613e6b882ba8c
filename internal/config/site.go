// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/clawea/clawea/token"
)

// What a site can be.
const (
	Cloud      = "cloud"
	DataCenter = "data_center"
)

// A Site is an Atlassian site as the house uses it.
type Site struct {
	// Site is the site's base URL: "https://acme.atlassian.net". In Data Center it
	// may have a path.
	Site string `json:"site"`
	// Deployment is "cloud" or "data_center". Default cloud.
	Deployment string `json:"deployment"`
	// API is where its REST API is asked, if not at Site: with scoped tokens and
	// OAuth that is "https://api.atlassian.com/ex/confluence/CLOUD-ID" (or /ex/jira/).
	// Optional; not for Data Center.
	API string `json:"api"`
	// Read is the account that reads.
	Read *Account `json:"read"`
	// Write is the account that writes. Optional: without it nothing is written.
	Write *Account `json:"write"`
	// Undo is the account that takes back what Write has done, and does nothing
	// else. It needs rights that Write should not have. Optional: without it nothing
	// is taken back that needs them.
	Undo *Account `json:"undo"`
	// ActAs says as whom agents act through accounts with PerUser: the name of a
	// person, who has consented with clawea connect, by agent. "*" is for all other
	// agents, and for what the house reads itself when a policy is published. An
	// agent that is nobody can do nothing through them.
	ActAs map[string]string `json:"act_as"`
	// MediaHosts are the hosts that the site may redirect a download of an attachment
	// to, "api.media.atlassian.com". They are asked without credentials. Default none.
	MediaHosts []string `json:"media_hosts"`
	// Quarantine is the id of a page of Confluence below which pages go that agents
	// made and that cannot be moved to the trash, since others have worked on them.
	// Optional: without it such pages stay, and undoing says so.
	Quarantine string `json:"quarantine"`
	// AllowRestricted lets agents read what is restricted to some people, pages
	// and issues alike, if the account can. Default false: it is refused.
	AllowRestricted bool `json:"allow_restricted"`
}

// An Account is an Atlassian account: an API token of Email, an access token
// (Token alone), a service account or an app (ClientID).
type Account struct {
	// Email is the address of the account whose API token Token is. Without it,
	// Token is a personal access token of Data Center or an OAuth access token, sent
	// as a bearer token.
	Email string `json:"email"`
	// Token is its API token or access token.
	Token Secret `json:"token"`
	// ClientID is that of an OAuth 2.0 credential of a service account (client
	// credentials), or of an app with PerUser. It is in the place of Token.
	ClientID string `json:"client_id"`
	// ClientSecret is what ClientID came with.
	ClientSecret Secret `json:"client_secret"`
	// PerUser has the account be that of a person, who has let the app ClientID act
	// for them (3LO): the one that ActAs names for the agent. Default false.
	PerUser bool `json:"per_user"`
	// TokenURL is where ClientID gets its access tokens. Default
	// https://auth.atlassian.com/oauth/token.
	TokenURL string `json:"token_url"`
	// ID is the id of the account, as the site says it in X-AAccountId ("712020:..."),
	// or its name in Data Center. What another account answers or has done is an error then.
	// Optional; with PerUser it is known from the consent.
	ID string `json:"account"`
	// Scopes are those that the token was made with, for policies that ask for
	// least privilege, and those that a person is asked for with PerUser. Optional
	// otherwise; without it nothing is known of the token's power.
	Scopes []string `json:"scopes"`
}

// Shared reports whether one account reads and writes.
func (s *Site) Shared() bool { return s.Write.same(s.Read) }

// UndoShared reports whether the account that undoes is also one that reads or writes.
func (s *Site) UndoShared() bool { return s.Undo.same(s.Read) || s.Undo.same(s.Write) }

// same reports whether a and b act by one credential, or as one account. Two apps
// are two credentials, also of the same person.
func (a *Account) same(b *Account) bool {
	if a == nil || b == nil {
		return false
	}
	if a.ClientID != "" || b.ClientID != "" {
		return a.ClientID == b.ClientID || a.ID != "" && a.ID == b.ID
	}
	return a.Token == b.Token || a.Email != "" && a.Email == b.Email || a.ID != "" && a.ID == b.ID
}

// User is the person as whom agent acts through accounts with PerUser, or "". The
// agent "" is the house itself.
func (s *Site) User(agent string) string { return cmp.Or(s.ActAs[agent], s.ActAs["*"]) }

// A NamedAccount is an account and the name of its field.
type NamedAccount struct {
	Name string // "read", "write" or "undo"
	*Account
}

// Accounts are the accounts that the site has.
func (s *Site) Accounts() []NamedAccount {
	var out []NamedAccount
	for _, a := range []NamedAccount{{"read", s.Read}, {"write", s.Write}, {"undo", s.Undo}} {
		if a.Account != nil {
			out = append(out, a)
		}
	}
	return out
}

// IDs are the ids of the accounts that the site has, as far as they are said.
func (s *Site) IDs() []string {
	var out []string
	for _, a := range s.Accounts() {
		if a.ID != "" && !slices.Contains(out, a.ID) {
			out = append(out, a.ID)
		}
	}
	return out
}

func (s *Site) secrets(at string) []placedSecret {
	if s == nil {
		return nil
	}
	var out []placedSecret
	for _, a := range s.Accounts() {
		if a.ClientID == "" {
			out = append(out, placedSecret{at + "/" + a.Name + "/token", &a.Token})
		} else {
			out = append(out, placedSecret{at + "/" + a.Name + "/client_secret", &a.ClientSecret})
		}
	}
	return out
}

// complete fills in defaults.
func (s *Site) complete() {
	if s == nil {
		return
	}
	s.Site = strings.TrimRight(s.Site, "/")
	s.API = strings.TrimRight(s.API, "/")
	s.Deployment = cmp.Or(s.Deployment, Cloud)
}

func (s *Site) check(at string) *problem {
	if s == nil {
		return nil
	}
	if !slices.Contains([]string{"", Cloud, DataCenter}, s.Deployment) {
		return &problem{at + "/deployment", "is no deployment that is known here", "write \"cloud\" or \"data_center\""}
	}
	if msg := wrongURL(s.Site, s.Deployment == DataCenter); msg != "" {
		return &problem{at, "its site " + msg, "write it like \"https://acme.atlassian.net\""}
	}
	if msg := wrongURL(s.API, true); s.API != "" && msg != "" {
		return &problem{at + "/api", msg, "write it like \"https://api.atlassian.com/ex/confluence/CLOUD-ID\", or leave it out"}
	}
	switch {
	case s.API != "" && s.Deployment == DataCenter:
		return &problem{at + "/api", "is of Cloud sites only", "leave it out"}
	case s.Read == nil:
		return &problem{at, "has no account that reads", "write \"read\": {\"email\": ..., \"token\": ...}"}
	case s.Undo != nil && s.Write == nil:
		return &problem{at + "/undo", "there is nothing to undo: nothing is written", "write \"write\" too, or leave \"undo\" out"}
	}
	for _, a := range s.Accounts() {
		if p := a.check(at+"/"+a.Name, s); p != nil {
			return p
		}
	}
	if s.Quarantine != "" && (!digits.MatchString(s.Quarantine) || at != "/confluence") {
		return &problem{at + "/quarantine", "is not the id of a page of Confluence", "copy the digits from the page's address; leave it out under jira"}
	}
	if p := s.checkActAs(at + "/act_as"); p != nil {
		return p
	}
	return checkHosts(at+"/media_hosts", s.MediaHosts)
}

func (a *Account) check(at string, s *Site) *problem {
	if a.Email != "" && (!printable.MatchString(a.Email) || strings.Count(a.Email, "@") != 1 || strings.Contains(a.Email, ":")) {
		return &problem{at, "has no email address", "write the address of the account whose token it is; leave it out for an OAuth access token"}
	}
	if a.ID != "" && !printable.MatchString(a.ID) {
		return &problem{at + "/account", "is not the id of an account", "copy it from the account's profile: what follows /people/ in its address"}
	}
	if a.ClientID == "" {
		if a.PerUser || a.TokenURL != "" || a.ClientSecret.ref != "" {
			return &problem{at, "has no client_id", "write the client_id of the OAuth credential, or a token alone"}
		}
		return nil
	}
	switch {
	case !printable.MatchString(a.ClientID):
		return &problem{at + "/client_id", "is not a client_id", "copy it from Atlassian"}
	case a.Token.ref != "" || a.Email != "":
		return &problem{at, "has both a token and a client_id", "leave one of them out"}
	case s.API == "" && s.Deployment != DataCenter:
		return &problem{at, "OAuth is good at Atlassian's gateway only, and the site has no api", "write \"api\" beside \"site\", like \"https://api.atlassian.com/ex/jira/CLOUD-ID\""}
	case a.TokenURL == "" && s.Deployment == DataCenter:
		return &problem{at, "has no token_url, and a Data Center site has its own", "write \"token_url\": \"https://SITE/rest/oauth2/latest/token\""}
	}
	if msg := wrongURL(a.TokenURL, true); a.TokenURL != "" && msg != "" {
		return &problem{at + "/token_url", msg, "leave it out"}
	}
	return a.checkPerUser(at, s)
}

func (a *Account) checkPerUser(at string, s *Site) *problem {
	switch {
	case !a.PerUser:
		return nil
	case s.Deployment == DataCenter:
		return &problem{at + "/per_user", "is of Cloud sites only", "use personal access tokens, or a service account"}
	case a.ID != "":
		return &problem{at + "/account", "is another one for each person", "leave it out: it is known from the consent"}
	case len(a.Scopes) == 0:
		return &problem{at, "has no scopes, and people are to be asked for them", "write \"scopes\": [...]"}
	case len(s.ActAs) == 0:
		return &problem{at, "acts for people, and act_as names none", "write \"act_as\": {\"AGENT\": \"PERSON\"} beside it"}
	case a.TokenURL != "" && !strings.HasSuffix(a.TokenURL, "/oauth/token"):
		return &problem{at + "/token_url", "must end in /oauth/token", "leave it out"}
	}
	return nil
}

func (s *Site) checkActAs(at string) *problem {
	if len(s.ActAs) > 0 && !slices.ContainsFunc(s.Accounts(), func(a NamedAccount) bool { return a.PerUser }) {
		return &problem{at, "names people, and no account acts for people", "write \"per_user\": true with a client_id, or leave it out"}
	}
	for _, agent := range slices.Sorted(maps.Keys(s.ActAs)) {
		if err := token.CheckName("agent", agent); agent != "*" && err != nil {
			return &problem{at, err.Error(), "write the name of an agent, or \"*\" for all others"}
		}
		if err := token.CheckName("person", s.ActAs[agent]); err != nil {
			return &problem{at, err.Error(), "choose such a name: it is used with clawea connect"}
		}
	}
	return nil
}

func checkHosts(at string, hosts []string) *problem {
	for _, h := range hosts {
		u, err := url.Parse("https://" + h)
		if err != nil || u.Host != h || u.Hostname() == "" || !printable.MatchString(h) || strings.Contains(h, "*") {
			return &problem{at, "holds something else than the name of a host", "write names in full, like \"api.media.atlassian.com\""}
		}
	}
	return nil
}
