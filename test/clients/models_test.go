// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/sim/model"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/verify"
)

// A talk is one job in which a vendor's client speaks through the house.
type talk struct {
	voice
	house *modelHouse
	job   string
	token string
	ear   ear

	opened   []*receipt.Receipt // as far as they were fetched, in order
	closed   []*receipt.Receipt
	proposed []string // arguments, in the order of the receipts
}

func (v voice) talk(t *testing.T, h *modelHouse, job, grant string) *talk {
	t.Helper()
	return &talk{voice: v, house: h, job: job, token: h.issue(t, job, grant)}
}

// say has the client ask. What q does not say is as usual. The client sends one
// request, whatever comes of it, and what it hears is what the provider said.
func (k *talk) say(t *testing.T, q question) (*told, error) {
	t.Helper()
	q.model, q.most = cmp.Or(q.model, k.model), cmp.Or(q.most, 256)
	before, _ := k.requests()
	k.ear = ear{}
	got, err := k.ask(t.Context(), k.house.url+"/proxy/"+k.route, k.token, &k.ear, q)
	if k.ear.requests != 1 || k.ear.last == nil {
		t.Fatalf("%d requests were sent, want 1; %v", k.ear.requests, err)
	}
	after, answer := k.requests()
	if len(after) == len(before) {
		return got, err
	}
	if len(after) != len(before)+1 {
		t.Errorf("the provider was asked %d times", len(after)-len(before))
	}
	// A client need not read on when it has read the last event.
	if b := answer.bytes(); k.ear.heard.Len() == 0 || !bytes.HasPrefix(b, k.ear.heard.Bytes()) || !q.stream && k.ear.heard.Len() < len(b) && err == nil {
		t.Errorf("the provider said\n%s\nthe client heard\n%s", b, k.ear.heard)
	}
	k.discreet(t, after[len(after)-1])
	return got, err
}

// discreet fails the test if the provider got what is not for it.
func (k *talk) discreet(t *testing.T, r model.Request) {
	t.Helper()
	if whole := fmt.Sprint(r.Header, r.Query, string(r.Body)); strings.Contains(whole, k.token) || !strings.Contains(whole, k.house.providers[k.route].key) {
		t.Errorf("the provider got the CST, or not its own key")
	}
}

func (k *talk) requests() ([]model.Request, *answer) {
	return k.house.providers[k.route].requests(k.under)
}

// receipts fetches the receipts of the latest call, by what the client heard.
func (k *talk) receipts(t *testing.T) (opened, closed *receipt.Receipt) {
	t.Helper()
	place := k.ear.last.Header.Get("Clawea-Receipt")
	if !strings.HasPrefix(place, k.job+"/") {
		t.Fatalf("the answer names the receipt %q", place)
	}
	opened, closed = k.house.call(t, k.token, place, k.ear.last.ContentLength < 0)
	k.opened = append(k.opened, opened)
	if closed != nil {
		k.closed = append(k.closed, closed)
	}
	return opened, closed
}

// wantClosed fails the test unless the latest call was allowed and ended as want
// says, but for what is the same for all calls: who answered, and when.
func (k *talk) wantClosed(t *testing.T, status receipt.Status, code string, want receipt.Generation) *receipt.Receipt {
	t.Helper()
	opened, closed := k.receipts(t)
	if closed == nil {
		t.Fatalf("the call was not allowed: %+v", opened.Decision)
	}
	resources := []policy.Resource{{Type: "route", ID: k.route}, {Type: "model", ID: k.model}}
	if c := opened.Call; c.Tool != "model" || c.Action != k.action || !gocmp.Equal(c.Resources, resources) {
		t.Errorf("asked: %+v", c)
	}
	out := closed.Outcome
	if out.Status != status || out.Code != code || out.Model == nil {
		t.Fatalf("outcome %+v, want %s %s", out, status, code)
	}
	requests, _ := k.requests()
	if id := requests[len(requests)-1].ID; out.Upstream != id && !(k.provider == "gemini" && want.Model == "" && out.Upstream == "") {
		t.Errorf("upstream id %q, want %q", out.Upstream, id)
	}
	want.Provider, want.First, want.Took = k.provider, out.Model.First, out.Model.Took
	for i := range want.Proposed[:min(len(want.Proposed), len(out.Model.Proposed))] {
		want.Proposed[i].Args = out.Model.Proposed[i].Args // told by the proof
	}
	if diff := gocmp.Diff(&want, out.Model); diff != "" {
		t.Errorf("the model (-want +got):\n%s", diff)
	}
	return closed
}

// wantDenied fails the test unless the client has shown at once that it is
// forbidden, by its own kind of error, without the provider having been asked.
func (k *talk) wantDenied(t *testing.T, before int, err error, mention string) {
	t.Helper()
	code, message, ok := k.status(err)
	what, mend, _ := strings.Cut(message, "\n")
	if !ok || code != http.StatusForbidden || !strings.Contains(what, mention) || mend == "" {
		t.Errorf("got %v, want status 403 and %q in %q", err, mention, what)
	}
	if requests, _ := k.requests(); len(requests) != before {
		t.Errorf("the provider was asked %d times", len(requests)-before)
	}
	if opened, _ := k.receipts(t); opened.Decision.Effect != policy.Deny || len(opened.Decision.Reasons) == 0 {
		t.Errorf("decided %+v", opened.Decision)
	}
}

// usage is what a provider tells of what mindOf says. Anthropic's does not say
// what was thought.
func (k *talk) usage() *receipt.Usage {
	u := &receipt.Usage{Input: 100, Output: 50, CacheRead: 40, Reasoning: 30}
	if k.provider == "anthropic" {
		u.Reasoning = 0
	}
	return u
}

// wantUsed fails the test unless the closed receipt gives back what was reserved
// beyond used.
func wantUsed(t *testing.T, closed *receipt.Receipt, used map[string]int) {
	t.Helper()
	if diff := gocmp.Diff(used, closed.Outcome.Used); diff != "" {
		t.Errorf("used (-want +got):\n%s", diff)
	}
}

var wholeUse = map[string]int{"tokens": 150, "output_tokens": 50, "cost": costs}

// Every vendor's own client speaks through a house that takes everything down:
// nothing is lost on the way, and a denial is one, at once.
func TestModels(t *testing.T) {
	t.Parallel()
	h := openModelHouse(t)
	for i, v := range voices() {
		t.Run(v.name, func(t *testing.T) {
			for _, stream := range []bool{false, true} {
				k := v.talk(t, h, fmt.Sprintf("talk-%d-%t", i, stream), "")
				t.Run(map[bool]string{false: "plain", true: "stream"}[stream], func(t *testing.T) {
					k.answered(t, stream)
					k.toolCall(t, stream)
					k.silent(t, stream)
					k.masked(t, stream)
					k.denied(t, stream)
					k.limited(t, stream)
					k.fails(t, stream)
					k.cut(t, stream)
					k.proof(t)
				})
			}
		})
	}
}

func (k *talk) answered(t *testing.T, stream bool) {
	got, err := k.say(t, question{text: simHello, stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	want := &told{text: simGreets, model: k.answers, finish: k.stop, input: 100, output: 50, receipt: k.ear.last.Header.Get("Clawea-Receipt")}
	if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(told{}, proposal{})); diff != "" {
		t.Errorf("the client says (-want +got):\n%s", diff)
	}
	closed := k.wantClosed(t, receipt.Done, "200", receipt.Generation{Model: k.answers, Finish: k.stop, Usage: k.usage(), Cost: costs})
	wantUsed(t, closed, wholeUse)
	if g := closed.Outcome.Model; stream && (g.Took == 0 || g.First > g.Took) {
		t.Errorf("it began after %d ms and took %d", g.First, g.Took)
	}
	trailer := k.ear.last.Trailer.Get("Clawea-Receipt-Closed")
	switch place := fmt.Sprintf("%s/%d", k.job, closed.Seq); {
	case !stream && trailer != "":
		t.Errorf("an answer of known length has the trailer %q", trailer)
	case stream && trailer != place && k.action != "chat.completions": // whose client leaves at the last event
		t.Errorf("the trailer is %q, want %q", trailer, place)
	}
}

func (k *talk) toolCall(t *testing.T, stream bool) {
	got, err := k.say(t, question{text: simWeather, tool: "weather", stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.calls) != 1 || got.calls[0] != (proposal{"weather", simArgs}) || got.text != simLooks || got.finish != k.proposes {
		t.Errorf("the client says %+v", got)
	}
	closed := k.wantClosed(t, receipt.Done, "200", receipt.Generation{
		Model: k.answers, Finish: k.proposes, Usage: k.usage(), Cost: costs, Proposed: []receipt.Proposed{{Name: "weather"}},
	})
	wantUsed(t, closed, wholeUse)
	k.proposed = append(k.proposed, simArgs)
	if offers := k.opened[len(k.opened)-1].Call.Offers; !slices.Equal(offers, []string{"weather"}) {
		t.Errorf("offered %q", offers)
	}
}

// silent is of a provider that does not say what it counted: all that was
// reserved counts as used.
func (k *talk) silent(t *testing.T, stream bool) {
	got, err := k.say(t, question{text: simSilent, stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	if got.text != simGreets || got.input+got.output != 0 {
		t.Errorf("the client says %+v", got)
	}
	wantUsed(t, k.wantClosed(t, receipt.Done, "200", receipt.Generation{Model: k.answers, Finish: k.stop}), nil)
}

// secret is one of GitHub's tokens, by its form.
const secret = "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"

func (k *talk) masked(t *testing.T, stream bool) {
	got, err := k.say(t, question{text: fmt.Sprintf(simSecret, secret), stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	if got.text != simNothing {
		t.Errorf("the client says %+v", got)
	}
	k.wantClosed(t, receipt.Done, "200", receipt.Generation{Model: k.answers, Finish: k.stop, Usage: k.usage(), Cost: costs})
	requests, _ := k.requests()
	if body := string(requests[len(requests)-1].Body); strings.Contains(body, secret[:12]) || !strings.Contains(body, "Is this mine") {
		t.Errorf("the provider got %s", body)
	}
	if found := k.opened[len(k.opened)-1].Call.Found; !maps.Equal(found, map[string]int{"github-pat": 1}) {
		t.Errorf("found %v", found)
	}
}

// denied asks for what the policy does not allow, with the client's own habits
// of trying again.
func (k *talk) denied(t *testing.T, stream bool) {
	requests, _ := k.requests()
	deny := func(q question, mention string) {
		t.Helper()
		q.stream, q.retry, q.text = stream, true, cmp.Or(q.text, simHello)
		_, err := k.say(t, q)
		k.wantDenied(t, len(requests), err, mention)
	}
	other := "other-1"
	if k.provider == "fal" {
		other = "openrouter/others/model"
	}
	deny(question{model: other}, "/model_route/allowed")
	deny(question{tool: "shell"}, "shell")
	deny(question{most: 513}, "output_tokens")
	deny(question{text: "Pay to DE89 3704 0044 0532 0130 00, please."}, "pii-iban")
}

// limited is of a provider that has had too much: it says so itself.
func (k *talk) limited(t *testing.T, stream bool) {
	_, err := k.say(t, question{text: simLimited, stream: stream})
	code, message, ok := k.status(err)
	if !ok || code != http.StatusTooManyRequests || message != "Rate limit reached. Try again later." {
		t.Errorf("got %v, want the provider's status 429", err)
	}
	if again := k.ear.last.Header.Get("Retry-After"); again != "3" && k.provider != "gemini" { // which says so in the details
		t.Errorf("Retry-After is %q", again)
	}
	_, answer := k.requests()
	if !bytes.Equal(k.ear.heard.Bytes(), answer.bytes()) {
		t.Errorf("the provider said\n%s\nthe client heard\n%s", answer.bytes(), k.ear.heard)
	}
	wantUsed(t, k.wantClosed(t, receipt.Failed, "429", receipt.Generation{}), map[string]int{})
}

// fails is of a provider that breaks down, and says so.
func (k *talk) fails(t *testing.T, stream bool) {
	_, err := k.say(t, question{text: simBreaks, stream: stream})
	if !strings.Contains(k.ear.heard.String(), "The server had an error") {
		t.Errorf("heard %s", k.ear.heard)
	}
	if code, _, ok := k.status(err); err == nil && (stream || k.provider != "fal") || !stream && k.provider != "fal" && (!ok || code != http.StatusInternalServerError) {
		t.Errorf("got %v", err)
	}
	switch {
	case stream:
		wantUsed(t, k.wantClosed(t, receipt.Aborted, "error-in-answer", receipt.Generation{Model: k.answers, Finish: k.failed}), nil)
	case k.provider == "fal": // whose status is good all the same, and OpenAI's client content with it
		wantUsed(t, k.wantClosed(t, receipt.Failed, "error-in-answer", receipt.Generation{}), map[string]int{})
	default:
		wantUsed(t, k.wantClosed(t, receipt.Failed, "500", receipt.Generation{}), map[string]int{})
	}
}

// cut is of a provider that breaks off without a word.
func (k *talk) cut(t *testing.T, stream bool) {
	got, err := k.say(t, question{text: map[bool]string{false: simHalf, true: simCut}[stream], stream: stream})
	if _, _, ok := k.status(err); err == nil || ok {
		t.Errorf("got %+v, %v, want an error that is not the API's", got, err)
	}
	var want receipt.Generation
	if stream || k.provider != "gemini" { // whose answers name the model at their end
		want.Model = k.answers
	}
	if !stream && k.action == "responses" { // which say so at their beginning
		want.Finish = "completed"
	}
	wantUsed(t, k.wantClosed(t, receipt.Aborted, "cut", want), nil)
}

// A job has what its policy or its grant bounds, and not a token more: what a call
// could come to is set aside before it, and what it did not use comes back.
func TestModelBudgets(t *testing.T) {
	t.Parallel()
	h := openModelHouse(t)
	for i, v := range voices() {
		t.Run(v.name, func(t *testing.T) {
			k := v.talk(t, h, fmt.Sprintf("free-%d", i), "")
			if _, err := k.say(t, question{text: simHello}); err != nil {
				t.Fatal(err)
			}
			opened, _ := k.receipts(t)
			for counter, used := range map[string]int{"tokens": wholeUse["tokens"], "cost": wholeUse["cost"]} {
				reserved := opened.Call.Uses[counter]
				if reserved <= used {
					t.Fatalf("%d %s were reserved", reserved, counter)
				}
				grant := fmt.Sprintf(`{"actions":["model.%s"],"resources":["model:%s"],"limits":{%q:%d}}`, k.action, k.granted, counter, reserved+used)
				k.exhausts(t, v.talk(t, h, fmt.Sprintf("poor-%d-%s", i, counter), grant), counter)
			}
		})
	}
}

// exhausts has poor make the two calls that it has enough for, and one more.
func (k *talk) exhausts(t *testing.T, poor *talk, counter string) {
	t.Helper()
	for range 2 {
		if _, err := poor.say(t, question{text: simHello}); err != nil {
			t.Fatal(err)
		}
		poor.wantClosed(t, receipt.Done, "200", receipt.Generation{Model: k.answers, Finish: k.stop, Usage: k.usage(), Cost: costs})
	}
	requests, _ := poor.requests()
	for _, stream := range []bool{false, true} {
		_, err := poor.say(t, question{text: simHello, retry: true, stream: stream})
		poor.wantDenied(t, len(requests), err, counter)
	}
	poor.proof(t)
}

// proof exports the job's proof, with all texts, has it verified, and compares
// its report to what the test has seen.
func (k *talk) proof(t *testing.T) {
	file := k.house.path(k.job + ".proof")
	k.house.clawea(t, "proof", "export", k.job, "-disclose", "-o", file)
	out := k.house.clawea(t, "proof", "verify", "-format", "json", "-trust", k.house.path("trust.json"), "-expect-job", k.job, "-expect-policy", k.house.policy, file)
	var got struct {
		Verified bool
		Calls    calls
		Models   []verify.Model
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if want := (calls{Allowed: len(k.closed), Denied: len(k.opened) - len(k.closed)}); !got.Verified || got.Calls != want {
		t.Errorf("the report says %+v, want %+v", got, want)
	}
	if diff := gocmp.Diff(k.sums(), got.Models); diff != "" {
		t.Errorf("the report's models (-want +got):\n%s", diff)
	}
	k.disclosed(t, k.house.read(t, k.job+".proof"))
}

// sums is what the closed receipts come to.
func (k *talk) sums() []verify.Model {
	by := map[string]*verify.Model{}
	for _, r := range k.closed {
		g := r.Outcome.Model
		name := cmp.Or(g.Model, g.Provider)
		if by[name] == nil {
			by[name] = &verify.Model{Name: name}
		}
		m := by[name]
		m.Calls, m.Proposed = m.Calls+1, m.Proposed+len(g.Proposed)
		if u := g.Usage; u != nil {
			m.Input, m.Output = m.Input+u.Input, m.Output+u.Output
		} else {
			m.Uncounted++
		}
	}
	var out []verify.Model
	for _, name := range slices.Sorted(maps.Keys(by)) {
		out = append(out, *by[name])
	}
	return out
}

// disclosed fails the test unless the proof tells what the receipts commit to:
// the arguments that models proposed, and no secret.
func (k *talk) disclosed(t *testing.T, bundle string) {
	t.Helper()
	var proof struct {
		Disclosures []struct {
			Commitment string
			Text       []byte
		}
	}
	if err := json.Unmarshal([]byte(bundle), &proof); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, d := range proof.Disclosures {
		texts[d.Commitment] = string(d.Text)
		if strings.Contains(string(d.Text), secret) {
			t.Error("the proof has a secret")
		}
	}
	var got []string
	for _, r := range k.closed {
		for _, p := range r.Outcome.Model.Proposed {
			got = append(got, texts[p.Args.String()])
		}
	}
	if !slices.Equal(got, k.proposed) {
		t.Errorf("proposed %q, want %q", got, k.proposed)
	}
}
