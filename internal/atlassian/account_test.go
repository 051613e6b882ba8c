// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// An answer that another account gave is kept back; what it may have changed is
// an incident, and by that credential nothing more is changed.
func TestWrongAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		acts := "712020:mallory"
		header := "X-AAccountId"
		status := 200
		s, c := paced(t, func(int, *http.Request) (int, http.Header) { return status, headers(header, acts) })
		var log bytes.Buffer
		c.log = slog.New(slog.NewTextHandler(&log, nil))
		secret := token
		c.credential = func(context.Context) (Credential, error) { return Bearer(secret).For("712020:bot"), nil }
		do := func(method string) (*Response, *Error) {
			res, err := c.Do(t.Context(), &Request{Method: method, Path: "/x"})
			e := (*Error)(nil)
			errors.As(err, &e)
			return res, e
		}
		if res, e := do("PUT"); res != nil || e == nil || e.Code != WrongAccount || !e.Uncertain || e.Account != acts || e.Status != 200 {
			t.Errorf("a change by another account: %+v", e)
		}
		if !strings.Contains(log.String(), "level=ERROR msg=\"incident: another account acted") || !strings.Contains(log.String(), acts) || strings.Contains(log.String(), token) {
			t.Errorf("log: %s", &log)
		}
		if _, e := do("PUT"); e == nil || e.Code != WrongAccount || e.Uncertain || len(s.came) != 1 {
			t.Errorf("a second change: %+v, %d requests", e, len(s.came))
		}
		if res, e := do("GET"); res != nil || e == nil || e.Code != WrongAccount || e.Uncertain {
			t.Errorf("a read by another account: %+v", e)
		}
		status = 404
		if _, e := do("GET"); e == nil || e.Code != WrongAccount {
			t.Errorf("a refusal to another account: %+v", e)
		}
		status, acts = 200, "712020:bot"
		if _, e := do("PUT"); e == nil {
			t.Error("a change by a credential that was another's")
		}
		if res, e := do("GET"); e != nil || res.Account != acts {
			t.Errorf("the right account again: %+v", e)
		}
		if _, e := do("PUT"); e != nil {
			t.Errorf("a change after that: %+v", e)
		}
		acts = "712020:mallory"
		_, _ = do("GET")
		secret, acts = "another", "712020:bot"
		if _, e := do("PUT"); e != nil {
			t.Errorf("a change by another credential: %+v", e)
		}
		acts = ""
		if res, e := do("GET"); e != nil || res.Account != "" {
			t.Errorf("a site that does not say who acts: %+v", e)
		}
		header, acts = "X-AUSERNAME", "someone@acme.example"
		if _, e := do("GET"); e == nil || e.Account != acts {
			t.Errorf("Data Center's word for it: %+v", e)
		}
	})
}

func TestAnyAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := paced(t, func(int, *http.Request) (int, http.Header) { return 200, headers("X-AAccountId", "712020:any") })
		if res, err := c.Do(t.Context(), &Request{Method: "PUT", Path: "/x"}); err != nil || res.Account != "712020:any" {
			t.Errorf("got %v", err)
		}
	})
}

func wrongly(context.Context) (Credential, error) {
	return Basic("bot@example.com", token).For("712020:bot"), nil
}
