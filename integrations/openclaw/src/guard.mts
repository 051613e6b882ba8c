// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

import { setTimeout as sleep } from "node:timers/promises";

import { classes } from "./built.mjs";
import { canonical, digest, plain } from "./canonical.mjs";
import type { Context, Logger, Ruling, ToolCall, ToolEnd } from "./host.mjs";
import { type House, Refused, type Report } from "./house.mjs";
import { type Open, report } from "./report.mjs";
import { oneLine, told, undecided } from "./told.mjs";
import type { Verdict } from "./verdict.mjs";

const maxArgs = 1 << 20; // characters
const maxOpen = 256; // calls
const slice = 45; // seconds that the house holds an answer at most
const toolForm = /^[a-z][a-z0-9_-]{0,127}$/;
const actionForm = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const idForm = /^[\x21-\x7e]{1,512}$/;
const closings = 3; // attempts

/** What a guard works with. */
export interface Means {
  house: House;
  /** How long people are waited for. */
  waitSeconds: number;
  /** Whether tools named clawea__... are those of the house's own MCP server. */
  servesHouse: boolean;
  log: Logger;
}

/** Asks the house about every call of a tool, and tells it what became of those it allowed. */
export class Guard {
  readonly #means: Means;
  readonly #open = new Map<string, Open>();
  readonly #closing = new Set<Promise<void>>();
  #handedOn = 0;

  constructor(means: Means) {
    this.#means = means;
  }

  /** How many calls went to the house's own MCP server, which decides them itself. */
  get handedOn(): number {
    return this.#handedOn;
  }

  /** Lets a call through, as it was judged and no other, or blocks it. It never throws. */
  async before(event: ToolCall, ctx: Context): Promise<Ruling | undefined> {
    try {
      if (this.#means.servesHouse && event.toolName.startsWith("clawea__")) {
        this.#handedOn++;
        return undefined;
      }
      return await this.#judge(event, ctx);
    } catch (err) {
      this.#means.log.warn(oneLine(`clawea: a call of ${JSON.stringify(event.toolName)} was blocked: ${String(err)}`));
      return { block: true, blockReason: undecided(err) };
    }
  }

  async #judge(event: ToolCall, ctx: Context): Promise<Ruling> {
    const id = idOf(event, ctx);
    if (id === undefined) throw new Error("OpenClaw gave the call no id");
    const params = event.params;
    if (!plain(params)) throw new Error("its arguments are no object");
    const args = canonical(params, maxArgs);
    const of = classes.get(event.toolName) ?? "write";
    const verdict = await this.#ask(request(event.toolName, of, params, args), ctx.abortSignal);
    if (verdict.effect !== "allow") return { block: true, blockReason: told(verdict) };
    this.#keep(id, {
      receipt: verdict.receipt,
      ticket: verdict.ticket ?? "",
      args: digest(args),
      reads: of === "read" || of === "search",
      runId: event.runId ?? ctx.runId,
      signal: ctx.abortSignal,
    }, verdict.until ?? 0);
    // Said again, so that no rewrite by a plugin before this one comes after all.
    return { params };
  }

  // People's answer is waited for in slices. A house that does not hold its answer
  // is not asked more than once in a second.
  async #ask(body: string, signal?: AbortSignal): Promise<Verdict> {
    const over = performance.now() + this.#means.waitSeconds * 1000;
    for (let left = this.#means.waitSeconds; ; ) {
      const began = performance.now();
      const verdict = await this.#means.house.ask(body, Math.min(slice, left), signal);
      if (verdict.effect !== "ask" || left < 1) return verdict;
      await sleep(Math.max(0, began + 1000 - performance.now()), undefined, signal ? { signal } : {});
      left = Math.round((over - performance.now()) / 1000);
      if (left < 1) return verdict;
    }
  }

  #keep(id: string, call: Open, until: number): void {
    const late = until <= Date.now();
    const twice = this.#open.has(id);
    if (!late && !twice && this.#open.size < maxOpen) {
      this.#open.set(id, call);
      return;
    }
    // It is allowed and will not be made, which the house is to know.
    this.#close(call.receipt, { ticket: call.ticket, status: "failed", code: "blocked" });
    if (late) throw new Error("the house's answer came too late");
    throw new Error(twice ? "another call with its id is under way" : `${maxOpen} calls are under way`);
  }

  /** Tells the house what became of a call. */
  async after(event: ToolEnd, ctx: Context): Promise<void> {
    const id = idOf(event, ctx);
    const call = id === undefined ? undefined : this.#open.get(id);
    if (id === undefined || call === undefined) return; // blocked, or not ours
    this.#open.delete(id);
    await this.#close(call.receipt, report(call, event));
  }

  /**
   * Ends a run: of its calls that never came to their end it is not known what they
   * did. It returns when the house has heard all there is.
   */
  async end(ctx: Context): Promise<void> {
    for (const [id, call] of this.#open) {
      if (call.runId !== undefined && ctx.runId !== undefined && call.runId !== ctx.runId) continue;
      this.#open.delete(id);
      void this.#close(call.receipt, { ticket: call.ticket, status: "unknown", code: "no_end" });
    }
    await Promise.all(this.#closing);
  }

  #close(receipt: string, what: Report): Promise<void> {
    const closing: Promise<void> = this.#tell(receipt, what)
      .catch((err: unknown) => this.#means.log.warn(oneLine(`clawea: what became of ${receipt} could not be reported: ${String(err)}`)))
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    return closing;
  }

  async #tell(receipt: string, what: Report): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#means.house.close(receipt, what);
      } catch (err) {
        const final = err instanceof Refused && err.status < 500;
        if (final || attempt === closings) throw err;
        await sleep(250 * attempt);
      }
    }
  }
}

// What a call is known by. Models number their calls, so the number alone could be
// another run's.
function idOf(event: ToolCall, ctx: Context): string | undefined {
  const id = event.toolCallId ?? ctx.toolCallId;
  if (id === undefined || !idForm.test(id)) return undefined;
  return `${event.runId ?? ctx.runId ?? ""} ${id}`;
}

// The request about a call. Where a tool has several actions, OpenClaw's and most
// others' have them in the argument of that name, and policies can tell them apart.
function request(tool: string, of: string, params: Record<string, unknown>, args: string): string {
  if (!toolForm.test(tool)) throw new Error("its tool has a name that policies cannot speak of");
  const action = params["action"];
  const named = typeof action === "string";
  if (named && !actionForm.test(action)) throw new Error("its action has a name that policies cannot speak of");
  const head = JSON.stringify({ tool, action: named ? action : undefined, class: of });
  return `${head.slice(0, -1)},"args":${args}}`; // the arguments as they were judged, to the letter
}
