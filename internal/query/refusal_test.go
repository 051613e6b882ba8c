// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"strings"
	"testing"
)

// refusals are attacks and mistakes; each must be refused with a message that holds the words.
func refusals() []struct{ dialect, text, words string } {
	return []struct{ dialect, text, words string }{
		// Brackets that close what somebody else opened.
		{"JQL", `status = Open) OR (project = SECRET) OR (status = Open`, "never opened"},
		{"JQL", `x = 1) OR (project = SECRET ORDER BY created`, "not allowed"},
		{"JQL", `status = 1) OR (project = SECRET ORDER BY created`, "never opened"},
		{"JQL", `(status = 1 ORDER BY created)`, "ORDER BY inside"},
		{"JQL", `status = Open)`, "never opened"},
		{"JQL", `(status = Open`, "without an end"},
		{"JQL", `)(`, "never opened"},
		{"JQL", `()`, "never opened"},
		{"JQL", `status = Open)) OR ((project = SECRET`, "never opened"},
		{"JQL", `status = "Open") OR (project = "SECRET"`, "never opened"},
		{"JQL", `status in (Open)) OR (project in (SECRET)`, "never opened"},
		{"JQL", `status = Open ORDER BY key) OR (project = SECRET`, "never opened"},
		{"JQL", `status = Open ORDER BY key OR project = SECRET`, "unexpected"},
		{"JQL", `ORDER BY key AND project = SECRET`, "unexpected"},
		{"JQL", `status = Open ORDER BY key ORDER BY created`, "ORDER BY inside"},
		{"JQL", `NOT`, "ends too early"},
		{"JQL", `status = Open OR`, "ends too early"},
		{"JQL", `OR status = Open`, "expected a field"},
		{"JQL", `AND`, "expected a field"},
		{"JQL", `status = Open AND ORDER BY key`, "ORDER BY inside"},
		// Quotes and escapes.
		{"JQL", `summary ~ "open`, "quote without an end"},
		{"JQL", `summary ~ 'open`, "quote without an end"},
		{"JQL", `summary ~ "a' OR project = SECRET`, "quote without an end"},
		{"JQL", `summary ~ "a\" OR project = SECRET`, "quote without an end"},
		{"JQL", `summary ~ "a\\" OR project = SECRET"`, "quote without an end"},
		{"JQL", `summary ~ "a\`, "unknown escape"},
		{"JQL", `summary ~ "a\n"`, "unknown escape"},
		{"JQL", `summary ~ "\u0022) OR (project = SECRET"`, "unknown escape"},
		{"JQL", `summary ~ "a"b`, "unexpected"},
		{"JQL", `summary ~ a"b"`, "unexpected"},
		{"JQL", `summary ~ \"a\"`, "outside quotes"},
		{"JQL", `summary ~ ""`, "empty"},
		{"JQL", `summary ~ "  "`, "empty"},
		// Characters that read differently to people and to parsers.
		{"JQL", "status\u00a0=\u00a0Open", "not a space"},
		{"JQL", "status = Open\u00a0OR project = SECRET", "not a space"},
		{"JQL", "status = Open\u3000", "not a space"},
		{"JQL", "status = Open\u2028OR project = SECRET", "not a space"},
		{"JQL", "status = Open\u0085", "not a space"},
		{"JQL", "status = Open\u200b", "outside quotes"},
		{"JQL", "\ufeffstatus = Open", "outside quotes"},
		{"JQL", "status = Öffen", "outside quotes"},
		{"JQL", "ſtatus = Open", "outside quotes"},
		{"JQL", "\"ſtatus\" = Open", "not allowed"},
		{"JQL", "status = Open \u2010 x", "outside quotes"},
		{"JQL", "status = “Open”", "outside quotes"},
		{"JQL", "status \uff1d Open", "outside quotes"},
		{"JQL", "status = Open\x00", "control character"},
		{"JQL", "status = Open\x0bOR status = x", "control character"},
		{"JQL", "summary ~ \"a\x00b\"", "invisible"},
		{"JQL", "summary ~ \"a\nb\"", "invisible"},
		{"JQL", "summary ~ \"a\tb\"", "invisible"},
		{"JQL", "summary ~ \"a\u202eb\"", "invisible"},
		{"JQL", "summary ~ \"a\u2066b\"", "invisible"},
		{"JQL", "summary ~ \"a\u2029b\"", "invisible"},
		{"JQL", "summary ~ \"a\ufffe\"", "invisible"},
		{"JQL", "summary ~ \"a\U000e0041\"", "invisible"},
		{"JQL", "summary ~ \"\xff\"", "not valid UTF-8"},
		// Punctuation.
		{"JQL", `status = Open; project = SECRET`, "outside quotes"},
		{"JQL", `status = Open -- x`, "unexpected"},
		{"JQL", `status = Open /* x */`, "outside quotes"},
		{"JQL", `status = Open # x`, "outside quotes"},
		{"JQL", `status == Open`, "expected a value"},
		{"JQL", `status <> Open`, "expected a value"},
		{"JQL", `status = Open, project = SECRET`, "unexpected"},
		{"JQL", `status = In Progress`, "reserved"},
		{"JQL", `status = To Do`, "reserved"},
		{"JQL", `status = Really Done`, "unexpected"},
		{"JQL", `summary ~ foo*`, "outside quotes"},
		{"JQL", `status = (Open)`, "no parenthesis"},
		{"JQL", `status = (Open, Done)`, "no parenthesis"},
		{"JQL", `status in Open`, "without a list"},
		{"JQL", `status in ()`, "expected a value"},
		{"JQL", `status in (Open,)`, "expected a value"},
		{"JQL", `status in (Open Done)`, "goes wrong"},
		{"JQL", `status in (Open, (Done))`, "no parenthesis"},
		{"JQL", `status in (Open`, "goes wrong"},
		{"JQL", `status in (Open OR project = SECRET)`, "goes wrong"},
		{"JQL", `status`, "ends too early"},
		{"JQL", `status =`, "ends too early"},
		{"JQL", `status Open`, "expected an operator"},
		{"JQL", `= Open`, "expected a field"},
		{"JQL", `status not Open`, "expected an operator"},
		{"JQL", `status ! = Open`, "expected an operator"},
		{"JQL", `status = select`, "reserved"},
		{"JQL", `status in (Open, AND)`, "reserved"},
		{"JQL", `status = NOT`, "reserved"},
		{"JQL", `status = ORDER BY key`, "reserved"},
		// History.
		{"JQL", `status WAS Open`, "history"},
		{"JQL", `status was not in (Open)`, "history"},
		{"JQL", `assignee CHANGED FROM x TO y`, "history"},
		{"JQL", `status = Open AFTER "2026-01-01"`, "unexpected"},
		{"JQL", `status = Open BY currentUser()`, "unexpected"},
		// Fields that reach outside.
		{"JQL", `parent = SEC-1`, "outside the policy"},
		{"JQL", `PARENT in (SEC-1)`, "outside the policy"},
		{"JQL", `"Epic Link" = SEC-1`, "outside the policy"},
		{"JQL", `'epic link' is not EMPTY`, "outside the policy"},
		{"JQL", `filter = 10000`, "saved filter"},
		{"JQL", `savedFilter = "All"`, "saved filter"},
		{"JQL", `issue.property[x].y = 1`, "properties"},
		{"JQL", `"issue.property"[x].y = 1`, "properties"},
		{"JQL", `"issue.property" = 1`, "belong to an app"},
		{"JQL", `id = 10000`, "outside the policy"},
		{"JQL", `key = SEC-1`, "may be asked"},
		{"JQL", `key in (ENG-1, SEC-1)`, "may be asked"},
		{"JQL", `key = ENG`, "may be asked"},
		{"JQL", `key = "ENG-1 OR x"`, "may be asked"},
		{"JQL", `key = 10001`, "may be asked"},
		{"JQL", `issue = "ENGX-1"`, "may be asked"},
		{"JQL", `key > ENG-1`, "cannot be compared"},
		{"JQL", `cf[10001] = x`, "not allowed"},
		{"JQL", `customfield_10001 = x`, "not allowed"},
		{"JQL", `voter = currentUser()`, "other people"},
		{"JQL", `watcher = currentUser()`, "other people"},
		{"JQL", `level = Secret`, "hidden from others"},
		{"JQL", `comment ~ x`, "tool of their own"},
		{"JQL", `sprint in openSprints()`, "not allowed"},
		{"JQL", `"status OR project" = SECRET`, "not allowed"},
		{"JQL", `"status = Open OR project" = SECRET`, "not allowed"},
		// People.
		{"JQL", `assignee = jsmith`, "no plain value"},
		{"JQL", `assignee = "5b10ac8d82e05b22cc7d4ef5"`, "no plain value"},
		{"JQL", `reporter in (jsmith, currentUser())`, "no plain value"},
		{"JQL", `assignee = currentUser`, "no plain value"},
		{"JQL", `assignee in membersOf("admins")`, "other people"},
		{"JQL", `assignee in (membersOf("admins"))`, "other people"},
		{"JQL", `assignee = currentUser("x")`, "wrong argument"},
		{"JQL", `assignee = currentUser("-1d")`, "too many arguments"},
		{"JQL", `assignee = "currentUser"()`, "not allowed"},
		// Functions.
		{"JQL", `issue in linkedIssues("SEC-1")`, "outside the policy"},
		{"JQL", `issue in (linkedIssues("SEC-1"))`, "outside the policy"},
		{"JQL", `issue in (issueHistory())`, "did before"},
		{"JQL", `issue in (votedIssues())`, "other people"},
		{"JQL", `issue in (watchedIssues())`, "other people"},
		{"JQL", `issue in (updatedBy("jsmith"))`, "history"},
		{"JQL", `project in (projectsLeadByUser())`, "other people"},
		{"JQL", `project in (projectsWhereUserHasRole("x"))`, "other people"},
		{"JQL", `issue in (anyAppFunction("x"))`, "not allowed"},
		{"JQL", `created > startOfDay("1d OR x")`, "wrong argument"},
		{"JQL", `created > startOfDay(now())`, "wrong argument"},
		{"JQL", `created > startOfDay(-1d, -1d)`, "too many"},
		{"JQL", `created > startOfDay(-1d`, "go wrong"},
		{"JQL", `created > startOfDay(-1d,)`, "wrong argument"},
		{"JQL", `created > startOfDay(`, "wrong argument"},
		{"JQL", `created > now(-1d)`, "too many"},
		{"JQL", `summary ~ now()`, "not allowed"},
		{"JQL", `status = currentUser()`, "not allowed"},
		// Dates and operators.
		{"JQL", `created > yesterday`, "not a date"},
		{"JQL", `created > 2026-02-30`, "not a date"},
		{"JQL", `created > 2026-01-01T00:00:00Z`, "not a date"},
		{"JQL", `created > "2026-01-01 25:00"`, "not a date"},
		{"JQL", `created > "-1d or x"`, "not a date"},
		{"JQL", `created > -7`, "not a date"},
		{"JQL", `created > -1y`, "not a date"},
		{"JQL", `created > "-1d -1d"`, "not a date"},
		{"JQL", `created > "-"`, "not a date"},
		{"JQL", `created > d`, "not a date"},
		{"JQL", `created ~ 2026-01-01`, "cannot be compared"},
		{"JQL", `created is EMPTY`, "never empty"},
		{"JQL", `created in (2026-01-01)`, "cannot be compared"},
		{"JQL", `due > EMPTY`, "cannot be compared"},
		{"JQL", `due = "2026/1/1"`, "not a date"},
		{"JQL", `summary = x`, "cannot be compared"},
		{"JQL", `summary in (x)`, "cannot be compared"},
		{"JQL", `status ~ x`, "cannot be compared"},
		{"JQL", `status > x`, "cannot be compared"},
		{"JQL", `resolution is Done`, "EMPTY only"},
		{"JQL", `resolution is not "EMPTY"`, "EMPTY only"},
		{"JQL", `resolution ~ EMPTY`, "cannot be compared"},
		{"JQL", `text is EMPTY`, "never empty"},
		{"JQL", `text !~ x`, "cannot be compared"},
		// Sorting.
		{"JQL", `ORDER created`, "without BY"},
		{"JQL", `ORDER BY`, "ends too early"},
		{"JQL", `ORDER BY created,`, "ends too early"},
		{"JQL", `ORDER BY parent`, "not allowed"},
		{"JQL", `ORDER BY text`, "cannot sort"},
		{"JQL", `ORDER BY created, createdDate`, "twice"},
		{"JQL", `ORDER BY created DOWN`, "unexpected"},
		{"JQL", `ORDER BY created ASC DESC`, "unexpected"},
		{"JQL", `BY created`, "expected a field"},
		// CQL.
		{"CQL", `text ~ x) or (space = SECRET`, "never opened"},
		{"CQL", `text ~ "x") or (space = "SECRET"`, "never opened"},
		{"CQL", `text ~ x or (space = SECRET`, "without an end"},
		{"CQL", `text ~ x order by title) or (space = SECRET`, "never opened"},
		{"CQL", `(text ~ x order by title)`, "ORDER BY inside"},
		{"CQL", `text ~ "x\" or space = SECRET`, "quote without an end"},
		{"CQL", `text ~ "x\*"`, "unknown escape"},
		{"CQL", "text ~ x\u00a0or space = SECRET", "not a space"},
		{"CQL", `text ~ x && space = SECRET`, "outside quotes"},
		{"CQL", `text ~ x || space = SECRET`, "outside quotes"},
		{"CQL", `!(text ~ x)`, "outside quotes"},
		{"CQL", `type = user`, "not allowed for field"},
		{"CQL", `type = space`, "not allowed for field"},
		{"CQL", `type in (page, attachment)`, "not allowed for field"},
		{"CQL", `type != user`, "not allowed for field"},
		{"CQL", `siteSearch ~ x`, "Use text"},
		{"CQL", `creator = currentUser()`, "other people"},
		{"CQL", `contributor = "712020:aa"`, "other people"},
		{"CQL", `mention = currentUser()`, "other people"},
		{"CQL", `user.fullname ~ "jo"`, "other people"},
		{"CQL", `macro = jira`, "apps are installed"},
		{"CQL", `container = 1`, "outside the policy"},
		{"CQL", `space.title ~ secret`, "outside the policy"},
		{"CQL", `space in favouriteSpaces()`, "looked at before"},
		{"CQL", `space in (favouriteSpaces())`, "looked at before"},
		{"CQL", `id in (recentlyViewedContent(5))`, "looked at before"},
		{"CQL", `space in (recentlyViewedSpaces(5))`, "looked at before"},
		{"CQL", `content.property[x].y = 1`, "properties"},
		{"CQL", `content[x].y = 1`, "properties"},
		{"CQL", `ancestor = ENG`, "not an id"},
		{"CQL", `id = "1 or 2"`, "not an id"},
		{"CQL", `id = -1`, "not an id"},
		{"CQL", `id = 1234567890123456789`, "not an id"},
		{"CQL", `id > 1`, "cannot be compared"},
		{"CQL", `label is EMPTY`, "never empty"},
		{"CQL", `label = EMPTY`, "never empty"},
		{"CQL", `text = x`, "cannot be compared"},
		{"CQL", `created > -7d`, "not a date"},
		{"CQL", `created > now("-4w") or`, "ends too early"},
		{"CQL", `created > now("-4w" or`, "go wrong"},
		{"CQL", `created > now(-4w, -4w)`, "too many"},
		{"CQL", `created in (now())`, "cannot be compared"},
		{"CQL", `order by text`, "cannot sort"},
		{"CQL", `project = ENG`, "not allowed"},
		{"CQL", `cf[10001] = 1`, "not allowed"},
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range refusals() {
		q, err := Parse(dialects()[tt.dialect], tt.text)
		if err == nil {
			t.Errorf("Parse(%s, %q) = %s, want an error about %q", tt.dialect, tt.text, q, tt.words)
			continue
		}
		if !strings.Contains(err.Error(), tt.words) {
			t.Errorf("Parse(%s, %q): error %q does not hold %q", tt.dialect, tt.text, err, tt.words)
		}
	}
}

// TestDeniedIsDenied keeps the two tables of a dialect from contradicting each other.
func TestDeniedIsDenied(t *testing.T) {
	for name, d := range dialects() {
		for denied := range d.Denied {
			if _, _, ok := d.field(denied); ok {
				t.Errorf("%s: field %q is both listed and denied", name, denied)
			}
			for field, f := range d.Fields {
				if _, ok := f.function(denied); ok {
					t.Errorf("%s: function %q of field %q is both listed and denied", name, denied, field)
				}
			}
		}
		for alias, canonical := range d.Aliases {
			if _, ok := d.Fields[canonical]; !ok {
				t.Errorf("%s: alias %q leads to no field", name, alias)
			}
		}
		for field := range d.Fields {
			if field != strings.ToLower(field) || d.reserves(field) {
				t.Errorf("%s: field %q cannot be written", name, field)
			}
		}
	}
}
