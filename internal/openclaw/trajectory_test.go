// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/openclaw"
	"github.com/clawea/clawea/receipt"
)

// told is what an exported trajectory has, as far as it is looked at.
const told = `{"source":"transcript","type":"session.model_change","ts":"2026-05-04T10:00:00Z","data":{"x":1}}
{"source":"transcript","type":"assistant.message","ts":"2026-05-04T10:00:01Z","data":{"message":{"content":[]}}}
{"source":"transcript","type":"tool.call","ts":"2026-05-04T10:00:01Z","data":{"toolCallId":"call_1","name":"read"}}
{"source":"runtime","type":"tool.call","ts":"2026-05-04T10:00:01.5Z","data":{"toolCallId":"call_1","name":"read","args":{"path":"a.txt"}}}
{"source":"runtime","type":"tool.result","ts":"2026-05-04T10:00:02Z","data":{"toolCallId":"call_1","name":"read","success":true,"result":{"content":[{"type":"text","text":"hello"}],"details":{"status":"blocked"}}}}
{"source":"runtime","type":"tool.call","ts":"2026-05-04T10:00:03Z","data":{"toolCallId":"call_2","name":"exec","args":{}}}
{"source":"runtime","type":"tool.result","ts":"2026-05-04T10:00:03Z","data":{"toolCallId":"call_2","name":"exec","success":false,"result":{"content":[{"type":"text","text":"no"}],"details":{"status":"blocked"}}}}
{"source":"runtime","type":"tool.call","ts":"2026-05-04T10:00:04Z","data":{"toolCallId":"call_3","name":"nosuch","args":{}}}
{"source":"runtime","type":"tool.result","ts":"2026-05-04T10:00:04Z","data":{"toolCallId":"call_3","name":"nosuch","success":false,"result":{"content":[{"type":"text","text":"Tool nosuch not found"}],"details":{}}}}
{"source":"runtime","type":"tool.call","ts":"2026-05-04T10:00:05Z","data":{"toolCallId":"call_4","name":"clawea__jira_issue_get","args":{}}}
{"source":"runtime","type":"tool.result","ts":"2026-05-04T10:00:05Z","data":{"toolCallId":"call_4","name":"clawea__jira_issue_get","success":false,"result":"odd"}}
{"source":"runtime","type":"tool.call","ts":"2026-05-04T10:00:06Z","data":{"toolCallId":"call_5","name":"/bin/sh odd","args":{}}}
{"source":"runtime","type":"tool.call","ts":"2026-05-04T10:00:07Z","data":{"toolCallId":"call_6","name":"process","args":{"action":"list"}}}
{"source":"runtime","type":"tool.call","ts":"2026-05-04T10:00:08Z","data":{"toolCallId":"call_7","name":"process","args":{"action":{"not":"a text"}}}}
{"source":"runtime","type":"tool.call","ts":"2026-05-04T10:00:09Z","data":{"toolCallId":"call_8","name":"clawea__jira_issue_get","args":{"action":"list"}}}
`

func TestReadTrajectory(t *testing.T) {
	at := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	got, err := openclaw.ReadTrajectory([]byte(told))
	if err != nil {
		t.Fatal(err)
	}
	want := []receipt.TracedCall{
		{Kind: receipt.TracedModel, Status: receipt.TracedRan, At: at.Add(time.Second)},
		{Kind: receipt.TracedLocal, Name: "read", Status: receipt.TracedRan, At: at.Add(1500 * time.Millisecond)},
		{Kind: receipt.TracedLocal, Name: "exec", Status: receipt.TracedBlocked, At: at.Add(3 * time.Second)},
		{Kind: receipt.TracedLocal, Name: "nosuch", Status: receipt.TracedBlocked, At: at.Add(4 * time.Second)},
		{Kind: receipt.TracedRemote, Name: "jira_issue_get", Status: receipt.TracedRan, At: at.Add(5 * time.Second)},
		{Kind: receipt.TracedLocal, Name: "x_bin_sh_odd", Status: receipt.TracedRan, At: at.Add(6 * time.Second)},
		{Kind: receipt.TracedLocal, Name: "process.list", Status: receipt.TracedRan, At: at.Add(7 * time.Second)},
		{Kind: receipt.TracedLocal, Name: "process", Status: receipt.TracedRan, At: at.Add(8 * time.Second)},
		{Kind: receipt.TracedRemote, Name: "jira_issue_get", Status: receipt.TracedRan, At: at.Add(9 * time.Second)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := openclaw.ReadTrajectory([]byte("hello\n")); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("no trajectory: %v, want an error of two lines", err)
	}
}

// FuzzReadTrajectory says: whatever a program says of itself, the calls fit a trace.
func FuzzReadTrajectory(f *testing.F) {
	f.Add([]byte(told))
	f.Add([]byte(`{"source":"runtime","type":"tool.call","data":{"name":"..é"}}`))
	f.Fuzz(func(t *testing.T, events []byte) {
		calls, err := openclaw.ReadTrajectory(events)
		if err != nil {
			return
		}
		trace := &receipt.Trace{Job: "j", Agent: "a", Launcher: "l", Program: "openclaw", Version: "1", Calls: calls}
		if err := trace.Check(); err != nil {
			t.Error(err)
		}
	})
}
