// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package bench decides the same calls by the same policy in three languages:
// a WPC, Cedar (cedar-go) and Rego (OPA). It holds the decisions equal, for the
// part of the languages that all of them have, and the times beside each other.
package bench

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Rules are a policy about Jira before it is written in a language: an agent
// may use the operations, in the projects, and write the fields; what is denied
// is denied. Operations may have a * that stands for any run of characters.
type Rules struct {
	Operations, Projects, Fields   []string
	DeniedOperations, DeniedFields []string
}

// Sized returns rules with n clauses, which are the entries of the lists. n is a
// multiple of ten.
func Sized(n int) Rules {
	var r Rules
	for i := range n / 10 {
		r.Operations = append(r.Operations, fmt.Sprintf("issue.get%d", i), fmt.Sprintf("issue.create%d", i), fmt.Sprintf("issue.comment%d", i), fmt.Sprintf("report%d.*", i))
		r.Projects = append(r.Projects, fmt.Sprintf("ENG%d", i), fmt.Sprintf("OPS%d", i))
		r.Fields = append(r.Fields, fmt.Sprintf("summary%d", i), fmt.Sprintf("description%d", i))
		r.DeniedOperations = append(r.DeniedOperations, fmt.Sprintf("report%d.delete", i))
		r.DeniedFields = append(r.DeniedFields, fmt.Sprintf("assignee%d", i))
	}
	return r
}

// WPC writes the rules as a work policy contract.
func (r Rules) WPC() string {
	b, err := json.MarshalIndent(map[string]any{
		"wpc_version": "v1",
		"allow":       map[string]any{"operations": listed(r.Operations), "projects": listed(r.Projects), "fields_write_allowlist": listed(r.Fields)},
		"deny":        map[string]any{"operations": listed(r.DeniedOperations), "fields_write_denylist": listed(r.DeniedFields)},
	}, "", "  ")
	if err != nil { // unreachable: there are only texts
		panic(err)
	}
	return string(b) + "\n"
}

func listed(words []string) []string { return append([]string{}, words...) }

// Cedar writes the rules with a statement for each operation and each denial,
// as Cedar's own guides do.
func (r Rules) Cedar() string {
	var out strings.Builder
	for _, s := range r.Operations {
		out.WriteString(statement("permit", s, ""))
	}
	out.WriteString(statement("forbid", "", "unless { resource in ["+each(r.Projects, `Project::%q`)+"] }"))
	out.WriteString(statement("forbid", "", "unless { ["+each(r.Fields, "%q")+"].containsAll(context.fields) }"))
	for _, s := range r.DeniedOperations {
		out.WriteString(statement("forbid", s, ""))
	}
	for _, s := range r.DeniedFields {
		out.WriteString(statement("forbid", "", fmt.Sprintf("when { context.fields.contains(%q) }", s)))
	}
	return out.String()
}

// statement writes a Cedar policy about an operation, or about all.
func statement(effect, operation, clause string) string {
	action := "action"
	switch {
	case strings.Contains(operation, "*"):
		clause = fmt.Sprintf("when { context.operation like %q }", operation)
	case operation != "":
		action = fmt.Sprintf("action == Action::%q", operation)
	}
	return strings.TrimSpace(fmt.Sprintf("%s (principal, %s, resource) %s", effect, action, clause)) + ";\n"
}

// CedarSets writes the rules with as few statements as Cedar needs: lists are sets.
func (r Rules) CedarSets() string {
	operations := func(all []string) string {
		exact, globs := cut(all)
		tests := []string{"action in [" + each(exact, "Action::%q") + "]"}
		for _, g := range globs {
			tests = append(tests, fmt.Sprintf("context.operation like %q", g))
		}
		return "(" + strings.Join(tests, " || ") + ")"
	}
	return fmt.Sprintf("permit (principal, action, resource) when { %s && resource in [%s] && [%s].containsAll(context.fields) };\n",
		operations(r.Operations), each(r.Projects, `Project::%q`), each(r.Fields, "%q")) +
		fmt.Sprintf("forbid (principal, action, resource) when { %s };\n", operations(r.DeniedOperations)) +
		fmt.Sprintf("forbid (principal, action, resource) when { context.fields.containsAny([%s]) };\n", each(r.DeniedFields, "%q"))
}

// Rego writes the rules for OPA: lists are sets, tested by membership.
func (r Rules) Rego() string {
	exact, globs := cut(r.Operations)
	deniedExact, deniedGlobs := cut(r.DeniedOperations)
	var out strings.Builder
	out.WriteString("package clawea\n\ndefault allow := false\n\n")
	for _, s := range []struct {
		name  string
		words []string
	}{{"operations", exact}, {"projects", r.Projects}, {"fields", r.Fields}, {"denied_operations", deniedExact}, {"denied_fields", r.DeniedFields}} {
		if len(s.words) == 0 {
			fmt.Fprintf(&out, "%s := set()\n\n", s.name)
			continue
		}
		fmt.Fprintf(&out, "%s := {%s}\n\n", s.name, each(s.words, "%q"))
	}
	out.WriteString("allow if {\n\tpermitted\n\tinput.project in projects\n\tevery field in input.fields { field in fields }\n\tnot denied\n}\n\n")
	rules := func(name, set string, globs []string) {
		fmt.Fprintf(&out, "%s if input.operation in %s\n\n", name, set)
		for _, g := range globs {
			fmt.Fprintf(&out, "%s if %s\n\n", name, regoGlob(g))
		}
	}
	rules("permitted", "operations", globs)
	rules("denied", "denied_operations", deniedGlobs)
	out.WriteString("denied if {\n\tsome field in input.fields\n\tfield in denied_fields\n}\n")
	return out.String()
}

// regoGlob writes the cheapest test that Rego has for a glob. Without null, a * of
// glob.match stops at a dot.
func regoGlob(glob string) string {
	if head, ok := strings.CutSuffix(glob, "*"); ok && !strings.Contains(head, "*") {
		return fmt.Sprintf("startswith(input.operation, %q)", head)
	}
	return fmt.Sprintf("glob.match(%q, null, input.operation)", glob)
}

// cut parts names from globs.
func cut(all []string) (exact, globs []string) {
	for _, s := range all {
		if strings.Contains(s, "*") {
			globs = append(globs, s)
		} else {
			exact = append(exact, s)
		}
	}
	return exact, globs
}

func each(words []string, format string) string {
	out := make([]string, len(words))
	for i, s := range words {
		out[i] = fmt.Sprintf(format, s)
	}
	return strings.Join(out, ", ")
}
