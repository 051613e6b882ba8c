// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// An agent asks a model what to do, and does it with tools, until the model has
// nothing more to do. It holds no credentials: what it takes for its API key is
// a word, or a token.
type agent struct {
	url     string
	token   string
	out     io.Writer
	session *mcp.ClientSession
	tools   []*mcp.Tool
	said    []chatMessage // the conversation so far
}

// The parts of OpenAI's chat completions that the agent speaks.
type (
	chatMessage struct {
		Role    string     `json:"role"`
		Content string     `json:"content"`
		Calls   []chatCall `json:"tool_calls,omitempty"`
		CallID  string     `json:"tool_call_id,omitempty"`
	}
	chatCall struct {
		ID       string       `json:"id"`
		Type     string       `json:"type"`
		Function chatFunction `json:"function"`
	}
	chatFunction struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	}
	chatTool struct {
		Type     string       `json:"type"`
		Function chatToolFunc `json:"function"`
	}
	chatToolFunc struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		Parameters  any    `json:"parameters"`
	}
)

var httpClient = &http.Client{Timeout: time.Minute}

// bearer adds the agent's token to its MCP client's requests.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// newAgent connects to the house's tools.
func newAgent(ctx context.Context, url, token string, out io.Writer) (*agent, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: demoAgent, Version: "1"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: url + "/mcp", HTTPClient: &http.Client{Transport: bearer(token)}}, nil)
	if err != nil {
		return nil, fmt.Errorf("connect to tools: %w", err)
	}
	list, err := session.ListTools(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list tools: %w", err)
	}
	return &agent{url: url, token: token, out: out, session: session, tools: list.Tools}, nil
}

func (a *agent) names() []string {
	var out []string
	for _, t := range a.tools {
		out = append(out, t.Name)
	}
	return out
}

// do works on a task and returns what became of each tool call: "done", or the
// status of its failure.
func (a *agent) do(ctx context.Context, task string) ([]string, error) {
	a.said = append(a.said, chatMessage{Role: "user", Content: task})
	var outcomes []string
	for range 10 {
		m, err := a.complete(ctx)
		if err != nil {
			return nil, err
		}
		a.said = append(a.said, *m)
		if len(m.Calls) == 0 {
			fmt.Fprintf(a.out, "   agent: %s\n", clean(m.Content))
			return outcomes, nil
		}
		for _, c := range m.Calls {
			outcome, text, err := a.use(ctx, c.Function)
			if err != nil {
				return nil, err
			}
			outcomes = append(outcomes, outcome)
			a.said = append(a.said, chatMessage{Role: "tool", Content: text, CallID: c.ID})
		}
	}
	return nil, errors.New("the agent does not come to an end")
}

// complete asks the model what is next.
func (a *agent) complete(ctx context.Context) (*chatMessage, error) {
	req := struct {
		Model    string        `json:"model"`
		Messages []chatMessage `json:"messages"`
		Tools    []chatTool    `json:"tools"`
	}{"sim-small", a.said, nil}
	for _, t := range a.tools {
		req.Tools = append(req.Tools, chatTool{"function", chatToolFunc{t.Name, t.Description, t.InputSchema}})
	}
	res, err := a.post(ctx, "/proxy/sim-openai/v1/chat/completions", req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var body struct {
		Choices []struct {
			Message chatMessage `json:"message"`
		} `json:"choices"`
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || len(body.Choices) != 1 {
		return nil, fmt.Errorf("read the model's answer: %v", err)
	}
	return &body.Choices[0].Message, nil
}

// use calls a tool.
func (a *agent) use(ctx context.Context, f chatFunction) (outcome, text string, err error) {
	res, err := a.session.CallTool(ctx, &mcp.CallToolParams{Name: f.Name, Arguments: json.RawMessage(f.Arguments)})
	if err != nil {
		return "", "", fmt.Errorf("call %s: %w", f.Name, err)
	}
	for _, c := range res.Content {
		if t, ok := c.(*mcp.TextContent); ok {
			text += t.Text
		}
	}
	outcome = "done"
	said := ""
	if res.IsError {
		var failure struct {
			Status, Message string
			Reasons         []struct{ Says, Clause string }
		}
		if err := json.Unmarshal([]byte(text), &failure); err != nil {
			return "", "", fmt.Errorf("read the failure of %s: %w", f.Name, err)
		}
		outcome, said = failure.Status, ": "+failure.Message
		for _, r := range failure.Reasons {
			said += fmt.Sprintf("; %s (%s)", r.Says, r.Clause)
		}
	}
	fmt.Fprintf(a.out, "   tool:  %s %s\n          -> %s%s  [receipt %v]\n", f.Name, short(f.Arguments), strings.ToUpper(outcome), clean(said), res.Meta["clawea/receipt"])
	return outcome, text, nil
}

func short(s string) string {
	const max = 90
	if s = clean(s); len(s) > max {
		return strings.ToValidUTF8(s[:max], "") + "..."
	}
	return s
}

// message asks the other model, in Anthropic's dialect, and reads its stream.
func (a *agent) message(ctx context.Context, task string) (text, receipt string, err error) {
	res, err := a.post(ctx, "/proxy/sim-anthropic/v1/messages", struct {
		Model     string        `json:"model"`
		MaxTokens int           `json:"max_tokens"`
		Stream    bool          `json:"stream"`
		Messages  []chatMessage `json:"messages"`
	}{"claude-sim-1", 256, true, []chatMessage{{Role: "user", Content: task}}})
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var event struct {
			Delta struct{ Text string }
		}
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			return "", "", fmt.Errorf("read the model's stream: %w", err)
		}
		text += event.Delta.Text
	}
	return text, res.Header.Get("Clawea-Receipt"), lines.Err()
}

func (a *agent) post(ctx context.Context, path string, body any) (*http.Response, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+path, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("anthropic-version", "2023-06-01")
	res, err := httpClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the model: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		b, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
		return nil, fmt.Errorf("ask the model: %s: %s", res.Status, clean(string(b)))
	}
	return res, nil
}
