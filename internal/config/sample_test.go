// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the sample configuration has in the place of a house's own is known, all of
// it, and a file that still has some of it says which and where.
func TestUnfinished(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "clawea.hujson")
	sample, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rest := string(sample)
	for _, s := range standIns() {
		if !strings.Contains(rest, s.text) {
			t.Errorf("the sample does not have %s", s.text)
		}
		rest = strings.ReplaceAll(rest, s.text, "")
	}
	if key := regexp.MustCompile(`[a-z]+\+[0-9a-f]{8}\+`).FindString(rest); key != "" {
		t.Errorf("the sample has another key, %s", key)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	wrong := (*Error)(nil)
	if err := c.Unfinished(); !errors.As(err, &wrong) || wrong.Field != "/authors/0" || wrong.Line < 2 || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("%v", err)
	}
	for _, s := range standIns() {
		c, err := load(t, fmt.Sprintf("{\n  // CLOUD-ID may stand in a comment\n  \"providers\": [{\"name\": \"p\", \"dialect\": \"openai\", \"base_url\": \"http://127.0.0.1:1/v1\", \"key\": \"env:K\",\n    \"headers\": {\"X-A\": \"x %s x\"}}]}", s.text))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Unfinished(); !errors.As(err, &wrong) || wrong.Field != "/providers/0/headers/X-A" || wrong.Line != 4 || !strings.HasSuffix(err.Error(), "\n"+s.mends) {
			t.Errorf("%s: %v", s.text, err)
		}
	}
	c, err = load(t, "{\"url\": \"https://clawea.example.com\"} // CLOUD-ID\n")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Unfinished(); err != nil {
		t.Errorf("a file of one's own: %v", err)
	}
}
