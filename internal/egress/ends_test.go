// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/receipt"
)

// TestStop says that a proxy that stops closes the receipts of what is open.
func TestStop(t *testing.T) {
	t.Parallel() // it waits, mostly
	port := listen(t, echo)
	h := newHouse(t, wpc("api.local.test:"+port), Limits{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = ln.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.proxy.Serve(ctx, ln, 5*time.Second) }()
	_, _, br := h.ask("api.local.test:" + port)
	stop()
	switch err := <-done; {
	case err == nil && len(h.book.Lines()) != 2:
		t.Error("it has stopped, and the receipt is not closed")
	case err != nil && !strings.Contains(err.Error(), "still open"): // which is so where the book is slower than its grace
		t.Error(err)
	}
	h.ends(2, receipt.Aborted, "stopped")
	if _, err := br.ReadByte(); err == nil {
		t.Error("the connection lives on")
	}
}

// TestNothingLeft opens a thousand connections and breaks each off in another
// way. No goroutine is left, and every receipt is closed.
func TestNothingLeft(t *testing.T) {
	port := listen(t, echo)
	h := newHouse(t, wpc("api.local.test:"+port), Limits{Job: 2000, All: 2000, Idle: 200 * time.Millisecond})
	before := runtime.NumGoroutine()
	const n = 1000
	var all sync.WaitGroup
	gate := make(chan struct{}, 50)
	for i := range n {
		gate <- struct{}{}
		all.Go(func() {
			defer func() { <-gate }()
			c, err := net.Dial("tcp", h.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			fmt.Fprintf(c, "CONNECT api.local.test:%s HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Bearer %s\r\n\r\n", port, h.cst)
			if i%5 == 0 {
				return // before there is an answer
			}
			if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
				return
			}
			switch i % 5 {
			case 1:
				_ = c.(*net.TCPConn).SetLinger(0) // a reset
			case 2:
				_, _ = io.WriteString(c, "\x16\x03\x01") // half a greeting
			case 3:
				_, _ = io.WriteString(c, strings.Repeat("x", 1<<16))
			}
		})
	}
	all.Wait()
	h.opened(0)
	left := 0
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if left = runtime.NumGoroutine() - before; left <= 2 {
			break
		}
	}
	if left > 2 {
		t.Errorf("%d goroutines are left", left)
	}
	opened, closed := 0, 0
	for _, line := range h.book.Lines() {
		switch line.Receipt.Kind {
		case receipt.Opened:
			opened++
		case receipt.Closed:
			closed++
		}
	}
	if opened != closed || opened < n*3/5 {
		t.Errorf("%d receipts are opened and %d closed", opened, closed)
	}
}
