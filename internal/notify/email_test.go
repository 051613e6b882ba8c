// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"mime"
	"net"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/config"
)

// A postOffice is an SMTP server, as far as it is needed here.
type postOffice struct {
	ln   net.Listener
	tls  *tls.Config // nil: it has none
	mu   sync.Mutex
	got  []letter
	auth []string
}

type letter struct {
	from, to string
	text     string
	sealed   bool // came over TLS
}

func newPostOffice(t *testing.T, c *tls.Config) *postOffice {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &postOffice{ln: ln, tls: c}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() { ln.Close(); all.Wait() })
	return p
}

func (p *postOffice) serve(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	text, sealed, l := textproto.NewConn(c), false, letter{}
	text.PrintfLine("220 post.test")
	for {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); {
		case verb == "EHLO" && p.tls != nil && !sealed:
			text.PrintfLine("250-post.test\r\n250 STARTTLS")
		case verb == "EHLO":
			text.PrintfLine("250-post.test\r\n250 AUTH PLAIN")
		case verb == "STARTTLS" && p.tls != nil:
			text.PrintfLine("220 go on")
			c = tls.Server(c, p.tls)
			text, sealed = textproto.NewConn(c), true
		case verb == "AUTH":
			p.auth = append(p.auth, line)
			text.PrintfLine("235 welcome")
		case verb == "MAIL":
			l = letter{from: line, sealed: sealed}
			text.PrintfLine("250 ok")
		case verb == "RCPT":
			l.to = line
			text.PrintfLine("250 ok")
		case verb == "DATA":
			text.PrintfLine("354 go on")
			b, err := text.ReadDotBytes()
			if err != nil {
				return
			}
			l.text = string(b)
			p.mu.Lock()
			p.got = append(p.got, l)
			p.mu.Unlock()
			text.PrintfLine("250 kept")
		case verb == "QUIT":
			text.PrintfLine("221 bye")
			return
		default:
			text.PrintfLine("250 ok")
		}
	}
}

// testTLS is a server's certificate, and who believes it.
func testTLS(t *testing.T) (server, client *tls.Config) {
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: pool, ServerName: "example.com", MinVersion: tls.VersionTLS12}
}

func TestEmail(t *testing.T) {
	server, client := testTLS(t)
	h, p := newHouse(t), newPostOffice(t, server)
	m := &Email{
		Server: p.ln.Addr().String(), Security: config.StartTLS, From: "clawea@house.test", To: []string{"kim@house.test", "lee@house.test"}, TLS: client,
		Username: "u", Password: func() (string, error) { return "hush", nil },
	}
	n := h.notifier(h, Channel{Name: "mail", Sender: m})
	h.answer(t, h.ask(t, hostile), true)
	h.settle(t, n)
	if len(p.got) != 4 || len(p.auth) != 2 {
		t.Fatalf("%d letters, %d logins\n%s", len(p.got), len(p.auth), h.log.String())
	}
	ids := map[string]bool{}
	for _, l := range p.got {
		msg, err := mail.ReadMessage(strings.NewReader(l.text))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
		if err != nil || !strings.HasPrefix(subject, "clawea: ") {
			t.Errorf("subject %q, %v", subject, err)
		}
		body, err := io.ReadAll(msg.Body)
		if err != nil {
			t.Fatal(err)
		}
		flat := strings.ReplaceAll(strings.ReplaceAll(string(body), "=\n", ""), "=3D", "=")
		for _, bad := range []string{secretWords, "</td>&", "evil.test|", "https://evil"} {
			if strings.Contains(flat, bad) {
				t.Errorf("it holds %q:\n%s", bad, flat)
			}
		}
		if !l.sealed || msg.Header.Get("Bcc") != "" || len(msg.Header["To"]) != 1 || strings.Count(l.to, "@") != 1 || msg.Header.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("%+v", msg.Header)
		}
		if !strings.Contains(flat, "https://house.test/approvals/job-1.1") || !strings.Contains(flat, "text/html") || !strings.Contains(flat, "decides nothing") {
			t.Errorf("body:\n%s", flat)
		}
		ids[msg.Header.Get("Message-Id")] = true
	}
	if len(ids) != 4 {
		t.Errorf("ids %v", ids)
	}
}

// Without TLS, nothing is sent and no password given away; on this machine mail may
// go in the clear if that is said.
func TestEmailNeedsTLS(t *testing.T) {
	p := newPostOffice(t, nil)
	m := &Email{Server: p.ln.Addr().String(), Security: config.StartTLS, From: "a@house.test", To: []string{"b@house.test"}, Username: "u", Password: func() (string, error) { return "hush", nil }}
	if _, err := m.Send(t.Context(), &News{ID: "1", Sentence: "s"}); err == nil || strings.Contains(err.Error(), "hush") || len(p.got)+len(p.auth) > 0 {
		t.Errorf("%v; %d letters, %d logins", err, len(p.got), len(p.auth))
	}
	m.Security, m.Username = config.Plain, ""
	if _, err := m.Send(t.Context(), &News{ID: "1", Sentence: "s"}); err != nil || len(p.got) != 1 {
		t.Errorf("in the clear: %v; %d letters", err, len(p.got))
	}
}
