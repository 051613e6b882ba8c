// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Apply returns an existing configuration with c in it, and the difference as people
// read it: a line for each value that goes (-) and comes (+), secrets hidden; "" if
// all is as it should be. What is not c's is kept, comments too; lists and maps of c's
// are replaced and never merged. It fails, and nothing is lost, for what it cannot
// read or that other files are part of.
func Apply(existing []byte, c *Config) (merged []byte, diff string, err error) {
	d, err := read(existing)
	if err != nil {
		return nil, "", err
	}
	if at := d.included(); at != nil {
		return nil, "", fmt.Errorf("%s comes from another file (%s), of which nobody can say what it adds\nput what it says into this file, or take it out", placeName(at[0]), include)
	}
	var lines strings.Builder
	for _, s := range c.Settings {
		for _, path := range d.places(s.Path) {
			have, there := d.get(path)
			switch {
			case s.Rule == Unset && there:
				fmt.Fprintf(&lines, "- %s: %s\n", placeName(path), compact(hidden(have, path)))
				d.cut(path)
			case s.Rule != Unset && !(there && same(have, s.Value)):
				lines.WriteString(difference(path, have, there, s.Value))
				if err := d.put(path, s.Value); err != nil {
					return nil, "", fmt.Errorf("set %s: %w", placeName(path), err)
				}
			}
		}
	}
	if lines.Len() == 0 {
		return existing, "", nil
	}
	merged = d.text.Pack()
	if err := settled(merged, c); err != nil {
		return nil, "", err
	}
	return merged, lines.String(), nil
}

// settled fails unless the merged text is what it was to be.
func settled(merged []byte, c *Config) error {
	drifts, err := Compare(merged, c)
	if err == nil && len(drifts) > 0 {
		err = fmt.Errorf("%s is not as it was set", drifts[0].Path)
	}
	if err != nil {
		return fmt.Errorf("the merged configuration is wrong: %w\nkeep the file as it is, and tell Clawea's maintainers", err)
	}
	return nil
}

// difference is how a value changes: entry by entry where both are lists.
func difference(path []string, have any, there bool, want any) string {
	name := placeName(path)
	had, isList := have.([]any)
	if wanted, ok := want.([]any); ok && isList {
		var out strings.Builder
		entries := func(sign string, of, not []any) {
			rest := slices.DeleteFunc(slices.Clone(of), func(v any) bool { return holds(not, v) })
			if len(rest) > 0 {
				fmt.Fprintf(&out, "%s %s: %s\n", sign, name, strings.Trim(compact(hidden(rest, path)), "[]"))
			}
		}
		entries("-", had, wanted)
		entries("+", wanted, had)
		if out.Len() == 0 {
			return fmt.Sprintf("~ %s: in another order\n", name)
		}
		return out.String()
	}
	out := fmt.Sprintf("+ %s: %s\n", name, compact(hidden(want, path)))
	if there {
		out = fmt.Sprintf("- %s: %s\n", name, compact(hidden(have, path))) + out
	}
	return out
}

func holds(list []any, v any) bool {
	return slices.ContainsFunc(list, func(e any) bool { return same(e, v) })
}

// placeName is a path as people read it.
func placeName(path []string) string {
	if len(path) == 0 {
		return "the configuration"
	}
	return strings.Join(path, ".")
}

// secretName are names whose values people should not find on a screen.
var secretName = regexp.MustCompile(`(?i)key|token|secret|passw|authorization|cookie|credential|header|env|^args$`)

// reference is a text that only says where a secret is.
var reference = regexp.MustCompile(`^\$\{[A-Za-z_][A-Za-z0-9_]*\}$`)

// private is an address on this machine: behind it may be a sidecar, which whoever
// knows the path is let in by.
var private = regexp.MustCompile(`^(https?://(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]+)?/).+`)

// asker and query are the parts of an address that can be secret anywhere.
var (
	asker = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*(@)`)
	query = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*://[^?]*\?).+`)
)

// hidden is a value without the secrets that it may have: texts under a name that
// speaks of one, arguments of programs, credentials and queries in addresses, and paths of
// addresses on this machine.
func hidden(v any, path []string) any {
	return hide(v, slices.ContainsFunc(path, secretName.MatchString))
}

func hide(v any, secret bool) any {
	switch v := v.(type) {
	case string:
		if secret && !reference.MatchString(v) {
			return "(hidden)"
		}
		v = asker.ReplaceAllString(v, "${1}(hidden)${2}")
		return query.ReplaceAllString(private.ReplaceAllString(v, "${1}(hidden)"), "${1}(hidden)")
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = hide(e, secret)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, e := range v {
			out[name] = hide(e, secret || secretName.MatchString(name))
		}
		return out
	}
	return v
}

func sortedNames(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
