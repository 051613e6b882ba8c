// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// maxProperty is the size limit of a property's value, in bytes.
const maxProperty = 32768

// contentProperty is a value that applications keep with a page.
type contentProperty struct {
	id      string
	key     string
	value   json.RawMessage
	version version
}

func (p *contentProperty) json() object {
	return object{"id": p.id, "key": p.key, "value": p.value, "version": p.version.json()}
}

func getContentProperties(s *Site, c *call) reply {
	n, refusal := s.page(c)
	if refusal != nil {
		return *refusal
	}
	results := []object{}
	for _, p := range n.properties {
		if key := c.query.Get("key"); key == "" || key == p.key {
			results = append(results, p.json())
		}
	}
	return v2List(s, c, results)
}

// contentProperty finds the property of the path.
func (s *Site) contentProperty(c *call) (*node, *contentProperty, *reply) {
	n, refusal := s.page(c)
	if refusal != nil {
		return nil, nil, refusal
	}
	at := slices.IndexFunc(n.properties, func(p *contentProperty) bool { return p.id == c.vars["property"] })
	if at < 0 {
		missing := v2Error(http.StatusNotFound, "Cannot find a property with id '"+c.vars["property"]+"'.")
		return nil, nil, &missing
	}
	if c.method != http.MethodGet && !n.editable(c.account) {
		denied := v2Error(http.StatusForbidden, "You may not edit the content with id '"+n.id+"'.")
		return nil, nil, &denied
	}
	return n, n.properties[at], nil
}

func getContentProperty(s *Site, c *call) reply {
	_, p, refusal := s.contentProperty(c)
	if refusal != nil {
		return *refusal
	}
	return ok(p.json())
}

// propertyWrite is a content property in a request.
type propertyWrite struct {
	Key     string          `json:"key"`
	Value   json.RawMessage `json:"value"`
	Version *struct {
		Number  int    `json:"number"`
		Message string `json:"message"`
	} `json:"version"`
}

func postContentProperty(s *Site, c *call) reply {
	n, refusal := s.editablePage(c)
	if refusal != nil {
		return *refusal
	}
	var in propertyWrite
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	switch {
	case in.Key == "" || len(in.Key) > 255 || len(in.Value) == 0 || len(in.Value) > maxProperty:
		return v2Error(http.StatusBadRequest, "The property needs a key of at most 255 and a value of at most 32768 characters.")
	case slices.ContainsFunc(n.properties, func(p *contentProperty) bool { return p.key == in.Key }):
		return v2Error(http.StatusBadRequest, "A property with the key '"+in.Key+"' already exists.")
	}
	p := &contentProperty{id: s.newID(), key: in.Key, value: in.Value, version: version{number: 1, author: c.account, at: s.now()}}
	n.properties = append(n.properties, p)
	return ok(p.json())
}

// putContentProperty changes a property. Its version must be the next one.
func putContentProperty(s *Site, c *call) reply {
	_, p, refusal := s.contentProperty(c)
	if refusal != nil {
		return *refusal
	}
	var in propertyWrite
	if refusal := decodeV2(c, &in); refusal != nil {
		return *refusal
	}
	switch {
	case in.Key != p.key || in.Version == nil || len(in.Value) == 0 || len(in.Value) > maxProperty:
		return v2Error(http.StatusBadRequest, "The property's key, value and version must be specified; the key stays.")
	case in.Version.Number != p.version.number+1:
		return v2Error(http.StatusConflict, fmt.Sprintf(
			"Version must be incremented when updating a property. Current Version: [%d]. Provided version: [%d]", p.version.number, in.Version.Number))
	}
	p.value = in.Value
	p.version = version{number: in.Version.Number, message: in.Version.Message, author: c.account, at: s.now()}
	return ok(p.json())
}

func deleteContentProperty(s *Site, c *call) reply {
	n, p, refusal := s.contentProperty(c)
	if refusal != nil {
		return *refusal
	}
	n.properties = slices.DeleteFunc(n.properties, func(other *contentProperty) bool { return other == p })
	return reply{status: http.StatusNoContent}
}
