// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// worker is the program that tests have clawea run: it knows of the house what
// its environment says.
func worker() {
	mode, arg := os.Args[1], ""
	if len(os.Args) > 2 {
		arg = os.Args[2]
	}
	if err := workers[mode](arg); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(99)
	}
}

var workers = map[string]func(arg string) error{
	"work": func(string) error { return makeCalls() },
	"scan": callsThenScan,
	"exit": func(arg string) error {
		n, err := strconv.Atoi(arg)
		if err == nil {
			os.Exit(n)
		}
		return err
	},
	"kill": func(arg string) error {
		n, err := strconv.Atoi(arg)
		if err != nil {
			return err
		}
		syscall.Kill(os.Getpid(), syscall.Signal(n))
		time.Sleep(time.Minute)
		return nil
	},
	"wait": func(arg string) error { // says that it is there, and waits to be ended
		return writeWhole(arg, strconv.Itoa(os.Getpid()), time.Minute)
	},
	"await": func(arg string) error {
		for range 600 {
			if fileExists(arg) {
				return nil
			}
			time.Sleep(50 * time.Millisecond)
		}
		return fmt.Errorf("%s does not come", arg)
	},
	"stubborn": func(arg string) error { // has a child, and neither does as it is told
		signal.Ignore(syscall.SIGTERM)
		fmt.Println(os.Getpid())
		if arg == "" {
			child := exec.Command("/proc/self/exe", "stubborn", "child")
			child.Args[0], child.Stdout = "worker", os.Stdout
			if err := child.Start(); err != nil {
				return err
			}
		}
		time.Sleep(time.Minute)
		return nil
	},
	"parent": func(arg string) error { // has a child that outlives it
		child := exec.Command("/proc/self/exe", "orphan", arg)
		child.Args[0] = "worker"
		if err := child.Start(); err != nil {
			return err
		}
		return writeWhole(arg, strconv.Itoa(os.Getpid()), time.Minute)
	},
	"orphan": func(arg string) error { // works before and after its parent's end
		if err := writeWhole(arg+".before", knock(), 0); err != nil {
			return err
		}
		for parent := os.Getppid(); parent == os.Getppid(); {
			time.Sleep(20 * time.Millisecond)
		}
		var said string
		for range 1500 { // the launcher's end and its child's are not one moment
			if said = knock(); strings.Contains(said, "connection refused") {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		return writeWhole(arg+".after", said, 0)
	},
	"reach":  reach,
	"launch": launchProbe,
	"probe":  probe,
}

// jwtShape is what every token and every proof looks like.
var jwtShape = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}`)

// writeWhole writes a file that appears as a whole, and waits.
func writeWhole(path, text string, d time.Duration) error {
	if err := os.WriteFile(path+".part", []byte(text), 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return err
	}
	time.Sleep(d)
	return nil
}

// knock says whether there is an answer where the house is reached.
func knock() string {
	res, err := http.Post(os.Getenv("CLAWEA_PROXY_URL")+"/nobody", "application/json", strings.NewReader("{}"))
	if err != nil {
		return err.Error()
	}
	res.Body.Close()
	return "answered " + res.Status
}

// makeCalls makes calls of every kind.
func makeCalls() error {
	base := strings.TrimSuffix(os.Getenv("CLAWEA_PROXY_URL"), "/proxy")
	a, err := newAgent(context.Background(), base, os.Getenv("OPENAI_API_KEY"), io.Discard)
	if err != nil {
		return err
	}
	if _, err := a.do(context.Background(), taskReport); err != nil {
		return err
	}
	for range 2 {
		if _, _, err := a.message(context.Background(), taskReport); err != nil {
			return err
		}
	}
	fmt.Println("worked")
	return nil
}

// callsThenScan makes calls, prints what is odd in its environment, and looks
// for tokens in it and in all of its memory.
func callsThenScan(arg string) error {
	if err := makeCalls(); err != nil {
		return err
	}
	for _, entry := range os.Environ() {
		if strings.Contains(entry, "secret") || strings.HasPrefix(entry, "CLAWEA_OPERATOR") || strings.HasPrefix(entry, "CLAWEA_SERVER") || strings.HasPrefix(entry, "BUILDER=") {
			fmt.Println("odd:", entry)
		}
	}
	var planted string
	if arg == "leaky" {
		b := make([]byte, 64)
		rand.Read(b)
		planted = "ey" + "JhbGciOiJFZERTQSJ9." + base64.RawURLEncoding.EncodeToString(b) + "." + base64.RawURLEncoding.EncodeToString(b)
	}
	scanned, tokens, err := scanSelf()
	runtime.KeepAlive(planted)
	fmt.Printf("scanned %d tokens %d\n", scanned, tokens)
	return err
}

// countTokens counts what has a token's shape.
func countTokens(b []byte) (n int) {
	for i := bytes.Index(b, []byte("eyJ")); i >= 0; i = bytes.Index(b, []byte("eyJ")) {
		b = b[i:]
		if at := jwtShape.FindIndex(b[:min(len(b), 16<<10)]); at != nil && at[0] == 0 {
			n++
		}
		b = b[3:]
	}
	return n
}

// scanSelf looks through the environment and every readable page of this process.
func scanSelf() (scanned, tokens int, err error) {
	tokens = countTokens([]byte(strings.Join(os.Environ(), "\n")))
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0, 0, err
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return 0, 0, err
	}
	defer mem.Close()
	buf := make([]byte, 1<<20)
	const overlap = 16 << 10 // no token of ours is longer
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var rights string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &rights); n != 3 || rights[0] != 'r' || strings.Contains(line, "[v") {
			continue
		}
		for at := from; at < to; at += int64(len(buf)) - overlap {
			n, err := mem.ReadAt(buf[:min(int64(len(buf)), to-at)], at)
			if n == 0 || err != nil && err != io.EOF {
				break // gone since, or not ours to read
			}
			scanned += n
			tokens += countTokens(buf[:n])
		}
	}
	return scanned, tokens, nil
}

// launchProbe does as clawea run does: it protects itself, and runs a program
// of the same user that has a look.
func launchProbe(arg string) error {
	if arg == "protected" {
		if err := protect(); err != nil {
			return err
		}
	}
	cmd := exec.Command("/proc/self/exe", "probe")
	cmd.Args[0], cmd.Stdout, cmd.Stderr = "worker", os.Stdout, os.Stderr
	return cmd.Run()
}

// probe says what it can open of its parent's: that is when the system decides.
func probe(string) error {
	for _, name := range []string{"environ", "mem", "maps"} {
		f, err := os.Open(filepath.Join("/proc", strconv.Itoa(os.Getppid()), name))
		if err == nil {
			f.Close()
			fmt.Println("opened", name)
			continue
		}
		fmt.Println("closed", name)
	}
	return nil
}

// A program of the same user cannot look into its launcher.
func TestProtected(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have their own ways")
	}
	probed := func(how string) string {
		t.Helper()
		cmd := exec.Command("/proc/self/exe", "launch", how)
		cmd.Args[0] = "worker"
		if os.Getuid() == 0 { // root may look into everything
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			cmd.Dir = "/"
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	if out := probed("protected"); strings.Contains(out, "opened") || !strings.Contains(out, "closed mem") {
		t.Errorf("the program can look into its launcher: %s", out)
	}
	if out := probed("open"); !strings.Contains(out, "opened environ") {
		t.Errorf("the look itself does not work: %s", out)
	}
}

// alive reports whether a process is there and not a mere entry.
func alive(pid string) bool {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}
