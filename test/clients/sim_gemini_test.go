// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genai"
)

func newGemini(t *testing.T, base, key string) *genai.Client {
	t.Helper()
	once := int32(1)
	c, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		Backend: genai.BackendGeminiAPI, APIKey: key,
		HTTPOptions: genai.HTTPOptions{BaseURL: base, RetryOptions: &genai.HTTPRetryOptions{Attempts: &once}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func geminiConfig() *genai.GenerateContentConfig {
	return &genai.GenerateContentConfig{
		SystemInstruction: genai.NewContentFromText("Be kind.", genai.RoleUser),
		Tools: []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{
			Name: "weather", Parameters: &genai.Schema{Type: genai.TypeObject, Properties: map[string]*genai.Schema{"city": {Type: genai.TypeString}}},
		}}}},
	}
}

// A geminiTurn is an answer, put together from its chunks where it was
// streamed.
type geminiTurn struct {
	text   string
	calls  []*genai.FunctionCall
	reason genai.FinishReason
	usage  *genai.GenerateContentResponseUsageMetadata // the last one told
	chunks int
}

func (g *geminiTurn) add(r *genai.GenerateContentResponse) {
	g.chunks++
	for _, p := range r.Candidates[0].Content.Parts {
		g.text += p.Text
	}
	g.calls = append(g.calls, r.FunctionCalls()...)
	g.reason, g.usage = r.Candidates[0].FinishReason, r.UsageMetadata
}

// askGemini asks plainly and in a stream.
func askGemini(t *testing.T, c *genai.Client, contents []*genai.Content) []geminiTurn {
	t.Helper()
	var plain, streamed geminiTurn
	resp, err := c.Models.GenerateContent(t.Context(), "gemini-sim", contents, geminiConfig())
	if err != nil {
		t.Fatal(err)
	}
	plain.add(resp)
	if resp.ModelVersion != "gemini-sim" || resp.ResponseID == "" {
		t.Errorf("got %+v", resp)
	}
	for resp, err := range c.Models.GenerateContentStream(t.Context(), "gemini-sim", contents, geminiConfig()) {
		if err != nil {
			t.Fatal(err)
		}
		streamed.add(resp)
	}
	if streamed.chunks < 2 {
		t.Errorf("got %d chunks", streamed.chunks)
	}
	return []geminiTurn{plain, streamed}
}

func TestSimGemini(t *testing.T) {
	t.Parallel()
	url := openModel(t)
	client := newGemini(t, url, simKey)

	t.Run("text", func(t *testing.T) {
		for _, got := range askGemini(t, client, genai.Text(simHello)) {
			if got.text != simGreets || got.reason != genai.FinishReasonStop || len(got.calls) != 0 {
				t.Errorf("got %+v", got)
			}
			if u := got.usage; u.PromptTokenCount != 100 || u.CachedContentTokenCount != 40 || u.CandidatesTokenCount != 20 || u.ThoughtsTokenCount != 30 || u.TotalTokenCount != 150 {
				t.Errorf("usage %+v", u)
			}
		}
	})
	t.Run("tool", func(t *testing.T) {
		for _, got := range askGemini(t, client, genai.Text(simWeather)) {
			if got.text != simLooks || len(got.calls) != 1 || got.calls[0].Name != "weather" || got.calls[0].Args["city"] != "Brühl" {
				t.Fatalf("got %+v", got)
			}
			var rain map[string]any
			if err := json.Unmarshal([]byte(simRain), &rain); err != nil {
				t.Fatal(err)
			}
			contents := append(genai.Text(simWeather),
				&genai.Content{Role: genai.RoleModel, Parts: []*genai.Part{{Text: got.text}, {FunctionCall: got.calls[0]}}},
				&genai.Content{Role: genai.RoleUser, Parts: []*genai.Part{{FunctionResponse: &genai.FunctionResponse{ID: got.calls[0].ID, Name: "weather", Response: rain}}}})
			for _, got := range askGemini(t, client, contents) {
				if got.text != "It says weather "+simRain {
					t.Errorf("got %+v", got)
				}
			}
		}
	})
	t.Run("no usage", func(t *testing.T) {
		for _, got := range askGemini(t, client, genai.Text(simSilent)) {
			if got.usage != nil || got.text != simGreets {
				t.Errorf("got %+v", got)
			}
		}
	})
	t.Run("rate limit", func(t *testing.T) {
		_, err := client.Models.GenerateContent(t.Context(), "gemini-sim", genai.Text(simLimited), geminiConfig())
		failure := wantGeminiError(t, err, http.StatusTooManyRequests, "RESOURCE_EXHAUSTED")
		if len(failure.Details) != 1 || failure.Details[0]["retryDelay"] != "3s" {
			t.Errorf("got %v", failure.Details)
		}
	})
	t.Run("broken stream", func(t *testing.T) {
		chunks := 0
		var failure error
		for _, err := range client.Models.GenerateContentStream(t.Context(), "gemini-sim", genai.Text(simBreaks), geminiConfig()) {
			if failure = err; err != nil {
				break
			}
			chunks++
		}
		wantGeminiError(t, failure, http.StatusInternalServerError, "INTERNAL")
		if chunks != 6 {
			t.Errorf("%d chunks", chunks)
		}
	})
	t.Run("wrong key", func(t *testing.T) {
		_, err := newGemini(t, url, "another").Models.GenerateContent(t.Context(), "gemini-sim", genai.Text(simHello), geminiConfig())
		if got := wantGeminiError(t, err, http.StatusBadRequest, "INVALID_ARGUMENT"); !strings.Contains(got.Message, "API key not valid") {
			t.Errorf("got %+v", got)
		}
	})
}

func wantGeminiError(t *testing.T, err error, code int, status string) genai.APIError {
	t.Helper()
	failure, ok := errors.AsType[genai.APIError](err)
	if !ok || failure.Code != code || failure.Status != status {
		t.Fatalf("got %v, want %d %s", err, code, status)
	}
	return failure
}
