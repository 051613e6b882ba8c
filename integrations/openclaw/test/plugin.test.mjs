// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { classes, version } from "../dist/built.mjs";
import { Heartbeat } from "../dist/heartbeat.mjs";
import { House } from "../dist/house.mjs";
import plugin from "../dist/index.mjs";
import { deny, secret, startHouse, startLog, until } from "./house.mjs";

const here = (name) => new URL(`../${name}`, import.meta.url);
function hasNpm() {
  try {
    execFileSync("npm", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const call = { toolName: "exec", params: { command: "ls" }, runId: "run-1", toolCallId: "call-1" };

/** Registers the plugin as OpenClaw would, with a secret where the configuration says. */
function register(t, url, { mode = "full", config = {}, files = true } = {}) {
  const dir = mkdtempSync(join(tmpdir(), "clawea-plugin-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const secretFile = join(dir, "secret");
  if (files) writeFileSync(secretFile, secret, { mode: 0o600 });
  const hooks = {};
  const options = {};
  let dispose;
  const log = startLog();
  plugin.register({
    registrationMode: mode,
    pluginConfig: { url, secretFile, ...config },
    config: {},
    logger: log,
    lifecycle: { onDispose: (cleanup) => (dispose = cleanup) },
    on: (name, handler, opts = {}) => ((hooks[name] = handler), (options[name] = opts)),
  });
  t.after(() => dispose?.());
  return { hooks, options, log, secretFile, dispose: () => dispose() };
}

test("the plugin stands before every tool, last of all plugins", async (t) => {
  const house = await startHouse(t, ({ path }) => (path.endsWith("/local") ? { body: deny } : {}));
  const { hooks, options, secretFile } = register(t, house.url, { config: { waitSeconds: 300 } });
  assert.equal(existsSync(secretFile), false);
  assert.equal(options.before_tool_call.priority, -Infinity);
  assert.equal(options.before_tool_call.matcher, undefined);
  assert.ok(options.before_tool_call.timeoutMs > 310_000 && options.before_tool_call.timeoutMs <= 600_000);
  assert.match((await hooks.before_tool_call(call, {})).blockReason, /exec is denied/);
});

test("the house hears of the plugin before a model does, and no run begins that it has not heard of", async (t) => {
  let alive = false;
  const house = await startHouse(t, () => (alive ? {} : { status: 503 }));
  const { hooks, log } = register(t, house.url, { mode: "discovery" });
  assert.equal(house.requests.length, 0, "loading is not being run");
  await hooks.before_model_resolve({}, {});
  assert.deepEqual(house.requests[0].body, { plugin: "clawea", version, mode: "full" });
  assert.equal((await hooks.before_agent_run({}, {})).outcome, "block");
  assert.match(log.lines[0], /has not heard/);
  alive = true;
  assert.deepEqual(await hooks.before_agent_run({}, {}), { outcome: "pass" });
});

test("whatever is wrong, every run and every tool is blocked, and nothing is told to the house", async (t) => {
  const house = await startHouse(t);
  const wrong = {
    "a mode for tools": { mode: "tool-discovery" },
    "a mode for the command line": { mode: "cli-metadata" },
    "no secret": { files: false },
    "a URL elsewhere": { config: { url: "http://example.com:80/x" } },
    "a setting too many": { config: { fail_open: true } },
  };
  for (const [name, how] of Object.entries(wrong)) {
    const { hooks, options, secretFile } = register(t, house.url, how);
    if (how.mode) assert.equal(existsSync(secretFile), true, "a load that runs no agent leaves the secret to the one that does");
    assert.equal((await hooks.before_tool_call(call, {})).block, true, name);
    assert.equal(options.before_tool_call.priority, Infinity, name);
    const gate = await hooks.before_agent_run({}, {});
    assert.deepEqual(Object.keys(gate), ["outcome", "reason", "message"], name);
    assert.equal(gate.outcome, "block", name);
  }
  assert.equal(house.requests.length, 0);
});

test("a run's end, and the plugin's, leave no call open", async (t) => {
  const house = await startHouse(t);
  const { hooks, dispose } = register(t, house.url);
  await hooks.before_tool_call(call, {});
  await hooks.agent_end({}, { runId: "run-1" });
  await hooks.before_tool_call(call, {});
  await dispose();
  assert.deepEqual(house.requests.filter((r) => r.path.endsWith("/close")).map((r) => r.body.status), ["unknown", "unknown"]);
});

test("the heartbeat goes on by itself, until the plugin is put away", async (t) => {
  const house = await startHouse(t);
  const heart = new Heartbeat(new House(house.url, secret), 0.25, startLog());
  assert.equal(await heart.heard(), true);
  await until(() => house.requests.length >= 3);
  heart.stop();
  assert.equal(await heart.heard(), false); // after one that may be under way
  const told = house.requests.length;
  await sleep(750);
  assert.equal(house.requests.length, told);
});

test("the heartbeat keeps no process from its end", async (t) => {
  const house = await startHouse(t);
  const program = `
    const { Heartbeat } = await import(${JSON.stringify(here("dist/heartbeat.mjs").href)});
    const { House } = await import(${JSON.stringify(here("dist/house.mjs").href)});
    await new Heartbeat(new House(${JSON.stringify(house.url)}, "0123456789abcdef"), 60, console).heard();`;
  const code = await new Promise((ended) => execFile(process.execPath, ["--input-type=module", "-e", program], { timeout: 120_000 }, (err) => ended(err)));
  assert.equal(code, null);
  assert.equal(house.requests.length, 1);
});

test("no proxy in the environment carries the secret off", async (t) => {
  const house = await startHouse(t);
  const seen = [];
  const proxy = createServer((req, res) => (seen.push(req.url), res.end()));
  await new Promise((listening) => proxy.listen(0, "127.0.0.1", listening));
  t.after(() => proxy.close());
  const at = `http://127.0.0.1:${proxy.address().port}`;
  const program = `
    const { House } = await import(${JSON.stringify(here("dist/house.mjs").href)});
    await new House(${JSON.stringify(house.url)}, "0123456789abcdef").alive("1");`;
  const env = { ...process.env, NODE_USE_ENV_PROXY: "1", HTTP_PROXY: at, http_proxy: at, NO_PROXY: "", no_proxy: "" };
  const code = await new Promise((ended) => execFile(process.execPath, ["--input-type=module", "-e", program], { env, timeout: 120_000 }, (err) => ended(err)));
  assert.equal(code, null);
  assert.equal(house.requests.length, 1);
  assert.deepEqual(seen, []);
});

test("the package says one version, and loads what it says", () => {
  const pack = JSON.parse(readFileSync(here("package.json"), "utf8"));
  const manifest = JSON.parse(readFileSync(here("openclaw.plugin.json"), "utf8"));
  assert.equal(pack.version, version);
  assert.equal(manifest.version, version);
  assert.equal(manifest.id, plugin.id);
  assert.equal(pack.dependencies, undefined);
  for (const entry of pack.openclaw.extensions) assert.ok(existsSync(here(entry)));
  const { tools } = JSON.parse(readFileSync(here("tools.json"), "utf8"));
  assert.deepEqual([...classes], tools.map((tool) => [tool.name, tool.class]));
});

test("npm packs the plugin and nothing else", (t) => {
  if (process.env.CI !== "true" && !hasNpm()) return t.skip("no npm");
  const [{ files }] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: here("."), encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  const names = files.map((file) => file.path).filter((name) => !name.startsWith("dist/")).sort();
  assert.deepEqual(names, ["LICENSE", "README.md", "openclaw.plugin.json", "package.json", "tools.json"]);
});
