// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

import { canonical, digest, plain } from "./canonical.mjs";
import type { Report } from "./house.mjs";
import type { ToolEnd } from "./host.mjs";

const maxResult = 8 << 20; // characters
const codeForm = /^[A-Za-z0-9._-]{1,64}$/;

/** A call that the house has allowed and that is not known to be over. */
export interface Open {
  receipt: string;
  ticket: string;
  /** The digest of the arguments that the house was asked about. */
  args: string;
  /** Whether the tool, by its class, changes nothing. */
  reads: boolean;
  runId: string | undefined;
  signal: AbortSignal | undefined;
}

/**
 * What became of a call, as OpenClaw tells it. "failed" says that nothing happened,
 * and takes the call out of what limits count. So it is said only of what did not begin,
 * or could change nothing: other tools that end in an error may have done something before.
 */
export function report(call: Open, end: ToolEnd): Report {
  const out: Report = { ticket: call.ticket, ...outcome(call, end) };
  const result = commit(end.result);
  if (result !== undefined) out.result_sha256 = result;
  return out;
}

function outcome(call: Open, end: ToolEnd): Pick<Report, "status" | "code"> {
  if (commitArgs(end.params) !== call.args) return { status: "unknown", code: "other_arguments" };
  const details = plain(end.result) && plain(end.result["details"]) ? end.result["details"] : {};
  const { status, exitCode, exitReason } = details;
  // OpenClaw itself, or a plugin after this one, has kept the call from beginning.
  if (status === "blocked" || status === "skipped") return { status: "failed", code: "blocked" };
  // A command that ran to its end has happened, whatever it says of itself.
  if (typeof exitCode === "number" && Number.isInteger(exitCode)) return { status: "done", code: `exit_${exitCode}` };
  if (typeof exitReason === "string") return { status: "aborted", code: codeForm.test(exitReason) ? exitReason : "ended" };
  if (call.signal?.aborted) return { status: "aborted" };
  if (end.error !== undefined) return { status: call.reads ? "failed" : "unknown", code: "tool_error" };
  if (status === "running") return { status: "done", code: "running" };
  return { status: "done" };
}

/** The digest of arguments; undefined where they have no canonical form. */
export function commitArgs(params: unknown): string | undefined {
  return attempt(() => digest(canonical(params, maxResult)));
}

/**
 * The digest of what a tool gave: of its content, which is what the model gets to
 * see, or else of all of it. There is none of what is too long or no JSON.
 */
export function commit(result: unknown): string | undefined {
  if (result === undefined) return undefined;
  const given = plain(result) && result["content"] !== undefined ? result["content"] : result;
  return attempt(() => digest(canonical(given, maxResult)));
}

function attempt<T>(f: () => T): T | undefined {
  try {
    return f();
  } catch {
    return undefined;
  }
}
