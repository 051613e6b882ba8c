// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

const (
	alice = "alice+5a961af4+ARKI14VUTYwtTdLLeB9imibSuECad/psTNYY1GyzJNZ4"
	bob   = "bob+56e1ef1a+AQwZw6e4i/FKY7092a2ypeb2HWr4+6poXpfi3yjZI2+J"
)

// load writes text to a file of its own and loads it.
func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	return Load(write(t, filepath.Join(t.TempDir(), "clawea.hujson"), text, 0o644))
}

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "c"), "{}", 0o600)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	got := []string{c.Listen, c.URL, c.House, c.Keys, c.Origin, c.Name()}
	want := []string{"127.0.0.1:7433", "http://127.0.0.1:7433", "http://127.0.0.1:7433", dir + "/keys", "127.0.0.1:7433/log", "clawea.local"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s, err := c.Store.URL(); err != nil || s != "sqlite:"+dir+"/clawea.db" {
		t.Errorf("store %q, %v", s, err)
	}
	if c.Authors != nil || c.People != nil || c.Confluence != nil || c.Jira != nil || c.Clients != nil || c.Identities != nil || c.PlainBearer {
		t.Error("something is permitted that the file does not say")
	}
}

func TestExample(t *testing.T) {
	c, err := Load("../../docs/clawea.hujson")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Abs("../../docs")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Authors) != 1 || c.Authors[0].Name() != "alice" || len(c.People) != 1 || c.People[0].Name() != "bob" {
		t.Errorf("authors %v, people %v", c.Authors, c.People)
	}
	if len(c.Quorums()) != 2 || c.Environments["prod"].Required != 2 || c.Emergency() == nil || c.BreakGlass.Required != 3 {
		t.Errorf("environments %v, break glass %v", c.Environments, c.BreakGlass)
	}
	if len(c.Clients) != 2 || c.Clients[0].PublicKey() != nil || c.Clients[1].PublicKey() == nil || len(c.Clients[1].Policies) != 1 || c.Clients[0].Policies != nil {
		t.Errorf("clients %v", c.Clients)
	}
	if len(c.Identities) != 1 || string(c.Identities[0].Match["ref"]) != `"refs/heads/main"` || c.PlainBearer || c.RevocationBound != Delay(5*time.Second) {
		t.Errorf("identities %v, plain bearer %v, bound %v", c.Identities, c.PlainBearer, c.RevocationBound)
	}
	if v := Verifiers(c.People); len(v) != 1 || v[0].Name() != "bob" {
		t.Errorf("verifiers %v", v)
	}
	if len(c.Providers) != 4 || c.Providers[0].Headers["OpenAI-Project"] != "proj_example" || c.Providers[1].Dialect != Anthropic {
		t.Errorf("providers %v", c.Providers)
	}
	if len(c.Prices) != 2 || *c.Prices[0].CacheRead != 125_000 || c.Prices[1].Models != "*" {
		t.Errorf("prices %v", c.Prices)
	}
	if c.Confluence.Shared() || c.Jira.Read.Email != "clawea-read@acme.example" || c.Confluence.AllowRestricted {
		t.Errorf("sites %v, %v", c.Confluence, c.Jira)
	}
	if c.Confluence.Undo.ClientID == "" || c.Confluence.UndoShared() || c.Confluence.Deployment != Cloud || len(c.Confluence.MediaHosts) != 1 || c.Confluence.Write.ID == "" {
		t.Errorf("Confluence %v", c.Confluence)
	}
	if !c.Jira.Write.PerUser || c.Jira.User("triage-bot") != "carol" || c.Jira.User("another") != "" {
		t.Errorf("Jira %v", c.Jira)
	}
	if len(c.Launchers) != 1 || c.Launchers[0].Verifier.Name() != "ci-runner" {
		t.Errorf("launchers %v", c.Launchers)
	}
	if s := c.Seam; s == nil || s.ReportWithin != Delay(10*time.Minute) || len(s.Gateways) != 1 || s.Gateways[0].Name != "edge" || len(s.Gateways[0].Routes) != 3 {
		t.Errorf("seam %v", s)
	}
	if c.Name() != "clawea.example.com" || c.Operators[0].Name != "ops" || c.Keys != docs+"/keys" {
		t.Errorf("house %q, operator %q, keys %q", c.Name(), c.Operators[0].Name, c.Keys)
	}
	if _, err := c.Providers[0].Key.Get(); err == nil || !strings.Contains(err.Error(), docs+"/secrets/openai.key: the secret's file is not there") {
		t.Errorf("key: got %v", err)
	}
}

// site wraps the two accounts of a Confluence section.
func site(read string) string {
	return `{"confluence": {"site": "https://a.atlassian.net", "read": ` + read + `}}`
}

func provider(extra string) string {
	return `{"providers": [{"name": "m", "dialect": "openai", "base_url": "https://m.example/v1", "key": "env:K"` + extra + `}]}`
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	cases := []struct {
		name, text string
		at         string // line, column and field
		says       string
	}{
		{"not JSON", "{\n \"url\" 1}", "2:8", "invalid character"},
		{"nothing", "", "1:1", ""},
		{"a list", "[]", "1:1", "does not belong here"},
		{"unquoted secret", "{\"a\":\nsk-hush}", "2:1", "invalid"},
		{"badly quoted secret", "{\"a\":\n\"sk-hush\\q\"}", "2:1", "invalid"},
		{"unknown field", "{\n  // comment\n  \"lisen\": \"x\",\n}", "3:3: /lisen", `unknown field "lisen"`},
		{"other case", "{\n\"URL\": \"x\"}", "2:1: /URL", "unknown field"},
		{"twice", "{\"keys\": \"a\",\n\"keys\": \"b\"}", "2:1: /keys", "duplicate"},
		{"wrong kind", "{\"keys\":\n 7}", "2:2: /keys", "a number does not belong here"},
		{"unknown field inside", provider(`, "keys": 1`), "/providers/0/keys", "unknown field"},

		{"listen without port", `{"listen": "localhost"}`, "/listen", "an address and a port"},
		{"listen by word", `{"listen": "localhost:http"}`, "/listen", "not a number"},
		{"listen to all without URL", `{"listen": "0.0.0.0:80"}`, "/listen", "where others reach"},
		{"listen to any port without URL", `{"listen": "127.0.0.1:0"}`, "/listen", "where others reach"},
		{"url in clear", `{"url": "http://clawea.example.com"}`, "/url", "must begin with https://"},
		{"url with path", `{"url": "https://clawea.example.com/a"}`, "/url", "must have no path"},
		{"url with user", `{"url": "https://u:hush@clawea.example.com"}`, "/url", "password"},
		{"url with query", `{"url": "https://clawea.example.com?"}`, "/url", "before any ?"},
		{"url of nowhere", `{"url": "https:///"}`, "/url", "not a URL"},
		{"url of a file", `{"url": "file:///etc"}`, "/url", "not a URL"},
		{"house", `{"house": "a b"}`, "/house", "without spaces"},
		{"origin", `{"origin": "a+b"}`, "/origin", "plus"},

		{"store", `{"store": "mysql://x"}`, "/store", "must be sqlite:PATH"},
		{"store without path", `{"store": "sqlite:"}`, "/store", "must be sqlite:PATH"},
		{"store with password", `{"store": "postgres://u:hush@h/d"}`, "/store", "must not hold a password"},
		{"store with password at the end", `{"store": "postgres://u@h/d?password=hush"}`, "/store", "must not hold a password"},
		{"store in a file without name", `{"store": "file:"}`, "/store", "names no file"},

		{"author", `{"authors": ["` + alice + `", "hush"]}`, "/authors/1", "not a public key"},
		{"person twice", `{"people": ["` + bob + `", "` + bob + `"]}`, "/people/1", "twice"},
		{"operator's name", `{"operators": [{"name": "A B", "token": "env:T"}]}`, "/operators/0", `operator "A B"`},
		{"operator of two domains", `{"operators": [{"name": "a@b@c", "token": "env:T"}]}`, "/operators/0", `operator "a@b@c"`},
		{"operator of no domain", `{"operators": [{"name": "a@", "token": "env:T"}]}`, "/operators/0", `operator "a@"`},
		{"operator's domain", `{"operators": [{"name": "a@B", "token": "env:T"}]}`, "/operators/0", `operator "a@B"`},
		{"operator who is a person, twice", `{"operators": [{"name": "a@b.c", "token": "env:T"}, {"name": "a@b.c", "token": "env:U"}]}`, "/operators/1/name", "another operator"},
		{"operator twice", `{"operators": [{"name": "a", "token": "env:T"}, {"name": "a", "token": "env:U"}]}`, "/operators/1/name", "another operator"},
		{"operator without token", `{"operators": [{"name": "a"}]}`, "/operators/0", "has no token"},

		{"literal key", "{\"providers\": [{\"name\": \"m\",\n\"key\": \"sk-hush\"}]}", "2:1: /providers/0/key", "not the secret itself"},
		{"literal token", site(`{"email": "a@b.c", "token": "hush"}`), "/confluence/read/token", "not the secret itself"},
		{"strange variable", site(`{"email": "a@b.c", "token": "env:A-B"}`), "/confluence/read/token", "environment variable"},
		{"route with slash", `{"providers": [{"name": "a/b", "key": "env:K"}]}`, "/providers/0", `provider "a/b"`},
		{"dialect", `{"providers": [{"name": "m", "dialect": "OpenAI", "key": "env:K"}]}`, "/providers/0", "dialect"},
		{"no base_url", `{"providers": [{"name": "m", "dialect": "openai", "key": "env:K"}]}`, "/providers/0", "base_url is missing"},
		{"base_url in clear", `{"providers": [{"name": "m", "dialect": "openai", "base_url": "http://10.0.0.1", "key": "env:K"}]}`, "/providers/0", "must begin with https://"},
		{"base_url that climbs", `{"providers": [{"name": "m", "dialect": "openai", "base_url": "https://m.example/a/../b", "key": "env:K"}]}`, "/providers/0", "plain path"},
		{"secret header", provider(`, "headers": {"X-Api-Key": "hush"}`), "/providers/0/headers", "would be a secret"},
		{"transport's header", provider(`, "headers": {"Host": "x"}`), "/providers/0/headers", "set by the house"},
		{"no header", provider(`, "headers": {"a\r\nb": "x"}`), "/providers/0/headers", "not a header"},
		{"header of two lines", provider(`, "headers": {"a": "x\ny"}`), "/providers/0/headers", "not a header"},

		{"site without reader", `{"jira": {"site": "https://a.atlassian.net"}}`, "/jira", "no account that reads"},
		{"site in clear", `{"jira": {"site": "http://a.atlassian.net"}}`, "/jira", "must begin with https://"},
		{"no email", site(`{"email": "a", "token": "env:T"}`), "/confluence/read", "no email"},
		{"API at a query", `{"jira": {"site": "https://a.atlassian.net", "api": "https://api.atlassian.com/ex/jira/1?x=1", "read": {"token": "env:T"}}}`, "/jira/api", "must end before"},
		{"email with colon", site(`{"email": "a:b@c", "token": "env:T"}`), "/confluence/read", "no email"},
		{"writer without token", `{"jira": {"site": "https://a.atlassian.net", "read": {"email": "a@b.c", "token": "env:T"}, "write": {"email": "a@b.c"}}}`, "/jira/write", "has no token"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.text)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			what, mend, two := strings.Cut(err.Error(), "\n")
			if !two || mend == "" || strings.Contains(mend, "\n") {
				t.Errorf("not two lines: %q", err)
			}
			if !strings.Contains(what, c.at+": ") || !strings.Contains(what, c.says) {
				t.Errorf("got %q, want it to say %q at %q", what, c.says, c.at)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("repeats a secret: %q", err)
			}
		})
	}
}

func TestLoadRefusesFiles(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v", err)
	}
	var e *Error
	if _, err := Load(write(t, filepath.Join(t.TempDir(), "c"), "{}", 0o666)); !errors.As(err, &e) || !strings.HasPrefix(e.Hint, "chmod o-w") {
		t.Errorf("writable by all: got %v", err)
	}
	if _, err := load(t, "{}"+strings.Repeat(" ", maxFile)); !errors.As(err, &e) || !strings.Contains(e.Msg, "longer than") {
		t.Errorf("huge: got %v", err)
	}
}

func TestURLs(t *testing.T) {
	c, err := load(t, `{"listen": "0.0.0.0:80", "url": "https://clawea.example.com:8443/", "jira": {"site": "http://127.0.0.1:99/", "read": {"email": "a@b.c", "token": "env:T"}},
		"providers": [{"name": "m", "dialect": "openai", "base_url": "http://[::1]:8080/v1/", "key": "env:K"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.URL, c.House, c.Origin, c.Name(), c.Jira.Site, c.Providers[0].BaseURL}
	want := []string{"https://clawea.example.com:8443", "https://clawea.example.com:8443", "clawea.example.com:8443/log", "clawea.example.com", "http://127.0.0.1:99", "http://[::1]:8080/v1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestShared(t *testing.T) {
	read := &Account{Email: "a@b.c", Token: Secret{ref: "env:A"}}
	for _, c := range []struct {
		write *Account
		want  bool
	}{{nil, false}, {&Account{Email: "w@b.c", Token: Secret{ref: "env:B"}}, false}, {&Account{Email: "a@b.c", Token: Secret{ref: "env:B"}}, true}, {&Account{Email: "w@b.c", Token: Secret{ref: "env:A"}}, true}} {
		if got := (&Site{Read: read, Write: c.write}).Shared(); got != c.want {
			t.Errorf("%v: got %v", c.write, got)
		}
	}
}

func TestNothingLeaks(t *testing.T) {
	c, err := load(t, provider("")[:len(provider(""))-1]+`, "store": "env:DB", "operators": [{"name": "o", "token": "env:HUSH"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DB", "postgres://u:hush@h/d")
	t.Setenv("HUSH", "hush")
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("config", "config", c, "secret", c.Operators[0].Token, "store", c.Store)
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(b) + fmt.Sprintf("%v %+v %#v %s", c, *c, *c, c.Operators[0].Token)
	if strings.Contains(strings.ToLower(all), "hush") || !strings.Contains(all, "[secret]") {
		t.Errorf("leaks: %s", all)
	}
}

func FuzzParse(f *testing.F) {
	example, err := os.ReadFile("../../docs/clawea.hujson")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte(provider(`, "headers": {"a": "b"}`)))
	f.Add([]byte(`{"store": "file:x", "people": ["` + bob + `"]} // end`))
	f.Add([]byte(`{"environments": {"dev": {"approvers": ["` + bob + `"], "required": 1}}, "break_glass": {"approvers": ["` + alice + `", "` + bob + `"], "required": 2, "longest": "90m"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parse(b, "/house/clawea.hujson")
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) || e.Hint == "" || e.Msg == "" {
				t.Errorf("got %q, want an *Error in two parts", err)
			}
			return
		}
		if wrongURL(c.URL, false) != "" || c.Keys == "" || c.Origin == "" || len(Verifiers(c.People)) != len(c.People) {
			t.Errorf("accepted %+v", c)
		}
		for name, q := range c.Environments {
			if _, err := q.policy(c.Authors); err != nil || name == "" || q.Required < 1 {
				t.Errorf("accepted environment %q, %+v: %v", name, q, err)
			}
		}
		for _, cl := range c.Clients {
			if (cl.PublicKey() == nil) != (cl.Secret.wrong() == "") || len(cl.Agents) == 0 {
				t.Errorf("accepted client %+v", cl)
			}
		}
		for _, id := range c.Identities {
			if wrongURL(id.Issuer, true) != "" || len(id.Match) == 0 || id.Agent == "" {
				t.Errorf("accepted identity %+v", id)
			}
		}
		for _, p := range c.Providers {
			if wrongURL(p.BaseURL, true) != "" || p.Key.wrong() != "" {
				t.Errorf("accepted provider %+v", p)
			}
		}
	})
}
