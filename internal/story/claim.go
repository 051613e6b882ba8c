// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"slices"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/seal"
)

// Claims are the keys that the papers of a file say they are signed by. Nobody
// has checked a signature: they only tell a reader which keys to look for in a
// trust file that comes from elsewhere.
type Claims struct {
	Bundle seal.Hash `json:"bundle"` // SHA-256 of the file
	Size   int       `json:"size"`
	Keys   []Claimed `json:"keys"`
}

// Claimed are the keys that sign one kind of paper, by the name that trust files
// have for them.
type Claimed struct {
	For  string   `json:"for"`  // "authors", "registries", "issuers", "gates", "people", "launchers"
	Keys []string `json:"keys"` // ids, sorted, each once
	More int      `json:"more"` // beyond maxClaimed
}

// maxClaimed is how many keys of a kind are told.
const maxClaimed = 100

// Claim reads who the file of a bundle says signed it. It fails for a file that
// is no bundle.
func Claim(file []byte) (*Claims, error) {
	b, err := bundle.Read(file)
	if err != nil {
		return nil, err
	}
	out := &Claims{Bundle: seal.Sum(file), Size: len(file)}
	var authors, registries []seal.Envelope
	for _, p := range b.Policies {
		authors, registries = append(authors, p.Policy), append(registries, p.Binding)
	}
	gates := b.Receipts
	if b.Standing != nil {
		gates = append(slices.Clone(gates), *b.Standing)
	}
	out.claim("authors", authors)
	out.claim("registries", registries)
	out.claim("issuers", b.Tokens)
	out.claim("gates", gates)
	out.claim("people", slices.Concat(b.Answers, b.Delegations))
	out.claim("launchers", slices.Concat(b.Attestations, b.Traces))
	return out, nil
}

// claim adds the keys of the papers es.
func (c *Claims) claim(as string, es []seal.Envelope) {
	seen := map[string]bool{}
	keys := []string{}
	for i := range es {
		for _, s := range es[i].Signatures {
			if !seen[s.KeyID] {
				seen[s.KeyID] = true
				keys = append(keys, Visible(s.KeyID))
			}
		}
	}
	if len(keys) == 0 {
		return
	}
	slices.Sort(keys)
	told := keys[:min(len(keys), maxClaimed)]
	c.Keys = append(c.Keys, Claimed{as, told, len(keys) - len(told)})
}
