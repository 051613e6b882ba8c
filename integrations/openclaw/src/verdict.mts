// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

import { plain } from "./canonical.mjs";

/** What the house has decided about a call. */
export interface Verdict {
  effect: "allow" | "ask" | "deny";
  /** JOB/SEQ. */
  receipt: string;
  reasons: string[];
  /** What the call waits for. */
  approval?: string;
  /** Shown with the report on the call; always there with "allow". */
  ticket?: string;
  /** The report is taken until then, in milliseconds; always there with "allow". */
  until?: number;
  /** Why the call could not be put in policy terms: a stable word, and in words. */
  code?: string;
  message?: string;
}

const members = ["effect", "receipt", "reasons", "approval", "ticket", "until", "code", "message"];
const receiptForm = /^[a-z0-9][a-z0-9._-]{0,63}\/[1-9][0-9]{0,15}$/;
const timeForm = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$/;
const maxText = 4096;

/**
 * Reads the house's answer. One that has a member more is refused, too: it may say
 * on what terms the call is allowed, and nobody here would keep to them.
 */
export function readVerdict(body: string): Verdict {
  const given: unknown = JSON.parse(body);
  if (!plain(given)) throw new Error("the answer is no object");
  const unknown = Object.keys(given).find((name) => !members.includes(name));
  if (unknown !== undefined) throw new Error("the answer has a member that this plugin does not know");
  const effect = given["effect"];
  if (effect !== "allow" && effect !== "ask" && effect !== "deny") throw new Error("the answer has no effect");
  const receipt = given["receipt"];
  if (typeof receipt !== "string" || !receiptForm.test(receipt)) throw new Error("the answer names no receipt");
  const verdict: Verdict = { effect, receipt, reasons: readReasons(given["reasons"]) };
  for (const name of ["approval", "ticket", "code", "message"] as const) {
    const value = given[name];
    if (value === undefined) continue;
    if (typeof value !== "string" || value.length > maxText) throw new Error(`the answer's ${name} is not as it should be`);
    verdict[name] = value;
  }
  if (given["until"] !== undefined) verdict.until = readTime(given["until"]);
  if (effect === "allow" && (!verdict.ticket || verdict.until === undefined)) throw new Error("the answer allows the call without a ticket");
  return verdict;
}

function readReasons(given: unknown): string[] {
  if (!Array.isArray(given)) throw new Error("the answer has no reasons");
  return given.map((reason: unknown) => {
    if (!plain(reason) || typeof reason["says"] !== "string" || typeof reason["clause"] !== "string") {
      throw new Error("the answer's reasons are not as they should be");
    }
    return reason["clause"] === "" ? reason["says"] : `${reason["says"]} (${reason["clause"]})`;
  });
}

function readTime(given: unknown): number {
  const at = typeof given === "string" && timeForm.test(given) ? Date.parse(given) : NaN;
  if (Number.isNaN(at)) throw new Error("the answer's until is no time");
  return at;
}
