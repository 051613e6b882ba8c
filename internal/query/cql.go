// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

// CQL returns Confluence's language as far as it is safe below a bound over spaces and page trees. Each call makes a
// new Dialect, so the caller may delete fields.
//
//   - Every listed field is a property of the content itself, or its place in the tree above it, which the bound
//     already fixes.
//   - space may be named, because the bound is ANDed above; restrict it to the bound's own spaces to keep errors
//     from telling which other spaces exist.
//   - type is closed: spaces, users and attachments are results too, and carry no page to check afterwards.
//   - siteSearch and the fields about people are left out, as are the functions over the acting account's own
//     browsing.
func CQL() Dialect {
	names := []Op{OpEq, OpNe, OpIn, OpNotIn}
	date := Field{Kind: Date, Ops: dateOps(), Funcs: dayFuncs(), Sort: true}
	date.Funcs[0].Args = 1 // now("-4w"); JQL's now() takes nothing
	return Dialect{
		Name: "CQL",
		Fields: map[string]Field{
			"title":        {Kind: Text, Ops: []Op{OpEq, OpNe, OpLike, OpNotLike}, Sort: true},
			"text":         {Kind: Text, Ops: []Op{OpLike, OpNotLike}},
			"label":        {Kind: Name, Ops: names},
			"type":         {Kind: Name, Ops: names, Only: []string{"page", "blogpost", "comment"}, Sort: true},
			"space":        {Kind: Name, Ops: names, Sort: true},
			"id":           {Kind: ID, Ops: names, Sort: true},
			"ancestor":     {Kind: ID, Ops: names},
			"parent":       {Kind: ID, Ops: names},
			"created":      date,
			"lastmodified": date,
		},
		Aliases:   map[string]string{"content": "id", "space.key": "space"},
		Denied:    cqlDenied(),
		Reserved:  cqlReserved,
		WordMarks: "_.:-/",
	}
}

func cqlDenied() map[string]string {
	const (
		people = "It tells about other people and groups."
		own    = "It tells what the acting account looked at before."
		spaces = "It tells about spaces outside the policy."
	)
	return map[string]string{
		"creator": people, "contributor": people, "mention": people, "favourite": people, "favorite": people, "watcher": people,
		"user": people, "user.fullname": people, "user.accountid": people, "user.userkey": people, "currentuser": people, "group": people,
		"container": spaces, "space.title": spaces, "space.type": spaces, "space.category": spaces,
		"favouritespaces": own, "favoritespaces": own, "recentlyviewedcontent": own, "recentlyviewedspaces": own,
		"macro": "It tells which apps are installed.", "sitesearch": "It also searches what is not content. Use text.",
	}
}

const cqlReserved = "after and as asc avg before begin by commit contains count desc distinct else empty end explain from having if in inner " +
	"insert into is isnull left like limit max min not null or order outer right select sum then was where update"
