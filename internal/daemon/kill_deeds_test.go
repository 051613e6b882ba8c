// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	site "github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/confluence"
	"github.com/clawea/clawea/internal/jira"
	"github.com/clawea/clawea/internal/sim/atlassian"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A deed is a write.
type deed struct {
	tool  string
	sends sends
	by    string // the tool that takes it back; "": another deed is taken back likewise
	back  sends  // what that sends
	begin func(m *mortal, word string) *subject
}

// A sends tells one request from others: by method and pattern of the path.
type sends struct{ method, pattern string }

func (s sends) is(r atlassian.Request) bool {
	ok, err := filepath.Match(s.pattern, r.Path)
	return err == nil && ok && r.Method == s.method
}

// A subject is what a deed is done to, once.
type subject struct {
	args  string
	made  func() int    // how often it was done, as the site has it
	image func() string // what it changes, as that is now
}

const (
	pages    = "/wiki/api/v2/pages"
	contents = "/wiki/rest/api/content"
	remarks  = "/wiki/api/v2/footer-comments"
	issues   = "/rest/api/3/issue"
)

var deeds = []deed{
	{"confluence.page.update", sends{"PUT", pages + "/*"}, "confluence.page.restore", sends{"POST", contents + "/*/version"}, func(m *mortal, word string) *subject {
		id := m.leaf(word)
		return m.onPage(id, fmt.Sprintf(`{"page_id":%q,"based_on_version":1,"message":"Round","body_storage":"<p>%s</p>"}`, id, word), func(p *atlassian.Page) (n int) {
			for _, v := range p.Versions[1:] {
				n += strings.Count(v.Body, word+"<")
			}
			return n
		})
	}},
	{"confluence.page.edit", sends{"PUT", pages + "/*"}, "", sends{}, func(m *mortal, word string) *subject {
		id := m.leaf(word)
		args := fmt.Sprintf(`{"page_id":%q,"based_on_version":1,"message":"Round","edits":[{"op":"append","content":"<p>%s</p>"}]}`, id, word)
		return m.onPage(id, args, func(p *atlassian.Page) int { return strings.Count(p.Body, word+"<") })
	}},
	{"confluence.page.create", sends{"POST", pages}, "confluence.page.trash", sends{"DELETE", pages + "/*"}, func(m *mortal, word string) *subject {
		above := m.leaf("Above " + word)
		made := func() int {
			var list struct{ Results []struct{ Title string } }
			m.ask(pages+"/"+above+"/direct-children?limit=100", &list)
			return len(list.Results)
		}
		return &subject{fmt.Sprintf(`{"parent_id":%q,"title":%q,"body_storage":"<p>new</p>"}`, above, word), made, count(made)}
	}},
	{"confluence.page.label.add", sends{"POST", contents + "/*/label"}, "confluence.page.label.remove", sends{"DELETE", contents + "/*/label"}, func(m *mortal, word string) *subject {
		id := m.leaf(word, "kept")
		return m.onPage(id, fmt.Sprintf(`{"page_id":%q,"label":"ours"}`, id), func(p *atlassian.Page) int { return one(slices.Contains(p.Labels, "ours")) })
	}},
	{"confluence.page.label.remove", sends{"DELETE", contents + "/*/label"}, "", sends{}, func(m *mortal, word string) *subject {
		id := m.leaf(word, "kept", "theirs")
		return m.onPage(id, fmt.Sprintf(`{"page_id":%q,"label":"theirs"}`, id), func(p *atlassian.Page) int { return one(!slices.Contains(p.Labels, "theirs")) })
	}},
	{"confluence.page.move", sends{"PUT", contents + "/*/move/append/*"}, "confluence.page.move", sends{"PUT", contents + "/*/move/append/*"}, func(m *mortal, word string) *subject {
		id, shelf := m.leaf(word), m.leaf("Shelf "+word)
		args := fmt.Sprintf(`{"page_id":%q,"target_id":%q,"based_on_version":1,"message":"Round"}`, id, shelf)
		return m.onPage(id, args, func(p *atlassian.Page) int { return one(p.ParentID == shelf) })
	}},
	{"confluence.page.trash", sends{"DELETE", pages + "/*"}, "confluence.page.untrash", sends{"PUT", pages + "/*"}, func(m *mortal, word string) *subject {
		id := m.leaf(word)
		return m.onPage(id, fmt.Sprintf(`{"page_id":%q,"based_on_version":1,"message":"Round"}`, id), func(p *atlassian.Page) int { return one(p.Status == "trashed") })
	}},
	{"confluence.page.restore", sends{"POST", contents + "/*/version"}, "", sends{}, func(m *mortal, word string) *subject {
		id := m.leaf(word)
		m.site.EditPage(id, "", "<p>Worse.</p>")
		args := fmt.Sprintf(`{"page_id":%q,"version":1,"based_on_version":2,"message":"Round"}`, id)
		return m.onPage(id, args, func(p *atlassian.Page) int { return len(p.Versions) - 2 })
	}},
	{"confluence.page.comment.create", sends{"POST", remarks}, "confluence.comment.delete", sends{"DELETE", remarks + "/*"}, func(m *mortal, word string) *subject {
		id := m.leaf(word)
		m.site.CommentPage(id, "", "<p>Something else.</p>")
		return m.onPage(id, fmt.Sprintf(`{"page_id":%q,"body_storage":"<p>%s</p>"}`, id, word), func(p *atlassian.Page) int { return len(p.Comments) - 1 })
	}},
	{"jira.issue.create", sends{"POST", issues}, "jira.issue.quarantine", sends{"PUT", issues + "/*"}, func(m *mortal, word string) *subject {
		find := func(jql string) func() int {
			return func() int {
				var list struct{ Issues []struct{ ID string } }
				m.ask("/rest/api/3/search/jql?maxResults=100&fields=summary&jql=project=ENG+AND+summary+~+"+word+jql, &list)
				return len(list.Issues)
			}
		}
		args := fmt.Sprintf(`{"project_key":"ENG","issue_type":"Task","fields":{"summary":%q,"labels":["new"]}}`, word)
		return &subject{args, find(""), count(find("+AND+labels+not+in+(clawea-quarantine)"))}
	}},
	{"jira.issue.edit", sends{"PUT", issues + "/*"}, "jira.issue.edit", sends{"PUT", issues + "/*"}, func(m *mortal, word string) *subject {
		key, now := m.ticket(word)
		args := fmt.Sprintf(`{"issue_key":%q,"based_on":%q,"message":"Round","fields":{"summary":"Better"},"labels_add":["ours"],"labels_remove":["theirs"]}`, key, now)
		return m.onIssue(key, args, changed("summary", "Better"))
	}},
	{"jira.issue.comment.create", sends{"POST", issues + "/*/comment"}, "jira.issue.comment.delete", sends{"DELETE", issues + "/*/comment/*"}, func(m *mortal, word string) *subject {
		key, _ := m.ticket(word)
		made := func() int { return len(m.site.Comments(key)) }
		return &subject{fmt.Sprintf(`{"issue_key":%q,"body":%q}`, key, word), made, count(made)}
	}},
	{"jira.issue.transition", sends{"POST", issues + "/*/transitions"}, "jira.issue.transition", sends{"POST", issues + "/*/transitions"}, func(m *mortal, word string) *subject {
		key, now := m.ticket(word)
		return m.onIssue(key, fmt.Sprintf(`{"issue_key":%q,"based_on":%q,"message":"Round","transition_id":"11"}`, key, now), changed("status", "In Progress"))
	}},
	{"jira.issue.assign", sends{"PUT", issues + "/*"}, "", sends{}, func(m *mortal, word string) *subject {
		key, now := m.ticket(word)
		bob := m.site.AddAccount(atlassian.Account{Name: "Bob " + word, Email: word + "@house.test"})
		return m.onIssue(key, fmt.Sprintf(`{"issue_key":%q,"based_on":%q,"message":"Round","account_id":%q}`, key, now, bob), changed("assignee", "Bob "+word))
	}},
	{"jira.issue.link.create", sends{"POST", "/rest/api/3/issueLink"}, "jira.issue.link.delete", sends{"DELETE", "/rest/api/3/issueLink/*"}, func(m *mortal, word string) *subject {
		key, _ := m.ticket(word)
		other, _ := m.ticket("Other " + word)
		args := fmt.Sprintf(`{"issue_key":%q,"phrase":"blocks","other_key":%q,"message":"Round"}`, key, other)
		return m.onIssue(key, args, func(i *atlassian.Issue) int { return len(i.Links) })
	}},
}

// permits is a policy under which all deeds, and what takes them back, wait for a
// person.
const permits = `{
  "wpc_version": "v1", "policy_name": %q, "tool": ["confluence", "jira"], "connection_mode": ["official_api", "mcp_server"],
  "resources": {"spaces_allowlist": ["ENG"]},
  "actions": {
    "read": {"allowed": true}, "search": {"allowed": true},
    "write": {"allowed": false, "approval_gate": "required"}, "admin": {"allowed": false, "approval_gate": "required"}
  },
  "allow": {
    "projects": ["ENG"], "operations": ["issue.*"],
    "fields_write_allowlist": ["summary", "description", "labels", "assignee", "status", "issuelinks", "comment"]
  }
}`

// permit publishes it under a name.
func (m *mortal) permit(name string) seal.Hash {
	m.t.Helper()
	p, err := m.client.Publish(m.t.Context(), m.signed(fmt.Sprintf(permits, name)))
	if err != nil {
		m.t.Fatal(err)
	}
	return p.Hash
}

// leaf makes a page with nothing below it.
func (m *mortal) leaf(title string, labels ...string) string {
	return m.site.AddPage(atlassian.PageSeed{Space: "ENG", Parent: m.world.page, Title: title, Body: "<p>There before.</p>", Labels: labels})
}

// ticket makes an issue, and says at which version it is.
func (m *mortal) ticket(summary string) (key, now string) {
	m.t.Helper()
	id := m.site.AddIssue(atlassian.IssueSeed{Project: "ENG", Type: "Task", Summary: summary, Labels: []string{"kept", "theirs"}})
	var is struct {
		Key    string
		Fields struct{ Updated string }
	}
	m.ask(issues+"/"+id+"?fields=updated", &is)
	sum := sha256.Sum256([]byte(id + " " + is.Fields.Updated)) // as issue.get tells it
	return is.Key, hex.EncodeToString(sum[:12])
}

// onPage is a subject that is a page.
func (m *mortal) onPage(id, args string, made func(*atlassian.Page) int) *subject {
	page := func() *atlassian.Page {
		p, _ := m.site.Page(id)
		return &p
	}
	return &subject{args, func() int { return made(page()) }, func() string {
		p := page()
		return fmt.Sprint(p.Status, p.ParentID, p.Title, p.Body, p.Labels, len(p.Comments))
	}}
}

// onIssue is a subject that is an issue.
func (m *mortal) onIssue(key, args string, made func(*atlassian.Issue) int) *subject {
	issue := func() *atlassian.Issue {
		i, _ := m.site.Issue(key)
		return &i
	}
	return &subject{args, func() int { return made(issue()) }, func() string {
		i := issue()
		return fmt.Sprint(i.Status, i.Summary, i.Labels, i.AssigneeID, i.Links)
	}}
}

// changed counts how often an issue's field was set to a value.
func changed(field, to string) func(*atlassian.Issue) int {
	return func(i *atlassian.Issue) (n int) {
		for _, c := range i.Changes {
			n += one(c.Field == field && c.To == to)
		}
		return n
	}
}

func count(made func() int) func() string { return func() string { return fmt.Sprint(made()) } }

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// deedOf is the deed that a tool does.
func deedOf(t *testing.T, tool string) *deed {
	t.Helper()
	i := slices.IndexFunc(deeds, func(d deed) bool { return d.tool == tool })
	if i < 0 {
		t.Fatalf("no deed is done by %s", tool)
	}
	return &deeds[i]
}

// Every write that agents are offered is among the deeds, or takes one back.
func TestDeeds(t *testing.T) {
	for system, table := range map[string][]site.Operation{"confluence": confluence.Operations(), "jira": jira.Operations()} {
		for _, o := range table {
			tool := system + "." + o.Name
			if !o.Offered || o.Class != policy.Write && o.Class != policy.Admin {
				continue
			}
			if !slices.ContainsFunc(deeds, func(d deed) bool { return d.tool == tool || d.by == tool }) {
				t.Errorf("no daemon is killed in %s", tool)
			}
		}
	}
}
