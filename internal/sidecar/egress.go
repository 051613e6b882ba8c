// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	"bufio"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/clawea/clawea/internal/tunnel"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/token"
)

const (
	proxyUser   = "clawea"         // who the program says it is; its password is a secret of the run's
	connectTime = 40 * time.Second // for the house to connect: a little more than it takes
	maxTunnels  = 256              // that the program may have open at once
	maxRefusal  = 16 << 10         // bytes of what the house says instead
)

// A passage lets the program connect to hosts by the house's egress proxy: it holds
// the token and makes the proofs, and passes bytes on.
type passage struct {
	car    *Sidecar
	url    *url.URL // of the house's proxy
	base   string   // the same, as proofs say it
	addr   string   // where it listens for the program
	server *http.Server
	door   door
	*prover
	open    chan struct{} // one for each tunnel
	tunnels sync.WaitGroup
}

// newPassage listens for the program. address is where the house's proxy is.
func newPassage(s *Sidecar, address string) (*passage, net.Listener, error) {
	base, err := checkHouse(address)
	if err != nil {
		return nil, nil, fmt.Errorf("the address of the house's egress proxy is not one for tokens\nhave it begin with https:// in the house's configuration; http is for this machine only")
	}
	u, err := url.Parse(base)
	if err != nil { // unreachable: it was parsed
		return nil, nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("listen for the program: %w", err)
	}
	p := &passage{car: s, url: u, base: base, addr: ln.Addr().String(), prover: &prover{key: s.house.key}, open: make(chan struct{}, maxTunnels)}
	p.server = &http.Server{
		Handler: p, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	p.door.guard(p.server)
	return p, ln, nil
}

// close ends what is open, and waits for it: the sidecar's life has ended.
func (p *passage) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if p.server.Shutdown(ctx) != nil { // it waits for those that have no tunnel yet
		_ = p.server.Close()
	}
	p.tunnels.Wait()
}

// EgressURL is what the program has as its proxy (HTTPS_PROXY), or "". It is for the
// program alone.
func (s *Sidecar) EgressURL() string {
	if s.passage == nil {
		return ""
	}
	u := url.URL{Scheme: "http", User: url.UserPassword(proxyUser, s.secret), Host: s.passage.addr}
	return u.String()
}

// ServeHTTP carries one CONNECT of the program's to the house.
func (p *passage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.tunnels.Add(1)
	defer p.tunnels.Done()
	w.Header().Set("Connection", "close")
	switch {
	case !p.knows(r):
		w.Header().Set("Proxy-Authenticate", `Basic realm="clawea run"`)
		turnAway(w, http.StatusProxyAuthRequired, "this proxy is for the program of one run\ngive it the user and the password that HTTPS_PROXY has")
		return
	case !p.door.welcome(r.Context()):
		turnAway(w, http.StatusServiceUnavailable, "there are too many connections already\nclose some")
		return
	case r.Method != http.MethodConnect:
		w.Header().Set("Allow", http.MethodConnect)
		turnAway(w, http.StatusMethodNotAllowed, "this proxy knows CONNECT only\nask for https")
		return
	}
	if why := p.car.Err(); why != nil {
		turnAway(w, http.StatusForbidden, "the run is over, and nothing more can be done in it\nstart another")
		return
	}
	select {
	case p.open <- struct{}{}:
		defer func() { <-p.open }()
	default:
		turnAway(w, http.StatusTooManyRequests, fmt.Sprintf("there are %d connections already\nclose some", maxTunnels))
		return
	}
	p.connect(w, r)
}

// knows reports whether r shows the run's secret.
func (p *passage) knows(r *http.Request) bool {
	credentials, ok := strings.CutPrefix(r.Header.Get("Proxy-Authorization"), "Basic ")
	want := base64.StdEncoding.EncodeToString([]byte(proxyUser + ":" + p.car.secret))
	return ok && subtle.ConstantTimeCompare([]byte(credentials), []byte(want)) == 1
}

// turnAway answers with two lines.
func turnAway(w http.ResponseWriter, status int, says string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, says+"\n")
}

// connect has the house connect, and joins the two connections.
func (p *passage) connect(w http.ResponseWriter, r *http.Request) {
	id, ok := hostOf(r.RequestURI)
	if !ok {
		turnAway(w, http.StatusBadRequest, "the request names no host and port\nask for a name in ASCII or a whole address, and a port")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), connectTime)
	defer cancel()
	defer context.AfterFunc(p.car.life, cancel)()
	far, answer, err := p.ask(ctx, id)
	if err != nil {
		if p.car.Err() == nil && r.Context().Err() == nil {
			p.car.log.WarnContext(ctx, "egress proxy not reached", "error", err)
		}
		turnAway(w, http.StatusBadGateway, "the house's egress proxy does not answer\ntry again in a moment")
		return
	}
	defer far.Close()
	p.heed(answer)
	if answer.StatusCode != http.StatusOK {
		refused(w, answer)
		return
	}
	near, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	_ = near.SetDeadline(time.Time{})
	if _, err := io.WriteString(near, "HTTP/1.1 200 Connection established\r\nClawea-Receipt: "+receiptName(answer.Header.Get("Clawea-Receipt"))+"\r\n\r\n"); err != nil {
		return
	}
	var count tunnel.Count
	_ = tunnel.Join(p.car.life, tunnel.End{Conn: near, Reader: buffered.Reader}, tunnel.End{Conn: far.Conn, Reader: far.from}, tunnel.Limits{}, &count)
}

// hostOf is the host and port of a CONNECT as policies have them.
func hostOf(authority string) (id string, ok bool) {
	name, digits, err := net.SplitHostPort(authority)
	if err != nil {
		return "", false
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return "", false
	}
	return policy.HostID(name, uint16(port))
}

// A far is a connection to the house's proxy, and what is read of it.
type far struct {
	net.Conn
	from *bufio.Reader
}

// ask asks the house for a connection, and once more if it wants its nonce in the
// proof. An answer other than 200 has its body still to be read.
func (p *passage) ask(ctx context.Context, id string) (*far, *http.Response, error) {
	for again := false; ; again = true {
		c, answer, nonce, err := p.once(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		fresh := p.learn(answer.Header, nonce)
		if again || !fresh || !wantsProxyNonce(answer) {
			return c, answer, nil
		}
		c.Close()
	}
}

func (p *passage) once(ctx context.Context, id string) (c *far, answer *http.Response, nonce string, err error) {
	held := p.car.keeper.now()
	proof, nonce, err := p.prove(http.MethodConnect, p.base+"/"+id, held.Raw)
	if err != nil {
		return nil, nil, "", err
	}
	conn, err := p.dial(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: id}, Host: id, Header: http.Header{
		"Proxy-Authorization": {token.SchemeDPoP + " " + held.Raw}, "Dpop": {proof}, "User-Agent": {"clawea-run"},
		"Clawea-Job": {held.Claims.Job}, "Clawea-Policy": {held.Claims.Policy.String()},
	}}
	from := bufio.NewReader(conn)
	if err = req.Write(conn); err == nil {
		answer, err = http.ReadResponse(from, req)
	}
	if err != nil {
		conn.Close()
		return nil, nil, "", err
	}
	return &far{conn, from}, answer, nonce, nil
}

// dial reaches the house's proxy.
func (p *passage) dial(ctx context.Context) (net.Conn, error) {
	host := p.url.Host
	if p.url.Port() == "" {
		host = net.JoinHostPort(p.url.Hostname(), map[string]string{"https": "443", "http": "80"}[p.url.Scheme])
	}
	d := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if p.url.Scheme == "https" {
		return (&tls.Dialer{NetDialer: d, Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", host)
	}
	return d.DialContext(ctx, "tcp", host)
}

// heed takes up what an answer says of the token and of receipts.
func (p *passage) heed(answer *http.Response) {
	switch code := refusal(answer.Header); {
	case ends(code):
		p.car.stop(&Revoked{code})
	case code == token.Code(token.ErrExpired):
		p.car.keeper.hurry()
	}
	if name, seq, ok := strings.Cut(answer.Header.Get("Clawea-Receipt"), "/"); ok && name == p.car.Claims().Job {
		p.car.cite(seq)
	}
}

// refused passes on what the house says instead of connecting. Who the house wants a
// token of is not the program.
func refused(w http.ResponseWriter, answer *http.Response) {
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		b = []byte("the house's answer broke off\ntry again in a moment\n")
	}
	status := answer.StatusCode
	if status == http.StatusProxyAuthRequired || status < 400 || status > 599 {
		status = http.StatusForbidden
	}
	for name, value := range map[string]string{"Clawea-Receipt": receiptName(answer.Header.Get("Clawea-Receipt")), "Clawea-Refused": refusal(answer.Header)} {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// receiptName is the name of a receipt that came from outside, if it looks like one.
func receiptName(s string) string {
	job, seq, _ := strings.Cut(s, "/")
	if _, err := strconv.ParseUint(seq, 10, 64); err != nil || token.CheckName("job", job) != nil {
		return ""
	}
	return s
}

// wantsProxyNonce is wantsNonce for what a proxy answers.
func wantsProxyNonce(answer *http.Response) bool {
	if answer.StatusCode != http.StatusProxyAuthRequired {
		return false
	}
	return asksForNonce(answer.Header.Values("Proxy-Authenticate"))
}
