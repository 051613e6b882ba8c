// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/npmtest"
)

func node(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), npmtest.Node(t), args...).CombinedOutput(); err != nil {
		t.Errorf("node %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// What the plugin does, by itself and against a house that answers as it is told.
func TestPlugin(t *testing.T) {
	tests, err := fs.Glob(os.DirFS("."), "test/*.test.mjs")
	if err != nil || len(tests) == 0 {
		t.Fatal("there are no tests of the plugin", err)
	}
	node(t, append([]string{"--test"}, tests...)...)
}

// dist is what src, tools.json and package.json make.
func TestBuilt(t *testing.T) {
	if _, err := os.Stat("node_modules/typescript"); err != nil {
		npmtest.Absent(t, "no TypeScript: run npm ci --prefix integrations/openclaw --ignore-scripts")
	}
	node(t, "build.mjs", "--check")
}

// The catalogue is in dist as it is in tools.json: this is seen without Node, too.
func TestCatalogueIsBuilt(t *testing.T) {
	var catalogue struct {
		Tools []struct{ Name, Class string }
	}
	if err := json.Unmarshal(Tools, &catalogue); err != nil {
		t.Fatal(err)
	}
	built, err := fs.ReadFile(Plugin, "dist/built.mjs")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, tool := range catalogue.Tools {
		name, _ := json.Marshal(tool.Name)
		class, _ := json.Marshal(tool.Class)
		want.WriteString("    [" + string(name) + ", " + string(class) + "],\n")
	}
	_, list, ok := strings.Cut(string(built), "new Map([\n")
	if list, _, closed := strings.Cut(list, "]);\n"); !ok || !closed || list != want.String() || len(catalogue.Tools) == 0 {
		t.Error("dist/built.mjs has another catalogue than tools.json\nrun: npm run build --prefix integrations/openclaw")
	}
}

// Everything that the entry loads is in what Go embeds.
func TestPluginIsWhole(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, Plugin); err != nil {
		t.Fatal(err)
	}
	node(t, "--input-type=module", "-e", `
		const { readFileSync } = await import("node:fs");
		const pack = JSON.parse(readFileSync(process.argv[1] + "/package.json", "utf8"));
		const { default: plugin } = await import(process.argv[1] + "/" + pack.openclaw.extensions[0]);
		if (plugin.id !== "clawea" || typeof plugin.register !== "function") throw new Error("no plugin");`, dir)
}
