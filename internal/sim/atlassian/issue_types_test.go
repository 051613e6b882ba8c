// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import "testing"

func TestIssueTypes(t *testing.T) {
	w := newWorld(t)
	w.AddProject("OPS", "Operations")
	spec := w.AddIssueType("ENG", "Spec")
	w.ShareIssueType("ENG", "Spec", "OPS")
	own := w.AddIssueType("OPS", "Review")
	other := w.AddIssueType("ENG", "Review")
	w.AddIssue(IssueSeed{Project: "ENG", Type: "Spec", Summary: "s"})   // ENG-2
	w.AddIssue(IssueSeed{Project: "ENG", Type: "Review", Summary: "r"}) // ENG-3
	w.AddIssue(IssueSeed{Project: "OPS", Type: "Spec", Summary: "s"})   // OPS-1
	w.AddIssue(IssueSeed{Project: "OPS", Type: "Review", Summary: "r"}) // OPS-2

	for query, want := range map[string]string{
		"issuetype = " + spec + " ORDER BY key":                     "ENG-2 OPS-1", // one type, shared
		"issuetype = Review ORDER BY key":                           "ENG-3 OPS-2", // a name stands for all types that have it
		"issuetype = " + own:                                        "OPS-2",
		"issuetype in (" + own + ", Bug) ORDER BY key":              "ENG-1 OPS-2",
		"project = ENG AND issuetype != " + other + " ORDER BY key": "ENG-1 ENG-2",
	} {
		if got := w.reader.jql(query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	if got := w.reader.get("/rest/api/3/project/OPS").want(t, 200).column("issueTypes", "name"); got != "Epic Story Task Bug Subtask Spec Review" {
		t.Errorf("got types %q", got)
	}

	w.RenameIssueType("ENG", "Review", "Audit")
	w.RemoveIssueType("OPS", "Spec")
	if got := w.reader.get("/rest/api/3/issue/ENG-3?fields=issuetype").want(t, 200); got.at("fields.issuetype.name") != "Audit" || got.at("fields.issuetype.id") != other {
		t.Errorf("got %s after a type was renamed", got.text)
	}
	if got := w.reader.get("/rest/api/3/issue/OPS-1?fields=issuetype").want(t, 200).at("fields.issuetype.id"); got != spec {
		t.Errorf("got type %q after it was taken out of the project, want %q", got, spec)
	}
	if got := w.reader.get("/rest/api/3/project/OPS").want(t, 200).column("issueTypes", "name"); got != "Epic Story Task Bug Subtask Review" {
		t.Errorf("got types %q", got)
	}
	w.writer.do("POST", "/rest/api/3/issue", `{"fields":{"project":{"key":"OPS"},"issuetype":{"id":"`+spec+`"},"summary":"s"}}`).want(t, 400)
}

// TestIssueTypeCalledLikeAnID has a type whose name is another's id: ids go first.
func TestIssueTypeCalledLikeAnID(t *testing.T) {
	w := newWorld(t)
	bug := w.IssueTypeID("ENG", "Bug")
	w.RenameIssueType("ENG", "Epic", bug)
	if got := w.IssueTypeID("ENG", bug); got != bug {
		t.Errorf("%s leads to %s", bug, got)
	}
	if got := w.reader.jql("issuetype = " + bug); got != "ENG-1" {
		t.Errorf("got %q, want ENG-1", got)
	}
}
