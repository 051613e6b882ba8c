// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/console"
	"github.com/clawea/clawea/internal/store"
)

// A patient is a database of which a test says how it is.
type patient struct {
	unlogged, newest, clock, since time.Time
	waiting                        int
	grants                         map[string][]byte
	err                            error
}

func (p *patient) Unlogged(context.Context) (time.Time, error) { return p.unlogged, p.err }
func (p *patient) Newest(context.Context) (time.Time, error)   { return p.newest, p.err }
func (p *patient) Clock(context.Context) (time.Time, error)    { return p.clock, p.err }

func (p *patient) Undelivered(context.Context, string) (int, time.Time, error) {
	return p.waiting, p.since, p.err
}

func (p *patient) Secret(_ context.Context, name string) (store.Secret, error) {
	b, ok := p.grants[name]
	if !ok && p.err == nil {
		return store.Secret{}, store.ErrNotFound
	}
	return store.Secret{Name: name, Value: b}, p.err
}

const checkedConfig = `{
  "operators": [{"name": "olga", "token": "env:CHECKED_OPERATOR"}],
  "confluence": {"site": "https://acme.atlassian.net", "api": "https://api.atlassian.com/ex/confluence/c",
    "read": {"client_id": "app", "client_secret": "env:CHECKED_APP", "per_user": true, "scopes": ["read:page:confluence"]}, "act_as": {"*": "kim"}},
}`

// loadText loads a configuration.
func loadText(t *testing.T, text string) *config.Config {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.write("clawea.hujson", text)
	c, err := config.Load(filepath.Join(w.dir, "clawea.hujson"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Each check says what is well, and fails where it is not, and where it cannot tell.
func TestChecks(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	grant := func(ended time.Time) []byte {
		b, err := (&atlassian.Grant{Account: "712020:kim", Refresh: "r", Ended: ended}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const plenty = 1 << 40
	for name, x := range map[string]struct {
		change func(p *patient, x *checkup)
		broken string // the check that fails; "": none
		says   string
	}{
		"well":                      {func(*patient, *checkup) {}, "", ""},
		"a receipt seconds old":     {func(p *patient, _ *checkup) { p.unlogged = now.Add(-5 * time.Second) }, "", ""},
		"a receipt outside the log": {func(p *patient, _ *checkup) { p.unlogged = now.Add(-2 * time.Minute) }, "Transparency log", "2m0s"},
		"another clock":             {func(p *patient, _ *checkup) { p.clock = now.Add(-10 * time.Second) }, "Clock", "differ by 10s"},
		"a receipt to come":         {func(p *patient, _ *checkup) { p.newest = now.Add(time.Minute) }, "Clock", "1m0s from now"},
		"notices under way":         {func(p *patient, _ *checkup) { p.waiting, p.since = 2, now.Add(-time.Minute) }, "", ""},
		"notices that do not go":    {func(p *patient, _ *checkup) { p.waiting, p.since = 2, now.Add(-time.Hour) }, "Notices", "wiki (2, the oldest for 1h0m0s)"},
		"no consent":                {func(p *patient, _ *checkup) { p.grants = nil }, "Credentials", "1 of 3 cannot be read: the consent of kim"},
		"a consent that ended":      {func(p *patient, _ *checkup) { p.grants = map[string][]byte{"atlassian/app/kim": grant(now)} }, "Credentials", "consent of kim"},
		"a secret that is gone":     {func(*patient, *checkup) { t.Setenv("CHECKED_OPERATOR", "") }, "Credentials", "/operators/0/token"},
		"a full disk": {func(_ *patient, x *checkup) {
			x.free = func(string) (uint64, bool, error) { return 1 << 20, true, nil }
		}, "Disk of the database", "1 MiB"},
		"a disk that is gone": {func(_ *patient, x *checkup) {
			x.free = func(string) (uint64, bool, error) { return 0, false, errors.New("gone") }
		}, "Disk of the database", "cannot be told"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CHECKED_OPERATOR", strings.Repeat("o", 40))
			t.Setenv("CHECKED_APP", "hush-hush")
			p := &patient{clock: now, newest: now, grants: map[string][]byte{"atlassian/app/kim": grant(time.Time{})}}
			c := &checkup{
				config: loadText(t, checkedConfig), db: p, channels: []string{"wiki"}, disks: []disk{{"the database", "/"}}, log: slog.New(slog.DiscardHandler),
				free: func(string) (uint64, bool, error) { return plenty, true, nil }, now: func() time.Time { return now },
			}
			x.change(p, c)
			got := c.checks(t.Context())
			if len(got) != 5 {
				t.Errorf("%d checks: %v", len(got), got)
			}
			for _, check := range got {
				if check.OK != (check.Name != x.broken) || check.Name == x.broken && !strings.Contains(check.Says, x.says) || check.Says == "" {
					t.Errorf("%+v", check)
				}
				if strings.Contains(check.Says, "CHECKED_") || strings.Contains(check.Says, "hush") {
					t.Errorf("it tells where a secret is: %s", check.Says)
				}
			}
			p.err = errors.New("no database")
			for _, check := range c.checks(t.Context()) {
				if disk := strings.HasPrefix(check.Name, "Disk"); !disk && check.OK {
					t.Errorf("without a database: %+v", check)
				}
			}
		})
	}
}

// Where there is no such thing, nothing is checked; a directory that is still to be made
// is on the disk of the one above.
func TestDisks(t *testing.T) {
	c := loadText(t, `{"pulse": {}}`)
	if got := disks(c, "sqlite:/var/x/house.db"); len(got) != 2 || got[0].dir != "/var/x" || got[1].dir != c.Pulse.Dir {
		t.Errorf("%v", got)
	}
	if got := disks(loadText(t, `{}`), "postgres://db/x"); len(got) != 0 {
		t.Errorf("%v", got)
	}
	dir := t.TempDir()
	n, known, err := freeSpace(dir)
	m, _, err2 := freeSpace(filepath.Join(dir, "to", "come"))
	if err != nil || err2 != nil || known && (n == 0 || m == 0) {
		t.Errorf("%d, %d, %t, %v, %v", n, m, known, err, err2)
	}
}

// The settings tell what is configured, and neither a secret nor where it is.
func TestSettings(t *testing.T) {
	c, err := config.Load("../../docs/clawea.hujson")
	if err != nil {
		t.Fatal(err)
	}
	text := flat(settings(c, "sqlite:/srv/clawea.db"))
	for _, want := range []string{
		c.House, c.URL, "SQLite", "Acme's accounts: https://login.microsoftonline.com/", "Acme's accounts makes admin: Clawea.Admin", "a yes to what is of high risk", "c1, within 5m0s",
		"Policies for prod: ", "Confluence", "https://acme.atlassian.net", "Slack", "Write policies: alice", "Telemetry: yes", "Gateway edge may ask: https://gateway.acme.example",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the settings do not say %q", want)
		}
	}
	sample := regexp.MustCompile(`"((?:file|env):[^"]*)"`)
	b, err := os.ReadFile("../../docs/clawea.hujson")
	if err != nil {
		t.Fatal(err)
	}
	refs := sample.FindAllStringSubmatch(string(b), -1)
	if len(refs) < 10 {
		t.Fatalf("%d references", len(refs))
	}
	for _, r := range refs {
		_, path, _ := strings.Cut(r[1], ":")
		if strings.Contains(text, r[1]) || strings.Contains(text, path) {
			t.Errorf("the settings say %q", r[1])
		}
	}
	if strings.Contains(text, "hooks") || strings.Contains(text, "siem.acme.example") {
		t.Error("the settings say a webhook's address, which can be a secret")
	}
	if bare := flat(settings(loadText(t, `{}`), "sqlite:/srv/clawea.db")); strings.Contains(bare, "Models") || strings.Contains(bare, "Notices") || !strings.Contains(bare, "Published bundles: in a directory, for ever") || !strings.Contains(bare, "Answers that want a step-up: none") {
		t.Errorf("a house of which nothing is said: %s", bare)
	}
	hidden := loadText(t, `{"store": "env:HIDDEN_STORE"}`)
	t.Setenv("HIDDEN_STORE", "postgres://user:password@db/x")
	if text := flat(settings(hidden, "postgres://user:password@db/x")); !strings.Contains(text, "Database: PostgreSQL") || !strings.Contains(text, "Published bundles: none") || strings.Contains(text, "password") || strings.Contains(text, "HIDDEN") {
		t.Errorf("%s", text)
	}
}

func flat(list []console.Section) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString(s.Title + "\n")
		for _, x := range s.Settings {
			b.WriteString("  " + x.Name + ": " + x.Value + "\n")
		}
	}
	return b.String()
}
