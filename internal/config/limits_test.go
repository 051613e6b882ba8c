// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		text string
		want Limits
	}{
		{`{}`, Limits{Request: 16 << 20, Answer: 64 << 20, Read: Delay(time.Minute), Header: Delay(10 * time.Minute), Silence: Delay(5 * time.Minute)}},
		{
			`{"limits": {"calls_per_job": 60, "calls_per_agent": 1000000, "request_bytes": 1024, "answer_bytes": 67108864, "read_within": "1s", "answer_within": "1h", "silence": "90s"}}`,
			Limits{60, 1_000_000, 1024, 64 << 20, Delay(time.Second), Delay(time.Hour), Delay(90 * time.Second)},
		},
	} {
		got, err := load(t, c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if diff := cmp.Diff(c.want, got.Limits); diff != "" {
			t.Errorf("%s: %s", c.text, diff)
		}
	}
}

func TestLimitsRefused(t *testing.T) {
	for _, member := range []string{
		`"calls_per_job": -1`, `"calls_per_job": 1000001`, `"calls_per_agent": -1`, `"calls_per_job": 0.5`, `"calls_per_job": "1"`,
		`"request_bytes": 1023`, `"request_bytes": 67108865`, `"answer_bytes": 1023`, `"answer_bytes": 67108865`,
		`"read_within": "999ms"`, `"read_within": "61m"`, `"read_within": 60`, `"answer_within": "0s"`, `"silence": "-5s"`, `"silence": "2h"`,
		`"calls": 1`,
	} {
		_, err := load(t, `{"limits": {`+member+`}}`)
		var e *Error
		if !errors.As(err, &e) || e.Hint == "" || !strings.HasPrefix(e.Field, "/limits/") && e.Field != "/limits" {
			t.Errorf("%s: %v", member, err)
		}
	}
}
