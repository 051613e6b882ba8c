// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package atlassian is the careful way to one Atlassian Cloud site: the
// transport under the Confluence and Jira connectors.
//
// A [Client] speaks to one host and no other. It follows no redirect, keeps no
// cookie, reads no answer beyond its size limit, and sends no request twice
// unless that is known to do no harm: after 429, which the site answers before
// it acts, and after a 5xx or a timeout only where the request changes nothing.
// An [Error] says whether a request that failed may still have taken effect, so
// that a receipt can say "unknown" where that is the truth.
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
