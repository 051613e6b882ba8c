// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/sandbox"
)

// A ToolBench has everything started that calls of tools are measured with.
type ToolBench struct {
	Options
	ToolCases []ToolCase
	Missing   []sandbox.Part // of the sandbox, on this machine

	house   *House
	box     *sandbox.Sandbox // nil: this machine can confine nothing
	self    string
	bench   *Bench // starts what is measured
	targets []*toolTarget
}

// ToolCases are all of them.
func ToolCases() []ToolCase {
	const ms = time.Millisecond
	return []ToolCase{
		{1, 0, false}, {16, 0, false}, {64, 0, false},
		{1, 10 * ms, false}, {16, 10 * ms, false},
		{1, 50 * ms, false}, {16, 50 * ms, false}, {64, 50 * ms, false},
		{1, 0, true}, {16, 0, true}, {1, 10 * ms, true},
	}
}

// OpenTools builds and starts everything. Of o, Cases, Holds and Portkey mean nothing.
func OpenTools(o Options, cases []ToolCase) (*ToolBench, error) {
	b := &ToolBench{Options: o, ToolCases: cases, bench: &Bench{Options: o}}
	for _, step := range []func() error{b.bench.build, b.bench.pin, b.openServer, b.openBare, b.openBox, b.openHouse} {
		if err := step(); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return b, nil
}

// Close stops everything.
func (b *ToolBench) Close() error { return b.bench.Close() }

const toolPath = "/mcp"

func (b *ToolBench) add(name, tool string, t *Target) {
	t.Name = name
	b.targets = append(b.targets, &toolTarget{Target: t, tool: tool, connect: overHTTP(t)})
}

func (b *ToolBench) openServer() (err error) {
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.bench.address, err = freeAddr(); err != nil {
		return err
	}
	p, err := start(loadCore, b.bench.log("tools"), b.self, ToolsCommand, b.bench.address)
	if err != nil {
		return err
	}
	b.bench.running = append(b.bench.running, p)
	b.add(Direct, "say", &Target{Addr: b.bench.address, Path: toolPath})
	return listening(b.bench.address)
}

// Relay is an MCP server that passes calls on, and does nothing else.
const Relay = "MCP relay"

func (b *ToolBench) openBare() error {
	return errors.Join(b.openBefore(BareProxy, BareCommand), b.openBefore(Relay, RelayCommand))
}

// openBefore starts a command of this program before the server.
func (b *ToolBench) openBefore(name, command string) error {
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	p, err := start(gatewayCore, b.bench.log(command), b.self, command, addr, b.bench.address)
	if err != nil {
		return err
	}
	b.bench.running = append(b.bench.running, p)
	b.add(name, "say", &Target{Addr: addr, Path: toolPath, Process: p})
	return listening(addr)
}

// listening waits until there is a server at addr.
func listening(addr string) error {
	for range 3000 {
		if resp, err := http.Get("http://" + addr + "/"); err == nil {
			return resp.Body.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("nobody listens on %s", addr)
}

// openBox sees what this machine can do to confine programs.
func (b *ToolBench) openBox() (err error) {
	r := sandbox.Probe()
	b.Missing = r.Missing()
	if b.box, err = sandbox.New(b.Missing); err != nil {
		fmt.Fprintf(b.Log, "programs are not measured, since this machine cannot confine them: %v\n", err)
		b.box = nil
		return nil
	}
	b.targets = append(b.targets,
		&toolTarget{Target: &Target{Name: PlainProgram}, tool: "say", program: true, connect: b.startPlain},
		&toolTarget{Target: &Target{Name: ConfinedProgram}, tool: "say", program: true, connect: b.startConfined})
	return nil
}

// The targets that are programs, and the house with one behind it.
const (
	PlainProgram    = "stdio"
	ConfinedProgram = "stdio, confined"
	HouseProgram    = "Clawea, stdio, confined"
)

const programTool = "program_say"

func (b *ToolBench) startPlain(context.Context, int) (mcp.Transport, func() error, error) {
	cmd := exec.Command(b.self, ToolsCommand, "stdio")
	return &mcp.CommandTransport{Command: cmd, TerminateDuration: 5 * time.Second}, func() error { return nil }, nil
}

func (b *ToolBench) startConfined(ctx context.Context, _ int) (mcp.Transport, func() error, error) {
	p, err := b.box.Start(ctx, &sandbox.Command{Path: b.self, Args: []string{ToolsCommand, "stdio"}, Readable: append(sandbox.SystemTrees(), b.self)})
	if err != nil {
		return nil, nil, err
	}
	end := func() error {
		p.Kill()
		_ = p.Wait() // that it was killed is no news
		return nil
	}
	return &mcp.IOTransport{Reader: io.NopCloser(p.Stdout), Writer: p.Stdin}, end, nil
}

const toolPolicy = `{
  "wpc_version": "v1",
  "policy_name": "bench",
  "purpose": "Call the tool of the benchmark",
  "connection_mode": ["mcp_server"],
  "tool_policy": {"allow": ["remote.*", "program.*"]},
  "approvals": [{"when": "class in ['write', 'admin']", "require": "human_approval"}],
  "runtime": {"max_ttl_seconds": 86400}
}
`

// fitting is that of a house before the server, and before the program if it can be
// confined.
func (b *ToolBench) fitting() (fitting, error) {
	list := []map[string]any{{"name": "remote", "adapter": "file:adapter.hujson", "url": "http://" + b.bench.address + toolPath}}
	if b.box != nil {
		list = append(list, map[string]any{
			"name": "program", "adapter": "file:adapter.hujson", "command": []string{b.self, ToolsCommand, "stdio"},
			"readable": []string{b.self}, "without": b.Missing,
		})
	}
	section, err := json.Marshal(list)
	return fitting{
		section: `  "upstreams": ` + string(section) + ",\n", policy: toolPolicy, path: toolPath,
		files: map[string]string{"adapter.hujson": toolAdapter},
	}, err
}

func (b *ToolBench) openHouse() error {
	f, err := b.fitting()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.Dir, "house-")
	if err != nil {
		return err
	}
	if b.house, err = openHouse(dir, b.bench.Clawea, f, 0); err != nil {
		return err
	}
	b.bench.running = append(b.bench.running, b.house.Process)
	bearer, bound := b.house.Targets(Clawea)
	bound.Tokens = bound.Tokens[:toolJobs]
	all := bearer.Tokens
	bearer.Tokens = all[:toolJobs]
	b.add(bearer.Name, "remote_say", bearer)
	b.add(bound.Name, "remote_say", bound)
	counted := []*Target{bearer, bound}
	if b.box != nil {
		program, _ := b.house.Targets(HouseProgram)
		program.Tokens = all[toolJobs:]
		b.add(HouseProgram, programTool, program)
		counted = append(counted, program)
	}
	return b.house.baseline(counted...)
}

// toolJobs is how many jobs the calls of a target belong to. Each has tokens of its
// own, so that its receipts can be counted.
const toolJobs = jobs / 2

// of returns the targets of a case.
func (b *ToolBench) of(c ToolCase) []*toolTarget {
	var out []*toolTarget
	for _, t := range b.targets {
		if c.Programs == (t.program || t.tool == programTool) {
			out = append(out, t)
		}
	}
	return out
}

// ToolResults are rounds by case and target.
type ToolResults map[ToolCase]map[string][]*ToolRound

// Run puts every target under every load, in turn as Bench.Run does.
func (b *ToolBench) Run() (ToolResults, error) {
	all := ToolResults{}
	for _, c := range b.ToolCases {
		all[c] = map[string][]*ToolRound{}
		targets := b.of(c)
		for i := range b.Rounds {
			for j := range targets {
				t := targets[(i+j)%len(targets)]
				r, err := c.run(t, b.Round)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", c.Name(), err)
				}
				all[c][t.Name] = append(all[c][t.Name], r)
			}
		}
		fmt.Fprintf(b.Log, "\n%s\n", c.Name())
		for _, t := range targets {
			fmt.Fprintf(b.Log, "  %-30s %s\n", t.Name, summary(bare(all[c][t.Name])))
		}
	}
	return all, b.house.Check()
}

func bare(rounds []*ToolRound) []*Round {
	var out []*Round
	for _, r := range rounds {
		out = append(out, r.Round)
	}
	return out
}
