// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// every are all dialects, the forms of Gemini's streams included.
func every() []*Dialect { return append(All(), geminiEvents, geminiArray) }

func nameFor(d *Dialect) string {
	if d.shape == generate {
		return "m"
	}
	return ""
}

// FuzzRead holds the scanner against a strict reader: it accepts nothing that
// that one refuses, and both read the same members.
func FuzzRead(f *testing.F) {
	for _, body := range []string{
		`{"model":"m"}`, `{"model":"openrouter/a/b","n":2,"max_tokens":10,"stream":true}`,
		`{"model":"m","tools":[{"type":"function","function":{"name":"f"}}],"x":["\u00e9\ud83d\ude00",-1.5e+3,true,false,null]}`,
		`{"model":"m","max_output_tokens":16,"input":[{"type":"item_reference","id":"x"}],"tools":[{"type":"web_search"}]}`,
		`{"generationConfig":{"maxOutputTokens":5,"candidateCount":2},"tools":[{"functionDeclarations":[{"name":"f"}],"google_search":{}}]}`,
		`{"model":"m","model":"n"}`, `{"MODEL":"m"}`, `{"model":"m","x":"\ud800"}`, "{\"model\":\"m\",\"x\":\"\xff\"}", `{"model":"m"} x`,
		`{"model":"m","tools":[{"type":"x","name":"f","parameters":{"judge_model":"n"}},{"type":"namespace","name":"n","tools":[{"type":"y"}]}]}`,
		`{"model":"m","input":[{"type":"additional_tools","tools":[{"type":"mcp","name":"f"}]}]}`,
		`{"messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}],"model":"m"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		for _, d := range every() {
			a, err := d.Read(body, nameFor(d))
			if err != nil {
				if strings.Count(err.Error(), "\n") != 1 {
					t.Errorf("%q is not two lines", err)
				}
				continue
			}
			agree(t, d, body, a)
		}
		if !bytes.Equal(before, body) {
			t.Error("reading changes the body")
		}
	})
}

// agree checks what was read of body against a strict reader's opinion of it.
func agree(t *testing.T, d *Dialect, body []byte, a *Asked) {
	var all map[string]jsontext.Value
	if err := json.Unmarshal(body, &all, jsontext.AllowDuplicateNames(true)); err != nil {
		t.Fatalf("%s reads what is not JSON: %v: %q", d.Action, err, body)
	}
	top := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	if n := countNames(t, top); n != len(all) {
		t.Fatalf("%d members, of which %d differ: %q", n, len(all), body)
	}
	var model string
	if raw, ok := all["model"]; ok && d.shape != generate {
		if err := json.Unmarshal(raw, &model); err != nil || model != a.Model {
			t.Fatalf("model %q (%v), read as %q: %q", model, err, a.Model, body)
		}
	}
	var stream *bool
	if err := json.Unmarshal(all["stream"], &stream); d.shape != generate && all["stream"] != nil && (err != nil || (stream != nil && *stream) != a.Stream) {
		t.Fatalf("stream %v (%v), read as %v: %q", stream, err, a.Stream, body)
	}
	if a.Choices < 1 || a.MaxOutput < 0 || !slices.IsSorted(a.Offers) || len(a.Offers) > maxOffers {
		t.Fatalf("%+v: %q", a, body)
	}
	_, sent := d.Request("https://x.test", body, a, "")
	var after map[string]jsontext.Value
	if err := json.Unmarshal(sent, &after, jsontext.AllowDuplicateNames(true)); err != nil || len(after) != len(all) {
		t.Fatalf("sent %q for %q: %v", sent, body, err)
	}
	for name, v := range after {
		if d == fal && name == "model" {
			v = jsontext.Value(`"` + falPrefix + strings.Trim(string(v), `"`) + `"`)
			all[name] = jsontext.Value(`"` + a.Model + `"`)
		}
		if !bytes.Equal(v, all[name]) {
			t.Fatalf("sent %q for %q", sent, body)
		}
	}
}

// countNames counts the members of the object that d reads.
func countNames(t *testing.T, d *jsontext.Decoder) int {
	t.Helper()
	if _, err := d.ReadToken(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; d.PeekKind() != '}'; n++ {
		if _, err := d.ReadToken(); err != nil {
			t.Fatal(err)
		}
		if err := d.SkipValue(); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// What the scanner skips, it has checked: it takes what a strict reader takes and
// nothing else, but for depth and duplicate names inside.
func FuzzSkip(f *testing.F) {
	for _, s := range []string{`0`, `-0.5e-7`, `"a\n\"\\\/\u00e9\ud83d\ude00"`, `[[],{},[1,2,{"a":null}],true,false]`, `{"a":{"b":[1]}}`, `01`, `"\ud800"`, `[1,]`, "\"12345678\x1f\"", "\t1 ", `"é€😀 plain text of some length, longer than a word"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &scanner{b: b}
		got := s.skip() && s.end()
		want := jsontext.Value(b).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		if got != want && !(want && strings.Contains(s.wrong, "too deep")) && !pairs(b) {
			t.Errorf("%q: %v, want %v (%s)", b, got, want, s.wrong)
		}
	})
}

// pairs reports whether b may have escapes of surrogates, about which the strict
// reader is not strict where it lets invalid UTF-8 pass.
func pairs(b []byte) bool { return bytes.Contains(bytes.ToLower(b), []byte(`\ud`)) }

// FuzzAnswer has answers of every kind read: nothing panics, and what comes out
// fits where it is to go.
func FuzzAnswer(f *testing.F) {
	for _, body := range answerSeeds() {
		for kind := range byte(3) {
			f.Add([]byte(body), kind)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, kind byte) {
		h := http.Header{}
		switch kind % 3 {
		case 1:
			h.Set("Content-Type", "text/event-stream")
		case 2:
			h.Set("Content-Encoding", "gzip")
		}
		for _, d := range every() {
			fits(t, d.Answer(h, body, 1+int(kind/3)), body)
		}
	})
}

func fits(t *testing.T, a *Answered, body []byte) {
	t.Helper()
	if a.ID != "" && !isID([]byte(a.ID)) || a.Model != "" && !isModel(a.Model) || len(a.Finish) > 1000 || len(a.Proposed) > maxProposed {
		t.Errorf("%+v", a)
	}
	args := 0
	for _, c := range a.Proposed {
		args += len(c.Args)
		if c.Name != "" && !isTool([]byte(c.Name)) {
			t.Errorf("tool %q", c.Name)
		}
	}
	if u := a.Usage; u != nil && (u.Input < 0 || u.Output < 0 || u.CacheRead+u.CacheMade > u.Input || u.Reasoning > u.Output) {
		t.Errorf("usage %+v", u)
	}
	if args > 4*len(body)+10 && !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		t.Errorf("%d bytes of arguments in %d", args, len(body))
	}
}

func answerSeeds() []string {
	return []string{
		`{"id":"c","model":"m","choices":[{"index":0,"message":{"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":9}}`,
		"data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\"}}]}}]}\r\n\r\n: ping\n\ndata: [DONE]\r\r",
		"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"x\"},\"output\":[{\"type\":\"shell_call\",\"action\":{}}],\"usage\":{\"input_tokens\":3}}}\n\n",
		"data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":1,\"cache_read_input_tokens\":4}}}\n\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"name\":\"f\",\"input\":{}}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"partial_json\":\"{}\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
		`[{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"totalTokenCount":5}},{"error":{}}]`,
		`{"error":{"code":429}}`, `{"detail":"no"}`,
	}
}

// An unpacked answer is bounded, whatever it claims.
func TestBomb(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(make([]byte, 1<<20))
	z.Close()
	if got := unpacked("gzip", b.Bytes(), 1<<20-1); got != nil {
		t.Errorf("%d bytes", len(got))
	}
	if got := unpacked("X-Gzip", b.Bytes(), 1<<20); len(got) != 1<<20 {
		t.Errorf("%d bytes", len(got))
	}
	for packed, want := range map[int]int64{0: 8 << 20, 100: 8 << 20, 1 << 20: 32 << 20, 2 << 20: 64 << 20, 1 << 30: 64 << 20} {
		if got := most(packed); got != want {
			t.Errorf("%d bytes are unpacked to %d, want %d", packed, got, want)
		}
	}
	for _, e := range []string{"br", "zstd", "gzip, gzip", "deflate"} {
		if got := unpacked(e, []byte("x"), maxAnswer); got != nil {
			t.Errorf("%s is read", e)
		}
	}
}

// Whatever the ends of lines, and wherever comments are, events are the same.
func TestEventsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.SliceOfN(rapid.StringMatching(`[a-z:{}" ]{0,12}`), 1, 3), 0, 6).Draw(t, "events")
		var b strings.Builder
		var all []string
		ending := rapid.SampledFrom([]string{"\n", "\r\n", "\r"}).Draw(t, "ending")
		end := func() { b.WriteString(ending) }
		for _, event := range want {
			for _, line := range event {
				if rapid.Bool().Draw(t, "comment") {
					b.WriteString(rapid.SampledFrom([]string{": ping", "event: x", "id", "datax: 1", "retry: 3"}).Draw(t, "line"))
					end()
				}
				b.WriteString("data: " + line)
				end()
			}
			end()
			all = append(all, strings.Join(event, "\n"))
		}
		var got []string
		events([]byte(b.String()), func(data []byte) { got = append(got, string(data)) })
		if !slices.Equal(got, all) {
			t.Errorf("%q: %q, want %q", b.String(), got, all)
		}
	})
}

// Texts of JSON's own pieces are taken or refused as a strict reader does, names
// that occur twice included.
func TestScannerProperty(t *testing.T) {
	pieces := []string{
		"{", "}", "[", "]", ",", ":", `"a"`, `"b"`, `"\u0061"`, `"model"`, `"`, `\`, `\n`, `\u00`, `\ud83d`, `\ude00`, "e", "E", "-", "+", ".", "0", "1", "25",
		"true", "false", "null", " ", "\n", "\t", "\x00", "\x1f", "\x7f", "é", "€", "\xff", "\xe2\x82", "a longer run of plain text ", `"x":`, `,"y":`, `{"z":1}`,
	}
	inner := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8).Draw(t, "pieces"), "")
	})
	rapid.Check(t, func(t *rapid.T) {
		text := inner.Draw(t, "text")
		switch rapid.IntRange(0, 2).Draw(t, "in") {
		case 0:
			text = `{"first":"` + text + `"}`
		case 1:
			text = `{"first":` + text + `}`
		}
		b := []byte(text)
		s := &scanner{b: b}
		got := s.distinct(func([]byte) bool { return s.skip() }) && s.end() && (s.ascii() || utf8.Valid(b))
		value := jsontext.Value(b)
		want := value.IsValid() && value.Kind() == '{' && strings.Count(text, "{") == 1
		if strings.Count(text, "{") == 1 && got != want {
			t.Errorf("%q: %v, want %v (%s)", text, got, want, s.wrong)
		}
	})
}
