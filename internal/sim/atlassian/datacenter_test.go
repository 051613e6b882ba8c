// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// serverWorld is a Data Center site with something in it, and a client with a personal access token.
func serverWorld(t *testing.T) (*Site, *client) {
	t.Helper()
	s := New(Config{DataCenter: true, BaseURL: "https://tools.example.com"})
	c := &client{t: t, handler: s, bearer: "a-personal-access-token"}
	c.id = s.AddAccount(Account{Email: "bot@example.com", Token: c.bearer, Name: "Bot"})
	s.AddProject("ENG", "Engineering")
	s.AddIssue(IssueSeed{Project: "ENG", Type: "Bug", Summary: "Queue stuck", Description: "It is *stuck*."})
	s.AddSpace("ENG", "Engineering")
	return s, c
}

func TestDataCenterJira(t *testing.T) {
	s, c := serverWorld(t)
	a := c.get("/rest/api/2/myself").want(t, 200)
	if a.at("name") != "bot" || a.at("accountId") != "" || a.at("key") != c.id || a.header.Get("X-AAccountId") != "" {
		t.Errorf("got %s", a.text)
	}
	a = c.do("POST", "/rest/api/2/issue", `{"fields":{"project":{"key":"ENG"},"issuetype":{"name":"Task"},"summary":"Watch","description":"h1. *Day* and night","assignee":{"name":"bot"}},"properties":[{"key":"clawea","value":1}]}`).want(t, 201)
	if a.at("key") != "ENG-2" || !strings.HasPrefix(a.at("self"), "https://tools.example.com/rest/api/2/issue/") {
		t.Errorf("got %s", a.text)
	}
	a = c.get("/rest/api/2/issue/ENG-2?properties=*all").want(t, 200)
	if a.at("fields.description") != "h1. *Day* and night" || a.at("fields.assignee.name") != "bot" || a.at("properties.clawea") != "1" {
		t.Errorf("got %s", a.text)
	}
	c.do("PUT", "/rest/api/2/issue/ENG-2", `{"fields":{"description":`+string(TextDoc("x"))+`}}`).want(t, 400)
	c.do("PUT", "/rest/api/2/issue/ENG-2/assignee", `{"name":null}`).want(t, 204)
	a = c.do("POST", "/rest/api/2/issue/ENG-1/comment", `{"body":"_seen_"}`).want(t, 201)
	if a.at("body") != "_seen_" || a.at("author.name") != "bot" {
		t.Errorf("got %s", a.text)
	}
	a = c.do("POST", "/rest/api/2/search", `{"jql":"reporter = bot or key = ENG-1 order by key","startAt":1,"maxResults":1}`).want(t, 200)
	if a.at("total") != "2" || a.at("startAt") != "1" || a.column("issues", "key") != "ENG-2" || a.at("issues.0.fields.summary") != "Watch" {
		t.Errorf("got %s", a.text)
	}
	if a := c.get("/rest/api/2/search?jql=text~stuck&fields=description").want(t, 200); a.at("issues.0.fields.description") != "It is *stuck*." {
		t.Errorf("got %s", a.text)
	}
	if a := c.get("/rest/api/2/issue/ENG-2?expand=changelog").want(t, 200); a.at("changelog.histories.0.author.name") != "bot" {
		t.Errorf("got %s", a.text)
	}
	if a := c.get("/rest/api/2/issue/createmeta/ENG/issuetypes").want(t, 200); a.at("values.0.name") != "Epic" || a.at("isLast") != "true" {
		t.Errorf("got %s", a.text)
	}
	if a := c.get("/rest/api/2/serverInfo").want(t, 200); a.at("deploymentType") != "Server" {
		t.Errorf("got %s", a.text)
	}
	for _, target := range []string{"/rest/api/3/issue/ENG-1", "/wiki/api/v2/pages", "/ex/jira/" + s.CloudID() + "/rest/api/3/myself", "/_edge/tenant_info"} {
		c.get(target).want(t, 404)
	}
	basic := &client{t: t, handler: s, email: "bot", token: c.bearer}
	basic.get("/rest/api/2/myself").want(t, 200)
	(&client{t: t, handler: s, bearer: "another"}).get("/rest/api/2/myself").want(t, 401)
}

func TestDataCenterConfluence(t *testing.T) {
	s, c := serverWorld(t)
	home := s.HomepageID("ENG")
	a := c.do("POST", "/rest/api/content", `{"type":"page","title":"Restart","space":{"key":"ENG"},"ancestors":[{"id":"`+home+`"}],"body":{"storage":{"value":"<p>1</p>","representation":"storage"}}}`).want(t, 200)
	id := a.at("id")
	put := func(version int, title, more string) answer {
		return c.do("PUT", "/rest/api/content/"+id, fmt.Sprintf(
			`{"type":"page","title":%q,"body":{"storage":{"value":"<p>%d</p>","representation":"storage"}},"version":{"number":%d,"message":"job"}%s}`, title, version, version, more))
	}
	put(2, "Restart it", "").want(t, 200)
	if a := put(2, "Restart it", "").want(t, 409); a.at("message") != "Version must be incremented on update. Current version is: 2" || a.at("statusCode") != "409" {
		t.Errorf("got %s", a.text)
	}
	a = c.get("/rest/api/content/"+id+"?expand=body.storage,version,ancestors,metadata.labels").want(t, 200)
	if a.at("body.storage.value") != "<p>2</p>" || a.at("version.by.username") != "bot" || a.column("ancestors", "id") != home || a.at("history.createdBy.userKey") != c.id {
		t.Errorf("got %s", a.text)
	}
	a = c.get("/rest/api/content/"+id+"?status=historical&version=1&expand=body.storage").want(t, 200)
	if a.at("body.storage.value") != "<p>1</p>" || a.at("title") != "Restart" || a.at("status") != "historical" {
		t.Errorf("got %s", a.text)
	}
	if a := c.get("/rest/experimental/content/"+id+"/version").want(t, 200); a.column("results", "number") != "2 1" {
		t.Errorf("got %s", a.text)
	}
	folder := s.AddPage(PageSeed{Space: "ENG", Title: "Elsewhere"})
	put(3, "Restart it", `,"ancestors":[{"id":"`+folder+`"}]`).want(t, 200)
	if a := c.get("/rest/api/content/"+folder+"/child/page").want(t, 200); a.column("results", "id") != id {
		t.Errorf("got %s", a.text)
	}
	c.do("POST", "/rest/api/content/"+id+"/label", `[{"prefix":"global","name":"ops"}]`).want(t, 200)
	if a := c.get("/rest/api/content/"+id+"/label").want(t, 200); a.column("results", "name") != "ops" {
		t.Errorf("got %s", a.text)
	}
	c.do("POST", "/rest/api/content", `{"type":"comment","container":{"id":"`+id+`","type":"page"},"body":{"storage":{"value":"<p>hm</p>","representation":"storage"}}}`).want(t, 200)
	if a := c.get("/rest/api/content/"+id+"/child/comment").want(t, 200); a.at("results.0.body.storage.value") != "<p>hm</p>" {
		t.Errorf("got %s", a.text)
	}
	c.do("PUT", "/rest/api/content/"+id+"/property/clawea", `{"value":{"job":1},"version":{"number":1}}`).want(t, 200)
	c.do("PUT", "/rest/api/content/"+id+"/property/clawea", `{"value":{"job":2},"version":{"number":1}}`).want(t, 409)
	if a := c.get("/rest/api/content/"+id+"/property/clawea").want(t, 200); a.at("value.job") != "1" {
		t.Errorf("got %s", a.text)
	}
	if a := c.get("/rest/api/content/search?cql=contributor%3Dbot+and+label%3Dops").want(t, 200); a.column("results", "id") != id {
		t.Errorf("got %s", a.text)
	}
	c.do("DELETE", "/rest/api/content/"+id, "").want(t, 204)
	c.get("/rest/api/content/"+id).want(t, 404)
	put(4, "ignored", `,"status":"current"`).want(t, 200)
	if p, _ := s.Page(id); p.Status != "current" || p.Body != "<p>3</p>" || len(p.Versions) != 4 {
		t.Errorf("restored, it is %+v", p)
	}
	c.get("/rest/api/content/"+home+"?expand=nonsense").want(t, 200)
	if a := c.get("/rest/api/content/999").want(t, 404); a.at("statusCode") != "404" {
		t.Errorf("got %s", a.text)
	}
}

// TestDataCenterAttachment gets a file from the site itself.
func TestDataCenterAttachment(t *testing.T) {
	s, c := serverWorld(t)
	s.AddAttachment(AttachmentSeed{Page: s.HomepageID("ENG"), Name: "log.json", MediaType: "application/json", Data: []byte(`{"a":1}`)})
	link := c.get("/rest/api/content/"+s.HomepageID("ENG")+"/child/attachment").want(t, 200).at("results.0._links.download")
	if a := c.get(link).want(t, http.StatusOK); a.text != `{"a":1}` {
		t.Errorf("got %s", a.text)
	}
}

// TestLegacyContent keeps the removed interface on a Cloud site.
func TestLegacyContent(t *testing.T) {
	s := New(Config{LegacyContent: true, BaseURL: "https://example.atlassian.net"})
	s.AddSpace("ENG", "Engineering")
	c := &client{t: t, handler: s, email: "a@example.com", token: "t"}
	s.AddAccount(Account{Email: c.email, Token: c.token, Name: "A", Scopes: []string{"write:content:confluence", "search:confluence"}})
	if a := c.get("/wiki/rest/api/content?spaceKey=ENG").want(t, 200); a.at("size") != "1" {
		t.Errorf("got %s", a.text)
	}
	if a := c.get("/wiki/rest/api/content/search?cql=type%3Dpage").want(t, 200); a.at("size") != "1" {
		t.Errorf("got %s", a.text)
	}
	a := c.get("/wiki/rest/api/content/"+s.HomepageID("ENG")+"?expand=body.storage").want(t, 200)
	if !json.Valid([]byte(a.text)) || a.at("history.createdBy.accountId") == "" {
		t.Errorf("got %s", a.text)
	}
}
