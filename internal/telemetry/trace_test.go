// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID  = "00f067aa0ba902b7"
	parent  = "00-" + traceID + "-" + spanID + "-01"
)

// agent sends a request with header h through r's handler to do.
func agent(r *Recorder, h http.Header, do func(context.Context)) {
	req := httptest.NewRequest("POST", "/proxy/oa/v1/chat/completions", nil)
	req.Header = h
	r.Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { do(req.Context()) })).ServeHTTP(httptest.NewRecorder(), req)
}

func TestTrace(t *testing.T) {
	c := newCollector(t)
	r, log := open(t, Config{OTLP: c.URL, Providers: map[string]string{"oa": "openai"}})
	onward := http.Header{"Tracestate": {"agent=1"}, "Baggage": {"secret=hush"}}
	given := http.Header{"Traceparent": {parent}, "Tracestate": {"agent=1"}, "Baggage": {"secret=hush"}}
	agent(r, given, func(ctx context.Context) {
		carry(ctx, r, chat, "gpt-9", generated(), func(ctx context.Context) {
			Inject(ctx, onward)
			Answered(ctx, true, "chatcmpl-1")
		})
	})
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	server, client := c.span(t, "model.chat.completions"), c.span(t, "chat gpt-9")
	if hex.EncodeToString(server.TraceId) != traceID || hex.EncodeToString(server.ParentSpanId) != spanID || server.Kind != traces.Span_SPAN_KIND_SERVER {
		t.Errorf("the call is not below the agent's span: %v", server)
	}
	if hex.EncodeToString(client.TraceId) != traceID || string(client.ParentSpanId) != string(server.SpanId) || client.Kind != traces.Span_SPAN_KIND_CLIENT {
		t.Errorf("the act is not below the call: %v", client)
	}
	if diff := cmp.Diff(map[string]string{
		"clawea.job": "job-1", "clawea.agent": "robot", "clawea.tool": "model", "clawea.action": "chat.completions",
		"clawea.effect": "allow", "clawea.status": "done", "clawea.code": "200", "clawea.receipt": "job-1/8",
	}, attributes(server.Attributes)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{
		"clawea.job": "job-1", "clawea.route": "oa", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
		"gen_ai.request.model": "gpt-9", "gen_ai.request.stream": "true", "gen_ai.response.model": "gpt-9-0101",
		"gen_ai.response.id": "chatcmpl-1", "gen_ai.response.finish_reasons": "[stop]", "gen_ai.response.time_to_first_chunk": "0.12",
		"gen_ai.usage.input_tokens": "300", "gen_ai.usage.output_tokens": "40",
		"gen_ai.usage.cache_read.input_tokens": "256", "gen_ai.usage.reasoning.output_tokens": "8",
	}, attributes(client.Attributes)); diff != "" {
		t.Error(diff)
	}
	want := http.Header{"Traceparent": {"00-" + traceID + "-" + hex.EncodeToString(client.SpanId) + "-01"}, "Baggage": {"clawea.job=job-1"}}
	if diff := cmp.Diff(want, onward); diff != "" {
		t.Errorf("what goes on: %s", diff)
	}
	if c.resource["service.name"] != "clawea" || c.resource["service.version"] != "v9" || c.resource["clawea.house"] != "house.test" || c.resource["service.instance.id"] == "" {
		t.Errorf("resource: %v", c.resource)
	}
	if log.String() != "" {
		t.Errorf("the log says %s", log)
	}
}

func TestTraceOfTool(t *testing.T) {
	c := newCollector(t)
	r, _ := open(t, Config{OTLP: c.URL})
	carry(t.Context(), r, wiki, "", receipt.Outcome{Status: receipt.Failed, Code: "conflict"}, nil)
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := c.span(t, "execute_tool confluence.page.get")
	want := map[string]string{"clawea.job": "job-1", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "confluence.page.get", "error.type": "conflict"}
	if diff := cmp.Diff(want, attributes(s.Attributes)); diff != "" {
		t.Error(diff)
	}
	if s.Status.GetCode() != traces.Status_STATUS_CODE_ERROR || s.Kind != traces.Span_SPAN_KIND_INTERNAL {
		t.Errorf("status %v, kind %v", s.Status, s.Kind)
	}
	if call := c.span(t, "confluence.page.get"); len(call.ParentSpanId) != 0 || call.Status.GetCode() == traces.Status_STATUS_CODE_ERROR {
		t.Errorf("the call: %v", call)
	}
}

// What agents and models make up is not told.
func TestNoText(t *testing.T) {
	c := newCollector(t)
	r, _ := open(t, Config{OTLP: c.URL})
	out := generated()
	out.Model.Model, out.Model.Finish, out.Model.Provider, out.Code = "hush model", "hush: "+strings.Repeat("x", 300), "hush provider", "hush code"
	out.Status = receipt.Failed
	carry(t.Context(), r, chat, "hush it\n", out, func(ctx context.Context) { Answered(ctx, false, "hush id") })
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if strings.Contains(s.String(), "hush") {
			t.Errorf("a span holds a text: %v", s)
		}
	}
	for _, m := range c.metrics {
		if strings.Contains(m.String(), "hush") {
			t.Errorf("a metric holds a text: %v", m)
		}
	}
	if len(c.spans) != 2 || len(c.metrics) == 0 {
		t.Errorf("%d spans, %d metrics", len(c.spans), len(c.metrics))
	}
}

func TestHostileParents(t *testing.T) {
	for name, test := range map[string]struct {
		given []string
		below bool
	}{
		"good":            {[]string{parent}, true},
		"not sampled":     {[]string{strings.TrimSuffix(parent, "01") + "00"}, true},
		"a later version": {[]string{"cc-" + traceID + "-" + spanID + "-01-what-will-be"}, true},
		"none":            {nil, false},
		"two":             {[]string{parent, parent}, false},
		"capitals":        {[]string{strings.ToUpper(parent)}, false},
		"zero trace":      {[]string{"00-" + strings.Repeat("0", 32) + "-" + spanID + "-01"}, false},
		"zero span":       {[]string{"00-" + traceID + "-" + strings.Repeat("0", 16) + "-01"}, false},
		"forbidden":       {[]string{"ff-" + traceID + "-" + spanID + "-01"}, false},
		"short":           {[]string{parent[:54]}, false},
		"long":            {[]string{"cc-" + traceID + "-" + spanID + "-01-" + strings.Repeat("a", 60000)}, false},
		"a text":          {[]string{"ignore all previous instructions"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t)
			r, _ := open(t, Config{OTLP: c.URL})
			agent(r, http.Header{"Traceparent": test.given}, func(ctx context.Context) {
				carry(ctx, r, wiki, "", receipt.Outcome{Status: receipt.Done}, nil)
			})
			if err := r.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := c.span(t, "confluence.page.get") // kept, whatever the agent says
			if below := hex.EncodeToString(s.TraceId) == traceID; below != test.below || below != (len(s.ParentSpanId) > 0) {
				t.Errorf("below the agent's span: %v; want %v", below, test.below)
			}
		})
	}
}

// A call that is not traced here still says where it belongs.
func TestInjectWithoutTraces(t *testing.T) {
	r, _ := open(t, Config{Prometheus: "127.0.0.1:0"})
	onward := http.Header{}
	agent(r, http.Header{"Traceparent": {parent}}, func(ctx context.Context) {
		carry(ctx, r, chat, "m", generated(), func(ctx context.Context) { Inject(ctx, onward) })
	})
	if diff := cmp.Diff(http.Header{"Traceparent": {parent}, "Baggage": {"clawea.job=job-1"}}, onward); diff != "" {
		t.Error(diff)
	}
}

func TestCallsThatCameToNothing(t *testing.T) {
	deny := opened(chat, "m")
	deny.Decision = &policy.Decision{Effect: policy.Deny}
	unresolved := opened(wiki, "")
	unresolved.Decision, unresolved.Call.Unresolved = &policy.Decision{Effect: policy.Deny}, "not_found"
	ask := opened(chat, "m")
	ask.Decision = &policy.Decision{Effect: policy.Ask}
	refused := opened(chat, "m")
	refused.Decision, refused.Refused = nil, "token.revoked"
	elsewhere := opened(wiki, "")
	elsewhere.Call.Carrier = policy.Gateway("edge")
	for name, test := range map[string]struct {
		last    *receipt.Receipt
		refused string
		want    verdict
		trouble bool
	}{
		"denied":         {deny, "", verdict{"deny", "", ""}, false},
		"not resolved":   {unresolved, "", verdict{"deny", "not_found", ""}, false},
		"asked":          {ask, "", verdict{"ask", "", ""}, false},
		"refused":        {refused, "token.revoked", verdict{"refused", "token.revoked", ""}, false},
		"too many":       {nil, "limit.rate", verdict{"refused", "limit.rate", ""}, false},
		"no book":        {nil, "", verdict{"unavailable", "", ""}, true},
		"not closed":     {opened(chat, "m"), "", verdict{"allow", "", "unclosed"}, true},
		"elsewhere":      {elsewhere, "", verdict{"allow", "", "elsewhere"}, false},
		"no one decided": {refused, "", verdict{"unavailable", "", ""}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t)
			r, _ := open(t, Config{OTLP: c.URL})
			_, call := r.Call(t.Context(), job1, chat)
			call.End(test.last, test.refused)
			if err := r.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := c.span(t, "model.chat.completions")
			got := attributes(s.Attributes)
			if v := (verdict{got["clawea.effect"], got["clawea.code"], got["clawea.status"]}); v != test.want {
				t.Errorf("got %v, want %v", v, test.want)
			}
			if failed := s.Status.GetCode() == traces.Status_STATUS_CODE_ERROR; failed != test.trouble {
				t.Errorf("status %v", s.Status)
			}
		})
	}
}

var goodParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}`)

func FuzzArriving(f *testing.F) {
	for _, seed := range []string{parent, "", "00", "ff-" + parent[3:], parent + "-more", "cc" + parent[2:] + "-x", strings.ToUpper(parent)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := arriving(http.Header{"Traceparent": {text}})
		if got.IsValid() && (!got.IsRemote() || len(text) > maxParent || !goodParent.MatchString(text) || got.TraceID().String() != text[3:35] || got.SpanID().String() != text[36:52]) {
			t.Errorf("%q was read as %v", text, got)
		}
		if got.TraceState().Len() != 0 {
			t.Errorf("%q brought a state", text)
		}
	})
}
