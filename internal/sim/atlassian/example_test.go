// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/clawea/clawea/internal/sim/atlassian"
)

func Example() {
	site := atlassian.New(atlassian.Config{})
	site.AddAccount(atlassian.Account{Email: "bot@example.com", Token: "secret", Name: "Bot", Scopes: atlassian.WriterScopes()})
	site.AddProject("ENG", "Engineering")
	issue := site.AddIssue(atlassian.IssueSeed{Project: "ENG", Type: "Bug", Summary: "Queue stuck"})

	server := httptest.NewServer(site)
	defer server.Close()
	r, err := http.NewRequest("PUT", server.URL+"/rest/api/3/issue/ENG-1", strings.NewReader(`{"fields":{"summary":"Queue is stuck"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("bot@example.com", "secret")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()

	after, _ := site.Issue(issue)
	fmt.Println(resp.StatusCode, after.Key, after.Summary)
	// Output: 204 ENG-1 Queue is stuck
}
