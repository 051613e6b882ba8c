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
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

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
	env, err := cel.NewEnv(
		cel.Variable("tool", cel.StringType),
		cel.Variable("action", cel.StringType),
		cel.Variable("class", cel.StringType),
		cel.Variable("content", cel.StringType),
		cel.Variable("job.read_untrusted", cel.BoolType),
		cel.Variable("job.ticket", cel.StringType),
		cel.Variable("job.counts", cel.MapType(cel.StringType, cel.IntType)),
		cel.Macros(cel.ReceiverMacro("count", 1, expandCount)),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare conditions: %w", err)
	}
	var out []condition
	for _, s := range d.approvalSections() {
		if s.B == nil {
			continue
		}
		for i, k := range *s.B {
			at := fmt.Sprintf("%s/%d", s.at, i)
			program, err := compileOne(env, k.When)
			if err != nil {
				return nil, seal.Errorf(src, at+"/when", "condition: %v", err)
			}
			out = append(out, condition{at, program})
		}
	}
	return out, nil
}

// expandCount makes job.count(X) a look into job.counts, where what was never
// counted is missing.
func expandCount(h cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if target.Kind() != ast.IdentKind || target.AsIdent() != "job" {
		return nil, nil
	}
	counts := func() ast.Expr { return h.NewSelect(h.NewIdent("job"), "counts") }
	return h.NewCall(operators.Conditional,
		h.NewCall(operators.In, h.Copy(args[0]), counts()),
		h.NewCall(operators.Index, counts(), h.Copy(args[0])),
		h.NewLiteral(types.IntZero)), nil
}

// counts is how many calls a job was allowed, by full name ("jira.issue.create"),
// by action ("issue.create") and by class ("write").
func counts(used map[string]int) map[string]int64 {
	out := map[string]int64{}
	for k, n := range used {
		if class, ok := strings.CutPrefix(k, classCounter("")); ok {
			out[class] += int64(n)
		} else if name, ok := strings.CutPrefix(k, callCounter("")); ok {
			out[name] += int64(n)
			if _, action, ok := strings.Cut(name, "."); ok {
				out[action] += int64(n)
			}
		}
	}
	return out
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
// spelling ("\u0053ECURITY") hides a word from a condition. One that cannot be evaluated is missing from the
// result, and Decide then denies. It runs at the gate, where the text is; its
// values go into the receipt, so that an auditor can decide again without the text.
func (p *Policy) Conditions(c *Call, f *Facts, content []byte) map[string]bool {
	if len(p.conds) == 0 {
		return nil
	}
	if canonical, err := seal.Canonical(content); err == nil {
		content = canonical
	}
	vars := map[string]any{
		"tool": c.Name(), "action": c.Action, "class": string(c.Class), "content": string(content),
		"job.counts": counts(f.Used), "job.ticket": f.Ticket,
		"job.read_untrusted": f.Used[classCounter(Read)]+f.Used[classCounter(Search)] > 0,
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
