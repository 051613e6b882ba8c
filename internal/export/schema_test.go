// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// A schema is what is used of OCSF, written down from its documentation: see
// docs/export.md. What is not in it is not to be in an event.
type schema struct {
	Classes map[string]struct {
		CategoryUID  float64 `json:"category_uid"`
		CategoryName string  `json:"category_name"`
		ClassName    string  `json:"class_name"`
		Activities   map[string]string
		Required     []string
		Attributes   map[string]string
	}
	Base    map[string]string
	Enums   map[string]map[string]string
	Objects map[string]struct {
		Required   []string
		Attributes map[string]string
		OneOf      []string `json:"one_of"`
	}
}

func loadSchema(t testing.TB) *schema {
	t.Helper()
	b, err := os.ReadFile("testdata/ocsf-" + Version + ".json")
	if err != nil {
		t.Fatal(err)
	}
	s := new(schema)
	if err := json.Unmarshal(b, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// check says what is wrong with a line.
func (s *schema) check(line []byte) error {
	var e map[string]any
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	class, ok := s.Classes[fmt.Sprint(e["class_uid"])]
	if !ok {
		return fmt.Errorf("no class %v", e["class_uid"])
	}
	attributes := map[string]string{}
	for _, m := range []map[string]string{s.Base, class.Attributes} {
		for k, v := range m {
			attributes[k] = v
		}
	}
	if err := s.object("", e, attributes, class.Required, nil); err != nil {
		return err
	}
	if e["category_uid"] != class.CategoryUID || e["category_name"] != class.CategoryName || e["class_name"] != class.ClassName {
		return fmt.Errorf("category %v %v, class %v", e["category_uid"], e["category_name"], e["class_name"])
	}
	if e["type_uid"] != e["class_uid"].(float64)*100+e["activity_id"].(float64) {
		return fmt.Errorf("type %v", e["type_uid"])
	}
	for name, values := range map[string]map[string]string{"severity": s.Enums["severity"], "status": s.Enums["status"]} {
		if err := enum(e, name+"_id", name, values); err != nil {
			return err
		}
	}
	if e["metadata"].(map[string]any)["version"] != Version {
		return fmt.Errorf("version %v", e["metadata"])
	}
	return enum(e, "activity_id", "activity_name", class.Activities)
}

// enum checks a number and its caption; 99 has one of its own.
func enum(e map[string]any, id, caption string, values map[string]string) error {
	want, ok := values[fmt.Sprint(e[id])]
	if !ok || want != "" && e[caption] != want || e[caption] == "" {
		return fmt.Errorf("%s is %v, %s %v", id, e[id], caption, e[caption])
	}
	return nil
}

func (s *schema) object(at string, o map[string]any, attributes map[string]string, required, oneOf []string) error {
	for _, name := range required {
		if o[name] == nil {
			return fmt.Errorf("%s/%s is missing", at, name)
		}
	}
	if len(oneOf) > 0 && !slices.ContainsFunc(oneOf, func(name string) bool { return o[name] != nil && o[name] != "" }) {
		return fmt.Errorf("%s has none of %v", at, oneOf)
	}
	for name, v := range o {
		if err := s.value(at+"/"+name, v, attributes[name]); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) value(at string, v any, typ string) error {
	if item, list := strings.CutPrefix(typ, "["); list {
		for i, x := range v.([]any) {
			if err := s.value(fmt.Sprintf("%s/%d", at, i), x, item); err != nil {
				return err
			}
		}
		return nil
	}
	ok := false
	switch typ {
	case "string":
		_, ok = v.(string)
	case "integer":
		var n float64
		n, ok = v.(float64)
		ok = ok && n == float64(int64(n))
	case "object":
		_, ok = v.(map[string]any)
	default:
		o, known := s.Objects[typ]
		if m, is := v.(map[string]any); known && is {
			return s.object(at, m, o.Attributes, o.Required, o.OneOf)
		}
	}
	if !ok {
		return fmt.Errorf("%s is no %q: %v", at, typ, v)
	}
	return nil
}
