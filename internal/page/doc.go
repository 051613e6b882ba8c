// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package page reads the body of a Confluence page, or of a Jira field, as
// blocks, and changes some blocks without touching the others.
//
// A body is never written anew from what was understood of it. [Parse] notes
// where each block begins and ends; [Apply] cuts at those places. So whatever an
// edit does not name, known or unknown, is the same bytes afterwards.
//
// An edit may still destroy what is inside the block that it names: a macro, an
// image, the anchor of somebody's comment. [Losses] names each, and Apply refuses
// an edit that would drop one unless the edit says so itself. [Permit] holds a
// whole new body to the same. [Diff] shows a person in plain text what changes,
// and lets nothing that changes go unseen.
//
// Two formats are read: the storage format (XHTML with the prefixes ac: and ri:)
// and the Atlassian Document Format (JSON). The package has no input or output,
// no clock and no log. It knows nothing of what an agent may write: whoever uses
// it checks the content of edits against a list first.
package page
