// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

const exportAt = "export"

// Trace returns what OpenClaw says of its sessions, after it has ended, for the launcher
// to sign; and the exported events behind it. attestation is what it was started on, or zero.
func (r *Run) Trace(ctx context.Context, job, agent, launcher string, attestation seal.Hash) (*receipt.Trace, []receipt.Text, error) {
	events, err := r.export(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("export OpenClaw's trajectory: %w\nthe proof is without it", err)
	}
	calls, err := ReadTrajectory(events)
	if err != nil {
		return nil, nil, err
	}
	text := r.text(events)
	return &receipt.Trace{
		Job: job, Agent: agent, Launcher: launcher, At: time.Now().UTC().Truncate(time.Second), Program: "openclaw", Version: r.version,
		Attestation: attestation, Calls: calls, Export: text.Commitment,
	}, []receipt.Text{text}, nil
}

// export has OpenClaw export the events of all its sessions, one after the other.
func (r *Run) export(ctx context.Context) ([]byte, error) {
	env := r.Env()
	a := &Asker{Program: r.Program, Dir: r.at(homeAt), Env: Env(env["OPENCLAW_STATE_DIR"], env["OPENCLAW_CONFIG_PATH"], env["HOME"], env["PATH"])}
	var listed struct {
		Sessions []struct {
			Key string `json:"key"`
		} `json:"sessions"`
	}
	if said := a.ask(ctx, &listed, "sessions", "--all-agents", "--limit", "all", "--json"); said.Fault != "" {
		return nil, fmt.Errorf("its sessions: %s", said.Fault)
	}
	var all bytes.Buffer
	for _, s := range listed.Sessions {
		var at struct {
			Dir string `json:"outputDir"`
		}
		if said := a.ask(ctx, &at, "sessions", "export-trajectory", "--session-key", s.Key, "--workspace", r.at(exportAt), "--json"); said.Fault != "" {
			return nil, fmt.Errorf("session %q: %s", s.Key, said.Fault)
		}
		b, err := readRegular(filepath.Join(at.Dir, "events.jsonl"), MaxTrajectory)
		if err != nil {
			return nil, err
		}
		if all.Write(b); all.Len() > MaxTrajectory {
			return nil, fmt.Errorf("more than %d bytes", MaxTrajectory)
		}
	}
	return all.Bytes(), nil
}
