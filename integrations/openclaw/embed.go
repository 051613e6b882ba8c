// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package guard is what goes into OpenClaw: the catalogue of its own tools,
// which the plugin in this folder and Clawea's plan of its configuration share.
package guard

import _ "embed" // tools.json

// Tools is the catalogue of OpenClaw's own tools, in the release that it names:
// {"openclaw": "2026.9.6", "tools": [{"name", "class", "group", "plugin"}]}. A tool
// with a plugin is there only if that bundled plugin is.
//
// Classes are those of policies, chosen so that a policy which names a class gets no
// more than it seems to say. read and search stay with what the job has: its
// workspace, its sessions, its notes. write is also what carries the agent's words
// to strangers, even if it only asks: a search of the web, a page fetched, an image by its
// address. admin is also what reaches beyond the job: settings of OpenClaw,
// credentials, schedules, other agents, the operator's terminals and desktop, paired
// machines; and what stands for other tools.
//
//go:embed tools.json
var Tools []byte
