// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0
import { version } from "./built.mjs";
/** Tells the house again and again that the plugin is there. */
export class Heartbeat {
    #house;
    #every; // milliseconds
    #log;
    #heard = Number.NEGATIVE_INFINITY;
    #beating;
    #timer;
    #stopped = false;
    constructor(house, seconds, log) {
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
    async heard() {
        if (this.#timer === undefined && !this.#stopped) {
            this.#timer = setInterval(() => void this.#beat(), this.#every);
            this.#timer.unref();
        }
        if (!this.#fresh())
            await this.#beat();
        return this.#fresh();
    }
    /** Ends it. A plugin whose hooks OpenClaw no longer runs is not to be heard of. */
    stop() {
        this.#stopped = true;
        this.#heard = Number.NEGATIVE_INFINITY;
        clearInterval(this.#timer);
        this.#timer = undefined;
    }
    #fresh() {
        return performance.now() - this.#heard < this.#every;
    }
    #beat() {
        this.#beating ??= this.#tell().finally(() => (this.#beating = undefined));
        return this.#beating;
    }
    async #tell() {
        if (this.#stopped)
            return;
        try {
            await this.#house.alive(version);
            if (!this.#stopped)
                this.#heard = performance.now();
        }
        catch (err) {
            this.#log.warn(`clawea: the house has not heard the heartbeat: ${String(err)}`);
        }
    }
}
