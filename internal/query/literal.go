// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"strings"
	"time"
)

// literal checks a plain value against the field's kind.
func (p *parser) literal(t token, name string, f Field) (Value, error) {
	if strings.TrimSpace(t.text) == "" {
		return Value{}, p.errorAt(t, "Write the text to look for.", "the value is empty")
	}
	v := Value{Form: String, Text: t.text}
	if t.kind == word && isNumber(t.text) && f.Kind != Text {
		v.Form = Number
	}
	switch f.Kind {
	case Text:
	case Name:
		if f.Only == nil {
			break
		}
		only, ok := f.only(t.text)
		if !ok {
			return Value{}, p.errorAt(t, onlyHint(f.Only), "%q is not allowed for field %q", excerpt(t.text), name)
		}
		v.Text = only
	case Date:
		if !isDate(t.text) && !isPeriods(t.text, p.d.RelativeUnits) {
			return Value{}, p.errorAt(t, dateHint(p.d), "%q is not a date", excerpt(t.text))
		}
	case ID:
		if !isNumber(t.text) {
			return Value{}, p.errorAt(t, "Write the id in digits.", "%q is not an id", excerpt(t.text))
		}
		v.Form = Number
	case Key:
		project, ok := issueKey(t.text)
		if ok {
			_, ok = f.only(project)
		}
		if !ok {
			return Value{}, p.errorAt(t, keyHint(f.Only), "%q is not a key that may be asked for", excerpt(t.text))
		}
		v = Value{Form: String, Text: strings.ToUpper(t.text)}
	default:
		return Value{}, p.errorAt(t, functionHint(f), "field %q takes no plain value", name)
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
