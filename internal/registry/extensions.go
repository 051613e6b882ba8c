// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"slices"

	"github.com/clawea/clawea/policy"
)

// An ExtensionError says which plugin or skill keeps a policy from being published: the
// policy need not be changed, but whoever publishes it has to say how each is.
type ExtensionError struct {
	Msg  string // what is wrong
	Hint string // what mends it
}

// Error is two lines for people.
func (e *ExtensionError) Error() string { return e.Msg + "\n" + e.Hint }

const sayHow = "say how each is that the policy lists: clawea wpc publish -extensions FILE"

// extensions returns given as p's binding has them: each that p lists, as it is, and no
// other. It fails with an ExtensionError.
func extensions(p *policy.Policy, given []policy.Extension) ([]policy.Extension, error) {
	in := func(list []policy.Extension, x policy.Extension) int {
		return slices.IndexFunc(list, func(o policy.Extension) bool { return policy.CompareExtensions(o, x) == 0 })
	}
	out := slices.Clone(given)
	named := p.Extends()
	for _, x := range given {
		i := in(named, x)
		if i < 0 {
			return nil, &ExtensionError{fmt.Sprintf("the policy lists no %.20q %.100q", x.Kind, x.Name), "leave it out of the extensions, or list it in the policy"}
		}
		if is := named[i].Digest; !is.IsZero() && is != x.Digest {
			return nil, &ExtensionError{fmt.Sprintf("the %s %q is not as the policy says that it is", x.Kind, x.Name), "leave it out of the extensions: the policy says its digest itself"}
		}
	}
	for _, x := range named {
		switch {
		case in(given, x) >= 0:
		case x.Digest.IsZero():
			return nil, &ExtensionError{fmt.Sprintf("it is not said how the %s %q is, which the policy lists", x.Kind, x.Name), sayHow}
		default: // what the policy says itself need not be said
			out = append(out, x)
		}
	}
	slices.SortFunc(out, policy.CompareExtensions)
	if !policy.SortedExtensions(out) {
		return nil, &ExtensionError{"an extension is there twice, or has no digest", sayHow}
	}
	return out, nil
}

// otherwise fails with an ExtensionError where a policy that is published already has other
// extensions than given: nothing of it is ever changed.
func otherwise(published *Entry, given []policy.Extension) error {
	if len(given) == 0 {
		return nil
	}
	list, err := extensions(published.Policy, given)
	if err == nil && !slices.Equal(list, published.Bound.Extensions) {
		err = &ExtensionError{"this very policy is published already, with its plugins and skills as they were then",
			"change something in it, its change record for one: that makes another policy"}
	}
	return err
}
