// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
)

func (c *Config) checkGroups() *problem {
	for _, name := range slices.Sorted(maps.Keys(c.Groups)) {
		if !policy.IsGroup(name) {
			return &problem{"/groups", fmt.Sprintf("%q is not a group's name", name), "write it like \"wiki-owners\": letters, digits, and any of _ . : / @ -"}
		}
		for i, who := range c.Groups[name] {
			at := fmt.Sprintf("/groups/%s/%d", strings.ReplaceAll(name, "/", "~1"), i)
			if !printable.MatchString(who) || strings.Contains(who, "+") {
				return &problem{at, fmt.Sprintf("%q is not the name of a person's key", who), "write it as the key begins: kim@house.example, without the plus sign and what follows"}
			}
			if slices.Contains(c.Groups[name][:i], who) {
				return &problem{at, who + " is there twice", "list each person once"}
			}
		}
	}
	return nil
}
