// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"fmt"
	"slices"
)

// A Drift is one place where a configuration, or what is on the disk, is not as
// planned.
type Drift struct {
	Path     string   `json:"path"` // of the configuration, or of a file
	Severity Severity `json:"severity"`
	Want     string   `json:"want"`
	Have     string   `json:"have"`
	Says     string   `json:"says"` // what it is for
}

// String is the drift in one line.
func (d Drift) String() string {
	return fmt.Sprintf("%s: %s: is %s, want %s (%s)", d.Severity, d.Path, d.Have, d.Want, d.Says)
}

// Compare lists in what a configuration differs from c. What is narrower than planned
// is no drift. It fails for what it cannot read.
func Compare(config []byte, c *Config) ([]Drift, error) {
	d, err := read(config)
	if err != nil {
		return nil, err
	}
	var out []Drift
	for _, at := range d.included() {
		out = append(out, Drift{placeName(append(at, include)), Critical, notSet, "another file", "nobody can say what another file adds"})
	}
	for _, s := range c.Settings {
		for _, path := range d.places(s.Path) {
			have, there := d.get(path)
			if want, ok := s.holds(have, there); !ok {
				out = append(out, Drift{placeName(path), s.Severity, want, said(have, there, path), s.Why})
			}
		}
	}
	return out, nil
}

const notSet = "not set"

func said(v any, there bool, path []string) string {
	if !there {
		return notSet
	}
	return compact(hidden(v, path))
}

// holds reports whether a value in force is as s wants it, and in words what that is.
func (s *Setting) holds(have any, there bool) (want string, ok bool) {
	want = said(s.Value, s.Rule != Unset, s.Path)
	list, _ := have.([]any)
	wanted, _ := s.Value.([]any)
	switch s.Rule {
	case Unset:
		return want, !there
	case Within:
		return "nothing but " + want, len(list) > 0 && within(list, wanted)
	case Holding:
		return "at least " + want, there && within(wanted, list)
	}
	return want, there && same(have, s.Value)
}

// within reports whether every entry of a list of texts is in another.
func within(list, of []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool { _, text := v.(string); return !text || !holds(of, v) })
}
