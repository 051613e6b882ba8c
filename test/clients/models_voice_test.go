// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"google.golang.org/genai"
)

// A question is what a test has a client ask.
type question struct {
	model  string
	text   string
	tool   string // the one tool that the model is offered; "" is none
	most   int    // tokens of output; 0: the client does not say
	stream bool
	retry  bool // as the client does by default
}

// A told is what a client says that it was told.
type told struct {
	text, model, finish string
	calls               []proposal
	input, output       int
	receipt             string // Clawea-Receipt, by the client's own means
}

// A proposal is a tool call as a client shows it.
type proposal struct{ name, args string }

// A voice is a vendor's own client at one of the vendor's endpoints. ask has it
// ask at base, with a CST where its key belongs. Its error is the client's.
type voice struct {
	name     string
	route    string
	provider string // as receipts say it
	action   string
	granted  string // the policy's entry that permits it
	model    string // as agents name it
	answers  string // as the provider names it
	under    string // how the paths begin that it asks at
	stop     string // how an answer ends, in the provider's words
	proposes string // and one that wants a tool called
	failed   string // and one that failed in the middle; only where the provider says so
	ask      func(ctx context.Context, base, token string, hear *ear, q question) (*told, error)
	status   func(error) (code int, message string, ok bool)
}

func voices() []voice {
	return []voice{
		{"openai chat", "openai", "openai", "chat.completions", "openai/gpt-*", "gpt-sim", "gpt-sim", "/v1/chat/", "stop", "tool_calls", "", askChat, openAIStatus},
		{"openai responses", "openai", "openai", "responses", "openai/gpt-*", "gpt-sim", "gpt-sim", "/v1/responses", "completed", "completed", "failed", askResponses, openAIStatus},
		{"anthropic", "anthropic", "anthropic", "messages", "anthropic/claude-*", "claude-sim-1", "claude-sim-1", "/v1/messages", "end_turn", "tool_use", "", askMessages, anthropicStatus},
		{"gemini", "gemini", "gemini", "generateContent", "gemini/gemini-*", "gemini-sim", "gemini-sim", "/v1beta/models/", "STOP", "STOP", "", askGenerate, geminiStatus},
		{"openrouter through fal", "fal", "fal", "chat.completions", "fal/openrouter/vendor/*", "openrouter/vendor/model", "vendor/model", "/openrouter/", "stop", "tool_calls", "error", askChat, openAIStatus},
		{"a house's own model", "house", "openai", "chat.completions", "house/small", "small", "small", "/v1/chat/", "stop", "tool_calls", "", askChat, openAIStatus},
	}
}

func openAIClient(base, token string, hear *ear, q question) openai.Client {
	options := []option.RequestOption{
		option.WithBaseURL(base + "/v1"), option.WithAPIKey(token), option.WithHTTPClient(&http.Client{Transport: hear}),
		option.WithHeaderDel("OpenAI-Organization"), option.WithHeaderDel("OpenAI-Project"),
	}
	if !q.retry {
		options = append(options, option.WithMaxRetries(0))
	}
	return openai.NewClient(options...)
}

func openAIStatus(err error) (int, string, bool) {
	failure, ok := errors.AsType[*openai.Error](err)
	if !ok {
		return 0, "", false
	}
	return failure.StatusCode, failure.Message, true
}

func askChat(ctx context.Context, base, token string, hear *ear, q question) (*told, error) {
	client := openAIClient(base, token, hear, q)
	params := openai.ChatCompletionNewParams{
		Model:    q.model,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage("Be kind."), openai.UserMessage(q.text)},
	}
	if q.tool != "" {
		params.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{Name: q.tool, Parameters: map[string]any{"type": "object"}})}
	}
	if q.most > 0 {
		params.MaxCompletionTokens = openai.Int(int64(q.most))
	}
	var resp *http.Response
	if !q.stream {
		got, err := client.Chat.Completions.New(ctx, params, option.WithResponseInto(&resp))
		if err != nil {
			return nil, err
		}
		return chatSaid(got, resp), nil
	}
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := client.Chat.Completions.NewStreaming(ctx, params, option.WithResponseInto(&resp))
	defer stream.Close()
	got := new(openai.ChatCompletionAccumulator)
	for stream.Next() {
		if !got.AddChunk(stream.Current()) {
			return nil, fmt.Errorf("a chunk does not fit: %s", stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		return nil, err
	}
	return chatSaid(&got.ChatCompletion, resp), nil
}

func chatSaid(got *openai.ChatCompletion, resp *http.Response) *told {
	s := &told{model: got.Model, input: int(got.Usage.PromptTokens), output: int(got.Usage.CompletionTokens), receipt: resp.Header.Get("Clawea-Receipt")}
	for _, c := range got.Choices {
		s.text, s.finish = s.text+c.Message.Content, c.FinishReason
		for _, call := range c.Message.ToolCalls {
			s.calls = append(s.calls, proposal{call.Function.Name, call.Function.Arguments})
		}
	}
	return s
}

func askResponses(ctx context.Context, base, token string, hear *ear, q question) (*told, error) {
	client := openAIClient(base, token, hear, q)
	params := responses.ResponseNewParams{
		Model: q.model, Instructions: openai.String("Be kind."),
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(q.text)},
	}
	if q.tool != "" {
		params.Tools = []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{Name: q.tool, Parameters: map[string]any{"type": "object"}, Strict: openai.Bool(false)}}}
	}
	if q.most > 0 {
		params.MaxOutputTokens = openai.Int(int64(q.most))
	}
	var resp *http.Response
	if !q.stream {
		got, err := client.Responses.New(ctx, params, option.WithResponseInto(&resp))
		if err != nil {
			return nil, err
		}
		return responseSaid(got, resp), nil
	}
	stream := client.Responses.NewStreaming(ctx, params, option.WithResponseInto(&resp))
	defer stream.Close()
	var whole *responses.Response
	for stream.Next() {
		switch e := stream.Current().AsAny().(type) {
		case responses.ResponseCompletedEvent:
			whole = &e.Response
		case responses.ResponseFailedEvent: // which is no error to the client
			return nil, fmt.Errorf("the response failed: %s", e.Response.Error.Message)
		}
	}
	if err := stream.Err(); err != nil {
		return nil, err
	}
	if whole == nil {
		return nil, errors.New("the stream ended without a response")
	}
	return responseSaid(whole, resp), nil
}

func responseSaid(got *responses.Response, resp *http.Response) *told {
	s := &told{
		text: got.OutputText(), model: got.Model, finish: string(got.Status),
		input: int(got.Usage.InputTokens), output: int(got.Usage.OutputTokens), receipt: resp.Header.Get("Clawea-Receipt"),
	}
	for _, item := range got.Output {
		if item.Type == "function_call" {
			s.calls = append(s.calls, proposal{item.AsFunctionCall().Name, item.AsFunctionCall().Arguments})
		}
	}
	return s
}

func askMessages(ctx context.Context, base, token string, hear *ear, q question) (*told, error) {
	options := []anthropicoption.RequestOption{
		anthropicoption.WithoutEnvironmentDefaults(), anthropicoption.WithBaseURL(base), anthropicoption.WithAPIKey(token),
		anthropicoption.WithHTTPClient(&http.Client{Transport: hear}),
	}
	if !q.retry {
		options = append(options, anthropicoption.WithMaxRetries(0))
	}
	client := anthropic.NewClient(options...)
	params := prompt(q.model, q.text)
	params.System = []anthropic.TextBlockParam{{Text: "Be kind."}}
	if q.tool != "" {
		params.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: q.tool, InputSchema: anthropic.ToolInputSchemaParam{Properties: map[string]any{}}}}}
	}
	if q.most > 0 {
		params.MaxTokens = int64(q.most)
	}
	var resp *http.Response
	if !q.stream {
		got, err := client.Messages.New(ctx, params, anthropicoption.WithResponseInto(&resp))
		if err != nil {
			return nil, err
		}
		return messageSaid(got, resp), nil
	}
	stream := client.Messages.NewStreaming(ctx, params, anthropicoption.WithResponseInto(&resp))
	defer stream.Close()
	got := new(anthropic.Message)
	for stream.Next() {
		if err := got.Accumulate(stream.Current()); err != nil {
			return nil, err
		}
	}
	if err := stream.Err(); err != nil {
		return nil, err
	}
	return messageSaid(got, resp), nil
}

func messageSaid(got *anthropic.Message, resp *http.Response) *told {
	u := got.Usage
	s := &told{
		model: string(got.Model), finish: string(got.StopReason), input: int(u.InputTokens + u.CacheReadInputTokens + u.CacheCreationInputTokens),
		output: int(u.OutputTokens), receipt: resp.Header.Get("Clawea-Receipt"),
	}
	for _, b := range got.Content {
		s.text += b.Text
		if use, ok := b.AsAny().(anthropic.ToolUseBlock); ok {
			s.calls = append(s.calls, proposal{use.Name, string(use.Input)})
		}
	}
	return s
}

func anthropicStatus(err error) (int, string, bool) {
	failure, ok := errors.AsType[*anthropic.Error](err)
	if !ok {
		return 0, "", false
	}
	var body struct{ Error struct{ Message string } }
	if json.Unmarshal([]byte(failure.RawJSON()), &body) != nil {
		return 0, "", false
	}
	return failure.StatusCode, body.Error.Message, true
}

// askGenerate points Google's client at the house by its base URL, to which it
// appends v1beta/models/MODEL:METHOD. It sends its key in a header of its own.
func askGenerate(ctx context.Context, base, token string, hear *ear, q question) (*told, error) {
	options := genai.HTTPOptions{BaseURL: base}
	if q.retry { // by default it does not
		options.RetryOptions = new(genai.HTTPRetryOptions)
	}
	client, err := genai.NewClient(ctx, &genai.ClientConfig{Backend: genai.BackendGeminiAPI, APIKey: token, HTTPClient: &http.Client{Transport: hear}, HTTPOptions: options})
	if err != nil {
		return nil, err
	}
	config := &genai.GenerateContentConfig{SystemInstruction: genai.NewContentFromText("Be kind.", genai.RoleUser), MaxOutputTokens: int32(q.most)}
	if q.tool != "" {
		config.Tools = []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{Name: q.tool}}}}
	}
	s := new(told)
	if !q.stream {
		got, err := client.Models.GenerateContent(ctx, q.model, genai.Text(q.text), config)
		if err != nil {
			return nil, err
		}
		return s, s.add(got)
	}
	for got, err := range client.Models.GenerateContentStream(ctx, q.model, genai.Text(q.text), config) {
		if err == nil {
			err = s.add(got)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// add adds a chunk of a stream, or all of an answer.
func (s *told) add(got *genai.GenerateContentResponse) error {
	if len(got.Candidates) != 1 || got.Candidates[0].Content == nil {
		return fmt.Errorf("%d candidates", len(got.Candidates))
	}
	for _, p := range got.Candidates[0].Content.Parts {
		s.text += p.Text
	}
	for _, call := range got.FunctionCalls() {
		args, err := json.Marshal(call.Args)
		if err != nil {
			return err
		}
		s.calls = append(s.calls, proposal{call.Name, string(args)})
	}
	s.model, s.finish, s.receipt = got.ModelVersion, string(got.Candidates[0].FinishReason), got.SDKHTTPResponse.Headers.Get("Clawea-Receipt")
	if u := got.UsageMetadata; u != nil { // the last one counts
		s.input, s.output = int(u.PromptTokenCount), int(u.CandidatesTokenCount+u.ThoughtsTokenCount)
	}
	return nil
}

func geminiStatus(err error) (int, string, bool) {
	failure, ok := errors.AsType[genai.APIError](err)
	return failure.Code, failure.Message, ok
}
