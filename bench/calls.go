// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import "fmt"

// Sizes are how many clauses the measured policies have.
func Sizes() []int { return []int{10, 100} }

// Calls returns requests that Sized(n) is asked: about half are allowed, and
// each list denies some. They are spread over the lists, so that no language is
// asked for its first entries only.
func Calls(n int) []Request {
	var all []Request
	for k := range 8 {
		i := k * (n / 10) / 8
		get, report := fmt.Sprintf("issue.get%d", i), fmt.Sprintf("report%d.weekly", i)
		create, eng, ops := fmt.Sprintf("issue.create%d", i), fmt.Sprintf("ENG%d", i), fmt.Sprintf("OPS%d", i)
		summary, description, assignee := fmt.Sprintf("summary%d", i), fmt.Sprintf("description%d", i), fmt.Sprintf("assignee%d", i)
		all = append(all,
			Request{get, eng, nil},
			Request{create, ops, []string{summary, description}},
			Request{fmt.Sprintf("issue.comment%d", i), eng, nil},
			Request{report, ops, nil},
			Request{create, ops, []string{summary}},
			Request{create, eng, []string{summary, assignee}},    // a denied field
			Request{create, eng, []string{"priority"}},           // an unlisted field
			Request{"issue.delete", eng, nil},                    // an unlisted operation
			Request{fmt.Sprintf("report%d.delete", i), ops, nil}, // a denied operation
			Request{get, "HR", nil},                              // an unlisted project
		)
	}
	return all
}
