// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawea/clawea/receipt"
)

func TestHangUpIsAborted(t *testing.T) {
	want := noise(3000)
	gone := make(chan bool, 1)
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		trickle(w, want)
		<-r.Context().Done()
		gone <- true
	}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp, err := h.try(ctx, chat, gpt)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, len(want))); err != nil {
		t.Fatal(err)
	}
	cancel()
	h.ends(2, receipt.Aborted, "hangup", gpt, want)
	select {
	case <-gone:
	case <-time.After(30 * time.Second):
		t.Error("the provider was left talking")
	}
}

// Clients close a stream when they have read its last event, and do not wait for
// the connection's end. Nothing was cut off then.
func TestHangUpAfterTheLastEvent(t *testing.T) {
	const begin = `data: {"id":"c","model":"gpt-5","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}` + "\n\n"
	for _, c := range []struct {
		name, last string
		status     receipt.Status
		code       string
	}{
		{"its end", "data: [DONE]\n\n", receipt.Done, "200"},
		{"an error", `data: {"error":{"message":"no","type":"server_error"}}` + "\n\n", receipt.Aborted, "error-in-answer"},
		{"neither", begin, receipt.Aborted, "hangup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			said := []byte(begin + c.last)
			h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				trickle(w, said)
				<-r.Context().Done()
			}))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			resp, err := h.try(ctx, chat, gpt)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if _, err := io.ReadFull(resp.Body, make([]byte, len(said))); err != nil {
				t.Fatal(err)
			}
			cancel()
			h.ends(2, c.status, c.code, gpt, said)
		})
	}
}

func TestHangUpBeforeAnAnswer(t *testing.T) {
	arrived := make(chan bool, 1)
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		arrived <- true
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if resp, err := h.try(ctx, chat, gpt); err == nil {
		resp.Body.Close()
		t.Error("an answer came")
	}
	h.ends(2, receipt.Aborted, "hangup", gpt, nil)
}

// The agent must not take a part for the whole, and the receipt says which part.
func TestProviderBreaksOff(t *testing.T) {
	want := noise(3000)
	for name, handler := range map[string]http.HandlerFunc{
		"chunked": func(w http.ResponseWriter, r *http.Request) {
			trickle(w, want)
			panic(http.ErrAbortHandler)
		},
		"with a length": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "9999")
			trickle(w, want)
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, wpc, upstream(t, "oai", "openai", handler))
			resp := h.post(chat, gpt)
			got, err := io.ReadAll(resp.Body)
			if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(got, want) {
				t.Errorf("got %d bytes of %d, %v", len(got), len(want), err)
			}
			h.ends(2, receipt.Aborted, "cut", gpt, want)
		})
	}
}

func TestProviderFallsSilent(t *testing.T) {
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "data: 1\n\n") // sent with its header, so that there is no silence between
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	h.proxy.Limits.Idle = time.Second
	resp := h.post(chat, gpt)
	got, err := io.ReadAll(resp.Body)
	if err == nil || string(got) != "data: 1\n\n" {
		t.Errorf("got %q, %v", got, err)
	}
	h.ends(2, receipt.Aborted, "idle", gpt, got)
}

func TestAnswerTooLong(t *testing.T) {
	if testing.Short() {
		t.Skip("sends 64 MiB")
	}
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		chunk := make([]byte, 1<<20)
		for range DefaultAnswer/len(chunk) + 1 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	resp := h.post(chat, gpt)
	n, err := io.Copy(io.Discard, resp.Body)
	if n != DefaultAnswer || err == nil {
		t.Errorf("got %d bytes, %v", n, err)
	}
	h.ends(2, receipt.Aborted, "too-long", gpt, make([]byte, DefaultAnswer))
}

func TestProviderDoesNotAnswer(t *testing.T) {
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	}))
	resp := h.post(chat, gpt)
	b := body(t, resp)
	complains(t, resp, b, "openai", 502, "did not answer")
	h.ends(2, receipt.Unknown, "no-answer", gpt, b)
}

func TestProviderIsUnreachable(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	h := newHouse(t, wpc, Route{Name: "ant", Dialect: "anthropic", BaseURL: srv.URL, Key: func() (string, error) { return key, nil }})
	resp := h.post(messages, claude)
	b := body(t, resp)
	complains(t, resp, b, "anthropic", 502, "could not be reached")
	h.ends(2, receipt.Failed, "unreachable", claude, b)
	if strings.Contains(string(b), "127.0.0.1") {
		t.Errorf("names the provider's host: %s", b)
	}
}

func TestRedirectIsRefused(t *testing.T) {
	elsewhere := 0
	other := upstream(t, "x", "openai", func(http.ResponseWriter, *http.Request) { elsewhere++ })
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.BaseURL, http.StatusTemporaryRedirect)
	}))
	resp := h.post(chat, gpt)
	b := body(t, resp)
	complains(t, resp, b, "openai", 502, "could not be reached")
	if elsewhere != 0 || resp.Header.Get("Location") != "" || strings.Contains(string(b), other.BaseURL) {
		t.Errorf("%d requests went elsewhere; the agent got %v, %s", elsewhere, resp.Header, b)
	}
	h.ends(2, receipt.Failed, "redirect", gpt, b)
}

// A request that may have arrived is not sent again, whatever its headers say.
func TestSentOnce(t *testing.T) {
	var hits atomic.Int32
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if hits.Add(1) > 1 { // on the connection that the first request left open
			panic(http.ErrAbortHandler)
		}
	}))
	body(t, h.post(chat, gpt, "Idempotency-Key", "i1"))
	resp := h.post(chat, gpt, "Idempotency-Key", "i1")
	b := body(t, resp)
	if resp.StatusCode != 502 || hits.Load() != 2 {
		t.Errorf("status %d after %d requests, want 2", resp.StatusCode, hits.Load())
	}
	h.ends(4, receipt.Unknown, "no-answer", gpt, b)
}

func TestMissingKey(t *testing.T) {
	for name, fetch := range map[string]func() (string, error){
		"error": func() (string, error) { return "", errors.New("/etc/keys/oai is not there") },
		"empty": func() (string, error) { return "", nil },
	} {
		t.Run(name, func(t *testing.T) {
			hits := 0
			route := upstream(t, "oai", "openai", func(http.ResponseWriter, *http.Request) { hits++ })
			route.Key = fetch
			h := newHouse(t, wpc, route)
			resp := h.post(chat, gpt)
			b := body(t, resp)
			complains(t, resp, b, "openai", 502, "could not be reached")
			if strings.Contains(string(b), "/etc/keys") || hits != 0 {
				t.Errorf("%d requests, answer %s", hits, b)
			}
			if !strings.Contains(h.log.String(), "fetch the provider's key") {
				t.Error("the operator is not told")
			}
			h.ends(2, receipt.Failed, "credential", gpt, b)
		})
	}
}

// An agent that stops reading is cut off, and does not hold the provider.
func TestAgentStopsReading(t *testing.T) {
	gone := make(chan bool, 1)
	h := newHouse(t, wpc, upstream(t, "oai", "openai", func(w http.ResponseWriter, r *http.Request) {
		chunk := make([]byte, 1<<20)
		for range DefaultAnswer / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				break
			}
		}
		gone <- true
	}))
	h.proxy.Limits.Idle = time.Second // the provider is not to fall silent for as long
	resp := h.post(chat, gpt)
	rs := h.receipts(2)
	if out := rs[1].Outcome; out.Status != receipt.Aborted || out.Code != "hangup" || out.Size >= DefaultAnswer {
		t.Errorf("outcome %+v", out)
	}
	<-gone
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("the agent takes a part for the whole")
	}
}

// A status that does not exist says nothing of what the provider did.
func TestOddStatus(t *testing.T) {
	for _, status := range []string{"099", "101", "600"} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				io.Copy(io.Discard, r.Body)
			}
			fmt.Fprintf(conn, "HTTP/1.1 %s Odd\r\nContent-Length: 2\r\nUpgrade: odd\r\nConnection: close\r\n\r\nok", status)
		}()
		h := newHouse(t, wpc, Route{Name: "oai", Dialect: "openai", BaseURL: "http://" + ln.Addr().String(), Key: func() (string, error) { return key, nil }})
		resp := h.post(chat, gpt)
		b := body(t, resp)
		if resp.StatusCode != 502 {
			t.Errorf("%s: got %d %q", status, resp.StatusCode, b)
		}
		h.ends(2, receipt.Unknown, "no-answer", gpt, b)
		ln.Close()
	}
}
