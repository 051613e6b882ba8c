// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seam

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/clawea/clawea/seal"
)

// A message is what a JSON-RPC message of MCP asks for. The zero value asks for
// nothing that may pass.
type message struct {
	passes bool   // it is no call: it begins or ends a session, lists, or answers
	method string // "tools/call"
	name   string // what it names: of tools/call the tool, of others what their headers repeat
	args   []byte // canonical: the tool's arguments, or the parameters of another method
}

// Why a body is no message that can be decided.
var (
	errBatch   = errors.New("it is several messages")
	errMessage = errors.New("it is no JSON-RPC message that everybody reads alike")
)

// passing are the methods that ask for nothing but how to go on: what they answer is the
// server's own words, and no system's content.
var passing = []string{"initialize", "ping", "logging/setLevel", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "server/discover"}

// readMessage reads the one message of body. Names must be there once and in their case:
// what one reader passes over, another may heed.
func readMessage(body []byte) (*message, error) {
	if b := bytes.TrimLeft(body, " \t\r\n"); len(b) > 0 && b[0] == '[' {
		return nil, errBatch
	}
	m, ok := members(body, "jsonrpc", "id", "method", "params", "result", "error")
	if !ok {
		return nil, errMessage
	}
	var version, method string
	if seal.Unmarshal(m["jsonrpc"], &version) != nil || version != "2.0" {
		return nil, errMessage
	}
	if m["method"] == nil {
		if (m["result"] == nil) == (m["error"] == nil) || m["params"] != nil || m["id"] == nil {
			return nil, errMessage
		}
		return &message{passes: true}, nil // an answer to what the server asked
	}
	if m["result"] != nil || m["error"] != nil || seal.Unmarshal(m["method"], &method) != nil || method == "" {
		return nil, errMessage
	}
	if strings.HasPrefix(method, "notifications/") || slices.Contains(passing, method) {
		return &message{passes: true, method: method}, nil
	}
	return readCall(method, m["params"])
}

func readCall(method string, params json.RawMessage) (*message, error) {
	out := &message{method: method}
	if params == nil {
		params = json.RawMessage("{}")
	}
	if method == "tools/call" {
		p, ok := members(params, "name", "arguments", "_meta")
		if !ok || seal.Unmarshal(p["name"], &out.name) != nil || out.name == "" {
			return nil, errMessage
		}
		if params = p["arguments"]; params == nil {
			params = json.RawMessage("{}")
		}
	}
	var err error
	if out.args, err = seal.Canonical(params); err != nil {
		return nil, errMessage
	}
	if member := naming[method]; member != "" {
		if p, ok := members(params, member); !ok || seal.Unmarshal(p[member], &out.name) != nil || out.name == "" {
			return nil, errMessage
		}
	}
	return out, nil
}

// naming are the parameters of other methods that clients repeat in a header.
var naming = map[string]string{"prompts/get": "name", "resources/read": "uri"}

// members reads an object. It is false where a name is there twice, or is one of known in
// another case.
func members(b []byte, known ...string) (map[string]json.RawMessage, bool) {
	var m map[string]json.RawMessage
	if len(b) == 0 || seal.Unmarshal(b, &m) != nil || m == nil {
		return nil, false
	}
	for name := range m {
		for _, k := range known {
			if name != k && strings.EqualFold(name, k) {
				return nil, false
			}
		}
	}
	return m, true
}
