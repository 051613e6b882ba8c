// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/clawea/clawea/internal/markdown"
	"github.com/clawea/clawea/seal"
)

// conversions are what arguments can be turned into. A conversion fails for what it
// is not for, and never guesses.
var conversions = map[string]func(json.RawMessage) (json.RawMessage, error){
	"":         func(b json.RawMessage) (json.RawMessage, error) { return b, nil },
	"string":   asString,
	"integer":  asInteger,
	"list":     asList,
	"csv":      asCSV,
	"json":     asJSON,
	"adf":      func(b json.RawMessage) (json.RawMessage, error) { return asText(b, markdown.ADF) },
	"storage":  func(b json.RawMessage) (json.RawMessage, error) { return asText(b, storage) },
	"csv_name": asNames,
	"one":      asOne,
	"quoted":   asQuoted,
	"fields":   asFields,
	"id":       asID,
	"account":  asAccount,
}

func text(b json.RawMessage) (string, error) {
	var s string
	if seal.Unmarshal(b, &s) != nil {
		return "", errors.New("must be a text")
	}
	return s, nil
}

// asString makes a number a text.
func asString(b json.RawMessage) (json.RawMessage, error) {
	if b[0] == '"' {
		return b, nil
	}
	var i int64
	if seal.Unmarshal(b, &i) != nil {
		return nil, errors.New("must be a text or a whole number")
	}
	return seal.Marshal(strconv.FormatInt(i, 10))
}

// asInteger makes a text of digits a number.
func asInteger(b json.RawMessage) (json.RawMessage, error) {
	s := string(b)
	if b[0] == '"' {
		var err error
		if s, err = text(b); err != nil {
			return nil, err
		}
	}
	i, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, errors.New("must be a whole number")
	}
	return seal.Marshal(i)
}

// asList makes one text a list of one.
func asList(b json.RawMessage) (json.RawMessage, error) {
	if b[0] == '[' {
		return b, nil
	}
	s, err := text(b)
	if err != nil {
		return nil, err
	}
	return seal.Marshal([]string{s})
}

func split(b json.RawMessage) ([]string, error) {
	s, err := text(b)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out, nil
}

// asCSV makes a text with commas a list.
func asCSV(b json.RawMessage) (json.RawMessage, error) {
	if b[0] == '[' {
		return b, nil
	}
	list, err := split(b)
	if err != nil {
		return nil, err
	}
	return seal.Marshal(list)
}

// asNames makes a text with commas a list of objects with names.
func asNames(b json.RawMessage) (json.RawMessage, error) {
	list, err := split(b)
	if err != nil {
		return nil, err
	}
	type named struct {
		Name string `json:"name"`
	}
	out := make([]named, len(list))
	for i, s := range list {
		out[i].Name = s
	}
	return seal.Marshal(out)
}

// asJSON reads JSON that came as a text.
func asJSON(b json.RawMessage) (json.RawMessage, error) {
	if b[0] != '"' {
		return b, nil
	}
	s, err := text(b)
	if err != nil {
		return nil, err
	}
	out, err := seal.Canonical([]byte(s))
	if err != nil {
		return nil, errors.New("must be JSON")
	}
	return out, nil
}

// asOne takes the item of a list that has one.
func asOne(b json.RawMessage) (json.RawMessage, error) {
	if b[0] != '[' {
		return b, nil
	}
	var list []json.RawMessage
	if err := seal.Unmarshal(b, &list); err != nil || len(list) != 1 {
		return nil, errors.New("must have one item; send the others in calls of their own")
	}
	return list[0], nil
}

// asQuoted makes a text one in a query, and a list one of these: what is in them
// stays text there.
func asQuoted(b json.RawMessage) (json.RawMessage, error) {
	quote := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
	if b[0] != '[' {
		s, err := text(b)
		if err != nil {
			return nil, err
		}
		return seal.Marshal(quote(s))
	}
	var list []string
	if err := seal.Unmarshal(b, &list); err != nil || len(list) == 0 {
		return nil, errors.New("must be texts")
	}
	for i, s := range list {
		list[i] = quote(s)
	}
	return seal.Marshal("(" + strings.Join(list, ", ") + ")")
}

// asFields reads fields of an issue, in which rich texts are Markdown.
func asFields(b json.RawMessage) (json.RawMessage, error) {
	b, err := asJSON(b)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if seal.Unmarshal(b, &fields) != nil || fields == nil {
		return nil, errors.New("must be an object of fields")
	}
	for name, v := range fields {
		if !slices.ContainsFunc([]string{"description", "environment"}, func(rich string) bool { return strings.EqualFold(rich, name) }) || v[0] != '"' {
			continue
		}
		if fields[name], err = asText(v, markdown.ADF); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return seal.Marshal(fields)
}

// asID makes an object that has an id and nothing else a text.
func asID(b json.RawMessage) (json.RawMessage, error) {
	if b[0] != '{' {
		return asString(b)
	}
	var named struct {
		ID json.RawMessage `json:"id"`
	}
	if seal.Unmarshal(b, &named) != nil || named.ID == nil {
		return nil, errors.New(`must be an object with an id and nothing else: {"id":"31"}`)
	}
	return asString(named.ID)
}

// asAccount takes an account's id, with or without a word before it that says so;
// none is nobody.
func asAccount(b json.RawMessage) (json.RawMessage, error) {
	if string(b) == "null" {
		return b, nil
	}
	s, err := text(b)
	if err != nil {
		return nil, err
	}
	if s = strings.TrimPrefix(s, "accountid:"); s == "" {
		return json.RawMessage("null"), nil
	}
	return seal.Marshal(s)
}

func asText(b json.RawMessage, convert func(string) ([]byte, error)) (json.RawMessage, error) {
	s, err := text(b)
	if err != nil {
		return nil, err
	}
	return convert(s)
}

func storage(s string) ([]byte, error) {
	xhtml, err := markdown.Storage(s)
	if err != nil {
		return nil, err
	}
	return seal.Marshal(xhtml)
}
