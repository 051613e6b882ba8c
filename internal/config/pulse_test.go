// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func TestPulse(t *testing.T) {
	dir := t.TempDir()
	c, err := Load(write(t, filepath.Join(dir, "c"), `{"pulse": {}}`, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	if c.Pulse.Dir != filepath.Join(dir, "pulse") || c.Pulse.Until(at) != nil {
		t.Errorf("got %+v", c.Pulse)
	}
	if c, err = load(t, `{"pulse": {"dir": "/srv/proofs", "keep_days": 2}}`); err != nil || c.Pulse.Dir != "/srv/proofs" || !c.Pulse.Until(at).Equal(at.Add(48*time.Hour)) {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err = load(t, `{}`); err != nil || c.Pulse != nil || c.Pulse.Until(at) != nil {
		t.Errorf("without the section: %v, %v", c.Pulse, err)
	}
	for _, days := range []string{"-1", "36501"} {
		_, err := load(t, `{"pulse": {"keep_days": `+days+`}}`)
		if e := (*Error)(nil); !errors.As(err, &e) || e.Field != "/pulse/keep_days" || e.Hint == "" {
			t.Errorf("%s: %v", days, err)
		}
	}
}
