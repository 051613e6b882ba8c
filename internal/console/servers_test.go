// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/seal"
)

// rows are the lines of the settings page's table of servers, as texts.
func (h *house) rows() map[string]string {
	h.t.Helper()
	out := map[string]string{}
	tag := regexp.MustCompile(`<[^>]*>`)
	_, table, _ := strings.Cut(html.UnescapeString(h.get(all, "/settings").body), `id="h-mcp"`)
	table, _, _ = strings.Cut(table, "</table>")
	for _, row := range strings.Split(table, "<tr>") {
		text := strings.Join(strings.Fields(tag.ReplaceAllString(row, " ")), " ")
		name, _, _ := strings.Cut(text, " ")
		out[name] = text
	}
	return out
}

// The settings page says how each MCP server is, and how many policies pin it as it is.
func TestServersOnTheSettingsPage(t *testing.T) {
	h := newHouse(t)
	theirs := &files{says: "Finds files."}
	h.Policies.Upstreams = theirs
	h.publish(fmt.Sprintf(serversWPC, "one"))
	pins, _, err := theirs.Pins(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	files := Server{Name: "files", Adapter: "own", Started: true, Kept: "without memory_limit, which this machine lacks, by exception"}
	h.Servers = func() []Server {
		return []Server{files, {Name: "hub", Adapter: "rovo-jira", Is: "Hub 2", Tools: 3, Seen: at, Running: 2}}
	}
	for _, test := range []struct {
		change func()
		want   []string
	}{
		{func() {}, []string{"not asked yet", "started by the house", "without memory_limit", "1 policy"}},
		{func() { files.Is, files.Tools, files.Seen, files.Identity = "Files 1", 1, at, pins[0].Identity }, []string{"there", "It calls itself Files 1, with 1 tool;", "1 policy, as it is now"}},
		{func() { files.Identity = seal.Sum([]byte("another")) }, []string{"1 policy, 0 of them as it is now"}},
		{func() { files.Failed = at.Add(time.Hour) }, []string{"failed", "10:00", "The house's log says why."}},
	} {
		test.change()
		rows := h.rows()
		for _, want := range test.want {
			if !strings.Contains(rows["files"], want) {
				t.Errorf("files: %q, want %q", rows["files"], want)
			}
		}
		for _, want := range []string{"reached over HTTP", "none of the house's", "It calls itself Hub 2, with 3 tools;", " 2 ", "0 policies"} {
			if !strings.Contains(rows["hub"], want) {
				t.Errorf("hub: %q, want %q", rows["hub"], want)
			}
		}
	}
	h.Servers = func() []Server { return nil }
	if page := h.get(all, "/settings"); page.status != 200 || strings.Contains(page.body, "MCP servers") {
		t.Error("a house without MCP servers speaks of them")
	}
}
