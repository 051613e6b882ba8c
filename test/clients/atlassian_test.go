// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/npmtest"
	"github.com/clawea/clawea/internal/sim/atlassian"
)

// atlassianDir is the project of the clients that are written in JavaScript.
var atlassianDir = filepath.Join("..", "atlassian")

// runClient runs one of the clients, tells it what it needs to know, and wants
// a number of things to hold.
func runClient(t *testing.T, node, script string, tell map[string]any, want int) {
	t.Helper()
	input, err := json.Marshal(tell)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, script)
	cmd.Dir, cmd.Stdin = atlassianDir, bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	if n := strings.Count(string(out), "ok "); n != want {
		t.Errorf("%d things held, want %d", n, want)
	}
}

// wholeScopes lets an account do all that there is.
func wholeScopes() []string {
	scopes := append(atlassian.ReaderScopes(), atlassian.WriterScopes()...)
	scopes = append(scopes, atlassian.RollbackScopes()...)
	return append(scopes, "delete:issue:jira", "read:issue:jira", "write:content.restriction:confluence", "delete:comment.property:jira", "write:comment.property:jira")
}

// jira.js does all that it has of what the simulated site has, and finds
// nothing in the answers that breaks its own reading of the specification.
func TestJiraJS(t *testing.T) {
	t.Parallel()
	node := npmtest.Install(t, atlassianDir)
	s := openSite(t)
	account := s.AddAccount(atlassian.Account{Email: "js@example.com", Token: "a-token-for-js", Name: "Script", Scopes: wholeScopes(), Admin: true})
	s.AddProject("ENG", "Engineering")
	s.AddIssue(atlassian.IssueSeed{Project: "ENG", Type: "Bug", Summary: "Queue stuck", Description: "It is stuck."})
	runClient(t, node, "jira.mjs", map[string]any{
		"host": s.url, "email": "js@example.com", "apiToken": "a-token-for-js", "account": account,
		"oauth": map[string]string{"readerToken": s.serviceToken(t, account, "read:user:jira")},
	}, 10)
	if got, _ := s.Issue("ENG-2"); got.Summary != "Watch it" || string(got.Properties["clawea"]) != `{"job":"2"}` {
		t.Errorf("left %+v", got)
	}
}

// So does confluence.js.
func TestConfluenceJS(t *testing.T) {
	t.Parallel()
	node := npmtest.Install(t, atlassianDir)
	media := httptest.NewUnstartedServer(nil)
	s := openSiteWith(t, atlassian.Config{MediaURL: "http://" + media.Listener.Addr().String()},
		&tolerance{reason: "createPage sends nothing but body", fault: regexp.MustCompile(`POST /wiki/api/v2/pages: request`)},
	)
	media.Config.Handler = s.Media()
	media.Start()
	t.Cleanup(media.Close)
	account := s.AddAccount(atlassian.Account{Email: "js@example.com", Token: "a-token-for-js", Name: "Script", Scopes: wholeScopes(), Admin: true})
	space := s.AddSpace("ENG", "Engineering")
	page := s.HomepageID("ENG")
	file := s.AddAttachment(atlassian.AttachmentSeed{Page: page, Name: "log.txt", MediaType: "text/plain", Data: []byte("hello")})
	runClient(t, node, "confluence.mjs", map[string]any{
		"host": s.url, "email": "js@example.com", "apiToken": "a-token-for-js", "account": account, "space": space,
		"attachment": map[string]string{"page": page, "id": file},
	}, 11)
	for _, r := range s.MediaRequests() {
		if r.Authorization != "" {
			t.Errorf("confluence.js gave its credentials to the other host: %+v", r)
		}
	}
}
