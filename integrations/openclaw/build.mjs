// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Builds dist from src, package.json and tools.json. With --check it builds to the
// side and fails where dist is not that: dist is committed, since Go embeds it on
// machines that have no Node.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const check = process.argv.includes("--check");
const source = join(here, "src", "built.mts");

function built() {
  const { version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  const manifest = JSON.parse(readFileSync(join(here, "openclaw.plugin.json"), "utf8"));
  if (manifest.version !== version) throw new Error(`openclaw.plugin.json says version ${manifest.version}, package.json ${version}`);
  const { tools } = JSON.parse(readFileSync(join(here, "tools.json"), "utf8"));
  const lines = tools.map((tool) => `  [${JSON.stringify(tool.name)}, ${JSON.stringify(tool.class)}],`);
  return `// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Made by build.mjs of package.json and tools.json. Do not edit.

/** The plugin's version. */
export const version = ${JSON.stringify(version)};

/** The class of each of OpenClaw's own tools. */
export const classes: ReadonlyMap<string, string> = new Map([
${lines.join("\n")}
]);
`;
}

function compile(to) {
  rmSync(to, { recursive: true, force: true });
  const tsc = join(here, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", here, "--outDir", to], { stdio: "inherit" });
}

function contents(dir) {
  return new Map(readdirSync(dir).sort().map((name) => [name, readFileSync(join(dir, name), "utf8")]));
}

function differences(want, have) {
  return [...new Set([...want.keys(), ...have.keys()])].filter((name) => want.get(name) !== have.get(name));
}

if (!check) {
  writeFileSync(source, built());
  compile(join(here, "dist"));
} else {
  const side = mkdtempSync(join(tmpdir(), "clawea-openclaw-"));
  try {
    const stale = readFileSync(source, "utf8") === built() ? [] : ["src/built.mts"];
    compile(join(side, "dist"));
    stale.push(...differences(contents(join(side, "dist")), contents(join(here, "dist"))).map((name) => "dist/" + name));
    if (stale.length > 0) {
      console.error(`these are not what the sources make: ${stale.join(", ")}\nrun: npm run build`);
      process.exitCode = 1;
    }
  } finally {
    rmSync(side, { recursive: true, force: true });
  }
}
