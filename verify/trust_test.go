// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clawea/clawea/verify"
)

func TestParseTrust(t *testing.T) {
	h := newHouse(t)
	want := h.trust()
	want.Format = verify.TrustFormat
	file := string(must(h.trust().Marshal()))
	got, err := verify.ParseTrust([]byte(" " + file + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("trust (-want +got):\n%s", d)
	}
	tests := map[string]string{
		"nothing":             "",
		"null":                "null",
		"another format":      strings.Replace(file, "trust.v1", "trust.v2", 1),
		"no format":           strings.Replace(file, `"format":"clawea.trust.v1",`, "", 1),
		"an unknown name":     strings.Replace(file, `"gates"`, `"gatez"`, 1),
		"a name twice":        strings.Replace(file, `"gates"`, `"gates":[],"gates"`, 1),
		"another case":        strings.Replace(file, `"gates"`, `"Gates"`, 1),
		"no house":            strings.Replace(file, houseName, "", 1),
		"no origin":           strings.Replace(file, `"origin":"`+origin+`"`, `"origin":""`, 1),
		"an unreadable key":   strings.Replace(file, h.ann.public, h.ann.public[:len(h.ann.public)-2], 1),
		"a key that is none":  strings.Replace(file, h.ann.public, "ann", 1),
		"a private key":       strings.Replace(file, h.ann.public, "PRIVATE+KEY+"+h.ann.public, 1),
		"a key twice":         strings.Replace(file, h.ann.public, h.ben.public, 1),
		"something behind it": file + "{}",
	}
	for name, s := range tests {
		if s == file {
			t.Errorf("%s: the test changes nothing", name)
		}
		if _, err := verify.ParseTrust([]byte(s)); !errors.Is(err, verify.ErrTrust) {
			t.Errorf("%s: got %v, want ErrTrust", name, err)
		}
	}
	if _, err := (&verify.Trust{}).Marshal(); !errors.Is(err, verify.ErrTrust) {
		t.Errorf("writing an empty trust: got %v, want ErrTrust", err)
	}
}
