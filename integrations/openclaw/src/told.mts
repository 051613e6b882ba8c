// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

import type { Verdict } from "./verdict.mjs";

const maxReason = 600;
const maxReasons = 5;

/** What the agent is told of a call that was not made: one line, and no more than it can use. */
export function told(verdict: Verdict): string {
  if (verdict.effect === "ask") {
    const which = verdict.approval ? ` (approval ${verdict.approval})` : "";
    return oneLine(`Clawea: pending. People are asked about this call${which}, and it was not made. Make the same call again later, unchanged. Receipt ${verdict.receipt}.`);
  }
  const why = verdict.message ?? verdict.reasons.slice(0, maxReasons).join("; ");
  const code = verdict.code ? ` (${verdict.code})` : "";
  return `${oneLine(`Clawea: denied${code}: ${why}`)} Receipt ${verdict.receipt}.`;
}

/** What the agent is told where nobody could decide. */
export function undecided(why: unknown): string {
  return oneLine(`Clawea: not done, since nobody could decide about it: ${why instanceof Error ? why.message : String(why)}.`);
}

/**
 * Text from elsewhere as one line of bounded length, without what draws as nothing
 * or turns the text around.
 */
export function oneLine(text: string): string {
  const line = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  return line.length <= maxReason ? line : line.slice(0, maxReason - 1).toWellFormed() + "…";
}
