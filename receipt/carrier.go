// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package receipt

import (
	"errors"
	"slices"

	"github.com/clawea/clawea/policy"
)

// MaxCode bounds a code that a gateway reports, in bytes.
const MaxCode = 64

// Statuses are all that an act can end with.
func Statuses() []Status { return []Status{Done, Failed, Aborted, Unknown} }

// CheckCode says what is wrong with the code that a gateway reports: it is up to 64 of
// A-Z, a-z, 0-9, '.', '_' and '-', so that a receipt holds no text.
func CheckCode(code string) error {
	if len(code) > MaxCode {
		return errors.New("a code is 64 bytes long at most")
	}
	for _, c := range []byte(code) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return errors.New("a code is of letters, digits, '.', '_' and '-'")
		}
	}
	return nil
}

// Reported reports whether r's outcome is the word of whoever carried the call out in the
// house's stead: a gateway, or the program that the agent runs in (spec/receipt.md 10.3).
func (r *Receipt) Reported() bool { return r.Kind == Closed && policy.IsCarrier(r.By) }

// spoken reports whether the outcome of r, which closes a call, is fit to be the word
// of whose it says it is.
func (r *Receipt) spoken() bool {
	out := r.Outcome
	switch {
	case r.By == "":
		return true
	case !r.Reported():
		return r.late()
	}
	return slices.Contains(Statuses(), out.Status) && CheckCode(out.Code) == nil && out.Size >= 0 &&
		out.Used == nil && out.Target == nil && out.Upstream == "" && out.Actor == "" && out.Model == nil && out.Connection == nil && out.Lacked == nil
}
