// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func slackSection(more string) string {
	return `{"notify": {"slack": [{"name": "chat", "channel": "C0123456789", "token": "env:A", "signing_secret": "env:B"` + more + `}]}}`
}

func emailSection(more string) string {
	return `{"notify": {"email": [{"name": "mail", "from": "a@house.test", "to": ["b@house.test"]` + more + `}]}}`
}

func hookSection(more string) string {
	return `{"notify": {"webhooks": [{"name": "hook"` + more + `}]}}`
}

func TestNotify(t *testing.T) {
	c, err := load(t, `{"notify": {"remind": "30m",
		"slack": [{"name": "chat", "channel": "C0123456789", "token": "env:A", "signing_secret": "file:b", "events": ["asked"], "groups": ["wiki-owners"]}],
		"email": [{"name": "mail", "server": "127.0.0.1:25", "security": "none", "from": "a@house.test", "to": ["b@house.test"]},
			{"name": "mail-2", "server": "smtp.house.test:587", "from": "a@house.test", "to": ["b@house.test"], "username": "u", "password": "env:P"}],
		"webhooks": [{"name": "hook", "url": "https://siem.house.test/in", "secret": "env:C"}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	n := c.Notify
	if time.Duration(n.Remind) != 30*time.Minute || n.Slack[0].API != "https://slack.com/api" || n.Slack[0].Name != "chat" || n.Slack[0].Groups[0] != "wiki-owners" || n.Slack[0].SigningSecret.dir == "" {
		t.Errorf("%+v", n)
	}
	if n.Email[0].Security != Plain || n.Email[1].Security != StartTLS || n.Webhooks[0].AllowPrivate {
		t.Errorf("%+v", n)
	}
	if c, err = load(t, `{}`); err != nil || c.Notify != nil {
		t.Errorf("without the section: %v, %v", c.Notify, err)
	}
}

func TestNotifySaysWhatIsWrong(t *testing.T) {
	server := `, "server": "smtp.house.test:587"`
	for name, test := range map[string]struct{ text, field, says string }{
		"nobody is told":        {`{"notify": {}}`, "/notify", "tells nobody"},
		"too early":             {strings.Replace(slackSection(""), `{"slack"`, `{"remind": "1s", "slack"`, 1), "/notify/remind", "1m"},
		"too late":              {strings.Replace(slackSection(""), `{"slack"`, `{"remind": "24h", "slack"`, 1), "/notify/remind", "23h"},
		"no name":               {strings.Replace(slackSection(""), `"chat"`, `""`, 1), "/notify/slack/0", "channel"},
		"a name twice":          {`{"notify": {"webhooks": [{"name": "x", "url": "https://a", "secret": "env:A"}, {"name": "x", "url": "https://a", "secret": "env:A"}]}}`, "/notify/webhooks/1/name", "another"},
		"no such event":         {slackSection(`, "events": ["approved"]`), "/notify/slack/0/events/0", "can be told"},
		"an event twice":        {slackSection(`, "events": ["done", "done"]`), "/notify/slack/0/events/1", "twice"},
		"no group":              {slackSection(`, "groups": ["a b"]`), "/notify/slack/0/groups/0", "group"},
		"a channel's name":      {strings.Replace(slackSection(""), "C0123456789", "#general", 1), "/notify/slack/0/channel", "id"},
		"a token in clear":      {strings.Replace(slackSection(""), "env:A", "xoxb-hush", 1), "/notify/slack/0/token", "reference"},
		"no signing secret":     {strings.Replace(slackSection(""), `, "signing_secret": "env:B"`, ``, 1), "/notify/slack/0", "signing_secret"},
		"Slack in clear":        {slackSection(`, "api": "http://slack.test/api"`), "/notify/slack/0/api", "https"},
		"no server":             {emailSection(""), "/notify/email/0/server", "host and a port"},
		"no such security":      {emailSection(server + `, "security": "ssl"`), "/notify/email/0/security", "not known"},
		"mail in clear":         {emailSection(server + `, "security": "none"`), "/notify/email/0/security", "in the clear"},
		"half a login":          {emailSection(server + `, "username": "u"`), "/notify/email/0", "not both"},
		"a name with address":   {strings.Replace(emailSection(server), `"a@house.test"`, `"A <a@house.test>"`, 1), "/notify/email/0/from", "address"},
		"a header in address":   {strings.Replace(emailSection(server), `["b@house.test"]`, `["b@house.test\r\nBcc: c@d"]`, 1), "/notify/email/0/to/0", "address"},
		"to nobody":             {strings.Replace(emailSection(server), `["b@house.test"]`, `[]`, 1), "/notify/email/0/to", "0 addresses"},
		"a hook in clear":       {hookSection(`, "url": "http://siem.test/in", "secret": "env:A"`), "/notify/webhooks/0/url", "https"},
		"a hook with password":  {hookSection(`, "url": "https://u:hush@siem.test/in", "secret": "env:A"`), "/notify/webhooks/0/url", "password"},
		"a hook without secret": {hookSection(`, "url": "https://siem.test/in"`), "/notify/webhooks/0", "secret"},
		"a secret in clear":     {hookSection(`, "url": "https://siem.test/in", "secret": "whsec_hush"`), "/notify/webhooks/0/secret", "reference"},
		"an unknown field":      {`{"notify": {"teams": []}}`, "/notify/teams", "unknown field"},
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
