// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// A house for tests: it answers as it is told, and remembers what it was asked.
import { createServer } from "node:http";

export const secret = "0123456789abcdef";

/** An answer that allows. */
export function allow(seq = 1) {
  return { effect: "allow", receipt: `job-1/${seq}`, reasons: [], ticket: `ticket-${seq}`, until: new Date(Date.now() + 60_000).toISOString() };
}

export const deny = { effect: "deny", receipt: "job-1/2", reasons: [{ clause: "/tool_policy/deny", says: "exec is denied" }] };
export const ask = { effect: "ask", receipt: "job-1/3", reasons: [], approval: "appr-1" };

/**
 * Starts one. answer(request, n) gives {status, body} for the nth request, or nothing
 * to never answer; what is not given is what a house says that allows all.
 */
export async function startHouse(t, answer = () => ({})) {
  const requests = [];
  const server = createServer(async (req, res) => {
    let body = "";
    for await (const chunk of req) body += chunk;
    const request = { method: req.method, path: req.url, headers: req.headers, text: body, body: JSON.parse(body), at: performance.now() };
    requests.push(request);
    const given = await answer(request, requests.length);
    if (given === undefined) return;
    const usual = req.url.endsWith("/alive") ? [204, ""] : req.url.endsWith("/close") ? [200, "{}"] : [200, allow()];
    const { status = usual[0], body: out = usual[1], headers = {} } = given;
    res.writeHead(status, headers).end(typeof out === "string" ? out : JSON.stringify(out));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}/path`, requests };
}

/** A logger that keeps what was written. */
export function startLog() {
  const lines = [];
  const write = (line) => lines.push(line);
  return { lines, info: write, warn: write, error: write };
}

/** Waits until what holds, for a while. */
export async function until(what) {
  for (let i = 0; i < 4000; i++) {
    if (what()) return;
    await new Promise((later) => setTimeout(later, 5));
  }
  throw new Error("it did not come about in 20 s");
}
