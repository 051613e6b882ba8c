// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dialects are the ones under test: with keys of two projects, as a connector would have them.
func dialects() map[string]Dialect {
	return map[string]Dialect{"JQL": JQL().Restrict("key", "ENG", "PLAT"), "CQL": CQL()}
}

func TestCanonical(t *testing.T) {
	tests := []struct{ dialect, text, want string }{
		{"JQL", ``, ``},
		{"JQL", " \t\r\n", ``},
		{"JQL", `status = Open`, `status = "Open"`},
		{"JQL", `STATUS="In Progress"`, `status = "In Progress"`},
		{"JQL", `"status" = 'Open'`, `status = "Open"`},
		{"JQL", `statusCategory != Done`, `statuscategory != "Done"`},
		{"JQL", `type = Bug`, `issuetype = "Bug"`},
		{"JQL", `project = ENG`, `project = "ENG"`},
		{"JQL", `project in (10001, "ENG")`, `project IN (10001, "ENG")`},
		{"JQL", `project = "10001"`, `project = "10001"`},
		{"JQL", `project = 1234567890123456789`, `project = "1234567890123456789"`},
		{"JQL", `key = eng-12`, `key = "ENG-12"`},
		{"JQL", `issuekey not  in (ENG-1, 'PLAT-2')`, `key NOT IN ("ENG-1", "PLAT-2")`},
		{"JQL", `summary ~ "a \"b\" \\ 'c'"`, `summary ~ "a \"b\" \\ 'c'"`},
		{"JQL", `summary ~ 'it\'s'`, `summary ~ "it's"`},
		{"JQL", `summary ~ 2026`, `summary ~ "2026"`},
		{"JQL", `summary ~ "x ORDER BY y"`, `summary ~ "x ORDER BY y"`},
		{"JQL", `text ~ "größe 大 😀"`, `text ~ "größe 大 😀"`},
		{"JQL", `created >= -7d`, `created >= "-7d"`},
		{"JQL", `created >= "-1w 2d"`, `created >= "-1w 2d"`},
		{"JQL", `updated < 2026-03-31 AND updated > "2026/03/01 08:00"`, `updated < "2026-03-31" AND updated > "2026/03/01 08:00"`},
		{"JQL", `created > STARTOFDAY(-1d)`, `created > startOfDay("-1d")`},
		{"JQL", `created < now()`, `created < now()`},
		{"JQL", `assignee = currentuser()`, `assignee = currentUser()`},
		{"JQL", `assignee = EMPTY or assignee != null`, `assignee IS EMPTY OR assignee IS NOT EMPTY`},
		{"JQL", `assignee in (empty, currentUser())`, `assignee IN (EMPTY, currentUser())`},
		{"JQL", `resolution is not EMPTY`, `resolution IS NOT EMPTY`},
		{"JQL", `status = "EMPTY"`, `status = "EMPTY"`},
		{"JQL", `status = "select"`, `status = "select"`},
		{"JQL", `status = a AND status = b AND status = c`, `status = "a" AND status = "b" AND status = "c"`},
		{"JQL", `status = a AND (status = b AND status = c)`, `status = "a" AND (status = "b" AND status = "c")`},
		{"JQL", `status = a OR status = b AND status = c`, `status = "a" OR (status = "b" AND status = "c")`},
		{"JQL", `(status = a OR status = b) AND status = c`, `(status = "a" OR status = "b") AND status = "c"`},
		{"JQL", `((((status = a))))`, `status = "a"`},
		{"JQL", `not status = a and status = b`, `(NOT (status = "a")) AND status = "b"`},
		{"JQL", `NOT NOT status = a`, `NOT (NOT (status = "a"))`},
		{"JQL", `!(status = a) && status = b || status = c`, `((NOT (status = "a")) AND status = "b") OR status = "c"`},
		{"JQL", `status=a&status=b|status=c`, `(status = "a" AND status = "b") OR status = "c"`},
		{"JQL", `order by created`, `ORDER BY created`},
		{"JQL", `status = a ORDER BY created DESC, key asc, Updated`, `status = "a" ORDER BY created DESC, key ASC, updated`},
		{"CQL", `type = page and text ~ "on call"`, `type = "page" AND text ~ "on call"`},
		{"CQL", `type in (PAGE, blogpost)`, `type IN ("page", "blogpost")`},
		{"CQL", `space = ENG and title = "Runbooks/On call"`, `space = "ENG" AND title = "Runbooks/On call"`},
		{"CQL", `space.key in ("ENG")`, `space IN ("ENG")`},
		{"CQL", `ancestor in (123, "456") or id = 7 or content = 8 or parent = 9`,
			`ancestor IN (123, 456) OR id = 7 OR id = 8 OR parent = 9`},
		{"CQL", `created > 2014/09/01 and lastModified >= now("-4w")`, `created > "2014/09/01" AND lastmodified >= now("-4w")`},
		{"CQL", `not (label = runbook)`, `NOT (label = "runbook")`},
		{"CQL", `label not in (a,b) order by lastmodified desc`, `label NOT IN ("a", "b") ORDER BY lastmodified DESC`},
	}
	for _, tt := range tests {
		d := dialects()[tt.dialect]
		q, err := Parse(d, tt.text)
		if err != nil {
			t.Errorf("Parse(%s, %q): %v", tt.dialect, tt.text, err)
			continue
		}
		if got := q.String(); got != tt.want {
			t.Errorf("Parse(%s, %q).String() = %q, want %q", tt.dialect, tt.text, got, tt.want)
		}
		again, err := Parse(d, tt.want)
		if err != nil {
			t.Errorf("Parse(%s, %q): %v", tt.dialect, tt.want, err)
			continue
		}
		if diff := cmp.Diff(q, again); diff != "" {
			t.Errorf("%q read again differs (-first +again):\n%s", tt.want, diff)
		}
	}
}

func TestTree(t *testing.T) {
	q, err := Parse(JQL(), `project = ENG AND NOT (assignee = EMPTY OR created > startOfDay("-1d")) ORDER BY key DESC`)
	if err != nil {
		t.Fatal(err)
	}
	want := &Query{
		Where: And{
			Clause{"project", OpEq, Strings("ENG")},
			Not{Or{
				Clause{"assignee", OpIs, []Value{{Form: Empty}}},
				Clause{"created", OpGt, []Value{{Form: Call, Text: "startOfDay", Args: []string{"-1d"}}}},
			}},
		},
		Order: []Sort{{"key", Descending}},
	}
	if diff := cmp.Diff(want, q); diff != "" {
		t.Errorf("tree differs (-want +got):\n%s", diff)
	}
}

func TestErrorSaysWhereAndWhatMends(t *testing.T) {
	_, err := Parse(JQL(), "status = \"ö\" AND\n  parent = ENG-1")
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no *Error", err)
	}
	if e.Line != 2 || e.Column != 3 || e.Offset != 20 {
		t.Errorf("at %d:%d, offset %d; want 2:3, offset 20", e.Line, e.Column, e.Offset)
	}
	first, second, ok := strings.Cut(e.Error(), "\n")
	if !ok || first != `field "parent" is not allowed (line 2, column 3)` || !strings.HasPrefix(second, "It tells about issues outside") {
		t.Errorf("message is %q", e.Error())
	}
	if strings.Contains(second, "\n") {
		t.Errorf("message has more than two lines: %q", e.Error())
	}
}

func TestBound(t *testing.T) {
	projects := In("project", IDs("10001", "10002")...)
	pages := All(In("space", Strings("ENG")...), Any(In("ancestor", IDs("77")...), In("id", IDs("77")...)))
	without := All(In("space", Strings("ENG")...), NotIn("space", Strings("SEC")...), NotIn("ancestor", IDs("78")...), NotIn("id", IDs("78", "79")...))
	tests := []struct {
		dialect    string
		bound      Expr
		text, want string
	}{
		{"JQL", projects, ``, `project IN (10001, 10002)`},
		{"JQL", All(projects, IsEmpty("level")), ``, `project IN (10001, 10002) AND level IS EMPTY`},
		{"JQL", All(projects, IsEmpty("level")), `key = ENG-1 or status = a`, `(project IN (10001, 10002) AND level IS EMPTY) AND (key = "ENG-1" OR status = "a")`},
		{"JQL", projects, `ORDER BY created`, `project IN (10001, 10002) ORDER BY created`},
		{"JQL", projects, `status = Open`, `project IN (10001, 10002) AND status = "Open"`},
		{"JQL", projects, `status = Open OR project = SECRET ORDER BY key`,
			`project IN (10001, 10002) AND (status = "Open" OR project = "SECRET") ORDER BY key`},
		{"JQL", projects, `status = a AND status = b`, `project IN (10001, 10002) AND (status = "a" AND status = "b")`},
		{"JQL", projects, `NOT project = ENG`, `project IN (10001, 10002) AND (NOT (project = "ENG"))`},
		{"CQL", pages, `type = page or text ~ x`,
			`(space IN ("ENG") AND (ancestor IN (77) OR id IN (77))) AND (type = "page" OR text ~ "x")`},
		{"CQL", without, `NOT (id not in (78)) or space = SEC`,
			`(space IN ("ENG") AND space NOT IN ("SEC") AND ancestor NOT IN (78) AND id NOT IN (78, 79)) AND ((NOT (id NOT IN (78))) OR space = "SEC")`},
	}
	for _, tt := range tests {
		q, err := Parse(dialects()[tt.dialect], tt.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.text, err)
			continue
		}
		got, err := Bound(tt.bound, q)
		if err != nil {
			t.Errorf("Bound(%q): %v", tt.text, err)
			continue
		}
		if got.String() != tt.want {
			t.Errorf("Bound(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestBoundRefusesToBoundNothing(t *testing.T) {
	for name, bound := range map[string]Expr{
		"nil":            nil,
		"no values":      In("project"),
		"zero clause":    Clause{},
		"empty and":      All(),
		"empty or":       Any(),
		"nil in and":     And{In("project", IDs("1")...), nil},
		"nothing in or":  Any(In("project", IDs("1")...), In("space")),
		"empty not":      Not{},
		"only not":       Not{In("project", IDs("1")...)},
		"only left out":  NotIn("project", IDs("1")...),
		"not nothing":    All(In("project", IDs("1")...), NotIn("project")),
		"all left out":   All(NotIn("project", IDs("1")...), NotIn("id", IDs("1")...)),
		"or what is not": Any(In("project", IDs("1")...), NotIn("id", IDs("1")...)),
		"unequal":        Clause{"project", OpNe, IDs("1")},
		"not empty":      Clause{"project", OpIsNot, []Value{{Form: Empty}}},
		"not twice":      Not{NotIn("project", IDs("1")...)},
		"blank":          In("project", Strings(" ")...),
		"one of two":     In("project", IDs("1", "")...),
		"hidden":         In("project", Strings("ENG\u200b")...),
		"not text":       In("project", Strings("\xff")...),
		"only empty":     IsEmpty("level"),
		"empty or in":    Any(IsEmpty("level"), In("project", IDs("1")...)),
		"empty and more": All(In("project", IDs("1")...), Clause{"level", OpIs, []Value{{Form: Empty}, {Text: "x"}}}),
		"is something":   All(In("project", IDs("1")...), Clause{"level", OpIs, Strings("x")}),
		"emptiness":      In("project", Value{Form: Empty}),
		"a function":     In("project", Value{Form: Call, Text: "projectsLeadByUser"}),
		"some words":     Clause{"text", OpLike, Strings("a")},
	} {
		if q, err := Bound(bound, &Query{}); !errors.Is(err, ErrUnbounded) {
			t.Errorf("%s: Bound = %v, %v; want ErrUnbounded", name, q, err)
		}
	}
}

func TestConstructorsCannotInject(t *testing.T) {
	hostile := `1) OR (project = "SECRET`
	for _, e := range []Expr{
		In("project", IDs(hostile)...),
		In("project", Strings(hostile)...),
		Clause{"project", OpEq, []Value{{Form: Call, Text: hostile}}},
	} {
		got := (&Query{Where: e}).String()
		if !strings.Contains(got, `"1) OR (project = \"SECRET"`) {
			t.Errorf("hostile value written as %s", got)
		}
	}
	if got := (&Query{Where: In(`x = 1 OR "y`, IDs("1")...)}).String(); got != `"x = 1 OR \"y" IN (1)` {
		t.Errorf("hostile field written as %s", got)
	}
}

func TestRestrict(t *testing.T) {
	open := JQL()
	closed := open.Restrict("project", "ENG", "10001").Restrict("nonsense", "x")
	for text, want := range map[string]bool{
		`project = eng`: true, `project = 10001`: true, `project in (ENG, 10001)`: true,
		`project = SECRET`: false, `project in (ENG, SECRET)`: false, `project != SECRET`: false, `project = 10002`: false,
		`nonsense = x`: false,
	} {
		if _, err := Parse(closed, text); (err == nil) != want {
			t.Errorf("Parse(%q): %v, want accepted: %v", text, err, want)
		}
	}
	if _, err := Parse(open, `project = SECRET`); err != nil {
		t.Errorf("Restrict changed its receiver: %v", err)
	}
	if _, err := Parse(open.Restrict("project"), `project = ENG`); err == nil {
		t.Error("a field restricted to nothing takes a value")
	}
	if _, err := Parse(open, `key = ENG-1`); err == nil {
		t.Error("key takes values before it is restricted to projects")
	}
}

func TestZeroDialectAllowsNothing(t *testing.T) {
	for _, text := range []string{`status = Open`, `a = 1`, `ORDER BY a`} {
		if _, err := Parse(Dialect{}, text); err == nil {
			t.Errorf("the zero dialect accepts %q", text)
		}
	}
}

func TestCustomField(t *testing.T) {
	d := JQL()
	d.Fields["cf[10016]"] = Field{Kind: Name, Ops: []Op{OpEq}}
	d.Aliases["story points"] = "cf[10016]"
	d.Aliases["customfield_10016"] = "cf[10016]"
	for _, text := range []string{`cf[10016] = 3`, `"Story Points" = 3`, `customfield_10016 = 3`, `"cf[10016]" = 3`} {
		q, err := Parse(d, text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if got := q.String(); got != `cf[10016] = 3` {
			t.Errorf("Parse(%q) = %s", text, got)
		}
	}
	for _, text := range []string{`cf[10017] = 3`, `cf [10016] = 3`, `cf[1 OR 2] = 3`, `cf[] = 3`, `cf[10016 = 3`} {
		if q, err := Parse(d, text); err == nil {
			t.Errorf("Parse(%q) = %s, want an error", text, q)
		}
	}
}

// TestSpread asks over other fields than the one that is named, whatever the operator is.
func TestSpread(t *testing.T) {
	d := JQL()
	d.Fields["both"] = Field{Kind: Text, Ops: []Op{OpLike, OpNotLike, OpIs, OpIsNot}, Sort: true}
	d = d.Spread("both", "summary", "description")
	for text, want := range map[string]string{
		`both ~ x`:                          `summary ~ "x" OR description ~ "x"`,
		`BOTH !~ x`:                         `summary !~ "x" AND description !~ "x"`,
		`both is empty`:                     `summary IS EMPTY AND description IS EMPTY`,
		`both != empty`:                     `summary IS NOT EMPTY OR description IS NOT EMPTY`,
		`not both ~ x and status = a`:       `(NOT (summary ~ "x" OR description ~ "x")) AND status = "a"`,
		`status = a or both ~ x`:            `status = "a" OR (summary ~ "x" OR description ~ "x")`,
		`both ~ "x) OR (project = SECRET"`:  `summary ~ "x) OR (project = SECRET" OR description ~ "x) OR (project = SECRET"`,
		`text ~ y and both ~ x and key = x`: ``,
		`order by both`:                     ``,
	} {
		q, err := Parse(d, text)
		if err != nil && want != "" || err == nil && q.String() != want {
			t.Errorf("%s: %v, %v; want %s", text, q, err, want)
		}
	}
	if f := JQL().Spread("text", "summary", "description").Fields["text"]; f.Over == nil || JQL().Fields["text"].Over != nil {
		t.Errorf("text is %+v", f)
	}
	for _, over := range [][]string{nil, {"summary", "status"}, {"summary", "nothing"}, {"text"}, {"summary", "comment"}} {
		if _, ok := JQL().Spread("text", over...).Fields["text"]; ok {
			t.Errorf("text is spread over %v", over)
		}
	}
	most := strings.TrimSuffix(strings.Repeat("both ~ x or ", MaxClauses/2), " or ")
	if _, err := Parse(d, most); err != nil {
		t.Errorf("as many conditions as may be sent: %v", err)
	}
	if _, err := Parse(d, most+" or key = ENG-1"); err == nil {
		t.Error("more conditions than may be sent are taken")
	}
}

// TestHintsNameFewCustomFields keeps refusals short where a site has many fields.
func TestHintsNameFewCustomFields(t *testing.T) {
	var many []CustomField
	for i := range 500 {
		id := "customfield_" + strconv.Itoa(10000+i)
		many = append(many, CustomField{ID: id, Name: id + "x", Field: CustomType(storyPoints)})
	}
	_, err := Parse(JQL().WithCustom(many[:2]...), `nothing = 1`)
	if err == nil || !strings.HasSuffix(err.Error(), ", updated, cf[10000], cf[10001].") {
		t.Errorf("two: %v", err)
	}
	_, err = Parse(JQL().WithCustom(many...), `nothing = 1`)
	if err == nil || strings.Count(err.Error(), "cf[") != maxHinted || !strings.Contains(err.Error(), "and other custom fields") {
		t.Errorf("many: %v", err)
	}
}

func TestLimits(t *testing.T) {
	clause := `status = a`
	repeat := func(n int, join string) string { return strings.TrimSuffix(strings.Repeat(clause+join, n), join) }
	nested := func(n int) string { // alternates AND and OR, so that every level is one of the tree
		text := clause
		for i := range n {
			text = "(" + text + ")" + []string{" AND ", " OR "}[i%2] + clause
		}
		return text
	}
	list := func(n int) string { return "status in (" + strings.TrimSuffix(strings.Repeat("a,", n), ",") + ")" }
	tests := []struct {
		name string
		text string
		ok   bool
	}{
		{"clauses", repeat(MaxClauses, " OR "), true},
		{"too many clauses", repeat(MaxClauses+1, " OR "), false},
		{"depth", nested(MaxDepth), true},
		{"too deep", nested(MaxDepth + 1), false},
		{"nots", strings.Repeat("NOT ", MaxDepth) + clause, true},
		{"too many nots", strings.Repeat("NOT ", MaxDepth+1) + clause, false},
		{"redundant parentheses", strings.Repeat("(", 2*MaxDepth) + clause + strings.Repeat(")", 2*MaxDepth), true},
		{"absurd parentheses", strings.Repeat("(", 4000) + clause + strings.Repeat(")", 4000), false},
		{"absurd open parentheses", strings.Repeat("(", MaxText), false},
		{"list", list(MaxList), true},
		{"long list", list(MaxList + 1), false},
		{"long value", `summary ~ "` + strings.Repeat("a", MaxText-12) + `"`, true},
		{"too long", `summary ~ "` + strings.Repeat("a", MaxText-11) + `"`, false},
		{"too long once quoted", `summary ~ ` + strings.Repeat("a", MaxText-11), false},
		{"sort keys", "ORDER BY key, created, updated, status, priority, summary, due, resolved, labels, component", true},
		{"many sort keys", "ORDER BY key, created, updated, status, priority, summary, due, resolved, labels, component, project", false},
	}
	for _, tt := range tests {
		q, err := Parse(JQL(), tt.text)
		if (err == nil) != tt.ok {
			t.Errorf("%s: error %v, want accepted: %v", tt.name, err, tt.ok)
		}
		if err != nil {
			continue
		}
		if _, err := Parse(JQL(), q.String()); err != nil {
			t.Errorf("%s: canonical text refused: %v", tt.name, err)
		}
	}
}
