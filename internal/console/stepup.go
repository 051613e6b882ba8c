// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"net/url"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Which yeses want that who gives them has shown of late that it is them (Console.StepUp).
const (
	StepUpHigh  = "high" // to what is of high risk; what is unknown here counts as this
	StepUpAll   = "all"
	StepUpNever = "never"
)

// A StepUp is how a person shows once more that it is them: either way is enough.
type StepUp struct {
	Done     bool      // they have, of late
	Provider *Provider // where they log in again; nil: no provider knows them
	Passkey  bool      // whether a passkey does
}

// again is the address at which a person logs in again and comes back to a page, or "".
func (s *StepUp) again(back string) string {
	if s.Provider == nil {
		return ""
	}
	return "/login/" + s.Provider.Name + "?" + url.Values{"again": {"1"}, "back": {back}}.Encode()
}

// wantsStepUp reports whether p has to show once more that it is them before they say
// yes to what is of that risk. It is asked when the question is shown, when an answer is
// offered, and once more when it comes back signed.
func (c *Console) wantsStepUp(r Risk, p *Person) bool {
	switch c.StepUp {
	case StepUpNever:
		return false
	case StepUpAll:
		return !p.StepUp.Done
	}
	return r.Level == high && !p.StepUp.Done
}

// stepsUp fails with a *unshown if p has to step up first.
func (c *Console) stepsUp(q *approval.Question, p *Person) error {
	if !c.wantsStepUp(c.riskOf(q), p) {
		return nil
	}
	return &unshown{cmp.Or(p.StepUp.again(pathOf(q.ID)), pathOf(q.ID))}
}

// pathOf is the page of a question.
func pathOf(question string) string { return "/approvals/" + url.PathEscape(question) }

// unshown is told to who has to show first that it is them.
type unshown struct{ link string }

// Error returns two lines.
func (e *unshown) Error() string {
	return "a yes to this wants that you show once more that it is you\nlog in again, and answer then"
}

// riskOf is a question's risk. Where what it is about cannot be told, that is high.
func (c *Console) riskOf(q *approval.Question) Risk {
	r, good := c.read(q.Asked)
	if !good || r.Call == nil || r.Asks != q.ID || !r.Call.Digest().Equal(q.Call) {
		return unproven()
	}
	return risk(r.Call, q.Change)
}

// unproven is the risk of what nobody here can vouch for.
func unproven() Risk { return Risk{high, []string{"Somebody has changed the house's database."}} }

// risk judges a call with the change that it commits to, as it is kept.
func risk(c *policy.Call, kept *receipt.Text) Risk {
	if c.Change.IsZero() {
		return RiskOf(c, nil)
	}
	if kept != nil && seal.Commit(kept.Salt, kept.Bytes).Equal(c.Change) {
		if change, err := receipt.ParseChange(kept.Bytes); err == nil {
			return RiskOf(c, change)
		}
	}
	r := RiskOf(c, nil)
	return Risk{high, append(r.Why, "What it changes cannot be shown.")}
}
