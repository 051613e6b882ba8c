// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

import { closeSync, constants, fstatSync, openSync, readSync, unlinkSync } from "node:fs";

const maxSecret = 1024; // bytes
const secretForm = /^[A-Za-z0-9._~+/=-]{16,512}$/;

// OpenClaw loads a plugin several times in a process, each time as a module of its
// own, and runs the hooks of one of these; the file is there once. So what was taken
// is kept where all of them find it. Other plugins could find it, too: they are
// trusted code in this process, and could as well look over the shoulder of Node.
const shared = Symbol.for("@clawea/openclaw secrets");
const everywhere = globalThis as { [shared]?: Map<string, string> };
const taken = (everywhere[shared] ??= new Map<string, string>());

/**
 * Takes the secret out of the file that the launcher left it in, and removes the
 * file: what the agent's commands can read as this user is to be without it.
 */
export function takeSecret(path: string): string {
  const known = taken.get(path);
  if (known !== undefined) return known;
  const secret = read(path);
  unlinkSync(path);
  taken.set(path, secret);
  return secret;
}

function read(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const about = fstatSync(file);
    if (!about.isFile()) throw new Error("it is no regular file");
    if ((about.mode & 0o077) !== 0) throw new Error("others than its owner may open it; write it with mode 0600");
    const bytes = Buffer.alloc(maxSecret + 1);
    const n = readSync(file, bytes, 0, bytes.length, 0);
    const secret = bytes.toString("latin1", 0, n).trim();
    if (!secretForm.test(secret)) throw new Error("it holds no secret of 16 to 512 characters");
    return secret;
  } finally {
    closeSync(file);
  }
}
