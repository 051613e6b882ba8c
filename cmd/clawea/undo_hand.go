// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/policy"
)

// A hand calls tools as an agent does, through a sidecar that holds its token.
type hand struct {
	session *mcp.ClientSession
	notes   map[string]bool // tools that take a note for people, by the name that is listed
	note    string
}

// openHand connects to the tools behind url.
func openHand(ctx context.Context, url, note string) (*hand, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "clawea job undo", Version: version()}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: url + "/mcp", DisableStandaloneSSE: true}, nil)
	if err != nil {
		return nil, fmt.Errorf("the house's tools cannot be reached: %w\nsee what became of the token: clawea job list", err)
	}
	h := &hand{session: session, notes: map[string]bool{}, note: note}
	list, err := session.ListTools(ctx, nil)
	if err != nil {
		h.close()
		return nil, fmt.Errorf("the house's tools cannot be listed: %w\ntry again, and look into its log", err)
	}
	for _, t := range list.Tools {
		h.notes[t.Name] = takesNote(t)
	}
	return h, nil
}

func (h *hand) close() { h.session.Close() }

// takesNote reports whether a tool has a place for what a person writes.
func takesNote(t *mcp.Tool) bool {
	b, err := json.Marshal(t.InputSchema)
	if err != nil {
		return false
	}
	var schema struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	return json.Unmarshal(b, &schema) == nil && schema.Properties["message"] != nil
}

// A failure is why a call was not carried out: an error result of the house's.
type failure struct {
	Status   string          `json:"status"`
	Message  string          `json:"message"`
	Hint     string          `json:"hint"`
	Approval string          `json:"approval"`
	Reasons  []policy.Reason `json:"reasons"`
}

// do calls the tool that takes x back. It returns nil if the tool says that it has
// done so.
func (h *hand) do(ctx context.Context, x *api.Change) (*failure, error) {
	args, err := h.args(x)
	if err != nil {
		return nil, err
	}
	res, err := h.session.CallTool(ctx, &mcp.CallToolParams{Name: x.Tool, Arguments: args})
	if err != nil || !res.IsError {
		return nil, err
	}
	f := new(failure)
	for _, c := range res.Content {
		if t, ok := c.(*mcp.TextContent); ok && json.Unmarshal([]byte(t.Text), f) == nil && f.Status != "" {
			return f, nil
		}
	}
	return nil, fmt.Errorf("the tool %s has failed and does not say how", x.Tool)
}

// args are those of x's step, with the receipt that it undoes and the person's
// note.
func (h *hand) args(x *api.Change) (map[string]json.RawMessage, error) {
	args := map[string]json.RawMessage{}
	if len(x.Args) > 0 {
		if err := json.Unmarshal(x.Args, &args); err != nil {
			return nil, fmt.Errorf("the house's arguments of %s: %w", x.Tool, err)
		}
	}
	texts := map[string]string{"undoes": x.Receipt}
	if h.notes[strings.ReplaceAll(x.Tool, ".", "_")] {
		texts["message"] = h.note
	}
	for name, text := range texts {
		b, err := json.Marshal(text)
		if err != nil {
			return nil, err
		}
		args[name] = b
	}
	return args, nil
}
