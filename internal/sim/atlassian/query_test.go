// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

// library is a world with more issues, to search in. It is 2026-03-10 12:00 there.
//
//	ENG-1 bug, payments, yesterday; ENG-2 done task of the reader, high; ENG-3 task in progress with a component;
//	ENG-4 epic with points; ENG-5 story of the epic; OPS-1 task; SEC-1 task that the reader may not see
func library(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.clock.advance(8*24*time.Hour + 2*time.Hour)
	w.AddProject("OPS", "Operations Team")
	w.RestrictProject(w.AddProject("SEC", "Secret"), w.all.id)
	w.AddComponent("ENG", "Payment Gateway")
	points := w.AddField("Story Points", NumberField)
	team := w.AddField("Team name", TextField)
	w.AddIssue(IssueSeed{Project: "ENG", Summary: "Rotate keys", Status: "Done", Priority: "High", Assignee: w.reader.id, Reporter: w.writer.id})
	w.AddIssue(IssueSeed{Project: "ENG", Summary: "Upgrade gateway", Status: "In Progress", Components: []string{"Payment Gateway"},
		Labels: []string{"ops", "Gateway"}, Fields: map[string]json.RawMessage{team: mustJSON("Blue team")}})
	epic := w.AddIssue(IssueSeed{Project: "ENG", Type: "Epic", Summary: "Faster payments", Fields: map[string]json.RawMessage{points: json.RawMessage("8")}})
	w.AddIssue(IssueSeed{Project: "ENG", Type: "Story", Summary: "As a payer", Parent: epic, Fields: map[string]json.RawMessage{points: json.RawMessage("2.5")}})
	w.AddIssue(IssueSeed{Project: "OPS", Summary: "Water the plants"})
	w.AddIssue(IssueSeed{Project: "SEC", Summary: "Secret payments"})
	w.AddComment("ENG-2", CommentSeed{Body: "The vault was sealed"})
	return w
}

func TestJQL(t *testing.T) {
	w := library(t)
	tests := []struct{ query, want string }{
		{`project = ENG`, "ENG-5 ENG-4 ENG-3 ENG-2 ENG-1"},
		{`project = eng AND type = Bug`, "ENG-1"},
		{`project = "Operations Team"`, "OPS-1"},
		{`project = ` + w.project + ` and summary ~ keys`, "ENG-2"},
		{`project != ENG`, "OPS-1"},
		{`project in (ENG, OPS) ORDER BY key`, "ENG-1 ENG-2 ENG-3 ENG-4 ENG-5 OPS-1"},
		{`project not in (ENG)`, "OPS-1"},
		{`key = ENG-2`, "ENG-2"},
		{`issuekey in (eng-2, "ENG-3") order by key desc`, "ENG-3 ENG-2"},
		{`id = ` + w.bug, "ENG-1"},
		{`key is not empty and project = OPS`, "OPS-1"},
		{`status = "in progress"`, "ENG-3"},
		{`project = ENG AND status != Done ORDER BY key ASC`, "ENG-1 ENG-3 ENG-4 ENG-5"},
		{`statusCategory = Done`, "ENG-2"},
		{`resolution = Unresolved AND project = OPS`, "OPS-1"},
		{`priority in (High, Highest)`, "ENG-2"},
		{`labels = ops`, "ENG-3"},
		{`labels = GATEWAY`, "ENG-3"},
		{`labels in (ops, payments)`, "ENG-3 ENG-1"},
		{`labels != ops`, "ENG-1"}, // an issue without labels does not match
		{`NOT labels = ops`, "ENG-1"},
		{`labels is EMPTY and project = ENG`, "ENG-5 ENG-4 ENG-2"},
		{`project = ENG and (labels != ops or labels is empty)`, "ENG-5 ENG-4 ENG-2 ENG-1"},
		{`labels in (ops, EMPTY) and project = ENG`, "ENG-5 ENG-4 ENG-3 ENG-2"},
		{`assignee = currentUser()`, "ENG-2"},
		{`assignee = "` + w.reader.id + `"`, "ENG-2"},
		{`assignee is not null`, "ENG-2"},
		{`reporter = "` + w.writer.id + `" and creator = "` + w.writer.id + `"`, "ENG-2"},
		{`component = "payment gateway"`, "ENG-3"},
		{`parent = ENG-4`, "ENG-5"},
		{`summary ~ payments`, "ENG-4"},
		{`summary ~ "pay*"`, "ENG-5 ENG-4"},
		{`description ~ "queue stuck"`, "ENG-1"},
		{`description ~ "\"queue stuck\""`, ""}, // a phrase: the words are not side by side
		{`description ~ "\"payments queue\""`, "ENG-1"},
		{`text ~ payments`, "ENG-4 ENG-1"},
		{`text ~ sealed`, "ENG-2"},
		{`comment ~ vault`, "ENG-2"},
		{`summary !~ payments AND project = ENG`, "ENG-5 ENG-3 ENG-2 ENG-1"},
		{`created >= -1d`, "OPS-1 ENG-5 ENG-4 ENG-3 ENG-2"},
		{`created < "2026-03-03"`, "ENG-1"},
		{`created >= "2026/03/02 10:00" AND created <= 2026-03-02T10:00:00Z`, "ENG-1"},
		{`created > startOfDay() and created < endOfDay() and project = OPS`, "OPS-1"},
		{`created < startOfMonth(-1)`, ""},
		{`updated < -1w`, "ENG-1"},
		{`due is empty and project = OPS`, "OPS-1"},
		{`cf[` + w.fieldNumber("Story Points") + `] > 2.5`, "ENG-4"},
		{`"Story Points" in (2.5, 8) ORDER BY id`, "ENG-4 ENG-5"},
		{`"story points" is not empty and "Story Points" != 8`, "ENG-5"},
		{`"Team name" ~ blue`, "ENG-3"},
		{`project = OPS OR project = ENG AND labels = ops`, "OPS-1 ENG-3"}, // AND binds more than OR
		{`(project = OPS OR project = ENG) AND labels = ops`, "ENG-3"},
		{`NOT (project = ENG OR project = OPS)`, ""},
		{`not not project = OPS`, "OPS-1"},
		{`project=ENG&&key=ENG-2||project=OPS`, "OPS-1 ENG-2"},
		{`!(project = ENG)`, "OPS-1"},
		{"project\n=\tOPS", "OPS-1"},
		{`'project' = 'OPS'`, "OPS-1"},
		{`project = "\u004fPS"`, "OPS-1"},
		{`project = ENG ORDER BY priority DESC, key ASC`, "ENG-2 ENG-1 ENG-3 ENG-4 ENG-5"},
		{`project = ENG AND type != Epic ORDER BY summary`, "ENG-5 ENG-1 ENG-2 ENG-3"},
		{`project = ENG AND "Story Points" is not empty ORDER BY "Story Points" DESC`, "ENG-4 ENG-5"},
		{`project = ENG ORDER BY cf[` + w.fieldNumber("Team name") + `], key`, "ENG-3 ENG-1 ENG-2 ENG-4 ENG-5"},
	}
	for _, test := range tests {
		if got := w.reader.jql(test.query); got != test.want {
			t.Errorf("%s\ngot  %q\nwant %q", test.query, got, test.want)
		}
	}
	w.SecureIssue("ENG-2", "Board")
	for query, want := range map[string]string{`project = ENG and level is empty`: "ENG-5 ENG-4 ENG-3 ENG-1", `level is not empty`: "ENG-2", `level = board`: "ENG-2"} {
		if got := w.reader.jql(query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	if got := w.all.jql("text ~ payments"); got != "SEC-1 ENG-4 ENG-1" {
		t.Errorf("who may see the secret project finds %q", got)
	}
}

// fieldNumber is the number in a custom field's id.
func (w *world) fieldNumber(name string) string {
	for _, f := range w.fields {
		if f.name == name {
			return strings.TrimPrefix(f.id, "customfield_")
		}
	}
	w.t.Fatalf("no field has the name %s", name)
	return ""
}

func TestJQLErrors(t *testing.T) {
	w := library(t)
	tests := []struct{ query, says string }{
		{`foo = 1`, "Field 'foo' does not exist or you do not have permission to view it."},
		{`issue.property[x].y = 1`, "does not exist"},
		{`project = SEC`, "The value 'SEC' does not exist for the field 'project'."},
		{`project in (ENG, NONE)`, "The value 'NONE' does not exist"},
		{`key = SEC-1`, "does not exist"},
		{`parent = ENG-99`, "does not exist"},
		{`status = Open`, "The value 'Open' does not exist for the field 'status'."},
		{`type = Incident`, "does not exist"},
		{`project ~ ENG`, "The operator '~' is not supported by the 'project' field."},
		{`summary = x`, "The operator '=' is not supported by the 'summary' field."},
		{`summary ~ "*x"`, "wildcard"},
		{`created > yesterday`, "date value 'yesterday' is invalid"},
		{`created > EMPTY`, "empty values"},
		{`project is ENG`, "only supports EMPTY or NULL"},
		{`project in ENG`, "Operator 'in' does not fit its operand"},
		{`project = (ENG)`, "Operator '=' does not fit its operand"},
		{`issue in linkedIssues(ENG-1)`, "Unable to find JQL function 'linkedIssues(ENG-1)'."},
		{`project = ENG ORDER BY rank`, "Field 'rank' does not exist"},
		{`project = ENG project = OPS`, "expecting either 'OR' or 'AND' but got 'project'"},
		{`status = Open) OR (project = SEC) OR (status = Open`, "expecting either 'OR' or 'AND' but got ')'"},
		{`(project = ENG`, "expecting ')'"},
		{`project = `, "the end of the query"},
		{`project`, "expecting operator"},
		{`project = and`, "expecting either a value"},
		{`project = "ENG`, "not closed"},
		{`project = "\u12"`, "hexadecimal"},
		{`project = ENG AND`, "expecting a field name"},
		{`project in ()`, "expecting either a value"},
		{`project = ENG ORDER BY`, "expecting a field name"},
		{strings.Repeat("(", 200) + `project = ENG` + strings.Repeat(")", 200), "nested too deeply"},
		{"project = ENG\u00a0AND status = Done", "expecting either 'OR' or 'AND'"}, // a no-break space is no space
	}
	for _, test := range tests {
		body, err := json.Marshal(object{"jql": test.query})
		if err != nil {
			t.Fatal(err)
		}
		a := w.reader.do("POST", "/rest/api/3/search/jql", string(body))
		if a.status != 400 || !strings.Contains(a.at("errorMessages.0"), test.says) {
			t.Errorf("%s\ngot  %d %s\nwant %s", test.query, a.status, a.text, test.says)
		}
	}
}

func TestCQL(t *testing.T) {
	w := newWorld(t)
	w.clock.advance(8*24*time.Hour + 2*time.Hour)
	w.AddSpace("OPS", "Operations")
	plants := w.AddPage(PageSeed{Space: "OPS", Title: "Plants", Body: "<p>Water &lt;daily&gt;</p>", Labels: []string{"green"}})
	deep := w.AddPage(PageSeed{Space: "ENG", Parent: w.restart, Title: "Deep: dive/2", Author: w.writer.id})
	w.AddPage(PageSeed{Space: "ENG", Title: "Old plants", Status: "archived"})
	w.AddPage(PageSeed{Space: "ENG", Title: "Draft plants", Status: "draft"})
	opsHome := w.HomepageID("OPS")
	ids := func(list ...string) string { return strings.Join(list, " ") }
	tests := []struct{ query, want string }{
		{`space = ENG`, ids(w.home, w.runbooks, w.restart, w.folder, deep)},
		{`space = "eng" and type = page`, ids(w.home, w.runbooks, w.restart, deep)},
		{`space in (OPS, NONE)`, ids(opsHome, plants)},
		{`space != ENG`, ids(opsHome, plants)},
		{`space.key = OPS and title ~ plants`, plants},
		{`title ~ plants`, plants}, // neither archived pages nor drafts
		{`title = "restart payments"`, w.restart},
		{`title != Runbooks and ancestor = ` + w.runbooks, ids(w.restart, w.folder, deep)},
		{`title ~ "pay*"`, w.restart},
		{`title = "Deep: dive/2"`, deep},
		{`text ~ "queue wait"`, w.restart},
		{`text ~ "\"payments queue\""`, w.restart},
		{`siteSearch ~ daily`, plants},
		{`text ~ green`, plants}, // labels are a part of the text
		{`label = ops`, w.restart},
		{`label in (OPS, green) order by title`, ids(plants, w.restart)},
		{`label != ops and type = page and space = ENG`, ids(w.home, w.runbooks, deep)},
		{`ancestor = ` + w.runbooks, ids(w.restart, w.folder, deep)},
		{`ancestor in (` + w.restart + `)`, deep},
		{`parent = ` + w.runbooks, ids(w.restart, w.folder)},
		{`id in (` + w.restart + `, ` + deep + `)`, ids(w.restart, deep)},
		{`content = ` + deep, deep},
		{`type = folder`, w.folder},
		{`creator = "` + w.writer.id + `"`, deep},
		{`created < "2026-03-05" and type = page and label = ops`, w.restart},
		{`created >= now("-1d") and space = ENG`, deep},
		{`lastmodified >= startOfDay() and space = ENG`, deep},
		{`created != "2026-03-02 10:00" and type = page`, ids(opsHome, plants, deep)},
		{`space = OPS or space = ENG and label = ops`, ids(w.restart, opsHome, plants)},
		{`(space = OPS or space = ENG) and label = ops`, w.restart},
		{`not space = ENG`, ids(opsHome, plants)},
		{`space = ENG and type = page order by title desc`, ids(w.runbooks, w.restart, w.home, deep)},
		{`type = page order by lastmodified desc, id desc`, ids(deep, plants, opsHome, w.restart, w.runbooks, w.home)},
	}
	for _, test := range tests {
		if got := w.reader.cql(test.query); got != test.want {
			t.Errorf("%s\ngot  %q\nwant %q", test.query, got, test.want)
		}
	}
}

func TestCQLErrors(t *testing.T) {
	w := newWorld(t)
	tests := []struct{ query, says string }{
		{`foo = 1`, "no field exists with name: foo"},
		{`space ~ ENG`, "not supported"},
		{`text = x`, "not supported"},
		{`title ~ "*x"`, "wildcard"},
		{`creator = someone()`, "function"},
		{`space = favouriteSpaces()`, "function"},
		{`created > soon`, "invalid"},
		{`space = ENG order by relevance`, "no sort field"},
		{`space in ENG`, "operand"},
		{`space = ENG) or (space = OPS`, "expecting either"},
		{`order by title`, "no clause"},
		{`space = "ENG`, "not closed"},
	}
	for _, test := range tests {
		for _, target := range []string{"/wiki/rest/api/search", "/wiki/rest/api/content/search"} {
			a := w.reader.get(target + "?cql=" + url.QueryEscape(test.query))
			if a.status != 400 || !strings.Contains(a.at("message"), test.says) {
				t.Errorf("%s %s\ngot  %d %s\nwant %s", target, test.query, a.status, a.text, test.says)
			}
		}
	}
}

func TestSearchResults(t *testing.T) {
	w := newWorld(t)
	a := w.reader.get("/wiki/rest/api/search?cql=text~payments&excerpt=highlight&expand=content.space").want(t, 200)
	for path, want := range map[string]string{
		"totalSize": "1", "cqlQuery": "text~payments", "results.0.content.id": w.restart, "results.0.content.type": "page",
		"results.0.content.status": "current", "results.0.title": "Restart @@@hl@@@payments@@@endhl@@@",
		"results.0.excerpt": "Restart Restart the @@@hl@@@payments@@@endhl@@@ queue &amp; wait.",
		"results.0.url":     "/spaces/ENG/pages/" + w.restart + "/Restart+payments",
		"results.0.resultGlobalContainer.displayUrl": "/spaces/ENG", "results.0.content.space.key": "ENG",
		"results.0.entityType": "content",
	} {
		if got := a.at(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if got := w.reader.get("/wiki/rest/api/search?cql=text~payments&excerpt=none").at("results.0.excerpt"); got != "" {
		t.Errorf("got excerpt %q, want none", got)
	}
}

// FuzzJQL looks for queries that crash the parser or the evaluation, or find what the asker may not see.
func FuzzJQL(f *testing.F) {
	for _, seed := range []string{
		`project = ENG AND status != Done ORDER BY key`, `not (labels in (a, EMPTY) or summary ~ "x*")`, `created >= startOfDay("-1d")`,
		`"Story Points" > 1 && key is not null`, `a = "\u00e9\n"`, `status = Open) OR (project = SEC`, `((((`, `x in (f(a,b), c)`, "\x00\xff", `order by`,
	} {
		f.Add(seed)
	}
	site := New(Config{})
	asker := site.accounts[site.AddAccount(Account{Email: "a@example.com"})]
	site.AddProject("ENG", "Engineering")
	site.RestrictProject(site.AddProject("SEC", "Secret"))
	site.AddIssue(IssueSeed{Project: "ENG", Summary: "x", Labels: []string{"a"}})
	site.AddIssue(IssueSeed{Project: "SEC", Summary: "x", Labels: []string{"a"}})
	f.Fuzz(func(t *testing.T, text string) {
		q, err := site.parseJQL(text, asker)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error says nothing")
			}
			return
		}
		for _, i := range q.run(nil) {
			if i.project.key == "SEC" {
				t.Errorf("%q finds what may not be seen", text)
			}
		}
	})
}

// FuzzCQL is FuzzJQL for Confluence.
func FuzzCQL(f *testing.F) {
	for _, seed := range []string{
		`space = ENG and type = page order by title desc`, `not (label in (a, b) or title ~ "x*")`, `lastmodified >= now("-1d")`,
		`text ~ "\"a b\""`, `ancestor = 1 or parent in (1,2)`, `space = ENG) or (space = SEC`, `((((`, "\x00\xff", `order by`,
	} {
		f.Add(seed)
	}
	site := New(Config{})
	asker := site.accounts[site.AddAccount(Account{Email: "a@example.com"})]
	site.AddSpace("ENG", "Engineering")
	secret := site.AddPage(PageSeed{Space: "ENG", Title: "a x", Body: "<p>x</p>", Labels: []string{"a"}})
	site.RestrictRead(secret)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := site.parseCQL(text, asker)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error says nothing")
			}
			return
		}
		for _, n := range q.run() {
			if n.id == secret {
				t.Errorf("%q finds what may not be seen", text)
			}
			if excerpt := q.excerpt(n, ""); !strings.Contains(storageText(n.now().body), strings.Split(excerpt, "@@@")[0]) {
				t.Errorf("%q: the excerpt %q is not of the page", text, excerpt)
			}
		}
	})
}

// FuzzDocument looks for Atlassian documents that crash the reader or pass as documents without being JSON objects.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{
		oneLine, `{"type":"doc","version":1,"content":[]}`, `{"type":"doc","version":1,"content":null}`, `[]`, `null`, `"x"`,
		`{"type":"doc","version":1,"content":[{"type":"rule"},{"type":"text","text":"x"}]}`,
		strings.Repeat(`{"type":"doc","version":1,"content":[`, 60),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plain, isDoc := readDoc(json.RawMessage(text))
		if !isDoc && plain != "" {
			t.Errorf("got text %q of what is no document", plain)
		}
		if isDoc && !json.Valid([]byte(text)) {
			t.Errorf("%q passes as a document", text)
		}
	})
}
