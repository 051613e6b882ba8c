// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEgress(t *testing.T) {
	standard := Egress{
		Listen: "127.0.0.1:7434", URL: "http://127.0.0.1:7434", Idle: Delay(5 * time.Minute), Longest: Delay(time.Hour), Bytes: 1 << 30, Job: 64, All: 1024,
	}
	elsewhere := Egress{
		Listen: "0.0.0.0:7434", URL: "https://egress.example.com", Apart: true, Idle: Delay(time.Second), Longest: Delay(24 * time.Hour), Bytes: 1024, Job: 1, All: 100000,
		Private: map[string][]netip.Prefix{"wiki.corp.example": {netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd00::/8")}, "10.1.2.3": {netip.MustParsePrefix("10.1.2.3/32")}, "fd00::1": {netip.MustParsePrefix("fd00::/8")}},
	}
	for text, want := range map[string]*Egress{
		`{}`:             nil,
		`{"egress": {}}`: &standard,
		`{"egress": {"listen": "0.0.0.0:7434", "url": "https://egress.example.com/", "apart": true, "idle": "1s", "longest": "24h", "bytes": 1024, "connections_per_job": 1, "connections": 100000,
			"private": {"wiki.corp.example": ["10.20.0.0/16", "fd00::/8"], "10.1.2.3": ["10.1.2.3/32"], "fd00::1": ["fd00::/8"]}}}`: &elsewhere,
	} {
		got, err := load(t, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got.Egress, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestEgressRefused(t *testing.T) {
	for _, member := range []string{
		`"listen": "7434"`, `"listen": "127.0.0.1:x"`, `"listen": "127.0.0.1:0"`, `"listen": "0.0.0.0:7434"`, `"listen": "127.0.0.1:70000"`,
		`"url": "http://egress.example.com"`, `"url": "https://egress.example.com/x"`, `"url": "https://a:b@egress.example.com"`,
		`"private": {"Wiki.corp.example": ["10.0.0.0/8"]}`, `"private": {"*.corp.example": ["10.0.0.0/8"]}`, `"private": {"wiki.corp.example:443": ["10.0.0.0/8"]}`,
		`"private": {"wiki.corp.example": []}`, `"private": {"wiki.corp.example": ["10.0.0.1/8"]}`, `"private": {"wiki.corp.example": ["10.0.0.1"]}`, `"private": {"": ["10.0.0.0/8"]}`,
		`"private": {"wiki.corp.example": ["::ffff:10.0.0.0/104"]}`, `"private": {"127.1": ["127.0.0.0/8"]}`,
		`"idle": "999ms"`, `"idle": "25h"`, `"longest": "0s"`, `"bytes": 1023`, `"bytes": -1`, `"connections_per_job": -1`, `"connections": 100001`, `"hosts": []`,
	} {
		_, err := load(t, `{"egress": {`+member+`}}`)
		var e *Error
		if !errors.As(err, &e) || e.Hint == "" || !strings.HasPrefix(e.Field, "/egress") {
			t.Errorf("%s: %v", member, err)
		}
	}
}
