// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package confluence is the connector for Confluence Cloud: it puts calls of
// the confluence tools into policy terms and carries out what was allowed.
//
// What it can do is a table ([Operations]): tools, their schemas, the requests
// that a client lets out, scopes and docs/confluence.md come from it.
//
// Planning never changes anything: it reads, with the read credential, which
// page, which space and which ancestors the arguments lead to today, by their
// immutable ids and their present names. The policy decides over these. Acting
// sends exactly what was planned, after looking again whether the page is still
// where it was; after a write it looks once more.
//
// A plan to write comes with the whole change: the request, what was there, a
// diff, and the call that takes it back (change.go). The receipt's name goes into
// the version's message, so that [Connector.Find] can tell what became of a
// request whose answer was lost, and [Connector.History] what has no receipt.
// [Connector.Revert] makes the call that takes a change back, or says who has
// gone on from there. Bodies are edited by blocks, so that what an edit does not
// name stays as it is, byte for byte (internal/page).
//
// What a page says is never rendered by Confluence, since rendering would pull
// in other pages with the rights of the house's own account: bodies are read in
// the storage format only, where an include is an element and not the text of
// another page. For the same reason bodies that agents write may hold only
// elements and macros on a list (see storage.go).
//
// What a policy denies is left out of searches and held against every hit, by
// id and by name, and of a page that is denied by its id no name is read. Labels
// are asked for only where a policy speaks of them: when the call is planned,
// and again before it is carried out. A new page is held to its parent's labels,
// since it has none of its own yet.
//
// A path begins with the space. The space's homepage stands for the space
// itself, so pages below it are named "ENG/Runbooks", not "ENG/Home/Runbooks".
package confluence
