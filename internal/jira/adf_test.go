// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package jira

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/seal"
)

func doc(content string) string { return `{"type":"doc","version":1,"content":[` + content + `]}` }

func par(content string) string { return `{"type":"paragraph","content":[` + content + `]}` }

func TestDocument(t *testing.T) {
	text := func(attrs string) string { return doc(par(`{"type":"text","text":"x","marks":[` + attrs + `]}`)) }
	link := func(href string) string { return text(`{"type":"link","attrs":{"href":"` + href + `"}}`) }
	tests := []struct{ name, doc, want string }{
		{"paragraph", doc(par(`{"type":"text","text":"x"}`)), ""},
		{"break", doc(par(`{"type":"text","text":"x"},{"type":"hardBreak"}`)), ""},
		{"heading", doc(`{"type":"heading","attrs":{"level":2},"content":[{"type":"text","text":"x"}]}`), ""},
		{"list", doc(`{"type":"orderedList","attrs":{"order":3},"content":[{"type":"listItem","content":[` + par(``) + `]}]}`), ""},
		{"code", doc(`{"type":"codeBlock","attrs":{"language":"go"},"content":[{"type":"text","text":"x := 1"}]}`), ""},
		{"panel", doc(`{"type":"panel","attrs":{"panelType":"info"},"content":[` + par(``) + `]}`), ""},
		{"quote and rule", doc(`{"type":"blockquote","content":[` + par(``) + `]},{"type":"rule"}`), ""},
		{"table", doc(`{"type":"table","content":[{"type":"tableRow","content":[{"type":"tableHeader","attrs":{"colspan":2},"content":[` + par(``) + `]}]}]}`), ""},
		{"marks", text(`{"type":"strong"},{"type":"em"},{"type":"subsup","attrs":{"type":"sub"}}`), ""},
		{"link", link("https://example.com/a?b#c"), ""},
		{"code and link", text(`{"type":"code"},{"type":"link","attrs":{"href":"http://example.com"}}`), ""},

		{"no version", `{"type":"doc","content":[` + par(``) + `]}`, "must begin with"},
		{"empty", `{"type":"doc","version":1,"content":[]}`, "must have content"},
		{"not a document", par(``), "must begin with"},
		{"list of nodes", `[]`, "not of the allowed form"},
		{"number", `1`, "not of the allowed form"},
		{"mention", doc(par(`{"type":"mention"}`)), `a node "mention"`},
		{"mention attributes", doc(par(`{"type":"mention","attrs":{"id":"x"}}`)), "not of the allowed form"},
		{"media", doc(`{"type":"mediaSingle"}`), `a node "mediaSingle"`},
		{"extension", doc(`{"type":"extension"}`), `a node "extension"`},
		{"inline card", doc(par(`{"type":"inlineCard"}`)), `a node "inlineCard"`},
		{"expand", doc(`{"type":"expand"}`), `a node "expand"`},
		{"a long name", doc(`{"type":"` + strings.Repeat("x", 500) + `"}`), "…"},
		{"colour", text(`{"type":"textColor"}`), `a mark "textColor"`},
		{"annotation", text(`{"type":"annotation"}`), `a mark "annotation"`},
		{"mark twice", text(`{"type":"em"},{"type":"em"}`), "twice"},
		{"code and strong", text(`{"type":"code"},{"type":"strong"}`), "code goes with a link only"},
		{"marked paragraph", doc(`{"type":"paragraph","marks":[{"type":"strong"}]}`), "only text can be marked"},
		{"marked code block", doc(`{"type":"codeBlock","content":[{"type":"text","text":"x","marks":[{"type":"em"}]}]}`), "no marks"},
		{"script link", link("javascript:alert(1)"), "http or https only"},
		{"data link", link("data:text/html,x"), "http or https only"},
		{"relative link", link("/x"), "http or https only"},
		{"no host", link("https:///x"), "http or https only"},
		{"user in link", link("https://atlassian.net@evil.example/"), "no user name"},
		{"backslash in link", link(`https:\\\\evil`), "not a web address"},
		{"blank in link", link(`https://a b`), "not a web address"},
		{"link without address", text(`{"type":"link"}`), `"href" is missing`},
		{"heading without level", doc(`{"type":"heading"}`), `"level" is missing`},
		{"level", doc(`{"type":"heading","attrs":{"level":7}}`), "1 to 6"},
		{"panel type", doc(`{"type":"panel","attrs":{"panelType":"custom"},"content":[` + par(``) + `]}`), "panelType is one of"},
		{"language", doc(`{"type":"codeBlock","attrs":{"language":"a b"}}`), "language is a word"},
		{"foreign attribute", doc(`{"type":"rule","attrs":{"level":1}}`), "does not belong here"},
		{"text in a list", doc(`{"type":"bulletList","content":[{"type":"text","text":"x"}]}`), `cannot stand in a "bulletList"`},
		{"block in a paragraph", doc(par(par(``))), `cannot stand in a "paragraph"`},
		{"document in a document", doc(doc("")), `cannot stand in a "doc"`},
		{"content of a rule", doc(`{"type":"rule","content":[` + par(``) + `]}`), `cannot stand in a "rule"`},
		{"text of a paragraph", doc(`{"type":"paragraph","text":"x"}`), "must have text if and only if"},
		{"empty text", doc(par(`{"type":"text","text":""}`)), "must have text if and only if"},
		{"control character", doc(par(`{"type":"text","text":"\u001b[31m"}`)), "control characters"},
		{"turned letters", doc(par(`{"type":"text","text":"\u202e"}`)), "control characters"},
		{"unknown member", `{"type":"doc","version":1,"content":[],"extra":1}`, "unknown field"},
		{"member twice", `{"type":"doc","type":"doc","version":1}`, "not of the allowed form"},
		{"member in another case", `{"Type":"doc","version":1}`, "not of the allowed form"},
		{"version below", doc(`{"type":"paragraph","version":1}`), "only the document"},
		{"deep", doc(strings.Repeat(`{"type":"bulletList","content":[{"type":"listItem","content":[`, 40) + par(``) + strings.Repeat(`]}]}`, 40)), "nested too deeply"},
		{"many", doc(strings.Repeat(`{"type":"rule"},`, maxNodes) + `{"type":"rule"}`), "too long"},
		{"long", doc(par(`{"type":"text","text":"` + strings.Repeat("x", maxText+1) + `"}`)), "too long"},
		{"huge", doc(par(`{"type":"text","text":"` + strings.Repeat("x", maxDocument) + `"}`)), "longer than"},
		{"broken", `{"type":"doc"`, "not of the allowed form"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := document(json.RawMessage(test.doc))
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && err == nil:
				t.Errorf("taken as %s", got)
			case test.want != "" && !strings.Contains(err.Error(), test.want):
				t.Errorf("got %q, want %q", err, test.want)
			case err != nil && len(err.Error()) > 600:
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
		})
	}
}

func TestParagraphs(t *testing.T) {
	tests := []struct{ text, want string }{
		{"one", doc(par(`{"type":"text","text":"one"}`))},
		{"one\r\ntwo\n\n\n three \n", doc(par(`{"type":"text","text":"one"},{"type":"hardBreak"},{"type":"text","text":"two"}`) + "," + par(`{"type":"text","text":" three "}`))},
		{`*a* [x](javascript:y) {"type":"doc"}`, doc(par(`{"type":"text","text":"*a* [x](javascript:y) {\"type\":\"doc\"}"}`))},
	}
	for _, test := range tests {
		raw, err := json.Marshal(test.text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := document(raw)
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		want, err := seal.Canonical([]byte(test.want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%q: %s", test.text, diff)
		}
	}
	for _, text := range []string{"", " \n\t", "\x07", strings.Repeat("x", maxText+1)} {
		if _, err := paragraphs(text); err == nil {
			t.Errorf("%.20q is taken", text)
		}
	}
}

func TestPlain(t *testing.T) {
	tests := []struct{ name, doc, want string }{
		{"null", `null`, ""},
		{"nothing", ``, ""},
		{"string", `"as it is"`, "as it is"},
		{"paragraphs", doc(par(`{"type":"text","text":"a"},{"type":"hardBreak"},{"type":"text","text":"b"}`) + "," + par(`{"type":"text","text":"c"}`)), "a\nb\nc"},
		{"link", doc(par(`{"type":"text","text":"here","marks":[{"type":"link","attrs":{"href":"https://x.example"}}]}`)), "here <https://x.example>"},
		{"link to itself", doc(par(`{"type":"text","text":"https://x","marks":[{"type":"link","attrs":{"href":"https://x"}}]}`)), "https://x"},
		{"mention", doc(par(`{"type":"mention","attrs":{"id":"1","text":"@Ann"}}`)), "@Ann"},
		{"card", doc(`{"type":"blockCard","attrs":{"url":"https://x"}}`), "<https://x>"},
		{"date", doc(par(`{"type":"date","attrs":{"timestamp":"1767225600000"}}`)), "2026-01-01"},
		{"no date", doc(par(`{"type":"date","attrs":{"timestamp":{}}}`)), "[date]"},
		{"app", doc(`{"type":"extension","attrs":{"extensionKey":"jql\nsnapshot","parameters":{"secret":1}}}`), "[app content jql snapshot]"},
		{"media", doc(`{"type":"mediaSingle","content":[{"type":"media","attrs":{"url":"https://beacon"}}]}`), "[attachment]"},
		{"table", doc(`{"type":"table","content":[{"type":"tableRow","content":[{"type":"tableCell","content":[` + par(`{"type":"text","text":"a"}`) + `]},{"type":"tableCell","content":[` + par(`{"type":"text","text":"b"}`) + `]}]}]}`), "a | b |"},
		{"unknown", doc(`{"type":"novelty","content":[{"type":"text","text":"x"}]}`), "x"},
		{"list", doc(`{"type":"bulletList","content":[{"type":"listItem","content":[` + par(`{"type":"text","text":"a"}`) + `]}]}`), "- a"},
	}
	for _, test := range tests {
		got, err := plain(json.RawMessage(test.doc), maxReadText)
		if err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, err, test.want)
		}
	}
	long, err := plain(json.RawMessage(doc(par(`{"type":"text","text":"`+strings.Repeat("ä", maxReadText)+`"}`))), maxReadText)
	if err != nil || len(long) > maxReadText+100 || !strings.HasSuffix(long, "[cut: the text is longer]") {
		t.Errorf("a long text has %d bytes, %v", len(long), err)
	}
	if _, err := plain(json.RawMessage(`7`), maxReadText); err == nil {
		t.Error("a number is taken for a document")
	}
}

// TestPublishedSchema checks that what is allowed is also what Atlassian's own schema allows.
func TestPublishedSchema(t *testing.T) {
	schema := publishedSchema(t)
	rapid.Check(t, func(r *rapid.T) {
		n := drawNode(r, "doc", 0)
		raw, err := json.Marshal(n)
		if err != nil {
			r.Fatal(err)
		}
		sent, err := document(raw)
		if err != nil {
			r.Fatalf("%s is refused: %v", raw, err)
		}
		if err := schema.VisitJSON(decoded[any](t, sent)); err != nil {
			r.Fatalf("%s: %v", sent, err)
		}
		if _, err := plain(sent, maxReadText); err != nil {
			r.Fatalf("%s cannot be read: %v", sent, err)
		}
	})
}

// drawNode draws a node that the walker should take.
func drawNode(r *rapid.T, typ string, depth int) node {
	k, _ := nodeKind(typ)
	n := node{Type: typ}
	one := func(min, max int) *int { v := rapid.IntRange(min, max).Draw(r, "n"); return &v }
	word := func(of ...string) *string { v := rapid.SampledFrom(of).Draw(r, "word"); return &v }
	switch typ {
	case "doc":
		n.Version = one(1, 1)
	case "text":
		n.Text = rapid.StringMatching(`[a-zA-Zäö .,<>&"]{1,12}`).Draw(r, "text")
	case "heading":
		n.Attrs = &attrs{Level: one(1, 6)}
	case "orderedList":
		n.Attrs = &attrs{Order: one(0, 9)}
	case "panel":
		n.Attrs = &attrs{PanelType: word("info", "note", "tip", "warning", "error", "success")}
	case "codeBlock":
		n.Attrs = &attrs{Language: word("go", "c++", "")}
	case "table":
		n.Attrs = &attrs{Layout: word("default", "center", "wide", "full-width", "align-start", "align-end")}
	case "tableCell", "tableHeader":
		n.Attrs = &attrs{Colspan: one(1, 3), Rowspan: one(1, 3)}
	}
	if len(k.holds) == 0 {
		return n
	}
	least := 0
	if k.needs {
		least = 1
	}
	for range rapid.IntRange(least, 2).Draw(r, "children") {
		child := k.holds[0] // the way out of nesting: each first kind leads to text
		if depth < 3 {
			child = rapid.SampledFrom(k.holds).Draw(r, "child")
		} else if typ == "doc" {
			child = "paragraph"
		}
		kid := drawNode(r, child, depth+1)
		if child == "text" && typ != "codeBlock" {
			kid.Marks = drawMarks(r)
		}
		n.Content = append(n.Content, kid)
	}
	return n
}

func drawMarks(r *rapid.T) []mark {
	href, sub := "https://example.com/a", "sup"
	return rapid.SampledFrom([][]mark{
		nil,
		{{Type: "strong"}, {Type: "em"}, {Type: "underline"}},
		{{Type: "strike"}, {Type: "subsup", Attrs: &attrs{Type: &sub}}},
		{{Type: "link", Attrs: &attrs{Href: &href, Title: &sub}}},
		{{Type: "code"}, {Type: "link", Attrs: &attrs{Href: &href}}},
	}).Draw(r, "marks")
}

// publishedSchema reads Atlassian's schema of documents, whose definitions become an OpenAPI document's schemas.
func publishedSchema(t *testing.T) *openapi3.Schema {
	t.Helper()
	b, err := os.ReadFile("../../../shared/specs/adf-schema-full.json")
	if err != nil {
		absent(t, "no published schema of documents in ../shared/specs beside the repository")
	}
	defs := decoded[struct {
		Definitions map[string]json.RawMessage `json:"definitions"`
	}](t, b).Definitions
	// OpenAPI has no lists of item schemas; these two have them, and are not among what is allowed.
	for _, name := range []string{"blockTaskItem_node", "mediaSingle_caption_node"} {
		defs[name] = json.RawMessage(`{"not":{}}`)
	}
	raw, err := json.Marshal(defs)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), "#/definitions/", "#/components/schemas/")
	spec, err := openapi3.NewLoader().LoadFromData([]byte(`{"openapi":"3.0.3","info":{"title":"x","version":"1"},"paths":{},"components":{"schemas":` + text + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	return spec.Components.Schemas["doc_node"].Value
}

// FuzzDocument checks that what is taken is taken again, in the same form, and can be read.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		`"text"`, `"a\n\nb"`, doc(par(`{"type":"text","text":"x","marks":[{"type":"link","attrs":{"href":"https://a"}}]}`)),
		doc(`{"type":"table","content":[{"type":"tableRow","content":[{"type":"tableCell","content":[` + par("") + `]}]}]}`),
		doc(par(`{"type":"mention","attrs":{"id":"x"}}`)), `null`, `[`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := document(b)
		if err != nil {
			return
		}
		twice, err := document(once)
		if err != nil || string(once) != string(twice) {
			t.Fatalf("%q became %s and then %s, %v", b, once, twice, err)
		}
		if _, err := plain(once, maxReadText); err != nil {
			t.Fatalf("%s cannot be read: %v", once, err)
		}
		for _, word := range []string{`"mention"`, `"inlineCard"`, `"extension"`, `"media"`, `javascript:`} {
			if strings.Contains(string(once), `"type":`+word) {
				t.Fatalf("%s was taken", once)
			}
		}
	})
}

// FuzzPlain checks that no document of other people's upsets the reader.
func FuzzPlain(f *testing.F) {
	f.Add([]byte(`"x"`))
	f.Add([]byte(doc(par(`{"type":"text","text":"x"},{"type":"emoji","attrs":{"shortName":":x:"}}`))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := plain(b, maxReadText); err == nil && len(s) > maxReadText+100 {
			t.Fatalf("%d bytes of text", len(s))
		}
	})
}
