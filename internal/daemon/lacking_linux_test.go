// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/clawea/clawea/internal/sandbox"
	"github.com/clawea/clawea/verify"
)

// TestServerWithLess has this machine really lack a part of sandboxes, which the
// configuration lets be missing: the receipts say so, and the verifier tells of it. It runs
// in a user namespace of its own, in which there can be no more UTS namespaces.
func TestServerWithLess(t *testing.T) {
	const stage = "CLAWEA_TEST_LACKS"
	if os.Getenv(stage) == "" {
		r := sandbox.Probe()
		if os.Geteuid() != 0 || !r.Whole() {
			t.Skip("skipped: only root can take a part of sandboxes away, where there are all")
		}
		all := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 65535}}
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), stage+"=uts_namespace")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: all, GidMappings: all}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := os.WriteFile("/proc/sys/user/max_uts_namespaces", []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	r := sandbox.Probe()
	if lacks := r.Missing(); !slices.Equal(lacks, []sandbox.Part{sandbox.PartUTS}) {
		t.Fatalf("the machine lacks %v", lacks)
	}
	h := evilServers(t, `"without": ["memory_limit", "uts_namespace"],`)
	p := h.published(evilPolicy)
	if code, body := call(t, h.agent(h.issue(p, "job-1").Token), "evil_act", `{"do":"plain"}`); code != "done" {
		t.Fatalf("%s: %s", code, body)
	}
	const says = `"evil.act": its server's sandbox lacked uts_namespace`
	told := func(f verify.Finding) bool { return f.Code == "receipt.sandbox" && f.Text == says }
	if r := h.verified("job-1", p); !slices.ContainsFunc(r.Findings, told) {
		t.Errorf("%+v", r.Findings)
	}
	h.ended()
}
