// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The processors: what is measured has one to itself; the load and the model
// share the other.
const (
	loadCore    = 0
	gatewayCore = 1
)

// ticks is how many a second there are in /proc/PID/stat, on every Linux that Go
// runs on.
const ticks = 100

// CanPin reports whether processes can be held to one processor each.
func CanPin() bool {
	_, err := exec.LookPath("taskset")
	return err == nil && runtime.GOOS == "linux" && runtime.NumCPU() > 1
}

// pinSelf holds this process to the processor of the load.
func pinSelf() error {
	runtime.GOMAXPROCS(1)
	out, err := exec.Command("taskset", "-a", "-p", "-c", strconv.Itoa(loadCore), strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("hold the load to a processor: %w: %s", err, out)
	}
	return nil
}

// A Process is one that this program has started. A nil one takes no time.
type Process struct {
	cmd *exec.Cmd
	pid int
	log *os.File
}

// start starts args on a processor, with its output in the file log.
func start(core int, log string, args ...string) (*Process, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if CanPin() {
		args = append([]string{"taskset", "-c", strconv.Itoa(core)}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		f.Close()
		return nil, err
	}
	return &Process{cmd: cmd, pid: cmd.Process.Pid, log: f}, nil // taskset becomes the program, so it is its id
}

// Stop ends the process, and waits until it has.
func (p *Process) Stop() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	p.cmd.Wait() // ended by a signal, which is no error here
	return p.log.Close()
}

// CPU returns the seconds that the process has spent, in itself and in the
// kernel: to the nanosecond where the kernel counts so, and else in ticks.
func (p *Process) CPU() (float64, error) {
	if p == nil {
		return 0, nil
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.pid))
	if err != nil || len(tasks) == 0 {
		return p.ticks()
	}
	sum := 0.0
	for _, path := range tasks {
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) { // the thread has just ended
			continue
		}
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseFloat(ran, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %q", path, b)
		}
		sum += n
	}
	return sum / 1e9, nil
}

// ticks is CPU by /proc/PID/stat.
func (p *Process) ticks() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(b, []byte(") ")) // behind the name
	fields := strings.Fields(string(rest))
	if len(fields) < 13 {
		return 0, fmt.Errorf("read /proc/%d/stat: %q", p.pid, b)
	}
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("read /proc/%d/stat: %q", p.pid, b)
	}
	return (user + system) / ticks, nil
}

// coreBusy returns the seconds that programs have spent on the core of what is
// measured. What interrupts took is not among them.
func coreBusy() (float64, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), fmt.Sprintf("\ncpu%d ", gatewayCore))
	fields := strings.Fields(rest)
	if len(fields) < 3 {
		return 0, nil // there is one core only
	}
	sum := 0.0
	for _, f := range fields[:3] { // user, nice, system
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, fmt.Errorf("read /proc/stat: %w", err)
		}
		sum += n
	}
	return sum / ticks, nil
}

// RSS returns the process's resident memory in MiB.
func (p *Process) RSS() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("/proc/%d/status has no VmRSS", p.pid)
	}
	kib, err := strconv.ParseFloat(fields[0], 64)
	return kib / 1024, err
}

// freeAddr returns an address of the loopback interface that nobody listens on.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// firstAnswer asks t until it answers, and returns how long that took since
// start.
func (t *Target) firstAnswer(start time.Time) (time.Duration, error) {
	for {
		err := t.once()
		if err == nil {
			return time.Since(start), nil
		}
		if time.Since(start) > 30*time.Second {
			return 0, fmt.Errorf("%s does not answer: %w", t.Name, err)
		}
		time.Sleep(time.Millisecond)
	}
}

// once sends one request on a connection of its own.
func (t *Target) once() error {
	if err := t.meet(); err != nil {
		return err
	}
	c, err := t.dial(0, Kind{Size: 1000})
	if err != nil {
		return err
	}
	defer c.Close()
	return c.do()
}
