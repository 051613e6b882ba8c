// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/token"
)

// scrape reads r's page as Prometheus does.
func scrape(t *testing.T, r *Recorder) map[string]*dto.MetricFamily {
	t.Helper()
	res, err := http.Get("http://" + r.Page().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the page: %s", res.Status)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	all, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// values are a family's series: their labels, and the counter, gauge or how
// often and what in sum a histogram was told.
func values(f *dto.MetricFamily) map[string]float64 {
	out := map[string]float64{}
	for _, m := range f.GetMetric() {
		var labels []string
		for _, l := range m.Label {
			labels = append(labels, l.GetName()+"="+l.GetValue())
		}
		key := strings.Join(labels, " ")
		switch {
		case m.Counter != nil:
			out[key] = m.Counter.GetValue()
		case m.Gauge != nil:
			out[key] = m.Gauge.GetValue()
		case m.Histogram != nil:
			out[key+" count"] = float64(m.Histogram.GetSampleCount())
			out[key+" sum"] = m.Histogram.GetSampleSum()
		}
	}
	return out
}

func TestPrometheus(t *testing.T) {
	r, log := open(t, Config{Prometheus: "127.0.0.1:0", Providers: map[string]string{"oa": "openai"}, Waiting: func(context.Context) (int, error) { return 3, nil }})
	streamed := func(ctx context.Context) { Answered(ctx, true, "x") }
	carry(t.Context(), r, chat, "gpt-9", generated(), streamed)
	carry(t.Context(), r, chat, "gpt-9", generated(), streamed)
	carry(t.Context(), r, chat, "gpt-9", receipt.Outcome{Status: receipt.Failed, Code: "unreachable"}, nil)
	carry(t.Context(), r, wiki, "", receipt.Outcome{Status: receipt.Done}, nil)
	r.Refused(chat, "limit.rate")
	_, under := r.Call(t.Context(), job1, wiki)
	all := scrape(t, r)
	under.End(nil, "")
	for name, want := range map[string]map[string]float64{
		"clawea_calls_total": {
			"clawea_action=chat.completions clawea_code=200 clawea_effect=allow clawea_status=done clawea_tool=model":           2,
			"clawea_action=chat.completions clawea_code=unreachable clawea_effect=allow clawea_status=failed clawea_tool=model": 1,
			"clawea_action=chat.completions clawea_code=limit.rate clawea_effect=refused clawea_tool=model":                     1,
			"clawea_action=page.get clawea_effect=allow clawea_status=done clawea_tool=confluence":                              1,
		},
		"clawea_calls_active":      {"": 1},
		"clawea_approvals_waiting": {"": 3},
		"gen_ai_client_token_usage": {
			"gen_ai_operation_name=chat gen_ai_provider_name=openai gen_ai_request_model=gpt-9 gen_ai_token_type=input count":  2,
			"gen_ai_operation_name=chat gen_ai_provider_name=openai gen_ai_request_model=gpt-9 gen_ai_token_type=input sum":    600,
			"gen_ai_operation_name=chat gen_ai_provider_name=openai gen_ai_request_model=gpt-9 gen_ai_token_type=output count": 2,
			"gen_ai_operation_name=chat gen_ai_provider_name=openai gen_ai_request_model=gpt-9 gen_ai_token_type=output sum":   80,
		},
		"gen_ai_client_operation_time_to_first_chunk_seconds": {
			"gen_ai_operation_name=chat gen_ai_provider_name=openai gen_ai_request_model=gpt-9 count": 2,
			"gen_ai_operation_name=chat gen_ai_provider_name=openai gen_ai_request_model=gpt-9 sum":   0.24,
		},
	} {
		if diff := cmp.Diff(want, values(all[name])); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for name, want := range map[string]map[string]float64{
		"gen_ai_client_operation_duration_seconds": {
			"gen_ai_operation_name=chat gen_ai_provider_name=openai gen_ai_request_model=gpt-9 count":                        2,
			"error_type=unreachable gen_ai_operation_name=chat gen_ai_provider_name=openai gen_ai_request_model=gpt-9 count": 1,
		},
		"gen_ai_execute_tool_duration_seconds": {"gen_ai_tool_name=confluence.page.get count": 1},
		"clawea_gate_duration_seconds": {
			"clawea_action=chat.completions clawea_effect=allow clawea_tool=model count": 3,
			"clawea_action=page.get clawea_effect=allow clawea_tool=confluence count":    1,
		},
	} {
		got := values(all[name])
		for series, n := range want {
			if got[series] != n || len(got) != 2*len(want) {
				t.Errorf("%s %s: got %v of %v, want %v", name, series, got[series], got, n)
			}
		}
	}
	if all["go_goroutines"] == nil || all["target_info"] == nil || log.String() != "" {
		t.Errorf("the runtime's %v, the house %v, log %s", all["go_goroutines"], all["target_info"], log)
	}
}

// The house's own part of a call is what the act did not take.
func TestGateDuration(t *testing.T) {
	r, _ := open(t, Config{Prometheus: "127.0.0.1:0"})
	start := time.Now()
	carry(t.Context(), r, wiki, "", receipt.Outcome{Status: receipt.Done}, func(context.Context) { time.Sleep(100 * time.Millisecond) })
	both := time.Since(start).Seconds()
	all := scrape(t, r)
	own := values(all["clawea_gate_duration_seconds"])["clawea_action=page.get clawea_effect=allow clawea_tool=confluence sum"]
	acted := values(all["gen_ai_execute_tool_duration_seconds"])["gen_ai_tool_name=confluence.page.get sum"]
	if own <= 0 || acted < 0.1 || own+acted > both+1e-6 { // neither counts the other's time
		t.Errorf("the house took %vs, the act %vs, of %vs", own, acted, both)
	}
}

func TestLabelsAreBounded(t *testing.T) {
	r, _ := open(t, Config{Prometheus: "127.0.0.1:0"})
	failed := receipt.Outcome{Status: receipt.Failed, Code: "404"}
	for i := range 1000 {
		carry(t.Context(), r, chat, fmt.Sprintf("made-up-%d", i), failed, nil)
	}
	carry(t.Context(), r, chat, "gpt-9", generated(), nil)
	for i := range 1000 {
		carry(t.Context(), r, chat, fmt.Sprintf("real-%d", i), generated(), nil)
		r.Refused(chat, fmt.Sprintf("code.%d", i))
	}
	all := scrape(t, r)
	models := map[string]bool{}
	for _, m := range all["gen_ai_client_operation_duration_seconds"].GetMetric() {
		for _, l := range m.Label {
			if l.GetName() == "gen_ai_request_model" {
				models[l.GetValue()] = true
			}
		}
	}
	if len(models) != maxNames+1 || !models["gpt-9"] || !models[other] || models["made-up-0"] {
		t.Errorf("%d models", len(models))
	}
	if n := len(all["clawea_calls_total"].GetMetric()); n > maxNames+3 {
		t.Errorf("%d series of calls", n)
	}
}

func TestWaitingIsAskedSeldom(t *testing.T) {
	var asked atomic.Int32
	trouble := errors.New("no book")
	r, log := open(t, Config{Prometheus: "127.0.0.1:0", Waiting: func(ctx context.Context) (int, error) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the book is asked without an end")
		}
		asked.Add(1)
		return 5, nil
	}})
	begun := time.Now()
	for range 3 {
		if got := values(scrape(t, r)["clawea_approvals_waiting"]); got[""] != 5 {
			t.Errorf("waiting: %v", got)
		}
	}
	if n, took := asked.Load(), time.Since(begun); n < 1 || n > 1+int32(took/waitingEvery) {
		t.Errorf("asked %d times in %v", n, took)
	}
	w := &waiting{count: func(context.Context) (int, error) { return 0, trouble }, log: r.page.log}
	w.ask(t.Context())
	w.ask(t.Context())
	if w.known || strings.Count(log.String(), "cannot be counted") != 1 {
		t.Errorf("known %v, log %s", w.known, log)
	}
}

func TestPage(t *testing.T) {
	before := runtime.NumGoroutine()
	r, _ := open(t, Config{Prometheus: "127.0.0.1:0"})
	url := "http://" + r.Page().String()
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/metrics", 200}, {"HEAD", "/metrics", 200}, {"POST", "/metrics", 405}, {"GET", "/", 404}, {"GET", "/debug/pprof/", 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, url+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != test.want {
			t.Errorf("%s %s: %d, want %d", test.method, test.path, res.StatusCode, test.want)
		}
	}
	_, err := New(Config{Prometheus: r.Page().String(), OTLP: "http://127.0.0.1:1", Log: r.page.log})
	if err == nil || !strings.Contains(err.Error(), "listen for Prometheus") || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("an address that is taken: %v", err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", r.Page().String()); err == nil {
		c.Close()
		t.Error("the page is there after it was closed")
	}
	http.DefaultClient.CloseIdleConnections()
	for deadline := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("goroutines: %d, before %d\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

// A ledger is a book of a few answers.
type ledger struct{ err error }

func (l *ledger) Write(_ context.Context, _ string, next func(*receipt.State) (*receipt.Line, error)) error {
	if _, err := next(&receipt.State{}); err != nil {
		return err
	}
	return l.err
}

func (l *ledger) Spend(context.Context, string, receipt.Spent) error { return l.err }

func TestBook(t *testing.T) {
	r, _ := open(t, Config{Prometheus: "127.0.0.1:0"})
	l := &ledger{}
	b := r.Book(l)
	write := func(rc *receipt.Receipt, bookErr, nextErr error) error {
		l.err = bookErr
		return b.Write(t.Context(), "job-1", func(*receipt.State) (*receipt.Line, error) { return &receipt.Line{Receipt: rc}, nextErr })
	}
	full, unsigned := errors.New("disk is full"), errors.New("no key")
	first := opened(wiki, "")
	refused := &receipt.Receipt{Kind: receipt.Opened, Refused: "token.revoked"}
	for _, test := range []struct {
		err, want error
	}{
		{write(first, nil, nil), nil}, {write(&receipt.Receipt{Kind: receipt.Closed}, nil, nil), nil}, {write(refused, nil, nil), nil}, {write(first, nil, nil), nil},
		{write(first, full, nil), full}, {write(first, token.ErrReplayed, nil), token.ErrReplayed}, {write(nil, nil, unsigned), unsigned},
		{b.Spend(t.Context(), "job-1", receipt.Spent{}), nil},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("got %v, want %v", test.err, test.want)
		}
	}
	all := scrape(t, r)
	if diff := cmp.Diff(map[string]float64{"clawea_kind=opened": 2, "clawea_kind=closed": 1, "clawea_kind=refused": 1}, values(all["clawea_receipts_total"])); diff != "" {
		t.Error(diff)
	}
	commits := values(all["clawea_commit_duration_seconds"])
	for series, n := range map[string]float64{
		"clawea_kind=opened count": 2, "clawea_kind=closed count": 1, "clawea_kind=refused count": 1,
		"clawea_kind=opened error_type=commit count": 1, "clawea_kind=opened error_type=replayed count": 1, "clawea_kind=none error_type=commit count": 1,
	} {
		if commits[series] != n {
			t.Errorf("%s: %v, want %v", series, commits[series], n)
		}
	}
}

func TestPageIsText(t *testing.T) {
	r, _ := open(t, Config{Prometheus: "127.0.0.1:0"})
	carry(t.Context(), r, chat, "gpt-9", generated(), nil)
	res, err := http.Get("http://" + r.Page().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "job-1") || strings.Contains(string(b), "robot") {
		t.Errorf("the page names a job or an agent:\n%s", b)
	}
}
