// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/tools"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// A suiteTool is one of the tools whose names and answers the conformance suite knows.
type suiteTool struct {
	content    []mcp.Content
	structured any
	schema     string
	fails      string        // the tool's own error
	takes      time.Duration // as long as a system would
}

// suiteTools are what the suite calls, by the name that is listed after the tool's.
func suiteTools(t *testing.T) map[string]suiteTool {
	t.Helper()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	text := func(s string) mcp.Content { return &mcp.TextContent{Text: s} }
	paper := func(uri string) mcp.Content {
		return &mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: uri, MIMEType: "text/plain", Text: "This is an embedded resource content."}}
	}
	shot := &mcp.ImageContent{Data: picture.Bytes(), MIMEType: "image/png"}
	sound := &mcp.AudioContent{Data: []byte("RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x00\x00\x00\x00"), MIMEType: "audio/wav"}
	return map[string]suiteTool{
		"simple.text":            {content: []mcp.Content{text("This is a simple text response for testing.")}},
		"image.content":          {content: []mcp.Content{shot}},
		"audio.content":          {content: []mcp.Content{sound}},
		"embedded.resource":      {content: []mcp.Content{paper("test://embedded-resource")}},
		"multiple.content.types": {content: []mcp.Content{text("Multiple content types test:"), shot, paper("test://mixed-content-resource")}},
		"error.handling":         {fails: "This tool intentionally returns an error for testing"},
		"tool.with.progress":     {content: []mcp.Content{text("done")}, takes: 50 * time.Millisecond},
		"streaming.elicitation":  {content: []mcp.Content{text("done")}, takes: 50 * time.Millisecond},
		"logging.tool":           {content: []mcp.Content{text("done")}},
		"schema.2020.12.tool": {structured: map[string]any{"kept": true}, schema: `{
			"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
			"$defs": {"address": {"$anchor": "addressDef", "type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
			"properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}, "contactMethod": {"type": "string", "enum": ["phone", "email"]},
				"phone": {"type": "string"}, "email": {"type": "string"}},
			"allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
			"if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]}, "then": {"required": ["phone"]}, "else": {"required": ["email"]}}`},
		"x.mcp.header": {content: []mcp.Content{text("done")}, schema: `{"type":"object","properties":{
			"region":{"type":"string","x-mcp-header":"Region"},"level":{"type":"integer"}}}`},
	}
}

// A suite is a connector with the suite's tools: one of those whose listed names
// begin with its own.
type suite struct {
	name  string
	tools map[string]suiteTool
}

func (s *suite) Name() string { return s.name }

func (s *suite) Tools() []gate.Tool {
	var out []gate.Tool
	for name, tool := range s.tools {
		schema := tool.schema
		if schema == "" {
			schema = `{"type":"object"}`
		}
		out = append(out, gate.Tool{
			Action: policy.Action{Tool: s.name, Name: name, Class: policy.Read}, Title: name, Description: "Answers as the conformance suite wants.", Schema: []byte(schema),
		})
	}
	return out
}

func (s *suite) Plan(_ context.Context, action string, _ []byte, _ []policy.Bound) (*gate.Plan, error) {
	tool := s.tools[action]
	call := &policy.Call{Tool: s.name, Action: action, Class: policy.Read}
	return &gate.Plan{Call: call, Act: func(ctx context.Context, _ *receipt.Receipt) (*gate.Result, error) {
		select {
		case <-time.After(tool.takes):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if tool.fails != "" {
			return &gate.Result{Outcome: receipt.Outcome{Status: receipt.Failed, Code: "invalid"}}, &gate.Fault{Code: "invalid", Msg: tool.fails}
		}
		body, err := contents(&mcp.CallToolResult{Content: tool.content, StructuredContent: tool.structured})
		if err != nil {
			return nil, err
		}
		return &gate.Result{Body: body, Form: gate.Content, Outcome: receipt.Outcome{Status: receipt.Done}}, nil
	}}, nil
}

// contents is the body of an answer of more than one text.
func contents(res *mcp.CallToolResult) ([]byte, error) {
	if res.Content == nil {
		res.Content = []mcp.Content{}
	}
	b, err := json.Marshal(res)
	if err != nil {
		return nil, err
	}
	return seal.Canonical(b)
}

// conformant serves the suite's tools behind the real gate, and brings each request
// a token as clawea run does. It returns where.
func conformant(t *testing.T) (*house, string) {
	t.Helper()
	all := suiteTools(t)
	schema := map[string]suiteTool{"schema.2020.12.tool": all["schema.2020.12.tool"]}
	delete(all, "schema.2020.12.tool")
	connectors := []tools.Connector{&suite{"test", all}, &suite{"json", schema}}
	h := openHouse(t, nil, `{"wpc_version":"v1","tool_policy":{"allow":["test.*","json.*"]}}`, connectors...)
	raw := h.mint("conformance").Raw
	srv := httptest.NewUnstartedServer(nil)
	url := "http://" + strings.Replace(srv.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	door := &gate.Door{URL: url, Nonces: h.issuer.Nonces}
	handler, err := tools.New(h.gate, door, connectors, nil, tools.Waits{}, "test", slog.New(slog.NewTextHandler(h.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+raw)
		handler.ServeHTTP(w, r)
	})
	srv.Start()
	t.Cleanup(srv.Close)
	return h, url + tools.Path
}

// A says is a desk that answers with a body of content.
type says struct {
	desk
	body string
}

func (s *says) Tools() []gate.Tool {
	return []gate.Tool{{Action: policy.Action{Tool: "desk", Name: "read", Class: policy.Read}, Description: "Says it.", Schema: []byte(`{"type":"object"}`)}}
}

func (s *says) Plan(context.Context, string, []byte, []policy.Bound) (*gate.Plan, error) {
	return &gate.Plan{Call: &policy.Call{Tool: "desk", Action: "read", Class: policy.Read}, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
		return &gate.Result{Body: []byte(s.body), Form: gate.Content, Outcome: receipt.Outcome{Status: receipt.Done}}, nil
	}}, nil
}
