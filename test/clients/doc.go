// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package clients drives the house with clients that other people wrote: the
// vendors' own SDKs against the daemon and against the bare simulated provider,
// and an Atlassian client against the simulated site. It is a module of its
// own, so that they stay out of the product's go.mod.
package clients
