// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Of two calls that nobody can tell apart none is taken back; and nothing is kept of
// calls that are over.
func TestSameNumber(t *testing.T) {
	var c cancels
	s := sent{"job-1", "7"}
	one, letGo := c.begin(t.Context(), s)
	other, letGoOther := c.begin(t.Context(), s)
	c.end(s)
	if one.Err() != nil || other.Err() != nil {
		t.Error("one of two calls with the same number was taken back")
	}
	letGo()
	c.end(sent{"job-2", "7"})
	c.end(sent{"job-1", `"7"`})
	if other.Err() != nil {
		t.Error("another call was taken back")
	}
	c.end(s)
	if other.Err() != context.Canceled {
		t.Error("the one that is left was not taken back")
	}
	letGoOther()
	if c.end(s); len(c.calls) != 0 {
		t.Errorf("%d calls are kept", len(c.calls))
	}
}

// Whatever comes in, only a notice with a number takes something back, by exactly that.
func FuzzNotice(f *testing.F) {
	for _, body := range []string{
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7,"reason":"x"}}`, `{"method":"notifications/cancelled","params":{"requestId":"7"}}`,
		`{"id":1,"method":"tools/call","params":{"name":"x"}}`, `[{"method":"notifications/cancelled","params":{"requestId":7}}]`, `{"id":1,"id":2}`, `null`, ``, `{"params":[]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, taken := readNotice(body)
		if taken != "" && (n.Method != "notifications/cancelled" || len(n.ID) > 0 || !json.Valid([]byte(taken)) || !strings.Contains(string(body), taken)) {
			t.Errorf("%q takes back %q as %+v", body, taken, n)
		}
		if len(n.ID) > 0 && !json.Valid(n.ID) {
			t.Errorf("%q has the number %q", body, n.ID)
		}
	})
}

// What a connector answers is content or an error, and never says more than that.
func FuzzContent(f *testing.F) {
	for _, body := range []string{
		`{"content":[{"type":"text","text":"a"}]}`, `{"content":[{"type":"image","data":"AAAA","mimeType":"image/png"}],"structuredContent":[1,2]}`,
		`{"content":[{"type":"resource","resource":{"uri":"a:b","text":"c"}}]}`, `{"content":null}`, `{}`, `{"content":[null]}`, `{"content":[],"isError":true}`,
		`{"content":[],"resultType":"input_required"}`, `{"content":[],"_meta":{"a":1}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var out mcp.CallToolResult
		if err := unpack(body, &out); err != nil {
			return
		}
		if out.IsError || out.InputRequests != nil || out.RequestState != "" || out.Meta != nil {
			t.Errorf("%q says more than its content: %+v", body, out)
		}
		if _, err := json.Marshal(&out); err != nil {
			t.Errorf("%q cannot be sent: %v", body, err)
		}
	})
}
