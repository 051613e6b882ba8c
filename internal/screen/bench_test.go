// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package screen

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// request returns a request with content, about size bytes.
func request(t testing.TB, content string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"model": "m", "max_tokens": 100, "messages": []map[string]string{{"role": "user", "content": content}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// noise is base64 of n random bytes, the same ones in every run.
func noise(n int) string {
	rnd, b := rand.New(rand.NewPCG(1, 2)), make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return base64.StdEncoding.EncodeToString(b)
}

// texts are contents of about 112 KB.
func texts(t testing.TB) map[string]string {
	const size = 112 << 10
	var code strings.Builder
	for _, name := range []string{"screen.go", "rule.go", "search.go", "shape.go", "text.go", "../oauth/oauth.go", "../keys/keys.go"} {
		if b, err := os.ReadFile(name); err == nil {
			code.Write(b)
		}
	}
	fill := func(s string) string { return strings.Repeat(s, size/len(s)+1)[:size] }
	var settings strings.Builder
	for i := range 100 {
		fmt.Fprintf(&settings, "service_%d:\n  api_key: ${SERVICE_KEY_%d}\n  auth_token = \"changeme\"\n  access: public\n  url: https://host-%d.example/path?token=short\n", i, i, i)
	}
	return map[string]string{
		"prose":    fill("The quick secretary asked whether the key to the access road was still with the author of the report. They say so. "),
		"code":     fill(code.String()),
		"settings": fill(settings.String()),
		"foreign":  fill("Пример текста на другом языке, в котором ничего нет. "),
		"image":    noise(size * 3 / 4),
		"hostile":  fill("key="),
		"hostile2": fill("api_key=a1b2c3d4e5;"),
		"hostile3": fill("api_key=" + "q8Zr5Tn2Wx7Kv4Jb9 "),
	}
}

func BenchmarkMask(b *testing.B) {
	bodies := texts(b)
	for name, text := range bodies {
		bodies[name] = string(request(b, text))
	}
	for _, patterns := range [][]string{{"*"}, {"aws-*", "github-*", "private-key"}, {"pii-*"}} {
		r, err := For(patterns)
		if err != nil {
			b.Fatal(err)
		}
		for name, body := range bodies {
			b.Run(strings.Join(patterns, ",")+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				raw := []byte(body)
				for b.Loop() {
					r.Mask(raw)
				}
			})
		}
	}
}
