// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// What of OpenClaw this plugin uses (2026.9.6). OpenClaw's own types come with
// its 600 MB; these few members are what the plugin stands on, and no more.

/** A tool call that OpenClaw is about to make. */
export interface ToolCall {
  toolName: string;
  params: unknown;
  runId?: string;
  toolCallId?: string;
}

/** A tool call that came to its end, or was kept from beginning. */
export interface ToolEnd extends ToolCall {
  result?: unknown;
  error?: string;
}

/** Where a call or a run comes from. */
export interface Context {
  runId?: string;
  toolCallId?: string;
  abortSignal?: AbortSignal;
}

/** What before_tool_call may say. Nothing lets the call through as it is. */
export interface Ruling {
  block?: boolean;
  blockReason?: string;
  params?: Record<string, unknown>;
}

/** What before_agent_run may say: this and not a member more, or OpenClaw takes it for a block. */
export type Gate = { outcome: "pass" } | { outcome: "block"; reason: string; message: string };

/** Where the plugin writes what its operator should know. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

interface HookOptions {
  priority?: number;
  timeoutMs?: number;
}

/** What OpenClaw hands to a plugin that registers. */
export interface Api {
  registrationMode: string;
  pluginConfig?: unknown;
  config?: unknown;
  logger: Logger;
  lifecycle?: { onDispose?: (cleanup: () => Promise<void>) => unknown };
  on(hook: "before_tool_call", handler: (event: ToolCall, ctx: Context) => Promise<Ruling | undefined>, options?: HookOptions): void;
  on(hook: "after_tool_call", handler: (event: ToolEnd, ctx: Context) => Promise<void>, options?: HookOptions): void;
  on(hook: "before_model_resolve" | "agent_end", handler: (event: unknown, ctx: Context) => Promise<void>, options?: HookOptions): void;
  on(hook: "before_agent_run", handler: (event: unknown, ctx: Context) => Promise<Gate>, options?: HookOptions): void;
}
