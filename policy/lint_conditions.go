// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// A conditionText is a condition as the policy has it.
type conditionText struct{ at, when string }

// placedConditions lists d's conditions with their clauses.
func (d *document) placedConditions() []conditionText {
	var out []conditionText
	for _, s := range d.approvalSections() {
		if s.B == nil {
			continue
		}
		for i, k := range *s.B {
			out = append(out, conditionText{fmt.Sprintf("%s/%d", s.at, i), k.When})
		}
	}
	return out
}

// eachCondition calls f with d's conditions and what they can speak of.
func (d *document) eachCondition(f func(*cel.Env, conditionText)) {
	all := d.placedConditions()
	if len(all) == 0 {
		return
	}
	if env, err := conditionEnv(); err == nil {
		for _, k := range all {
			f(env, k)
		}
	}
}

var undeclared = regexp.MustCompile(`^undeclared reference to '(\w+)`)

// condition finds all that is wrong with one condition.
func (l *linter) condition(env *cel.Env, k conditionText) {
	at := k.at + "/when"
	if l.blamed(at) {
		return
	}
	_, issues := env.Compile(k.when)
	for _, e := range issues.Errors() {
		says, _, _ := strings.Cut(e.Message, " (did you mean")
		l.add(at, "condition", mendCondition(says), "the condition is wrong in its line %d, character %d: %s",
			e.Location.Line(), e.Location.Column()+1, says)
	}
	if _, err := compileOne(env, k.when); err != nil && !l.blamed(at) {
		l.add(at, "condition", "write it so that it comes to true or false", "the condition is wrong: %v", err)
	}
}

func mendCondition(message string) string {
	if m := undeclared.FindStringSubmatch(message); m != nil {
		if near := nearest(m[1], []string{"tool", "action", "class", "content", "job"}); near != "" {
			return fmt.Sprintf("did you mean %q?", near)
		}
	}
	return "conditions are CEL over tool, action, class, content, job.count(X), job.read_untrusted and job.ticket"
}

// constant finds a condition that comes to the same whatever is called. It is
// evaluated for every class, with all else unknown.
func (l *linter) constant(env *cel.Env, k conditionText) {
	ast, _ := env.Compile(k.when) // as it did when the policy was read
	program, err := env.Program(ast, cel.CostLimit(conditionCost), cel.EvalOptions(cel.OptPartialEval))
	always, never := err == nil, err == nil
	for _, class := range []Class{Read, Search, Write, Admin, Model, Connect} {
		if always || never {
			holds, sure := blind(program, class)
			always, never = always && sure && holds, never && sure && !holds
		}
	}
	if always {
		l.add(k.at+"/when", "condition-always", "ask by required_for, or say what the condition is to look at", "the condition always holds: every call asks a person")
	}
	if never {
		l.add(k.at+"/when", "condition-never", "say what the condition is to look at, or leave it out", "the condition never holds: it asks nobody")
	}
}

// blind evaluates a condition of which only the class is known, and reports
// whether that is enough.
func blind(program cel.Program, class Class) (holds, sure bool) {
	var unknown []*cel.AttributePatternType
	for _, name := range []string{"tool", "action", "content", "job.read_untrusted", "job.ticket", jobCounts} {
		unknown = append(unknown, cel.AttributePattern(name))
	}
	vars, err := cel.PartialVars(map[string]any{"class": string(class)}, unknown...)
	if err == nil {
		v, _, failed := program.Eval(vars)
		b, is := v.(types.Bool)
		holds, sure = bool(b), is && failed == nil
	}
	return holds, sure
}
