// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"net/http"
	"slices"
	"strings"
)

func (sp *space) json(system *account) object {
	return object{
		"id": sp.id, "key": sp.key, "name": sp.name, "type": "global", "status": statusCurrent,
		"authorId": system.id, "createdAt": stamp(sp.created), "homepageId": sp.homepage.id,
		"_links": object{"webui": "/spaces/" + sp.key},
	}
}

func getSpaces(s *Site, c *call) reply {
	ids, keys := c.list("ids"), c.list("keys")
	var hits []*space
	for _, sp := range s.spaces {
		if len(ids) > 0 && !slices.Contains(ids, sp.id) || len(keys) > 0 && !slices.Contains(keys, sp.key) {
			continue
		}
		if wanted := c.query.Get("status"); wanted != "" && wanted != statusCurrent {
			continue
		}
		hits = append(hits, sp)
	}
	sortSpaces(hits, c.query.Get("sort"))
	results := []object{}
	for _, sp := range hits {
		o := sp.json(s.system)
		o["currentActiveAlias"] = sp.key
		results = append(results, o)
	}
	return v2List(s, c, results)
}

func sortSpaces(spaces []*space, by string) {
	field, backwards := strings.CutPrefix(by, "-")
	slices.SortFunc(spaces, func(a, b *space) int {
		order := compareIDs(a.id, b.id)
		switch field {
		case "key":
			order = strings.Compare(a.key, b.key)
		case "name":
			order = strings.Compare(a.name, b.name)
		}
		if backwards {
			return -order
		}
		return order
	})
}

func getSpace(s *Site, c *call) reply {
	id := c.vars["space"]
	if refusal := badID(id); refusal != nil {
		return *refusal
	}
	sp := s.spaces[id]
	if sp == nil {
		return v2Error(http.StatusNotFound, "Cannot find a space with id '"+id+"'.")
	}
	o := sp.json(s.system)
	o["_links"].(object)["base"] = c.base + "/wiki"
	return ok(o)
}
