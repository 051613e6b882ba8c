// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// TestTools runs all of it for a moment, as TestBench does.
func TestTools(t *testing.T) {
	cases := []ToolCase{{2, 0, false}, {1, time.Millisecond, false}, {1, 0, true}}
	b, err := OpenTools(Options{Dir: t.TempDir(), Rounds: 1, Round: 50 * time.Millisecond, Log: t.Output()}, cases)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	all, err := b.Run() // and Check
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for _, target := range b.of(c) {
			if r := all[c][target.Name]; len(r) != 1 || r[0].Requests == 0 {
				t.Errorf("%s: %s answered nothing", c.Name(), target.Name)
			}
		}
	}
	if report, err := b.Report(all); err != nil || strings.Count(report, "\n|") < 12 {
		t.Errorf("report: %v\n%s", err, report)
	}
	if out, err := b.house.Verify(b.house.bearer[0].Job); err != nil || !strings.HasPrefix(out, "VERIFIED") {
		t.Errorf("proof: %v\n%s", err, out)
	}
}

// An answer to another call, or one that failed, or without a receipt, is found out.
func TestToolCheck(t *testing.T) {
	answer := func(text string, meta mcp.Meta) *mcp.CallToolResult {
		return &mcp.CallToolResult{Meta: meta, Content: []mcp.Content{&mcp.TextContent{Text: text}}}
	}
	cited := mcp.Meta{"clawea/receipt": "job/2"}
	failed := answer("right", cited)
	failed.IsError = true
	s := &toolSession{target: &toolTarget{Target: &Target{receipts: true}}}
	for _, tt := range []struct {
		name   string
		answer *mcp.CallToolResult
		want   bool
	}{
		{"good", answer("right", cited), true},
		{"another's", answer("wrong", cited), false},
		{"failed", failed, false},
		{"no receipt", answer("right", nil), false},
		{"nothing", &mcp.CallToolResult{Meta: cited}, false},
	} {
		if err := s.check(tt.answer, "right"); err == nil != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
