// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Answers questions to the verifier for browsers, a line each: node driver.cjs
// wasm_exec.js verify.wasm < questions. A question is {"bundle": BASE64, "trust":
// BASE64, "now": MILLISECONDS}; without a trust it is about who signed.
"use strict";

const fs = require("node:fs");
const readline = require("node:readline");

const [, , exec, wasm] = process.argv;
require(require("node:path").resolve(exec));

const answer = (q) => {
  const bundle = q.bundle === null ? null : new Uint8Array(Buffer.from(q.bundle, "base64"));
  if (q.trust === null) return globalThis.clawea.claims(bundle);
  return globalThis.clawea.verify(bundle, new Uint8Array(Buffer.from(q.trust, "base64")), q.now);
};

(async () => {
  const go = new globalThis.Go();
  const { instance } = await WebAssembly.instantiate(fs.readFileSync(wasm), go.importObject);
  go.run(instance);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n");
  }
  process.exit(0);
})();
