// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package atlassian is the careful way to one Atlassian site: the
// transport under the Confluence and Jira connectors.
//
// A [Client] speaks to one host and no other. It follows no redirect, keeps no
// cookie, reads no answer beyond its size limit, and sends no request twice
// unless that is known to do no harm: after 429, which the site answers before
// it acts, after 401 by another credential, and after a 5xx or a timeout only
// where the request changes nothing. It heeds what the site says of its limits,
// before they are reached. [Client.Fetch] alone may leave the host, for a download
// from a listed one, and takes nothing along.
//
// Credentials are an account's token, or come from a [ServiceAccount] or a
// [Person], who has let the house act for them ([Consent]). What another account
// than theirs has answered or done is an error ([WrongAccount]).
//
// An [Error] says whether a request that failed may still have taken effect, so
// that a receipt can say "unknown" where that is the truth.
//
// Callers speak Cloud's REST interfaces. For a Data Center site a [Driver] puts
// their requests into that site's, and the answers back; what it has no call for
// is refused.
//
// The package knows nothing of pages, issues, policies or tokens. Callers build
// every path and every body themselves, so that what goes out is what was
// planned, byte by byte:
//
//	c, err := atlassian.New(atlassian.Config{
//		BaseURL:    "https://example.atlassian.net",
//		Credential: func(context.Context) (atlassian.Credential, error) { … },
//	})
//	res, err := c.Do(ctx, &atlassian.Request{Method: "GET", Path: "/rest/api/3/issue/" + atlassian.Segment(key)})
//	err = res.Glance(&issue)
package atlassian
