// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Notify is where people hear of questions that wait for them. What is sent says
// ids and names, and links to the house; it never decides anything.
type Notify struct {
	// Remind is how long after it was asked a question that is still open is said
	// once more: "30m", from 1m to 23h. Default never.
	Remind Span `json:"remind"`
	// Slack are channels of Slack workspaces. Optional.
	Slack []SlackChannel `json:"slack"`
	// Email are those who get mail. Optional.
	Email []Email `json:"email"`
	// Webhooks are programs that are told. Optional.
	Webhooks []Webhook `json:"webhooks"`
}

// A Hearing is what each of them has.
type Hearing struct {
	// Name is what the log calls it. It says what was sent there already: under
	// another name it begins anew.
	Name string `json:"name"`
	// Events are what it is told of: "asked", "reminded", "answered", "withdrawn",
	// "expired" and "done". Default all.
	Events []string `json:"events"`
	// Groups are those on whose questions it is told: who has none of these groups
	// among its approvers is left out. Default all questions.
	Groups []string `json:"groups"`
}

// A SlackChannel is a channel of a Slack workspace.
type SlackChannel struct {
	Hearing
	// Channel is its id: "C0123456789".
	Channel string `json:"channel"`
	// Token is the app's bot token, with the scope chat:write.
	Token Secret `json:"token"`
	// SigningSecret is the app's signing secret, by which what Slack sends to
	// URL/v1/notify/slack is known to be Slack's.
	SigningSecret Secret `json:"signing_secret"`
	// API is where Slack's API is. Default https://slack.com/api.
	API string `json:"api"`
}

// How a mail server is spoken to.
const (
	StartTLS = "starttls" // in the clear at first, and never further without TLS
	TLS      = "tls"      // from the first byte
	Plain    = "none"     // on this machine only
)

// An Email is a list of addresses, and the server that takes mail for them.
type Email struct {
	Hearing
	// Server is the host and port of an SMTP server: "smtp.example.com:587".
	Server string `json:"server"`
	// Security is "starttls", "tls" or, on this machine only, "none". Default starttls.
	Security string `json:"security"`
	// Username and Password are for the server. Optional, both or neither.
	Username string `json:"username"`
	// Password is what goes with Username. It is never sent without TLS, but on this
	// machine.
	Password Secret `json:"password"`
	// From is the address that mail comes from.
	From string `json:"from"`
	// To are the addresses that it goes to, each by itself.
	To []string `json:"to"`
}

// A Webhook is a program that is told by a signed POST.
type Webhook struct {
	Hearing
	// URL is where. https, unless it is this machine.
	URL string `json:"url"`
	// Secret is what requests are signed with: "whsec_" and 24 to 64 random bytes in
	// base64.
	Secret Secret `json:"secret"`
	// AllowPrivate lets it be an address that is not public, this machine's too.
	// Default false: such an address is refused, whatever the name leads to.
	AllowPrivate bool `json:"allow_private"`
}

// NoticeEvents are all that can be told.
func NoticeEvents() []string {
	return []string{"asked", "reminded", "answered", "withdrawn", "expired", "done"}
}

const (
	minRemind = Span(time.Minute)
	maxRemind = Span(23 * time.Hour) // questions live a day
	maxTo     = 50
)

var (
	slackChannel = pattern{regexp.MustCompile(`^[CGD][A-Z0-9]{6,}$`), 30}
	groupName    = pattern{regexp.MustCompile(`^[!-~]+$`), 100}
)

func (c *Config) checkNotify() *problem {
	n, at := c.Notify, "/notify"
	if n == nil {
		return nil
	}
	if n.Remind != 0 && (n.Remind < minRemind || n.Remind > maxRemind) {
		return &problem{at + "/remind", "is not from 1m to 23h", "write it like \"30m\": a question waits a day, and is asked anew then"}
	}
	if len(n.Slack)+len(n.Email)+len(n.Webhooks) == 0 {
		return &problem{at, "tells nobody", "name a channel in \"slack\", \"email\" or \"webhooks\", or leave \"notify\" out"}
	}
	var names []string
	for i := range n.Slack {
		if p := n.Slack[i].check(fmt.Sprintf("%s/slack/%d", at, i), &names); p != nil {
			return p
		}
	}
	for i := range n.Email {
		if p := n.Email[i].check(fmt.Sprintf("%s/email/%d", at, i), &names); p != nil {
			return p
		}
	}
	for i := range n.Webhooks {
		if p := n.Webhooks[i].check(fmt.Sprintf("%s/webhooks/%d", at, i), &names); p != nil {
			return p
		}
	}
	return nil
}

func (h *Hearing) check(at string, names *[]string) *problem {
	if p := checkName(at, "channel", h.Name, *names); p != nil {
		return p
	}
	*names = append(*names, h.Name)
	for i, e := range h.Events {
		if !slices.Contains(NoticeEvents(), e) || slices.Contains(h.Events[:i], e) {
			return &problem{fmt.Sprintf("%s/events/%d", at, i), "is nothing that can be told, or is said twice", "choose from " + strings.Join(NoticeEvents(), ", ") + "; leave \"events\" out for all"}
		}
	}
	for i, g := range h.Groups {
		if !groupName.MatchString(g) {
			return &problem{fmt.Sprintf("%s/groups/%d", at, i), "is not a group's name", "write it as policies do; leave \"groups\" out for all questions"}
		}
	}
	return nil
}

func (s *SlackChannel) check(at string, names *[]string) *problem {
	if p := s.Hearing.check(at, names); p != nil {
		return p
	}
	if !slackChannel.MatchString(s.Channel) {
		return &problem{at + "/channel", "is not the id of a channel", "open the channel's details in Slack and copy the id at their end: it looks like \"C0123456789\""}
	}
	if msg := wrongURL(s.API, true); s.API != "" && msg != "" {
		return &problem{at + "/api", msg, "leave it out, for https://slack.com/api"}
	}
	return nil
}

func (e *Email) check(at string, names *[]string) *problem {
	if p := e.Hearing.check(at, names); p != nil {
		return p
	}
	host, port, err := net.SplitHostPort(e.Server)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || host == "" || !printable.MatchString(e.Server) {
		return &problem{at + "/server", "is not a host and a port", "write it like \"smtp.example.com:587\""}
	}
	switch {
	case !slices.Contains([]string{"", StartTLS, TLS, Plain}, e.Security):
		return &problem{at + "/security", "is not known here", "write \"starttls\", \"tls\" or, on this machine only, \"none\""}
	case e.Security == Plain && !local(host):
		return &problem{at + "/security", "would send mail in the clear to another machine", "write \"starttls\" or \"tls\""}
	case (e.Username == "") != (e.Password.ref == ""):
		return &problem{at, "has a username or a password, and not both", "write both, or neither"}
	case e.Username != "" && !headerValue.MatchString(e.Username):
		return &problem{at + "/username", "is not a name", "write printable characters only"}
	}
	return e.checkAddresses(at)
}

func (e *Email) checkAddresses(at string) *problem {
	if !address(e.From) {
		return &problem{at + "/from", "is not an address", "write it like \"clawea@example.com\", without a name"}
	}
	if len(e.To) == 0 || len(e.To) > maxTo {
		return &problem{at + "/to", fmt.Sprintf("has %d addresses; want 1 to %d", len(e.To), maxTo), "write the addresses of those who are to hear of questions; use a mailing list for more"}
	}
	for i, to := range e.To {
		if !address(to) {
			return &problem{fmt.Sprintf("%s/to/%d", at, i), "is not an address", "write it like \"kim@example.com\", without a name"}
		}
	}
	return nil
}

// address reports whether s is a bare mail address.
func address(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && printable.MatchString(s)
}

func (w *Webhook) check(at string, names *[]string) *problem {
	if p := w.Hearing.check(at, names); p != nil {
		return p
	}
	if msg := wrongURL(w.URL, true); msg != "" {
		return &problem{at + "/url", msg, "write it like \"https://example.com/hooks/clawea\""}
	}
	return nil
}

// secrets lists those of n, but for passwords that are not needed.
func (n *Notify) secrets() []placedSecret {
	if n == nil {
		return nil
	}
	var out []placedSecret
	for i := range n.Slack {
		at := fmt.Sprintf("/notify/slack/%d", i)
		out = append(out, placedSecret{at + "/token", &n.Slack[i].Token}, placedSecret{at + "/signing_secret", &n.Slack[i].SigningSecret})
	}
	for i := range n.Email {
		if s := &n.Email[i].Password; s.ref != "" {
			out = append(out, placedSecret{fmt.Sprintf("/notify/email/%d/password", i), s})
		}
	}
	for i := range n.Webhooks {
		out = append(out, placedSecret{fmt.Sprintf("/notify/webhooks/%d/secret", i), &n.Webhooks[i].Secret})
	}
	return out
}

// complete fills in defaults.
func (n *Notify) complete() {
	if n == nil {
		return
	}
	for i := range n.Slack {
		if n.Slack[i].API == "" {
			n.Slack[i].API = "https://slack.com/api"
		}
		n.Slack[i].API = strings.TrimRight(n.Slack[i].API, "/")
	}
	for i := range n.Email {
		if n.Email[i].Security == "" {
			n.Email[i].Security = StartTLS
		}
	}
}
