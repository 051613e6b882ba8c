// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/clawea/clawea/internal/vectors"
	"github.com/clawea/clawea/seal"
)

// readSchema reads the JSON Schema, as its reader would.
func readSchema(t *testing.T) *schema {
	t.Helper()
	b, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	s := new(schema)
	if err := seal.Unmarshal(b, s); err != nil {
		t.Fatal(err)
	}
	if s.Dialect != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema = %q", s.Dialect)
	}
	return s
}

// validate says where v is not as s says, by JSON Schema 2020-12, of which it
// knows the keywords that Schema writes; reading them strictly shows that there
// are no others.
func (s *schema) validate(at string, v any) []string {
	if kind := jsonType(v); !slices.Contains(s.Type, kind) && !(kind == "integer" && slices.Contains(s.Type, "number")) {
		return []string{at + ": type"}
	}
	switch v := v.(type) {
	case map[string]any:
		return s.validateObject(at, v)
	case []any:
		return s.validateList(at, v)
	case string:
		return s.validateText(at, v)
	case float64:
		if s.Above == nil && v < float64(s.Minimum) || s.Above != nil && v <= *s.Above || v > float64(s.Maximum) {
			return []string{at + ": bounds"}
		}
	}
	return nil
}

func jsonType(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	}
	return "null"
}

func (s *schema) validateObject(at string, v map[string]any) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if p := s.Properties[name]; p != nil {
			out = append(out, p.validate(at+"/"+name, v[name])...)
		} else if s.Additional != nil && !*s.Additional {
			out = append(out, at+"/"+name+": additionalProperties")
		}
	}
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			out = append(out, at+"/"+name+": required")
		}
	}
	return out
}

func (s *schema) validateList(at string, v []any) []string {
	var out []string
	for i, item := range v {
		out = append(out, s.Items.validate(fmt.Sprintf("%s/%d", at, i), item)...)
		if s.Unique && slices.ContainsFunc(v[:i], func(o any) bool { return cmp.Equal(o, item) }) {
			out = append(out, at+": uniqueItems")
		}
	}
	return out
}

func (s *schema) validateText(at, v string) []string {
	// ECMA-262 spells these classes with braces; so does RE2.
	matches := func(pattern string) bool { return regexp.MustCompile(pattern).MatchString(v) }
	switch {
	case s.Enum != nil && !slices.Contains(s.Enum, v):
		return []string{at + ": enum"}
	case utf8.RuneCountInString(v) < s.MinLength:
		return []string{at + ": minLength"}
	case s.Pattern != "" && !matches(s.Pattern):
		return []string{at + ": pattern"}
	case s.Not != nil && matches(s.Not.Pattern):
		return []string{at + ": not"}
	}
	return nil
}

// validateText reads src and says where it is not as the schema says.
func validText(t interface{ Fatal(...any) }, s *schema, src []byte) []string {
	var v any
	if err := seal.Unmarshal(src, &v); err != nil {
		t.Fatal(err)
	}
	return s.validate("", v)
}

func TestSchemaAccepts(t *testing.T) {
	s := readSchema(t)
	texts := exampleTexts(t)
	texts["all fields"] = []byte(allFields)
	texts["no risk"] = []byte(riskless)
	for name, src := range texts {
		if wrong := validText(t, s, src); wrong != nil {
			t.Errorf("%s: %v", name, wrong)
		}
	}
	t.Run("drawn", rapid.MakeCheck(func(t *rapid.T) {
		if wrong := validText(t, s, mustMarshal(t, drawDocument(t))); wrong != nil {
			t.Errorf("%v", wrong)
		}
	}))
}

// TestSchemaRefuses validates every vector's policy: what Parse accepts the
// schema accepts, and what Parse refuses the schema refuses, but for those that
// no schema can.
func TestSchemaRefuses(t *testing.T) {
	s := readSchema(t)
	paths, err := filepath.Glob("../testdata/vectors/policy-[12].*.txtar")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d vectors: %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "policy-"), ".txtar")
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		src := vectors.Files(a)["policy.json"]
		_, refused := Parse(src)
		var v any
		if seal.Unmarshal(src, &v) != nil {
			continue
		}
		wrong := s.validate("", v)
		if refused == nil && wrong != nil {
			t.Errorf("%s: Parse accepts it, and the schema says %v", name, wrong)
		}
		if refused != nil && wrong == nil && !beyondSchemas(refused) {
			t.Errorf("%s: Parse says %v, and the schema nothing", name, refused)
		}
	}
	for src, want := range map[string]string{
		`{"wpc_version": "v1", "tool": "Jira"}`:                                                             "/tool: pattern",
		`{"wpc_version": "v1", "tool": []}`:                                                                 "",
		`{"wpc_version": "v1", "tool": ["jira", "jira"]}`:                                                   "/tool: uniqueItems",
		`{"wpc_version": "v1", "approvals": []}`:                                                            "",
		`{"wpc_version": "v1", "approvals": {"when": "true"}}`:                                              "/approvals/when: additionalProperties",
		`{"wpc_version": "v1", "approvals": [{"required_for": []}]}`:                                        "/approvals/0/required_for: additionalProperties /approvals/0/when: required /approvals/0/require: required",
		`{"wpc_version": "v1", "deny": {"operations": ["model.chat"]}}`:                                     "/deny/operations/0: not",
		`{"wpc_version": "v1", "deny": {"operations": ["models.chat"]}}`:                                    "",
		`{"wpc_version": "v1", "runtime": {"max_ttl_seconds": 2592001}}`:                                    "/runtime/max_ttl_seconds: bounds",
		`{"wpc_version": "v1", "runtime": {"max_ttl_seconds": 1.5}}`:                                        "/runtime/max_ttl_seconds: type",
		`{"wpc_version": "v1", "actions": {"admin": {"max_writes_per_job": 1}}}`:                            "/actions/admin/max_writes_per_job: additionalProperties",
		`{"wpc_version": "v1", "model_route": {"max_cost_per_job": 0}}`:                                     "/model_route/max_cost_per_job: bounds",
		`{"wpc_version": "v1", "model_route": {"max_cost_per_job": 1000000001}}`:                            "/model_route/max_cost_per_job: bounds",
		`{"wpc_version": "v1", "model_route": {"max_cost_per_job": 2}}`:                                     "",
		`{"wpc_version": "v1", "model_route": {"max_cost_per_job": 0.000001}}`:                              "",
		`{"wpc_version": "v1", "model_route": {"max_cost_per_job": "2"}}`:                                   "/model_route/max_cost_per_job: type",
		`{"wpc_version": "v1", "model_route": {"max_tokens_per_job": 1.5}}`:                                 "/model_route/max_tokens_per_job: type",
		`{"wpc_version": "v1", "model_route": {"screening": {"mask": ["a_b"]}}}`:                            "/model_route/screening/mask/0: pattern",
		`{"wpc_version": "v1", "model_route": {"tools_denylist": ["a b", "model"]}}`:                        "/model_route/tools_denylist/0: pattern",
		`{"wpc_version": "v1", "resources": {"page_labels_allowlist": ["a b"]}}`:                            "/resources/page_labels_allowlist/0: pattern",
		`{"wpc_version": "v1", "resources": {"page_prefix_allowlist": ["ENG/Ärger & Co/"]}}`:                "",
		`{"wpc_version": "v1", "purpose": null}`:                                                            "/purpose: type",
		`{"wpc_version": "v1", "break_glass": {"reason": "r"}}`:                                             "/break_glass/expires_at: required",
		`{"wpc_version": "v1", "constraints": {"sandbox": {"workspaceAccess": "rwx", "required": "true"}}}`: "/constraints/sandbox/required: type /constraints/sandbox/workspaceAccess: enum",
	} {
		if diff := cmp.Diff(want, strings.Join(validText(t, s, []byte(src)), " ")); diff != "" {
			t.Errorf("%s:\n%s", src, diff)
		}
	}
}

// beyondSchemas reports whether an error is about what two fields or entries say together,
// about a condition, about what a text means, or about decimals, which JSON Schema counts in
// fractions of two.
func beyondSchemas(err error) bool {
	return slices.ContainsFunc([]string{" is not in ", "the deny list wins", ": condition: ", "six decimals", "at most 24 hours", "is not a host", "is listed before, otherwise", "a digest of zeros"}, func(s string) bool {
		return strings.Contains(err.Error(), s)
	})
}

// TestGrammarIsWhatParseReads holds the grammar to the fields that the reader
// knows, by the source of document.go: same names, same kinds, in the same order.
func TestGrammarIsWhatParseReads(t *testing.T) {
	f, err := parser.ParseFile(gotoken.NewFileSet(), "document.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]ast.Expr{}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.TypeSpec); ok {
			types[s.Name.Name] = s.Type
		}
		return true
	})
	compareFields(t, types, "", types["document"].(*ast.StructType), grammar())
}

func compareFields(t *testing.T, types map[string]ast.Expr, at string, s *ast.StructType, n *node) {
	t.Helper()
	var read, known []string
	for _, f := range s.Fields.List {
		tag, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
		read = append(read, name)
		if g := n.field(name); g != nil {
			compareType(t, types, at+"/"+name, f.Type, g.node)
		}
	}
	for _, g := range n.fields {
		known = append(known, g.name)
	}
	slices.Sort(read)
	slices.Sort(known)
	if diff := cmp.Diff(read, known); diff != "" {
		t.Errorf("%s: -read +known:\n%s", at, diff)
	}
}

func compareType(t *testing.T, types map[string]ast.Expr, at string, e ast.Expr, n *node) {
	t.Helper()
	want := ""
	switch e := e.(type) {
	case *ast.StarExpr:
		compareType(t, types, at, e.X, n)
		return
	case *ast.StructType:
		compareFields(t, types, at, e, n)
		want = "{"
	case *ast.ArrayType:
		compareType(t, types, at+"/0", e.Elt, n.item)
		want = "["
	case *ast.IndexListExpr: // seal.Either
		compareType(t, types, at, e.Indices[0], &node{kinds: n.kinds[:1], fields: n.fields})
		compareType(t, types, at, e.Indices[1], &node{kinds: n.kinds[1:], item: n.item})
		return
	case *ast.SelectorExpr: // time.Time
		want = `"`
	case *ast.Ident:
		if under := types[e.Name]; under != nil {
			compareType(t, types, at, under, n)
			return
		}
		want = map[string]string{"string": `"`, "bool": "t", "int": "0", "float64": "0"}[e.Name]
	}
	if n.kinds != want {
		t.Errorf("%s: the reader takes %q, and the grammar %q", at, want, n.kinds)
	}
}

// TestGrammarSaysWhatFieldsAre holds that people are told of every field.
func TestGrammarSaysWhatFieldsAre(t *testing.T) {
	var look func(at string, n *node)
	look = func(at string, n *node) {
		for _, f := range n.fields {
			if f.about == "" {
				t.Errorf("%s/%s: nothing is said about it", at, f.name)
			}
			look(at+"/"+f.name, f.node)
		}
		if n.item != nil {
			look(at+"/0", n.item)
		}
	}
	look("", grammar())
}
