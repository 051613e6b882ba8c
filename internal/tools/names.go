// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"fmt"
	"regexp"
)

// listable is what every client and every model can call a tool: some rewrite dots,
// and some end at 64.
var listable = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// take takes the connectors' tools by both of their names.
func (h *Handler) take(cs []Connector) error {
	for _, c := range cs {
		for _, t := range c.Tools() {
			definition, err := t.Definition()
			if err != nil {
				return err
			}
			listed := t.Listed()
			if !listable.MatchString(listed) {
				return fmt.Errorf("tool %s cannot be listed as %q\nname it with letters, digits, _ and -, and no more than 64 of them", t.Action, listed)
			}
			for _, name := range []string{listed, t.Action.String()} {
				if other, taken := h.tools[name]; taken {
					return fmt.Errorf("tools %s and %s would both be called %s\nname one of them otherwise", other.Action, t.Action, name)
				}
				h.tools[name] = served{t, definition, c}
			}
		}
	}
	return nil
}
