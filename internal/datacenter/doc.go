// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package datacenter puts requests of Atlassian Cloud's REST interfaces into those
// of Data Center, and the answers back, so that one connector of each kind, its
// bounds and its evidence do for both.
//
// [Jira] speaks version 2 (/rest/api/2), with user names where Cloud has account
// ids, and wiki markup where Cloud has documents. [Confluence] speaks /rest/api,
// without /wiki. What a site has no call for is refused before anything is sent.
//
// What agents write becomes wiki markup in which every sign that means something
// is escaped: it makes no macro, no mention and no image. What others wrote is
// kept as it is, byte for byte, in a node that agents cannot write, and which
// becomes the same bytes again.
package datacenter
