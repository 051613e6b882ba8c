// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/sim/authenticator"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// send sends a form, and follows nothing.
func (h *house) send(path, kind string, body io.Reader) *reply {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	out := &reply{res.StatusCode, res.Header, string(b)}
	if res.Header.Get("Location") == "" {
		checkHeaders(h.t, path, out)
		checkPage(h.t, path, out.body)
	}
	return out
}

// fill sends a form with its fields, from our page: name and value by turns.
func (h *house) fill(path string, fields ...string) *reply {
	h.t.Helper()
	values := url.Values{"csrf": {"good"}}
	for i := 0; i+1 < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return h.send(path, "application/x-www-form-urlencoded", strings.NewReader(values.Encode()))
}

// upload sends a file, from our page.
func (h *house) upload(path string, file []byte) *reply {
	h.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile("file", "policy.json")
	if err != nil {
		h.t.Fatal(err)
	}
	f.Write(file)
	w.WriteField("text", "")
	w.WriteField("csrf", "good")
	w.Close()
	return h.send(path, w.FormDataContentType(), &b)
}

// as lets somebody in, by their roles.
func (h *house) as(key string, roles ...string) {
	h.Door = alone{&Person{ID: "local/" + key, Name: key, Key: key, Roles: roles, CSRF: "good"}}
}

// governed is a house in which kim writes policies with a passkey, and bob and the
// passkey of lee approve those for prod: two of them.
func governed(t *testing.T) (h *house, kim, lee *authenticator.Authenticator, bob seal.Signer) {
	t.Helper()
	h = newHouse(t)
	bob, bobKey := newKey(t, "bob@house.test", 31)
	_, bobText, err := seal.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{31}, 64)), bobKey.Name())
	if err != nil {
		t.Fatal(err)
	}
	passkey := func(name string, seed byte) *authenticator.Authenticator {
		a, err := authenticator.New(bytes.NewReader(bytes.Repeat([]byte{seed}, 64)), name, "house.test", seal.ES256)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	kim, lee = passkey("kim@house.test", 32), passkey("lee@house.test", 33)
	q, err := policy.NewQuorum([]string{kim.Public}, []string{bobText, lee.Public}, 2)
	if err != nil {
		t.Fatal(err)
	}
	h.Policies.Authors, h.Policies.Environments = []seal.Verifier{kim.Verifier}, map[string]policy.Quorum{"prod": q}
	return h, kim, lee, bob
}

const prodWPC = `{"wpc_version": "v1", "environment": "prod", "policy_name": "wiki", "tool_policy": {"allow": ["desk.page.get"%s]}}`

// signs has somebody sign a draft with their passkey, as the page's script does.
func (h *house) signs(at string, with *authenticator.Authenticator) *reply {
	h.t.Helper()
	h.Passkeys = &keyring{signer: with, keys: []Passkey{{ID: "1", Key: seal.KeyID(with)}}}
	res := h.post(at+"/offer", "good", "{}")
	var o struct {
		Request struct {
			Challenge []byte `json:"challenge"`
		} `json:"request"`
	}
	if res.status != 200 || json.Unmarshal([]byte(res.body), &o) != nil {
		return res
	}
	d, err := h.Drafts.Draft(h.t.Context(), hashOf(h.t, at))
	if err != nil || string(o.Request.Challenge) != string(seal.Challenge(policy.Type, d.Paper.Payload)) {
		h.t.Errorf("the browser is asked to sign something else: %v", err)
	}
	return h.post(at+"/sign", "good", `{"answer":{}}`)
}

func hashOf(t testing.TB, path string) seal.Hash {
	t.Helper()
	id, err := seal.ParseHash(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// A policy goes from being proposed to being published, by passkeys and a key file, and
// its page says who wrote and who approved it.
func TestDraftToPolicy(t *testing.T) {
	h, kim, lee, bob := governed(t)
	h.as("kim@house.test", Author)
	res := h.fill("/policies/drafts", "text", fmt.Sprintf(prodWPC, ""))
	at := res.header.Get("Location")
	if res.status != 303 || !strings.HasPrefix(at, "/policies/drafts/sha256:") {
		t.Fatalf("proposed: %d %s\n%s", res.status, at, res.body)
	}
	h.Passkeys = &keyring{signer: kim, keys: []Passkey{{Key: seal.KeyID(kim)}}}
	page := h.get("", at)
	for _, want := range []string{
		"an author has to sign", "2 more approvers of prod have to sign: bob@house.test, lee@house.test", "counts as that of an author", "Sign with a passkey",
		"Nothing is published under this name", `class="mark care"`, "desk.page.get",
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the draft's page does not say %q\n%s", want, page.body)
		}
	}
	if strings.Contains(page.body, "/publish") || !strings.Contains(h.get("", "/policies").body, at) {
		t.Error("an author may publish, or does not find the draft")
	}
	if res := h.signs(at, kim); res.status != 200 {
		t.Fatalf("kim signs: %s", res.body)
	}
	if page := html.UnescapeString(h.get("", at).body); !strings.Contains(page, "You have signed it") || !strings.Contains(page, seal.KeyID(kim)+" as author") {
		t.Error("the page does not say that kim has signed")
	}
	if res := h.signs(at, kim); res.status != 409 || !strings.Contains(res.body, "has that signature already") {
		t.Errorf("kim signs twice: %d %s", res.status, res.body)
	}

	h.as("olga@house.test", Operator)
	if res := h.fill(at + "/publish"); res.status != 409 || !strings.Contains(res.body, "It cannot be published yet: 2 more approvers") {
		t.Errorf("published too early: %d %s", res.status, res.body)
	}

	h.as("bob@house.test", Approver) // fetches the draft, and signs it with a key file
	file := h.get("", at+"/envelope")
	e := new(seal.Envelope)
	if err := seal.Unmarshal([]byte(file.body), e); err != nil || file.header.Get("Content-Disposition") == "" {
		t.Fatal(err, file)
	}
	if err := e.Add(bob); err != nil {
		t.Fatal(err)
	}
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if res := h.upload(at+"/add", b); res.status != 303 || res.header.Get("Location") != at {
		t.Fatalf("bob's file: %d %s", res.status, res.body)
	}
	h.as("lee@house.test", Approver)
	if res := h.signs(at, lee); res.status != 200 {
		t.Fatalf("lee signs: %s", res.body)
	}

	h.as("olga@house.test", Operator)
	if page := h.get("", at); !strings.Contains(page.body, "/publish") || !strings.Contains(page.body, "can be published") {
		t.Errorf("it cannot be published:\n%s", page.body)
	}
	res = h.fill(at + "/publish")
	published := res.header.Get("Location")
	if res.status != 303 || published != "/policies/"+hashOf(t, at).String() {
		t.Fatalf("published: %d %s", res.status, res.body)
	}
	page = h.get("", published)
	page.body = html.UnescapeString(page.body)
	wrote := strings.Index(page.body, "Written by")
	approved := strings.Index(page.body, "Approved by")
	if wrote < 0 || approved < wrote || !strings.Contains(page.body[wrote:approved], seal.KeyID(kim)) ||
		!strings.Contains(page.body[approved:], seal.KeyID(bob)) || !strings.Contains(page.body[approved:], seal.KeyID(lee)) {
		t.Errorf("the policy's page does not say who:\n%s", page.body)
	}
	if page := h.get("", at); !strings.Contains(page.body, published) || strings.Contains(page.body, "<form class=\"edit\"") {
		t.Error("the draft's page does not lead on")
	}
	if !strings.Contains(h.log.String(), "by=olga@house.test") {
		t.Error("the log does not say who published it")
	}

	h.as("kim@house.test", Author) // a new version says in what it differs
	if page := h.get("", "/policies/new?from="+hashOf(t, at).String()); !strings.Contains(page.body, "&#34;policy_name&#34;: &#34;wiki&#34;") {
		t.Errorf("a new version begins with\n%s", page.body)
	}
	next := h.fill("/policies/drafts", "text", fmt.Sprintf(prodWPC, `, "desk.page.update"`)).header.Get("Location")
	if page := h.get("", next); !strings.Contains(page.body, "more can happen than under it") || !strings.Contains(page.body, "widens") {
		t.Errorf("the difference:\n%s", page.body)
	}
	if res := h.fill(next + "/discard"); res.status != 303 {
		t.Errorf("discarded: %d %s", res.status, res.body)
	}
	if page := h.get("", next); !strings.Contains(page.body, "discarded") || !strings.Contains(page.body, "by kim@house.test") {
		t.Errorf("the discarded draft:\n%s", page.body)
	}
}

// What cannot be a draft comes back with what is wrong, and its text.
func TestProposeRefused(t *testing.T) {
	h, kim, _, bob := governed(t)
	h.as("kim@house.test", Author)
	for name, x := range map[string]struct {
		text   string
		status int
		says   []string
	}{
		"nothing":                 {" ", 409, []string{"Nothing was sent"}},
		"no JSON":                 {"{\"wpc_version\": \"v1\",\n oops}", 422, []string{"The policy cannot be read", "line 2", "mistake", "oops}"}},
		"two lines":               {"{\"wpc_version\": \"v1\",\r\n\"tol\": 1}", 422, []string{"line 2, column", "{&#34;wpc_version&#34;: &#34;v1&#34;,\n&#34;tol&#34;: 1}"}},
		"hostile":                 {hostile, 422, []string{"The policy cannot be read", "&lt;/textarea&gt;"}},
		"an unknown field":        {`{"wpc_version":"v1","tool_polcy":{}}`, 422, []string{"tool_polcy", "tool_policy"}},
		"for another environment": {strings.Replace(fmt.Sprintf(prodWPC, ""), "prod", "test", 1), 422, []string{"No signatures publish this policy", "this house has prod"}},
		"signed by a stranger":    {string(must(h.signed(h.ada, fmt.Sprintf(prodWPC, "")).Marshal())), 422, []string{"ada@house.test", "account page"}},
		"another paper":           {`{"payload":"e30=","payloadType":"x","signatures":[]}`, 422, []string{"This is no policy"}},
	} {
		res := h.fill("/policies/drafts", "text", x.text)
		for _, want := range x.says {
			if res.status != x.status || !strings.Contains(res.body, want) {
				t.Errorf("%s: %d, want %d and %q\n%s", name, res.status, x.status, want, res.body)
			}
		}
	}
	at := h.fill("/policies/drafts", "text", fmt.Sprintf(prodWPC, "")).header.Get("Location")
	stranger := h.signs(at, mustPasskey(t, "mallory@house.test"))
	if stranger.status != 409 || !strings.Contains(stranger.body, "listed under authors") {
		t.Errorf("a stranger's passkey: %d %s", stranger.status, stranger.body)
	}
	kim.Origin = "https://evil.test"
	if res := h.signs(at, kim); res.status != 409 || !strings.Contains(res.body, "does not match") {
		t.Errorf("on another's page: %d %s", res.status, res.body)
	}
	for name, path := range map[string]string{"no id": "/policies/drafts/x", "no draft": "/policies/drafts/" + seal.Sum(nil).String()} {
		for _, do := range []string{"/offer", "/sign"} {
			if res := h.post(path+do, "good", `{"answer":{}}`); res.status != 409 || !strings.Contains(res.body, "no such draft") {
				t.Errorf("%s%s: %d %s", name, do, res.status, res.body)
			}
		}
		if res := h.fill(path + "/discard"); res.status != 404 {
			t.Errorf("%s: %d", name, res.status)
		}
	}
	if res := h.upload(at+"/add", []byte("x")); res.status != 409 || !strings.Contains(res.body, "no signed policy") {
		t.Errorf("no paper: %d %s", res.status, res.body)
	}
	if res := h.upload(at+"/add", must(h.signed(bob, fmt.Sprintf(prodWPC, `,"desk.x"`)).Marshal())); res.status != 409 || !strings.Contains(res.body, "Another policy was signed") {
		t.Errorf("another policy: %d %s", res.status, res.body)
	}
	if res := h.upload(at+"/add", bytes.Repeat([]byte("x"), maxForm)); res.status != 409 || !strings.Contains(res.body, "more than the house reads") {
		t.Errorf("too much: %d %s", res.status, res.body)
	}
	if a := h.get("", "/policies/new?from=x"); a.status != 404 {
		t.Errorf("a new version of nothing: %d", a.status)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func mustPasskey(t *testing.T, name string) *authenticator.Authenticator {
	t.Helper()
	return must(authenticator.New(bytes.NewReader(bytes.Repeat([]byte{99}, 64)), name, "house.test", seal.ES256))
}

// Every form of the pages comes from our page, and is its role's.
func TestForms(t *testing.T) {
	h, _ := lived(t)
	draft := "/policies/drafts/" + h.proposed.String()
	paths := strings.NewReplacer("POST ", "", "/drafts/{id}", "/drafts/"+h.proposed.String(), "/revocations/{id}", "/revocations/1", "/approvals/{id}", "/approvals/job-1.4", "{job}", "job-1", "/pulse/{id}", "/pulse/"+h.published.String(), "{link}", h.published.String())
	for _, rt := range h.routes() {
		path := paths.Replace(rt.pattern)
		if !strings.HasPrefix(rt.pattern, "POST ") || strings.HasPrefix(path, "/approvals/") {
			continue
		}
		for _, role := range []string{Author, Approver, Operator, Auditor, Admin} {
			h.as("eve@house.test", role)
			res := h.post(path, "bad", "csrf=bad")
			may := strings.Contains(strings.Join(rt.roles, " "), role)
			if may != (res.status == 409) || may != strings.Contains(res.body, "from one of the house") || !may && res.status != 403 {
				t.Errorf("%s as %s: %d %s", path, role, res.status, res.body)
			}
		}
	}
	if d, err := h.Drafts.Draft(t.Context(), h.proposed); err != nil || d.State != store.DraftOpen {
		t.Errorf("%s is %+v, %v", draft, d, err)
	}
	if list, err := h.DB.Revocations(t.Context(), true, 0); err != nil || len(list) != 1 || list[0].Lifted != nil {
		t.Errorf("orders: %+v, %v", list, err)
	}
}

// An order shows what it ends, ends it when it is confirmed, is in the name of who gave
// it, in the journal too, and can be lifted.
func TestRevoking(t *testing.T) {
	h, question := lived(t)
	h.as("olga@house.test", Operator)
	for _, link := range []string{"/jobs/job-1", "/agents", "/policies/" + h.hash.String()} {
		if a := h.get("", link); !strings.Contains(a.body, "/revocations/new?kind=") {
			t.Errorf("%s has no link to the form", link)
		}
	}
	if a := h.get("", "/jobs/house"); strings.Contains(a.body, "/revocations/new?kind=") {
		t.Error("the house's own job has a link to the form")
	}
	if a := h.get("", "/revocations/new?kind=agent&target=robot"); !strings.Contains(a.body, `<option value="agent" selected="selected">`) || !strings.Contains(a.body, `value="robot"`) {
		t.Errorf("the form is not filled in:\n%s", a.body)
	}
	a := h.fill("/revocations/check", "kind", "agent", "target", "robot", "reason", "it went astray "+hostile[:20])
	for _, want := range []string{"agent:robot", "2 that are good now", "1 that are open", `href="/jobs/job-1"`, `href="/jobs/job-2"`, "It can be lifted", `value="robot"`} {
		if a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("it does not say %q: %d\n%s", want, a.status, a.body)
		}
	}
	if list, err := h.DB.Revocations(t.Context(), true, 0); err != nil || len(list) != 1 {
		t.Fatalf("something has ended before it was confirmed: %v", err)
	}
	if a := h.fill("/revocations", "kind", "agent", "target", "robot", "reason", "it went astray"); a.status != 303 || a.header.Get("Location") != "/revocations" {
		t.Fatalf("confirmed: %d\n%s", a.status, a.body)
	}
	list, err := h.DB.Revocations(t.Context(), false, 0)
	if err != nil || len(list) != 2 || list[0].Target != "robot" || list[0].By != "olga@house.test" || list[0].Reason != "it went astray" {
		t.Fatalf("orders: %+v, %v", list, err)
	}
	if a := h.get("", "/jobs/job-1"); !strings.Contains(a.body, "Stopped.") {
		t.Error("the job's page does not say that it is stopped")
	}
	if a := h.get("", "/approvals"); strings.Contains(a.body, question) {
		t.Error("its question is open")
	}
	for _, job := range []string{"job-1", receipt.Journal} {
		if r := h.last(job); r.Revocation == nil || r.Revocation.By != "olga@house.test" {
			t.Errorf("the last receipt of %s is %+v", job, r)
		}
	}
	if a := h.fill("/revocations/check", "kind", "agent", "target", "robot", "reason", "again"); !strings.Contains(a.body, "This is revoked already") {
		t.Errorf("again:\n%s", a.body)
	}
	at := fmt.Sprintf("/revocations/%d/lift", list[0].ID)
	if a := h.get("", "/revocations"); !strings.Contains(a.body, at) {
		t.Error("the list does not lead to lifting it")
	}
	if a := h.get("", at); a.status != 200 || !strings.Contains(a.body, "it went astray") {
		t.Errorf("to be lifted: %d", a.status)
	}
	if a := h.fill(at); a.status != 303 {
		t.Fatalf("lifted: %d %s", a.status, a.body)
	}
	if r := h.last("job-1"); r.Kind != receipt.Restored || r.Revocation.By != "olga@house.test" {
		t.Errorf("the last receipt is %+v", r)
	}
	if a := h.get("", at); a.status != 404 {
		t.Errorf("to be lifted twice: %d", a.status)
	}
	if a := h.fill(at); a.status != 409 || !strings.Contains(a.body, "lifted already") {
		t.Errorf("lifted twice: %d %s", a.status, a.body)
	}
	h.as("ann@house.test", Auditor)
	if a := h.get("", "/revocations?all=true"); strings.Contains(a.body, "/lift") || strings.Contains(a.body, "/revocations/new") {
		t.Error("an auditor is offered orders")
	}
}

// last is a job's newest receipt.
func (h *house) last(job string) *receipt.Receipt {
	h.t.Helper()
	list, err := h.DB.Receipts(h.t.Context(), job)
	if err != nil || len(list) == 0 {
		h.t.Fatal(err)
	}
	r, err := receipt.Parse(list[len(list)-1].Payload)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// What would stop nothing, or says no reason, is no order.
func TestRevokingRefused(t *testing.T) {
	h, _ := lived(t)
	h.as("olga@house.test", Operator)
	for name, x := range map[string]struct{ kind, target, reason, says string }{
		"no reason":            {token.RevokeAgent, "robot", " ", "There is no reason"},
		"a long reason":        {token.RevokeAgent, "robot", strings.Repeat("x", 1001), "at most 1000 bytes"},
		"no kind":              {"", "robot", "x", "no revocation by"},
		"no such job":          {token.RevokeJob, "job-9", "x", "There is no job:job-9"},
		"no such token":        {token.RevokeToken, "t", "x", "There is no token:t"},
		"no such policy":       {token.RevokePolicy, seal.Sum(nil).String(), "x", "There is no policy:"},
		"no such action":       {token.RevokeAction, "desk.page.gte", "x", "would stop nothing"},
		"the house's own":      {token.RevokeJob, receipt.Journal, "x", "house"},
		"everything but":       {token.RevokeAll, "robot", "x", "names nothing"},
		"hostile":              {token.RevokeAgent, hostile, hostile, "no such order can be given"},
		"a job by no name":     {token.RevokeJob, "Job 1", "x", "1 to 64 of"},
		"an unreadable policy": {token.RevokePolicy, "wiki", "x", "revoked by its hash"},
	} {
		for path, status := range map[string]int{"/revocations/check": 422, "/revocations": 409} {
			res := h.fill(path, "kind", x.kind, "target", x.target, "reason", x.reason)
			if res.status != status || !strings.Contains(strings.ToLower(res.body), strings.ToLower(x.says)) {
				t.Errorf("%s, %s: %d, want %d and %q\n%s", path, name, res.status, status, x.says, res.body)
			}
		}
	}
	if list, err := h.DB.Revocations(t.Context(), true, 0); err != nil || len(list) != 1 {
		t.Errorf("orders: %+v, %v", list, err)
	}
}

// A policy's text comes back from its form as it was, also where it holds what people
// cannot see.
func TestEditable(t *testing.T) {
	for _, purpose := range []string{"tidy", "a\u202eb\u200bc", "\U000e0041 tag", "tab\tand\nline", "é", hostile} {
		b := must(seal.Marshal(map[string]string{"purpose": purpose}))
		text := editable(laidOut(b))
		if string(visibleOnly([]byte(text))) != text {
			t.Errorf("%q holds what cannot be seen", text)
		}
		again, err := seal.Canonical([]byte(text))
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q comes back as %q, %v", b, again, err)
		}
	}
}
