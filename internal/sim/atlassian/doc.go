// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package atlassian simulates an Atlassian Cloud site: Jira and Confluence behind one [http.Handler], with state.
//
// Start with [New], seed the site with its Add methods, serve it with httptest or net/http, and look at what a client
// left behind with [Site.Page], [Site.Issue] and [Site.Requests]. The simulator follows the published REST
// specifications and what real sites are seen to do where these are silent: version conflicts, the trash, inherited read
// restrictions, moved issues, removed endpoints, rate limits, scopes. It is written from the specifications alone and
// shares nothing with any client, so that a client's misreading of them does not go unnoticed.
//
// What it leaves out: Atlassian document format in Confluence, attachments, blog posts, worklogs, issue links, permission
// schemes, JQL history operators (WAS, CHANGED) and most JQL functions, comments in Confluence search, operators inside
// the text that ~ looks for (but phrases and a * at the end of a word), and relevance as an order of results.
//
// All methods of [Site] are safe for concurrent use. Seeding methods panic when they are asked for the impossible (a page
// in a space that does not exist), since that is a mistake in the caller's program.
package atlassian
