// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package page

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ids(lost []Lost) []string {
	list := []string{}
	for _, l := range lost {
		list = append(list, l.ID)
	}
	return list
}

func TestLosses(t *testing.T) {
	toc := `<ac:structured-macro ac:name="toc" ac:macro-id="m-1"><ac:parameter ac:name="maxLevel">2</ac:parameter></ac:structured-macro>`
	image := `<ac:image ac:width="300"><ri:attachment ri:filename="a.png"/><ac:caption>c</ac:caption></ac:image>`
	marker := `<ac:inline-comment-marker ac:ref="r-1">ten</ac:inline-comment-marker>`
	user := `<ac:link><ri:user ri:account-id="u-1"/></ac:link>`
	task := `<ac:task-list><ac:task><ac:task-id>7</ac:task-id><ac:task-status>incomplete</ac:task-status><ac:task-body>do</ac:task-body></ac:task></ac:task-list>`
	section := `<ac:layout><ac:layout-section ac:type="two_equal"><ac:layout-cell><p/></ac:layout-cell><ac:layout-cell><p/></ac:layout-cell></ac:layout-section></ac:layout>`
	for _, test := range []struct {
		name          string
		before, after string
		want          []string
	}{
		{"the same", toc + image + user, toc + image + user, []string{}},
		{"moved", toc + "<p>a</p>" + image, image + "<p>" + toc + "</p>", []string{}},
		{"written differently", `<ac:structured-macro ac:name="x" ac:macro-id="1"><ac:parameter ac:name="a">b&#38;c</ac:parameter></ac:structured-macro>`,
			`<ac:structured-macro ac:macro-id='1' ac:name='x'>` + "\n" + `<ac:parameter ac:name="a"><![CDATA[b&c]]></ac:parameter></ac:structured-macro >`, []string{}},
		{"a macro", toc, "", []string{"macro:toc:m-1"}},
		{"a parameter", toc, strings.Replace(toc, ">2<", ">3<", 1), []string{"macro:toc:m-1"}},
		{"an id", toc, strings.Replace(toc, "m-1", "m-2", 1), []string{"macro:toc:m-1"}},
		{"a macro as text", toc, `<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[` + toc + `]]></ac:plain-text-body></ac:structured-macro>`, []string{"macro:toc:m-1"}},
		{"a macro in a comment", toc, "<!--" + toc + "-->", []string{"macro:toc:m-1"}},
		{"a macro in a parameter", toc, `<ac:structured-macro ac:name="x"><ac:parameter>` + toc + `</ac:parameter></ac:structured-macro>`, []string{"macro:toc:m-1"}},
		{"in a macro's body", `<ac:structured-macro ac:name="expand" ac:macro-id="e"><ac:rich-text-body>` + toc + `</ac:rich-text-body></ac:structured-macro>`,
			`<ac:structured-macro ac:name="expand" ac:macro-id="e"><ac:rich-text-body><p/></ac:rich-text-body></ac:structured-macro>`, []string{"macro:toc:m-1"}},
		{"an image", image, "", []string{"image:a.png"}},
		{"an image's size", image, strings.Replace(image, "300", "30", 1), []string{"image:a.png"}},
		{"an image's caption", image, strings.Replace(image, ">c<", ">d<", 1), []string{}},
		{"one of two images", image + image, image, []string{"image:a.png#2"}},
		{"both images", image + image, "", []string{"image:a.png", "image:a.png#2"}},
		{"a picture from outside", `<ac:image><ri:url ri:value="https://e.example/a,b.png"/></ac:image>`, "", []string{"image:https://e.example/a_b.png~" + short("https://e.example/a,b.png")}},
		{"a file", `<ac:link><ri:attachment ri:filename="f.pdf"/></ac:link>`, "", []string{"attachment:f.pdf"}},
		{"a link", `<ac:link ac:anchor="x"><ri:page ri:space-key="S" ri:content-title="T"/></ac:link><a href="https://e.example">e</a>`, "<p>e</p>", []string{"link:S/T§x", "link:https://e.example"}},
		{"a link's text", `<a href="https://e.example">e</a>`, `<a href="https://e.example">f</a>`, []string{}},
		{"a mention", "<p>" + user + "</p>", "<p>@u-1</p>", []string{"mention:u-1"}},
		{"an anchor", "<p>" + marker + "</p>", "<p>ten</p>", []string{"comment:r-1"}},
		{"an emptied anchor", "<p>" + marker + "</p>", `<p><ac:inline-comment-marker ac:ref="r-1"> </ac:inline-comment-marker>ten</p>`, []string{"comment:r-1"}},
		{"an anchor's text", "<p>" + marker + "</p>", strings.Replace(marker, "ten", "two", 1), []string{"comment:r-1"}},
		{"an anchor across formatting", marker, `<ac:inline-comment-marker ac:ref="r-1">t</ac:inline-comment-marker><b><ac:inline-comment-marker ac:ref="r-1">en</ac:inline-comment-marker></b>`, []string{}},
		{"a task", task, "", []string{"task:7"}},
		{"a task done", task, strings.Replace(task, "incomplete", "complete", 1), []string{}},
		{"a layout", section, "<p/>", []string{"layout:page", "layout:two_equal"}},
		{"a column", section, strings.Replace(section, "<ac:layout-cell><p/></ac:layout-cell>", "", 1), []string{"layout:two_equal"}},
		{"an unknown element", `<x:y a="b"><c>d</c></x:y>`, "", []string{"element:x:y:" + form(mustParse(t, Storage, `<x:y a="b"><c>d</c></x:y>`).root.kids[0])[:8]}},
	} {
		before, after := mustParse(t, Storage, test.before), mustParse(t, Storage, test.after)
		lost := Losses(before, after)
		if diff := cmp.Diff(test.want, ids(lost)); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
		err := Permit(before, after, nil)
		if (err != nil) != (len(test.want) > 0) {
			t.Errorf("%s: permit without drops: %v", test.name, err)
		}
		if err := Permit(before, after, test.want); err != nil {
			t.Errorf("%s: permit with drops: %v", test.name, err)
		}
		shown := Diff(before, after)
		for _, id := range test.want {
			if !strings.Contains(shown, id) {
				t.Errorf("%s: the diff does not say %s:\n%s", test.name, id, shown)
			}
		}
	}
}

func TestLossesADF(t *testing.T) {
	for name, test := range map[string]struct {
		node, other string
		want        string
	}{
		"extension":    {`{"type":"extension","attrs":{"extensionKey":"toc","parameters":{"macroMetadata":{"macroId":{"value":"m-1"}}}}}`, "", "macro:toc:m-1"},
		"by local id":  {`{"type":"extension","attrs":{"extensionKey":"drawio","localId":"l"}}`, "", "macro:drawio:l"},
		"parameter":    {`{"type":"extension","attrs":{"extensionKey":"toc","localId":"l","parameters":{"a":1}}}`, `{"type":"extension","attrs":{"parameters":{"a":2},"extensionKey":"toc","localId":"l"}}`, "macro:toc:l"},
		"media":        {`{"type":"mediaSingle","content":[{"type":"media","attrs":{"id":"f-1","type":"file"}}]}`, "", "image:f-1"},
		"mention":      {`{"type":"paragraph","content":[{"type":"mention","attrs":{"id":"u-1"}}]}`, para("@u-1"), "mention:u-1"},
		"annotation":   {`{"type":"paragraph","content":[{"type":"text","text":"a","marks":[{"type":"annotation","attrs":{"id":"c-1"}}]}]}`, para("a"), "comment:c-1"},
		"link":         {`{"type":"paragraph","content":[{"type":"text","text":"a","marks":[{"type":"link","attrs":{"href":"https://e.example"}}]}]}`, para("a"), "link:https://e.example"},
		"card":         {`{"type":"blockCard","attrs":{"url":"https://e.example"}}`, "", "link:https://e.example"},
		"task":         {`{"type":"taskList","content":[{"type":"taskItem","attrs":{"localId":"t-1","state":"TODO"}}]}`, "", "task:t-1"},
		"layout":       {`{"type":"layoutSection","content":[{"type":"layoutColumn","attrs":{"width":50},"content":[]},{"type":"layoutColumn","attrs":{"width":50},"content":[]}]}`, "", "layout:2 columns"},
		"sync block":   {`{"type":"syncBlock","attrs":{"resourceId":"r-1"}}`, "", "include:r-1"},
		"unknown":      {`{"type":"newThing"}`, "", "element:newThing:" + digest(`{"type":"newThing"}`)[:8]},
		"unknown mark": {`{"type":"paragraph","content":[{"type":"text","text":"a","marks":[{"type":"glow"}]}]}`, para("a"), "element:glow:" + digest(`{"type":"glow"}`)[:8]},
		"odd member":   {`{"type":"paragraph","Content":1}`, "", "element:paragraph:" + digest(`{"Content":1,"type":"paragraph"}`)[:8]},
	} {
		before, after := mustParse(t, ADF, adf(test.node)), mustParse(t, ADF, adf(test.other))
		if diff := cmp.Diff([]string{test.want}, ids(Losses(before, after))); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if lost := Losses(before, before); len(lost) > 0 {
			t.Errorf("%s: loses %v to itself", name, lost)
		}
		if shown := Diff(before, after); !strings.Contains(shown, test.want) {
			t.Errorf("%s: the diff does not say so:\n%s", name, shown)
		}
	}
	split := `{"type":"paragraph","content":[{"type":"text","text":"a","marks":[{"type":"link","attrs":{"href":"h"}}]},{"type":"text","text":"b","marks":[{"type":"strong"},{"type":"link","attrs":{"href":"h"}}]}]}`
	joined := `{"type":"paragraph","content":[{"type":"text","text":"ab","marks":[{"type":"link","attrs":{"href":"h"}}]}]}`
	if lost := Losses(mustParse(t, ADF, adf(split)), mustParse(t, ADF, adf(joined))); len(lost) > 0 {
		t.Errorf("a link written in one piece is lost: %v", lost)
	}
}

func TestRepeats(t *testing.T) {
	macro := `<ac:structured-macro ac:name="toc" ac:macro-id="m-1"/>`
	other := `<ac:structured-macro ac:name="info" ac:macro-id="m-1"/>`
	marker := `<p><ac:inline-comment-marker ac:ref="r-1">ten</ac:inline-comment-marker></p>`
	task := `<ac:task-list><ac:task><ac:task-id>7</ac:task-id><ac:task-body>do</ac:task-body></ac:task></ac:task-list>`
	mention := `<p><ac:link><ri:user ri:account-id="u-1"/></ac:link></p>`
	for _, test := range []struct {
		name          string
		before, added string
		repeat        bool
	}{
		{"macro", macro, macro, true},
		{"id of another macro", macro, other, true},
		{"twice in what is new", "", macro + macro, true},
		{"once in what is new", "", macro, false},
		{"marker", marker, marker, true},
		{"new marker twice", "", marker + marker, true},
		{"task", task, task, true},
		{"mention", mention, mention, false},
		{"twice before", macro + macro, "<p/>", false},
		{"thrice", macro + macro, macro, true},
	} {
		before, after := mustParse(t, Storage, test.before), mustParse(t, Storage, test.before+test.added)
		err := Permit(before, after, nil)
		if !test.repeat {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		checkCode(t, test.name, err, Repeat)
	}
	ext := `{"type":"extension","attrs":{"extensionKey":"toc","localId":"l"}}`
	checkCode(t, "ADF", Permit(mustParse(t, ADF, adf(ext)), mustParse(t, ADF, adf(ext+","+ext)), nil), Repeat)
}

func TestDrops(t *testing.T) {
	before := mustParse(t, Storage, `<p>a</p><ac:structured-macro ac:name="toc" ac:macro-id="m-1"/><p>b <ac:image><ri:attachment ri:filename="x.png"/></ac:image></p>`)
	edits := []Edit{{Op: Delete, Block: at(t, before, "b2")}, {Op: Replace, Block: at(t, before, "b3"), Content: "<p>b</p>"}}
	_, err := Apply(before, edits)
	checkCode(t, "without drops", err, Loss)
	var e *Error
	if errors.As(err, &e); e == nil || len(e.Losses) != 2 {
		t.Fatalf("losses: %v", err)
	}
	edits[0].Drops = []string{e.Losses[0].ID}
	_, err = Apply(before, edits)
	checkCode(t, "with one", err, Loss)
	edits[1].Drops = []string{e.Losses[1].ID}
	after, err := Apply(before, edits)
	if err != nil {
		t.Fatal(err)
	}
	want := "dropped: [macro: toc] macro:toc:m-1\ndropped: [image: x.png] image:x.png\n@@\n a\n-[macro: toc]\n-b [image: x.png]\n+b\n"
	if got := Diff(before, after); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	moved := []Edit{{Op: Delete, Block: at(t, before, "b2")}, {Op: Prepend, Content: before.Source(before.Blocks[1])}}
	if _, err := Apply(before, moved); err != nil {
		t.Errorf("moving: %v", err)
	}
	checkCode(t, "formats", Permit(before, mustParse(t, ADF, adf("")), nil), BadEdit)
}
