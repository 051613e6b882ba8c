// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
const maxDepth = 100;
/** Why a value has no canonical form. */
export class Uncanonical extends Error {
}
/**
 * The canonical JSON (RFC 8785) of value, which is at most limit characters long.
 * Members without a value are left out, as JSON does. Whatever else JSON would
 * change or drop without a word is an error: what people and policies judge has to
 * be what the tool gets.
 */
export function canonical(value, limit) {
    const out = [];
    let length = 0;
    const put = (s) => {
        length += s.length;
        if (length > limit)
            throw new Uncanonical(`it is longer than ${limit} characters`);
        out.push(s);
    };
    write(value, 0, put);
    return out.join("");
}
function write(value, depth, put) {
    if (depth > maxDepth)
        throw new Uncanonical(`it is nested deeper than ${maxDepth}`);
    switch (typeof value) {
        case "boolean":
            return put(String(value));
        case "number":
            if (!Number.isFinite(value))
                throw new Uncanonical(`${value} is no JSON number`);
            return put(JSON.stringify(value));
        case "string":
            return put(quoted(value));
        case "object":
            if (value === null)
                return put("null");
            return Array.isArray(value) ? writeArray(value, depth, put) : writeObject(value, depth, put);
        default:
            throw new Uncanonical(`a ${typeof value} is no JSON`);
    }
}
function writeArray(values, depth, put) {
    put("[");
    for (let i = 0; i < values.length; i++) {
        if (i > 0)
            put(",");
        write(values[i], depth + 1, put);
    }
    put("]");
}
function writeObject(object, depth, put) {
    if (!plain(object))
        throw new Uncanonical("an object of a class is no JSON");
    put("{");
    let first = true;
    for (const [name, value] of Object.entries(object).sort(byName)) {
        if (value === undefined)
            continue;
        put((first ? "" : ",") + quoted(name) + ":");
        first = false;
        write(value, depth + 1, put);
    }
    put("}");
}
// RFC 8785 sorts by UTF-16 code units, which is what < compares.
function byName([a], [b]) {
    return a < b ? -1 : 1;
}
function quoted(s) {
    if (!s.isWellFormed())
        throw new Uncanonical("half of a character is no text");
    return JSON.stringify(s);
}
/** Whether value is an object as JSON has them. */
export function plain(value) {
    if (typeof value !== "object" || value === null)
        return false;
    const prototype = Object.getPrototypeOf(value);
    return prototype === null || Object.getPrototypeOf(prototype) === null;
}
/** The name of text by its hash, as Clawea writes it. */
export function digest(text) {
    return "sha256:" + createHash("sha256").update(text).digest("hex");
}
