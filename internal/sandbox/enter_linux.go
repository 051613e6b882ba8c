// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/clawea/clawea/seal"
)

// argument is the one argument by which Enter knows that it is meant.
const argument = "sandbox-exec"

// What the parent leaves open for the process that enters.
const (
	controlFD = 3 // a socket: an answer for each step, with the listening sockets
	orderFD   = 4 // a pipe: the order
)

// inside is the user and group that a program is in a user namespace, and outside
// the one that root starts programs as: nobody.
const (
	inside  = 1000
	outside = 65534
)

// An order is what the parent has the process that enters do.
type order struct {
	Parts     []Part   `json:"parts"`
	User      uint32   `json:"user"`  // to become before the program starts; 0 stays as it is
	Trial     bool     `json:"trial"` // end before the program would start
	Path      string   `json:"path"`
	Args      []string `json:"args"`
	Env       []string `json:"env"`
	Readable  []string `json:"readable"`
	Listen    []uint16 `json:"listen"`
	Limits    Limits   `json:"limits"`
	Temporary string   `json:"temporary"`
}

// An answer is what the process that enters says of its work: once the walls stand,
// with the listening sockets; once the program has started; and once that has ended.
type answer struct {
	Part   Part   `json:"part,omitzero"` // the part that failed
	Error  string `json:"error,omitzero"`
	Ended  bool   `json:"ended,omitzero"`
	Status uint32 `json:"status,omitzero"` // how it ended, wait(2)
}

func has(parts []Part, p Part) bool { return slices.Contains(parts, p) }

func (o *order) has(p Part) bool { return has(o.Parts, p) }

// insideID is the user that the program is, by its own lights.
func (o *order) insideID() uint32 {
	if o.has(PartUser) {
		return inside
	}
	return max(o.User, uint32(os.Getuid()))
}

// Enter turns a process that Start has started into the sandboxed program, and does
// not return then. In all others it does nothing. It is to be called first of all
// in main, or in TestMain.
func Enter() {
	if len(os.Args) != 2 || os.Args[1] != argument {
		return
	}
	var st unix.Stat_t
	if unix.Fstat(controlFD, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		fmt.Fprintf(os.Stderr, "clawea: error: %s is how the house starts a sandboxed program\nclawea: hint: what this machine can do for one is said by: clawea doctor\n", argument)
		os.Exit(2)
	}
	debug.SetGCPercent(-1) // there is little to collect, and no thread to spare for it
	runtime.LockOSThread() // so that what follows is another's
	go aside()
	select {} // aside ends the process
}

// aside enters on a thread that is not the process's first: what is given up is given
// up by the thread, and by the program that it starts. To that program the process is
// what its first thread is, which has given up nothing, so that it can do nothing to it.
func aside() {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		go aside()
		select {}
	}
	if err := enter(); err != nil {
		say(problem(err), nil)
	}
	unix.Exit(1)
}

// say sends the parent an answer.
func say(a *answer, fds []int) error {
	b, err := seal.Marshal(a)
	if err != nil {
		return err
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	return unix.Sendmsg(controlFD, b, rights, nil, unix.MSG_NOSIGNAL)
}

// problem is the answer that says an error.
func problem(err error) *answer {
	var failed *partError
	if errors.As(err, &failed) {
		return &answer{Part: failed.part, Error: failed.err.Error()}
	}
	return &answer{Error: err.Error()}
}

// A partError is about one part.
type partError struct {
	part Part
	err  error
}

func (e *partError) Error() string { return fmt.Sprintf("%s: %v", e.part, e.err) }
func (e *partError) Unwrap() error { return e.err }

// enter does what the order says. It returns if that cannot be done, and when the program
// has ended.
func enter() error {
	o, err := readOrder()
	if err != nil {
		return err
	}
	unix.Umask(0o022)
	listeners, err := walls(o)
	if err != nil {
		return err
	}
	if err := lock(o); err != nil {
		return err
	}
	if err := say(&answer{}, listeners); err != nil { // nobody listens any more
		return err
	}
	if o.Trial {
		unix.Exit(0)
	}
	for _, fd := range listeners {
		unix.Close(fd)
	}
	return guard(o)
}

// readOrder reads the order. It waits for it until the parent has put this process
// where its limits hold, and fails if the parent is gone.
func readOrder() (*order, error) {
	f := os.NewFile(orderFD, "order")
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4*maxOrder))
	if err != nil {
		return nil, err
	}
	var o order
	if err := seal.Unmarshal(b, &o); err != nil {
		return nil, fmt.Errorf("read the order: %w", err)
	}
	return &o, nil
}

// walls does what takes the privileges that this process has in its namespaces, and
// returns the listening sockets.
func walls(o *order) (listeners []int, err error) {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // where memory ends, the program goes first; if it fails, another may
	_ = unix.Unshare(unix.CLONE_NEWCGROUP)                          // or it could read the house's place among the machine's groups, which harms nobody
	if o.has(PartUTS) {
		if err := unix.Sethostname([]byte("sandbox")); err != nil {
			return nil, &partError{PartUTS, err}
		}
	}
	if o.has(PartPID) && os.Getpid() != 1 {
		return nil, &partError{PartPID, errors.New("the process is not the first of its namespace")}
	}
	if o.has(PartNet) {
		if err := loopback(); err != nil {
			return nil, &partError{PartNet, err}
		}
	}
	for _, port := range o.Listen {
		fd, err := listen(port)
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, fd)
	}
	if o.has(PartMount) {
		switch err := enterRoot(o); {
		case errors.Is(err, unix.EACCES):
			return nil, fmt.Errorf("%w\nlet everybody look into the folders that it is in", err)
		case err != nil:
			return nil, &partError{PartMount, err}
		}
	}
	return listeners, nil
}

// loopback brings up the only network that there is.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring up the loopback: %w", err)
	}
	return nil
}

// listen returns a socket that listens at a port of the loopback address.
func listen(port uint16) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(port), Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.Listen(fd, 128)
	}
	if err != nil {
		return 0, fmt.Errorf("listen at port %d for the program: %w\ngive it another port", port, err)
	}
	return fd, nil
}

// lock gives up all that the program is not to have, in the order in which that
// can be done.
func lock(o *order) error {
	var rules *ruleset
	var err error
	if o.has(PartLandlock) {
		if rules, err = newRuleset(o); err != nil { // while we can look everywhere
			return &partError{PartLandlock, err}
		}
	}
	if err := setLimits(limits(o)); err != nil {
		return fmt.Errorf("set limits: %w", err)
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, 10); err != nil { // the house's own work goes first
		return fmt.Errorf("step behind the house: %w", err)
	}
	if err := unprivileged(o.User); err != nil {
		return fmt.Errorf("give up privileges: %w", err)
	}
	if o.has(PartPID) {
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil { // again: another user forgets it
			return fmt.Errorf("end with the house: %w", err)
		}
	}
	if err := reach(o); err != nil {
		return err
	}
	if err := unix.CloseRange(controlFD, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close what others left open: %w", err)
	}
	if rules != nil {
		if err := rules.restrict(); err != nil {
			return &partError{PartLandlock, err}
		}
	}
	if o.has(PartSeccomp) {
		if err := install(o.Parts); err != nil {
			return &partError{PartSeccomp, err}
		}
	}
	return nil
}

// limits are the bounds of each process (getrlimit(2)).
func limits(o *order) map[int]int64 {
	l := o.Limits
	return map[int]int64{
		unix.RLIMIT_CORE: 0, unix.RLIMIT_MSGQUEUE: 0, unix.RLIMIT_MEMLOCK: 1 << 20, unix.RLIMIT_SIGPENDING: 1024, unix.RLIMIT_STACK: 8 << 20,
		unix.RLIMIT_NOFILE: l.Files, unix.RLIMIT_FSIZE: l.FileSize, unix.RLIMIT_CPU: l.CPU, unix.RLIMIT_NICE: 0, unix.RLIMIT_RTPRIO: 0,
	}
}

// lateLimits are those that this process, with its threads and its heap, would run into
// itself. That on processes counts those of the user namespace, and so is not set
// without one. That on memory counts what is asked for where the control group
// counts what is used, and stands in for it.
func lateLimits(o *order) map[int]int64 {
	late := map[int]int64{}
	if !o.has(PartMemory) {
		late[unix.RLIMIT_DATA] = o.Limits.Memory
	}
	if o.has(PartUser) && o.has(PartProcesses) {
		late[unix.RLIMIT_NPROC] = o.Limits.Processes + guardThreads
	}
	return late
}

func setLimits(bounds map[int]int64) error {
	for what, n := range bounds {
		var now unix.Rlimit
		if err := unix.Getrlimit(what, &now); err != nil {
			return err
		}
		bound := min(uint64(n), now.Max) // never more than the house itself may have
		if err := unix.Setrlimit(what, &unix.Rlimit{Cur: bound, Max: bound}); err != nil {
			return err
		}
	}
	return nil
}

// unprivileged gives up every capability, groups and, if user is not 0, the user.
// Nothing that is executed gets any of it back. It is for this thread, as the calls
// are: the program goes on from this one.
func unprivileged(user uint32) error {
	for c := uintptr(0); unix.Prctl(unix.PR_CAPBSET_READ, c, 0, 0, 0) == nil; c++ { // until there is no such capability
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EPERM) { // who has none cannot drop them
			return err
		}
	}
	if user != 0 {
		id := uintptr(user)
		for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS}, {unix.SYS_SETRESGID, id, id, id}, {unix.SYS_SETRESUID, id, id, id}} {
			_, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3])
			if errno == unix.EPERM && call[0] == unix.SYS_SETGROUPS {
				continue // some containers forbid this: the groups stay, as they do for who is not root
			}
			if errno != 0 {
				return errno
			}
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// reach goes to the temporary folder, and says what of the readable the program, who is nobody, could
// not read.
func reach(o *order) error {
	unix.Umask(0o077)
	if !o.Trial {
		for _, p := range append(slices.Clone(o.Readable), o.Path) {
			if err := unix.Access(p, unix.R_OK); err != nil {
				return fmt.Errorf("read %s: %w\n%s", p, err, mends(o, p, err))
			}
		}
	}
	if err := unix.Chdir(o.Temporary); err != nil {
		return fmt.Errorf("work in the temporary folder: %w", err)
	}
	return nil
}

func mends(o *order, path string, err error) string {
	within := slices.ContainsFunc(o.Readable, func(r string) bool { return r == path || strings.HasPrefix(path, r+"/") })
	if !within {
		return "name the tree that it is in among what is readable"
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "install it, or mend its path; if it is a link, name the tree that it leads to among what is readable"
	}
	return "let everybody read it: the sandboxed program has no user of the machine's"
}
