// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"syscall"
)

// The commands that this program starts itself as.
const (
	UpstreamCommand  = "upstream"  // ADDR
	BareCommand      = "bare"      // ADDR UPSTREAM
	SuperviseCommand = "supervise" // DELAY COMMAND...
	HeldCommand      = "held"      // COMMAND...
	ToolsCommand     = "tools"     // ADDR, or "stdio"
	RelayCommand     = "relay"     // ADDR UPSTREAM
)

// Subcommand runs args if they are one of the commands that this program starts
// itself as, and reports whether they are.
func Subcommand(args []string) (bool, error) {
	if len(args) < 2 {
		return false, nil
	}
	switch args[0] {
	case UpstreamCommand:
		ln, err := net.Listen("tcp", args[1])
		if err != nil {
			return true, err
		}
		return true, Upstream(ln)
	case BareCommand:
		return true, Bare(args[1], args[2])
	case SuperviseCommand:
		return true, Supervise(args[1:])
	case HeldCommand:
		return true, Held(args[1:])
	case ToolsCommand:
		return true, ServeTools(args[1])
	case RelayCommand:
		return true, RelayTools(args[1], args[2])
	}
	return false, nil
}

// Bare is what all others are measured by: the standard library's reverse proxy
// at addr before upstream, which keeps as many connections open as Clawea does
// or more, flushes streams at once, and does nothing else.
func Bare(addr, upstream string) error {
	target, err := url.Parse("http://" + upstream)
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 512
	transport.DisableCompression = true
	p := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1,
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // else an answer breaks off that begins before the request's end was seen
		p.ServeHTTP(w, r)
	})
	if err := http.ListenAndServe(addr, handler); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the bare proxy: %w", err)
	}
	return nil
}

// notify delivers what tells a process to end.
func notify(c chan<- os.Signal) { signal.Notify(c, os.Interrupt, syscall.SIGTERM) }
