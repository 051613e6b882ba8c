// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// functions are what templates call.
func functions() template.FuncMap {
	return template.FuncMap{
		"visible": Visible, "whole": Whole, "time": stamp, "iso": iso, "short": short, "mark": markOf, "count": count, "money": money, "took": took, "lower": strings.ToLower,
		"before": func(seq uint64) uint64 { return max(seq, 1) - 1 },
	}
}

// longest is how many characters of anything are shown in a line.
const longest = 400

// Visible makes a string fit to be shown in a line: characters that people cannot
// see, or that turn the order of others around, are written as what they are, and
// what is too long is cut.
func Visible(s any) string {
	text := page.Visible(strings.ToValidUTF8(fmt.Sprint(s), "\uFFFD"))
	if utf8.RuneCountInString(text) <= longest {
		return text
	}
	return string([]rune(text)[:longest]) + "…"
}

// Whole is Visible, and cuts nothing: for what people put their names to.
func Whole(s any) string { return page.Visible(strings.ToValidUTF8(fmt.Sprint(s), "\uFFFD")) }

// VisibleText is Visible for a text of many lines, cut at so many bytes; cut says
// whether it was.
func VisibleText(s string, most int) (text string, cut bool) {
	if cut = len(s) > most; cut {
		s = s[:most]
	}
	lines := strings.Split(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n"), "\n")
	for i, l := range lines {
		before := len(l) - len(strings.TrimLeft(l, "\t")) // indents stay
		lines[i] = strings.Repeat("\t", before) + page.Visible(l[before:])
	}
	return strings.Join(lines, "\n"), cut
}

// stamp is a time as people read it. A zero time is never.
func stamp(t time.Time) string {
	if t.IsZero() || t.Unix() == 0 {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// short is the beginning of a hash, to tell it from others on a page.
func short(h seal.Hash) string {
	s := strings.TrimPrefix(h.String(), "sha256:")
	return s[:min(12, len(s))]
}

// count writes a number in groups of three digits.
func count(n any) string {
	s := fmt.Sprint(n)
	lead := len(s) % 3
	if len(s) <= 4 || strings.HasPrefix(s, "-") {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:lead])
	for i := lead; i < len(s); i += 3 {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s[i : i+3])
	}
	return b.String()
}

// money is a number of millionths of the house's currency.
func money(millionths int64) string {
	return fmt.Sprintf("%s.%02d", count(millionths/1_000_000), millionths%1_000_000/10_000)
}

// took is how long something took, roughly.
func took(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

// A mark says a state by a word and a shape; colour is only added.
type mark struct{ Tone, Word string }

// markOf returns the mark of a state: an effect, a status, a standing.
func markOf(state any) mark {
	word := fmt.Sprint(state)
	switch word {
	case "allow", "done", "yes", "used", "live", "good", "verifies", "published", "can be published", "there":
		return mark{"good", word}
	case "ask", "waiting", "waits", "open", "aborted", "unknown", "expired", "order", "revoked", "restored", "emergency", "high", "widens", "risk", "held":
		return mark{"care", word}
	case "deny", "refused", "failed", "no", "broken", "cancelled", "does not verify", "mistake":
		return mark{"bad", word}
	case "":
		return mark{"calm", "open"}
	}
	return mark{"calm", word}
}

// A resource is a thing that a call names, as people read it.
type resource struct {
	Text string
	Link string // "" if it is nowhere to be looked at
}

// resourceOf says r. It links to it only on a site of this house's, by a number.
func (c *Console) resourceOf(call *policy.Call, r *policy.Resource) resource {
	text := strings.TrimSpace(r.Type + " " + r.ID)
	if r.Version != "" {
		text += ", version " + r.Version
	}
	var in []string
	for _, p := range r.Path {
		if p.ID != r.ID {
			in = append(in, cmp.Or(p.Name, p.ID))
		}
	}
	if len(in) > 0 {
		text += ", in " + strings.Join(in, " / ")
	}
	return resource{Visible(text), c.link(call, r)}
}

// link is where a person can look at r, or "". Its id must be a number: nothing
// that comes from elsewhere chooses where a link leads.
func (c *Console) link(call *policy.Call, r *policy.Resource) string {
	if _, err := strconv.ParseUint(r.ID, 10, 63); err != nil || call.Site == "" {
		return ""
	}
	for _, s := range c.Sites {
		if s.Tool != call.Tool || s.URL != call.Site {
			continue
		}
		switch {
		case s.Tool == "confluence" && r.Type == "page":
			return s.URL + s.Wiki + "/pages/viewpage.action?pageId=" + r.ID
		case s.Tool == "jira" && r.Type == "issue":
			return s.URL + "/issues/?jql=" + url.QueryEscape("id="+r.ID)
		}
	}
	return ""
}
