// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"slices"

	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A load is a plugin or a skill that agents' programs may load under a policy.
type load struct {
	policy.Extension           // its digest is zero as long as nobody has said it
	By               string    // who says the digest; "": nobody
	Since            string    // how that compares with the policy before: "not pinned", "changed" or "the same"
	Was              seal.Hash // by the policy before
}

// loadsOf are the plugins and skills that is lists. Where it does not say how they are, by
// does, in said. They are held against those that before pins, if there is one.
func loadsOf(is *policy.Policy, said []policy.Extension, by string, before *registry.Entry) []load {
	var out []load
	for _, x := range is.Extends() {
		l := load{Extension: x, By: "the policy"}
		if x.Digest.IsZero() {
			l.Digest, l.By = digestOf(said, x), by
		}
		if l.Digest.IsZero() {
			l.By = ""
		}
		if before != nil {
			l.Was = digestOf(before.Bound.Extensions, x)
			switch {
			case l.Was.IsZero():
				l.Since = "not pinned"
			case l.Was.Equal(l.Digest):
				l.Since = "the same"
			default:
				l.Since = "changed"
			}
		}
		out = append(out, l)
	}
	return out
}

// digestOf is what list says of x, or zero.
func digestOf(list []policy.Extension, x policy.Extension) seal.Hash {
	i := slices.IndexFunc(list, func(o policy.Extension) bool { return policy.CompareExtensions(o, x) == 0 })
	if i < 0 {
		return seal.Hash{}
	}
	return list[i].Digest
}
