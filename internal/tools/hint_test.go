// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
)

// codes matches where the connectors and the gate give faults their codes.
var codes = regexp.MustCompile(`(?:\bfault\(|\bFault\{Code: |\bcode :?= )"([a-z_]+)"`)

// Every code that a connector or the gate gives a fault has a hint of its own.
func TestEveryCodeIsMended(t *testing.T) {
	found := map[string]string{}
	for _, code := range []string{
		atlassian.BadRequest, atlassian.Unauthorized, atlassian.Forbidden, atlassian.NotFound, atlassian.Conflict, atlassian.RateLimited, atlassian.Upstream,
		atlassian.Unreachable, atlassian.Invalid, atlassian.NotOffered, atlassian.TooLate, atlassian.WrongAccount,
		atlassian.NoGrant, atlassian.GrantEnded, atlassian.AppRefused, atlassian.AuthTrouble, atlassian.NoActAs, atlassian.WrongGrant,
	} {
		found[code] = "internal/atlassian"
	}
	for _, dir := range []string{"gate", "confluence", "jira", "datacenter", "atlassian", "daemon", "tools"} {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range codes.FindAllSubmatch(text, -1) {
				found[string(m[1])] = file
			}
		}
	}
	if len(found) < 35 || found["undo_disabled"] == "" || found["other_undo"] == "" || found["would_lose"] == "" {
		t.Errorf("not all of them were found: %v", found)
	}
	for code, file := range found {
		if mends(code) == "" {
			t.Errorf("%s: nothing mends %q", file, code)
		}
	}
}

// Who reads that a system is down is not told to mend the arguments; and what may
// have taken effect is not to be sent again unseen.
func TestHints(t *testing.T) {
	fault := func(code string) error { return &gate.Fault{Code: code, Msg: "wrong"} }
	for _, test := range []struct {
		code          string
		denied, acted string
	}{
		{"bad_argument", mendArguments, mendArguments},
		{"conflict", mendVersion, mendVersion},
		{"undo_disabled", mendOperator, mendOperator},
		{"upstream", mendTime, "nothing is retried by itself; read the message before sending it again"},
		{"rate_limited", mendTime, "nothing is retried by itself; read the message before sending it again"},
		{"late", mendLate, mendLate},
		{"uncertain", mendLook, mendLook},
		{"no_grant", mendConsent, mendConsent},
		{"something_new", "mend the arguments, or have the policy changed", "nothing is retried by itself; read the message before sending it again"},
	} {
		if got := explain(deniedFor(fault(test.code))); got.Status != "denied" || got.Code != test.code || got.Hint != test.denied {
			t.Errorf("%s, before it is sent: %+v", test.code, got)
		}
		if got := explain(fault(test.code)); got.Status != "failed" || got.Code != test.code || got.Hint != test.acted {
			t.Errorf("%s, after: %+v", test.code, got)
		}
	}
}

func deniedFor(cause error) error {
	call := &policy.Call{Tool: "wiki", Action: "page.get", Class: policy.Read}
	return &gate.Denied{Receipt: &receipt.Receipt{Call: call, Decision: &policy.Decision{}}, Cause: cause}
}
