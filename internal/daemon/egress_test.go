// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/pgtest"
	"github.com/clawea/clawea/internal/sidecar"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// freeAddress is an address of this machine at which nobody listens. Its port is below
// those that the system gives to whoever asks for any, so that nobody has it meanwhile.
func freeAddress(t *testing.T) string {
	t.Helper()
	for tries := 0; ; tries++ {
		ln, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20000+rand.IntN(12000)))
		if err == nil {
			ln.Close()
			return ln.Addr().String()
		}
		if tries == 100 {
			t.Fatal(err)
		}
	}
}

// orders is a source of tokens, as an operator's login is.
type orders struct {
	*house
	policy seal.Hash
	job    string
}

func (o *orders) Token(ctx context.Context, key *token.ProofKey) (*sidecar.Grant, error) {
	i, err := o.client.Issue(ctx, &api.Order{Agent: "robot", Job: o.job, Policy: o.policy, Key: key.Thumbprint()})
	if err != nil {
		return nil, err
	}
	return &sidecar.Grant{Raw: i.Token, Claims: i.Claims}, nil
}

// An egressHouse is a house with an egress proxy, and a server on this machine that its
// policy lists.
type egressHouse struct {
	*house
	at     string // the proxy's address
	srv    *httptest.Server
	target string // "localhost:PORT"
	policy seal.Hash
}

func newEgressHouse(t *testing.T, store string, apart bool) *egressHouse {
	t.Helper()
	w := newWorld(t, store)
	e := &egressHouse{at: freeAddress(t)}
	w.more = fmt.Sprintf(`"egress": {"listen": %q, "apart": %t, "private": {"localhost": ["127.0.0.0/8", "::1/128"]}},`, e.at, apart)
	e.house = w.start()
	if apart {
		e.serveApart()
	}
	e.srv = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "reached %s\n", r.Host) }))
	t.Cleanup(e.srv.Close)
	_, port, _ := net.SplitHostPort(e.srv.Listener.Addr().String())
	e.target = "localhost:" + port
	p, err := e.client.Publish(t.Context(), e.signed(fmt.Sprintf(`{"wpc_version": "v1", "policy_name": "reach", "egress": {"hosts_allowlist": [%q]}}`, e.target)))
	if err != nil {
		t.Fatal(err)
	}
	e.policy = p.Hash
	return e
}

// serveApart is clawea egress: another process's half of the house.
func (e *egressHouse) serveApart() {
	e.t.Helper()
	c, err := config.Load(filepath.Join(e.dir, "clawea.hujson"))
	if err != nil {
		e.t.Fatal(err)
	}
	d, err := New(e.t.Context(), c, "test", slog.New(slog.NewTextHandler(e.log, nil)))
	if err != nil {
		e.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", e.at)
	if err != nil {
		e.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- d.ServeEgress(ctx, ln) }()
	e.t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			e.t.Error(err)
		}
		if err := d.Close(); err != nil {
			e.t.Error(err)
		}
	})
}

// get asks the server for a page through a proxy.
func (e *egressHouse) get(proxy, target string) (string, error) {
	u, err := url.Parse(proxy)
	if err != nil {
		e.t.Fatal(err)
	}
	tr := &http.Transport{Proxy: http.ProxyURL(u), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr, Timeout: 20 * time.Second}).Get("https://" + target + "/")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err
}

// run starts a sidecar as clawea run -egress does.
func (e *egressHouse) run(job string) *sidecar.Sidecar {
	e.t.Helper()
	car, err := sidecar.Start(e.t.Context(), &sidecar.Config{
		House: e.url, Source: &orders{e.house, e.policy, job}, Egress: "http://" + e.at, Log: slog.New(slog.NewTextHandler(e.log, nil)),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { car.Close() })
	return car
}

// closed waits until n calls of a job are closed, and returns how.
func (e *egressHouse) closed(job string, n int) []*receipt.Outcome {
	e.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		list, err := e.client.Receipts(e.t.Context(), job)
		if err != nil {
			e.t.Fatal(err)
		}
		var out []*receipt.Outcome
		for _, paper := range list.Receipts {
			r, err := receipt.Parse(paper.Payload)
			if err != nil {
				e.t.Fatal(err)
			}
			if r.Kind == receipt.Closed {
				out = append(out, r.Outcome)
			}
		}
		if len(out) >= n {
			return out
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("%d calls are closed, want %d", len(out), n)
		}
	}
}

// TestEgress says that programs reach what their policy lists and nothing else, with
// a token of their own and without, that the proof of it verifies, and that a
// revocation cuts them off; by the daemon and by a process of its own.
func TestEgress(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *egressHouse{
		"the daemon's":   func(t *testing.T) *egressHouse { return newEgressHouse(t, "sqlite:clawea.db", false) },
		"apart":          func(t *testing.T) *egressHouse { return newEgressHouse(t, "sqlite:clawea.db", true) },
		"apart, replica": func(t *testing.T) *egressHouse { return newEgressHouse(t, pgtest.New(t), true) },
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t)
			issued := e.issue(e.policy, "plain")
			own := "http://cst:" + issued.Token + "@" + e.at
			if got, err := e.get(own, e.target); got != "reached "+e.target+"\n" {
				t.Errorf("%q, %v", got, err)
			}
			if got, err := e.get(own, "127.0.0.1"+strings.TrimPrefix(e.target, "localhost")); err == nil || !strings.Contains(err.Error(), "Forbidden") {
				t.Errorf("an address in place of the name: %q, %v", got, err)
			}
			for _, o := range e.closed("plain", 1) {
				if n := o.Connection; n == nil || n.Name != "localhost" || n.Sent == 0 || n.Received == 0 {
					t.Errorf("outcome = %+v", o)
				}
			}
			if r := e.verified("plain", e.policy); r.Calls.Allowed != 1 || r.Calls.Denied != 1 {
				t.Errorf("calls = %+v", r.Calls)
			}

			car := e.run("bound")
			for range 3 { // each with a proof of its own
				if got, err := e.get(car.EgressURL(), e.target); got != "reached "+e.target+"\n" {
					t.Errorf("by the sidecar: %q, %v", got, err)
				}
			}
			if got, err := e.get(car.EgressURL(), "other.test"); err == nil || !strings.Contains(err.Error(), "Forbidden") {
				t.Errorf("not listed: %q, %v", got, err)
			}
			e.closed("bound", 3)
			if r := e.verified("bound", e.policy); r.Calls.Allowed != 3 || r.Calls.Denied != 1 || r.Calls.Refused != 0 {
				t.Errorf("calls = %+v", r.Calls)
			}
			e.cutOff(car)
		})
	}
}

// cutOff revokes the sidecar's job while a connection is open.
func (e *egressHouse) cutOff(car *sidecar.Sidecar) {
	e.t.Helper()
	u, err := url.Parse(car.EgressURL())
	if err != nil {
		e.t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		e.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	req := &http.Request{Method: "CONNECT", URL: &url.URL{Opaque: e.target}, Host: e.target, Header: http.Header{}}
	secret, _ := u.User.Password()
	basic := &http.Request{Header: http.Header{}}
	basic.SetBasicAuth(u.User.Username(), secret)
	req.Header.Set("Proxy-Authorization", basic.Header.Get("Authorization"))
	if err := req.Write(c); err != nil {
		e.t.Fatal(err)
	}
	br := bufio.NewReader(c)
	if res, err := http.ReadResponse(br, req); err != nil || res.StatusCode != 200 {
		e.t.Fatalf("%+v, %v", res, err)
	}
	before := len(e.closed("bound", 3))
	if _, err := e.client.RevokeJob(e.t.Context(), "bound", "a test"); err != nil {
		e.t.Fatal(err)
	}
	if _, err := br.ReadByte(); err == nil {
		e.t.Error("more came")
	}
	all := e.closed("bound", before+1)
	if o := all[len(all)-1]; o.Status != receipt.Aborted || o.Code != "job.revoked" {
		e.t.Errorf("outcome = %+v", o)
	}
	e.verified("bound", e.policy)
}

// TestEgressClients has programs that people use connect by HTTPS_PROXY.
func TestEgressClients(t *testing.T) {
	e := newEgressHouse(t, "sqlite:clawea.db", false)
	car := e.run("clients")
	const node = `
const http = require('http'), https = require('https'), tls = require('tls');
const proxy = new URL(process.env.HTTPS_PROXY), target = process.argv[1];
const auth = 'Basic ' + Buffer.from(proxy.username + ':' + proxy.password).toString('base64');
http.request({host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: target, headers: {'Proxy-Authorization': auth}})
	.on('connect', (res, socket) => {
		if (res.statusCode !== 200) { console.log(res.statusCode, res.headers['clawea-receipt']); process.exit(1); }
		https.get('https://' + target + '/', {rejectUnauthorized: false, createConnection: () => tls.connect({socket, servername: 'localhost', rejectUnauthorized: false}), agent: false},
			(res) => { res.pipe(process.stdout); res.on('end', () => socket.destroy()); });
	}).end();`
	n := 0
	for _, x := range []struct {
		program string
		args    []string
	}{
		{"curl", []string{"-sSk", "--noproxy", "", "https://" + e.target + "/"}},
		{"node", []string{"-e", node, e.target}},
	} {
		path, err := exec.LookPath(x.program)
		if err != nil {
			if os.Getenv("CI") == "true" && x.program == "node" {
				t.Fatalf("%s is not at hand", x.program)
			}
			t.Logf("skipped: %s is not at hand", x.program)
			continue
		}
		n++
		cmd := exec.CommandContext(t.Context(), path, x.args...)
		cmd.Env = append(os.Environ(), "HTTPS_PROXY="+car.EgressURL(), "https_proxy="+car.EgressURL(), "NO_PROXY=", "no_proxy=")
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != "reached "+e.target+"\n" {
			t.Errorf("%s: %v: %s", x.program, err, out)
		}
	}
	e.closed("clients", n)
	if r := e.verified("clients", e.policy); r.Calls.Allowed != n {
		t.Errorf("calls = %+v", r.Calls)
	}
}
