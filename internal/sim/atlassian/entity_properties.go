// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// entityProperty is a value that applications keep with an issue or a comment, in a request.
type entityProperty struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

// putProperties sets properties, or tells what is wrong with one.
func putProperties(into map[string]json.RawMessage, list []entityProperty) (problem string) {
	for _, p := range list {
		if problem := p.check(); problem != "" {
			return problem
		}
		into[p.Key] = slices.Clone(p.Value)
	}
	return ""
}

func (p *entityProperty) check() (problem string) {
	switch {
	case p.Key == "" || len(p.Key) > 255:
		return "The property key must have from 1 to 255 characters."
	case len(p.Value) == 0 || !json.Valid(p.Value):
		return "The property value must be valid, non-empty JSON."
	case len(p.Value) > maxProperty:
		return "The property value must not be longer than 32768 characters."
	}
	return ""
}

func (i *issue) setProperties(list []entityProperty) (problem string) {
	return putProperties(i.properties, list)
}

// propertiesJSON is the properties that a request names; * stands for all.
func (i *issue) propertiesJSON(keys []string) object {
	o := object{}
	for key, value := range i.properties {
		if slices.Contains(keys, key) || slices.Contains(keys, "*all") || slices.Contains(keys, "*") {
			o[key] = value
		}
	}
	return o
}

// holder is what has the properties that a path leads to.
func (s *Site) holder(c *call) (map[string]json.RawMessage, string, *reply) {
	if c.vars["comment"] == "" {
		i, refusal := s.issue(c)
		if refusal != nil {
			return nil, "", refusal
		}
		return i.properties, i.self(c) + "/properties/", nil
	}
	for _, i := range s.issues {
		for _, m := range i.comments {
			if m.id == c.vars["comment"] && i.project.browsable(c.account) {
				return m.properties, c.rest() + "/comment/" + m.id + "/properties/", nil
			}
		}
	}
	missing := jiraError(http.StatusNotFound, "Can not find a comment for the id: "+c.vars["comment"]+".")
	return nil, "", &missing
}

func getProperties(s *Site, c *call) reply {
	properties, self, refusal := s.holder(c)
	if refusal != nil {
		return *refusal
	}
	keys := []object{}
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		keys = append(keys, object{"key": key, "self": self + key})
	}
	return ok(object{"keys": keys})
}

func getProperty(s *Site, c *call) reply {
	properties, _, refusal := s.holder(c)
	if refusal != nil {
		return *refusal
	}
	value, there := properties[c.vars["property"]]
	if !there {
		return jiraError(http.StatusNotFound, "The property with key: '"+c.vars["property"]+"' does not exist.")
	}
	return ok(object{"key": c.vars["property"], "value": value})
}

// putProperty sets a property: 201 if it is new, 200 if it was there.
func putProperty(s *Site, c *call) reply {
	properties, _, refusal := s.holder(c)
	if refusal != nil {
		return *refusal
	}
	status := http.StatusCreated
	if _, there := properties[c.vars["property"]]; there {
		status = http.StatusOK
	}
	if problem := putProperties(properties, []entityProperty{{c.vars["property"], c.body}}); problem != "" {
		return jiraError(http.StatusBadRequest, problem)
	}
	return reply{status: status, body: object{}}
}

func deleteProperty(s *Site, c *call) reply {
	properties, _, refusal := s.holder(c)
	if refusal != nil {
		return *refusal
	}
	if _, there := properties[c.vars["property"]]; !there {
		return jiraError(http.StatusNotFound, "The property with key: '"+c.vars["property"]+"' does not exist.")
	}
	delete(properties, c.vars["property"])
	return reply{status: http.StatusNoContent}
}
