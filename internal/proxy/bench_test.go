// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// BenchmarkStream is what a chunk of a stream costs, beside a reverse proxy that
// does nothing but pass it on.
func BenchmarkStream(b *testing.B) {
	event := []byte("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-5\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"}}]}\n\n")
	stream := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		var n int
		fmt.Sscan(r.Header.Get("X-Stainless-Helper"), &n)
		c := http.NewResponseController(w)
		for range n {
			w.Write(event)
			c.Flush()
		}
	}
	bench := func(b *testing.B, url, cst string) {
		for b.Loop() {
			req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(gpt))
			if err != nil {
				b.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+cst)
			req.Header.Set("X-Stainless-Helper", "1000")
			resp, err := plain.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if err != nil || n != int64(1000*len(event)) {
				b.Fatal(n, err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/chunk")
	}
	route := upstream(b, "oai", "openai", stream)
	b.Run("bare", func(b *testing.B) {
		to, err := url.Parse(route.BaseURL)
		if err != nil {
			b.Fatal(err)
		}
		srv := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }})
		defer srv.Close()
		bench(b, srv.URL+"/chat/completions", "x")
	})
	b.Run("clawea", func(b *testing.B) {
		h := newHouse(b, wpc, route)
		bench(b, h.url+chat, h.cst)
	})
}

// BenchmarkPlain is what a short answer costs, but for the database.
func BenchmarkPlain(b *testing.B) {
	answer := []byte(`{"id":"c1","model":"gpt-5","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`)
	h := newHouse(b, wpc, upstream(b, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
	}))
	b.ReportAllocs()
	for b.Loop() {
		resp, err := h.try(b.Context(), chat, gpt)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}
