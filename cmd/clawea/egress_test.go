// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// egressHouse writes the configuration of a house that leaves its egress proxy to a
// process of its own, house.hujson, and a policy that lists a host of this machine,
// reach.json; and makes what follows talk to that house: egresshouse AUTHOR.pub. TARGET
// is the host, which sends back what it is sent, and EGRESS the proxy's address.
func egressHouse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: egresshouse AUTHOR.pub")
	}
	free := func() string {
		address, err := freeAddress()
		ts.Check(err)
		return address
	}
	host, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { host.Close() })
	go func() {
		for {
			c, err := host.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	_, port, _ := net.SplitHostPort(host.Addr().String())
	listen, egress := free(), free()
	write := func(name, text string) { ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600)) }
	write("house.hujson", fmt.Sprintf(`{"listen": %q, "authors": [%q], "operators": [{"name": "olga", "token": "file:operator"}],
  "egress": {"listen": %q, "apart": true, "private": {"localhost": ["127.0.0.0/8"]}}}`, listen, strings.TrimSpace(ts.ReadFile(args[0])), egress))
	write("operator", "operator-0123456789abcdef0123456789\n")
	write("reach.json", fmt.Sprintf(`{"wpc_version": "v1", "policy_name": "reach", "runtime": {"max_ttl_seconds": 600}, "egress": {"hosts_allowlist": ["localhost:%s", "gone.test"]}}`, port))
	ts.Setenv("CLAWEA_SERVER", "http://"+listen)
	ts.Setenv("CLAWEA_OPERATOR", "file:"+ts.MkAbs("operator"))
	ts.Setenv("TARGET", "localhost:"+port)
	ts.Setenv("EGRESS", egress)
}

func awaitPort(ts *testscript.TestScript, address string) {
	for range 1200 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("nobody answers at %s", address)
}

// reach has HTTPS_PROXY connect to a host, as programs do, and says what came back.
func reach(target string) error {
	for _, entry := range os.Environ() {
		if jwtShape.MatchString(entry) {
			fmt.Println("odd: a token is in the environment")
		}
	}
	proxy, err := url.Parse(os.Getenv("HTTPS_PROXY"))
	if err != nil {
		return err
	}
	c, err := net.Dial("tcp", proxy.Host)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	secret, _ := proxy.User.Password()
	basic := &http.Request{Header: http.Header{}}
	basic.SetBasicAuth(proxy.User.Username(), secret)
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{"Proxy-Authorization": {basic.Header.Get("Authorization")}}}
	if err := req.Write(c); err != nil {
		return err
	}
	from := bufio.NewReader(c)
	res, err := http.ReadResponse(from, req)
	if err != nil {
		return err
	}
	fmt.Printf("%s, receipt %s\n", res.Status, res.Header.Get("Clawea-Receipt"))
	if res.StatusCode != http.StatusOK {
		_, err := io.Copy(os.Stdout, res.Body)
		return err
	}
	if _, err := io.WriteString(c, "knock"); err != nil {
		return err
	}
	_ = c.(*net.TCPConn).CloseWrite()
	b, err := io.ReadAll(from)
	fmt.Printf("back came %q\n", b)
	return err
}

// TestChildProxies says that a program that is offered the egress proxy is offered no
// other, and reaches this machine without it.
func TestChildProxies(t *testing.T) {
	vars := map[string]string{"HTTPS_PROXY": "http://clawea:s@127.0.0.1:1", "https_proxy": "http://clawea:s@127.0.0.1:1"}
	got := childEnv([]string{"PATH=/bin", "https_proxy=http://p", "Http_Proxy=http://p", "ALL_PROXY=socks5://p", "NO_PROXY=evil.test", "no_proxy=*"}, nil, vars)
	want := []string{"HTTPS_PROXY=http://clawea:s@127.0.0.1:1", "NO_PROXY=127.0.0.1", "PATH=/bin", "https_proxy=http://clawea:s@127.0.0.1:1", "no_proxy=127.0.0.1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
