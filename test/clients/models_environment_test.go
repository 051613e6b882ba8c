// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3"
	"google.golang.org/genai"
)

// A program that was written for the vendors' own services works through the
// house without a change: its clients take where to ask, and the CST for a key,
// from the environment.
func TestModelsByEnvironment(t *testing.T) {
	h := openModelHouse(t)
	token := h.issue(t, "environment", "")
	for _, name := range []string{
		"GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE", "GOOGLE_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID",
		"OPENAI_ADMIN_KEY",
	} {
		t.Setenv(name, "")
	}
	for name, value := range map[string]string{
		"OPENAI_BASE_URL": h.url + "/proxy/openai/v1", "OPENAI_API_KEY": token,
		"ANTHROPIC_BASE_URL": h.url + "/proxy/anthropic", "ANTHROPIC_API_KEY": token,
		"GOOGLE_GEMINI_BASE_URL": h.url + "/proxy/gemini", "GEMINI_API_KEY": token,
	} {
		t.Setenv(name, value)
	}
	wantGreeting := func(text string) {
		t.Helper()
		if text != simGreets {
			t.Errorf("got %q", text)
		}
	}

	chat := simChat("gpt-sim", simHello)
	chat.MaxCompletionTokens = openai.Int(256)
	client := openai.NewClient()
	completion, err := client.Chat.Completions.New(t.Context(), chat)
	if err != nil {
		t.Fatal(err)
	}
	wantGreeting(completion.Choices[0].Message.Content)

	params := prompt("claude-sim-1", simHello)
	params.System = []anthropic.TextBlockParam{{Text: "Be kind."}}
	claude := anthropic.NewClient()
	message, err := claude.Messages.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	wantGreeting(message.Content[0].Text)

	gemini, err := genai.NewClient(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	config := geminiConfig()
	config.MaxOutputTokens = 256
	generated, err := gemini.Models.GenerateContent(t.Context(), "gemini-sim", genai.Text(simHello), config)
	if err != nil {
		t.Fatal(err)
	}
	wantGreeting(generated.Text())

	h.wantProof(t, "environment", calls{Allowed: 3})
}
