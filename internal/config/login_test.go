// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const tenant = "3c0e5f1a-5b6c-4d7e-8f90-0a1b2c3d4e5f"

// provides is a configuration with one provider; with is inserted into it.
func provides(with string) string {
	return `{"login": {"providers": [{"name": "p", "issuer": "https://p.example", "client_id": "c", "client_secret": "env:S"` + with + `}]}}`
}

func TestLogin(t *testing.T) {
	c, err := load(t, `{}`)
	if err != nil || !c.Login.Local() || c.Login.Idle != Delay(30*time.Minute) || c.Login.Longest != Delay(12*time.Hour) {
		t.Errorf("without the section: %+v, %v", c.Login, err)
	}
	c, err = load(t, provides(``))
	if err != nil {
		t.Fatal(err)
	}
	p := c.Login.Providers[0]
	if c.Login.Local() || p.Title != "p" || p.NameClaim != "preferred_username" || p.RolesClaim != "roles" || p.GroupsClaim != "groups" ||
		p.StepUp.MaxAge != Delay(5*time.Minute) || p.Tenant != "" || p.Roles != nil {
		t.Errorf("a provider's defaults: %+v", p)
	}
	t.Setenv("S", "hush")
	if s, err := p.ClientSecret.Get(); err != nil || s != "hush" {
		t.Errorf("secret %q, %v", s, err)
	}
	c, err = load(t, `{"login": {"local_admin": true, "idle": "13h", "providers": [
		{"name": "entra", "issuer": "https://login.microsoftonline.com/`+tenant+`/v2.0", "client_id": "c", "client_secret": "env:S"}]}}`)
	if err != nil || !c.Login.Local() || c.Login.Providers[0].Tenant != tenant || c.Login.Longest != Delay(13*time.Hour) {
		t.Errorf("Entra ID: %+v, %v", c, err)
	}
}

// Who has a provider asked for more wants that for what is of high risk.
func TestStepUpAnswers(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                     StepUpNever,
		provides(``):                             StepUpNever,
		provides(`, "step_up": {"acr": ["c1"]}`): StepUpHigh,
		provides(`, "step_up": {"max_age": "5m"}`):    StepUpHigh,
		`{"login": {"step_up": {"answers": "all"}}}`:  StepUpAll,
		`{"login": {"step_up": {"answers": "high"}}}`: StepUpHigh,
		strings.Replace(provides(`, "step_up": {"acr": ["c1"]}`), `{"login": {`, `{"login": {"step_up": {"answers": "never"}, `, 1): StepUpNever,
	} {
		if c, err := load(t, text); err != nil || c.Login.StepUp.Answers != want {
			t.Errorf("%s: %v, %v; want %s", text, c, err, want)
		}
	}
}

func TestLoginSaysWhatIsWrong(t *testing.T) {
	entra := func(issuer string) string {
		return `{"login": {"providers": [{"name": "p", "issuer": "https://` + issuer + `", "client_id": "c", "client_secret": "env:S"}]}}`
	}
	for name, test := range map[string]struct{ text, field, says string }{
		"idle too short":        {`{"login": {"idle": "1s"}}`, "/login/idle", "from 1m"},
		"longest below idle":    {`{"login": {"idle": "2h", "longest": "1h"}}`, "/login/longest", "idle"},
		"longest below default": {`{"login": {"longest": "5m"}}`, "/login/longest", "idle"},
		"a week and more":       {`{"login": {"longest": "169h"}}`, "/login/longest", "168h"},
		"no secret":             {`{"login": {"providers": [{"name": "p", "issuer": "https://p.example", "client_id": "c"}]}}`, "/login/providers/0", "no client_secret"},
		"a secret in clear":     {`{"login": {"providers": [{"name": "p", "issuer": "https://p.example", "client_id": "c", "client_secret": "hush"}]}}`, "/login/providers/0/client_secret", "reference"},
		"a name that is a door": {`{"login": {"providers": [{"name": "callback", "issuer": "https://p.example", "client_id": "c", "client_secret": "env:S"}]}}`, "/login/providers/0", "name"},
		"in clear, elsewhere":   {strings.Replace(entra("p.example"), "https", "http", 1), "/login/providers/0", "https://"},
		"anybody's accounts":    {entra("login.microsoftonline.com/common/v2.0"), "/login/providers/0/issuer", "one tenant"},
		"all organizations":     {entra("login.microsoftonline.us/organizations/v2.0"), "/login/providers/0/issuer", "one tenant"},
		"a tenant by its name":  {entra("login.microsoftonline.com/acme.onmicrosoft.com/v2.0"), "/login/providers/0/issuer", "one tenant"},
		"tokens of version 1":   {entra("login.microsoftonline.com/" + tenant), "/login/providers/0/issuer", "one tenant"},
		"hidden by upper case":  {entra("LOGIN.microsoftonline.com/common/v2.0"), "/login/providers/0/issuer", "one tenant"},
		"two tenants":           {strings.Replace(entra("login.microsoftonline.com/"+tenant+"/v2.0"), `"name"`, `"tenant": "`+strings.Replace(tenant, "3c", "4c", 1)+`", "name"`, 1), "/login/providers/0/tenant", "issuer"},
		"no tenant's id":        {provides(`, "tenant": "acme"`), "/login/providers/0/tenant", "tenant"},
		"no such role":          {provides(`, "roles": {"root": ["a"]}`), "/login/providers/0/roles", "no role"},
		"a role for nobody":     {provides(`, "roles": {"admin": []}`), "/login/providers/0/roles/admin", "list"},
		"a role for nothing":    {provides(`, "roles": {"admin": [""]}`), "/login/providers/0/roles/admin", "list"},
		"a group's name":        {provides(`, "groups": {"Wiki Owners": ["a"]}`), "/login/providers/0/groups", "group"},
		"a group for nothing":   {provides(`, "groups": {"wiki": [""]}`), "/login/providers/0/groups/wiki", "list"},
		"a claim of two words":  {provides(`, "roles_claim": "my roles"`), "/login/providers/0/roles_claim", "printable"},
		"a context of two":      {provides(`, "step_up": {"acr": ["c1 c2"]}`), "/login/providers/0/step_up/acr/0", "printable"},
		"answers of a kind":     {`{"login": {"step_up": {"answers": "low"}}}`, "/login/step_up/answers", "not known"},
		"an age of a day":       {provides(`, "step_up": {"max_age": "24h"}`), "/login/providers/0/step_up/max_age", "1h"},
		"a key's name":          {provides(`, "names": {"u1": "kim+1"}`), "/login/providers/0/names", "plus"},
		"an account for two":    {provides(`, "names": {"u1": "kim", "u2": "kim"}`), "/login/providers/0/names", "two people"},
		"a title of two lines":  {provides(`, "title": "a\nb"`), "/login/providers/0/title", "one line"},
		"an unknown field":      {provides(`, "role": {}`), "/login/providers/0/role", "unknown field"},
		"twice": {`{"login": {"providers": [{"name": "p", "issuer": "https://p.example", "client_id": "c", "client_secret": "env:S"},
			{"name": "p", "issuer": "https://q.example", "client_id": "c", "client_secret": "env:S"}]}}`, "/login/providers/1/name", "another"},
		"one issuer twice": {`{"login": {"providers": [{"name": "p", "issuer": "https://p.example", "client_id": "c", "client_secret": "env:S"},
			{"name": "q", "issuer": "https://p.example", "client_id": "c", "client_secret": "env:S"}]}}`, "/login/providers/1/issuer", "another"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.text)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Field != test.field || !strings.Contains(e.Msg, test.says) || e.Hint == "" {
				t.Errorf("got %v; want %s at %s", err, test.says, test.field)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error holds a secret: %v", err)
			}
		})
	}
}
