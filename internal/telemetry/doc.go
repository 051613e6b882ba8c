// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package telemetry tells operators' tools what the house does: OpenTelemetry
// traces and metrics, and a page for Prometheus. Names follow OpenTelemetry's
// semantic conventions for generative AI where those have one; the house's own
// begin with "clawea.".
//
// It tells what receipts say, and how long things took. It holds no text of
// agents, models or pages, and no secrets. It is not evidence: receipts are.
// What agents send of traces is a hint of where a call belongs, and never a
// fact.
//
// A nil *Recorder is telemetry that is off. It has no goroutine and costs a call
// nothing. One that is on never makes a call wait: what cannot be told in time
// is lost.
package telemetry
