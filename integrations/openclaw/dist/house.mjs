// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0
import { Agent, request } from "node:http";
import { readVerdict } from "./verdict.mjs";
const answerTime = 10_000; // milliseconds, beside what people are waited for
const aliveTime = 10_000; // within the 15 s that OpenClaw gives the hook before a model
const maxAnswer = 1 << 20; // bytes
/**
 * The house, as the sidecar of `clawea run` lets the plugin reach it. It is asked
 * by node:http and not by fetch: other plugins replace fetch, a proxy in the
 * environment would carry it off, and it follows redirects unless told. This never
 * does any of these.
 */
export class House {
    #url;
    #secret;
    constructor(url, secret) {
        this.#url = url;
        this.#secret = secret;
    }
    /**
     * Asks about a call, whose body is the request as it is sent. People who are asked
     * are waited for as long as wait seconds.
     */
    async ask(body, wait, signal) {
        const answer = await this.#post("/v1/local", body, { milliseconds: wait * 1000 + answerTime, wait, signal });
        if (answer.status !== 200)
            throw new Error(`the house answered ${answer.status}${code(answer.body)}`);
        return readVerdict(answer.body);
    }
    /** Tells what became of the call that receipt opened. */
    async close(receipt, report) {
        const path = "/v1/local/" + receipt.split("/").map(encodeURIComponent).join("/") + "/close";
        const answer = await this.#post(path, JSON.stringify(report), { milliseconds: answerTime });
        if (answer.status !== 200)
            throw new Refused(answer.status, `the house answered ${answer.status}${code(answer.body)}`);
    }
    /** Tells that the plugin, of this version, stands before every tool. */
    async alive(version) {
        const answer = await this.#post("/v1/local/alive", JSON.stringify({ plugin: "clawea", version, mode: "full" }), { milliseconds: aliveTime });
        if (answer.status !== 204)
            throw new Error(`the house answered ${answer.status}${code(answer.body)}`);
    }
    async #post(path, body, sending) {
        const over = AbortSignal.timeout(sending.milliseconds);
        const signal = sending.signal === undefined ? over : AbortSignal.any([over, sending.signal]);
        const headers = {
            "Clawea-Guard": this.#secret,
            "Content-Type": "application/json",
            "Content-Length": Buffer.byteLength(body),
        };
        if (sending.wait)
            headers["Prefer"] = `wait=${sending.wait}`;
        return new Promise((resolve, reject) => {
            // An agent of its own, since the environment can give the global one a proxy.
            const sent = request(this.#url + path, { method: "POST", headers, signal, agent: new Agent() });
            const fail = (err) => reject(over.aborted ? new Error(`the house did not answer in ${sending.milliseconds / 1000} s`) : err);
            sent.on("error", fail);
            sent.on("response", (answer) => {
                read(answer).then((text) => resolve({ status: answer.statusCode ?? 0, body: text }), fail);
            });
            sent.end(body);
        });
    }
}
/** An answer that says no: asking again would not change it. */
export class Refused extends Error {
    status;
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}
async function read(answer) {
    const chunks = [];
    let length = 0;
    for await (const chunk of answer) {
        length += chunk.length;
        if (length > maxAnswer)
            throw new Error(`the house's answer is longer than ${maxAnswer} bytes`);
        chunks.push(chunk);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
}
// A problem's code, in brackets; what else a body says is not for the agent.
function code(body) {
    try {
        const problem = JSON.parse(body);
        const code = typeof problem === "object" && problem !== null && "code" in problem ? problem.code : undefined;
        return typeof code === "string" && /^[a-z][a-z0-9_.]{0,63}$/.test(code) ? ` (${code})` : "";
    }
    catch {
        return "";
    }
}
