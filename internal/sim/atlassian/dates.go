// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// dateFormats are the ways to write a date in a query.
var dateFormats = [...]string{
	"2006-01-02", "2006/01/02", "2006-01-02 15:04", "2006/01/02 15:04", "2006-1-2", "2006/1/2", "2006-01-02T15:04:05Z07:00",
}

var relativeDate = regexp.MustCompile(`^([+-]?)(\d{1,6})([yMwdhm]?)$`)

// queryTime returns the moment that a value of a query stands for: a date (in UTC), a distance from now such as -7d, or a
// function such as startOfDay("-1d").
func queryTime(v value, now time.Time) (time.Time, error) {
	now = now.UTC()
	if v.function {
		return functionTime(v, now)
	}
	for _, format := range dateFormats {
		if t, err := time.Parse(format, v.text); err == nil {
			return t.UTC(), nil
		}
	}
	if t, relative := shift(now, v.text, "m"); relative {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("date value '%s' is invalid; valid formats include 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'", v.text)
}

// shift moves a time by a period; unit stands in where the period names none.
func shift(t time.Time, period, unit string) (time.Time, bool) {
	if period == "" {
		return t, false
	}
	sign := "+"
	for part := range strings.FieldsSeq(period) {
		m := relativeDate.FindStringSubmatch(part)
		if m == nil {
			return t, false
		}
		if m[1] != "" {
			sign = m[1] // of the first part, it holds for those after it
		}
		if m[3] != "" {
			unit = m[3]
		}
		n, err := strconv.Atoi(sign + m[2])
		if err != nil {
			return t, false
		}
		t = add(t, n, unit)
	}
	return t, true
}

func add(t time.Time, n int, unit string) time.Time {
	switch unit {
	case "y":
		return t.AddDate(n, 0, 0)
	case "M":
		return t.AddDate(0, n, 0)
	case "w":
		return t.AddDate(0, 0, 7*n)
	case "d":
		return t.AddDate(0, 0, n)
	case "h":
		return t.Add(time.Duration(n) * time.Hour)
	}
	return t.Add(time.Duration(n) * time.Minute)
}

// functionTime evaluates now() and the startOf and endOf functions, which take a distance in their own unit.
func functionTime(v value, now time.Time) (time.Time, error) {
	name := strings.ToLower(v.text)
	if name == "now" {
		if len(v.args) == 1 {
			if t, relative := shift(now, v.args[0], "d"); relative {
				return t, nil
			}
			return now, fmt.Errorf("the argument '%s' of the function '%s' is not a period", v.args[0], v.text)
		}
		return now, nil
	}
	edge, isStart := strings.CutPrefix(name, "startof")
	edge, isEnd := strings.CutPrefix(edge, "endof")
	unit := map[string]string{"day": "d", "week": "w", "month": "M", "year": "y"}[edge]
	if !isStart && !isEnd || unit == "" {
		return now, fmt.Errorf("the function '%s' is not a date function", v.text)
	}
	start := startOf(now, unit)
	if len(v.args) > 0 {
		moved, relative := shift(start, v.args[0], unit)
		if !relative {
			return now, fmt.Errorf("the argument '%s' of the function '%s' is not a period", v.args[0], v.text)
		}
		start = moved
	}
	if isEnd {
		return add(start, 1, unit).Add(-time.Millisecond), nil
	}
	return start, nil
}

// startOf returns the first moment of the day, week (from Sunday), month or year.
func startOf(t time.Time, unit string) time.Time {
	year, month, day := t.Date()
	switch unit {
	case "w":
		day -= int(t.Weekday())
	case "M":
		day = 1
	case "y":
		month, day = time.January, 1
	}
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// ordered evaluates a comparison operator on the result of comparing two things.
func ordered(op string, order int) bool {
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "!=":
		return order != 0
	}
	return order == 0
}
