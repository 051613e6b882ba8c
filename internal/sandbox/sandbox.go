// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package sandbox runs other people's programs, such as MCP servers from a package
// registry, so that a hostile one gets nowhere: it sees a read-only file system of
// what it was given, a private temporary folder, no network but the loopback ports
// whose connections come to the caller, no other process, no environment beyond
// its own, and bounds on memory, processes, files and time.
//
// New asks the machine what it can do, and fails if a part lacks that the operator
// has not let be missing. What Start promises, a Profile says; a receipt commits to
// it. All of a sandbox ends with its first process, that with its context, and both
// with the process that started them.
//
// A sandbox is entered by this program's own binary: its main must call Enter
// before anything else.
package sandbox

import (
	"fmt"
	"slices"
	"strings"
)

// A Part is one of the walls of a sandbox.
type Part string

// The parts.
const (
	PartUser      Part = "user_namespace"    // no privilege of the machine's, whatever the program becomes inside
	PartMount     Part = "mount_namespace"   // a file system of its own, read-only, and a temporary folder of bounded size
	PartPID       Part = "pid_namespace"     // no other process is seen, and all of the program's end at once
	PartNet       Part = "network_namespace" // a loopback of its own, and no other network
	PartIPC       Part = "ipc_namespace"     // no shared memory or queues of others
	PartUTS       Part = "uts_namespace"     // not the machine's name
	PartLandlock  Part = "landlock"          // what may be read, written and reached, by the kernel's second list
	PartSeccomp   Part = "seccomp"           // only the system calls that programs need
	PartMemory    Part = "memory_limit"      // a bound on the memory of all its processes together
	PartProcesses Part = "process_limit"     // a bound on how many there are, threads counted
)

// byWeight are all parts, those first without which others often lack as well.
func byWeight() []Part {
	return []Part{PartLandlock, PartSeccomp, PartUser, PartMount, PartPID, PartNet, PartIPC, PartUTS, PartMemory, PartProcesses}
}

// Parts returns all parts, sorted.
func Parts() []Part { return slices.Sorted(slices.Values(byWeight())) }

// CheckExceptions says what is wrong with a list of parts that are let be missing:
// a part that there is not or that is named twice, and Landlock and seccomp, which
// are always there.
func CheckExceptions(except []Part) error {
	for i, p := range except {
		switch {
		case !slices.Contains(Parts(), p):
			return fmt.Errorf("a sandbox has no part %.40q\nits parts are %s", p, join(Parts()))
		case p == PartLandlock || p == PartSeccomp:
			return fmt.Errorf("%s cannot be excepted: it is what stands in for other parts\ntake it out of the exceptions", p)
		case slices.Contains(except[:i], p):
			return fmt.Errorf("%s is excepted twice\nname it once", p)
		}
	}
	return nil
}

// A MissingError says which parts of a sandbox this machine cannot give.
type MissingError struct {
	Part  Part   // the weightiest of them
	Why   string // what the kernel says
	Mends string // what its operator can do
	Also  []Part // the others, which may lack for the same reason
}

// Error says it in two lines.
func (e *MissingError) Error() string {
	all, exception := string(e.Part), ""
	if len(e.Also) > 0 {
		all += " (and " + join(e.Also) + ")"
	}
	if e.Part != PartLandlock && e.Part != PartSeccomp { // which are always there
		exception = "; or let that be missing, as an exception of this server"
	}
	return fmt.Sprintf("the sandbox lacks its %s: %s\n%s%s", all, e.Why, e.Mends, exception)
}

// A Finding is what Probe found about one part.
type Finding struct {
	Part  Part   `json:"part"`
	OK    bool   `json:"ok"`
	Why   string `json:"why"`            // how it is kept, or why it cannot be
	Mends string `json:"mends,omitzero"` // what its operator can do, if it is not OK
}

// A Report is what a machine can do for a sandbox.
type Report struct {
	System   string    `json:"system"` // such as linux/amd64
	Kernel   string    `json:"kernel"` // its release
	User     int       `json:"user"`   // who asked: root can do more
	Findings []Finding `json:"parts"`  // one for each part
}

// Whole reports whether all parts are there.
func (r *Report) Whole() bool { return len(r.Missing()) == 0 }

// Missing are the parts that are not there, sorted.
func (r *Report) Missing() []Part {
	var lack []Part
	for _, p := range Parts() {
		if f, ok := r.Finding(p); !ok || !f.OK {
			lack = append(lack, p)
		}
	}
	return lack
}

// Finding returns what was found about a part.
func (r *Report) Finding(p Part) (Finding, bool) {
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Part == p })
	if i < 0 {
		return Finding{}, false
	}
	return r.Findings[i], true
}

// A Sandbox starts programs on a machine that has been asked what it can do. It
// may be used by many goroutines.
type Sandbox struct {
	except  []Part // what the operator lets be missing, sorted
	missing []Part // what of that is missing, sorted
	machine machine
}

// New asks the machine and returns a sandbox for it. If a part lacks that is not
// excepted, the error is a *MissingError. An excepted part that is there is used.
// Some exceptions need another part to stand in for what is missing.
func New(except []Part) (*Sandbox, error) {
	if err := CheckExceptions(except); err != nil {
		return nil, err
	}
	s := &Sandbox{except: slices.Sorted(slices.Values(except))}
	r, m := probe()
	s.missing, s.machine = r.Missing(), m
	if err := r.lacks(except); err != nil {
		return nil, err
	}
	return s, s.standIns()
}

// lacks is a *MissingError if a part is missing that is not excepted.
func (r *Report) lacks(except []Part) error {
	lack := slices.DeleteFunc(byWeight(), func(p Part) bool {
		f, _ := r.Finding(p)
		return f.OK || slices.Contains(except, p)
	})
	if len(lack) == 0 {
		return nil
	}
	f, _ := r.Finding(lack[0])
	return &MissingError{lack[0], f.Why, f.Mends, lack[1:]}
}

// Probe asks the machine what it can do, by doing it: it takes some milliseconds
// for each part.
func Probe() Report {
	r, _ := probe()
	return r
}

// Excepted are the parts that the operator lets be missing, sorted.
func (s *Sandbox) Excepted() []Part { return slices.Clone(s.except) }

// Missing are those of them that are missing on this machine, sorted.
func (s *Sandbox) Missing() []Part { return slices.Clone(s.missing) }

// has reports whether a part is in force.
func (s *Sandbox) has(p Part) bool { return !slices.Contains(s.missing, p) }

// parts are those in force, sorted.
func (s *Sandbox) parts() []Part {
	return slices.DeleteFunc(Parts(), func(p Part) bool { return !s.has(p) })
}

func join(parts []Part) string {
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = string(p)
	}
	return strings.Join(words, ", ")
}
