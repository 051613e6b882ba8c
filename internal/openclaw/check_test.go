// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/policy"
)

// answering is a program that answers as OpenClaw would: a file for each command. What environments
// it had is in files beside it, env.*.
func answering(t *testing.T, answers map[string]string) []string {
	t.Helper()
	dir := t.TempDir()
	for command, answer := range answers {
		lay(t, dir, map[string]string{strings.ReplaceAll(command, " ", "_"): answer})
	}
	script := "#!/bin/sh\nname=$(echo \"$*\" | tr ' ' _)\nenv > '" + dir + "/env.'$$\ncat '" + dir + "'/\"$name\"\n"
	program := filepath.Join(dir, "openclaw")
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return []string{program}
}

func TestCheckHearsOpenClaw(t *testing.T) {
	o := options()
	o.Plugin.Folder = lay(t, t.TempDir(), map[string]string{"openclaw.plugin.json": `{"id":"clawea"}`})
	h, err := DigestFolder(o.Plugin.Folder)
	if err != nil {
		t.Fatal(err)
	}
	c := plan(t, policies(t)["docs-reviewer"], o)
	text, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]string{
		"--version":               "OpenClaw 2026.9.6 (eb377ac)\n",
		"config get tools --json": compact(mustRead(t, text)["tools"]),
		"config validate --json":  `{"valid":true,"warnings":[]}`,
		"security audit --json":   `{"summary":{"critical":0,"warn":1,"info":1},"findings":[{"checkId":"a.b","severity":"warn","title":"t"}]}`,
		"sandbox explain --json":  `{"sandbox":{"mode":"all","workspaceAccess":"ro","sessionIsSandboxed":true,"tools":{"allow":["read","clawea__*"]}},"elevated":{"enabled":false}}`,
		"plugins list --json":     `{"plugins":[{"id":"clawea","enabled":true,"origin":"config","rootDir":"/opt"},{"id":"xai","enabled":false,"origin":"bundled","rootDir":"/x"}]}`,
		"policy check --json":     `{"ok":true,"attestation":{"attestationHash":"sha256:1"},"checksRun":3,"findings":[]}`,
	}
	for _, k := range []struct{ command, answer, want string }{
		{"", "", ""},
		{"--version", "OpenClaw 2026.10.1 (abc)", "openclaw"},
		{"config get tools --json", `{"allow":["*"]}`, "tools"},
		{"config validate --json", `{"valid":false,"warnings":[]}`, "configuration"},
		{"config validate --json", `{"valid":true,"warnings":[{"path":"models.providers.p.apiKey","message":"Missing env var"}]}`, "models.providers.p.apiKey"},
		{"config validate --json", "not JSON", "openclaw config validate --json"},
		{"config validate --json", "", "openclaw config validate --json"},
		{"security audit --json", `{"summary":{"critical":1},"findings":[{"checkId":"gateway.bind_no_auth","severity":"critical","title":"t"}]}`, "audit gateway.bind_no_auth"},
		{"security audit --json", `{"summary":{"critical":2},"findings":[]}`, "audit"},
		{"security audit --json", `{}`, "openclaw security audit --json"},
		{"security audit --json", strings.Repeat(" ", maxOutput) + "{}", "openclaw security audit --json"},
		{"sandbox explain --json", strings.Replace(good["sandbox explain --json"], "true", "false", 1), "sandbox.mode"},
		{"sandbox explain --json", strings.Replace(good["sandbox explain --json"], `"ro"`, `"rw"`, 1), "sandbox.workspaceAccess"},
		{"sandbox explain --json", strings.Replace(good["sandbox explain --json"], `"read"`, `"exec"`, 1), "sandbox.tools.allow"},
		{"sandbox explain --json", strings.Replace(good["sandbox explain --json"], `"enabled":false`, `"enabled":true`, 1), "elevated.enabled"},
		{"plugins list --json", `{"plugins":[{"id":"clawea","enabled":true},{"id":"xai","enabled":true,"origin":"bundled","rootDir":"/x"}]}`, "plugin xai"},
		{"plugins list --json", `{"plugins":[{"id":"clawea","enabled":false}]}`, "plugin clawea"},
		{"sandbox explain --json", strings.Replace(good["sandbox explain --json"], `["read","clawea__*"]`, `[]`, 1), "sandbox.tools.allow"},
		{"plugins list --json", `{"plugins":[]}`, "plugin clawea"},
		{"plugins list --json", `{}`, "openclaw plugins list --json"},
		{"policy check --json", `{"ok":false,"checksRun":3,"findings":[]}`, "openclaw policy check --json"},
		{"policy check --json", `{"ok":false,"checksRun":3,"findings":[{"checkId":"policy/mcp-unapproved-server","message":"m"}]}`, "policy check policy/mcp-unapproved-server"},
		{"policy check --json", `{"ok":false,"error":{"message":"no such command"}}`, "openclaw policy check --json"},
	} {
		answers := maps.Clone(good)
		answers[k.command] = k.answer
		delete(answers, "")
		dir := lay(t, t.TempDir(), map[string]string{"state/openclaw.json": string(text)})
		k2 := &Checkup{Plan: c, Pinned: []policy.Extension{{Kind: policy.Plugin, Name: Guard, Digest: h}}, Config: filepath.Join(dir, "state/openclaw.json"), State: filepath.Join(dir, "state"), Workspace: filepath.Join(dir, "work"), Program: answering(t, answers), Getenv: os.Getenv}
		r, err := Check(t.Context(), k2, time.Unix(1_800_000_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range r.Drifts {
			got = append(got, d.Path)
		}
		if strings.Join(got, ", ") != k.want || r.OK != (k.want == "") {
			t.Errorf("%s %.60s: drift %q, want %q", k.command, k.answer, got, k.want)
		}
		var asked []string
		for _, said := range r.Commands {
			asked = append(asked, strings.Join(said.Command, " "))
		}
		if want := "--version, config get tools --json, config validate --json, security audit --json, sandbox explain --json, plugins list --json, policy check --json"; strings.Join(asked, ", ") != want {
			t.Errorf("%s: on record are %q, want %s", k.command, asked, want)
		}
	}
}

// Whoever breaks a check off is told so, and not that something drifts.
func TestCheckBrokenOff(t *testing.T) {
	c := small()
	text, _, err := Apply(nil, c)
	if err != nil {
		t.Fatal(err)
	}
	dir := lay(t, t.TempDir(), map[string]string{"openclaw.json": string(text)})
	ctx, end := context.WithCancel(t.Context())
	end()
	r, err := Check(ctx, &Checkup{Plan: c, Config: filepath.Join(dir, "openclaw.json"), State: dir, Workspace: dir, Program: answering(t, nil), Getenv: os.Getenv}, time.Now())
	if !errors.Is(err, context.Canceled) || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("%+v %v", r, err)
	}
}

func mustRead(t *testing.T, text []byte) map[string]any {
	t.Helper()
	d, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	return d.plain
}

// A plugin that is not there is left out by OpenClaw without a word.
func TestCheckMissesPlugins(t *testing.T) {
	c := plan(t, policies(t)["commands"], options())
	text, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	dir := lay(t, t.TempDir(), map[string]string{"openclaw.json": string(text)})
	r, err := Check(t.Context(), &Checkup{Plan: c, Config: filepath.Join(dir, "openclaw.json"), State: dir, Workspace: dir, Getenv: os.Getenv}, time.Now())
	if err != nil || r.OK || len(r.Drifts) != 1 || r.Drifts[0].Path != options().Plugin.Folder {
		t.Errorf("%+v %v", r, err)
	}
}

// OpenClaw sees of the environment what the configuration refers to, and nothing else.
func TestCheckKeepsTheEnvironment(t *testing.T) {
	c := small()
	text, _, err := Apply([]byte(`{"gateway":{"auth":{"token":"${SEEN}"}},"x":"${HOME} ${unseen}"}`), c)
	if err != nil {
		t.Fatal(err)
	}
	dir := lay(t, t.TempDir(), map[string]string{"state/openclaw.json": string(text)})
	program := answering(t, nil)
	here := map[string]string{"SEEN": "yes", "UNSEEN": "no", "HOME": "/home/kim", "PATH": os.Getenv("PATH"), "AWS_SECRET_ACCESS_KEY": "no"}
	k := &Checkup{Plan: c, Config: filepath.Join(dir, "state/openclaw.json"), State: filepath.Join(dir, "state"), Workspace: dir, Program: program, Getenv: func(name string) string { return here[name] }}
	if _, err := Check(t.Context(), k, time.Unix(1_800_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	envs, err := filepath.Glob(filepath.Join(filepath.Dir(program[0]), "env.*"))
	if err != nil || len(envs) != 7 {
		t.Fatalf("%q %v", envs, err)
	}
	for _, file := range envs {
		env, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for word, want := range map[string]bool{"SEEN=yes": true, "=no": false, "HOME=/home/kim": false, "DO_NOT_TRACK=1": true, "OPENCLAW_STATE_DIR=": true} {
			if strings.Contains(string(env), word) != want {
				t.Errorf("%s: %t, want %t:\n%s", word, !want, want, env)
			}
		}
	}
}
