// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/receipt"
)

// asks has the robot ask for something, and returns the receipt that asks.
func (h *house) asks(d *deed) *receipt.Receipt {
	h.t.Helper()
	d.action, d.outcome = mail, receipt.Outcome{Status: receipt.Done}
	r, err := h.do(h.order("job-1"), d)
	if pending := (*gate.Pending)(nil); !errors.As(err, &pending) {
		h.t.Fatalf("not asked: %v", err)
	}
	return r
}

// As long as the call has not been made, who has answered can take it back, and
// everybody who may answer can say no.
func TestWayBack(t *testing.T) {
	h, question := asked(t)
	_, payload := h.offered(question, yes)
	if res := h.sent(question, payload); res.status != 200 {
		t.Fatal(res.status, res.body)
	}
	page := h.get("approver", "/approvals/"+question).body
	checkPage(t, "/approvals", page)
	for text, want := range map[string]bool{`value="withdraw"`: true, `value="no"`: true, `value="yes"`: false, "has not been made yet": true, `name="times"`: false} {
		if strings.Contains(page, text) != want {
			t.Errorf("after the yes, the page has %s: %t", text, !want)
		}
	}
	h.is(h.kim, Approver)
	if page = h.get("approver", "/approvals/"+question).body; strings.Contains(page, `value="withdraw"`) || !strings.Contains(page, `value="no"`) {
		t.Error("another may say no, and has nothing to take back")
	}
	h.is(h.alice, Approver)
	_, payload = h.offered(question, `{"yes":false,"withdraws":true,"reason":"","minutes":60}`)
	if res := h.sent(question, payload); res.status != 200 {
		t.Fatal(res.status, res.body)
	}
	if page = h.get("approver", "/approvals/"+question).body; !strings.Contains(page, `value="yes"`) {
		t.Error("taken back, it is not asked again")
	}
}

// Who ordered the job may say no.
func TestOrdererSaysNo(t *testing.T) {
	h, question := asked(t)
	h.Door = alone{&Person{ID: "local/2", Name: "Olga", Key: "olga", Roles: []string{Approver}, CSRF: "good"}}
	page := h.get("approver", "/approvals/"+question).body
	checkPage(t, "/approvals", page)
	if !strings.Contains(page, `value="no"`) || strings.Contains(page, `value="yes"`) || !strings.Contains(page, "your yes would not count") {
		t.Errorf("olga is offered\n%s", page)
	}
}

// Nobody says yes on a page that leaves something out; all of it can be read there,
// piece by piece.
func TestNothingIsHidden(t *testing.T) {
	h, _ := asked(t)
	const mark = "EVERYTHING"
	change := func(body, diff string) *receipt.Change {
		return &receipt.Change{Summary: "s", Request: receipt.Request{Method: "PUT", Path: "/", Body: []byte(`"` + body + `"`)}, Undo: receipt.Undo{Irreversible: "gone"}, Diff: diff}
	}
	pad := func(n int) string { return strings.Repeat("harmless ", n/9) }
	for name, tt := range map[string]struct {
		deed  deed
		part  string
		whole bool
	}{
		"arguments":               {deed{args: `{"note":"` + pad(360<<10) + `","delete":"` + mark + `"}`}, "args", true},
		"arguments without end":   {deed{args: `{"note":"` + pad(maxAsked) + `","delete":"` + mark + `"}`}, "args", false},
		"a request":               {deed{args: `{}`, change: change(pad(360<<10)+mark, "+x\n")}, "change-body", true},
		"a request without end":   {deed{args: `{}`, change: change(pad(maxAsked)+mark, "+x\n")}, "change-body", false},
		"a difference":            {deed{args: `{}`, change: change("b", strings.Repeat("+x\n", maxDiffLines-1)+"+"+mark+"\n")}, "change-diff", true},
		"a difference, too long":  {deed{args: `{}`, change: change("b", strings.Repeat("+harmless, and no more than that\n", maxDiffLines)+"+"+mark+"\n")}, "change-diff", false},
		"of more than one letter": {deed{args: `{}`, change: change(strings.Repeat("\u00e9\u4e16", maxAsked/4)+mark, "+x\n")}, "change-body", false},
	} {
		r := h.asks(&tt.deed)
		page := h.get("approver", "/approvals/"+r.Asks).body
		checkPage(t, "/approvals", page)
		if strings.Contains(page, mark) != tt.whole || strings.Contains(page, `value="yes"`) != tt.whole || !strings.Contains(page, `value="no"`) {
			t.Errorf("%s: all is shown: %t; a yes is offered: %t", name, strings.Contains(page, mark), strings.Contains(page, `value="yes"`))
		}
		if res := h.post("/approvals/"+r.Asks+"/offer", "good", yes); (res.status == 200) != tt.whole || !tt.whole && !strings.Contains(res.body, "longer than a page shows") {
			t.Errorf("%s: offered: %d %.200s", name, res.status, res.body)
		}
		if tt.whole {
			continue
		}
		at := fmt.Sprintf("/jobs/job-1/texts/%d/%s?from=0", r.Seq, tt.part)
		if !strings.Contains(page, `href="`+at+`"`) {
			t.Errorf("%s: no way to %s", name, at)
		}
		read := h.pieces(at)
		want := tt.deed.args
		if tt.part == "change-body" {
			want = string(tt.deed.change.Request.Body)
		} else if tt.part == "change-diff" {
			want = tt.deed.change.Diff
		}
		if read != want {
			t.Errorf("%s: of %d bytes the pieces have %d, and end with %q", name, len(want), len(read), read[max(0, len(read)-50):])
		}
	}
	for _, path := range []string{"/jobs/job-1/texts/2/args?from=99999999", "/jobs/job-1/texts/2/args?from=-1", "/jobs/job-1/texts/2/args?from=x", "/jobs/job-1/texts/1/change-body?from=0"} {
		if res := h.get("approver", path); res.status != 404 {
			t.Errorf("%s: %d", path, res.status)
		}
	}
}

var next = regexp.MustCompile(`<a href="([^"]+)">The next piece</a>`)
var shown = regexp.MustCompile(`(?s)<pre tabindex="0">(.*)</pre>`)

// pieces reads a text to its end, as a person does.
func (h *house) pieces(path string) string {
	h.t.Helper()
	var out strings.Builder
	for range 100 {
		res := h.get("approver", path)
		text := shown.FindStringSubmatch(res.body)
		if res.status != 200 || text == nil {
			h.t.Fatalf("%s: %d", path, res.status)
		}
		checkPage(h.t, path, res.body)
		out.WriteString(html.UnescapeString(text[1]))
		on := next.FindStringSubmatch(res.body)
		if on == nil {
			return out.String()
		}
		path = html.UnescapeString(on[1])
	}
	h.t.Fatal("the pieces have no end")
	return ""
}

// Pieces are all of a text, and lead from one to the next and back.
func FuzzPieces(f *testing.F) {
	f.Add([]byte(strings.Repeat("\u4e16x", maxBody)), 5)
	f.Add(bytes.Repeat([]byte{0x80}, 2*maxBody+1), 1<<40)
	f.Add([]byte{}, -1)
	f.Fuzz(func(t *testing.T, b []byte, from int) {
		pieceOf("/x", b, from)
		end := 0
		for n := 0; ; n++ {
			at, _, ok := pieceOf("/x", b, end)
			if !ok {
				break
			}
			if at.From != end || at.To <= at.From || at.To-at.From > maxBody || (at.After == "") != (at.To == len(b)) || (at.Before == "") != (n == 0) {
				t.Fatalf("%+v", at)
			}
			end = at.To
		}
		if end != len(b) {
			t.Errorf("the pieces of %d bytes end at %d", len(b), end)
		}
	})
}

// A form of several parts is read where a page takes a file, into memory, and bounded.
func FuzzUploaded(f *testing.F) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := errors.Join(w.SetBoundary("x"), w.WriteField("csrf", "good"), w.WriteField("text", "t"), w.Close()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../f\"\r\n\r\n{}\r\n--x--\r\n"))
	f.Add([]byte("--x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=\r\n--x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/policies/drafts", bytes.NewReader(b))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		err := uploaded(httptest.NewRecorder(), r)
		n := 0
		for name, list := range r.PostForm {
			n += len(name) + len(strings.Join(list, ""))
		}
		if err != nil && len(b) <= maxForm || n > maxForm {
			t.Errorf("%d bytes of %d, %v", n, len(b), err)
		}
	})
}

// What is too long is not read, and nothing is put on the disk.
func TestUploadIsBounded(t *testing.T) {
	h := newHouse(t)
	h.as("kim@house.test", Author)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	if res := h.upload("/policies/drafts", bytes.Repeat([]byte("x"), maxForm)); res.status != 409 || !strings.Contains(res.body, "more than the house reads") {
		t.Errorf("%d %.200s", res.status, res.body)
	}
	if res := h.upload("/policies/drafts", []byte(`{"a":1}`)); res.status != 422 {
		t.Errorf("a file that is no policy: %d", res.status)
	}
	if res := h.upload("/revocations", nil); res.status != 403 {
		t.Errorf("another's page: %d", res.status)
	}
	h.as("kim@house.test", Operator)
	if res := h.upload("/revocations", nil); res.status != 409 || !strings.Contains(res.body, "from one of the house") {
		t.Errorf("a page that takes no file: %d", res.status)
	}
	if files, err := os.ReadDir(dir); len(files) > 0 || err != nil {
		t.Errorf("%v, %v", files, err)
	}
}
