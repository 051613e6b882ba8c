// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/facade"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/sim/specs"
	"github.com/clawea/clawea/policy"
)

// A theatre is the facade of one call, over the connector and its site.
type theatre struct {
	*house
	stage *facade.Stage
	held  http.Handler // the stage, behind the published specifications
	reads []string     // the actions of the server's own reads
	did   *end         // the planned change
}

// call is a call as the house carries it out for a server. Reads are read right
// away; a change waits for the server to ask for it.
func (h *house) call(action, args string) *theatre {
	h.t.Helper()
	th := &theatre{house: h}
	c := &facade.Call{
		Site: "https://example.atlassian.net", Action: action, Args: []byte(args),
		Read: func(action string, args []byte) ([]byte, error) {
			th.reads = append(th.reads, action)
			return through(h.do(action, string(args)))
		},
		Perform: func() ([]byte, error) {
			th.did = h.do(action, args)
			return through(th.did)
		},
	}
	o, _ := operation(action)
	if o.Class == policy.Read || o.Class == policy.Search {
		e := h.do(action, args)
		h.want(e, "done")
		c.Result, c.Perform = e.result.Body, nil
	}
	var err error
	if th.stage, err = facade.New("confluence", c); err != nil {
		h.t.Fatal(err)
	}
	th.held = specs.Validator(h.t, th.stage)
	return th
}

func through(e *end) ([]byte, error) {
	switch {
	case e.code != "":
		return nil, &gate.Fault{Code: e.code, Msg: e.why}
	case e.effect != policy.Allow:
		return nil, errors.New("denied")
	}
	return e.result.Body, nil
}

// ask sends a request as a server would. Requests that the published documents do
// not have, or call deprecated, are not held to them.
func (th *theatre) ask(method, path, body string) (int, map[string]json.RawMessage) {
	th.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequest(method, path, http.NoBody)
	}
	r.Header.Set("Content-Type", "application/json")
	handler := th.held
	if strings.HasPrefix(path, "/cgraphql") || strings.Contains(path, "/pages/") && strings.Contains(path, "/children") {
		handler = th.stage
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	var out map[string]json.RawMessage
	b, err := io.ReadAll(w.Body)
	if err == nil && len(b) > 0 && b[0] == '{' {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		th.t.Fatalf("%s %s: %v", method, path, err)
	}
	return w.Code, out
}

func (th *theatre) wantStatus(status int, method, path, body string) map[string]json.RawMessage {
	th.t.Helper()
	got, out := th.ask(method, path, body)
	if got != status {
		th.t.Errorf("%s %s: got %d %s, want %d", method, path, got, out["message"], status)
	}
	return out
}

func (th *theatre) wantReads(actions ...string) {
	th.t.Helper()
	if !slices.Equal(th.reads, actions) {
		th.t.Errorf("the server's own reads were %v, want %v", th.reads, actions)
	}
}

func (th *theatre) wantIn(out map[string]json.RawMessage, member string, texts ...string) {
	th.t.Helper()
	for _, s := range texts {
		if !strings.Contains(string(out[member]), s) {
			th.t.Errorf("%s is %s, without %s", member, out[member], s)
		}
	}
}

// Every answer is in the shape of the published documents, and says what the
// action's result says.
func TestFacadeReads(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	const pages, v1 = "/wiki/api/v2/pages/", "/wiki/rest/api"
	h.want(h.do("page.label.add", args(`{"page_id":%q,"label":"runbook"}`, h.deploy)), "done")
	h.want(h.do("page.comment.create", args(`{"page_id":%q,"body_storage":"<p>Is <em>this</em> so?</p>"}`, h.deploy)), "done")

	th := h.call("page.get", args(`{"page_id":%q}`, h.deploy))
	out := th.wantStatus(200, "GET", pages+h.deploy+"?body-format=atlas_doc_format", "")
	th.wantIn(out, "title", "Deploy")
	th.wantIn(out, "body", `"atlas_doc_format"`, `How to deploy the alpha service.`, `\"paragraph\"`)
	out = th.wantStatus(200, "GET", pages+h.deploy+"?body-format=storage", "")
	th.wantIn(out, "body", `\u003cp\u003eHow to deploy`)
	th.wantIn(th.wantStatus(200, "GET", pages+h.deploy, ""), "body", "{}")
	th.wantReads()
	out = th.wantStatus(200, "GET", pages+h.deploy+"/ancestors", "")
	th.wantIn(out, "results", h.runbooks)
	if strings.Index(string(out["results"]), h.runbooks) < strings.Index(string(out["results"]), h.site.HomepageID("ENG")) {
		t.Errorf("ancestors are not from the top down: %s", out["results"])
	}
	th.wantReads("page.get", "page.get")
	th.wantStatus(200, "GET", pages+h.runbooks, "") // which was read
	th.wantReads("page.get", "page.get")
	th.wantStatus(404, "GET", pages+"999999999", "")
	th.wantStatus(403, "GET", pages+h.secret, "")
	th.wantStatus(200, "GET", pages+h.deploy+"?version=1&body-format=storage", "")

	th = h.call("page.children", args(`{"page_id":%q}`, h.runbooks))
	th.wantIn(th.wantStatus(200, "GET", pages+h.runbooks+"/children?limit=25", ""), "results", `"Deploy"`, `"number":1`)
	th.wantIn(th.wantStatus(200, "GET", pages+h.runbooks+"/direct-children?limit=25", ""), "results", `"Deploy"`)
	th.wantReads()

	th = h.call("page.labels", args(`{"page_id":%q}`, h.deploy))
	th.wantIn(th.wantStatus(200, "GET", pages+h.deploy+"/labels", ""), "results", `"runbook"`)
	th.wantIn(th.wantStatus(200, "GET", v1+`/search?cql=label+in+("runbook")&limit=25`, ""), "results", `"Deploy"`)
	th.wantReads("page.search")

	th = h.call("page.attachments", args(`{"page_id":%q}`, h.deploy))
	th.wantIn(th.wantStatus(200, "GET", pages+h.deploy+"/attachments", ""), "results", "[]")

	th = h.call("page.search", `{"cql":"text ~ \"alpha\""}`)
	out = th.wantStatus(200, "GET", v1+"/search?cql=space+%3D+SEC&limit=25", "")
	th.wantIn(out, "results", `"Deploy"`, `"ENG"`)
	if strings.Contains(string(out["results"]), "Incident") {
		t.Errorf("the server's own words were carried out: %s", out["results"])
	}
	th.wantReads()
}

func TestFacadeComments(t *testing.T) {
	h := newHouse(t, spacePolicy, nil)
	made := h.do("page.comment.create", args(`{"page_id":%q,"body_storage":"<p>Is <em>this</em> so?</p>"}`, h.deploy))
	h.want(made, "done")
	var id string
	if err := json.Unmarshal(made.body["comment_id"], &id); err != nil {
		t.Fatal(err)
	}
	th := h.call("page.comments", args(`{"page_id":%q}`, h.deploy))
	out := th.wantStatus(200, "GET", "/wiki/api/v2/pages/"+h.deploy+"/footer-comments?body-format=atlas_doc_format&limit=100", "")
	th.wantIn(out, "results", id, `\"em\"`)
	th.wantIn(th.wantStatus(200, "GET", "/wiki/api/v2/pages/"+h.deploy+"/inline-comments?body-format=atlas_doc_format&limit=100", ""), "results", "[]")
	th.wantIn(th.wantStatus(200, "GET", "/wiki/api/v2/footer-comments/"+id+"/children?limit=100", ""), "results", "[]")
	th.wantStatus(404, "GET", "/wiki/api/v2/footer-comments/999/children", "")
	th.wantIn(th.wantStatus(200, "POST", "/wiki/api/v2/users-bulk", `{"accountIds":["a"]}`), "results", "[]")
	if got := th.stage.Omitted(); len(got) != 1 || !strings.Contains(got[0], "Replies") {
		t.Errorf("omitted %q", got)
	}
	if th.stage.Refused() != 0 {
		t.Errorf("%d requests of a server that does what it should were refused", th.stage.Refused())
	}
	th.wantReads()
}

// A write is made once, as it was planned, when it is asked for of its target.
func TestFacadeWrites(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	const v1, v2 = "/wiki/rest/api", "/wiki/api/v2"
	const adf = `{"representation":"atlas_doc_format","value":"{}"}`
	based := func(id string) string {
		b, err := h.c.Current(t.Context(), "page.update", []byte(args(`{"page_id":%q}`, id)))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct {
		action, args, method, path, body string
		status                           int
	}{
		{"page.create", args(`{"parent_id":%q,"title":"New","body_storage":"<p>ours</p>"}`, h.runbooks),
			"POST", v2 + "/pages", args(`{"spaceId":"1","title":"theirs","status":"current","parentId":%q,"body":%s}`, h.runbooks, adf), 200},
		{"page.update", args(`{"page_id":%q,"based_on_version":1,"message":"why","body_storage":"<p>ours</p>"}`, h.deploy),
			"PUT", v2 + "/pages/" + h.deploy, args(`{"id":%q,"title":"theirs","status":"current","body":%s,"version":{"number":7}}`, h.deploy, adf), 200},
		{"page.label.add", args(`{"page_id":%q,"label":"runbook"}`, h.deploy), "POST", v1 + "/content/" + h.deploy + "/label", `[{"prefix":"global","name":"runbook"}]`, 200},
		{"page.label.remove", args(`{"page_id":%q,"label":"runbook"}`, h.deploy), "DELETE", v1 + "/content/" + h.deploy + "/label?name=runbook", "", 204},
		{"page.comment.create", args(`{"page_id":%q,"body_storage":"<p>hm</p>"}`, h.deploy), "POST", v2 + "/footer-comments", args(`{"pageId":%q,"body":%s}`, h.deploy, adf), 201},
		{"page.move", args(`{"page_id":%q,"target_id":%q,"based_on_version":BASED,"message":"why"}`, h.deploy, h.runbooks2),
			"PUT", v1 + "/content/" + h.deploy + "/move/append/" + h.runbooks2, "", 200},
		{"page.move", args(`{"page_id":%q,"target_id":%q,"based_on_version":BASED,"message":"why"}`, h.deploy, h.runbooks),
			"POST", "/cgraphql?q=MovePageMutation", moveMutation(h.deploy, h.runbooks), 200},
		{"page.trash", args(`{"page_id":%q,"based_on_version":BASED,"message":"why"}`, h.deploy), "DELETE", v2 + "/pages/" + h.deploy, "", 204},
	} {
		th := h.call(c.action, strings.Replace(c.args, "BASED", based(h.deploy), 1))
		th.wantStatus(c.status, c.method, c.path, c.body)
		if th.did == nil || th.did.String() != "done" || !th.stage.Performed() {
			t.Fatalf("%s: %+v", c.action, th.did)
		}
		mark := len(h.site.Requests())
		th.wantStatus(403, c.method, c.path, c.body)
		h.quiet(mark)
		if got := h.get(h.deploy); c.action == "page.update" && !strings.Contains(string(got.body["body"]), "ours") {
			t.Errorf("the page holds %s", got.body["body"])
		}
		if c.action == "page.move" { // the page as it is now, without another read
			th.wantStatus(200, "GET", v2+"/pages/"+h.deploy, "")
			th.wantReads()
		}
	}
}

func moveMutation(page, target string) string {
	return args(`[{"operationName":"MovePageMutation","query":"mutation MovePageMutation($input: MovePageAsChildInput!) { movePageAppend(input: $input) { movedPage } }",`+
		`"variables":{"input":{"pageId":%q,"parentId":%q}}}]`, page, target)
}

// No request is a way to another target, or to another change.
func TestFacadeRefuses(t *testing.T) {
	h := newHouse(t, fullPolicy, nil)
	const v1, v2 = "/wiki/rest/api", "/wiki/api/v2"
	body := `"body":{"representation":"storage","value":"<p>x</p>"}`
	update := args(`{"page_id":%q,"based_on_version":1,"message":"why","body_storage":"<p>ours</p>"}`, h.deploy)
	put := func(more string) string {
		return args(`{"id":%q,"title":"t","status":"current",%s,"version":{"number":2}%s}`, h.deploy, body, more)
	}
	create := args(`{"parent_id":%q,"title":"New","body_storage":"<p>ours</p>"}`, h.runbooks)
	label := args(`{"page_id":%q,"label":"runbook"}`, h.deploy)
	said := args(`{"page_id":%q,"body_storage":"<p>hm</p>"}`, h.deploy)
	move := args(`{"page_id":%q,"target_id":%q,"based_on_version":1,"message":"why"}`, h.deploy, h.runbooks2)
	trash := args(`{"page_id":%q,"based_on_version":1,"message":"why"}`, h.deploy)
	mark := len(h.site.Requests())
	for _, c := range []struct{ action, args, method, path, body string }{
		{"page.update", update, "PUT", v2 + "/pages/" + h.runbooks, strings.Replace(put(""), h.deploy, h.runbooks, 1)},
		{"page.update", update, "PUT", v2 + "/pages/" + h.runbooks, put("")},
		{"page.update", update, "PUT", v2 + "/pages/" + h.deploy, strings.Replace(put(""), h.deploy, h.runbooks, 1)},
		{"page.update", update, "PUT", v2 + "/pages/" + h.deploy, put(args(`,"parentId":%q`, h.runbooks2))},
		{"page.update", update, "PUT", v2 + "/pages/" + h.deploy, put(`,"ownerId":"somebody"`)},
		{"page.update", update, "PUT", v2 + "/pages/" + h.deploy, strings.Replace(put(""), "current", "draft", 1)},
		{"page.update", update, "PUT", v2 + "/pages/" + h.deploy + "?private=true", put("")},
		{"page.update", update, "PUT", v2 + "/pages/" + h.deploy + "/title", put("")},
		{"page.update", update, "PUT", v2 + "/pages/%2e%2e%2f" + h.deploy, put("")},
		{"page.update", update, "PUT", v2 + "/pages/0" + h.deploy, put("")},
		{"page.update", update, "PUT", "/WIKI/api/v2/pages/" + h.deploy, put("")},
		{"page.update", update, "DELETE", v2 + "/pages/" + h.deploy, ""},
		{"page.update", update, "POST", v2 + "/pages", args(`{"parentId":%q,"title":"t","status":"current",%s}`, h.deploy, body)},
		{"page.update", update, "POST", v2 + "/footer-comments", args(`{"pageId":%q,%s}`, h.deploy, body)},
		{"page.create", create, "POST", v2 + "/pages", args(`{"parentId":%q,"title":"New","status":"current",%s}`, h.runbooks2, body)},
		{"page.create", create, "POST", v2 + "/pages", args(`{"title":"New","status":"current",%s}`, body)},
		{"page.create", create, "POST", v2 + "/pages?private=true", args(`{"parentId":%q,"title":"New","status":"current",%s}`, h.runbooks, body)},
		{"page.create", create, "POST", v2 + "/pages", `[]`},
		{"page.label.add", label, "POST", v1 + "/content/" + h.runbooks + "/label", `[{"prefix":"global","name":"runbook"}]`},
		{"page.label.add", label, "POST", v1 + "/content/" + h.deploy + "/label", `[{"prefix":"global","name":"runbook"},{"prefix":"global","name":"secret"}]`},
		{"page.label.add", label, "POST", v1 + "/content/" + h.deploy + "/label", `[{"prefix":"team","name":"runbook"}]`},
		{"page.label.add", label, "DELETE", v1 + "/content/" + h.deploy + "/label?name=runbook", ""},
		{"page.label.remove", label, "DELETE", v1 + "/content/" + h.deploy + "/label?name=runbook&name=secret", ""},
		{"page.label.remove", label, "DELETE", v1 + "/content/" + h.deploy + "/label", ""},
		{"page.comment.create", said, "POST", v2 + "/footer-comments", args(`{"pageId":%q,%s}`, h.runbooks, body)},
		{"page.comment.create", said, "POST", v2 + "/footer-comments", args(`{"pageId":%q,"parentCommentId":"7",%s}`, h.deploy, body)},
		{"page.comment.create", said, "POST", v2 + "/inline-comments", args(`{"pageId":%q,%s}`, h.deploy, body)},
		{"page.move", move, "PUT", v1 + "/content/" + h.deploy + "/move/append/" + h.runbooks, ""},
		{"page.move", move, "PUT", v1 + "/content/" + h.deploy + "/move/before/" + h.runbooks2, ""},
		{"page.move", move, "POST", "/cgraphql", moveMutation(h.deploy, h.runbooks)},
		{"page.move", move, "POST", "/cgraphql", moveMutation(h.runbooks, h.runbooks2)},
		{"page.move", move, "POST", "/cgraphql", strings.ReplaceAll(moveMutation(h.deploy, h.runbooks2), "MovePageMutation", "ArchivePagesMutation")},
		{"page.move", move, "POST", "/graphql", moveMutation(h.deploy, h.runbooks2)},
		{"page.trash", trash, "DELETE", v2 + "/pages/" + h.deploy + "?purge=true", ""},
		{"page.trash", trash, "DELETE", v2 + "/pages/" + h.runbooks, ""},
		{"page.get", args(`{"page_id":%q}`, h.deploy), "GET", v2 + "/pages/" + h.deploy + "?get-draft=true", ""},
		{"page.get", args(`{"page_id":%q}`, h.deploy), "GET", v2 + "/pages/" + h.deploy + "?body-format=view", ""},
		{"page.get", args(`{"page_id":%q}`, h.deploy), "GET", v2 + "/pages/" + h.deploy + "/properties", ""},
		{"page.get", args(`{"page_id":%q}`, h.deploy), "GET", v2 + "/spaces", ""},
		{"page.get", args(`{"page_id":%q}`, h.deploy), "GET", v1 + "/content/" + h.deploy + "?expand=body.view", ""},
	} {
		th := h.call(c.action, c.args)
		r := httptest.NewRequest(c.method, "http://127.0.0.1"+c.path, strings.NewReader(c.body))
		w := httptest.NewRecorder()
		th.stage.ServeHTTP(w, r)
		if w.Code < 400 || th.stage.Performed() || th.did != nil || th.stage.Refused() == 0 {
			t.Errorf("in a call of %s, %s %s %s: got %d", c.action, c.method, c.path, c.body, w.Code)
		}
	}
	h.quiet(mark)
}
