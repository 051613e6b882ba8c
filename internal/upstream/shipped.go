// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed adapters/*.hujson
var files embed.FS

// Shipped returns the adapter with this name that comes with the house. It fails,
// with the names that there are, for another.
func Shipped(name string) (*Adapter, error) {
	b, err := files.ReadFile("adapters/" + name + ".hujson")
	if err != nil {
		return nil, fmt.Errorf("there is no adapter %.40q\nname one of %s, or \"file:PATH\"", name, strings.Join(Names(), ", "))
	}
	a, err := ParseAdapter(b)
	if err != nil {
		return nil, fmt.Errorf("adapter %s: %w", name, err)
	}
	return a, nil
}

// Names are the adapters that come with the house, sorted.
func Names() []string {
	found, err := fs.Glob(files, "adapters/*.hujson")
	if err != nil { // unreachable: the pattern is good
		return nil
	}
	for i, f := range found {
		found[i] = strings.TrimSuffix(strings.TrimPrefix(f, "adapters/"), ".hujson")
	}
	return found
}
