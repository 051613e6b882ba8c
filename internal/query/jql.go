// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

// JQL returns Jira's language as far as it is safe below a bound over projects. Each call makes a new Dialect, so the
// caller may delete fields the policy does not let be read.
//
//   - text also searches comments, of which not all are for all: [Dialect.Spread] it over what they are not in, unless the
//     reading account sees none but those.
//   - Every listed field is a property of the issue itself, and sorting by it orders visible issues only.
//   - project may be named, because the bound is ANDed above; restrict it to the bound's own projects to keep their
//     errors from telling which other projects exist.
//   - key and id look an issue up anywhere on the site and answer differently for unknown ones; key takes values only after
//     Restrict("key", projects...), id never.
//   - People are compared with the acting account or with nobody: other accounts would tell who exists and who works
//     on what.
//   - The history (WAS, CHANGED) may hold values from before the issue came into the project.
func JQL() Dialect {
	names := []Op{OpEq, OpNe, OpIn, OpNotIn}
	optional := append(names, OpIs, OpIsNot)
	people := Field{Ops: optional, Funcs: []Func{{Name: "currentUser"}}, Sort: true}
	date := Field{Kind: Date, Ops: dateOps(), Funcs: dayFuncs(), Sort: true}
	optionalDate := date
	optionalDate.Ops = append(dateOps(), OpIs, OpIsNot)
	return Dialect{
		Name: "JQL",
		Fields: map[string]Field{
			"project":        {Kind: Name, Ops: names, Sort: true},
			"key":            {Kind: Key, Ops: names, Only: []string{}, Sort: true},
			"summary":        {Kind: Text, Ops: []Op{OpLike, OpNotLike, OpIs, OpIsNot}, Sort: true},
			"description":    {Kind: Text, Ops: []Op{OpLike, OpNotLike, OpIs, OpIsNot}},
			"text":           {Kind: Text, Ops: []Op{OpLike}},
			"status":         {Kind: Name, Ops: names, Sort: true},
			"statuscategory": {Kind: Name, Ops: names},
			"issuetype":      {Kind: Name, Ops: names, Sort: true},
			"priority":       {Kind: Name, Ops: optional, Sort: true},
			"resolution":     {Kind: Name, Ops: optional, Sort: true},
			"labels":         {Kind: Name, Ops: optional, Sort: true},
			"component":      {Kind: Name, Ops: optional, Sort: true},
			"assignee":       people,
			"reporter":       people,
			"creator":        people,
			"created":        date,
			"updated":        date,
			"resolved":       optionalDate,
			"due":            optionalDate,
		},
		Aliases: map[string]string{
			"issuekey": "key", "issue": "key", "type": "issuetype", "createddate": "created", "updateddate": "updated",
			"resolutiondate": "resolved", "duedate": "due",
		},
		Denied:        jqlDenied(),
		Reserved:      jqlReserved,
		WordMarks:     "_.:-",
		RelativeUnits: "wdhm",
		Symbols:       true,
	}
}

func jqlDenied() map[string]string {
	const (
		others  = "It tells about issues outside the policy's projects."
		people  = "It tells about other people and groups."
		history = "It searches the history, which may come from another project."
		saved   = "A saved filter can be changed after the policy was signed."
		apps    = "Its values belong to an app."
		own     = "It tells what the acting account did before."
	)
	return map[string]string{
		"parent": others, "epic link": others, "parent epic": others, "parentproject": others, "issuelinktype": others, "issuelink": others,
		"id": others, "hierarchylevel": others, "development": others,
		"linkedissues": others, "linkedissue": others, "childissuesof": others, "parentepic": others, "portfoliochildissuesof": others,
		"issueswithremotelinksbyglobalid": others, "subtasksof": others,
		"filter": saved, "savedfilter": saved, "request": saved, "searchrequest": saved,
		"issuehistory": own, "lastviewed": own,
		"votedissues": people, "watchedissues": people, "voter": people, "watcher": people, "votes": people, "watchers": people,
		"membersof": people, "team": people, "component.lead": people, "project.lead": people,
		"projectsleadbyuser": people, "projectswhereuserhaspermission": people, "projectswhereuserhasrole": people,
		"componentsleadbyuser": people, "spacesleadbyuser": people,
		"updatedby": history, "issue.property": apps, "worklogauthor": people, "worklogcomment": others,
		"comment": "Comments are read by a tool of their own.", "attachments": "Attachments are read by a tool of their own.",
		"sprint": others, "opensprints": others, "closedsprints": others, "futuresprints": others, "rank": others,
		"releasedversions": others, "unreleasedversions": others, "latestreleasedversion": others, "earliestunreleasedversion": others,
		"category": others, "projecttype": others, "lastlogin": own, "currentlogin": own,
		"organizations": people, "organizationmembers": people, "approvals": people, "approver": people, "approved": people,
		"mypending": people, "myapproval": people, "pendingby": people,
		"level": "It tells how issues are hidden from others.",
	}
}

func dateOps() []Op {
	return []Op{OpEq, OpNe, OpLt, OpLe, OpGt, OpGe}
}

// dayFuncs are the functions of the calendar; they depend on nothing but the clock.
func dayFuncs() []Func {
	return []Func{
		{Name: "now"},
		{Name: "startOfDay", Args: 1}, {Name: "startOfWeek", Args: 1}, {Name: "startOfMonth", Args: 1}, {Name: "startOfYear", Args: 1},
		{Name: "endOfDay", Args: 1}, {Name: "endOfWeek", Args: 1}, {Name: "endOfMonth", Args: 1}, {Name: "endOfYear", Args: 1},
	}
}

const jqlReserved = "abort access add after alias all alter and any as asc audit avg before begin between boolean break by byte " +
	"catch cf changed char character check checkpoint collate collation column commit connect continue count create current date " +
	"decimal declare decrement default defaults define delete delimiter desc difference distinct divide do double drop else empty " +
	"encoding end equals escape exclusive exec execute exists explain false fetch file field first float for from function go goto " +
	"grant greater group having identified if immediate in increment index initial inner inout input insert int integer intersect " +
	"intersection into is isempty isnull join last left less like limit lock long max min minus mode modify modulo more multiply " +
	"next noaudit not notin nowait null number object of on option or order outer output power previous prior privileges public " +
	"raise raw remainder rename resource return returns revoke right row rowid rownum rows select session set share size sqrt start " +
	"strict string subtract sum synonym table then to trans transaction trigger true uid union unique update user validate values " +
	"view was when whenever where while with"
