// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";

import { canonical, digest, plain } from "../dist/canonical.mjs";

const limit = 1 << 16;

test("the canonical form is that of RFC 8785", () => {
  const value = { "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew", 1: "One", "\ud83d\ude00": "Smiley", "\u0080": "Control", "\u00f6": "Umlaut" };
  assert.equal(
    canonical(value, limit),
    '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Umlaut","\u20ac":"Euro Sign","\ud83d\ude00":"Smiley","\ufb33":"Hebrew"}',
  );
  assert.equal(canonical([333333333.33333329, 1e30, 4.5, 2e-3, 1e-27, -0, 1e21], limit), "[333333333.3333333,1e+30,4.5,0.002,1e-27,0,1e+21]");
  assert.equal(canonical("\u20ac$\u000f\nA'B\"\\\\\"/", limit), '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"');
  assert.equal(canonical({ b: undefined, a: [null, true, {}] }, limit), '{"a":[null,true,{}]}');
  assert.equal(canonical(JSON.parse('{"__proto__":{"x":1}}'), limit), '{"__proto__":{"x":1}}');
  assert.equal(digest("{}"), "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
});

test("what JSON would change or drop is refused", () => {
  const cycle = {};
  cycle.self = cycle;
  let deep = 1;
  for (let i = 0; i < 200; i++) deep = [deep];
  const refused = { NaN, Infinity, bigint: 1n, undefined, function: () => 1, symbol: Symbol("x"), hole: [, 1], date: new Date(0), map: new Map(),
    bytes: new Uint8Array(1), class: new (class A {})(), half: "\ud800", name: { "\udc00": 1 }, cycle, deep, long: "x".repeat(limit) };
  for (const [name, value] of Object.entries(refused)) assert.throws(() => canonical(value, limit), undefined, name);
});

test("an object is plain if it is what JSON has", () => {
  for (const yes of [{}, Object.create(null), JSON.parse("{}")]) assert.equal(plain(yes), true);
  for (const no of [null, [], "x", 1, undefined, new Date(), new Map(), new (class A {})()]) assert.equal(plain(no), false);
});

// The same values on every run: a linear congruential generator.
function generator(seed) {
  let state = seed;
  const next = (n) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % n;
  const text = () => String.fromCodePoint(...Array.from({ length: next(6) }, () => [97 + next(26), next(128), 0x2028, 0x1f600][next(4)]));
  const value = (depth) => {
    switch (depth > 4 ? next(5) : next(7)) {
      case 0: return null;
      case 1: return next(2) === 1;
      case 2: return (next(2000) - 1000) / (1 + next(7));
      case 3: return next(100) * 10 ** (next(40) - 20);
      case 4: return text();
      case 5: return Array.from({ length: next(4) }, () => value(depth + 1));
      default: return Object.fromEntries(Array.from({ length: next(4) }, () => [text(), value(depth + 1)]));
    }
  };
  return () => value(0);
}

test("the canonical form is the value, and its own canonical form", () => {
  const next = generator(1);
  for (let i = 0; i < 5000; i++) {
    const value = next();
    const form = canonical(value, limit);
    assert.deepEqual(JSON.parse(form), JSON.parse(JSON.stringify(value)));
    assert.equal(canonical(JSON.parse(form), limit), form);
  }
});
