// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/token"
)

// Login is how people log in to the house's pages: at an OpenID Connect provider,
// or, where there is none, as the one local administrator. There are no passwords.
type Login struct {
	// Providers are where people log in. Optional.
	Providers []LoginProvider `json:"providers"`
	// LocalAdmin says whether there is an administrator that no provider knows:
	// admin@local, who begins with a one-time link and logs in with a passkey. Default:
	// whether there are no providers.
	LocalAdmin *bool `json:"local_admin"`
	// Idle is how long a session lasts that nobody uses: "30m", from 1m to 24h. Default
	// 30m.
	Idle Delay `json:"idle"`
	// Longest is how long any session lasts: from Idle to 168h. Who loses a role has
	// lost it then, or with the next login. Default 12h.
	Longest Delay `json:"longest"`
	// StepUp is which answers want that a person shows once more that it is them.
	StepUp LoginStepUp `json:"step_up"`
}

// Which answers want a step-up.
const (
	StepUpHigh  = "high"  // a yes to what is of high risk
	StepUpAll   = "all"   // each yes
	StepUpNever = "never" // none: the passkey's own signature is enough
)

// LoginStepUp says before which answers people show once more that it is them.
type LoginStepUp struct {
	// Answers are the answers that want it: "high" (a yes to what is of high risk),
	// "all" (each yes) or "never". A no never does. Default "high" if a provider has a
	// "step_up", and else "never": an answer is signed with a passkey, which verifies
	// who uses it.
	Answers string `json:"answers"`
}

// A LoginProvider is an OpenID Connect provider: Entra ID, Okta, Keycloak or any
// other. Its redirect URI for the house is URL/login/callback/NAME.
type LoginProvider struct {
	// Name is the provider's name in the house's URLs. The stable ids of people do not
	// hold it, so it can be changed.
	Name string `json:"name"`
	// Title is what the page for logging in calls it. Default Name.
	Title string `json:"title"`
	// Issuer is who signs its ID tokens, to the letter. Entra ID's is
	// "https://login.microsoftonline.com/TENANT/v2.0", with the tenant's id. https,
	// unless it is this machine.
	Issuer string `json:"issuer"`
	// Tenant is the id of the tenant of Entra ID that people must be of; they are known
	// by their object ids then. Default: the one that Issuer names, if it is Entra ID's.
	Tenant string `json:"tenant"`
	// ClientID is the house's name at the provider.
	ClientID string `json:"client_id"`
	// ClientSecret is what it came with.
	ClientSecret Secret `json:"client_secret"`
	// Scopes are asked for beside openid, profile and email. Optional.
	Scopes []string `json:"scopes"`

	// NameClaim is the claim from which a person gets the name of their keys, the first
	// time; it stands in receipts. Choose one that people cannot change themselves.
	// Default preferred_username. With "email", the address must be verified.
	NameClaim string `json:"name_claim"`
	// Names give people the names of their keys in the place of NameClaim, by their
	// subject at the provider ("sub", or Entra ID's object id). Only so can a person get
	// the name that a key of "people", "authors" or approvers has, or that "groups" list.
	// Optional.
	Names map[string]string `json:"names"`
	// RolesClaim is the claim that says who has which role. It is a claim's name, or a
	// JSON pointer to what is inside of one: "/realm_access/roles". Default roles.
	RolesClaim string `json:"roles_claim"`
	// Roles are the values of RolesClaim by the role that they give: author, approver,
	// operator, auditor or admin. Whoever has none of them may log in, and see
	// nothing. Optional.
	Roles map[string][]string `json:"roles"`
	// GroupsClaim is the claim that says who is in which group, as RolesClaim does.
	// Default groups.
	GroupsClaim string `json:"groups_claim"`
	// Groups are the values of GroupsClaim by the group of approvers that they put a
	// person into, as policies name it. Optional.
	Groups map[string][]string `json:"groups"`
	// StepUp is what the provider is asked for when an answer wants a step-up.
	// Optional.
	StepUp StepUp `json:"step_up"`
}

// StepUp is what a provider is asked for when a person is to show once more that it
// is them.
type StepUp struct {
	// ACR are the authentication contexts of which one must have been used: values of
	// the claim "acr", or with Entra ID of "acrs" ("c1"). Only the provider can say
	// that. Optional: without it, logging in anew or using a passkey is enough.
	ACR []string `json:"acr"`
	// MaxAge is how long ago the person may have shown it: from 1s to 1h. Default 5m.
	MaxAge Delay `json:"max_age"`
}

// Roles lists what people can be, as the configuration names it.
func Roles() []string { return []string{"author", "approver", "operator", "auditor", "admin"} }

const (
	defaultIdle    = Delay(30 * time.Minute)
	defaultSession = Delay(12 * time.Hour)
	defaultStepUp  = Delay(5 * time.Minute)

	maxIdle    = Delay(24 * time.Hour)
	maxSession = Delay(7 * 24 * time.Hour)
)

var (
	routeName = pattern{regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`), 32}
	routeUsed = []string{"callback", "link", "passkey"} // other doors below /login/
	tenantID  = pattern{regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`), 36}
	keyName   = pattern{regexp.MustCompile(`^[!-*,-~]+$`), 128} // as seal wants it
)

// entra are the hosts of Entra ID, in its several clouds.
var entra = []string{"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"}

// Local reports whether there is a local administrator.
func (l *Login) Local() bool {
	if l.LocalAdmin != nil {
		return *l.LocalAdmin
	}
	return len(l.Providers) == 0
}

func (c *Config) checkLogin() *problem {
	l := &c.Login
	switch idle := cmp.Or(l.Idle, defaultIdle); {
	case idle < Delay(time.Minute) || idle > maxIdle:
		return &problem{"/login/idle", "must be from 1m to 24h", "write it like \"30m\", or leave it out"}
	case l.Longest != 0 && (l.Longest < idle || l.Longest > maxSession):
		return &problem{"/login/longest", "must be from \"idle\" to 168h", "write it like \"12h\", or leave it out"}
	case !slices.Contains([]string{"", StepUpHigh, StepUpAll, StepUpNever}, l.StepUp.Answers):
		return &problem{"/login/step_up/answers", "is not known here", "write \"high\", \"all\" or \"never\""}
	}
	var names, issuers []string
	for i := range l.Providers {
		p, at := &l.Providers[i], fmt.Sprintf("/login/providers/%d", i)
		if wrong := p.check(at); wrong != nil {
			return wrong
		}
		if slices.Contains(names, p.Name) {
			return &problem{at + "/name", fmt.Sprintf("there is another provider %q", p.Name), "choose another name"}
		}
		if slices.Contains(issuers, p.Issuer) {
			return &problem{at + "/issuer", "is that of another provider too", "keep one of the two: people are known by their issuer"}
		}
		names, issuers = append(names, p.Name), append(issuers, p.Issuer)
	}
	return nil
}

func (p *LoginProvider) check(at string) *problem {
	switch {
	case !routeName.MatchString(p.Name) || slices.Contains(routeUsed, p.Name):
		return &problem{at, "its name must be 1 to 32 of a-z, 0-9 and dash, and none of " + strings.Join(routeUsed, ", "), "write it like \"entra\": it stands in URLs"}
	case !line(p.Title, 60):
		return &problem{at + "/title", "must be at most 60 characters in one line", "write it like \"Acme's accounts\""}
	case !printable.MatchString(p.ClientID):
		return &problem{at, "has no client_id of 1 to 200 printable characters", "write the one that the provider gave the house"}
	case p.StepUp.MaxAge != 0 && (p.StepUp.MaxAge < minWait || p.StepUp.MaxAge > maxWait):
		return &problem{at + "/step_up/max_age", "must be from 1s to 1h", "write it like \"5m\", or leave it out"}
	}
	for _, check := range []func(string) *problem{p.checkIssuer, p.checkTexts, p.checkNames, p.checkMaps} {
		if wrong := check(at); wrong != nil {
			return wrong
		}
	}
	return nil
}

const mendTenant = `write it like "https://login.microsoftonline.com/TENANT/v2.0", with your own tenant's id, which Entra ID's overview shows`

// checkIssuer has a provider be one and no other: what Entra ID offers to all
// tenants at once ("common") would let in anybody's.
func (p *LoginProvider) checkIssuer(at string) *problem {
	if msg := wrongURL(p.Issuer, true); msg != "" {
		return &problem{at, "its issuer " + msg, "write it as its ID tokens do, like \"https://acme.okta.com\""}
	}
	u, err := url.Parse(p.Issuer)
	if err != nil { // unreachable: checked
		return &problem{at, "its issuer is not a URL", mendTenant}
	}
	if p.Tenant != "" && !tenantID.MatchString(p.Tenant) {
		return &problem{at + "/tenant", "is not a tenant's id", "write it like \"9a1e6d1f-5f1c-4a53-8f0b-2f2c3b4a59d0\", in lower case"}
	}
	if !slices.Contains(entra, strings.ToLower(u.Hostname())) {
		return nil
	}
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if !tenantID.MatchString(tenant) || rest != "v2.0" {
		return &problem{at + "/issuer", "does not name one tenant of Entra ID", mendTenant}
	}
	if p.Tenant != "" && p.Tenant != tenant {
		return &problem{at + "/tenant", "is not the one that \"issuer\" names", "leave it out"}
	}
	p.Tenant = tenant
	return nil
}

// checkTexts checks claims, scopes and contexts.
func (p *LoginProvider) checkTexts(at string) *problem {
	for _, claim := range []struct{ name, value string }{
		{"name_claim", p.NameClaim}, {"roles_claim", p.RolesClaim}, {"groups_claim", p.GroupsClaim},
	} {
		if claim.value != "" && !printable.MatchString(claim.value) {
			return &problem{at + "/" + claim.name, "must be 1 to 200 printable characters without spaces", "name the claim, like \"groups\", or what is inside of it, like \"/realm_access/roles\""}
		}
	}
	for _, list := range []struct {
		name   string
		values []string
	}{{"scopes", p.Scopes}, {"step_up/acr", p.StepUp.ACR}} {
		for i, v := range list.values {
			if !printable.MatchString(v) {
				return &problem{fmt.Sprintf("%s/%s/%d", at, list.name, i), "must be 1 to 200 printable characters without spaces", "write one of them in each text of the list"}
			}
		}
	}
	return nil
}

func (p *LoginProvider) checkNames(at string) *problem {
	for _, subject := range slices.Sorted(maps.Keys(p.Names)) {
		name := p.Names[subject]
		if subject == "" || !keyName.MatchString(name) || name != strings.ToLower(name) {
			return &problem{at + "/names", fmt.Sprintf("the name of %.60q must be 1 to 128 printable characters in lower case without spaces and plus signs", subject), "write it like {\"00u1abcd\": \"kim@acme.example\"}"}
		}
		for other, taken := range p.Names {
			if other != subject && taken == name {
				return &problem{at + "/names", fmt.Sprintf("two people are called %q", name), "give each a name of their own: there are no shared accounts"}
			}
		}
	}
	return nil
}

func (p *LoginProvider) checkMaps(at string) *problem {
	for _, role := range slices.Sorted(maps.Keys(p.Roles)) {
		if !slices.Contains(Roles(), role) {
			return &problem{at + "/roles", fmt.Sprintf("there is no role %.40q", role), "the roles are " + strings.Join(Roles(), ", ")}
		}
		if !values(p.Roles[role]) {
			return &problem{at + "/roles/" + role, "must be a list of texts", "list values of the claim that \"roles_claim\" names"}
		}
	}
	for _, group := range slices.Sorted(maps.Keys(p.Groups)) {
		if err := token.CheckName("group", group); err != nil {
			return &problem{at + "/groups", err.Error(), "choose such a name: it stands in policies"}
		}
		if !values(p.Groups[group]) {
			return &problem{at + "/groups/" + group, "must be a list of texts", "list values of the claim that \"groups_claim\" names"}
		}
	}
	return nil
}

// values reports whether list is one of claims' values: an empty one would match
// nobody, an empty value anybody who has nothing.
func values(list []string) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(v string) bool { return v == "" || !line(v, 256) })
}

// line reports whether s is one line of text, or none.
func line(s string, longest int) bool {
	return len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' })
}

// stepUp is which answers want a step-up where the file does not say it. It is asked
// before defaults are filled in.
func (l *Login) stepUp() string {
	if slices.ContainsFunc(l.Providers, func(p LoginProvider) bool { return len(p.StepUp.ACR) > 0 || p.StepUp.MaxAge != 0 }) {
		return StepUpHigh
	}
	return StepUpNever
}

func (l *Login) secrets() []placedSecret {
	var out []placedSecret
	for i := range l.Providers {
		out = append(out, placedSecret{fmt.Sprintf("/login/providers/%d/client_secret", i), &l.Providers[i].ClientSecret})
	}
	return out
}

// complete fills in defaults.
func (l *Login) complete() {
	l.Idle = cmp.Or(l.Idle, defaultIdle)
	l.Longest = cmp.Or(l.Longest, max(defaultSession, l.Idle))
	l.StepUp.Answers = cmp.Or(l.StepUp.Answers, l.stepUp())
	for i := range l.Providers {
		p := &l.Providers[i]
		p.Title = cmp.Or(p.Title, p.Name)
		p.NameClaim = cmp.Or(p.NameClaim, "preferred_username")
		p.RolesClaim = cmp.Or(p.RolesClaim, "roles")
		p.GroupsClaim = cmp.Or(p.GroupsClaim, "groups")
		p.StepUp.MaxAge = cmp.Or(p.StepUp.MaxAge, defaultStepUp)
	}
}
