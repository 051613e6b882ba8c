// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPulse(t *testing.T) {
	dir := t.TempDir()
	c, err := Load(write(t, filepath.Join(dir, "c"), `{"pulse": {}}`, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	if c.Pulse.Dir != filepath.Join(dir, "pulse") || c.Pulse.Until(at) != nil {
		t.Errorf("got %+v", c.Pulse)
	}
	if c, err = load(t, `{"pulse": {"dir": "/srv/proofs", "keep_days": 2}}`); err != nil || c.Pulse.Dir != "/srv/proofs" || !c.Pulse.Until(at).Equal(at.Add(48*time.Hour)) {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err = load(t, `{}`); err != nil || c.Pulse != nil || c.Pulse.Until(at) != nil {
		t.Errorf("without the section: %v, %v", c.Pulse, err)
	}
	for _, days := range []string{"-1", "36501"} {
		_, err := load(t, `{"pulse": {"keep_days": `+days+`}}`)
		if e := (*Error)(nil); !errors.As(err, &e) || e.Field != "/pulse/keep_days" || e.Hint == "" {
			t.Errorf("%s: %v", days, err)
		}
	}
}

const s3 = `{"pulse": {"s3": {"endpoint": "https://s3.example.com", "bucket": "proofs", "access_key": "env:A", "secret_key": "file:s"%s}%s}}`

func TestS3(t *testing.T) {
	c, err := load(t, fmt.Sprintf(s3, `, "region": "eu-central-1", "prefix": "a/b-c/"`, `, "keep_days": 7`))
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Pulse.S3; s.Endpoint != "https://s3.example.com" || s.Region != "eu-central-1" || s.Bucket != "proofs" || s.Prefix != "a/b-c/" || c.Pulse.Dir != "" || c.Pulse.KeepDays != 7 {
		t.Errorf("got %+v, %+v", c.Pulse, s)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", c.Pulse.S3, c.Pulse.S3.AccessKey), "env:A") {
		t.Error("a reference is printed")
	}
	for text, field := range map[string]string{
		fmt.Sprintf(s3, "", `, "dir": "pulse"`):                              "/pulse",
		fmt.Sprintf(s3, `, "prefix": "/a"`, ""):                              "/pulse/s3/prefix",
		fmt.Sprintf(s3, `, "prefix": "a/../b"`, ""):                          "/pulse/s3/prefix",
		fmt.Sprintf(s3, `, "region": "Frankfurt"`, ""):                       "/pulse/s3/region",
		`{"pulse": {"s3": {}}}`:                                              "/pulse/s3",
		strings.Replace(s3all(), "https", "http", 1):                         "/pulse/s3",
		strings.Replace(s3all(), "s3.example.com", "s3.example.com/path", 1): "/pulse/s3",
		strings.Replace(s3all(), `"proofs"`, `"Pr"`, 1):                      "/pulse/s3",
		strings.Replace(s3all(), `"proofs"`, `"a..b"`, 1):                    "/pulse/s3",
		strings.Replace(s3all(), `"env:A"`, `"AKIA1"`, 1):                    "/pulse/s3/access_key",
		strings.Replace(s3all(), `"file:s"`, `"file:"`, 1):                   "/pulse/s3/secret_key",
	} {
		_, err := load(t, text)
		if e := (*Error)(nil); !errors.As(err, &e) || e.Field != field || e.Hint == "" || strings.Contains(err.Error(), "AKIA1") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := load(t, strings.Replace(s3all(), "https://s3.example.com", "http://127.0.0.1:9000", 1)); err != nil {
		t.Errorf("this machine: %v", err)
	}
}

func s3all() string { return fmt.Sprintf(s3, "", "") }

// Without the section, bundles are published where the database is a file.
func TestPublishing(t *testing.T) {
	c := new(Config)
	if p := c.Publishing("sqlite:/srv/house/clawea.db"); p == nil || p.Dir != filepath.FromSlash("/srv/house/pulse") || p.KeepDays != 0 {
		t.Errorf("beside a file: %+v", p)
	}
	if p := c.Publishing("postgres://db.example/clawea"); p != nil {
		t.Errorf("with PostgreSQL: %+v", p)
	}
	c.Pulse = &Pulse{Dir: "/elsewhere"}
	if p := c.Publishing("postgres://db.example/clawea"); p != c.Pulse {
		t.Errorf("as configured: %+v", p)
	}
}

// What the sample says of S3 in a comment is right, taken out of it.
func TestSampleS3(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "clawea.hujson"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "    // Instead of \"dir\":\n")
	section, _, ok := strings.Cut(rest, "    // How long,")
	if !ok {
		t.Fatal("the sample does not say it")
	}
	c, err := load(t, `{"pulse": {`+strings.ReplaceAll(section, "    // ", "    ")+`}}`)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Pulse.S3; s == nil || s.Bucket != "acme-clawea" || s.Prefix != "proofs/" || s.Region != "eu-central-1" {
		t.Errorf("got %+v", s)
	}
}
