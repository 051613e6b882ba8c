// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"time"
)

// Limits bound what agents and providers can ask of the house at the model door.
type Limits struct {
	// JobCalls is how many model calls a job may make in a minute; so many may come
	// at once. What comes beyond is refused with status 429 and recorded. Optional:
	// without it, any number, as far as this house is concerned. Each replica counts
	// for itself.
	JobCalls int `json:"calls_per_job"`
	// AgentCalls is the same for an agent, over all its jobs.
	AgentCalls int `json:"calls_per_agent"`
	// Request is the longest request to a model, in bytes: from 1024 up to 64 MiB
	// (67108864). What is longer is refused with status 413 and recorded. Default 16
	// MiB. clawea run takes no more than that.
	Request int `json:"request_bytes"`
	// Answer is the longest answer of a model, in bytes: from 1024 up to 64 MiB. It
	// is cut off there. Answers are held in memory until they end: that is what a
	// call can cost. Default 64 MiB.
	Answer int `json:"answer_bytes"`
	// Read is how long a request may take to arrive: "30s" or "2m", from 1s to 1h.
	// Default 1m.
	Read Delay `json:"read_within"`
	// Header is how long a provider may take until its answer begins: from 1s to 1h.
	// A long answer that is not streamed begins when all of it is there. Default 10m.
	Header Delay `json:"answer_within"`
	// Silence is how long a provider may say nothing in its answer, and an agent take
	// nothing of it: from 1s to 1h. A stream may last as long as it says something.
	// Default 5m.
	Silence Delay `json:"silence"`
}

const (
	defaultRequest = 16 << 20
	defaultAnswer  = 64 << 20
	minBytes       = 1 << 10
	maxRequest     = 64 << 20
	maxAnswer      = 64 << 20 // what the store takes as one text
	maxCalls       = 1_000_000

	defaultRead    = Delay(time.Minute)
	defaultHeader  = Delay(10 * time.Minute)
	defaultSilence = Delay(5 * time.Minute)
	minWait        = Delay(time.Second)
	maxWait        = Delay(time.Hour)
)

func (c *Config) checkLimits() *problem {
	l := &c.Limits
	for _, x := range []struct {
		name     string
		n        int
		min, max int
	}{
		{"calls_per_job", l.JobCalls, 1, maxCalls}, {"calls_per_agent", l.AgentCalls, 1, maxCalls},
		{"request_bytes", l.Request, minBytes, maxRequest}, {"answer_bytes", l.Answer, minBytes, maxAnswer},
	} {
		if x.n != 0 && (x.n < x.min || x.n > x.max) {
			return &problem{"/limits/" + x.name, fmt.Sprintf("is %d, and must be from %d to %d", x.n, x.min, x.max), "write a number in between, or leave it out"}
		}
	}
	for _, x := range []struct {
		name string
		d    Delay
	}{{"read_within", l.Read}, {"answer_within", l.Header}, {"silence", l.Silence}} {
		if x.d != 0 && (x.d < minWait || x.d > maxWait) {
			return &problem{"/limits/" + x.name, fmt.Sprintf("is %s, and must be from 1s to 1h", x.d), "write a time in between, or leave it out"}
		}
	}
	return nil
}

// complete fills in defaults.
func (l *Limits) complete() {
	l.Request = cmp.Or(l.Request, defaultRequest)
	l.Answer = cmp.Or(l.Answer, defaultAnswer)
	l.Read = cmp.Or(l.Read, defaultRead)
	l.Header = cmp.Or(l.Header, defaultHeader)
	l.Silence = cmp.Or(l.Silence, defaultSilence)
}
