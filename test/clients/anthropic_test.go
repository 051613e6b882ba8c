// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/anthropics/anthropic-sdk-go/packages/param"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// newAnthropic is Anthropic's own client with the house as its base URL, which
// it appends v1/messages to. It retries as it does by default.
func newAnthropic(h *house, credential option.RequestOption) (anthropic.Client, *counter) {
	c := new(counter)
	return anthropic.NewClient(
		option.WithoutEnvironmentDefaults(),
		option.WithBaseURL(h.url+"/proxy/sim-anthropic"),
		credential,
		option.WithHTTPClient(&http.Client{Transport: c}),
	), c
}

func prompt(model, text string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model:     anthropic.Model(model),
		MaxTokens: 256,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))},
	}
}

func TestAnthropic(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	token := h.issue(t, "anthropic", "")
	client, sent := newAnthropic(h, option.WithAPIKey(token))

	t.Run("plain", func(t *testing.T) {
		var resp *http.Response
		got, err := client.Messages.New(t.Context(), prompt("claude-sim-1", askReport), option.WithResponseInto(&resp))
		if err != nil {
			t.Fatal(err)
		}
		if got.Model != "claude-sim-1" || len(got.Content) != 1 || got.Content[0].Text != reported || got.StopReason != anthropic.StopReasonEndTurn {
			t.Errorf("got %s", got.RawJSON())
		}
		if got.Usage.OutputTokens == 0 {
			t.Error("the usage is lost")
		}
		if r := resp.Header.Get("Clawea-Receipt"); r != "anthropic/1" {
			t.Errorf("got receipt %q", r)
		}
		sent.once(t)
	})
	t.Run("stream", func(t *testing.T) {
		got := accumulateMessage(t, &client, prompt("claude-sim-1", askReport))
		if len(got.Content) != 1 || got.Content[0].Text != reported || got.StopReason != anthropic.StopReasonEndTurn || got.Usage.OutputTokens == 0 {
			t.Errorf("got %+v", got)
		}
		sent.once(t)
	})
	t.Run("stream of a tool call", func(t *testing.T) {
		got := accumulateMessage(t, &client, prompt("claude-sim-1", askRead))
		if len(got.Content) != 1 || got.StopReason != anthropic.StopReasonToolUse {
			t.Fatalf("got %+v", got)
		}
		use, ok := got.Content[0].AsAny().(anthropic.ToolUseBlock)
		if !ok || use.Name != "confluence_page_search" || string(use.Input) != `{"cql":"text ~ \"failover\" and space = ENG","limit":5}` {
			t.Errorf("got %+v", got.Content[0])
		}
		sent.once(t)
	})
	t.Run("beta", func(t *testing.T) { // the client adds ?beta=true
		got, err := client.Beta.Messages.New(t.Context(), anthropic.BetaMessageNewParams{
			Model:     "claude-sim-1",
			MaxTokens: 256,
			Messages:  []anthropic.BetaMessageParam{anthropic.NewBetaUserMessage(anthropic.NewBetaTextBlock(askReport))},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Content) != 1 || got.Content[0].Text != reported {
			t.Errorf("got %s", got.RawJSON())
		}
		sent.once(t)
	})
	t.Run("the token as a bearer", func(t *testing.T) {
		client, sent := newAnthropic(h, option.WithAuthToken(token))
		got, err := client.Messages.New(t.Context(), prompt("claude-sim-1", askReport))
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Content) != 1 || got.Content[0].Text != reported {
			t.Errorf("got %s", got.RawJSON())
		}
		sent.once(t)
	})
	t.Run("the provider's own error", func(t *testing.T) {
		_, err := client.Messages.New(t.Context(), prompt("claude-sim-1", askOther))
		wantAnthropicError(t, err, http.StatusBadRequest, anthropic.ErrorTypeInvalidRequestError)
		sent.once(t)
	})
	h.wantProof(t, "anthropic", calls{Allowed: 6})
}

// accumulateMessage reads a stream to its end with the client's accumulation.
func accumulateMessage(t *testing.T, client *anthropic.Client, params anthropic.MessageNewParams) *anthropic.Message {
	t.Helper()
	stream := client.Messages.NewStreaming(t.Context(), params)
	defer stream.Close()
	var got anthropic.Message
	events := 0
	for stream.Next() {
		events++
		if err := got.Accumulate(stream.Current()); err != nil {
			t.Fatalf("event %d does not fit: %v", events, err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if events < 5 {
		t.Fatalf("got %d events", events)
	}
	return &got
}

func wantAnthropicError(t *testing.T, err error, status int, kind anthropic.ErrorType) *anthropic.Error {
	t.Helper()
	failure, ok := errors.AsType[*anthropic.Error](err)
	if !ok {
		t.Fatalf("got %v, want an error of the API", err)
	}
	if failure.StatusCode != status || failure.Type() != kind {
		t.Fatalf("got %d %s, want %d %s", failure.StatusCode, failure.RawJSON(), status, kind)
	}
	return failure
}

// TestAnthropicRefused checks what does not get through, and that the client
// does not try it again.
func TestAnthropicRefused(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	token := h.issue(t, "anthropic-refused", "")
	client, sent := newAnthropic(h, option.WithAPIKey(token))

	t.Run("a model that the policy does not hold", func(t *testing.T) {
		_, err := client.Messages.New(t.Context(), prompt("gpt-x", askReport))
		failure := wantAnthropicError(t, err, http.StatusForbidden, anthropic.ErrorTypePermissionError)
		if r := failure.Response.Header.Get("Clawea-Receipt"); r != "anthropic-refused/1" {
			t.Errorf("got receipt %q", r)
		}
		sent.once(t)
		stream := client.Messages.NewStreaming(t.Context(), prompt("gpt-x", askReport))
		if stream.Next() {
			t.Errorf("a stream began: %s", stream.Current().RawJSON())
		}
		wantAnthropicError(t, stream.Err(), http.StatusForbidden, anthropic.ErrorTypePermissionError)
		sent.once(t)
	})
	t.Run("an endpoint that is not carried", func(t *testing.T) {
		_, err := client.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{
			Model:    "claude-sim-1",
			Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(askReport))},
		})
		if failure, ok := errors.AsType[*anthropic.Error](err); !ok || failure.StatusCode != http.StatusNotFound {
			t.Errorf("got %v, want status 404", err)
		}
		sent.once(t)
	})
	t.Run("a token that is revoked", func(t *testing.T) {
		h.clawea(t, "cst", "revoke", "-job", "anthropic-refused", "-reason", "over")
		_, err := client.Messages.New(t.Context(), prompt("claude-sim-1", askReport))
		wantAnthropicError(t, err, http.StatusUnauthorized, anthropic.ErrorTypeAuthenticationError)
		sent.once(t)
	})
	h.wantProof(t, "anthropic-refused", calls{Denied: 2, Refused: 1}, 1)
}

// TestAnthropicAgent is the agent of TestOpenAIAgent in the other dialect.
func TestAnthropicAgent(t *testing.T) {
	t.Parallel()
	h := openHouse(t)
	token := h.issue(t, "claude", "")
	client, _ := newAnthropic(h, option.WithAPIKey(token))
	session := connect(t, h, token)
	params := prompt("claude-sim-1", askRead)
	for _, tool := range listTools(t, session) {
		params.Tools = append(params.Tools, toolParam(t, tool))
	}
	var used []string
	asked, last := 0, ""
	for range 10 {
		asked++
		got, err := client.Messages.New(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		params.Messages = append(params.Messages, got.ToParam())
		var results []anthropic.ContentBlockParamUnion
		for _, block := range got.Content {
			last = block.Text
			if use, ok := block.AsAny().(anthropic.ToolUseBlock); ok {
				used = append(used, use.Name)
				results = append(results, anthropic.NewToolResultBlock(use.ID, callTool(t, session, use.Name, string(use.Input)), false))
			}
		}
		if len(results) == 0 {
			break
		}
		params.Messages = append(params.Messages, anthropic.NewUserMessage(results...))
	}
	if len(used) < 2 || used[0] != "confluence_page_search" || used[1] != "confluence_page_get" {
		t.Errorf("the agent used %q", used)
	}
	if !strings.HasPrefix(last, "Database failover: ") {
		t.Errorf("the agent ended with %q", last)
	}
	h.wantProof(t, "claude", calls{Allowed: asked + len(used)})
}

// toolParam offers a tool of the house to a model.
func toolParam(t *testing.T, tool *mcp.Tool) anthropic.ToolUnionParam {
	t.Helper()
	b, err := json.Marshal(tool.InputSchema)
	if err != nil {
		t.Fatal(err)
	}
	return anthropic.ToolUnionParam{OfTool: &anthropic.ToolParam{
		Name:        tool.Name,
		Description: anthropic.String(tool.Description),
		InputSchema: param.Override[anthropic.ToolInputSchemaParam](json.RawMessage(b)),
	}}
}
