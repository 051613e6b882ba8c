// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import "embed"

// Plugin is the plugin as OpenClaw loads it from a folder: os.CopyFS(folder, Plugin)
// lays it there. What is in dist is built from src by npm run build, and committed,
// since those who build Clawea have Go and no Node.
//
//go:embed dist/*.mjs openclaw.plugin.json package.json
var Plugin embed.FS
