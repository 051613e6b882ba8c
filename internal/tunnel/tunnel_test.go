// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pair is two ends of a connection of TCP.
func pair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); d.Close() })
	return c.(*net.TCPConn), d.(*net.TCPConn)
}

// A joint is a tunnel between client and host, and what it came to.
type joint struct {
	client, host *net.TCPConn
	count        Count
	done         chan error
}

func join(ctx context.Context, t *testing.T, l Limits, early string) *joint {
	t.Helper()
	j := &joint{done: make(chan error, 1)}
	var near, far *net.TCPConn
	j.client, near = pair(t)
	far, j.host = pair(t)
	go func() {
		j.done <- Join(ctx, End{Conn: near, Reader: io.MultiReader(strings.NewReader(early), near)}, End{Conn: far}, l, &j.count)
	}()
	return j
}

func (j *joint) ends(t *testing.T, want error, sent, received int64) {
	t.Helper()
	select {
	case err := <-j.done:
		if !errors.Is(err, want) || j.count.Sent() != sent || j.count.Received() != received {
			t.Errorf("%v, %d sent, %d received; want %v, %d, %d", err, j.count.Sent(), j.count.Received(), want, sent, received)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it has not ended")
	}
}

func say(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func TestHalves(t *testing.T) {
	j := join(t.Context(), t, Limits{Idle: time.Minute, Total: time.Minute, Bytes: 1 << 20}, "early, ")
	say(t, j.client, "late")
	_ = j.client.CloseWrite()
	b, err := io.ReadAll(j.host)
	if string(b) != "early, late" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	say(t, j.host, "answer")
	_ = j.host.Close()
	if b, err := io.ReadAll(j.client); string(b) != "answer" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	j.ends(t, nil, 11, 6)
}

// TestGoneAfterAll says: who has said all, and takes no answer, has ended.
func TestGoneAfterAll(t *testing.T) {
	j := join(t.Context(), t, Limits{}, "")
	say(t, j.client, "bye")
	_ = j.client.Close()
	if b, err := io.ReadAll(j.host); string(b) != "bye" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	for range 20 { // the first may be taken by the kernel
		_, _ = io.WriteString(j.host, "x")
		time.Sleep(5 * time.Millisecond)
	}
	_ = j.host.Close()
	select {
	case err := <-j.done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it has not ended")
	}
}

func TestBreaks(t *testing.T) {
	j := join(t.Context(), t, Limits{}, "")
	_ = j.client.SetLinger(0)
	_ = j.client.Close()
	j.ends(t, ErrNear, 0, 0)
	j = join(t.Context(), t, Limits{}, "")
	_ = j.host.SetLinger(0)
	_ = j.host.Close()
	j.ends(t, ErrFar, 0, 0)
}

func TestBounds(t *testing.T) {
	join(t.Context(), t, Limits{Idle: 20 * time.Millisecond}, "").ends(t, ErrIdle, 0, 0)
	join(t.Context(), t, Limits{Total: 20 * time.Millisecond}, "").ends(t, ErrTotal, 0, 0)
	j := join(t.Context(), t, Limits{Bytes: 10}, "")
	say(t, j.client, "0123456789")
	if _, err := io.ReadFull(j.host, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	say(t, j.host, "x")
	j.ends(t, ErrBytes, 10, 0)
}

// TestBytesOnTheirWay says that bytes count from when they are taken, not from
// when the other side has them: neither way may spend what the other has.
func TestBytesOnTheirWay(t *testing.T) {
	client, near := net.Pipe() // whose writes wait for a reader
	far, host := net.Pipe()
	defer client.Close()
	defer host.Close()
	done := make(chan error, 1)
	var count Count
	go func() { done <- Join(t.Context(), End{Conn: near}, End{Conn: far}, Limits{Bytes: 10}, &count) }()
	if _, err := io.WriteString(client, "0123456789"); err != nil { // taken, and nobody reads them
		t.Fatal(err)
	}
	if _, err := io.WriteString(host, "x"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if !errors.Is(err, ErrBytes) || count.Sent()+count.Received() != 0 {
			t.Errorf("%v, %d sent, %d received", err, count.Sent(), count.Received())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it has not ended")
	}
}

// TestBusy says that what goes on is not idle, and what goes on no more is.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, near := net.Pipe()
		far, host := net.Pipe()
		defer client.Close()
		defer host.Close()
		done := make(chan error, 1)
		var count Count
		begun := time.Now()
		go func() { done <- Join(t.Context(), End{Conn: near}, End{Conn: far}, Limits{Idle: time.Second}, &count) }()
		for _, way := range [][2]net.Conn{{host, client}, {client, host}, {host, client}, {host, client}} {
			time.Sleep(900 * time.Millisecond)
			say(t, way[0], "x")
			if _, err := io.ReadFull(way[1], make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-done; !errors.Is(err, ErrIdle) || time.Since(begun) != 4600*time.Millisecond || count.Sent() != 1 || count.Received() != 3 {
			t.Errorf("%v after %v, %d sent, %d received", err, time.Since(begun), count.Sent(), count.Received())
		}
	})
}

func TestCause(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	j := join(ctx, t, Limits{}, "")
	why := errors.New("revoked")
	cancel(why)
	j.ends(t, why, 0, 0)
	if _, err := j.client.Read(make([]byte, 1)); err == nil {
		t.Error("the client's side is open")
	}
}

// TestRefused says that a reader may end the tunnel for reasons of its own.
func TestRefused(t *testing.T) {
	client, near := pair(t)
	far, host := pair(t)
	defer client.Close()
	var count Count
	err := Join(t.Context(), End{Conn: near, Reader: failing{}}, End{Conn: far}, Limits{}, &count)
	if own := (*Refused)(nil); !errors.As(err, &own) || own.Code != "no" {
		t.Error(err)
	}
	if b, _ := io.ReadAll(host); len(b) != 0 {
		t.Errorf("%q went through", b)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, &Refused{"no", "not this"} }

// TestMuch carries much both ways at once.
func TestMuch(t *testing.T) {
	j := join(t.Context(), t, Limits{}, "")
	up, down := bytes.Repeat([]byte("up"), 1<<20), bytes.Repeat([]byte("down"), 1<<20)
	got := make(chan []byte, 2)
	for _, x := range []struct {
		c    *net.TCPConn
		says []byte
	}{{j.client, up}, {j.host, down}} {
		go func() { _, _ = x.c.Write(x.says); _ = x.c.CloseWrite() }()
		go func() { b, _ := io.ReadAll(x.c); got <- b }()
	}
	for range 2 {
		if b := <-got; !bytes.Equal(b, up) && !bytes.Equal(b, down) {
			t.Errorf("%d bytes came otherwise than they were sent", len(b))
		}
	}
	j.ends(t, nil, int64(len(up)), int64(len(down)))
}
