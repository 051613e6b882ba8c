// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"math"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

func readDoc(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "console.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDiffLines(t *testing.T) {
	got, more := DiffLines("dropped: x\n@@ # Top\n same\n-old\n++new\u202e\n-\n\n")
	want := []DiffLine{
		{"note", "", "note", "dropped: x"}, {"part", "", "a part", "# Top"}, {"same", "", "unchanged", "same"}, {"gone", "\u2212", "removed", "old"},
		{"new", "+", "added", "+new<U+202E>"}, {"gone", "\u2212", "removed", ""}, {"note", "", "note", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" || more != 0 {
		t.Error(diff, more)
	}
	if lines, more := DiffLines(strings.Repeat("+x\n", maxDiffLines+3)); len(lines) != maxDiffLines || more != 3 {
		t.Errorf("%d lines, %d more", len(lines), more)
	}
	if lines, _ := DiffLines(""); lines != nil {
		t.Errorf("of nothing: %v", lines)
	}
}

func FuzzDiffLines(f *testing.F) {
	f.Add("@@ # Top\n same\n-old\n+new\n")
	f.Add("\xff\n-\u202e\n+\x00")
	f.Fuzz(func(t *testing.T, s string) {
		lines, _ := DiffLines(s)
		for _, l := range lines {
			if strings.ContainsFunc(l.Text, unicode.IsControl) || !utf8.ValidString(l.Text) {
				t.Errorf("%q", l.Text)
			}
			if (l.Tone == "gone" || l.Tone == "new") != (l.Sign != "") {
				t.Errorf("%+v", l)
			}
		}
	})
}

func FuzzForm(f *testing.F) {
	f.Add("agent=robot&from=2026-11-21&before=17.job-1")
	f.Add("from=\xff&to=9999-12-31T23:59&before=99999999999999999999.1")
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/jobs", nil)
		r.URL.RawQuery = query
		fo := formOf(r)
		for _, at := range []time.Time{fo.time("from"), fo.time("to")} {
			if !at.IsZero() && (at.Year() < 1970 || at.Year() > 10000) {
				t.Errorf("%v", at)
			}
		}
		at, id := fo.spot()
		if id == "" {
			return
		}
		next, err := url.Parse(fo.next("/jobs", at, id))
		if err != nil {
			t.Fatal(err)
		}
		r.URL = next
		if again, same := formOf(r).spot(); !again.Equal(at) || same != id {
			t.Errorf("%v %q, then %v %q", at, id, again, same)
		}
	})
}

func TestVisible(t *testing.T) {
	if got := Visible("a\u202eb\n\x00c"); got != "a<U+202E>b <U+0000>c" {
		t.Errorf("%q", got)
	}
	if got := Visible(strings.Repeat("ä", 5000)); utf8.RuneCountInString(got) != longest+1 {
		t.Errorf("%d characters", utf8.RuneCountInString(got))
	}
	if got, cut := VisibleText("a\u202e\n\tb\r\nc", 100); got != "a<U+202E>\n\tb\nc" || cut {
		t.Errorf("%q, %v", got, cut)
	}
	if got, cut := VisibleText("äöü", 3); got != "ä\uFFFD" || !cut {
		t.Errorf("%q, %v", got, cut)
	}
}

// What a template forgets to make visible does not leave the house as it is.
func TestVisibleOnly(t *testing.T) {
	for in, want := range map[string]string{"<p>a\tb\nc é 👨\u200d👩</p>": "<p>a\tb\nc é 👨\u200d👩</p>", "a\u202eb\u200b\x00": "a\uFFFDb\uFFFD\uFFFD", "\xff": "\uFFFD"} {
		if got := string(visibleOnly([]byte(in))); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestSentence(t *testing.T) {
	c := &policy.Call{Tool: "confluence", Action: "page.update", Class: policy.Write, Resources: []policy.Resource{{Type: "page", ID: "77", Version: "4"}}}
	if got := Sentence("robot", c); got != "robot wants to change page 77 (version 4), by confluence.page.update" {
		t.Error(got)
	}
	c.Class, c.Resources = "new", nil
	own := &policy.Call{Tool: "exec", Class: policy.Write, Carrier: policy.RuntimeCarrier}
	if got, want := Sentence("robot", own), "robot wants to change something, by exec, "+own.Elsewhere(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Sentence("robot\u202e", c); got != "robot<U+202E> wants something of a kind that this house does not know from confluence, by confluence.page.update" {
		t.Error(got)
	}
}

func TestRisk(t *testing.T) {
	undoable, final := &receipt.Change{Undo: receipt.Undo{Action: "x"}}, &receipt.Change{Undo: receipt.Undo{Irreversible: "It is mail."}}
	for _, test := range []struct {
		call   policy.Call
		change *receipt.Change
		want   string
	}{
		{policy.Call{Class: policy.Read}, nil, "low"},
		{policy.Call{Class: policy.Write}, undoable, "medium"},
		{policy.Call{Class: policy.Write}, nil, "high"},
		{policy.Call{Class: policy.Write}, final, "high"},
		{policy.Call{Class: policy.Write, Categories: []string{"external_send"}}, undoable, "high"},
		{policy.Call{Class: policy.Read, Categories: []string{"user_provisioning"}}, nil, "high"},
		{policy.Call{Class: policy.Admin}, undoable, "high"},
		{policy.Call{}, nil, "high"},
	} {
		if got := RiskOf(&test.call, test.change); got.Level != test.want || len(got.Why) == 0 {
			t.Errorf("%+v: %+v, want %s", test.call, got, test.want)
		}
	}
}

// A link leads to a site of this house's, by a number, or there is none.
func TestLinks(t *testing.T) {
	c := &Console{Sites: []Site{{"confluence", "https://acme.test", "/wiki"}, {"jira", "https://acme.test", ""}}}
	for _, test := range []struct{ tool, site, kind, id, want string }{
		{"confluence", "https://acme.test", "page", "77", "https://acme.test/wiki/pages/viewpage.action?pageId=77"},
		{"jira", "https://acme.test", "issue", "10001", "https://acme.test/issues/?jql=id%3D10001"},
		{"jira", "https://acme.test", "issue", "ENG-1", ""},
		{"confluence", "https://evil.test", "page", "77", ""},
		{"confluence", "", "page", "77", ""},
		{"confluence", "https://acme.test", "page", "77&x=1", ""},
		{"confluence", "https://acme.test", "page", "-1", ""},
		{"desk", "https://acme.test", "page", "77", ""},
	} {
		got := c.resourceOf(&policy.Call{Tool: test.tool, Site: test.site}, &policy.Resource{Type: test.kind, ID: test.id})
		if got.Link != test.want || got.Text != test.kind+" "+test.id {
			t.Errorf("%+v: %+v", test, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1234: "1234", 12345: "12 345", 123456: "123 456", 1234567: "1 234 567", -99999: "-99999"} {
		if got := count(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
	if got := money(12_345_678_901); got != "12 345.67" {
		t.Error(got)
	}
}

func TestChart(t *testing.T) {
	c := &Chart{Labels: []string{"a", "b"}, Format: func(n int64) string { return count(n) }, Series: []Series{{"x", "good", []int64{3, 0}}, {"y", "bad", []int64{1, 2}}}}
	bars := c.Bars()
	if len(bars) != 3 || c.top() != 4 || bars[0].Says != "a: 3 x" || bars[1].Y >= bars[0].Y {
		t.Errorf("%+v", bars)
	}
	for _, b := range bars {
		if b.X < chartLeft || b.X+b.W > chartWidth || b.Y < 0 || b.Y+b.H > chartHeight-chartBottom {
			t.Errorf("out of the drawing: %+v", b)
		}
	}
	if diff := cmp.Diff([][]string{{"a", "3", "1"}, {"b", "0", "2"}}, c.Rows()); diff != "" {
		t.Error(diff)
	}
	if empty := (&Chart{Labels: []string{"a"}, Series: []Series{{"x", "good", []int64{0}}}}); !empty.Empty() || empty.Bars() != nil {
		t.Error("an empty chart has bars")
	}
}

func TestSpans(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 30, 0, 0, time.UTC)
	c := &Console{Now: func() time.Time { return now }}
	for _, week := range []bool{false, true} {
		s := c.span(week)
		length := map[bool]time.Duration{false: 23 * time.Hour, true: 7*24*time.Hour - 7*time.Hour}[week]
		if i := s.column(now); i != s.columns-1 && i != s.columns-2 {
			t.Errorf("week %v: now is in column %d of %d", week, i, s.columns)
		}
		if s.column(now.Add(-length)) < 0 || s.column(s.from.Add(-1)) != -1 || len(s.labels()) != s.columns {
			t.Errorf("week %v: %+v", week, s)
		}
	}
	chart, median := waits([]store.Answered{{Yes: true, Asked: now, At: now.Add(30 * time.Second)}, {Asked: now, At: now.Add(2 * time.Hour)}, {Asked: now, At: now.Add(90 * time.Hour)}})
	if chart.Series[0].Values[0] != 1 || chart.Series[1].Values[4] != 1 || chart.Series[1].Values[5] != 1 || median != "2 h" {
		t.Errorf("%+v, %s", chart.Series, median)
	}
}

// The script makes nothing of text, and no page needs another host.
func TestAssets(t *testing.T) {
	h := newHouse(t)
	for word, path := range assetNames() {
		a := h.get("-", path)
		if a.status != 200 || a.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", word, a.status, a.header)
		}
		if strings.Contains(strings.ReplaceAll(a.body, "http://www.w3.org/2000/svg", ""), "//"+"cdn") || regexp.MustCompile(`url\(\s*["']?(https?:)?//|@import`).MatchString(a.body) {
			t.Errorf("%s wants something from elsewhere", word)
		}
		for _, sink := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "DOMParser", "createContextualFragment", "srcdoc"} {
			if strings.Contains(a.body, sink) {
				t.Errorf("%s uses %s", word, sink)
			}
		}
	}
	if a := h.get("-", "/assets/console.css"); a.status != 404 {
		t.Errorf("an asset without its hash: %d", a.status)
	}
}

// All text can be told from its ground (WCAG 2.2, 1.4.3), and what is drawn from
// what is around it (1.4.11), in the light and in the dark.
func TestContrast(t *testing.T) {
	css, err := assets.ReadFile("assets/console.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, _ := strings.Cut(string(css), "prefers-color-scheme: dark")
	schemes := map[string]map[string]string{"light": palette(light), "dark": palette(dark)}
	for scheme, colours := range schemes {
		if len(colours) != 14 {
			t.Fatalf("%s has %d colours", scheme, len(colours))
		}
		for _, pair := range []struct {
			on, under string
			least     float64
		}{
			{"ink", "ground", 7}, {"ink", "panel", 7}, {"soft", "ground", 4.5}, {"soft", "panel", 4.5}, {"accent", "ground", 4.5}, {"accent", "panel", 4.5},
			{"on-accent", "accent", 4.5}, {"good", "good-ground", 4.5}, {"care", "care-ground", 4.5}, {"bad", "bad-ground", 4.5}, {"ink", "care-ground", 7},
			{"accent", "care-ground", 4.5}, {"care", "ground", 4.5}, {"good", "ground", 3}, {"bad", "ground", 3}, {"field", "ground", 3}, {"field", "panel", 3},
		} {
			if got := contrast(t, colours[pair.on], colours[pair.under]); got < pair.least {
				t.Errorf("%s: %s on %s is %.2f, want %.1f", scheme, pair.on, pair.under, got, pair.least)
			}
		}
	}
}

func palette(css string) map[string]string {
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
		out[m[1]] = m[2]
	}
	return out
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (math.Max(x, y) + .05) / (math.Min(x, y) + .05)
}

// luminance is WCAG's relative luminance.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	var sum float64
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		v := float64(n) / 255
		if v <= .04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}
