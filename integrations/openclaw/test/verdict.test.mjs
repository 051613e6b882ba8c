// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";

import { oneLine, told, undecided } from "../dist/told.mjs";
import { readVerdict } from "../dist/verdict.mjs";
import { allow, ask, deny } from "./house.mjs";

const read = (value) => readVerdict(JSON.stringify(value));

test("what the house answers is read", () => {
  assert.equal(read(allow()).effect, "allow");
  assert.equal(read(ask).approval, "appr-1");
  assert.deepEqual(read(deny).reasons, ["exec is denied (/tool_policy/deny)"]);
  assert.equal(read({ ...allow(), until: "2026-05-04T10:10:00.123456789+02:00" }).until, Date.parse("2026-05-04T08:10:00.123Z"));
});

test("an answer that is not as described is none", () => {
  const bad = {
    effect: { effect: "Allow" },
    "no effect": { effect: undefined },
    receipt: { receipt: "job-1/0" },
    "receipt elsewhere": { receipt: "../x/1" },
    "no receipt": { receipt: undefined },
    "no reasons": { reasons: undefined },
    "reasons that are no list": { reasons: {} },
    "a reason without a clause": { reasons: [{ says: "x" }] },
    "no ticket": { ticket: undefined },
    "an empty ticket": { ticket: "" },
    "a ticket that is no text": { ticket: 1 },
    "no until": { until: undefined },
    "an until that is no time": { until: "soon" },
    "an until without a zone": { until: "2026-05-04T10:10:00" },
    "an approval that is no text": { approval: {} },
    "a member that nobody knows": { on_terms: ["once"] },
  };
  for (const [name, change] of Object.entries(bad)) assert.throws(() => read({ ...allow(), ...change }), undefined, name);
  for (const text of ["", "null", "[]", '"allow"', "{", '{"effect":"allow"}', JSON.stringify(allow()) + "x"]) assert.throws(() => readVerdict(text), undefined, text);
});

test("no change of an answer makes it allow what is not whole", () => {
  const whole = JSON.stringify({ ...allow(), approval: "a", code: "c", message: "m" });
  let state = 7;
  const next = (n) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % n;
  for (let i = 0; i < 20_000; i++) {
    const at = next(whole.length);
    const text = whole.slice(0, at) + ['"', "}", "{", "1", "null", "", ":", ",", "\\"][next(9)] + whole.slice(at + next(12));
    let verdict;
    try {
      verdict = readVerdict(text);
    } catch {
      continue;
    }
    if (verdict.effect !== "allow") continue;
    assert.equal(typeof verdict.ticket, "string");
    assert.ok(verdict.ticket.length > 0 && Number.isFinite(verdict.until) && /^[a-z0-9][a-z0-9._-]*\/[1-9][0-9]*$/.test(verdict.receipt), text);
  }
});

test("what the agent is told is one line that is not long", () => {
  assert.equal(oneLine("a\r\n\u2028b\u202e\u0000\u200bc \t d "), "a b c d");
  assert.equal(oneLine("\ud800x"), "\ufffdx");
  const long = oneLine("x".repeat(10_000));
  assert.equal(long.length, 600);
  assert.equal(oneLine("x" + "\u{1f600}".repeat(600)).isWellFormed(), true);
  assert.equal(told(read(deny)), "Clawea: denied: exec is denied (/tool_policy/deny) Receipt job-1/2.");
  assert.match(told(read(ask)), /^Clawea: pending\. .*approval appr-1.*again later.*Receipt job-1\/3\.$/);
  assert.match(told(read({ ...deny, code: "bad_argument", message: "no\nsuch" })), /^Clawea: denied \(bad_argument\): no such Receipt/);
  assert.match(told(read({ ...deny, message: "y".repeat(4000) })), /… Receipt job-1\/2\.$/);
  assert.equal(undecided(new Error("the house\nis gone")), "Clawea: not done, since nobody could decide about it: the house is gone.");
});
