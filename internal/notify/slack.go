// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/clawea/clawea/seal"
)

// Slack posts a message for each question into a channel, and changes it where it
// stands when something happens to the question. All fields must be set but for HTTP.
type Slack struct {
	Channel string                 // "C0123456789"
	API     string                 // "https://slack.com/api"
	Token   func() (string, error) // the bot's, fetched for each message
	DB      DB                     // keeps the ids of buttons
	Now     func() time.Time
	HTTP    *http.Client // nil: one without redirects
}

// The actions of buttons.
const (
	lookAction = "clawea_look"
	seenAction = "clawea_seen"
)

// buttonLife is how long a button may be pressed.
const buttonLife = horizon

// What Slack takes of a text, in characters, with room for what escaping adds.
const (
	maxSection = 2000
	maxField   = 1500
)

// Send posts n or changes the message at n.Place. The place is channel and timestamp.
func (s *Slack) Send(ctx context.Context, n *News) (string, error) {
	token, err := s.Token()
	if err != nil {
		return "", err
	}
	api := slack.New(token, slack.OptionAPIURL(s.API+"/"), slack.OptionHTTPClient(client(s.HTTP)))
	blocks, err := s.blocks(ctx, n)
	if err != nil {
		return "", err
	}
	options := []slack.MsgOption{
		slack.MsgOptionText(cut(n.Sentence, maxSection), true), slack.MsgOptionBlocks(blocks...),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(), slack.MsgOptionLinkNames(false), slack.MsgOptionParse(false),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "clawea_notice", EventPayload: map[string]any{"id": n.ID}}),
	}
	channel, ts, placed := strings.Cut(n.Place, " ")
	switch {
	case placed && n.Event == Reminded: // below the message, and in the channel: a changed one is not noticed
		_, _, err = api.PostMessageContext(ctx, channel, slack.MsgOptionText(cut(n.Sentence, maxSection), true), slack.MsgOptionTS(ts), slack.MsgOptionBroadcast(),
			slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	case placed:
		_, _, _, err = api.UpdateMessageContext(ctx, channel, ts, options...)
	}
	if !placed || gone(err) {
		channel, ts, err = api.PostMessageContext(ctx, s.Channel, options...)
	}
	if err != nil {
		return "", slackError(err)
	}
	return channel + " " + ts, nil
}

// gone reports whether somebody has deleted the message.
func gone(err error) bool {
	var e slack.SlackErrorResponse
	return errors.As(err, &e) && (e.Err == "message_not_found" || e.Err == "thread_not_found")
}

func slackError(err error) error {
	var limited *slack.RateLimitedError
	if errors.As(err, &limited) {
		return &Later{After: limited.RetryAfter, Err: fmt.Errorf("tell Slack: %w", err)}
	}
	return fmt.Errorf("tell Slack: %w", err)
}

// client is c without redirects, or a new one.
func client(c *http.Client) *http.Client {
	if c == nil {
		c = &http.Client{Timeout: sending}
	}
	out := *c
	out.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &out
}

// plain is a text that nothing is made of: no link, no mention, no emoji.
func plain(s string, most int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, cut(s, most), false, false)
}

func cut(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most-3], "") + "..."
	}
	return s
}

// blocks is the message: the question, what it is about, what has happened, and
// while it is open a link to where it is decided.
func (s *Slack) blocks(ctx context.Context, n *News) ([]slack.Block, error) {
	out := []slack.Block{slack.NewSectionBlock(plain(n.Question, maxSection), nil, nil), slack.NewSectionBlock(nil, fields(n), nil)}
	for _, l := range n.History {
		out = append(out, slack.NewContextBlock("", lineBlock(l)))
	}
	look := slack.NewButtonBlockElement(lookAction, "", plain("Look and decide", 75))
	if !n.Open {
		look.Text = plain("Look", 75)
		return append(out, slack.NewActionBlock("", look.WithURL(n.Link))), nil
	}
	look.WithURL(n.Link).WithStyle(slack.StylePrimary)
	id := rand.Text()
	if err := s.DB.PutOnce(ctx, buttonID(id), n.approval, n.Channel, s.Now().Add(buttonLife)); err != nil {
		return nil, err
	}
	return append(out, slack.NewActionBlock("", look, slack.NewButtonBlockElement(seenAction, id, plain("Seen", 75)))), nil
}

// buttonID is how the database knows a button: who reads it there cannot press it.
func buttonID(id string) string {
	return "button " + seal.Sum([]byte("clawea button v1\n"+id)).String()
}

func fields(n *News) []*slack.TextBlockObject {
	asked := strings.Join(n.Asked, ", ")
	if asked == "" {
		asked = "anyone who may approve"
	}
	list := []string{
		"Target: " + n.targets(), "Policy clause: " + n.clauses(), "Risk: " + n.Risk, "Can be taken back: " + n.Undo,
		"Asked: " + asked, "Job: " + n.Job, "Policy: " + n.Policy.String(), "Open until: " + n.Expires.UTC().Format("2006-01-02 15:04 MST"),
	}
	var out []*slack.TextBlockObject
	for _, s := range list {
		out = append(out, plain(s, maxField))
	}
	return out
}

// slackUser is a user's id.
var slackUser = regexp.MustCompile(`^[UW][A-Z0-9]{2,20}$`)

func lineBlock(l Line) slack.MixedElement {
	if slackUser.MatchString(l.User) {
		return slack.NewTextBlockObject(slack.MarkdownType, "Seen by <@"+l.User+">", false, true)
	}
	return plain(l.Text, maxSection)
}
