// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// jira is a configuration of a Jira site with these fields beside "site".
func jira(fields string) string {
	return `{"jira": {"site": "https://a.atlassian.net", ` + fields + `}}`
}

const (
	gateway = `"api": "https://api.atlassian.com/ex/jira/CLOUD", `
	service = `{"client_id": "svc", "client_secret": "env:S"}`
	person  = `{"client_id": "app", "client_secret": "env:S", "per_user": true, "scopes": ["read:page:confluence"]}`
	plain   = `{"email": "a@b.c", "token": "env:T"}`
)

func TestSites(t *testing.T) {
	for name, text := range map[string]string{
		"basic":           jira(`"read": ` + plain),
		"cloud, by word":  jira(`"deployment": "cloud", "read": ` + plain),
		"service account": jira(gateway + `"read": ` + service),
		"people":          jira(gateway + `"read": ` + service + `, "write": ` + person + `, "act_as": {"triage": "alice", "*": "bob"}`),
		"three accounts":  jira(`"read": ` + plain + `, "write": {"email": "w@b.c", "token": "env:W"}, "undo": {"email": "u@b.c", "token": "env:U", "account": "712020:u"}`),
		"data center":     `{"jira": {"site": "https://jira.acme.example/jira", "deployment": "data_center", "read": {"token": "env:PAT", "account": "clawea"}}}`,
		"its service":     `{"jira": {"site": "https://jira.acme.example", "deployment": "data_center", "read": {"client_id": "c", "client_secret": "env:S", "token_url": "https://jira.acme.example/rest/oauth2/latest/token"}}}`,
		"media":           jira(`"media_hosts": ["api.media.atlassian.com", "127.0.0.1:99"], "read": ` + plain),
	} {
		if _, err := load(t, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSitesThatAreWrong(t *testing.T) {
	cases := []struct{ name, text, at, says string }{
		{"deployment", jira(`"deployment": "server", "read": ` + plain), "/jira/deployment", "no deployment"},
		{"path in cloud", `{"jira": {"site": "https://a.atlassian.net/jira", "read": ` + plain + `}}`, "/jira", "no path"},
		{"gateway to data center", jira(gateway + `"deployment": "data_center", "read": ` + plain), "/jira/api", "Cloud sites only"},
		{"OAuth without gateway", jira(`"read": ` + service), "/jira/read", "has no api"},
		{"client_id without secret", jira(gateway + `"read": {"client_id": "x"}`), "/jira/read", "has no client_secret"},
		{"literal secret", jira(gateway + `"read": {"client_id": "x", "client_secret": "hush"}`), "/jira/read/client_secret", "not the secret itself"},
		{"secret without client_id", jira(gateway + `"read": {"token": "env:T", "client_secret": "env:S"}`), "/jira/read", "has no client_id"},
		{"token_url without client_id", jira(gateway + `"read": {"token": "env:T", "token_url": "https://x.example/"}`), "/jira/read", "has no client_id"},
		{"both", jira(gateway + `"read": {"token": "env:T", "client_id": "x", "client_secret": "env:S"}`), "/jira/read", "both a token and a client_id"},
		{"client_id with blanks", jira(gateway + `"read": {"client_id": "a b", "client_secret": "env:S"}`), "/jira/read/client_id", "not a client_id"},
		{"token_url in clear", jira(gateway + `"read": {"client_id": "x", "client_secret": "env:S", "token_url": "http://x.example/oauth/token"}`), "/jira/read/token_url", "https://"},
		{"account", jira(`"read": {"token": "env:T", "account": "a b"}`), "/jira/read/account", "not the id"},
		{"undo of nothing", jira(`"read": ` + plain + `, "undo": ` + plain), "/jira/undo", "nothing to undo"},
		{"undo without token", jira(`"read": ` + plain + `, "write": ` + plain + `, "undo": {"email": "u@b.c"}`), "/jira/undo", "has no token"},
		{"people without names", jira(gateway + `"read": ` + person), "/jira/read", "act_as names none"},
		{"people without scopes", jira(gateway + `"read": {"client_id": "x", "client_secret": "env:S", "per_user": true}, "act_as": {"*": "bob"}`), "/jira/read", "no scopes"},
		{"people and an account", jira(gateway + `"read": {"client_id": "x", "client_secret": "env:S", "per_user": true, "scopes": ["s"], "account": "1"}, "act_as": {"*": "bob"}`), "/jira/read/account", "another one for each person"},
		{"people, elsewhere", jira(gateway + `"read": {"client_id": "x", "client_secret": "env:S", "per_user": true, "scopes": ["s"], "token_url": "https://x.example/token"}, "act_as": {"*": "bob"}`), "/jira/read/token_url", "/oauth/token"},
		{"people in data center", `{"jira": {"site": "https://a.example", "deployment": "data_center", "read": {"client_id": "x", "client_secret": "env:S", "per_user": true, "scopes": ["s"], "token_url": "https://a.example/oauth/token"}, "act_as": {"*": "bob"}}}`, "/jira/read/per_user", "Cloud sites only"},
		{"service in data center", `{"jira": {"site": "https://a.example", "deployment": "data_center", "read": ` + service + `}}`, "/jira/read", "has no token_url"},
		{"names without people", jira(`"read": ` + plain + `, "act_as": {"*": "bob"}`), "/jira/act_as", "no account acts for people"},
		{"an agent's name", jira(gateway + `"read": ` + person + `, "act_as": {"A B": "bob"}`), "/jira/act_as", `agent "A B"`},
		{"a person's name", jira(gateway + `"read": ` + person + `, "act_as": {"a": "Bob/../x"}`), "/jira/act_as", `person "Bob/../x"`},
		{"any media host", jira(`"read": ` + plain + `, "media_hosts": ["*"]`), "/jira/media_hosts", "the name of a host"},
		{"media host with path", jira(`"read": ` + plain + `, "media_hosts": ["a.example/b"]`), "/jira/media_hosts", "the name of a host"},
	}
	for _, c := range cases {
		_, err := load(t, c.text)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want an *Error", c.name, err)
			continue
		}
		what, mend, two := strings.Cut(err.Error(), "\n")
		if !two || mend == "" || !strings.Contains(what, c.at+": ") || !strings.Contains(what, c.says) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %q, want %q at %q", c.name, err, c.says, c.at)
		}
	}
}

func TestSameCredential(t *testing.T) {
	app := func(id string) *Account { return &Account{ClientID: id} }
	api := func(email, env string) *Account { return &Account{Email: email, Token: Secret{ref: "env:" + env}} }
	for name, c := range map[string]struct {
		a, b *Account
		want bool
	}{
		"two apps":                        {app("a"), app("b"), false},
		"one app":                         {app("a"), app("a"), true},
		"an app and a token":              {app("a"), api("", "A"), false},
		"two access tokens":               {api("", "A"), api("", "B"), false},
		"one access token":                {api("", "A"), api("", "A"), true},
		"two tokens of one account":       {&Account{ID: "1", Token: Secret{ref: "env:A"}}, &Account{ID: "1", Token: Secret{ref: "env:B"}}, true},
		"two apps of one account":         {&Account{ID: "1", ClientID: "a"}, &Account{ID: "1", ClientID: "b"}, true},
		"one account, a token and an app": {&Account{ID: "1", ClientID: "a"}, &Account{ID: "1", Token: Secret{ref: "env:A"}}, true},
		"nothing":                         {nil, app("a"), false},
	} {
		s := &Site{Read: c.a, Write: c.b}
		if s.Shared() != c.want {
			t.Errorf("%s: read and write: got %v", name, s.Shared())
		}
		for _, s := range []*Site{{Read: c.a, Undo: c.b}, {Write: c.a, Undo: c.b}} {
			if s.UndoShared() != c.want {
				t.Errorf("%s: undo: got %v", name, s.UndoShared())
			}
		}
	}
}

func TestActAs(t *testing.T) {
	s := &Site{ActAs: map[string]string{"triage": "alice"}}
	if s.User("triage") != "alice" || s.User("other") != "" || s.User("") != "" {
		t.Error("an agent without a person is one")
	}
	s.ActAs["*"] = "bob"
	if s.User("triage") != "alice" || s.User("other") != "bob" || s.User("") != "bob" {
		t.Error("the others' person is not all others'")
	}
}

// A site's secrets are relative to the file, also those of its apps.
func TestSiteSecrets(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "s"), "hush", 0o600)
	c, err := Load(write(t, filepath.Join(dir, "c"), jira(gateway+`"read": {"client_id": "x", "client_secret": "file:s"}, "write": {"token": "file:s"}, "undo": {"token": "file:s"}`), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Secret{c.Jira.Read.ClientSecret, c.Jira.Write.Token, c.Jira.Undo.Token} {
		if text, err := s.Get(); err != nil || text != "hush" {
			t.Errorf("got %v", err)
		}
	}
	if c.Jira.Deployment != Cloud {
		t.Errorf("deployment %q", c.Jira.Deployment)
	}
}
