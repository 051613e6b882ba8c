// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/clawea/clawea/seal"
)

// The bounds of one command of OpenClaw. Its audit takes seconds, on a busy machine
// tens of them.
const (
	maxCommand = 2 * time.Minute
	maxFlush   = 30 * time.Second // for what a command has said to be read, once it has ended
	maxOutput  = 8 << 20
)

// An Asker asks the real OpenClaw what it makes of a configuration.
type Asker struct {
	Program []string // how it is started
	Dir     string   // where
	Env     []string // its whole environment
}

// Env is an environment in which OpenClaw sees a state and a configuration, a home
// that is not the operator's, and nothing else but what is passed on.
func Env(state, config, home, path string, pass ...string) []string {
	return append(pass[:len(pass):len(pass)],
		"PATH="+path, "HOME="+home, "OPENCLAW_STATE_DIR="+state, "OPENCLAW_CONFIG_PATH="+config,
		"DO_NOT_TRACK=1", "OPENCLAW_OFFLINE=1", "NO_COLOR=1")
}

// A Said is one command of OpenClaw and what came of it.
type Said struct {
	Command []string  `json:"command"`         // without the program
	Exit    int       `json:"exit"`            // -1 if it did not end by itself
	Output  seal.Hash `json:"output"`          // of what it said on standard output
	Bytes   int       `json:"bytes"`           // of that
	Fault   string    `json:"fault,omitempty"` // why what it said is not known
	Summary string    `json:"summary,omitempty"`
	Text    []byte    `json:"-"` // what it said
}

// ask runs one command, and reads the JSON that it says into v.
func (a *Asker) ask(ctx context.Context, v any, command ...string) Said {
	said, out := a.run(ctx, command...)
	if said.Fault != "" {
		return said
	}
	if err := json.Unmarshal(out, v); err != nil {
		said.Fault = "its answer is not what it used to be: " + firstLine(err.Error())
	}
	return said
}

// run runs one command. Its exit code is no fault: OpenClaw says what it has to say,
// and what that means is in there.
func (a *Asker) run(ctx context.Context, command ...string) (Said, []byte) {
	ctx, stop := context.WithTimeout(ctx, maxCommand)
	defer stop()
	args := append(a.Program[1:len(a.Program):len(a.Program)], command...)
	cmd := exec.CommandContext(ctx, a.Program[0], args...)
	out, errs := &bounded{left: maxOutput}, &bounded{left: 64 << 10}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = a.Dir, a.Env, out, errs
	cmd.WaitDelay = maxFlush
	err := cmd.Run()
	said := Said{Command: command, Exit: -1, Output: seal.Sum(out.b.Bytes()), Bytes: out.b.Len(), Text: out.b.Bytes()}
	if cmd.ProcessState != nil {
		said.Exit = cmd.ProcessState.ExitCode()
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		said.Fault = fmt.Sprintf("it did not end within %v", maxCommand)
	case out.cut:
		said.Fault = fmt.Sprintf("it said more than %d bytes", maxOutput)
	case err != nil && !errors.As(err, &exit):
		said.Fault = firstLine(err.Error())
	case out.b.Len() == 0:
		said.Fault = "it said nothing: " + firstLine(errs.b.String())
	}
	return said, out.b.Bytes()
}

// firstLine is the first line of a text from elsewhere, cut to what fits.
func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return strings.ToValidUTF8(s[:min(len(s), 200)], "")
}

// A bounded buffer takes so much and drops the rest, so that the writer ends.
type bounded struct {
	b    bytes.Buffer
	left int
	cut  bool
}

// Write never fails.
func (w *bounded) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.b.Write(p[:n])
	w.left -= n
	w.cut = w.cut || n < len(p)
	return len(p), nil
}
