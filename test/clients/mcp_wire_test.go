// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bufio"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
	"testing"
)

// A wire speaks MCP of 2025-06-18 over plain HTTP, as a client does that is
// nobody's SDK.
type wire struct {
	t     *testing.T
	url   string
	token string
}

const oldVersion = "2025-06-18"

// do sends one request with the headers that the protocol asks for.
func (w *wire) do(method, body string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("MCP-Protocol-Version", oldVersion)
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// An rpcAnswer is a JSON-RPC response.
type rpcAnswer struct {
	JSONRPC string `json:"jsonrpc"`
	ID      int
	Result  json.RawMessage
	Error   *struct {
		Code    int
		Message string
	}
}

// call sends one JSON-RPC request and returns its answer, from a body of JSON
// or from a stream of events: the server may choose.
func (w *wire) call(request string) rpcAnswer {
	w.t.Helper()
	resp := w.do("POST", request)
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: got %s, %v", request, resp.Status, err)
	}
	var text []byte
	if media == "text/event-stream" {
		text = firstData(w.t, resp.Body)
	} else if text, err = io.ReadAll(resp.Body); err != nil {
		w.t.Fatal(err)
	}
	var answer rpcAnswer
	if err := json.Unmarshal(text, &answer); err != nil {
		w.t.Fatalf("%s: %v: %s", request, err, text)
	}
	if answer.JSONRPC != "2.0" {
		w.t.Errorf("%s: got %s", request, text)
	}
	return answer
}

// firstData returns the data of the first event of a stream that has some.
func firstData(t *testing.T, stream io.Reader) []byte {
	t.Helper()
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data:"); ok && strings.TrimSpace(data) != "" {
			return []byte(strings.TrimSpace(data))
		}
	}
	t.Fatalf("the stream has no data: %v", lines.Err())
	return nil
}

// result reads the result of an answer to the request with this id into v.
func (w *wire) result(a rpcAnswer, id int, v any) {
	w.t.Helper()
	if a.Error != nil || a.ID != id {
		w.t.Fatalf("got answer %d, error %+v; want answer %d", a.ID, a.Error, id)
	}
	if err := json.Unmarshal(a.Result, v); err != nil {
		w.t.Fatalf("%v: %s", err, a.Result)
	}
}

func TestMCPWire(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	w := &wire{t, h.url + "/mcp", h.issue(t, "wire", "")}

	var hello struct {
		ProtocolVersion string
		ServerInfo      struct{ Name string }
		Capabilities    struct{ Tools *struct{} }
	}
	w.result(w.call(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"plain","version":"1"}}}`), 1, &hello)
	if hello.ProtocolVersion != oldVersion || hello.ServerInfo.Name != "clawea" || hello.Capabilities.Tools == nil {
		t.Errorf("got %+v", hello)
	}
	if resp := w.do("POST", `{"jsonrpc":"2.0","method":"notifications/initialized"}`); resp.StatusCode != http.StatusAccepted {
		t.Errorf("a notification: got %s", resp.Status)
	}
	if resp := w.do("GET", ""); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a stream that is not offered: got %s, want 405", resp.Status)
	}
	var list struct {
		Tools []struct {
			Name        string
			InputSchema struct{ Type string }
		}
	}
	w.result(w.call(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`), 2, &list)
	if len(list.Tools) != 15 || list.Tools[0].InputSchema.Type != "object" {
		t.Errorf("got %+v", list)
	}
	var called struct {
		Content []struct{ Type, Text string }
		IsError bool
		Meta    map[string]string `json:"_meta"`
	}
	w.result(w.call(`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"confluence.page.search","arguments":{"cql":"title = \"Database failover\" and space = ENG"}}}`), 3, &called)
	if called.IsError || len(called.Content) != 1 || called.Content[0].Type != "text" || !json.Valid([]byte(called.Content[0].Text)) || called.Meta["clawea/receipt"] != "wire/2" {
		t.Errorf("got %+v", called)
	}
	if resp := w.do("POST", `{"jsonrpc":"2.0","id":4,"method":"tools/mend"}`); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a method that does not exist: got %s, want 400", resp.Status)
	}
	h.wantProof(t, "wire", calls{Allowed: 1})
}

func TestMCPWireStrangers(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	for _, token := range []string{"", "letmein", "a.b.c"} {
		w := &wire{t, h.url + "/mcp", token}
		if resp := w.do("POST", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("token %q: got %s, want 401", token, resp.Status)
		}
	}
}
