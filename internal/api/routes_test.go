// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/internal/api"
)

func TestRoutes(t *testing.T) {
	var asked string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.RequestURI + r.Header.Get("Authorization")
		io.WriteString(w, `{"routes":[{"name":"main","dialect":"openai"}],"mcp":true}`)
	})
	c.Token = nil
	got, err := c.Routes(t.Context())
	if err != nil || asked != "GET /v1/routes" {
		t.Fatalf("%s: %v", asked, err)
	}
	if diff := cmp.Diff(&api.Routes{Routes: []api.Route{{Name: "main", Dialect: "openai"}}, MCP: true}, got); diff != "" {
		t.Error(diff)
	}
}
