// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

import type { House } from "./house.mjs";
import type { Logger } from "./host.mjs";
import { version } from "./built.mjs";

/** Tells the house again and again that the plugin is there. */
export class Heartbeat {
  readonly #house: House;
  readonly #every: number; // milliseconds
  readonly #log: Logger;
  #heard = Number.NEGATIVE_INFINITY;
  #beating: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(house: House, seconds: number, log: Logger) {
    this.#house = house;
    this.#every = seconds * 1000;
    this.#log = log;
  }

  /**
   * Whether the house has heard it lately, or hears it now. From the first time on it
   * goes on by itself, and keeps no process from its end. It is begun by a hook that
   * OpenClaw runs before a model and not by loading, since OpenClaw loads plugins whose
   * hooks it does not run.
   */
  async heard(): Promise<boolean> {
    if (this.#timer === undefined && !this.#stopped) {
      this.#timer = setInterval(() => void this.#beat(), this.#every);
      this.#timer.unref();
    }
    if (!this.#fresh()) await this.#beat();
    return this.#fresh();
  }

  /** Ends it. A plugin whose hooks OpenClaw no longer runs is not to be heard of. */
  stop(): void {
    this.#stopped = true;
    this.#heard = Number.NEGATIVE_INFINITY;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #fresh(): boolean {
    return performance.now() - this.#heard < this.#every;
  }

  #beat(): Promise<void> {
    this.#beating ??= this.#tell().finally(() => (this.#beating = undefined));
    return this.#beating;
  }

  async #tell(): Promise<void> {
    if (this.#stopped) return;
    try {
      await this.#house.alive(version);
      if (!this.#stopped) this.#heard = performance.now();
    } catch (err) {
      this.#log.warn(`clawea: the house has not heard the heartbeat: ${String(err)}`);
    }
  }
}
