// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/seal"
)

// conditionCost bounds the work of one evaluation, in CEL's units.
const conditionCost = 1_000_000

// A condition is a compiled CEL expression and where the policy has it.
type condition struct {
	clause  string
	program cel.Program
}

// compile type-checks every condition of d. What does not compile to a truth
// value is refused with its line.
func compile(src []byte, d *document) ([]condition, error) {
	if !d.conditional() {
		return nil, nil
	}
	env, err := conditionEnv()
	var out []condition
	for _, s := range d.approvalSections() {
		if s.B == nil {
			continue
		}
		for i, k := range *s.B {
			at := fmt.Sprintf("%s/%d", s.at, i)
			var program cel.Program
			if err == nil {
				program, err = compileOne(env, k.When)
			}
			if err != nil {
				return nil, seal.Errorf(src, at+"/when", "condition: %v", err)
			}
			out = append(out, condition{at, program})
		}
	}
	return out, nil
}

// conditionEnv is what conditions can speak of.
func conditionEnv() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("tool", cel.StringType),
		cel.Variable("action", cel.StringType),
		cel.Variable("class", cel.StringType),
		cel.Variable("content", cel.StringType),
		cel.Variable("job.read_untrusted", cel.BoolType),
		cel.Variable("job.ticket", cel.StringType),
		cel.Variable(jobCounts, countsType),
		cel.Function(countOf, cel.Overload(countOf, []*cel.Type{countsType, cel.StringType}, cel.IntType, cel.BinaryBinding(lookUp))),
		cel.Macros(cel.ReceiverMacro("count", 1, expandCount)),
	)
}

// What job.count(X) stands for. Nobody can write these names.
const (
	jobCounts = "@counts"
	countOf   = "@count"
)

var countsType = cel.MapType(cel.StringType, cel.IntType)

// expandCount makes job.count(X) a look into the job's counts.
func expandCount(h cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if target.Kind() != ast.IdentKind || target.AsIdent() != "job" {
		return nil, nil
	}
	return h.NewCall(countOf, h.NewIdent(jobCounts), args[0]), nil
}

// lookUp finds how often key was counted; what never was is missing.
func lookUp(counts, key ref.Val) ref.Val {
	if n, ok := counts.(traits.Mapper).Find(key); ok {
		return n
	}
	return types.IntZero
}

// counts is how many calls a job was allowed, by class ("write"), by full name
// ("jira.issue.create") and by action ("issue.create"). A class's word always
// means the class, so that no call is counted twice under one word.
func counts(used map[string]int) map[string]int64 {
	out := map[string]int64{}
	add := func(name string, n int) {
		if !isClass(name) {
			out[name] += int64(n)
		}
	}
	for k, n := range used {
		if class, ok := strings.CutPrefix(k, classCounter("")); ok && isClass(class) {
			out[class] = int64(n)
		} else if name, ok := strings.CutPrefix(k, callCounter("")); ok {
			add(name, n)
			if _, action, ok := strings.Cut(name, "."); ok {
				add(action, n)
			}
		}
	}
	return out
}

func isClass(s string) bool {
	return slices.Contains([]Class{Read, Search, Write, Admin, Model, Connect}, Class(s))
}

func (d *document) conditional() bool {
	return slices.ContainsFunc(d.approvalSections(), func(s placedApprovals) bool { return s.B != nil })
}

func compileOne(env *cel.Env, text string) (cel.Program, error) {
	ast, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("its type is %s, want bool", ast.OutputType())
	}
	return env.Program(ast, cel.CostLimit(conditionCost))
}

// Conditions evaluates p's conditions for c, whose exact arguments or request
// are content, by clause. JSON is looked at in canonical form, so that no
// spelling ("\u0053ECURITY") hides a word from a condition; about JSON that has
// none (a number too large, say) no condition has a value. One that cannot be
// evaluated is missing from the result, and Decide then denies. It runs at the
// gate, where the text is; its values go into the receipt, so that an auditor
// can decide again without the text.
func (p *Policy) Conditions(c *Call, f *Facts, content []byte) map[string]bool {
	if len(p.conds) == 0 {
		return nil
	}
	if canonical, err := seal.Canonical(content); err == nil {
		content = canonical
	} else if isJSON(content) {
		return map[string]bool{}
	}
	vars := map[string]any{
		"tool": c.Name(), "action": c.Action, "class": string(c.Class), "content": string(content),
		jobCounts: counts(f.Used), "job.ticket": f.Ticket,
		"job.read_untrusted": f.Used[classCounter(Read)]+f.Used[classCounter(Search)]+f.Used[classCounter(Connect)] > 0,
	}
	out := map[string]bool{}
	for _, k := range p.conds {
		v, _, err := k.program.Eval(vars)
		if err != nil {
			continue
		}
		if met, ok := v.Value().(bool); ok {
			out[k.clause] = met
		}
	}
	return out
}

// isJSON reports whether somebody could read b as JSON, however leniently.
func isJSON(b []byte) bool {
	return jsontext.Value(b).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}
