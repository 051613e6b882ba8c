// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"crypto/tls"
	"fmt"
	"html/template"
	"net"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/seal"
)

// Email sends mail through a server. A mail tells and links; it decides nothing.
// Server, Security, From and To must be set.
type Email struct {
	Server   string // "smtp.example.com:587"
	Security string // config.StartTLS, TLS or Plain
	Username string // "": the server asks for none
	Password func() (string, error)
	From     string
	To       []string
	TLS      *tls.Config // nil: what the machine trusts
}

// Send sends n to each address, by itself.
func (m *Email) Send(ctx context.Context, n *News) (string, error) {
	var all []*mail.Msg
	for _, to := range m.To {
		msg, err := m.message(n, to)
		if err != nil {
			return "", fmt.Errorf("write mail: %w", err)
		}
		all = append(all, msg)
	}
	c, err := m.client()
	if err != nil {
		return "", fmt.Errorf("send mail: %w", err)
	}
	if err := c.DialAndSendWithContext(ctx, all...); err != nil {
		return "", fmt.Errorf("send mail: %w", err)
	}
	return "", nil
}

func (m *Email) client() (*mail.Client, error) {
	host, port, err := net.SplitHostPort(m.Server)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	options := []mail.Option{mail.WithPort(number), mail.WithTimeout(sending)}
	switch m.Security {
	case config.TLS:
		options = append(options, mail.WithSSL())
	case config.Plain:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if m.TLS != nil {
		options = append(options, mail.WithTLSConfig(m.TLS))
	}
	if m.Username != "" {
		password, err := m.Password()
		if err != nil {
			return nil, err
		}
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.Username), mail.WithPassword(password))
	}
	return mail.NewClient(host, options...)
}

func (m *Email) message(n *News, to string) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(m.From); err != nil {
		return nil, err
	}
	if err := msg.To(to); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(m.From, "@")
	thread := fmt.Sprintf("<clawea-approval-%s@%s>", seal.Sum([]byte(n.Approval)).Short(), domain)
	msg.SetMessageIDWithValue(fmt.Sprintf("%s.%s@%s", n.ID, seal.Sum([]byte(to)).Short(), domain))
	msg.SetGenHeader(mail.HeaderReferences, thread)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetDateWithValue(n.At)
	msg.Subject("clawea: " + cut(n.Sentence, 150))
	msg.SetBodyString(mail.TypeTextPlain, n.text())
	page, err := pageTemplate()
	if err != nil {
		return nil, err
	}
	if err := msg.AddAlternativeHTMLTemplate(page, n.view()); err != nil {
		return nil, err
	}
	return msg, nil
}

// A view is what a mail shows.
type view struct {
	Sentence, Link string
	Open           bool
	Facts          []fact
	History        []Line
}

type fact struct{ Name, Is string }

func (n *News) view() *view {
	asked := strings.Join(n.Asked, ", ")
	if asked == "" {
		asked = "anyone who may approve"
	}
	v := &view{Sentence: n.Sentence, Link: n.Link, Open: n.Open, History: n.History, Facts: []fact{
		{"Agent", n.Agent}, {"Job", n.Job}, {"Call", n.Call + " (" + n.Class + ")"}, {"Target", n.targets()}, {"Risk", n.Risk}, {"Can be taken back", n.Undo},
		{"Policy clause", n.clauses()}, {"Policy", n.Policy.String()}, {"Asked", asked}, {"Until", n.Expires.UTC().Format("2006-01-02 15:04 MST")},
	}}
	return v
}

func (n *News) targets() string {
	var list []string
	for _, t := range n.Targets {
		s := t.Type + " " + t.ID
		if t.Version != "" {
			s += " at version " + t.Version
		}
		list = append(list, s)
	}
	if n.More > 0 {
		list = append(list, fmt.Sprintf("%d more", n.More))
	}
	if len(list) == 0 {
		return "none that is known by an id"
	}
	return strings.Join(list, ", ")
}

func (n *News) clauses() string {
	if len(n.Clauses) == 0 {
		return "none"
	}
	return strings.Join(n.Clauses, ", ")
}

const links = "This mail decides nothing. What the call would do is shown on the house's page:"

func (n *News) text() string {
	v := n.view()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", v.Sentence)
	for _, f := range v.Facts {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Is)
	}
	for i, l := range v.History {
		if i == 0 {
			b.WriteString("\nSo far:\n")
		}
		fmt.Fprintf(&b, "- %s\n", l.Text)
	}
	fmt.Fprintf(&b, "\n%s\n%s\n", links, v.Link)
	return b.String()
}

func pageTemplate() (*template.Template, error) {
	return template.New("mail").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>clawea</title></head><body>
<p>{{.Sentence}}</p>
<table>{{range .Facts}}<tr><th align="left" scope="row">{{.Name}}</th><td>{{.Is}}</td></tr>{{end}}</table>
{{if .History}}<p>So far:</p><ul>{{range .History}}<li>{{.Text}}</li>{{end}}</ul>{{end}}
<p>` + links + `<br><a href="{{.Link}}">{{if .Open}}Look and decide{{else}}Look{{end}}</a></p>
</body></html>
`)
}
