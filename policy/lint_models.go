// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import "fmt"

// models looks at what is said of model calls.
func (l *linter) models(r *modelRoute) {
	if r == nil {
		return
	}
	if r.Allowed != nil && len(r.Allowed) == 0 {
		l.add("/model_route/allowed", "models-none", "list routes, or leave the section out", "no model may be asked, whatever else the section says")
	}
	for i, entry := range r.Tools {
		at := fmt.Sprintf("/model_route/tools_allowlist/%d", i)
		l.stars(at, entry)
		if by := coveredBy(entry, r.DeniedTools); by != "" {
			l.add(at, "allow-covered", "leave one of them out", "%q is denied by %q", entry, by)
		}
	}
	if r.MaxOutput != nil && r.MaxTokens != nil && *r.MaxOutput > *r.MaxTokens {
		l.add("/model_route/max_output_tokens", "output-above-job", "say less, or leave it out", "a job has %d tokens for all its calls, so an answer never has %d", *r.MaxTokens, *r.MaxOutput)
	}
	l.screening(r.Screening)
}

func (l *linter) screening(s *screening) {
	if s == nil {
		return
	}
	const at = "/model_route/screening"
	if len(s.Block)+len(s.Mask) == 0 {
		l.add(at, "screening-idle", "list rules under block or mask, or leave the section out", "requests are screened by no rule")
	}
	for i, entry := range s.Mask {
		if by := coveredBy(entry, s.Block); by != "" {
			l.add(fmt.Sprintf("%s/mask/%d", at, i), "mask-idle", "leave one of them out", "what %q finds is blocked by %q", entry, by)
		}
	}
}

// coveredBy returns a pattern that matches all that entry matches, or "".
func coveredBy(entry string, patterns []string) string {
	for _, p := range patterns {
		if covers(p, entry) {
			return p
		}
	}
	return ""
}
