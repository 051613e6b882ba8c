// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import "time"

// A Pulse is where published bundles are kept, and for how long.
type Pulse struct {
	// Dir is the directory of the bundles, which is made if it is missing. Several
	// daemons on one database share one. Default pulse.
	Dir string `json:"dir"`
	// KeepDays is how long a bundle is kept after it was published, unless that is
	// said otherwise of one, or it is held. 1 to 36500; default 0: for ever.
	KeepDays int `json:"keep_days"`
}

const maxKeepDays = 36500

// Until is when a bundle that is published at a time is to be deleted; nil: never.
func (p *Pulse) Until(at time.Time) *time.Time {
	if p == nil || p.KeepDays == 0 {
		return nil
	}
	t := at.AddDate(0, 0, p.KeepDays)
	return &t
}

func (c *Config) checkPulse() *problem {
	if p := c.Pulse; p != nil && (p.KeepDays < 0 || p.KeepDays > maxKeepDays) {
		return &problem{"/pulse/keep_days", "is not a number of days", "write 1 to 36500, or leave it out to keep bundles for ever"}
	}
	return nil
}

// complete fills in defaults and makes the path absolute.
func (p *Pulse) complete(dir string) {
	if p == nil {
		return
	}
	if p.Dir == "" {
		p.Dir = "pulse"
	}
	p.Dir = absolute(dir, p.Dir)
}
