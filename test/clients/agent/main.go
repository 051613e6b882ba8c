// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Command agent is an agent as a stranger would write it: OpenAI's SDK,
// Anthropic's and an MCP client, told where to go by environment variables
// alone. Then it looks for a token in all that it has: its environment and its
// memory. It prints what it has found as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/openai/openai-go/v3"
)

// found is what the agent prints.
type found struct {
	OpenAI    string   // the models' answers
	Anthropic string   //
	Tools     []string // that it is told of
	Searched  string   // what a search for runbooks brought
	Scanned   int      // bytes of memory
	Tokens    int      // things of a token's shape in memory or environment
	Parent    string   // why the launcher's memory cannot be read; "" if it can
}

// question is one that the demo's model has an answer to.
const question = "Report what was done today."

func main() {
	f := new(found)
	err := f.work(context.Background())
	if err == nil && len(os.Args) > 1 {
		hidden = canary(os.Args[1])
	}
	if err == nil {
		err = f.scan()
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}

// hidden is a token's double, for the test that the search would find one.
var hidden []byte

func canary(text string) []byte {
	return []byte("ey" + "J" + strings.Repeat(text, 5) + ".ey" + "J" + strings.Repeat(text, 9) + "." + strings.Repeat(text, 9))
}

func (f *found) work(ctx context.Context) error {
	gpt := openai.NewClient()
	chat, err := gpt.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model: "gpt-sim", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(question)},
	})
	if err != nil {
		return fmt.Errorf("openai: %w", err)
	}
	f.OpenAI = chat.Choices[0].Message.Content

	claude := anthropic.NewClient()
	stream := claude.Messages.NewStreaming(ctx, anthropic.MessageNewParams{
		Model: "claude-sim-1", MaxTokens: 256, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(question))},
	})
	message := anthropic.Message{}
	for stream.Next() {
		if err := message.Accumulate(stream.Current()); err != nil {
			return fmt.Errorf("anthropic: %w", err)
		}
	}
	if err := stream.Err(); err != nil {
		return fmt.Errorf("anthropic: %w", err)
	}
	for _, block := range message.Content {
		f.Anthropic += block.Text
	}
	return f.useTools(ctx)
}

func (f *found) useTools(ctx context.Context) error {
	client := mcp.NewClient(&mcp.Implementation{Name: "stranger", Version: "1"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: os.Getenv("CLAWEA_MCP_URL")}, nil)
	if err != nil {
		return fmt.Errorf("mcp: %w", err)
	}
	defer session.Close()
	list, err := session.ListTools(ctx, nil)
	if err != nil {
		return fmt.Errorf("mcp: %w", err)
	}
	for _, t := range list.Tools {
		f.Tools = append(f.Tools, t.Name)
	}
	res, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "confluence.page.search", Arguments: json.RawMessage(`{"cql":"space = ENG and type = page"}`)})
	if err != nil {
		return fmt.Errorf("mcp: %w", err)
	}
	for _, c := range res.Content {
		if t, ok := c.(*mcp.TextContent); ok {
			f.Searched += t.Text
		}
	}
	return nil
}

// token is the shape of a JWT: three parts of base64url, of which the first two
// are JSON objects.
var token = regexp.MustCompile(`ey` + `J[A-Za-z0-9_-]{10,}\.ey` + `J[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}`)

// scan looks through the environment and every page of memory that it can.
func (f *found) scan() error {
	f.Tokens = len(token.FindAllString(strings.Join(os.Environ(), "\n"), -1))
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		return err
	}
	defer memory.Close()
	buf := make([]byte, 1<<20)
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var rights string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &rights); n != 3 || !strings.HasPrefix(rights, "rw") {
			continue
		}
		f.region(memory, buf, from, to)
	}
	f.Parent = readable(fmt.Sprintf("/proc/%d/mem", os.Getppid())) + readable(fmt.Sprintf("/proc/%d/environ", os.Getppid()))
	return nil
}

// overlap is as long as a token can be that lies across two pieces.
const overlap = 64 << 10

func (f *found) region(memory io.ReaderAt, buf []byte, from, to int64) {
	for at := from; at < to; at += int64(len(buf) - overlap) {
		n, _ := memory.ReadAt(buf[:min(int64(len(buf)), to-at)], at) // what cannot be read holds nothing for us
		f.Scanned += n
		f.Tokens += len(token.FindAll(buf[:n], -1))
	}
}

// readable says why a file cannot be read, or nothing.
func readable(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if _, err := file.Read(make([]byte, 1)); err != nil && strings.HasSuffix(path, "environ") {
		return err.Error()
	}
	return ""
}
