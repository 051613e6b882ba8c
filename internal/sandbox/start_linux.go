// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
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
	"time"

	"golang.org/x/sys/unix"

	"github.com/clawea/clawea/seal"
)

// entering is how long a program may take to be started, in a loaded machine.
const entering = 20 * time.Second

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
	return r.start(ctx)
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
		stop()
		cancel()
		closeEach(r.ours)
		r.leave()
		close(p.done)
	}()
	if err != nil {
		<-p.done
		p.Stdout.Close()
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

// kill ends the process; attend sees to the rest.
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
	a := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	for part, flag := range flags() {
		if r.order.has(part) {
			a.Cloneflags |= flag
		}
	}
	root := os.Geteuid() == 0 && spareUser()
	switch {
	case root && r.order.has(PartUser):
		maps := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: inside, HostID: outside, Size: 1}}
		a.UidMappings, a.GidMappings, a.GidMappingsEnableSetgroups = maps, maps, true
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
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		var first, out, count uint64
		if _, err := fmt.Sscan(line, &first, &out, &count); err == nil && first <= outside && outside < first+count {
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
	go drain(errRead, r.stderr)
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

// controls makes the socket and the pipe that the process is directed by.
func (r *run) controls() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	mine, theirs := os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	r.closing = append(r.closing, theirs)
	conn, err := net.FileConn(mine)
	mine.Close()
	if err != nil {
		return err
	}
	r.control = conn.(*net.UnixConn)
	r.ours = append(r.ours, conn)
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	r.orders = write
	r.closing, r.ours = append(r.closing, read), append(r.ours, write)
	r.cmd.ExtraFiles = []*os.File{theirs, read} // controlFD, orderFD
	return nil
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

// direct puts the process where its limits hold, gives it its order, and hears how
// far it got.
func (r *run) direct(ctx context.Context, p *Process) error {
	if r.group != nil {
		if err := r.group.add(r.cmd.Process.Pid); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(entering)
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	if err := errors.Join(r.control.SetDeadline(deadline), r.orders.SetDeadline(deadline)); err != nil {
		return err
	}
	b, err := seal.Marshal(r.order)
	if err != nil {
		return err
	}
	if _, err := r.orders.Write(b); err != nil {
		return fmt.Errorf("order the sandbox: %w", err)
	}
	r.orders.Close()
	fds, err := r.hear() // that all walls stand
	if err != nil {
		return err
	}
	if err := p.listen(r.order.Listen, fds); err != nil {
		return err
	}
	for _, l := range p.listeners {
		r.ours = append(r.ours, l)
	}
	if _, err := r.hear(); !errors.Is(err, io.EOF) { // the socket is closed by the program's start
		return err
	}
	return nil
}

// hear reads one answer of the process: the files that come with it, or its error.
func (r *run) hear() ([]int, error) {
	b, rights := make([]byte, 8<<10), make([]byte, unix.CmsgSpace(4*maxListen))
	n, m, _, _, err := r.control.ReadMsgUnix(b, rights)
	switch {
	case err == nil && n == 0, errors.Is(err, unix.ECONNRESET):
		return nil, io.EOF
	case err != nil:
		return nil, fmt.Errorf("hear from the sandbox: %w", err)
	}
	var fds []int
	messages, err := unix.ParseSocketControlMessage(rights[:m])
	if err != nil {
		return nil, err
	}
	for i := range messages {
		got, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, err
		}
		fds = append(fds, got...)
	}
	var a answer
	if err := seal.Unmarshal(b[:n], &a); err != nil {
		return fds, err
	}
	if a.Error != "" && a.Part != "" {
		return fds, &partError{a.Part, errors.New(a.Error)}
	}
	if a.Error != "" {
		return fds, errors.New("the sandbox could not " + a.Error)
	}
	return fds, nil
}

// listen takes the listening sockets that were made inside.
func (p *Process) listen(ports []uint16, fds []int) error {
	var failed error
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "listener")
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			failed = err
			continue
		}
		p.listeners[ports[i]] = l
	}
	if failed == nil && len(fds) != len(ports) {
		failed = fmt.Errorf("the sandbox gave %d listening sockets for %d ports", len(fds), len(ports))
	}
	return failed
}

// verdict says why a process ended.
func (r *run) verdict(ctx context.Context, err error) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil && err != nil:
		return context.Cause(ctx)
	case err != nil && r.group != nil && r.group.outOfMemory():
		return ErrMemory
	case errors.As(err, &exit):
		return fmt.Errorf("the sandboxed program ended with %w\nwhat it said on its standard error may tell why", exit)
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
