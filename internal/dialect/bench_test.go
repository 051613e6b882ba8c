// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// bodies are requests of about 112 KB.
func bodies() map[string]string {
	const size = 112 << 10
	quote := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	whole := func(s string) string {
		return `{"model":"m","stream":true,"messages":[{"role":"user","content":` + quote(s) + `}],"max_tokens":100}`
	}
	var short, tools []string
	for i := range size / 112 {
		short = append(short, fmt.Sprintf(`{"role":"user","content":[{"type":"text","text":"message %05d, which says so much and no more than that: x"}]}`, i))
	}
	for i := range size / 448 {
		tools = append(tools, fmt.Sprintf(`{"type":"function","function":{"name":"tool_%05d","description":"%s","parameters":{"type":"object","properties":{"path":{"type":"string","description":"where it is"},"count":{"type":"integer"}},"required":["path"],"additionalProperties":false}}}`, i, strings.Repeat("does things ", 16)))
	}
	return map[string]string{
		"string":   whole(strings.Repeat("A long text, all of it in one string of a single message. ", size/59)),
		"lines":    whole(strings.Repeat("\tif err != nil {\n\t\treturn \"x\"\n\t}\n", size/41)),
		"foreign":  whole(strings.Repeat("Пример текста на другом языке. ", size/56)),
		"messages": `{"model":"m","messages":[` + strings.Join(short, ",") + `]}`,
		"tools":    `{"model":"m","messages":[],"tools":[` + strings.Join(tools, ",") + `]}`,
	}
}

func BenchmarkRead(b *testing.B) {
	for name, body := range bodies() {
		b.Run(name, func(b *testing.B) {
			body := []byte(body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := openAI.Read(body, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// One event of each dialect's streams, many times: ns/op is for one.
func BenchmarkAnswer(b *testing.B) {
	for _, c := range []struct {
		name  string
		d     *Dialect
		event string
	}{
		{"chat", openAI, `data: {"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion.chunk","created":1741569952,"model":"gpt-4.1-2025-04-14","service_tier":"default","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":" a few words"},"logprobs":null,"finish_reason":null}],"usage":null}` + "\n\n"},
		{"responses", openAINew, "event: response.output_text.delta\n" + `data: {"type":"response.output_text.delta","item_id":"msg_67c9fdcf37fc8190ba82116e33fb28c507b8b0ad4e5eb654","output_index":0,"content_index":0,"delta":" a few words","sequence_number":17,"obfuscation":"xxxxxxxx"}` + "\n\n"},
		{"messages", anthropic, "event: content_block_delta\n" + `data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" a few words"}}` + "\n\n"},
		{"gemini", geminiEvents, `data: {"candidates": [{"content": {"parts": [{"text": " a few words"}],"role": "model"},"index": 0}],"usageMetadata": {"promptTokenCount": 10,"candidatesTokenCount": 12,"totalTokenCount": 22,"promptTokensDetails": [{"modality": "TEXT","tokenCount": 10}]},"modelVersion": "gemini-2.5-flash","responseId": "abcdefghij"}` + "\r\n\r\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			const times = 1000
			body, h := []byte(strings.Repeat(c.event, times)), http.Header{"Content-Type": {"text/event-stream"}}
			b.ReportAllocs()
			for b.Loop() {
				if a := c.d.Answer(h, body, 1); a.Failed {
					b.Fatal(a)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*times), "ns/event")
		})
	}
}
