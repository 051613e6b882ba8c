// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// alone is a door that lets one person in, always.
type alone struct{ person *Person }

func (a alone) Person(*http.Request) (*Person, error) { return a.person, nil }

// post sends JSON from our page, or from another's.
func (h *house) post(path, token, body string) *reply {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-CSRF-Token", token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return &reply{res.StatusCode, res.Header, string(b)}
}

// asked is a house with a question, which alice looks at.
func asked(t *testing.T) (h *house, question string) {
	h, question = lived(t)
	h.Door = alone{&Person{ID: "local/2", Name: "Alice", Key: "alice@house.test", Roles: []string{Approver}, CSRF: "good", StepUp: StepUp{Done: true}}}
	return h, question
}

const yes = `{"yes":true,"withdraws":false,"reason":"checked","minutes":60,"times":1}`

// sent brings an offer back, signed.
func (h *house) sent(question string, payload []byte) *reply {
	b, err := json.Marshal(map[string]any{"payload": payload, "answer": map[string]any{}})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.post("/approvals/"+question+"/answer", "good", string(b))
}

// offered is the answer that is offered to be signed.
func (h *house) offered(question, wish string) (*receipt.Answer, []byte) {
	h.t.Helper()
	res := h.post("/approvals/"+question+"/offer", "good", wish)
	var o struct {
		Payload []byte `json:"payload"`
		Request struct {
			Challenge []byte `json:"challenge"`
		} `json:"request"`
	}
	if err := json.Unmarshal([]byte(res.body), &o); err != nil || res.status != 200 {
		h.t.Fatalf("offer: %d %s %v", res.status, res.body, err)
	}
	if string(o.Request.Challenge) != string(seal.Challenge(receipt.AnswerType, o.Payload)) {
		h.t.Error("the browser is asked to sign something else")
	}
	a := new(receipt.Answer)
	if err := seal.Decode(o.Payload, a); err != nil {
		h.t.Fatal(err)
	}
	return a, o.Payload
}

// What a person signs is bound to the question, and to the difference that they were
// shown; signed, it counts.
func TestAnswer(t *testing.T) {
	h, question := asked(t)
	q, err := h.Desk.Question(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	a, payload := h.offered(question, yes)
	if !a.Yes || a.By != "alice@house.test" || !a.Call.Equal(q.Call) || !a.Policy.Equal(q.Policy) || a.Shown.IsZero() || a.Reason != "checked" || a.Expires.Sub(a.At).Minutes() != 60 {
		t.Errorf("it is offered to sign %+v", a)
	}
	if res := h.sent(question, payload); res.status != 200 {
		t.Fatalf("the answer: %d %s", res.status, res.body)
	}
	given, err := h.DB.Given(t.Context(), question)
	if err != nil || len(given[question]) != 1 || !given[question][0].Yes {
		t.Errorf("what is kept: %+v, %v", given, err)
	}
	if page := h.get("approver", "/approvals/"+question); !strings.Contains(page.body, "by alice@house.test") {
		t.Error("the page does not say that alice has answered")
	}
	w, payload := h.offered(question, `{"yes":false,"withdraws":true,"reason":"","minutes":60,"times":0}`)
	if !w.Withdraws || w.Yes || !w.Shown.IsZero() {
		t.Errorf("a withdrawal is %+v", w)
	}
	if res := h.sent(question, payload); res.status != 200 {
		t.Errorf("the withdrawal: %d %s", res.status, res.body)
	}
}

// What is not a person's own, well-considered answer from our own page is refused in
// two lines.
func TestAnswerRefused(t *testing.T) {
	h, question := asked(t)
	at := "/approvals/" + question + "/offer"
	for name, c := range map[string]struct{ path, token, body, says string }{
		"another site's page": {at, "bad", yes, "does not come from one of the house's pages"},
		"no reason":           {at, "good", strings.ReplaceAll(strings.Replace(yes, "true", "false", 1), "checked", " "), "there is no reason"},
		"a long reason":       {at, "good", strings.Replace(yes, "checked", strings.Repeat("x", 1001), 1), "longer than"},
		"for ever":            {at, "good", strings.Replace(yes, "60", "100000", 1), "holds between a minute"},
		"no time":             {at, "good", strings.Replace(yes, "60", "0", 1), "holds between a minute"},
		"no such question":    {"/approvals/job-9.1/offer", "good", yes, "no such question"},
		"no JSON":             {at, "good", "yes", "cannot be read"},
		"more than is known":  {at, "good", strings.Replace(yes, "{", `{"by":"eve",`, 1), "cannot be read"},
	} {
		res := h.post(c.path, c.token, c.body)
		var said complaint
		if err := json.Unmarshal([]byte(res.body), &said); err != nil || res.status != 409 || !strings.Contains(said.Title, c.says) || said.Hint == "" {
			t.Errorf("%s: %d %s, %v", name, res.status, res.body, err)
		}
	}
	a, _ := h.offered(question, yes)
	a.Shown = receipt.ShownHash("another difference")
	b, err := seal.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if res := h.sent(question, b); res.status != 409 || !strings.Contains(res.body, approval.ErrAnswer.Error()) {
		t.Errorf("another difference: %d %s", res.status, res.body)
	}
	h.Passkeys.(*keyring).err = errors.New("you have no passkey to sign with\nadd one")
	if res := h.post(at, "good", yes); res.status != 409 || !strings.Contains(res.body, "no passkey to sign with") {
		t.Errorf("without a passkey: %d %s", res.status, res.body)
	}
	h.Door = alone{&Person{ID: "local/3", Key: "alice@house.test", Roles: []string{Auditor}, CSRF: "good"}}
	for _, path := range []string{at, "/approvals/" + question + "/answer"} {
		if res := h.post(path, "good", yes); res.status != 403 || !strings.Contains(res.body, `"title":"This page is not for your role"`) {
			t.Errorf("an auditor at %s: %d", path, res.status)
		}
	}
	if page := h.get("auditor", "/approvals/"+question); strings.Contains(page.body, "Approve with a passkey") {
		t.Error("who may not answer is offered to")
	}
	h.Door = alone{}
	if res := h.get("-", "/account"); res.status != 303 {
		t.Errorf("nobody's account: %d", res.status)
	}
	if res := h.post(at, "good", yes); res.status != 401 || !strings.Contains(res.body, `"link":"/login?back=%2Fapprovals%2F`+question+`"`) {
		t.Errorf("whose session has ended: %d %s", res.status, res.body)
	}
}

// Who comes by an address for which there are no passkeys is led to the one for
// which there are.
func TestLogin(t *testing.T) {
	h := newHouse(t)
	keys := h.Passkeys.(*keyring)
	if res := h.get("-", "/login?back=/jobs"); res.status != 200 || !strings.Contains(res.body, `href="/login/entra?back=%2Fjobs"`) || !strings.Contains(res.body, `data-passkey="login"`) {
		t.Errorf("%d %s", res.status, res.body)
	} else {
		checkPage(t, "/login", res.body)
	}
	keys.origin = "http://localhost:7433"
	if res := h.get("-", "/login?back=/jobs"); res.status != 303 || res.header.Get("Location") != "http://localhost:7433/login?back=/jobs" {
		t.Errorf("by its number: %d %s", res.status, res.header.Get("Location"))
	}
	keys.origin = "https://house.test"
	if res := h.get("-", "/login"); res.status != 200 {
		t.Errorf("behind a proxy: %d", res.status)
	}
	if res := h.get("approver", "/login"); res.status != 303 || res.header.Get("Location") != "/" {
		t.Errorf("logged in already: %d", res.status)
	}
}
