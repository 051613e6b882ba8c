// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/seal"
)

func TestPins(t *testing.T) {
	t.Setenv("PINS_TEST_TOKEN", "secret")
	h := seal.Sum([]byte("policy"))
	served := &api.Pins{Policy: h, Servers: []api.PinnedServer{}, Differences: []api.PinDifference{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/wpc/"+h.String()+"/pins" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		json.NewEncoder(w).Encode(served)
	}))
	defer s.Close()
	pins := func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(name string) string {
			return map[string]string{"CLAWEA_SERVER": s.URL, "CLAWEA_OPERATOR": "env:PINS_TEST_TOKEN"}[name]
		}}
		code := report(e, run(t.Context(), e, append([]string{"wpc", "pins"}, args...)))
		return code, out.String(), errs.String()
	}
	if code, out, errs := pins(h.String()); code != 0 || out != "nothing is pinned: no MCP server may be used under this policy\nnow: as it was\n" {
		t.Errorf("nothing: %d %q %s", code, out, errs)
	}
	served.Servers = []api.PinnedServer{{
		Name: "wiki", Identity: h, Is: []api.PinnedFact{{Name: "command", Value: "wiki-mcp"}},
		Tools: []api.PinnedTool{{
			Name: "find", Definition: h, Title: "Find", Description: "Finds.\nNothing else.\x1b[2J", Hints: []string{"it only reads"},
			Arguments: []api.PinnedArgument{{Name: "text", Required: true, Description: "What.", Schema: `{"type":"string"}`}},
			More:      []api.PinnedFact{{Name: "icons", Value: "[]"}},
		}, {Name: "gone", Definition: h, Lost: true}},
	}}
	served.Differences = []api.PinDifference{{Server: "wiki", Tool: "find", Says: `"find": the description changed`, Lines: "@@\n-Finds.\n+Finds all.\n"}}
	want := `server wiki, pinned as ` + h.String() + `
  command: wiki-mcp
  tool find, pinned as ` + h.String() + `
    title: Find
    says: Finds.
          Nothing else.` + "\uFFFD" + `[2J
    says that it only reads
    argument text, required: {"type":"string"}
      What.
    icons: []
  tool gone, pinned as ` + h.String() + `
    what it said of itself is not kept, or damaged
now, it is not as it was:
  wiki: "find": the description changed
    @@
    -Finds.
    +Finds all.
`
	if code, out, _ := pins(h.String()); code != exitFalse || out != want {
		t.Errorf("changed: %d\n%s\nwant\n%s", code, out, want)
	}
	code, out, _ := pins(h.String(), "-json")
	got := new(api.Pins)
	if err := json.Unmarshal([]byte(out), got); code != exitFalse || err != nil || len(got.Differences) != 1 {
		t.Errorf("in JSON: %d %v\n%s", code, err, out)
	}
	served.Draft, served.Differences = true, nil
	if code, out, _ := pins(h.String()); code != 0 || !strings.HasPrefix(out, "a draft: this is what publishing it would pin now\nserver wiki,") || strings.Contains(out, "as it was") {
		t.Errorf("a draft: %d\n%s", code, out)
	}
	served.Draft = false
	served.Fault = "the server wiki does not start\nlook at its log"
	if code, out, errs := pins(h.String()); code != exitError || strings.Contains(out, "now") || !strings.Contains(errs, "is not known: the server wiki does not start\n") {
		t.Errorf("not there: %d\n%s\n%s", code, out, errs)
	}
	if code, _, _ := pins("1"); code != exitUsage {
		t.Errorf("no hash: %d", code)
	}
}
