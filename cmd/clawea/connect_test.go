// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A browser opens the address that a command prints, and answers as a person would.
type browser struct {
	bytes.Buffer
	answer func(asked url.Values) url.Values
	said   []string // what the pages say that it is sent to
}

// Write opens what is printed, if that is an address.
func (b *browser) Write(p []byte) (int, error) {
	if u, err := url.Parse(strings.TrimSpace(string(p))); err == nil && strings.HasSuffix(u.Path, "/authorize") && b.answer != nil {
		asked := u.Query()
		for _, q := range []url.Values{{"state": {"forged"}, "code": {"forged"}}, b.answer(asked)} {
			res, err := http.Get(asked.Get("redirect_uri") + "?" + q.Encode())
			if err != nil {
				return 0, err
			}
			text, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil {
				return 0, err
			}
			b.said = append(b.said, fmt.Sprint(res.StatusCode, " ", string(text)))
		}
	}
	return b.Buffer.Write(p)
}

// connectHouse is a configuration that acts for people at a simulated authority.
func connectHouse(t *testing.T) (path string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("code") != "good" || r.PostFormValue("client_secret") != "app-hush" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"access-hush","refresh_token":"refresh-hush","expires_in":3600,"scope":"read:page:confluence read:me offline_access"}`)
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"account_id":"712020:alice","name":"Alice A."}`)
	})
	mux.HandleFunc("GET /oauth/token/accessible-resources", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `[{"id":"cloud-1"}]`) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	path = filepath.Join(dir, "clawea.hujson")
	conf := fmt.Sprintf(`{"confluence": {"site": %[1]q, "api": "%[1]s/ex/confluence/cloud-1", "act_as": {"robot": "alice"},
		"read": {"client_id": "app", "client_secret": "file:app", "token_url": "%[1]s/oauth/token", "per_user": true, "scopes": ["read:page:confluence"]}}}`, srv.URL)
	for name, text := range map[string]string{"clawea.hujson": conf, "app": "app-hush"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// obey runs one command line, with out as its standard output.
func obey(t *testing.T, out io.Writer, args ...string) error {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	return run(ctx, &env{stdin: strings.NewReader(""), stdout: out, stderr: io.Discard, getenv: func(string) string { return "" }}, args)
}

func TestConnect(t *testing.T) {
	conf := connectHouse(t)
	b := &browser{answer: func(asked url.Values) url.Values { return url.Values{"state": asked["state"], "code": {"good"}} }}
	if err := obey(t, b, "connect", "atlassian", "-config", conf, "-user", "alice", "-port", "0"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "connected alice: account 712020:alice (Alice A.) lets the app app act for them (confluence.read)") {
		t.Errorf("printed %s", b)
	}
	if len(b.said) != 2 || !strings.HasPrefix(b.said[0], "400 This is not the answer") || !strings.HasPrefix(b.said[1], "200 Done.") {
		t.Errorf("the pages say %q", b.said)
	}
	var list bytes.Buffer
	if err := obey(t, &list, "connect", "list", "-config", conf); err != nil || !strings.Contains(list.String(), "712020:alice") || !strings.Contains(list.String(), "good") {
		t.Errorf("list: %v, %s", err, &list)
	}
	if strings.Contains(b.String()+list.String(), "hush") {
		t.Error("a secret is printed")
	}
	for _, want := range []string{"", "alice has consented to nothing"} {
		err := obey(t, io.Discard, "connect", "drop", "-config", conf, "-user", "alice")
		if err == nil != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("drop: got %v, want %q", err, want)
		}
	}
}

func TestConnectRefused(t *testing.T) {
	conf := connectHouse(t)
	no := &browser{answer: func(asked url.Values) url.Values {
		return url.Values{"state": asked["state"], "error": {"access_denied"}}
	}}
	tests := []struct {
		name string
		out  io.Writer
		args []string
		says string
	}{
		{"the person says no", no, []string{"-user", "alice", "-port", "0"}, "no consent was given"},
		{"nobody comes", new(bytes.Buffer), []string{"-user", "alice", "-port", "0", "-wait", "50ms"}, "nobody consented in time"},
		{"nobody of that name", io.Discard, []string{"-user", "bob"}, `names nobody "bob"`},
		{"no name", io.Discard, []string{"-user", "../x"}, "person"},
		{"no user", io.Discard, nil, "needs -user"},
		{"no such app", io.Discard, []string{"-user", "alice", "-app", "other"}, "no app of the configuration"},
	}
	for _, test := range tests {
		err := obey(t, test.out, append([]string{"connect", "atlassian", "-config", conf}, test.args...)...)
		if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %q", test.name, err, test.says)
		}
	}
	var list bytes.Buffer
	if err := obey(t, &list, "connect", "list", "-config", conf); err != nil || list.Len() != 0 {
		t.Errorf("something was kept: %v, %s", err, &list)
	}
}
