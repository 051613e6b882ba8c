// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { readConfig, servesHouse } from "../dist/config.mjs";
import { takeSecret } from "../dist/secret.mjs";
import { secret } from "./house.mjs";

function folder(t) {
  const dir = mkdtempSync(join(tmpdir(), "clawea-secret-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test("the secret is taken once, and gone from the disk, for every copy of the module", async (t) => {
  const path = join(folder(t), "secret");
  writeFileSync(path, secret + "\n", { mode: 0o600 });
  assert.equal(takeSecret(path), secret);
  assert.equal(existsSync(path), false);
  const copy = await import("../dist/secret.mjs?copy");
  assert.notEqual(copy.takeSecret, takeSecret);
  assert.equal(copy.takeSecret(path), secret);
});

test("a file that others may read, or that is none, holds no secret", (t) => {
  const dir = folder(t);
  const at = (name) => join(dir, name);
  writeFileSync(at("open"), secret, { mode: 0o600 });
  chmodSync(at("open"), 0o640);
  writeFileSync(at("short"), "short", { mode: 0o600 });
  writeFileSync(at("long"), "x".repeat(2000), { mode: 0o600 });
  writeFileSync(at("lines"), secret + "\n" + secret, { mode: 0o600 });
  writeFileSync(at("real"), secret, { mode: 0o600 });
  symlinkSync(at("real"), at("link"));
  execFileSync("mkfifo", ["-m", "600", at("fifo")]);
  for (const name of ["open", "short", "long", "lines", "link", "fifo", "none", "."]) assert.throws(() => takeSecret(at(name)), undefined, name);
});

test("the configuration is read strictly", () => {
  const good = { url: "http://127.0.0.1:1234/abc_-.~", secretFile: "/run/secret" };
  assert.deepEqual(readConfig(good), { ...good, waitSeconds: 0, heartbeatSeconds: 5 });
  assert.equal(readConfig({ ...good, url: "http://[::1]:1", waitSeconds: 570, heartbeatSeconds: 60 }).waitSeconds, 570);
  const bad = [{ url: "http://example.com:80/" }, { url: "https://127.0.0.1:1/x" }, { url: "http://127.0.0.1:1@example.com/" }, { url: "http://127.0.0.1:1/x?y" },
    { url: "http://127.0.0.1:1/x/" }, { url: undefined }, { secretFile: "secret" }, { secretFile: 1 }, { waitSeconds: 571 }, { waitSeconds: -1 }, { waitSeconds: 1.5 },
    { waitSeconds: "3" }, { heartbeatSeconds: 0 }, { fail_open: true }];
  for (const change of bad) assert.throws(() => readConfig({ ...good, ...change }), undefined, JSON.stringify(change));
  for (const none of [undefined, null, "x", []]) assert.throws(() => readConfig(none));
});

test("the house's MCP server is the one at the same sidecar", () => {
  const url = "http://127.0.0.1:1234/abc";
  const config = (at) => ({ mcp: { servers: { clawea: { url: at } } } });
  assert.equal(servesHouse(config(url + "/mcp"), url), true);
  for (const no of [config(url), config("http://127.0.0.1:1235/abc/mcp"), config(undefined), { mcp: {} }, {}, undefined, null]) assert.equal(servesHouse(no, url), false);
});
