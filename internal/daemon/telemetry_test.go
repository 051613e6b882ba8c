// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clawea/clawea/internal/config"
)

// A receiver takes traces over OTLP.
type receiver struct {
	mu     sync.Mutex
	spans  map[string]*traces.Span
	secret string // that they came with
}

func (c *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/traces" {
		return
	}
	var sent collector.ExportTraceServiceRequest
	body, err := gzip.NewReader(r.Body)
	if err == nil {
		var b []byte
		if b, err = io.ReadAll(body); err == nil {
			err = proto.Unmarshal(b, &sent)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secret = r.Header.Get("Authorization")
	for _, rs := range sent.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				c.spans[s.Name] = s
			}
		}
	}
}

// telling is a world whose house tells c and a page what it does.
func telling(t *testing.T, c http.Handler) *world {
	t.Helper()
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	w := newWorld(t, "sqlite:clawea.db")
	w.write("otlp", "Bearer collector-0123456789\n")
	w.more = fmt.Sprintf(`"telemetry": {"otlp": %q, "headers": {"Authorization": "file:otlp"}, "prometheus": "127.0.0.1:0"},`, srv.URL)
	return w
}

// onward has w's model reached through a proxy that tells seen what it is sent.
func (w *world) onward(seen func(http.Header)) {
	w.t.Helper()
	there, err := url.Parse(w.modelURL)
	if err != nil {
		w.t.Fatal(err)
	}
	on := httputil.NewSingleHostReverseProxy(there)
	on.Transport = new(http.Transport) // no other test closes its connections
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		seen(r.Header)
		// else the server closes the request's body when the answer begins, and the proxy, which may
		// not have seen its end yet, breaks the answer off
		if err := http.NewResponseController(rw).EnableFullDuplex(); err != nil {
			w.t.Error(err)
		}
		on.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(srv.Close)
	w.modelURL = srv.URL
}

const agentsTrace = "4bf92f3577b34da6a3ce929d0e0e4736"

// traced asks the model as an agent that traces.
func (h *house) traced(raw string) {
	h.t.Helper()
	body := strings.NewReader(`{"model":"claude-sim-1","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hush"}]}`)
	req, err := http.NewRequestWithContext(h.t.Context(), "POST", h.url+"/proxy/sim-anthropic/v1/messages", body)
	if err != nil {
		h.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-Api-Key": raw, "Anthropic-Version": "2023-06-01",
		"Traceparent": "00-" + agentsTrace + "-00f067aa0ba902b7-00", "Tracestate": "hush=1", "Baggage": "hush=1,clawea.job=another",
	} {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		h.t.Fatalf("%s %s, %v", res.Status, b, err)
	}
}

// tracing adds to the requests of an MCP client where they belong.
type tracing struct{ bearer }

func (c tracing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Traceparent", "00-"+agentsTrace+"-00f067aa0ba902b7-01")
	return c.bearer.RoundTrip(r)
}

// tracedAgent is agent, by a client that traces.
func (h *house) tracedAgent(raw string) *mcp.ClientSession {
	h.t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "robot", Version: "1"}, nil)
	s, err := client.Connect(h.t.Context(), &mcp.StreamableClientTransport{Endpoint: h.url + "/mcp", HTTPClient: &http.Client{Transport: tracing{bearer(raw)}}}, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func TestTelemetry(t *testing.T) {
	c := &receiver{spans: map[string]*traces.Span{}}
	w := telling(t, c)
	w.moreOfModel = `, "trace": true`
	var sent http.Header
	w.onward(func(h http.Header) { sent = h.Clone() })
	h := w.start()
	p := h.publish()
	issued := h.issue(p, "job-1")
	h.traced(issued.Token)
	s := h.tracedAgent(issued.Token)
	tool(t, s, "confluence.page.get", `{"page_id":"`+w.page+`"}`)
	tool(t, s, "hush.delete", `{"issue":"ENG-1"}`)
	tool(t, s, "confluence.page.update", `{"page_id":"`+w.page+`","based_on_version":1,"message":"quietly","body_storage":"<p>hush</p>"}`)
	page := h.page()
	s.Close()
	h.shut()

	server, client := c.spans["model.messages"], c.spans["chat claude-sim-1"]
	if server == nil || client == nil || hex.EncodeToString(server.TraceId) != agentsTrace || string(client.ParentSpanId) != string(server.SpanId) {
		t.Fatalf("spans: %v", c.spans)
	}
	if got, want := sent.Get("Traceparent"), fmt.Sprintf("00-%s-%x-01", agentsTrace, client.SpanId); got != want || sent.Get("Baggage") != "clawea.job=job-1" || sent.Get("Tracestate") != "" {
		t.Errorf("the provider was told %v; want traceparent %s", sent, want)
	}
	read, acted := c.spans["confluence.page.get"], c.spans["execute_tool confluence.page.get"]
	if read == nil || acted == nil || hex.EncodeToString(read.TraceId) != agentsTrace || string(acted.ParentSpanId) != string(read.SpanId) ||
		c.spans["mcp.unknown"] == nil || c.secret != "Bearer collector-0123456789" {
		t.Errorf("spans %v; secret %q", c.spans, c.secret)
	}
	for _, want := range []string{
		`gen_ai.response.id`, `gen_ai.usage.input_tokens`, `gen_ai.response.finish_reasons`, `"end_turn"`, `"anthropic"`, `"clawea.job"`, `gen_ai.response.time_to_first_chunk`,
	} {
		if !strings.Contains(strings.ReplaceAll(client.String(), `\`, ""), want) {
			t.Errorf("the model's span has no %s: %v", want, client)
		}
	}
	for _, want := range []string{
		`clawea_calls_total{clawea_action="messages",clawea_code="200",clawea_effect="allow",clawea_status="done",clawea_tool="model"} 1`,
		`clawea_calls_total{clawea_action="unknown",clawea_code="unknown_tool",clawea_effect="deny",clawea_tool="mcp"} 1`,
		`clawea_calls_total{clawea_action="page.update",clawea_effect="ask",clawea_tool="confluence"} 1`,
		`clawea_approvals_waiting 1`, `clawea_calls_active 0`, `clawea_receipts_total{clawea_kind="opened"} 4`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s:\n%s", want, page)
		}
	}
	told := page
	for _, span := range c.spans {
		told += span.String()
	}
	if strings.Contains(told, "hush") || strings.Contains(told, issued.Token) || strings.Contains(page, "job-1") || strings.Contains(h.log.String(), "collector-0123456789") {
		t.Error("what should not be told is")
	}
}

// page reads the page for Prometheus.
func (h *house) page() string {
	h.t.Helper()
	res, err := http.Get("http://" + h.telemetry.Page().String() + "/metrics")
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// A provider is told nothing where its route does not say so, and refusals at
// the door are counted.
func TestTelemetryKeepsToItself(t *testing.T) {
	w := telling(t, http.NotFoundHandler())
	var sent http.Header
	w.onward(func(h http.Header) { sent = h.Clone() })
	h := w.start()
	h.traced(h.issue(h.publish(), "job-1").Token)
	for _, name := range []string{"Traceparent", "Tracestate", "Baggage"} {
		if sent.Get(name) != "" {
			t.Errorf("the provider was told %s: %s", name, sent.Get(name))
		}
	}
	if status, _ := h.ask("a.stranger's.token"); status != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", status)
	}
	if page := h.page(); !strings.Contains(page, `clawea_calls_total{clawea_action="messages",clawea_code="token.`) || !strings.Contains(page, `clawea_effect="refused"`) {
		t.Errorf("the refusal is not counted:\n%s", page)
	}
}

// A page that cannot be there stops the daemon before it serves.
func TestTelemetryPageIsTaken(t *testing.T) {
	w := telling(t, http.NotFoundHandler())
	first := w.start()
	taken := &config.Config{Telemetry: &config.Telemetry{Prometheus: first.telemetry.Page().String()}}
	_, err := newRecorder(taken, first.db, "test", first.Daemon.log)
	if err == nil || !strings.Contains(err.Error(), "listen for Prometheus") {
		t.Errorf("got %v", err)
	}
}
