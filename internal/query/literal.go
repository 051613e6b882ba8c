// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"strings"
	"time"
)

// literal checks a plain value against the field's kind.
func (p *parser) literal(t token, name string, f Field, op Op) (Value, error) {
	if strings.TrimSpace(t.text) == "" {
		return Value{}, p.errorAt(t, ReasonValue, "Write the text to look for.", "the value is empty")
	}
	v := Value{Form: String, Text: t.text}
	if t.kind == word && isNumber(t.text) && f.Kind != Text {
		v.Form = Number
	}
	switch f.Kind {
	case Text:
		if (op == OpLike || op == OpNotLike) && namesIndex(t.text) {
			return Value{}, p.errorAt(t, ReasonValue, `Put the words in quotes of their own, as in "\"error: timeout\"".`, "a colon outside of inner quotes may name another field")
		}
	case Amount:
		if !isAmount(t.text) {
			return Value{}, p.errorAt(t, ReasonValue, "Write a number such as 3 or 0.5.", "%q is not a number", excerpt(t.text))
		}
		v.Form = String
	case Name:
		if f.Only == nil {
			break
		}
		only, ok := f.only(t.text)
		if !ok {
			return Value{}, p.errorAt(t, ReasonValue, onlyHint(f.Only), "%q is not allowed for field %q", excerpt(t.text), name)
		}
		v.Text = only
	case Date:
		if !isDate(t.text) && !isPeriods(t.text, p.d.RelativeUnits) {
			return Value{}, p.errorAt(t, ReasonValue, dateHint(p.d), "%q is not a date", excerpt(t.text))
		}
	case ID:
		if !isNumber(t.text) {
			return Value{}, p.errorAt(t, ReasonValue, "Write the id in digits.", "%q is not an id", excerpt(t.text))
		}
		v.Form = Number
	case Key:
		project, ok := issueKey(t.text)
		if ok {
			_, ok = f.only(project)
		}
		if !ok {
			return Value{}, p.errorAt(t, ReasonValue, keyHint(f.Only), "%q is not a key that may be asked for", excerpt(t.text))
		}
		v = Value{Form: String, Text: strings.ToUpper(t.text)}
	default:
		return Value{}, p.errorAt(t, ReasonValue, functionHint(f), "field %q takes no plain value", name)
	}
	return v, nil
}

func onlyHint(only []string) string {
	if len(only) == 0 {
		return "Leave the condition away: the policy lets this field take no value."
	}
	return "Use one of: " + strings.Join(only, ", ") + "."
}

func keyHint(projects []string) string {
	if len(projects) == 0 {
		return "Read the issue by its key instead of searching for it."
	}
	return "Write a key such as " + projects[0] + "-12; projects: " + strings.Join(projects, ", ") + "."
}

func dateHint(d Dialect) string {
	if d.RelativeUnits == "" {
		return `Write 2026-01-31, "2026-01-31 14:00" or a function such as now("-7d").`
	}
	return `Write 2026-01-31, "2026-01-31 14:00" or a period such as -7d.`
}

// namesIndex reports whether the text has a colon that the search engine below may take for the end of a field's name:
// one that is neither in quotes within the text nor behind a backslash. What one may search must not depend on it.
func namesIndex(s string) bool {
	inner := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			inner = !inner
		case ':':
			if !inner {
				return true
			}
		}
	}
	return inner && strings.Contains(s, ":") // quotes without an end are none
}

// isAmount reports whether s is a decimal number, with a point and a minus sign or without.
func isAmount(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, part, point := strings.Cut(s, ".")
	return len(s) <= 18 && isDigits(whole) && (!point || isDigits(part))
}

func isDate(s string) bool {
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006/01/02", "2006/01/02 15:04"} {
		if len(s) != len(layout) {
			continue
		}
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// isPeriods reports whether s is a relative date of a few parts, such as "-1w 2d".
func isPeriods(s, units string) bool {
	parts := strings.Split(s, " ")
	if len(parts) > 4 {
		return false
	}
	for i, part := range parts {
		signed := strings.HasPrefix(part, "-") || strings.HasPrefix(part, "+")
		if i > 0 && signed || isDigits(part[len(part)-min(1, len(part)):]) || !isOffset(part, units) {
			return false
		}
	}
	return true
}

// isOffset reports whether s is a whole number, with or without a sign, followed by one of the units or nothing.
func isOffset(s, units string) bool {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	if s != "" && strings.IndexByte(units, s[len(s)-1]) >= 0 {
		s = s[:len(s)-1]
	}
	return len(s) <= 6 && isDigits(s)
}

// issueKey returns the project of an issue key such as ENG-12.
func issueKey(s string) (project string, ok bool) {
	project, number, ok := strings.Cut(s, "-")
	return project, ok && isName(project) && len(number) <= 12 && isDigits(number)
}
