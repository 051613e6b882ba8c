// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// machine is what probe learned, for starting.
type machine struct {
	group *groupPlace // where cgroups can be made, nil for nowhere
}

// Start starts a program. It returns once the program itself runs, with all that
// Profile promises in force, or says what failed. The end of ctx ends the program
// and all that it has started, as does the end of this process.
func (s *Sandbox) Start(ctx context.Context, c *Command) (*Process, error) {
	p, err := s.Profile(c)
	if err != nil {
		return nil, err
	}
	o := &order{
		Parts: p.Parts, Path: c.Path, Args: c.Args, Env: slices.Clone(c.Env), Readable: p.Readable, Listen: p.Listen, Limits: p.Limits,
		Temporary: temporary,
	}
	r := &run{order: o, place: s.machine.group, profile: p, stderr: c.Stderr}
	started, err := r.start(ctx)
	var failed *partError
	if errors.As(err, &failed) {
		return nil, fmt.Errorf("the sandbox could not put up its %s: %w\nclawea doctor says what this machine can do", failed.part, failed.err)
	}
	return started, err
}

// A run is one process on its way into the sandbox.
type run struct {
	order   *order
	place   *groupPlace
	profile *Profile
	stderr  io.Writer

	cmd     *exec.Cmd
	group   *group        // nil if there is none
	control *net.UnixConn // our end
	orders  *os.File      // our end
	closing []io.Closer   // what is to be closed once the process has been started
	ours    []io.Closer   // what is to be closed once it has ended
	folder  string        // a temporary one on the machine's disk, if the program has none of its own
	ended   chan error    // what waiting for the process came to
	drained chan struct{} // closed when all of its standard error was read
}

// start is Start for one order. What fails leaves nothing behind.
func (r *run) start(ctx context.Context) (*Process, error) {
	p := &Process{profile: r.profile, listeners: map[uint16]net.Listener{}, done: make(chan struct{})}
	if err := r.prepare(p); err != nil {
		r.abandon(p)
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.order.Limits.wall(), ErrTime)
	p.kill = sync.OnceFunc(r.kill)
	started := make(chan error, 1)
	r.ended = make(chan error, 1)
	go r.attend(started)
	if err := <-started; err != nil {
		cancel()
		r.abandon(p)
		return nil, cannotStart(err)
	}
	closeEach(r.closing)
	stop := context.AfterFunc(ctx, p.kill)
	err := r.direct(ctx, p)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		p.kill()
	}
	go func() {
		p.err = r.verdict(ctx, <-r.ended)
		<-r.drained // nobody is left who could write there
		stop()
		cancel()
		closeEach(r.ours)
		r.leave()
		close(p.done)
	}()
	if err != nil {
		<-p.done
		p.Stdout.Close()
		if errors.Is(err, io.EOF) { // it said nothing any more
			err = fmt.Errorf("the sandbox ended before its program began: %w", cmp.Or(p.err, err))
		}
		return nil, err
	}
	return p, nil
}

// abandon lets go of what was made for a process that was not started.
func (r *run) abandon(p *Process) {
	closeEach(r.closing)
	closeEach(r.ours)
	if p.Stdout != nil {
		p.Stdout.Close()
	}
	r.leave()
}

// attend starts the process and waits for it, on one thread: its end would end the
// process (prctl(2), PR_SET_PDEATHSIG), which is meant for the end of all.
func (r *run) attend(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := r.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	var info unix.Siginfo
	for { // it stays there as a zombie, so that its group is its own until it is killed
		if err := unix.Waitid(unix.P_PID, r.cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	r.killAll()
	r.ended <- r.cmd.Wait()
}

// kill ends the guard, and so the program; attend sees to the rest.
func (r *run) kill() { r.cmd.Process.Kill() } // fails if it has ended

// killAll ends what the process has left: what the kernel has not ended with it.
func (r *run) killAll() {
	if !r.order.has(PartPID) {
		unix.Kill(-r.cmd.Process.Pid, unix.SIGKILL) // fails if nothing is left
	}
	if r.group != nil {
		r.group.kill()
	}
}

// prepare makes all that the process is started with.
func (r *run) prepare(p *Process) error {
	r.cmd = exec.Command("/proc/self/exe", argument) // this very program, whatever is in its place on the disk by now
	r.cmd.Env = []string{}
	r.cmd.SysProcAttr = r.attributes()
	if err := r.pipes(p); err != nil {
		return err
	}
	if err := r.controls(); err != nil {
		return err
	}
	if err := r.ownFolder(); err != nil {
		return err
	}
	if r.place != nil && (r.order.has(PartMemory) || r.order.has(PartProcesses)) {
		g, err := r.place.newGroup(r.order)
		if err != nil {
			return err
		}
		r.group = g
	}
	return nil
}

// attributes are the namespaces, and who the process is in them. Root has itself
// and nobody there, to give up the one for the other; who is not root is nobody
// from the beginning.
func (r *run) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true}
	if r.order.has(PartPID) {
		a.Pdeathsig = syscall.SIGKILL // beside the guard's own watch; without a namespace, the guard has others to end first
	}
	for part, flag := range flags() {
		if r.order.has(part) {
			a.Cloneflags |= flag
		}
	}
	root := os.Geteuid() == 0 && spareUser()
	switch {
	case root && r.order.has(PartUser):
		maps := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: inside, HostID: outside, Size: 1}}
		a.UidMappings, a.GidMappings, a.GidMappingsEnableSetgroups = maps, maps, setgroups()
		r.order.User = inside
	case root:
		r.order.User = outside
	case r.order.has(PartUser):
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: os.Getegid(), Size: 1}}
		a.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE, unix.CAP_SETPCAP, unix.CAP_SYS_ADMIN}
	}
	return a
}

// flags are those of clone(2) for the parts that are namespaces.
func flags() map[Part]uintptr {
	return map[Part]uintptr{
		PartUser: unix.CLONE_NEWUSER, PartMount: unix.CLONE_NEWNS, PartPID: unix.CLONE_NEWPID, PartNet: unix.CLONE_NEWNET,
		PartIPC: unix.CLONE_NEWIPC, PartUTS: unix.CLONE_NEWUTS,
	}
}

// spareUser reports whether this machine, or container, knows nobody, whom root can
// become.
func spareUser() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && mapped(b, outside)
}

// setgroups reports whether processes here may change their groups
// (user_namespaces(7)): some containers forbid it, to those within them too.
func setgroups() bool {
	b, err := os.ReadFile("/proc/self/setgroups")
	return err == nil && strings.TrimSpace(string(b)) == "allow"
}

// mapped reports whether a user is among those of a user namespace, by its uid_map
// (user_namespaces(7)).
func mapped(uidMap []byte, user uint64) bool {
	for line := range strings.Lines(string(uidMap)) {
		var first, out, count uint64
		if _, err := fmt.Sscan(line, &first, &out, &count); err == nil && first <= user && user-first < count {
			return true
		}
	}
	return false
}

// pipes makes the program's input, output and error.
func (r *run) pipes(p *Process) error {
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	r.cmd.Stdin, p.Stdin = inRead, inWrite
	r.closing, r.ours = append(r.closing, inRead), append(r.ours, inWrite)
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	r.cmd.Stdout, p.Stdout = outWrite, outRead
	r.closing = append(r.closing, outWrite) // its other end is the reader's: what was written before the end can be read after it
	errRead, errWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	r.cmd.Stderr = errWrite
	r.closing = append(r.closing, errWrite)
	r.drained = make(chan struct{})
	go func() {
		defer close(r.drained)
		drain(errRead, r.stderr)
	}()
	return nil
}

// drain gives w the beginning of what f says, and reads the rest so that nobody waits. It ends with
// the last process that could write to it.
func drain(f *os.File, w io.Writer) {
	defer f.Close()
	if w != nil {
		_, _ = io.Copy(w, io.LimitReader(f, MaxStderr)) // a writer that fails has heard enough
	}
	_, _ = io.Copy(io.Discard, f)
}

// ownFolder names the program's temporary folder to it, and makes one on the machine's
// disk where it has no file system of its own.
func (r *run) ownFolder() error {
	if !r.order.has(PartMount) && !r.order.Trial {
		dir, err := os.MkdirTemp("", "clawea-sandbox-*")
		if err != nil {
			return err
		}
		r.folder, r.order.Temporary = dir, dir
		if r.order.User != 0 {
			if err := os.Chown(dir, outside, outside); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"HOME=", "TMPDIR="} {
		if !slices.ContainsFunc(r.order.Env, func(e string) bool { return strings.HasPrefix(e, name) }) {
			r.order.Env = append(r.order.Env, name+r.order.Temporary)
		}
	}
	return nil
}

// verdict says why a program ended, of which the guard's own end is err.
func (r *run) verdict(ctx context.Context, err error) error {
	if status, ok := r.lastWord(); ok {
		err = nil
		if status != 0 {
			err = fmt.Errorf("the sandboxed program ended with %s\nwhat it said on its standard error may tell why", statusText(status))
		}
	}
	switch {
	case ctx.Err() != nil && err != nil:
		return context.Cause(ctx)
	case err != nil && r.group != nil && r.group.outOfMemory():
		return ErrMemory
	}
	return err
}

// leave takes away what the process had on this machine.
func (r *run) leave() {
	if r.group != nil {
		r.group.remove()
	}
	if r.folder != "" {
		os.RemoveAll(r.folder) // what it made there is nobody's; if it fails, the house's own cleaning finds it
	}
}

func closeEach(all []io.Closer) {
	for _, c := range all {
		c.Close() // what is closed twice says so, and no more
	}
}

// cannotStart explains why the kernel started no process for a sandbox.
func cannotStart(err error) error {
	return fmt.Errorf("the kernel starts no sandboxed process: %w\nclawea doctor says what this machine can do", err)
}
