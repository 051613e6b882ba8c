// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func collector(more string) string {
	return `{"export": {"webhooks": [{"name": "siem"` + more + `}]}}`
}

func TestExport(t *testing.T) {
	c, err := load(t, `{"export": {"webhooks": [{"name": "siem", "url": "https://siem.test/in", "secret": "file:a"},
		{"name": "lake", "url": "http://127.0.0.1:8080/", "secret": "env:B", "allow_private": true, "batch": 1000, "interval": "1h"}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	a, b := c.Export.Webhooks[0], c.Export.Webhooks[1]
	if a.Batch != 100 || time.Duration(a.Interval) != 5*time.Second || a.AllowPrivate || a.Secret.dir == "" {
		t.Errorf("%+v", a)
	}
	if b.Batch != 1000 || time.Duration(b.Interval) != time.Hour || !b.AllowPrivate {
		t.Errorf("%+v", b)
	}
}

func TestExportSaysWhatIsWrong(t *testing.T) {
	const good = `, "url": "https://siem.test/in", "secret": "env:A"`
	for name, test := range map[string]struct{ text, field, says string }{
		"nowhere":          {`{"export": {}}`, "/export", "nothing"},
		"no name":          {strings.Replace(collector(good), `"siem"`, `""`, 1), "/export/webhooks/0", "channel"},
		"a name twice":     {`{"export": {"webhooks": [{"name": "x"` + good + `}, {"name": "x"` + good + `}]}}`, "/export/webhooks/1/name", "another"},
		"in clear":         {collector(`, "url": "http://siem.test/in", "secret": "env:A"`), "/export/webhooks/0/url", "https"},
		"with a password":  {collector(`, "url": "https://u:hush@siem.test/in", "secret": "env:A"`), "/export/webhooks/0/url", "password"},
		"without secret":   {collector(`, "url": "https://siem.test/in"`), "/export/webhooks/0", "secret"},
		"a secret in text": {collector(`, "url": "https://siem.test/in", "secret": "whsec_hush"`), "/export/webhooks/0/secret", "reference"},
		"too few":          {collector(good + `, "batch": -1`), "/export/webhooks/0/batch", "1000"},
		"too many":         {collector(good + `, "batch": 1001`), "/export/webhooks/0/batch", "1000"},
		"too often":        {collector(good + `, "interval": "10ms"`), "/export/webhooks/0/interval", "time"},
		"too rarely":       {collector(good + `, "interval": "61m"`), "/export/webhooks/0/interval", "1h"},
		"an unknown field": {collector(good + `, "format": "cef"`), "/export/webhooks/0/format", "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.text)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Field != test.field || !strings.Contains(e.Msg, test.says) || e.Hint == "" || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %v; want %s at %s", err, test.says, test.field)
			}
		})
	}
}
