// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seam

import (
	"encoding/json"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"
)

// What plainPath lets through, everybody reads alike: cleaned or not, decoded once or
// twice, with or without what comes after a semicolon.
func FuzzPlainPath(f *testing.F) {
	for _, s := range []string{
		"/", "/a/b", "/a/", "/a%20b", "/%C3%BC", "/a//b", "//a", "/a/./b", "/a/../b", "/..", "/a%2Fb", "/a%2fb", "/%2e%2e/a", "/a%5Cb", `/a\b`, "/a;b=c",
		"/a%252Fb", "/%61", "/a%00", "/%", "/%zz", "/a%3Bb", "http://house.test/a", "*", "", "a", "/\xff", "/%FF", "/%C0%AF", "/a?b", "/a#b", "/{a}", "/a b", "/@:+,=", "/a%c3%bc",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !plainPath(s) {
			return
		}
		u, err := url.ParseRequestURI(s)
		if err != nil || u.Host != "" || u.EscapedPath() != s || u.RawQuery != "" {
			t.Fatalf("%q is read as %+v: %v", s, u, err)
		}
		clean := path.Clean(u.Path)
		if strings.HasSuffix(u.Path, "/") && u.Path != "/" {
			clean += "/"
		}
		if clean != u.Path || !utf8.ValidString(u.Path) || strings.ContainsAny(u.Path, "\\;%\x00") || strings.Count(u.Path, "/") != strings.Count(s, "/") {
			t.Errorf("%q is %q, cleaned %q", s, u.Path, clean)
		}
	})
}

func TestPlainPath(t *testing.T) {
	for s, want := range map[string]bool{
		"/": true, "/a/b": true, "/a/": true, "/a%20b": true, "/%C3%BC": true, "/rest/api/3/issue/ENG-1": true, "/a,b:c@d": true,
		"": false, "a": false, "*": false, "//": false, "/a//b": false, "/./a": false, "/a/..": false, "/a%2Fb": false, "/%2E": false, "/%2E%2E/a": false, "/a%5Cb": false,
		`/a\b`: false, "/a;b": false, "/a%252Fb": false, "/%61": false, "/%00": false, "/%FF": false, "/%C0%AF": false, "/%c3%bc": false, "/a b": false, "/a%": false, "/ü": false,
	} {
		if got := plainPath(s); got != want {
			t.Errorf("%q: %t", s, got)
		}
	}
}

// What readMessage reads, a careless reader reads too: one that passes over unknown names,
// takes the last of two, and any case.
func FuzzReadMessage(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"b":1}}}`, `{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":1,"error":{}}`, `[]`, ` [{}]`, `{}`, `null`, ``, `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}`,
		`{"jsonrpc":"2.0","id":1,"Method":"tools/call"}`, `{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call","params":{"name":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","ARGUMENTS":{}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools\u002fcall","params":{"n\u0061me":"a"}}`, `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a"}}`,
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"\u017fmethod\":1}", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":1e400}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readMessage(b)
		if err != nil {
			if m != nil {
				t.Error("a message and an error")
			}
			return
		}
		var careless struct {
			Method string `json:"method"`
			Params struct {
				Name      string          `json:"name"`
				Arguments json.RawMessage `json:"arguments"`
			} `json:"params"`
		}
		err = json.Unmarshal(b, &careless)
		if m.passes {
			if careless.Method != m.method || m.method == "tools/call" || m.method == "resources/read" {
				t.Errorf("%q passes as %q, and is %q", b, m.method, careless.Method)
			}
			return
		}
		if !json.Valid(m.args) || careless.Method != m.method || m.method == "tools/call" && (err != nil || careless.Params.Name != m.name) {
			t.Errorf("%q is %+v, and for others %+v: %v", b, m, careless, err)
		}
	})
}
