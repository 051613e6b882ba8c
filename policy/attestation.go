// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

// RequiresBundle reports whether every job under p is only valid with a whole
// proof bundle: each receipt proven to be in the log, the gate's standing, and
// no call that changes something left open (spec/bundle.md 3.14).
func (p *Policy) RequiresBundle() bool { return p.doc.Audit != nil && p.doc.Audit.Bundle }

// RequiresBundleOnWrite reports the same of jobs that were allowed a call that
// changes something.
func (p *Policy) RequiresBundleOnWrite() bool {
	return p.doc.Attestation != nil && p.doc.Attestation.BundleOnWrite
}
