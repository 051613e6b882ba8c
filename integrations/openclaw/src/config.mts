// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// The longest that people are waited for. OpenClaw gives no hook more than 600 s.
const maxWait = 570;

const urlForm = /^http:\/\/(127\.0\.0\.1|\[::1\]):[0-9]{1,5}(\/[A-Za-z0-9._~-]+)*$/;

/** The plugin's configuration, as openclaw.plugin.json describes it. */
export interface Config {
  /** The sidecar's, on this machine: the secret is shown to nobody else. */
  url: string;
  /** Where the launcher has left the secret. */
  secretFile: string;
  /** How long people are waited for. */
  waitSeconds: number;
  /** How often the house hears that the plugin is there. */
  heartbeatSeconds: number;
}

/**
 * Reads the configuration. OpenClaw holds it to the manifest's schema first; this
 * is for the day on which it does not.
 */
export function readConfig(raw: unknown): Config {
  const given = typeof raw === "object" && raw !== null ? new Map<string, unknown>(Object.entries(raw)) : new Map<string, unknown>();
  const config = {
    url: text(given, "url", urlForm),
    secretFile: text(given, "secretFile", /^\//),
    waitSeconds: seconds(given, "waitSeconds", 0, maxWait, 0),
    heartbeatSeconds: seconds(given, "heartbeatSeconds", 1, 60, 5),
  };
  const unknown = [...given.keys()].find((name) => !(name in config));
  if (unknown !== undefined) throw new Error(`the plugin has no setting ${JSON.stringify(unknown)}`);
  return config;
}

function text(given: Map<string, unknown>, name: string, form: RegExp): string {
  const value = given.get(name);
  if (typeof value !== "string" || !form.test(value)) throw new Error(`the setting ${name} is missing, or not as ${form.source}`);
  return value;
}

function seconds(given: Map<string, unknown>, name: string, least: number, most: number, otherwise: number): number {
  const value = given.get(name) ?? otherwise;
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw new Error(`the setting ${name} is not a number of seconds from ${least} to ${most}`);
  }
  return value;
}

/**
 * Whether OpenClaw's own configuration has the house's MCP server under its name,
 * at the same sidecar. Only then are that server's tools let through to it.
 */
export function servesHouse(config: unknown, url: string): boolean {
  const server = member(member(member(config, "mcp"), "servers"), "clawea");
  const at = member(server, "url");
  return typeof at === "string" && at === url + "/mcp";
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
