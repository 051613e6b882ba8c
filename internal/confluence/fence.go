// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/policy"
)

// maxLabels is how many labels Confluence tells at once, and one more than are
// taken. A page that has more is refused where labels decide.
const maxLabels = 250

// A fence is what the bounds of a call come to on this site. The zero fence
// holds nothing.
type fence struct {
	spaces   []policy.Bound // that everything must lie in, if there are any
	prefixes []policy.Bound // that everything must lie under, if there are any
	denied   []policy.Bound // spaces and prefixes that nothing may lie in
	labels   []string       // one of which every page must carry, if there are any
}

// fence sorts bounds by kind. Labels are of no site; other bounds of another
// site hold nothing here and deny nothing here.
func (c *Connector) fence(bounds []policy.Bound) *fence {
	f := new(fence)
	for _, b := range bounds {
		switch {
		case b.Tool != name:
		case b.Kind == policy.Label:
			f.labels = append(f.labels, b.ID)
		case b.Site != c.site:
		case b.Kind == policy.Space:
			f.spaces = append(f.spaces, b)
		case b.Kind == policy.PagePrefix:
			f.prefixes = append(f.prefixes, b)
		case b.Kind == policy.DeniedSpace, b.Kind == policy.DeniedPrefix:
			f.denied = append(f.denied, b)
		}
	}
	return f
}

// holds reports whether a place lies, by its ids, where the policy allows: in
// one of each kind that there is, and in nothing denied. It errs on the side of
// yes, since names and what a grant leaves out are for the policy to judge.
func (f *fence) holds(p *place) bool {
	ids := p.ids()
	in := func(list []policy.Bound) bool {
		return slices.ContainsFunc(list, func(b policy.Bound) bool { return slices.Contains(ids, b.ID) })
	}
	return len(f.spaces)+len(f.prefixes) > 0 && (len(f.spaces) == 0 || in(f.spaces)) &&
		(len(f.prefixes) == 0 || in(f.prefixes)) && !f.denies(ids)
}

// denies reports whether one of the ids is denied.
func (f *fence) denies(ids []string) bool {
	return slices.ContainsFunc(f.denied, func(b policy.Bound) bool { return slices.Contains(ids, b.ID) })
}

// touch returns the first step of a path that is denied, by its id or by the
// names down to it (spec/policy.md 4.23), or -1.
func (f *fence) touch(path []policy.Place) int {
	var names []string
	for i, step := range path {
		names = append(names, step.Name)
		full := strings.Join(names, "/")
		if slices.ContainsFunc(f.denied, func(b policy.Bound) bool {
			return step.ID != "" && step.ID == b.ID || full == strings.TrimSuffix(b.Name.Name, "/")
		}) {
			return i
		}
	}
	return -1
}

// hush takes the names that it is not denied by off a path that is denied, from
// where it is denied on, and reports whether it is.
func (f *fence) hush(path []policy.Place) bool {
	i := f.touch(path)
	if i < 0 {
		return false
	}
	if !f.denies([]string{path[i].ID}) {
		i++ // by its name, which the policy says itself
	}
	for ; i < len(path); i++ {
		path[i].Name = ""
	}
	return true
}

// deniesTitles reports whether something is denied by the titles of pages.
func (f *fence) deniesTitles() bool {
	return slices.ContainsFunc(f.denied, func(b policy.Bound) bool { return len(titlesOf(b.Name.Name)) > 0 })
}

// names reports whether the policy calls the page with this id by its title.
func (f *fence) names(id string) bool {
	return slices.ContainsFunc(slices.Concat(f.prefixes, f.denied), func(b policy.Bound) bool { return b.ID == id })
}

// namesAlong reports whether a name in the policy begins with a path, or is it:
// whether it means something there or below, by its name.
func (f *fence) namesAlong(path []policy.Place) bool {
	full := strings.Join(namesOf(path), "/") + "/"
	return slices.ContainsFunc(slices.Concat(f.prefixes, f.denied), func(b policy.Bound) bool {
		return strings.HasPrefix(strings.TrimSuffix(b.Name.Name, "/")+"/", full)
	})
}

// astray returns the bound name of the fence that a path leads to by its ids and
// not by its names, where it leads to none by both, or "". Such a name is not what
// was signed any more: whatever is there, a person must look at it.
func (f *fence) astray(path []policy.Place) string {
	for _, list := range [][]policy.Bound{f.spaces, f.prefixes} {
		found, met := "", false
		for i, step := range path {
			full := strings.Join(namesOf(path[:i+1]), "/")
			for _, b := range list {
				if b.ID == step.ID && full == strings.TrimSuffix(b.Name.Name, "/") {
					met = true
				} else if b.ID == step.ID {
					found = b.Name.Name
				}
			}
		}
		if !met && found != "" {
			return found
		}
	}
	return ""
}

// signed refuses a path that a bound name of the fence does not lead to any more.
func (f *fence) signed(path []policy.Place) error {
	name := f.astray(path)
	if name == "" {
		return nil
	}
	return fault("outside", "%s is not called so any more, or lies elsewhere, since the policy was signed; have it named as before, or the policy published and signed anew", name)
}

func namesOf(path []policy.Place) []string {
	var out []string
	for _, step := range path {
		out = append(out, step.Name)
	}
	return out
}

// labelled reports whether a page with these labels may be touched.
func (f *fence) labelled(labels []string) bool {
	return len(f.labels) == 0 || slices.ContainsFunc(labels, func(l string) bool { return slices.Contains(f.labels, l) })
}

// labels reads the global labels of a page, sorted. A label that a person has
// put on a page for themselves is not what a policy means.
func (c *Connector) labels(ctx context.Context, id string) ([]string, error) {
	labels, _, err := c.askLabels(ctx, id)
	return labels, err
}

func (c *Connector) askLabels(ctx context.Context, id string) ([]string, *atlassian.Response, error) {
	var out []string
	var answer *atlassian.Response
	count := 0
	whole, err := inParts(maxPaging, func(cursor string) (string, error) {
		var list struct {
			Results []label `json:"results"`
			Links   links   `json:"_links"`
		}
		query := url.Values{"prefix": {"global"}, "limit": {strconv.Itoa(maxLabels)}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		res, err := c.get(ctx, v2+"/pages/"+atlassian.Segment(id)+"/labels", query, &list)
		if err != nil {
			return "", explain(err, "the labels of page "+id)
		}
		answer, count = res, count+len(list.Results)
		for _, l := range list.Results {
			if l.Prefix == "global" && l.Name != "" {
				out = append(out, l.Name)
			}
		}
		return list.Links.next()
	})
	if err == nil && (!whole || count >= maxLabels) {
		err = fault("outside", "page %s has more labels than can be told; have a person remove some", id)
	}
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(out)
	return slices.Compact(out), answer, nil
}

// stillLabelled looks again, after the decision, whether a page carries a label
// that the policy wants.
func (c *Connector) stillLabelled(ctx context.Context, p *place) error {
	if len(p.fence.labels) == 0 {
		return nil
	}
	labels, err := c.labels(ctx, p.page.ID)
	if err == nil && !p.fence.labelled(labels) {
		return fault("conflict", "the label of page %s that allowed this was removed meanwhile; ask again", p.page.ID)
	}
	return err
}
