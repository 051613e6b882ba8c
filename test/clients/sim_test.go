// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/responses"

	"github.com/clawea/clawea/internal/sim/model"
)

// What these tests say to the bare simulated provider, and what it says.
const (
	simKey     = "a-key:of-the-provider"
	simHello   = "Hello?"
	simGreets  = "Hello – all is well here, thank you for asking."
	simWeather = "What is the weather in Brühl?"
	simLooks   = "I look it up."
	simArgs    = `{"city":"Brühl"}`
	simRain    = `{"sky":"rain"}`
	simLimited = "Too often?"
	simBreaks  = "Break in the middle."
	simSilent  = "Say nothing of tokens."
	simLong    = "At length, please."
)

// mind answers, calls the tool weather, and tells what the tool gave. It keeps
// every stream alive, before the first event and between all others.
func mind(c model.Conversation) model.Reply {
	last := c.Last()
	switch {
	case len(last.Results) == 1:
		return model.Reply{Text: "It says " + last.Results[0].Name + " " + last.Results[0].Text, PingEvery: 1}
	case last.Text == simWeather && len(c.Tools) == 1 && c.Tools[0].Name == "weather":
		return model.Reply{Text: simLooks, Calls: []model.ToolCall{{Name: "weather", Arguments: json.RawMessage(simArgs)}}, PingEvery: 1}
	case last.Text == simLimited:
		return model.RateLimited(3 * time.Second)
	case last.Text == simBreaks:
		return model.Reply{Text: strings.Repeat(simGreets, 9), Fault: model.Fail, After: 6, PingEvery: 1}
	case last.Text == simLong:
		return model.Reply{Text: strings.Repeat("abcd", 40)}
	case last.Text == simSilent:
		return model.Reply{Text: simGreets, NoUsage: true}
	case last.Text == simHello && c.System == "Be kind.":
		return model.Reply{Text: simGreets, PingEvery: 1, Usage: &model.Usage{Input: 100, Cached: 40, Output: 50, Reasoning: 30}}
	}
	return model.Reply{Err: &model.Error{Status: http.StatusBadRequest, Message: "The model has nothing to say to that."}}
}

// openModel serves a bare simulated provider.
func openModel(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(model.New(model.Config{Key: simKey, Script: mind, ChunkDelay: time.Millisecond}))
	t.Cleanup(s.Close)
	return s.URL
}

func simOpenAI(base string, more ...option.RequestOption) openai.Client {
	return openai.NewClient(append([]option.RequestOption{
		option.WithBaseURL(base), option.WithAPIKey(simKey), option.WithMaxRetries(0),
		option.WithHeaderDel("OpenAI-Organization"), option.WithHeaderDel("OpenAI-Project"),
	}, more...)...)
}

func simChat(name, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    name,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("Be kind."), openai.UserMessage(text)},
		Tools:    []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{Name: "weather", Parameters: map[string]any{"type": "object"}})},
	}
}

func TestSimChat(t *testing.T) {
	t.Parallel()
	url := openModel(t)
	simChatSuite(t, simOpenAI(url+"/v1"), "gpt-sim", nil)
}

// TestSimOpenRouter has OpenAI's client speak to OpenRouter behind fal, as fal
// documents it.
func TestSimOpenRouter(t *testing.T) {
	t.Parallel()
	client := simOpenAI(openModel(t)+"/openrouter/router/openai/v1", option.WithAPIKey("not-needed"), option.WithHeader("Authorization", "Key "+simKey))
	simChatSuite(t, client, "vendor/model", func(t *testing.T, usage openai.CompletionUsage) {
		if got := usage.JSON.ExtraFields["cost"].Raw(); got != "0.0002" {
			t.Errorf("cost %q", got)
		}
	})
	_, err := client.Chat.Completions.New(t.Context(), simChat("openrouter/vendor/model", simHello))
	if got := wantOpenAIError(t, err, http.StatusBadRequest); !strings.Contains(got.RawJSON(), "openrouter/vendor/model is not a valid model ID") {
		t.Errorf("got %s", got.RawJSON())
	}
}

func simChatSuite(t *testing.T, client openai.Client, name string, usage func(*testing.T, openai.CompletionUsage)) {
	check := func(t *testing.T, u openai.CompletionUsage) {
		t.Helper()
		if u.PromptTokens != 100 || u.CompletionTokens != 50 || u.TotalTokens != 150 || u.PromptTokensDetails.CachedTokens != 40 || u.CompletionTokensDetails.ReasoningTokens != 30 {
			t.Errorf("usage %s", u.RawJSON())
		}
	}
	t.Run("plain", func(t *testing.T) {
		got, err := client.Chat.Completions.New(t.Context(), simChat(name, simHello))
		if err != nil {
			t.Fatal(err)
		}
		if got.Model != name || got.Choices[0].Message.Content != simGreets || got.Choices[0].FinishReason != "stop" {
			t.Errorf("got %s", got.RawJSON())
		}
		check(t, got.Usage)
		if usage != nil {
			usage(t, got.Usage)
		}
	})
	t.Run("stream", func(t *testing.T) {
		params := simChat(name, simHello)
		params.StreamOptions.IncludeUsage = openai.Bool(true)
		got := accumulate(t, &client, params)
		if got.Choices[0].Message.Content != simGreets || got.Choices[0].FinishReason != "stop" || got.Usage.TotalTokens != 150 {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("tool", func(t *testing.T) {
		params := simChat(name, simWeather)
		got, err := client.Chat.Completions.New(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		streamed := accumulate(t, &client, params).Choices[0]
		for _, c := range []openai.ChatCompletionChoice{got.Choices[0], streamed} {
			if len(c.Message.ToolCalls) != 1 || c.FinishReason != "tool_calls" || c.Message.ToolCalls[0].Function.Arguments != simArgs || c.Message.Content != simLooks {
				t.Fatalf("got %+v", c)
			}
		}
		params.Messages = append(params.Messages, streamed.Message.ToParam(), openai.ToolMessage(simRain, streamed.Message.ToolCalls[0].ID))
		if got := accumulate(t, &client, params).Choices[0].Message.Content; got != "It says weather "+simRain {
			t.Errorf("got %q", got)
		}
	})
	t.Run("rate limit", func(t *testing.T) {
		_, err := client.Chat.Completions.New(t.Context(), simChat(name, simLimited))
		failure := wantOpenAIError(t, err, http.StatusTooManyRequests)
		if h := failure.Response.Header; h.Get("Retry-After") != "3" || h.Get("X-Ratelimit-Remaining-Requests")+h.Get("X-Ratelimit-Remaining") != "0" {
			t.Errorf("got %v", h)
		}
	})
	t.Run("broken stream", func(t *testing.T) {
		stream := client.Chat.Completions.NewStreaming(t.Context(), simChat(name, simBreaks))
		defer stream.Close()
		chunks := 0
		for stream.Next() {
			chunks++
		}
		if err := stream.Err(); err == nil || !strings.Contains(err.Error(), "The server had an error") || chunks < 4 {
			t.Errorf("%d chunks, then %v", chunks, err)
		}
	})
	t.Run("no usage", func(t *testing.T) {
		params := simChat(name, simSilent)
		params.StreamOptions.IncludeUsage = openai.Bool(true)
		if got := accumulate(t, &client, params); got.Usage.TotalTokens != 0 || got.Choices[0].Message.Content != simGreets {
			t.Errorf("got %+v", got)
		}
	})
}

func simInput(text string) responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model:        "gpt-sim",
		Instructions: openai.String("Be kind."),
		Input:        responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{responses.ResponseInputItemParamOfMessage(text, responses.EasyInputMessageRoleUser)}},
		Tools:        []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{Name: "weather", Parameters: map[string]any{"type": "object"}, Strict: openai.Bool(false)}}},
	}
}

func TestSimResponses(t *testing.T) {
	t.Parallel()
	client := simOpenAI(openModel(t) + "/v1")
	respond := func(t *testing.T, params responses.ResponseNewParams) []*responses.Response {
		t.Helper()
		plain, err := client.Responses.New(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		return []*responses.Response{plain, readResponse(t, &client, params)}
	}

	t.Run("text", func(t *testing.T) {
		for _, got := range respond(t, simInput(simHello)) {
			if got.Status != "completed" || got.OutputText() != simGreets || got.Model != "gpt-sim" || got.Instructions.OfString != "Be kind." {
				t.Errorf("got %s", got.RawJSON())
			}
			if u := got.Usage; u.InputTokens != 100 || u.OutputTokens != 50 || u.TotalTokens != 150 || u.InputTokensDetails.CachedTokens != 40 || u.OutputTokensDetails.ReasoningTokens != 30 {
				t.Errorf("usage %s", u.RawJSON())
			}
		}
	})
	t.Run("tool", func(t *testing.T) {
		for _, got := range respond(t, simInput(simWeather)) {
			if len(got.Output) != 2 || got.OutputText() != simLooks || got.Output[1].Type != "function_call" {
				t.Fatalf("got %s", got.RawJSON())
			}
			call := got.Output[1].AsFunctionCall()
			if call.Name != "weather" || call.Arguments != simArgs || call.CallID == "" {
				t.Errorf("got %s", call.RawJSON())
			}
			params := simInput(simWeather)
			said, used := got.Output[0].AsMessage().ToParam(), call.ToParam()
			params.Input.OfInputItemList = append(params.Input.OfInputItemList,
				responses.ResponseInputItemUnionParam{OfOutputMessage: &said}, responses.ResponseInputItemUnionParam{OfFunctionCall: &used},
				responses.ResponseInputItemUnionParam{OfFunctionCallOutput: &responses.ResponseInputItemFunctionCallOutputParam{
					CallID: param.NewOpt(call.CallID), Output: responses.ResponseInputItemFunctionCallOutputOutputUnionParam{OfString: param.NewOpt(simRain)},
				}})
			for _, got := range respond(t, params) {
				if got.OutputText() != "It says weather "+simRain {
					t.Errorf("got %s", got.RawJSON())
				}
			}
		}
	})
	t.Run("cut short", func(t *testing.T) {
		params := simInput(simLong)
		params.MaxOutputTokens = openai.Int(16)
		for _, got := range respond(t, params) {
			if got.Status != "incomplete" || got.IncompleteDetails.Reason != "max_output_tokens" || got.OutputText() != strings.Repeat("abcd", 16) {
				t.Errorf("got %s", got.RawJSON())
			}
		}
	})
	t.Run("no usage", func(t *testing.T) {
		for _, got := range respond(t, simInput(simSilent)) {
			if got.Usage.TotalTokens != 0 || got.OutputText() != simGreets {
				t.Errorf("got %s", got.RawJSON())
			}
		}
	})
	t.Run("broken stream", func(t *testing.T) { // which is no error to the client
		stream := client.Responses.NewStreaming(t.Context(), simInput(simBreaks))
		defer stream.Close()
		kinds := map[string]int{}
		for stream.Next() {
			kinds[stream.Current().Type]++
		}
		if stream.Err() != nil || kinds["response.output_text.delta"] == 0 || kinds["error"] != 1 || kinds["response.failed"] != 1 || kinds["response.completed"] != 0 {
			t.Errorf("got %v, %v", kinds, stream.Err())
		}
	})
	t.Run("rate limit", func(t *testing.T) {
		_, err := client.Responses.New(t.Context(), simInput(simLimited))
		if h := wantOpenAIError(t, err, http.StatusTooManyRequests).Response.Header; h.Get("Retry-After") != "3" || h.Get("X-Ratelimit-Reset-Requests") != "3s" {
			t.Errorf("got %v", h)
		}
	})
}

// readResponse reads a stream to its end and holds its parts against the whole.
func readResponse(t *testing.T, client *openai.Client, params responses.ResponseNewParams) *responses.Response {
	t.Helper()
	stream := client.Responses.NewStreaming(t.Context(), params)
	defer stream.Close()
	var text, arguments strings.Builder
	var whole *responses.Response
	for n := int64(0); stream.Next(); n++ {
		e := stream.Current()
		if e.SequenceNumber != n {
			t.Fatalf("event %d has the number %d", n, e.SequenceNumber)
		}
		switch e := e.AsAny().(type) {
		case responses.ResponseTextDeltaEvent:
			text.WriteString(e.Delta)
		case responses.ResponseFunctionCallArgumentsDeltaEvent:
			arguments.WriteString(e.Delta)
		case responses.ResponseCompletedEvent:
			whole = &e.Response
		case responses.ResponseIncompleteEvent:
			whole = &e.Response
		}
	}
	if err := stream.Err(); err != nil || whole == nil {
		t.Fatalf("got %v, %v", whole, err)
	}
	said := ""
	for _, item := range whole.Output {
		if item.Type == "function_call" {
			said += item.AsFunctionCall().Arguments
		}
	}
	if text.String() != whole.OutputText() || arguments.String() != said {
		t.Errorf("the parts are %q and %q, the whole is %s", &text, &arguments, whole.RawJSON())
	}
	return whole
}

func TestSimMessages(t *testing.T) {
	t.Parallel()
	client := anthropic.NewClient(anthropicoption.WithoutEnvironmentDefaults(), anthropicoption.WithBaseURL(openModel(t)), anthropicoption.WithAPIKey(simKey), anthropicoption.WithMaxRetries(0))
	ask := func(text string) anthropic.MessageNewParams {
		params := prompt("claude-sim-1", text)
		params.System = []anthropic.TextBlockParam{{Text: "Be kind."}}
		params.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: "weather", InputSchema: anthropic.ToolInputSchemaParam{Properties: map[string]any{"city": map[string]string{"type": "string"}}}}}}
		return params
	}
	both := func(t *testing.T, params anthropic.MessageNewParams) []*anthropic.Message {
		t.Helper()
		plain, err := client.Messages.New(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		return []*anthropic.Message{plain, accumulateMessage(t, &client, params)}
	}

	t.Run("text", func(t *testing.T) {
		for _, got := range both(t, ask(simHello)) {
			if len(got.Content) != 1 || got.Content[0].Text != simGreets || got.StopReason != anthropic.StopReasonEndTurn {
				t.Errorf("got %+v", got)
			}
			if u := got.Usage; u.InputTokens != 60 || u.CacheReadInputTokens != 40 || u.OutputTokens != 50 {
				t.Errorf("usage %+v", u)
			}
		}
	})
	t.Run("tool", func(t *testing.T) {
		for _, got := range both(t, ask(simWeather)) {
			if len(got.Content) != 2 || got.Content[0].Text != simLooks || got.StopReason != anthropic.StopReasonToolUse {
				t.Fatalf("got %+v", got)
			}
			use, ok := got.Content[1].AsAny().(anthropic.ToolUseBlock)
			if !ok || use.Name != "weather" || string(use.Input) != simArgs {
				t.Errorf("got %+v", got.Content[1])
			}
			params := ask(simWeather)
			params.Messages = append(params.Messages, got.ToParam(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(use.ID, simRain, false)))
			for _, got := range both(t, params) {
				if got.Content[0].Text != "It says weather "+simRain {
					t.Errorf("got %+v", got)
				}
			}
		}
	})
	t.Run("no usage", func(t *testing.T) {
		for _, got := range both(t, ask(simSilent)) {
			if got.Usage.OutputTokens != 0 || got.Content[0].Text != simGreets {
				t.Errorf("got %+v", got)
			}
		}
	})
	t.Run("rate limit", func(t *testing.T) {
		_, err := client.Messages.New(t.Context(), ask(simLimited))
		wantAnthropicError(t, err, http.StatusTooManyRequests, anthropic.ErrorTypeRateLimitError)
		failure, _ := errors.AsType[*anthropic.Error](err)
		if h := failure.Response.Header; h.Get("Retry-After") != "3" || h.Get("Anthropic-Ratelimit-Requests-Remaining") != "0" {
			t.Errorf("got %v", h)
		}
	})
	t.Run("broken stream", func(t *testing.T) {
		stream := client.Messages.NewStreaming(t.Context(), ask(simBreaks))
		defer stream.Close()
		events := 0
		for stream.Next() {
			events++
		}
		if err := stream.Err(); err == nil || !strings.Contains(err.Error(), "The server had an error") || events < 4 {
			t.Errorf("%d events, then %v", events, err)
		}
	})
}
