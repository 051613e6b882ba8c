// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// newOpenAI is OpenAI's own client with the house as its base URL and a CST as
// its API key. It retries as it does by default. What it would take from the
// environment is taken away.
func newOpenAI(h *house, token string) (openai.Client, *counter) {
	c := new(counter)
	return openai.NewClient(
		option.WithBaseURL(h.url+"/proxy/sim-openai/v1"),
		option.WithAPIKey(token),
		option.WithHeaderDel("OpenAI-Organization"),
		option.WithHeaderDel("OpenAI-Project"),
		option.WithHTTPClient(&http.Client{Transport: c}),
	), c
}

func ask(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    "gpt-sim",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

func TestOpenAI(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	client, sent := newOpenAI(h, h.issue(t, "openai", ""))

	t.Run("plain", func(t *testing.T) {
		var resp *http.Response
		got, err := client.Chat.Completions.New(t.Context(), ask(askReport), option.WithResponseInto(&resp))
		if err != nil {
			t.Fatal(err)
		}
		if got.Model != "gpt-sim" || len(got.Choices) != 1 || got.Choices[0].Message.Content != reported || got.Choices[0].FinishReason != "stop" {
			t.Errorf("got %s", got.RawJSON())
		}
		if got.Usage.TotalTokens == 0 {
			t.Error("the usage is lost")
		}
		if r := resp.Header.Get("Clawea-Receipt"); r != "openai/1" {
			t.Errorf("got receipt %q", r)
		}
		sent.once(t)
	})
	t.Run("stream", func(t *testing.T) {
		params := ask(askReport)
		params.StreamOptions.IncludeUsage = openai.Bool(true)
		got := accumulate(t, &client, params)
		if got.Choices[0].Message.Content != reported || got.Choices[0].FinishReason != "stop" {
			t.Errorf("got %+v", got.Choices[0])
		}
		if got.Usage.TotalTokens == 0 {
			t.Error("the usage is lost")
		}
		sent.once(t)
	})
	t.Run("stream of a tool call", func(t *testing.T) {
		got := accumulate(t, &client, ask(askRead)).Choices[0]
		if len(got.Message.ToolCalls) != 1 || got.FinishReason != "tool_calls" {
			t.Fatalf("got %+v", got)
		}
		call := got.Message.ToolCalls[0]
		if call.Function.Name != "confluence_page_search" || !json.Valid([]byte(call.Function.Arguments)) || call.ID == "" {
			t.Errorf("got %+v", call)
		}
		sent.once(t)
	})
	t.Run("the provider's own error", func(t *testing.T) {
		_, err := client.Chat.Completions.New(t.Context(), ask(askOther))
		failure := wantOpenAIError(t, err, http.StatusBadRequest)
		if failure.Message != "The demo's model has nothing to say to that." {
			t.Errorf("got %q", failure.Message)
		}
		sent.once(t)
	})
	h.wantProof(t, "openai", calls{Allowed: 4})
}

// accumulate reads a stream to its end with the client's accumulator.
func accumulate(t *testing.T, client *openai.Client, params openai.ChatCompletionNewParams) *openai.ChatCompletionAccumulator {
	t.Helper()
	stream := client.Chat.Completions.NewStreaming(t.Context(), params)
	defer stream.Close()
	acc, chunks := new(openai.ChatCompletionAccumulator), 0
	for stream.Next() {
		chunks++
		if !acc.AddChunk(stream.Current()) {
			t.Fatalf("chunk %d does not fit: %s", chunks, stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if chunks < 2 || len(acc.Choices) != 1 {
		t.Fatalf("got %d chunks and %d choices", chunks, len(acc.Choices))
	}
	return acc
}

func wantOpenAIError(t *testing.T, err error, status int) *openai.Error {
	t.Helper()
	failure, ok := errors.AsType[*openai.Error](err)
	if !ok {
		t.Fatalf("got %v, want an error of the API", err)
	}
	if failure.StatusCode != status {
		t.Fatalf("got %d %s, want %d", failure.StatusCode, failure.RawJSON(), status)
	}
	return failure
}

// TestOpenAIRefused checks what does not get through, and that the client does
// not try it again.
func TestOpenAIRefused(t *testing.T) {
	t.Parallel()
	h := openHouse(t)

	t.Run("a model that is not granted", func(t *testing.T) {
		client, sent := newOpenAI(h, h.issue(t, "openai-narrow", readsOnly))
		_, err := client.Chat.Completions.New(t.Context(), ask(askReport))
		failure := wantOpenAIError(t, err, http.StatusForbidden)
		if failure.Code != "denied" || failure.Type != "permission_error" || failure.Message == "" {
			t.Errorf("got %s", failure.RawJSON())
		}
		if r := failure.Response.Header.Get("Clawea-Receipt"); r != "openai-narrow/1" {
			t.Errorf("got receipt %q", r)
		}
		sent.once(t)
		stream := client.Chat.Completions.NewStreaming(t.Context(), ask(askReport))
		if stream.Next() {
			t.Errorf("a stream began: %s", stream.Current().RawJSON())
		}
		wantOpenAIError(t, stream.Err(), http.StatusForbidden)
		sent.once(t)
		h.wantProof(t, "openai-narrow", calls{Denied: 2})
	})
	t.Run("a token that is revoked", func(t *testing.T) {
		client, sent := newOpenAI(h, h.issue(t, "openai-revoked", ""))
		if _, err := client.Chat.Completions.New(t.Context(), ask(askReport)); err != nil {
			t.Fatal(err)
		}
		sent.once(t)
		h.clawea(t, "cst", "revoke", "-job", "openai-revoked", "-reason", "over")
		_, err := client.Chat.Completions.New(t.Context(), ask(askReport))
		failure := wantOpenAIError(t, err, http.StatusUnauthorized)
		if failure.Type != "authentication_error" || failure.Code != "job.revoked" {
			t.Errorf("got %s", failure.RawJSON())
		}
		sent.once(t)
		h.wantProof(t, "openai-revoked", calls{Allowed: 1, Refused: 1}, 1)
	})
	t.Run("no token of ours", func(t *testing.T) {
		client, sent := newOpenAI(h, "sk-proj-0123456789")
		_, err := client.Chat.Completions.New(t.Context(), ask(askReport))
		wantOpenAIError(t, err, http.StatusUnauthorized)
		sent.once(t)
	})
	t.Run("an endpoint that is not carried", func(t *testing.T) {
		client, sent := newOpenAI(h, h.issue(t, "openai-elsewhere", ""))
		_, err := client.Models.List(t.Context())
		wantOpenAIError(t, err, http.StatusNotFound)
		sent.once(t)
	})
}

// TestOpenAIAgent is an agent made of two strangers: OpenAI's client asks the
// model, and the MCP SDK's client does what it says.
func TestOpenAIAgent(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	token := h.issue(t, "agent", "")
	client, _ := newOpenAI(h, token)
	session := connect(t, h, token)
	params := ask(askRead)
	for _, tool := range listTools(t, session) {
		params.Tools = append(params.Tools, function(t, tool))
	}
	var used []string
	asked := 0
	for range 10 {
		asked++
		got, err := client.Chat.Completions.New(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		message := got.Choices[0].Message
		params.Messages = append(params.Messages, message.ToParam())
		if len(message.ToolCalls) == 0 {
			break
		}
		for _, c := range message.ToolCalls {
			used = append(used, c.Function.Name)
			text := callTool(t, session, c.Function.Name, c.Function.Arguments)
			params.Messages = append(params.Messages, openai.ToolMessage(text, c.ID))
		}
	}
	if len(used) < 2 || used[0] != "confluence_page_search" || used[1] != "confluence_page_get" {
		t.Errorf("the agent used %q", used)
	}
	last := params.Messages[len(params.Messages)-1].OfAssistant
	if last == nil || !strings.HasPrefix(last.Content.OfString.Value, "Database failover: ") {
		t.Errorf("the agent ended with %+v", last)
	}
	h.wantProof(t, "agent", calls{Allowed: asked + len(used)})
}

// function offers a tool of the house to a model.
func function(t *testing.T, tool *mcp.Tool) openai.ChatCompletionToolUnionParam {
	t.Helper()
	schema, ok := tool.InputSchema.(map[string]any)
	if !ok {
		t.Fatalf("%s has a schema that is no object: %T", tool.Name, tool.InputSchema)
	}
	return openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
		Name:        tool.Name,
		Description: openai.String(tool.Description),
		Parameters:  schema,
	})
}
