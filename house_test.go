// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clawea_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

const module = "github.com/clawea/clawea"

// floors is the plan of the house. A package imports only packages on lower
// floors; neighbours on a floor don't know each other.
var floors = [][]string{
	{"seal"},
	{"policy"},
	{"token"},
	{"receipt"},
	{"bundle"},
	{"verify"},
	{"internal/memo", "internal/housetest", "internal/npmtest"},
	{"internal/store", "internal/keys", "internal/ledger", "internal/config", "internal/query", "internal/atlassian", "internal/api",
		"internal/sim/atlassian", "internal/sim/model", "internal/sim/specs", "internal/sim/authenticator", "internal/pgtest", "internal/vectors",
		"internal/dialect", "internal/screen", "internal/telemetry", "internal/webhook", "internal/change", "internal/page", "internal/story",
		"internal/blobs", "internal/sandbox", "internal/tunnel", "examples", "integrations/openclaw", "internal/openclaw/openclawtest"},
	{"internal/datacenter", "internal/registry", "internal/issuer", "internal/approval", "internal/revocation", "internal/sidecar", "internal/pulse",
		"internal/login", "internal/notify", "internal/export", "internal/blobs/blobtest", "internal/pins", "internal/markdown", "internal/openclaw",
		"internal/hold", "internal/store/storetest"},
	{"internal/gate", "internal/proof", "internal/replay", "internal/oauth"},
	{"internal/facade", "internal/gate/gatetest"},
	{"internal/proxy", "internal/egress", "internal/seam", "internal/tools", "internal/upstream", "internal/confluence", "internal/jira", "internal/undo"},
	{"internal/server", "internal/console"},
	{"internal/daemon"},
	{"cmd/clawea", "cmd/verifywasm"},
}

// pure are the packages that auditors import, and what tells them what a bundle
// says. They do no input or output and have no clock or randomness of their own.
var pure = []string{"seal", "policy", "token", "receipt", "bundle", "verify", "internal/story"}

// impure is what the pure packages may not import.
var impure = []string{"net", "net/http", "os", "os/exec", "database/sql", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "syscall"}

// testOnly may be imported by tests, by the demo (the simulators) and by nothing else.
var testOnly = map[string][]string{
	"internal/sim/atlassian": {"cmd/clawea"},
	"internal/sim/model":     {"cmd/clawea"},
	"internal/sim/specs":     nil,

	"internal/sim/authenticator":     nil,
	"internal/blobs/blobtest":        nil,
	"internal/gate/gatetest":         nil,
	"internal/housetest":             {"internal/gate/gatetest"},
	"internal/npmtest":               nil,
	"internal/openclaw/openclawtest": nil,
	"internal/pgtest":                nil,
	"internal/store/storetest":       {"internal/gate/gatetest"},
	"internal/vectors":               nil,
}

type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func list(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestPlan(t *testing.T) {
	floor := map[string]int{}
	for i, packages := range floors {
		for _, p := range packages {
			floor[p] = i
		}
	}
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if p.ImportPath == module {
			continue
		}
		at, ok := floor[name]
		if !ok {
			t.Errorf("%s has no floor: add it to floors", name)
		}
		for _, imp := range p.Imports {
			below, ours := strings.CutPrefix(imp, module+"/")
			if ours && floor[below] >= at {
				t.Errorf("%s (floor %d) must not import %s (floor %d)", name, at, below, floor[below])
			}
			if who, guarded := testOnly[below]; ours && guarded && !slices.Contains(who, name) {
				t.Errorf("%s must not import %s: it is for tests", name, below)
			}
			if slices.Contains(pure, name) && slices.Contains(impure, imp) {
				t.Errorf("%s is pure and must not import %s", name, imp)
			}
		}
	}
}

// What is for tests brings nothing to a test from above the floor of what is tested:
// that could not be tested before what stands on it works.
func TestPlanOfTests(t *testing.T) {
	floor, brings := map[string]int{}, map[string][]string{}
	for i, packages := range floors {
		for _, p := range packages {
			floor[p] = i
		}
	}
	all := list(t)
	for _, p := range all {
		brings[p.ImportPath] = p.Imports
	}
	for _, p := range all {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, double := range slices.Concat(p.TestImports, p.XTestImports) {
			if _, guarded := testOnly[strings.TrimPrefix(double, module+"/")]; !guarded {
				continue
			}
			for _, imp := range brings[double] {
				if below, ours := strings.CutPrefix(imp, module+"/"); ours && floor[below] > floor[name] {
					t.Errorf("the tests of %s (floor %d) must not import %s: it brings %s (floor %d)", name, floor[name], double, below, floor[below])
				}
			}
		}
	}
}

// Time and randomness come into the pure packages as arguments.
func TestPureHaveNoClock(t *testing.T) {
	for _, dir := range pure {
		eachGoFile(t, dir, func(path string, b []byte) {
			for _, word := range []string{"time.Now(", "time.Since(", "time.Until(", "rand.Reader"} {
				if !strings.HasSuffix(path, "_test.go") && bytes.Contains(b, []byte(word)) {
					t.Errorf("%s uses %s", path, strings.TrimSuffix(word, "("))
				}
			}
		})
	}
}

// direct is the budget: every module that the product's go.mod names, and what
// it is for. A new one needs a reason that outlives the day.
var direct = map[string]string{
	"cel.dev/cel-go":                         "conditions in policies",
	"github.com/coreos/go-oidc/v3":           "identities of other issuers, for token exchange and for people's logins",
	"github.com/go-jose/go-jose/v4":          "JWT and JWKS",
	"github.com/go-json-experiment/json":     "strict JSON and RFC 8785",
	"github.com/jackc/pgx/v5":                "PostgreSQL",
	"github.com/minio/minio-go/v7":           "published bundles in S3",
	"github.com/modelcontextprotocol/go-sdk": "MCP",
	"github.com/pelletier/go-toml/v2":        "gitleaks' rules are written in it",
	"github.com/prometheus/client_golang":    "the page for Prometheus",
	"github.com/slack-go/slack":              "messages in Slack",
	"github.com/tailscale/hujson":            "configuration with comments",
	"github.com/wneessen/go-mail":            "mail",
	"github.com/yuin/goldmark":               "Markdown that agents write for other people's MCP servers",
	"github.com/zricethezav/gitleaks/v8":     "rules for credentials",
	"go.opentelemetry.io/otel":               "traces and metrics",
	"golang.org/x/oauth2":                    "people's logins, by the code flow",
	"golang.org/x/mod":                       "signed notes and transparent logs",
	"golang.org/x/sync":                      "the first error of several goroutines",
	"golang.org/x/sys":                       "hiding a launcher's memory from its child, and the walls of sandboxes",
	"golang.org/x/time":                      "bounds on what strangers can cause",
	"modernc.org/sqlite":                     "SQLite without C",

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp": "traces and metrics",
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp":   "traces and metrics",
	"go.opentelemetry.io/otel/exporters/prometheus":                     "traces and metrics",
	"go.opentelemetry.io/otel/metric":                                   "traces and metrics",
	"go.opentelemetry.io/otel/sdk":                                      "traces and metrics",
	"go.opentelemetry.io/otel/sdk/metric":                               "traces and metrics",
	"go.opentelemetry.io/otel/trace":                                    "traces and metrics",

	"github.com/getkin/kin-openapi":      "tests: published API specs",
	"github.com/prometheus/client_model": "tests: what a scrape says",
	"github.com/prometheus/common":       "tests: what a scrape says",
	"github.com/rs/zerolog":              "tests: gitleaks' log",
	"github.com/spf13/viper":             "tests: gitleaks' own reader of its rules",
	"go.opentelemetry.io/proto/otlp":     "tests: what a collector is sent",
	"google.golang.org/protobuf":         "tests: what a collector is sent",
	"github.com/google/go-cmp":           "tests: differences",
	"github.com/rogpeppe/go-internal":    "tests: stories",
	"pgregory.net/rapid":                 "tests: properties",
}

func TestDependencyBudget(t *testing.T) {
	b, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	f, err := modfile.Parse("go.mod", b, nil)
	if err != nil {
		t.Fatal(err)
	}
	unused := map[string]bool{}
	for path := range direct {
		unused[path] = true
	}
	for _, r := range f.Require {
		if !r.Indirect && direct[r.Mod.Path] == "" {
			t.Errorf("go.mod requires %s, which is not in the budget", r.Mod.Path)
		}
		if !r.Indirect {
			delete(unused, r.Mod.Path)
		}
	}
	for path := range unused {
		t.Errorf("the budget has %s, which go.mod does not require", path)
	}
}

func TestHeaders(t *testing.T) {
	const header = "// Copyright 2026 The Clawea Authors\n// SPDX-License-Identifier: Apache-2.0\n"
	eachGoFile(t, ".", func(path string, b []byte) {
		if !bytes.HasPrefix(b, []byte(header)) {
			t.Errorf("%s does not begin with the licence header", path)
		}
		if n := bytes.Count(b, []byte("\n")); n > 500 {
			t.Errorf("%s has %d lines: a file beyond 500 needs a reason, or to be two", path, n)
		}
	})
}

func eachGoFile(t *testing.T, dir string, do func(path string, b []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || path != "." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		do(path, b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
