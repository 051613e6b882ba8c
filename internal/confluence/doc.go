// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package confluence is the connector for Confluence Cloud: it puts calls of
// the confluence tools into policy terms and carries out what was allowed.
//
// Planning never changes anything: it reads, with the read credential, which
// page, which space and which ancestors the arguments lead to today, by their
// immutable ids and their present names. The policy decides over these. Acting
// sends exactly what was planned, after looking again whether the page is still
// where it was; after a write it looks once more.
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
