// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	sim "github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/receipt"
)

// edit changes a page by edits, which are JSON.
func (h *house) edit(id string, version int, edits string, between ...func()) *end {
	h.t.Helper()
	return h.do("page.edit", args(`{"page_id":%q,"based_on_version":%d,"edits":%s,"message":"why"}`, id, version, edits), between...)
}

// block returns the name of the first block of a page whose beginning holds a text.
func (h *house) block(id, begins string) string {
	h.t.Helper()
	got := read[reading](h, h.get(id))
	for _, b := range got.Blocks {
		if strings.Contains(b.Begins, begins) {
			return b.Name
		}
	}
	h.t.Fatalf("page %s has no block that begins with %q: %+v", id, begins, got.Blocks)
	return ""
}

const jiraMacro = `<ac:structured-macro ac:name="jira" ac:macro-id="m-1"><ac:parameter ac:name="jqlQuery">project = ENG</ac:parameter></ac:structured-macro>`

func TestEdit(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	body := `<ac:structured-macro ac:name="toc" ac:macro-id="t-1"/> <h1>Deploy</h1>` + jiraMacro +
		`<p>Ask <ac:link><ri:user ri:account-id="712020:x"/></ac:link> to <ac:inline-comment-marker ac:ref="r-1">push the button</ac:inline-comment-marker>.</p><p>Bye &amp; out</p>`
	h.site.EditPage(h.deploy, "", body)
	e := h.edit(h.deploy, 2, args(`[{"op":"replace_text","block":%q,"old":"Bye & out","new":"Over <b>"},{"op":"insert_after","block":%q,"content":"<p>new</p>"}]`,
		h.block(h.deploy, "<p>Bye"), h.block(h.deploy, "<h1>")))
	h.want(e, "done")
	want := strings.Replace(strings.Replace(body, "Bye &amp; out", "Over &lt;b&gt;", 1), "</h1>", "</h1><p>new</p>", 1)
	page, _ := h.site.Page(h.deploy)
	if last := page.Versions[2]; page.Body != want || last.Message != "why (clawea "+h.opened.Name()+")" || last.AuthorID != h.writer {
		t.Errorf("got %+v", page)
	}
	if h.change.Undo.Action != "page.restore" || !strings.Contains(h.change.Diff, "+") || !strings.Contains(h.change.Diff, "Over <b>") ||
		h.change.Request.Mark != "/version/message" || h.change.Target.Version != "2" || !strings.Contains(string(h.change.Before), "push the button") {
		t.Errorf("change %+v", h.change)
	}
}

func TestEditsThatAreRefused(t *testing.T) {
	body := jiraMacro + `<p>one</p><ac:layout><ac:layout-section ac:type="single"><ac:layout-cell><p>two</p></ac:layout-cell></ac:layout-section></ac:layout>`
	tests := []struct{ name, edits, want string }{
		{"drops a macro", `[{"op":"delete","block":"MACRO"}]`, "would_lose"},
		{"says which macro", `[{"op":"delete","block":"MACRO","drops":["macro:jira:m-1"]}]`, "done"},
		{"drops what stays", `[{"op":"delete","block":"P","drops":["macro:jira:m-1"]}]`, "bad_argument"},
		{"brings a macro that fetches", `[{"op":"insert_after","block":"P","content":"<ac:structured-macro ac:name=\"include\"/>"}]`, "bad_argument"},
		{"brings a script", `[{"op":"replace","block":"P","content":"<p><script>x</script></p>"}]`, "bad_argument"},
		{"brings a mention", `[{"op":"append","content":"<p><ac:link><ri:user ri:account-id=\"1\"/></ac:link></p>"}]`, "bad_argument"},
		{"brings half an element", `[{"op":"append","content":"</p><p>"}]`, "bad_argument"},
		{"brings hidden characters", `[{"op":"replace_text","block":"P","old":"one","new":"o\u202ene"}]`, "bad_argument"},
		{"markup as text", `[{"op":"replace_text","block":"P","old":"one","new":"</p><script>"}]`, "done"},
		{"a section into a layout", `[{"op":"append","block":"LAYOUT","content":"<ac:layout-section ac:type=\"single\"><ac:layout-cell><p>x</p></ac:layout-cell></ac:layout-section>"}]`, "done"},
		{"a section into a paragraph", `[{"op":"insert_after","block":"P","content":"<ac:layout-section ac:type=\"single\"/>"}]`, "bad_argument"},
		{"no such block", `[{"op":"delete","block":"b9-00000000"}]`, "conflict"},
		{"text that is not there", `[{"op":"replace_text","block":"P","old":"nothing","new":"x"}]`, "bad_argument"},
		{"unknown operation", `[{"op":"move","block":"P"}]`, "bad_argument"},
		{"unknown field", `[{"op":"delete","block":"P","force":true}]`, "bad_argument"},
		{"none", `[]`, "bad_argument"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t, prefixPolicy, nil)
			h.site.EditPage(h.deploy, "", body)
			edits := strings.NewReplacer("MACRO", h.block(h.deploy, "jira"), "P", h.block(h.deploy, "<p>one"), "LAYOUT", h.block(h.deploy, "<ac:layout>")).Replace(test.edits)
			mark := len(h.site.Requests())
			e := h.edit(h.deploy, 2, edits)
			h.want(e, test.want)
			if test.want == "done" {
				return
			}
			h.quiet(mark)
			if page, _ := h.site.Page(h.deploy); page.Body != body {
				t.Errorf("the page is %s", page.Body)
			}
		})
	}
}

// TestConflictSaysWhoAndWhen has somebody write before the plan, between plan and act, and right before the request.
func TestConflictSaysWhoAndWhen(t *testing.T) {
	theirs := func(h *house) { h.site.EditPage(h.deploy, h.undoer, "<p>theirs</p>") }
	edits := `[{"op":"append","content":"<p>ours</p>"}]`
	for name, do := range map[string]func(h *house) *end{
		"before":  func(h *house) *end { theirs(h); return h.edit(h.deploy, 1, edits) },
		"between": func(h *house) *end { return h.edit(h.deploy, 1, edits, func() { theirs(h) }) },
		"at the request": func(h *house) *end {
			h.site.OnWrite(nil, func(sim.Request) { theirs(h) })
			return h.edit(h.deploy, 1, edits)
		},
	} {
		h := newHouse(t, prefixPolicy, nil)
		e := do(h)
		page, _ := h.site.Page(h.deploy)
		when := page.Versions[1].At.UTC().Format("2006-01-02T15:04:05")
		if h.want(e, "conflict"); !strings.Contains(e.why, h.undoer) || !strings.Contains(e.why, when) || page.Body != "<p>theirs</p>" {
			t.Errorf("%s: %q, the page is %s", name, e.why, page.Body)
		}
	}
}

// TestCommentOnWordsMeanwhile says: the anchor of a comment that came between reading and writing is not lost, although
// the version stays.
func TestCommentOnWordsMeanwhile(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	anchor := func() {
		_, err := h.c.write.Do(t.Context(), commentOnAlpha(h.deploy))
		if err == nil {
			t.Error("a comment on words got past the table")
		}
		c := connectAny(t, h.c.write.BaseURL())
		if _, err := c.Do(t.Context(), commentOnAlpha(h.deploy)); err != nil {
			t.Fatal(err)
		}
	}
	e := h.edit(h.deploy, 1, `[{"op":"append","content":"<p>ours</p>"}]`, anchor)
	h.want(e, "conflict")
	if page, _ := h.site.Page(h.deploy); !strings.Contains(page.Body, "inline-comment-marker") || len(page.Versions) != 1 {
		t.Errorf("the page is %s", page.Body)
	}
	h.want(h.edit(h.deploy, 1, `[{"op":"append","content":"<p>ours</p>"}]`), "done")
	if page, _ := h.site.Page(h.deploy); !strings.Contains(page.Body, "inline-comment-marker") || !strings.Contains(page.Body, "ours") {
		t.Errorf("the page is %s", page.Body)
	}
}

// TestUpdateLosesNothing holds whole bodies to what they replace.
func TestUpdateLosesNothing(t *testing.T) {
	h := newHouse(t, prefixPolicy, nil)
	h.site.EditPage(h.deploy, "", `<ac:structured-macro ac:name="toc" ac:macro-id="t-1"/><p>x</p>`)
	h.want(h.update(h.deploy, 2, "<p>y</p>"), "would_lose")
	h.want(h.update(h.deploy, 2, `<ac:structured-macro ac:name="toc" ac:macro-id="t-1"/><p>y</p>`), "done")
	e := h.do("page.update", args(`{"page_id":%q,"based_on_version":3,"body_storage":"<p>z</p>","message":"why","drops":["macro:toc:t-1"]}`, h.deploy))
	h.want(e, "done")
	if !strings.Contains(h.change.Diff, "toc") {
		t.Errorf("the diff does not show what is dropped:\n%s", h.change.Diff)
	}
	h.site.EditPage(h.deploy, "", `<p>broken`)
	h.want(h.update(h.deploy, 5, "<p>y</p>"), "unreadable")
}

// TestEditsOfRealPages edits every page of the corpus, and takes that back: byte for byte.
func TestEditsOfRealPages(t *testing.T) {
	paths, err := filepath.Glob("../page/testdata/storage/*.xml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	h := newHouse(t, fullPolicy, nil)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		body := string(b)
		id := h.site.AddPage(sim.PageSeed{Space: "ENG", Parent: h.runbooks, Title: filepath.Base(path), Body: body})
		e := h.edit(id, 1, `[{"op":"prepend","content":"<p>before</p>"},{"op":"append","content":"<p>after</p>"}]`)
		if h.want(e, "done"); t.Failed() {
			t.Fatalf("%s: %s", path, e.why)
		}
		page, _ := h.site.Page(id)
		if page.Body != "<p>before</p>"+body+"<p>after</p>" && !strings.Contains(page.Body, strings.TrimSpace(body)) {
			t.Errorf("%s: other bytes changed", path)
		}
		h.undoes("page.restore")
		if page, _ = h.site.Page(id); page.Body != body || len(page.Versions) != 3 {
			t.Errorf("%s: not restored byte for byte", path)
		}
	}
}

// undoes takes back the last change, which the connector says how to, and returns how that ended.
func (h *house) undoes(want string) *end {
	h.t.Helper()
	target := h.end.result.Outcome.Target
	step, err := h.c.Revert(h.t.Context(), h.opened, h.change, target)
	if err != nil {
		h.t.Fatal(err)
	}
	if step.Action != want || step.Says == "" || step.Blocked != "" {
		h.t.Fatalf("step %+v, want %s", step, want)
	}
	again, err := h.c.Revert(h.t.Context(), h.opened, h.change, target)
	if diff := cmp.Diff(step, again); diff != "" || err != nil {
		h.t.Errorf("asked twice: %s, %v", diff, err)
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(step.Args, &given); err != nil {
		h.t.Fatal(err)
	}
	given["message"] = []byte(`"undone by a person"`)
	b, err := json.Marshal(given)
	if err != nil {
		h.t.Fatal(err)
	}
	name := h.opened.Name()
	e := h.undoing(step.Action, string(b))
	h.want(e, "done")
	if h.change != nil && h.change.Undoes != name {
		h.t.Errorf("%s undoes %q, want %s", step.Action, h.change.Undoes, name)
	}
	return e
}

// undoing carries a call for the house's own undoing.
func (h *house) undoing(action, args string) *end {
	h.t.Helper()
	h.agent = receipt.Undoer
	defer func() { h.agent = "" }()
	return h.do(action, args)
}

// stuck says why the last change cannot be taken back.
func (h *house) stuck() string {
	h.t.Helper()
	step, err := h.c.Revert(h.t.Context(), h.opened, h.change, h.end.result.Outcome.Target)
	if err != nil {
		h.t.Fatal(err)
	}
	if step.Action != "" || step.Args != nil || !strings.HasSuffix(step.Blocked, ".") {
		h.t.Errorf("step %+v, want none", step)
	}
	return step.Blocked
}
