// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// searchRequest is a question to the search, however it was asked. The JSON is closed: what is not here is refused.
type searchRequest struct {
	JQL             string   `json:"jql"`
	NextPageToken   string   `json:"nextPageToken"`
	MaxResults      *int     `json:"maxResults"`
	Fields          []string `json:"fields"`
	Expand          string   `json:"expand"`
	Properties      []string `json:"properties"`
	FieldsByKeys    bool     `json:"fieldsByKeys"`
	FailFast        bool     `json:"failFast"`
	ReconcileIssues []int64  `json:"reconcileIssues"`
}

const badPayload = "Invalid request payload. Refer to the REST API documentation and try again."

func postSearch(s *Site, c *call) reply {
	var in searchRequest
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return jiraError(http.StatusBadRequest, badPayload)
	}
	return s.search(c, &in)
}

func getSearch(s *Site, c *call) reply {
	in := searchRequest{
		JQL: c.query.Get("jql"), NextPageToken: c.query.Get("nextPageToken"), Fields: c.list("fields"), Expand: strings.Join(c.list("expand"), ","),
		Properties: c.list("properties"),
	}
	if text := c.query.Get("maxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return jiraError(http.StatusBadRequest, badPayload)
		}
		in.MaxResults = &n
	}
	for _, text := range c.list("reconcileIssues") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return jiraError(http.StatusBadRequest, badPayload)
		}
		in.ReconcileIssues = append(in.ReconcileIssues, n)
	}
	return s.search(c, &in)
}

// Page sizes of the search: more than ids costs the site more, so it gives less, whatever is asked for.
const (
	normalHits = 50
	mostHits   = 100
	mostIDs    = 5000
)

// search answers with a page of matching issues. There is no total.
func (s *Site) search(c *call, in *searchRequest) reply {
	if len(in.ReconcileIssues) > 50 {
		return jiraError(http.StatusBadRequest, "At most 50 issues can be reconciled.")
	}
	q, err := s.parseJQL(in.JQL, c.account)
	if err != nil {
		return jiraError(http.StatusBadRequest, err.Error())
	}
	fields := in.Fields
	if len(fields) == 0 {
		fields = []string{"id"}
	}
	p := s.projection(fields, splitList([]string{in.Expand}))
	p.properties = in.Properties
	w := window{limit: normalHits}
	if in.MaxResults != nil {
		w.limit = *in.MaxResults
	}
	if w.limit < 1 {
		return jiraError(http.StatusBadRequest, "The maxResults must be at least 1.")
	}
	w.limit = min(w.limit, mostIDs)
	if !p.idOnly {
		w.limit = min(w.limit, mostHits)
	}
	question := c.account.id + " search " + in.JQL
	if in.NextPageToken != "" {
		offset, valid := s.open(question, in.NextPageToken)
		if !valid {
			return jiraError(http.StatusBadRequest, "The nextPageToken is invalid or has expired.")
		}
		w.offset = offset
	}
	hits, more := cut(q.run(in.ReconcileIssues), w)
	issues := []object{}
	for _, i := range hits {
		issues = append(issues, i.json(s, c, p))
	}
	o := object{"issues": issues, "isLast": !more}
	p.describe(o)
	if more {
		o["nextPageToken"] = s.seal(question, w.offset+w.limit)
	}
	return ok(o)
}

// run returns the issues that match and that the asker may see. New issues are not found for a while, and changed ones
// are found by what they were, unless they are among those to reconcile.
func (q *jql) run(reconcile []int64) []*issue {
	var hits []*issue
	for _, i := range q.site.issues {
		id, _ := strconv.ParseInt(i.id, 10, 64)
		late := !slices.Contains(reconcile, id)
		if late && q.site.now().Sub(i.created) < q.site.lag || !i.project.browsable(q.asker) {
			continue
		}
		indexed := i
		if late && i.was != nil && q.site.now().Sub(i.changed) < q.site.lag {
			indexed = i.was
		}
		if q.where.eval(func(c *clause) bool { return q.match(c, indexed) }) {
			hits = append(hits, i)
		}
	}
	slices.SortFunc(hits, q.compare)
	return hits
}

// postCount answers with the number of matching issues.
func postCount(s *Site, c *call) reply {
	var in struct {
		JQL string `json:"jql"`
	}
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	q, err := s.parseJQL(in.JQL, c.account)
	if err != nil {
		return jiraError(http.StatusBadRequest, err.Error())
	}
	return ok(object{"count": len(q.run(nil))})
}
