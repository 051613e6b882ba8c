// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/policy"
)

func aChange() *Change {
	return &Change{
		Summary: "Update page 123 in ENG",
		Target:  &policy.Resource{Type: "page", ID: "123", Version: "7"},
		Request: Request{Method: "PUT", Path: "/wiki/api/v2/pages/123", Body: json.RawMessage(`{"version":{"message":"why","number":8}}`), Mark: "/version/message"},
		Before:  json.RawMessage(`{"version":7}`),
		Undo:    Undo{Action: "page.restore", Args: json.RawMessage(`{"page_id":"123","version":7}`)},
		Diff:    "- old\n+ new",
	}
}

func TestChange(t *testing.T) {
	b, err := aChange().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseChange(b)
	if diff := cmp.Diff(aChange(), got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for name, spoil := range map[string]func(*Change){
		"no summary":        func(c *Change) { c.Summary = "" },
		"nothing sent":      func(c *Change) { c.Request.Method = "" },
		"sent nowhere":      func(c *Change) { c.Request.Path = "" },
		"no word of undo":   func(c *Change) { c.Undo = Undo{} },
		"undone and not":    func(c *Change) { c.Undo.Irreversible = "nothing does" },
		"longer than bound": func(c *Change) { c.Diff = strings.Repeat("x", MaxChange) },
	} {
		c := aChange()
		spoil(c)
		if _, err := c.Marshal(); err == nil {
			t.Errorf("%s: it was written", name)
		}
	}
	for _, bad := range []string{``, `null`, `{}`, ` ` + string(b), strings.Replace(string(b), `"diff"`, `"Diff"`, 1), strings.Replace(string(b), `"action":"page.restore",`, ``, 1)} {
		if _, err := ParseChange([]byte(bad)); err == nil {
			t.Errorf("it was read: %.40s", bad)
		}
	}
}

func FuzzChange(f *testing.F) {
	b, err := aChange().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"request":{"method":"POST","path":"/"},"summary":"s","undo":{"irreversible":"sent"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseChange(b)
		if err != nil {
			return
		}
		if again, err := c.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%v\n%s\n%s", err, b, again)
		}
	})
}
