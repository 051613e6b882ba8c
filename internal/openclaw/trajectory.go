// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/clawea/clawea/receipt"
)

// MaxTrajectory bounds the events of an exported trajectory, in bytes.
const MaxTrajectory = 16 << 20

// An event is a line of events.jsonl, as far as it is looked at. OpenClaw tells a tool
// call twice: as its transcript has it and as its runtime carried it out. Only the
// second says what became of it.
type event struct {
	Source string    `json:"source"`
	Type   string    `json:"type"`
	At     time.Time `json:"ts"`
	Data   struct {
		ID      string          `json:"toolCallId"`
		Name    string          `json:"name"`
		Args    json.RawMessage `json:"args"`
		Success *bool           `json:"success"`
		Result  json.RawMessage `json:"result"`
	} `json:"data"`
}

// ReadTrajectory returns the calls that an exported trajectory (events.jsonl) tells of, in
// its order: the tools that OpenClaw's runtime called, and the answers that models
// gave it. What the events say is OpenClaw's own word, and any of it may be missing: it
// redacts, and the model calls that failed are not told.
func ReadTrajectory(events []byte) ([]receipt.TracedCall, error) {
	if len(events) > MaxTrajectory {
		return nil, fmt.Errorf("the trajectory is longer than %d bytes\nlet one run do less", MaxTrajectory)
	}
	var out []receipt.TracedCall
	open := map[string]int{} // by the id of the call: its place in out
	lines := bufio.NewScanner(bytes.NewReader(events))
	lines.Buffer(nil, MaxTrajectory+1)
	for n := 1; lines.Scan(); n++ {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("event %d of the trajectory: %w\nis this OpenClaw's events.jsonl?", n, err)
		}
		switch {
		case e.Source == "transcript" && e.Type == "assistant.message":
			out = append(out, receipt.TracedCall{Kind: receipt.TracedModel, Status: receipt.TracedRan, At: e.At.UTC()})
		case e.Source == "runtime" && e.Type == "tool.call":
			open[e.Data.ID] = len(out)
			out = append(out, traced(&e))
		case e.Source == "runtime" && e.Type == "tool.result" && e.keptBack():
			if i, ok := open[e.Data.ID]; ok {
				out[i].Status = receipt.TracedBlocked
			}
		}
		if len(out) > receipt.MaxTraced {
			return nil, fmt.Errorf("the trajectory has more than %d calls\nlet one run do less", receipt.MaxTraced)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, errors.New("the trajectory has a line that is too long\nlet one run do less")
	}
	return out, nil
}

// oddName is all that a trace's names have not.
var oddName = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// traced is a tool call. Names are made to fit a trace; one that had to be is none of any
// receipt, so it shows.
func traced(e *event) receipt.TracedCall {
	c := receipt.TracedCall{Kind: receipt.TracedLocal, Name: e.Data.Name, Status: receipt.TracedRan, At: e.At.UTC()}
	if rest, ok := strings.CutPrefix(c.Name, ServerTools); ok {
		c.Kind, c.Name = receipt.TracedRemote, rest
	}
	if c.Kind == receipt.TracedLocal {
		c.Name += e.action()
	}
	c.Name = oddName.ReplaceAllString(c.Name, "_")
	if len(c.Name) > 128 {
		c.Name = c.Name[:128]
	}
	if c.Name == "" || strings.ContainsAny(c.Name[:1], "_.-") {
		c.Name = "x" + c.Name[:min(len(c.Name), 127)]
	}
	return c
}

// action is what the plugin told the house that a tool of several actions was to do, after a
// dot: the argument of that name, if it is a text. "": there is none.
func (e *event) action() string {
	var args struct {
		Action json.RawMessage `json:"action"`
	}
	var action string
	if json.Unmarshal(e.Data.Args, &args) != nil || json.Unmarshal(args.Action, &action) != nil || action == "" {
		return ""
	}
	return "." + action
}

// keptBack reports whether the result of a call says that it never ran: a plugin
// blocked it, or there is no such tool.
func (e *event) keptBack() bool {
	if e.Data.Success == nil || *e.Data.Success {
		return false
	}
	var r struct {
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
		Details struct {
			Status string `json:"status"`
		} `json:"details"`
	}
	if json.Unmarshal(e.Data.Result, &r) != nil {
		return false // of another shape than those of calls that never ran
	}
	return r.Details.Status == "blocked" || len(r.Content) == 1 && r.Content[0].Text == "Tool "+e.Data.Name+" not found"
}
