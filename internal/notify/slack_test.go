// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A workspace is Slack, as far as it is needed here.
type workspace struct {
	*httptest.Server
	posts []url.Values // with the method's name in "method"
	next  func(w http.ResponseWriter) bool
}

func newWorkspace(t *testing.T) *workspace {
	s := new(workspace)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		form := r.PostForm
		form.Set("method", strings.TrimPrefix(r.URL.Path, "/"))
		if r.Header.Get("Authorization") != "Bearer xoxb-1" && form.Get("token") != "xoxb-1" {
			t.Error("another token")
		}
		s.posts = append(s.posts, form)
		if s.next != nil && s.next(w) {
			return
		}
		fmt.Fprintf(w, `{"ok":true,"channel":"C0123456789","ts":"1700000000.%06d"}`, len(s.posts))
	}))
	t.Cleanup(s.Close)
	return s
}

const signingSecret = "8f742231b10e8888abcd99yyyzzz85a5"

func (h *house) slack(s *workspace) (*Notifier, *Presses) {
	n := h.notifier(h, Channel{Name: "chat", Sender: &Slack{
		Channel: "C0123456789", API: s.URL, Token: func() (string, error) { return "xoxb-1", nil }, DB: h, Now: h.now,
	}})
	return n, &Presses{Notifier: n, Slack: []SlackKeys{{Name: "chat", Channel: "C0123456789", Secret: func() (string, error) { return signingSecret, nil }}}}
}

func TestSlackMessageInPlace(t *testing.T) {
	h, s := newHouse(t), newWorkspace(t)
	n, _ := h.slack(s)
	a := h.ask(t, hostile)
	h.settle(t, n)
	h.move(30 * time.Minute)
	h.settle(t, n)
	h.answer(t, a, true)
	h.move(20 * time.Second)
	h.settle(t, n)
	if len(s.posts) != 3 {
		t.Fatalf("%d messages", len(s.posts))
	}
	for i, want := range []struct{ method, ts, thread string }{{"chat.postMessage", "", ""}, {"chat.postMessage", "", "1700000000.000001"}, {"chat.update", "1700000000.000001", ""}} {
		p := s.posts[i]
		if p.Get("method") != want.method || p.Get("ts") != want.ts || p.Get("thread_ts") != want.thread || p.Get("channel") != "C0123456789" {
			t.Errorf("%d: %v", i, p)
		}
		all := fmt.Sprint(p)
		for _, bad := range []string{secretWords, "<!channel", "<https", "https://evil", "*yes*", "\"mrkdwn\"", " @here"} {
			if strings.Contains(all, bad) {
				t.Errorf("%d holds %q: %s", i, bad, all)
			}
		}
	}
	first, last := s.posts[0].Get("blocks"), s.posts[2].Get("blocks")
	if !strings.Contains(first, "Look and decide") || !strings.Contains(first, `"url":"https://house.test/approvals/job-1.1"`) || !strings.Contains(first, seenAction) || !strings.Contains(first, "/approvals/required_for/0") {
		t.Errorf("the question: %s", first)
	}
	if strings.Contains(last, seenAction) || strings.Contains(last, "decide") || !strings.Contains(last, "kim@house.test says yes") {
		t.Errorf("the answer: %s", last)
	}
	if !strings.Contains(s.posts[0].Get("metadata"), "clawea-notice-1") {
		t.Errorf("no id: %s", s.posts[0].Get("metadata"))
	}
}

// Slack says when to come back; a message that somebody has deleted is posted anew.
func TestSlackTroubles(t *testing.T) {
	h, s := newHouse(t), newWorkspace(t)
	n, _ := h.slack(s)
	sender := n.Channels[0].Sender
	s.next = func(w http.ResponseWriter) bool {
		w.Header().Set("Retry-After", "17")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	_, err := sender.Send(t.Context(), &News{Event: Asked})
	if later := (*Later)(nil); !errors.As(err, &later) || later.After != 17*time.Second {
		t.Errorf("too many: %v", err)
	}
	s.next = func(w http.ResponseWriter) bool {
		gone := s.posts[len(s.posts)-1].Get("method") == "chat.update"
		if gone {
			fmt.Fprint(w, `{"ok":false,"error":"message_not_found"}`)
		}
		return gone
	}
	if place, err := sender.Send(t.Context(), &News{Event: Answered, Place: "C0123456789 1.1"}); err != nil || place == "C0123456789 1.1" {
		t.Errorf("deleted: %q, %v", place, err)
	}
	s.next = func(w http.ResponseWriter) bool {
		fmt.Fprint(w, `{"ok":false,"error":"invalid_auth"}`)
		return true
	}
	if _, err := sender.Send(t.Context(), &News{Event: Asked}); err == nil || strings.Contains(err.Error(), "xoxb") {
		t.Errorf("refused: %v", err)
	}
	s.next = func(w http.ResponseWriter) bool {
		w.Header().Set("Location", s.URL+"/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}
	before := len(s.posts)
	if _, err := sender.Send(t.Context(), &News{Event: Asked}); err == nil || len(s.posts) != before+1 {
		t.Errorf("redirected: %v, %d requests", err, len(s.posts)-before)
	}
}

// button is the value of the last message's button.
func (s *workspace) button(t *testing.T) string {
	t.Helper()
	var blocks []struct {
		Elements []struct{ ActionID, Value string }
	}
	text := strings.ReplaceAll(s.posts[len(s.posts)-1].Get("blocks"), "action_id", "ActionID")
	_ = json.Unmarshal([]byte(text), &blocks) // context blocks have elements of another form; what is read stays
	for _, b := range blocks {
		for _, e := range b.Elements {
			if e.ActionID == seenAction {
				return e.Value
			}
		}
	}
	t.Fatalf("no button: %s", text)
	return ""
}

func pressing(user, channel, action, value string) string {
	b, _ := json.Marshal(map[string]any{
		"type": "block_actions", "user": map[string]string{"id": user, "name": "x"}, "channel": map[string]string{"id": channel},
		"actions": []map[string]string{{"action_id": action, "value": value, "type": "button"}},
	})
	return "payload=" + url.QueryEscape(string(b))
}

// press is a request of Slack's, signed at a time.
func press(body, secret string, at time.Time) *http.Request {
	r := httptest.NewRequest("POST", "/v1/notify/slack", strings.NewReader(body))
	stamp := fmt.Sprint(at.Unix())
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	r.Header.Set("X-Slack-Request-Timestamp", stamp)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

func (p *Presses) status(r *http.Request) int {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Code
}

func TestPress(t *testing.T) {
	h, s := newHouse(t), newWorkspace(t)
	n, p := h.slack(s)
	a := h.ask(t, "1")
	h.settle(t, n)
	body := pressing("U024BE7LH", "C0123456789", seenAction, s.button(t))
	r := press(body, signingSecret, h.now())
	forged := r.Clone(t.Context())
	forged.Body = http.NoBody
	for name, r := range map[string]*http.Request{
		"another secret": press(body, "other", h.now()), "no secret": press(body, "", h.now()), "too old": press(body, signingSecret, h.now().Add(-fresh-time.Second)),
		"too new": press(body, signingSecret, h.now().Add(fresh+time.Second)), "another body": forged, "not signed": httptest.NewRequest("POST", "/", strings.NewReader(body)),
	} {
		if got := p.status(r); got != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, got)
		}
	}
	upper := press(body, signingSecret, h.now())
	upper.Header.Set("X-Slack-Signature", "v0="+strings.ToUpper(strings.TrimPrefix(upper.Header.Get("X-Slack-Signature"), "v0=")))
	if got := p.status(upper); got != http.StatusUnauthorized {
		t.Errorf("another spelling of the signature: %d", got)
	}
	if got := p.status(r); got != http.StatusOK {
		t.Fatalf("a press: %d\n%s", got, h.log.String())
	}
	if got := p.status(press(body, signingSecret, h.now())); got != http.StatusConflict {
		t.Errorf("the same request again: %d", got)
	}
	if got := p.status(press(body, signingSecret, h.now().Add(time.Second))); got != http.StatusOK {
		t.Errorf("the same button again: %d", got)
	}
	h.settle(t, n)
	if len(s.posts) != 2 || s.posts[1].Get("method") != "chat.update" || !strings.Contains(s.posts[1].Get("blocks"), "Seen by \\u003c@U024BE7LH\\u003e") && !strings.Contains(s.posts[1].Get("blocks"), "Seen by <@U024BE7LH>") {
		t.Errorf("%d messages, the last %s", len(s.posts), s.posts[len(s.posts)-1].Get("blocks"))
	}
	if q, err := h.Approval(t.Context(), a.ID); err != nil || !q.Open(h.now()) || q.Reply != "" {
		t.Errorf("a button has decided: %+v, %v", q, err)
	}
}

// A button is good in its own channel, for a user that can be one, and a link's
// button does nothing.
func TestPressesThatDoNothing(t *testing.T) {
	h, s := newHouse(t), newWorkspace(t)
	n, p := h.slack(s)
	h.ask(t, "1")
	h.settle(t, n)
	for name, body := range map[string]string{
		"a link": pressing("U024BE7LH", "C0123456789", lookAction, ""), "a guess": pressing("U024BE7LH", "C0123456789", seenAction, "AAAA"),
		"no user": pressing("<!channel>", "C0123456789", seenAction, s.button(t)), "another channel": pressing("U024BE7LH", "C9999999999", seenAction, s.button(t)),
	} {
		if got := p.status(press(body, signingSecret, h.now())); got != http.StatusOK {
			t.Errorf("%s: %d", name, got)
		}
	}
	for name, body := range map[string]string{"no form": "%zz", "no payload": "a=b", "two": "payload={}&payload={}", "no JSON": "payload=x", "of another type": `payload={"type":"view_submission"}`} {
		if got := p.status(press(body, signingSecret, h.now())); got != http.StatusBadRequest {
			t.Errorf("%s: %d", name, got)
		}
	}
	if got := p.status(press("payload="+strings.Repeat("x", maxPress), signingSecret, h.now())); got != http.StatusBadRequest {
		t.Errorf("too long: %d", got)
	}
	h.settle(t, n)
	if len(s.posts) != 1 {
		t.Errorf("%d messages", len(s.posts))
	}
}

func FuzzPress(f *testing.F) {
	f.Add([]byte(pressing("U024BE7LH", "C0123456789", seenAction, "x")))
	f.Add([]byte("payload={}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if p, err := readPress(body); err == nil && p.Type != "block_actions" {
			t.Errorf("%+v", p)
		}
	})
}
