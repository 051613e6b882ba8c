// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package atlassian simulates an Atlassian site: Jira and Confluence, of Cloud or of Data Center, behind one [http.Handler], with state.
//
// Start with [New], seed the site with its Add methods, serve it with httptest or net/http, and look at what a client
// left behind with [Site.Page], [Site.Issue] and [Site.Requests]. The simulator follows the published REST
// specifications and what real sites are seen to do where these are silent: version conflicts, the trash, inherited read
// restrictions, moved issues, removed endpoints, rate limits, scopes. It is written from the specifications alone and
// shares nothing with any client, so that a client's misreading of them does not go unnoticed.
//
// Three doors lead in. At the site itself, accounts come with their e-mail address and an API token. Access tokens of the
// authorization server, which is here too ([Site.AddClient], [Site.SignIn]), are good at the gateway alone: under
// /ex/{product}/ and the site's [Site.CloudID]. With [Config.DataCenter] the site is a pair of Data Center products
// instead, which know neither of these, nor account ids, nor Atlassian documents.
//
// What goes wrong on real sites can be made to go wrong: [Site.Intercept] holds, drops or fails a request when it has
// come, when it is done and when it is answered; [Site.OnWrite] is the editor who comes in between; [Site.Limit] and
// [Site.Throttle] give the three kinds of 429, and [Site.Unavailable] 503; [Config.SearchLag] keeps the search behind.
//
// What it leaves out: Atlassian document format in Confluence, uploads, blog posts, worklogs, watchers, screens and
// permission schemes, JQL history operators (WAS, CHANGED) and most JQL functions, comments in Confluence search,
// operators inside the text that ~ looks for (but phrases and a * at the end of a word), and relevance as an order of
// results. Long tasks have ended when they are answered for.
//
// All methods of [Site] are safe for concurrent use. Seeding methods panic when they are asked for the impossible (a page
// in a space that does not exist), since that is a mistake in the caller's program.
package atlassian
