// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify_test

import (
	"errors"
	"slices"
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
	if strings.Contains(file, "launchers") {
		t.Error("a house without launchers speaks of them")
	}
	want.Launchers = []string{launcher(t).public}
	if got, err := verify.ParseTrust(must(want.Marshal())); err != nil || !cmp.Equal(got, want) {
		t.Errorf("with a launcher: %+v, %v", got, err)
	}
	want.Launchers = append(want.Launchers, launcher(t).public)
	if _, err := want.Marshal(); !errors.Is(err, verify.ErrTrust) {
		t.Errorf("with a launcher twice: %v", err)
	}
	if _, err := (&verify.Trust{}).Marshal(); !errors.Is(err, verify.ErrTrust) {
		t.Errorf("writing an empty trust: got %v, want ErrTrust", err)
	}
}

// No key is in two of the roles that keep one another in check.
func TestSharedKeys(t *testing.T) {
	h, b := smallStory(t)
	for name, tt := range map[string]struct {
		edit func(*verify.Trust)
		want bool
	}{
		"none":                    {func(x *verify.Trust) { x.Launchers = []string{launcher(t).public} }, false},
		"a gate and a person":     {func(x *verify.Trust) { x.People = append(x.People, h.gateKey.public) }, true},
		"a gate and a launcher":   {func(x *verify.Trust) { x.Launchers = []string{h.gateKey.public} }, true},
		"a person and a launcher": {func(x *verify.Trust) { x.Launchers = []string{h.ann.public} }, true},
	} {
		trust := h.trust()
		tt.edit(trust)
		r := verify.Bundle(must(b.Marshal()), trust, verify.Expect{})
		if got := slices.Contains(codes(r, verify.Warn), "trust.shared"); got != tt.want || !r.Verified() {
			t.Errorf("%s: %t, %v", name, got, r.Findings)
		}
	}
}
