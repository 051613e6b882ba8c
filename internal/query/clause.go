// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import "strings"

// clause reads `field operator operand`.
func (p *parser) clause() (Expr, error) {
	start := p.take()
	name, f, err := p.field(start)
	if err != nil {
		return nil, err
	}
	if !f.searchable() {
		return nil, p.errorAt(start, ReasonOperator, "Search by one of: "+p.d.names(Field.searchable)+".", "field %q can only be sorted by", name)
	}
	if p.clauses += max(1, len(f.Over)); p.clauses > p.most.clauses {
		return nil, p.errorAt(start, ReasonLimit, "Ask a narrower question, or use IN with a list.", "too many conditions")
	}
	at := p.peek()
	op, err := p.operator()
	if err != nil {
		return nil, err
	}
	values, err := p.operand(name, f, op)
	if err != nil {
		return nil, err
	}
	op = emptied(op, values)
	if !f.allows(op) {
		return nil, p.errorAt(at, ReasonOperator, "Allowed here: "+opNames(f.Ops)+".", "field %q cannot be compared with %s", name, op)
	}
	return f.over(Clause{Field: name, Op: op, Values: values}), nil
}

// over is a clause over the field, or over those that stand in its place: of one that asks what is not there, each must
// hold.
func (f Field) over(c Clause) Expr {
	var parts []Expr
	for _, name := range f.Over {
		parts = append(parts, Clause{Field: name, Op: c.Op, Values: c.Values})
	}
	switch {
	case parts == nil:
		return c
	case c.Op == OpNe, c.Op == OpNotLike, c.Op == OpNotIn, c.Op == OpIs:
		return All(parts...)
	}
	return Any(parts...)
}

// emptied turns `= EMPTY` into `IS EMPTY`, which means the same.
func emptied(op Op, values []Value) Op {
	if values[0].Form != Empty {
		return op
	}
	switch op {
	case OpEq:
		return OpIs
	case OpNe:
		return OpIsNot
	}
	return op
}

func (p *parser) field(t token) (string, Field, error) {
	if t.kind != word && t.kind != quoted {
		return "", Field{}, p.expectedField(t)
	}
	if t.kind == word && p.d.reserves(t.text) {
		return "", Field{}, p.expectedField(t)
	}
	name, f, ok := p.d.field(t.text)
	if ok {
		return name, f, nil
	}
	if which := p.d.shared[name]; which != "" {
		return "", Field{}, p.errorAt(t, ReasonAmbiguous, which, "several fields are called %q", excerpt(t.text))
	}
	hint := "Use one of: " + p.d.names(Field.searchable) + "."
	if why := p.d.Denied[name]; why != "" {
		hint = why + " " + hint
	}
	return "", Field{}, p.errorAt(t, ReasonField, hint, "field %q is not allowed", excerpt(t.text))
}

func (p *parser) expectedField(t token) error {
	if t.kind == end || t.is("order") || t.isMark(")") {
		return p.unexpected(t)
	}
	hint := "A condition is a field, an operator and a value, such as created >= \"2026-01-31\"."
	if p.d.reserves(t.text) {
		hint += " Put a field's name in double quotes if it is a reserved word."
	}
	return p.errorAt(t, ReasonSyntax, hint, "expected a field, not %q", excerpt(t.text))
}

func (p *parser) operator() (Op, error) {
	t := p.take()
	if t.kind == mark {
		for _, op := range []Op{OpEq, OpNe, OpLike, OpNotLike, OpLt, OpLe, OpGt, OpGe} {
			if t.text == op.String() {
				return op, nil
			}
		}
	}
	switch {
	case t.is("in"):
		return OpIn, nil
	case t.is("not") && p.takeKeyword("in"):
		return OpNotIn, nil
	case t.is("is") && p.takeKeyword("not"):
		return OpIsNot, nil
	case t.is("is"):
		return OpIs, nil
	case t.is("was"), t.is("changed"):
		return 0, p.errorAt(t, ReasonHistory, "Compare the present value; former values may come from outside the policy's bound.", "%s searches the history", strings.ToUpper(t.text))
	case t.kind == end:
		return 0, p.unexpected(t)
	}
	return 0, p.errorAt(t, ReasonSyntax, "Use one of = != ~ !~ < <= > >= IN, NOT IN, IS, IS NOT; put field names of several words in quotes.", "expected an operator, not %q", excerpt(t.text))
}

// operand reads one value, or for IN a list in parentheses. A function stands for a list.
func (p *parser) operand(name string, f Field, op Op) ([]Value, error) {
	if op != OpIn && op != OpNotIn {
		v, err := p.value(name, f, op)
		return []Value{v}, err
	}
	if t := p.peek(); t.kind != end && p.tokens[1].isMark("(") && !t.isMark("(") {
		v, err := p.value(name, f, op)
		return []Value{v}, err
	}
	if t := p.peek(); !p.takeMark("(") {
		return nil, p.errorAt(t, ReasonSyntax, "Write the values in parentheses, with commas between.", "%s without a list", op)
	}
	var list []Value
	for {
		at := p.peek()
		v, err := p.value(name, f, op)
		if err != nil {
			return nil, err
		}
		if list = append(list, v); len(list) > MaxList {
			return nil, p.errorAt(at, ReasonLimit, "Ask a narrower question.", "too many values in the list")
		}
		if p.takeMark(")") {
			return list, nil
		}
		if t := p.peek(); !p.takeMark(",") {
			return nil, p.errorAt(t, ReasonSyntax, "Write the values with commas between and close the parenthesis.", "the list goes wrong here")
		}
	}
}

func (p *parser) value(name string, f Field, op Op) (Value, error) {
	t := p.take()
	if t.kind != word && t.kind != quoted {
		return Value{}, p.expectedValue(t)
	}
	isEmpty := t.is("empty") || t.is("null")
	switch {
	case isEmpty && f.allows(OpIs):
		return Value{Form: Empty}, p.checkEmpty(t, op)
	case isEmpty:
		return Value{}, p.errorAt(t, ReasonOperator, "Put the word in double quotes if it is a name.", "field %q is never empty", name)
	case op == OpIs || op == OpIsNot:
		return Value{}, p.errorAt(t, ReasonOperator, "Write IS EMPTY or IS NOT EMPTY, and = for any other value.", "%s goes with EMPTY only", op)
	case p.peek().isMark("("):
		return p.call(t, name, f)
	case t.kind == word && p.d.reserves(t.text):
		return Value{}, p.errorAt(t, ReasonReserved, "Put the word in double quotes.", "%q is a reserved word", excerpt(t.text))
	}
	return p.literal(t, name, f, op)
}

func (p *parser) expectedValue(t token) error {
	if t.isMark("(") {
		return p.errorAt(t, ReasonOperator, "Use IN with a list, or leave the parenthesis away.", "a single value takes no parenthesis")
	}
	if t.kind == end {
		return p.unexpected(t)
	}
	return p.errorAt(t, ReasonSyntax, "Put the value in double quotes.", "expected a value, not %q", excerpt(t.text))
}

func (p *parser) checkEmpty(t token, op Op) error {
	switch op {
	case OpIs, OpIsNot, OpEq, OpNe, OpIn, OpNotIn:
		return nil
	}
	return p.errorAt(t, ReasonOperator, "Write IS EMPTY or IS NOT EMPTY.", "EMPTY cannot be compared with %s", op)
}

// call reads a function whose name was taken and checks that each argument is a plain offset in time.
func (p *parser) call(t token, name string, f Field) (Value, error) {
	fn, ok := f.function(t.text)
	if !ok || t.kind == quoted {
		hint := functionHint(f)
		if why := p.d.Denied[strings.ToLower(t.text)]; why != "" {
			hint = why + " " + hint
		}
		return Value{}, p.errorAt(t, ReasonFunction, hint, "function %q is not allowed for field %q", excerpt(t.text), name)
	}
	v := Value{Form: Call, Text: fn.Name}
	p.take()
	if p.takeMark(")") {
		return v, nil
	}
	for {
		arg := p.take()
		if arg.kind != word && arg.kind != quoted || !isOffset(arg.text, "yMwdhm") {
			return Value{}, p.errorAt(arg, ReasonFunction, `Write an offset such as "-1d" or nothing.`, "wrong argument of %s()", fn.Name)
		}
		if v.Args = append(v.Args, arg.text); len(v.Args) > fn.Args {
			return Value{}, p.errorAt(arg, ReasonFunction, "Leave the argument away.", "too many arguments of %s()", fn.Name)
		}
		if p.takeMark(")") {
			return v, nil
		}
		if t := p.peek(); !p.takeMark(",") {
			return Value{}, p.errorAt(t, ReasonSyntax, "Close the parenthesis.", "the arguments of %s() go wrong here", fn.Name)
		}
	}
}

func functionHint(f Field) string {
	if len(f.Funcs) == 0 {
		return "Use a plain value."
	}
	var list []string
	for _, fn := range f.Funcs {
		list = append(list, fn.Name+"()")
	}
	return "Use one of: " + strings.Join(list, ", ") + "."
}
