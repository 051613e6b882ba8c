// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const startedUpstream = `"name": "weather", "adapter": "file:weather.hujson", "command": ["/usr/bin/weather"]`

func TestUpstreams(t *testing.T) {
	c, err := load(t, `{"upstreams": [
		{`+startedUpstream+`, "hosts": ["api.example.com", "*.pkg.example.com", "git.example.com:22", "192.0.2.7", "[2001:db8::7]:8443"], "without": ["memory_limit"], "env": {"A": "b"}},
		{"name": "wiki", "adapter": "rovo-confluence", "url": "https://mcp.example.com/v1"},
		{"name": "still", "adapter": "aaronsb-jira", "command": ["/usr/bin/still"], "hosts": [], "without": ["network_namespace"], "env": {"HTTPS_PROXY": "http://127.0.0.1:1"}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if u := c.Upstreams[0]; !slices.Contains(u.Hosts, "git.example.com:22") || u.Timeout != defaultTimeout || !strings.HasPrefix(u.Adapter, "file:/") {
		t.Errorf("%+v", u)
	}
}

func TestUpstreamMistakes(t *testing.T) {
	for text, want := range map[string]string{
		startedUpstream + `, "hosts": ["https://api.example.com"]`:                                                   "/hosts",
		startedUpstream + `, "hosts": ["*"]`:                                                                         "/hosts",
		startedUpstream + `, "hosts": ["API.example.com"]`:                                                           "/hosts",
		startedUpstream + `, "hosts": ["127.1"]`:                                                                     "/hosts",
		startedUpstream + `, "hosts": ["api.example.com:0"]`:                                                         "/hosts",
		startedUpstream + `, "hosts": ["10.0.0.0/8"]`:                                                                "/hosts",
		startedUpstream + `, "hosts": ["api.example.com"], "without": ["memory_limit", "network_namespace"]`:         "/without",
		startedUpstream + `, "hosts": ["api.example.com"], "env": {"https_proxy": "http://127.0.0.1:1"}`:             "/env",
		startedUpstream + `, "hosts": ["api.example.com"], "secrets": {"NO_PROXY": "env:X"}`:                         "/env",
		startedUpstream + `, "readable": ["weather"]`:                                                                "/readable/0",
		startedUpstream + `, "url": "https://mcp.example.com"`:                                                       "",
		startedUpstream + `, "memory": -1`:                                                                           "",
		startedUpstream + `, "timeout": "11m"`:                                                                       "/timeout",
		`"name": "jira", "adapter": "aaronsb-jira", "command": ["/x"]`:                                               "/name",
		`"name": "wiki", "adapter": "rovo-confluence", "url": "https://mcp.example.com", "hosts": ["a.example.com"]`: "",
		`"name": "wiki", "adapter": "rovo-confluence", "url": "http://mcp.example.com"`:                              "/url",
		`"name": "wiki", "command": ["/x"]`:                                                                          "",
	} {
		_, err := load(t, `{"upstreams": [{`+text+`}]}`)
		var e *Error
		if !errors.As(err, &e) || e.Field != "/upstreams/0"+want || e.Hint == "" {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
