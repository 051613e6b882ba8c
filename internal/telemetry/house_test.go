// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collectormetric "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

var (
	chat = policy.Action{Tool: "model", Name: "chat.completions", Class: policy.Model}
	wiki = policy.Action{Tool: "confluence", Name: "page.get", Class: policy.Read}
	job1 = &token.Claims{Job: "job-1", Agent: "robot"}
)

// A collector is an OTLP receiver that remembers what it was sent.
type collector struct {
	*httptest.Server
	answer func(w http.ResponseWriter, r *http.Request) // if set, in place of taking it

	mu       sync.Mutex
	spans    []*traces.Span
	resource map[string]string
	metrics  map[string]*metrics.Metric
	headers  []http.Header
}

func newCollector(t *testing.T) *collector {
	c := &collector{metrics: map[string]*metrics.Metric{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.answer != nil {
			c.answer(w, r)
			return
		}
		if err := c.take(r); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) take(r *http.Request) error {
	body, err := gzip.NewReader(r.Body)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = append(c.headers, r.Header)
	switch r.URL.Path {
	case "/v1/traces":
		var sent collectortrace.ExportTraceServiceRequest
		if err := proto.Unmarshal(b, &sent); err != nil {
			return err
		}
		for _, rs := range sent.ResourceSpans {
			c.resource = attributes(rs.Resource.Attributes)
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	case "/v1/metrics":
		var sent collectormetric.ExportMetricsServiceRequest
		if err := proto.Unmarshal(b, &sent); err != nil {
			return err
		}
		for _, rm := range sent.ResourceMetrics {
			for _, sm := range rm.ScopeMetrics {
				for _, m := range sm.Metrics {
					c.metrics[m.Name] = m
				}
			}
		}
	default:
		return fmt.Errorf("sent to %s", r.URL.Path)
	}
	return nil
}

// span returns the one span of a name.
func (c *collector) span(t *testing.T, name string) *traces.Span {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.spans, func(s *traces.Span) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no span %q among %d", name, len(c.spans))
	}
	return c.spans[i]
}

// attributes are kvs as text.
func attributes(kvs []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, kv := range kvs {
		switch v := kv.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			out[kv.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			out[kv.Key] = fmt.Sprint(v.IntValue)
		case *common.AnyValue_DoubleValue:
			out[kv.Key] = fmt.Sprint(v.DoubleValue)
		case *common.AnyValue_BoolValue:
			out[kv.Key] = fmt.Sprint(v.BoolValue)
		case *common.AnyValue_ArrayValue:
			var all []string
			for _, e := range v.ArrayValue.Values {
				all = append(all, e.GetStringValue())
			}
			out[kv.Key] = "[" + strings.Join(all, " ") + "]"
		}
	}
	return out
}

// open makes a Recorder of c, and a log. It is closed with the test, if the test
// has not done so.
func open(t *testing.T, c Config) (*Recorder, *housetest.Log) {
	t.Helper()
	log := new(housetest.Log)
	c.Log, c.House, c.Version = slog.New(slog.NewTextHandler(log, nil)), "house.test", "v9"
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(context.Background()) })
	return r, log
}

// opened is an allowed call's opened receipt.
func opened(a policy.Action, model string) *receipt.Receipt {
	call := &policy.Call{Tool: a.Tool, Action: a.Name, Class: a.Class}
	if model != "" {
		call.Resources = []policy.Resource{{Type: "route", ID: "oa"}, {Type: "model", ID: model}}
	}
	return &receipt.Receipt{Kind: receipt.Opened, Job: "job-1", Seq: 7, Call: call, Decision: &policy.Decision{Effect: policy.Allow}}
}

// carry tells of a whole call as the gate does, and returns what its act saw.
func carry(ctx context.Context, r *Recorder, a policy.Action, model string, out receipt.Outcome, act func(context.Context)) {
	first := opened(a, model)
	last := &receipt.Receipt{Kind: receipt.Closed, Job: "job-1", Seq: 8, Opened: 7, Outcome: &out}
	ctx, call := r.Call(ctx, job1, a)
	acting, told := r.Act(ctx, first)
	if act != nil {
		act(acting)
	}
	told.End(&out)
	call.End(last, "")
}

// generated is the outcome of a model's answer.
func generated() receipt.Outcome {
	return receipt.Outcome{Status: receipt.Done, Code: "200", Model: &receipt.Generation{
		Provider: "openai", Model: "gpt-9-0101", Finish: "stop", First: 120, Took: 900,
		Usage: &receipt.Usage{Input: 300, Output: 40, CacheRead: 256, Reasoning: 8},
	}}
}
