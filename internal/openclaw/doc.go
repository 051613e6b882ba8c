// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package openclaw makes OpenClaw's configuration from a policy (Plan), puts it into
// a configuration that is there (Apply), and says in what that has drifted since
// (Drift), which extensions are on the disk (Scan) and what OpenClaw says of itself
// (Ask).
//
// None of this is the boundary: that is the house's doors, which decide every call
// whatever OpenClaw is configured to. The configuration keeps OpenClaw from offering
// what the house would deny, and from having ways round.
package openclaw
