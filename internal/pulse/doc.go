// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package pulse publishes proof bundles (users say Trust Pulse): as pages that
// check them in the reader's browser, by the same verifier as anywhere else,
// against the trust that the reader brings.
//
// A published bundle is a blob that never changes, named by its hash. It is read
// by role, or through links that expire and disclose only what they were made to.
// It is kept as long as was said, and at any rate while it is held. What is done
// to it is on record.
package pulse
