// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";

import { canonical, digest } from "../dist/canonical.mjs";
import { Guard } from "../dist/guard.mjs";
import { House } from "../dist/house.mjs";
import { allow, ask, deny, secret, startHouse, startLog, until } from "./house.mjs";

const call = (change = {}) => ({ toolName: "exec", params: { command: "ls" }, runId: "run-1", toolCallId: "call-1", ...change });
const ended = (change = {}) => ({ ...call(), result: { content: [{ type: "text", text: "hi" }], details: { exitCode: 0 } }, ...change });

async function start(t, answer, means = {}) {
  const house = await startHouse(t, answer);
  const log = startLog();
  const guard = new Guard({ house: new House(house.url, secret), waitSeconds: 0, servesHouse: true, log, ...means });
  const closed = () => house.requests.filter((r) => r.path.endsWith("/close"));
  return { guard, house, log, closed };
}

test("a call is asked about as it is, and what is let through is what was asked about", async (t) => {
  const { guard, house } = await start(t);
  const params = { command: "ls", timeout: 1e21, env: { b: "2", a: "1" } };
  assert.deepEqual(await guard.before(call({ params }), {}), { params });
  const [asked] = house.requests;
  assert.equal(asked.text, '{"tool":"exec","class":"write","args":{"command":"ls","env":{"a":"1","b":"2"},"timeout":1e+21}}');
  assert.equal(asked.path, "/path/v1/local");
  assert.equal(asked.headers["clawea-guard"], secret);
  assert.equal(asked.headers["prefer"], undefined);
});

test("a tool's class is the catalogue's, and that of a stranger write", async (t) => {
  const { guard, house } = await start(t, (_, n) => ({ body: allow(n) }));
  for (const [i, [toolName, params]] of [["read", {}], ["memory_search", {}], ["gateway", { action: "config.get" }], ["stranger", { action: 3 }]].entries()) {
    await guard.before(call({ toolName, params, toolCallId: `call-${i}` }), {});
  }
  assert.deepEqual(house.requests.map(({ body }) => [body.tool, body.class, body.action]), [
    ["read", "read", undefined], ["memory_search", "search", undefined], ["gateway", "admin", "config.get"], ["stranger", "write", undefined]]);
});

test("what is denied is blocked, with the house's reasons", async (t) => {
  const { guard } = await start(t, () => ({ body: deny }));
  assert.deepEqual(await guard.before(call(), {}), { block: true, blockReason: "Clawea: denied: exec is denied (/tool_policy/deny) Receipt job-1/2." });
});

test("whatever is not a decision blocks", async (t) => {
  const answers = {
    "an error": { status: 503, body: { code: "internal", title: "no" } },
    "a created": { status: 201, body: allow() },
    "a redirect": { status: 307, headers: { location: "/path/elsewhere" } },
    "no JSON": { body: "allow" },
    "no ticket": { body: { ...allow(), ticket: undefined } },
    "too much": { body: JSON.stringify({ ...allow(), message: "x".repeat(2 << 20) }) },
    "a call that is over": { body: { ...allow(), until: "2020-01-01T00:00:00Z" } },
  };
  for (const [name, answer] of Object.entries(answers)) {
    const { guard, house, log } = await start(t, ({ path }) => (path.endsWith("/local") ? answer : {}));
    const ruling = await guard.before(call(), {});
    assert.equal(ruling.block, true, name);
    assert.match(ruling.blockReason, /^Clawea: not done, since nobody could decide about it: /, name);
    assert.equal(log.lines.length, 1, name);
    assert.deepEqual(house.requests.filter((r) => !r.path.startsWith("/path/v1/local")), [], name);
  }
});

test("a house that is not there blocks", async () => {
  const guard = new Guard({ house: new House("http://127.0.0.1:1/path", secret), waitSeconds: 0, servesHouse: true, log: startLog() });
  assert.equal((await guard.before(call(), {})).block, true);
});

test("what policies cannot judge is blocked without asking", async (t) => {
  const { guard, house } = await start(t);
  const cycle = {};
  cycle.cycle = cycle;
  const calls = [{ toolName: "Exec" }, { toolName: "a b" }, { toolName: "" }, { toolName: "x".repeat(129) }, { toolName: undefined }, { params: undefined }, { params: [] },
    { params: "ls" }, { params: cycle }, { params: { at: new Date() } }, { params: { n: NaN } }, { params: { long: "x".repeat(2 << 20) } }, { params: { action: " delete" } },
    { toolCallId: undefined }, { toolCallId: "" }, { toolCallId: "a b" }];
  for (const change of calls) assert.equal((await guard.before(call(change), {})).block, true, JSON.stringify(change, (_, v) => (v === cycle ? "cycle" : v))?.slice(0, 100));
  assert.equal(house.requests.length, 0);
});

test("a cancelled call is not waited for", async (t) => {
  const { guard, house } = await start(t, () => undefined);
  const cancel = new AbortController();
  const ruling = guard.before(call(), { abortSignal: cancel.signal });
  await until(() => house.requests.length === 1);
  cancel.abort();
  assert.equal((await ruling).block, true);
});

test("tools of the house's own server go there undecided, and only they", async (t) => {
  const { guard, house } = await start(t);
  assert.equal(await guard.before(call({ toolName: "clawea__jira_issue_get" }), {}), undefined);
  assert.equal(guard.handedOn, 1);
  assert.equal(house.requests.length, 0);
  await guard.before(call({ toolName: "clawea" }), {});
  assert.equal(house.requests.length, 1);

  const elsewhere = await start(t, undefined, { servesHouse: false });
  await elsewhere.guard.before(call({ toolName: "clawea__jira_issue_get" }), {});
  assert.equal(elsewhere.house.requests[0].body.tool, "clawea__jira_issue_get");
});

test("where people are asked, the agent is told to come back", async (t) => {
  const { guard, house } = await start(t, () => ({ body: ask }));
  const ruling = await guard.before(call(), {});
  assert.match(ruling.blockReason, /pending.*appr-1/);
  assert.equal(house.requests.length, 1);
});

test("people are waited for, in requests of at most 45 seconds", async (t) => {
  const { guard, house } = await start(t, (_, n) => ({ body: n === 1 ? ask : allow() }), { waitSeconds: 100 });
  const began = performance.now();
  assert.deepEqual(await guard.before(call(), {}), { params: call().params });
  assert.deepEqual(house.requests.map((r) => r.headers["prefer"]), ["wait=45", "wait=45"]);
  assert.equal(house.requests[0].text, house.requests[1].text);
  assert.ok(house.requests[1].at - began >= 990, "a house that does not hold its answer is asked once in a second");
});

test("waiting for people has an end", async (t) => {
  const { guard, house } = await start(t, () => ({ body: ask }), { waitSeconds: 2 });
  assert.match((await guard.before(call(), {})).blockReason, /pending/);
  const [first, ...rest] = house.requests.map((r) => r.headers["prefer"]);
  assert.equal(first, "wait=2");
  assert.ok(rest.length <= 1 && rest.every((wait) => wait === "wait=1"), `then ${rest}`); // none on a machine that is very busy
});

test("what became of a call is told with its ticket and the digest of what it gave", async (t) => {
  const { guard, closed } = await start(t);
  await guard.before(call(), {});
  await guard.after(ended(), {});
  assert.equal(closed()[0].path, "/path/v1/local/job-1/1/close");
  const content = ended().result.content;
  assert.deepEqual(closed()[0].body, { ticket: "ticket-1", status: "done", code: "exit_0", result_sha256: digest(canonical(content, 1000)) });
  await guard.after(ended(), {});
  assert.equal(closed().length, 1, "it is told once");
});

test("what became of a call is told as it was", async (t) => {
  const ends = [
    [{ result: { content: [] } }, { status: "done" }],
    [{ result: { content: [], details: { exitCode: 3 } }, error: "exit 3" }, { status: "done", code: "exit_3" }],
    [{ result: { content: [], details: { status: "running" } } }, { status: "done", code: "running" }],
    [{ result: { content: [], details: { status: "failed", exitCode: null, exitReason: "overall-timeout" } }, error: "failed" }, { status: "aborted", code: "overall-timeout" }],
    [{ result: { content: [], details: { status: "failed", exitCode: null, exitReason: "a b" } }, error: "failed" }, { status: "aborted", code: "ended" }],
    [{ result: { content: [], details: { status: "error" } }, error: "no such file" }, { status: "unknown", code: "tool_error" }],
    [{ toolName: "read", result: { content: [], details: { status: "error" } }, error: "no such file" }, { status: "failed", code: "tool_error" }],
    [{ result: { content: [], details: { status: "blocked" } }, error: "no" }, { status: "failed", code: "blocked" }],
    [{ params: { command: "rm" } }, { status: "unknown", code: "other_arguments" }],
    [{ params: { command: () => 1 } }, { status: "unknown", code: "other_arguments" }],
    [{ result: undefined, error: "stopped" }, { status: "aborted" }, true],
  ];
  for (const [change, want, cancelled = false] of ends) {
    const { guard, closed } = await start(t);
    const cancel = new AbortController();
    await guard.before(call({ toolName: change.toolName ?? "exec" }), { abortSignal: cancel.signal });
    if (cancelled) cancel.abort();
    await guard.after(ended(change), {});
    const { ticket, result_sha256, ...rest } = closed().at(-1).body;
    assert.deepEqual(rest, want);
    assert.equal(ticket, "ticket-1");
    assert.equal(result_sha256 === undefined, ended(change).result === undefined);
  }
});

test("a result that is too long, or no JSON, has no digest", async (t) => {
  const { guard, closed } = await start(t);
  for (const content of ["x".repeat(9 << 20), [new Date()]]) {
    await guard.before(call(), {});
    await guard.after(ended({ result: { content } }), {});
    assert.equal(closed().at(-1).body.result_sha256, undefined);
  }
  assert.equal(closed().length, 2);
});

test("of what a run leaves open, it is not known what became of it", async (t) => {
  const { guard, closed } = await start(t, (_, n) => ({ body: allow(n) }));
  await guard.before(call({ toolCallId: "call-1" }), {});
  await guard.before(call({ toolCallId: "call-2", runId: "run-2" }), {});
  await guard.end({ runId: "run-1" });
  assert.deepEqual(closed().map((r) => [r.path, r.body.status, r.body.code]), [["/path/v1/local/job-1/1/close", "unknown", "no_end"]]);
  await guard.end({});
  assert.deepEqual(closed().map((r) => r.path), ["/path/v1/local/job-1/1/close", "/path/v1/local/job-1/2/close"]);
});

test("one call of an id is under way at a time, and 256 of all", async (t) => {
  const { guard, closed } = await start(t, ({ path }, n) => (path.endsWith("/local") ? { body: allow(n) } : {}));
  await guard.before(call(), {});
  assert.match((await guard.before(call(), {})).blockReason, /another call with its id/);
  await until(() => closed().length === 1);
  assert.deepEqual(closed()[0].body, { ticket: "ticket-2", status: "failed", code: "blocked" });
  assert.equal((await guard.before(call({ runId: "run-2" }), {})).block, undefined, "another run numbers its calls for itself");
  await guard.after(ended({ runId: "run-2" }), {});
  assert.deepEqual([closed()[1].body.ticket, closed()[1].body.status], ["ticket-4", "done"]);
  for (let i = 2; i <= 256; i++) assert.equal((await guard.before(call({ toolCallId: `call-${i}` }), {})).block, undefined);
  assert.match((await guard.before(call({ toolCallId: "call-257" }), {})).blockReason, /256 calls/);
});

test("a report that does not come through is sent again, unless it was refused", async (t) => {
  const { guard, closed, log } = await start(t, ({ path }, n) => (path.endsWith("/close") && n < 4 ? { status: 503 } : {}));
  await guard.before(call(), {});
  await guard.after(ended(), {});
  assert.equal(closed().length, 3);
  assert.deepEqual(log.lines, []);

  const refusing = await start(t, ({ path }) => (path.endsWith("/close") ? { status: 409, body: { code: "closed" } } : {}));
  await refusing.guard.before(call(), {});
  await refusing.guard.after(ended(), {});
  assert.equal(refusing.closed().length, 1);
  assert.match(refusing.log.lines[0], /job-1\/1 could not be reported.*409 \(closed\)/);
});
