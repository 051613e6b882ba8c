// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/clawea/clawea/internal/openclaw/openclawtest"
)

// gatewayToken is what the plans' reference to a Gateway's token leads to.
const gatewayToken = "OPENCLAW_GATEWAY_TOKEN=0123456789abcdef0123456789abcdef01234567"

// realPlan is a plan for h, without Clawea's plugin, which is no part of this package.
func realPlan(t *testing.T, h *openclawtest.Home, src string) *Config {
	t.Helper()
	o := options()
	o.Workspace, o.Plugin = h.Workspace, nil
	return plan(t, src, o)
}

// say runs one command of OpenClaw and reads the JSON that it says.
func say(t *testing.T, h *openclawtest.Home, v any, args ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	out, err := h.Command(ctx, []string{gatewayToken}, args...).Output()
	if err != nil {
		t.Fatalf("openclaw %v: %v\n%s", args, err, out)
	}
	if err := json.Unmarshal(out, v, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("openclaw %v: %v\n%s", args, err, out)
	}
}

// OpenClaw takes every plan, without a warning.
func TestOpenClawTakesPlans(t *testing.T) {
	h := openclawtest.Find(t).Home(t)
	for name, src := range policies(t) {
		b, err := realPlan(t, h, src).JSON()
		if err != nil {
			t.Fatal(err)
		}
		h.Write(t, b)
		var said struct {
			Valid    bool
			Warnings []any
		}
		if say(t, h, &said, "config", "validate", "--json"); !said.Valid || len(said.Warnings) > 0 {
			t.Errorf("%s: %+v", name, said)
		}
	}
}

// OpenClaw's own audit finds nothing in a plan that lets much happen.
func TestOpenClawAudits(t *testing.T) {
	h := openclawtest.Find(t).Home(t)
	b, err := realPlan(t, h, policies(t)["commands"]).JSON()
	if err != nil {
		t.Fatal(err)
	}
	h.Write(t, b)
	var said struct {
		Summary  struct{ Critical, Warn, Info int }
		Findings []struct {
			CheckID  string `json:"checkId"`
			Severity string
		}
	}
	say(t, h, &said, "security", "audit", "--json")
	if said.Summary.Critical != 0 || said.Summary.Info == 0 {
		t.Errorf("%+v", said)
	}
}

// The catalogue has every tool of the release that it names.
func TestCatalogueIsWhole(t *testing.T) {
	dir := filepath.Dir(openclawtest.Find(t).Script)
	own, err := Own()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for _, tool := range own.Tools {
		known[tool.Name] = tool.Plugin
	}
	var release struct{ Version string }
	readJSON(t, filepath.Join(dir, "package.json"), &release)
	if release.Version != own.Release {
		t.Fatalf("the catalogue is of %s, this is %s", own.Release, release.Version)
	}
	count := 0
	for pattern, name := range map[string]*regexp.Regexp{
		"dist/tool-catalog-*.mjs":                  regexp.MustCompile(`(?m)^\t\tid: "([a-z_]+)",\n\t\tdescription`),
		"dist/core-tool-factory-descriptors-*.mjs": regexp.MustCompile(`(?m)^\t\tname: "([a-z_]+)"`),
	} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, files, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range name.FindAllStringSubmatch(string(b), -1) {
				if _, ok := known[m[1]]; !ok {
					t.Errorf("%s has %s, the catalogue has not", filepath.Base(file), m[1])
				}
				count++
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d names are found: this release has them elsewhere", count)
	}
	manifests, err := filepath.Glob(filepath.Join(dir, "dist/extensions/*/openclaw.plugin.json"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	for _, file := range manifests {
		var m struct {
			ID        string
			Contracts struct{ Tools []string }
		}
		readJSON(t, file, &m)
		for _, tool := range m.Contracts.Tools {
			if known[tool] != m.ID {
				t.Errorf("%s is a tool of the bundled plugin %s; the catalogue has plugin %q", tool, m.ID, known[tool])
			}
		}
	}
}

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(file, err)
	}
}
