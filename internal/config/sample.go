// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/seal"
)

// A stand-in is what docs/clawea.hujson has in the place of what each house has of
// its own. Left there, it gives somebody else a say, or leads nowhere.
type standIn struct{ text, mends string }

// standIns lists them. The name of the site and of the house are not among them:
// whose they are, the file cannot tell.
func standIns() []standIn {
	key := "copy the one line of the .pub file of your own people's key there, or remove the entry; make keys with: clawea key new"
	account := "write the house's own account there"
	oauth := "copy the client_id that Atlassian gave you there"
	return []standIn{
		{"CLOUD-ID", "write the site's cloudId there, as https://YOUR-SITE.atlassian.net/_edge/tenant_info shows it; for tokens without scopes leave \"api\" out"},
		{"@acme.example", account},
		{"712020:5f1c0c6e-2a53-4f0b-9a1e-6d1f2c3b4a59", account + ", or leave \"account\" out"},
		{"s3kRvGWcT9", oauth},
		{"Qk1vN0pXy2", oauth},
		{"alice+5a961af4+", key},
		{"bob+56e1ef1a+", key},
		{"carol+ca90935b+", key},
		{"dave+74920a19+", key},
		{"erin+ca5582c8+", key},
		{"triage+1c83eb72+", key},
		{"ci-runner+7197c37e+", key},
		{"acme/site", "write your own repository there, or remove the entry: what is left there lets in who owns that name"},
		{"9a1e6d1f-5f1c-4a53-8f0b-2f2c3b4a59d0", "write your own tenant's id there, as Entra ID's overview shows it, or remove the provider: that tenant's people would log in"},
		{"6b1f4c1e-7d0a-4c58-9a57-3e2d1c0b9a88", "copy the client_id that the provider gave you there"},
		{"0c9d5ac2-1e57-4b7a-9f0e-5a4f3c2b1d00", "write the object id of your own group there, or remove the entry"},
		{"proj_example", "write your own project there, or remove the header"},
		{"C0123456789", "copy the id of your own channel there, or remove the entry"},
		{"siem.acme.example", "write the address of your own receiver there, or remove the entry"},
		{"sha256:0000000000000000000000000000000000000000000000000000000000000001", "write the hash of the policy that you have published, or leave \"undo_policy\" out"},
	}
}

// Unfinished returns an *Error if the file still says in some place what the sample
// configuration says there, and nil otherwise. Load takes such a file, to be looked
// at; no daemon is to be started with it.
func (c *Config) Unfinished() error {
	if c.unfinished == nil {
		return nil
	}
	return c.unfinished
}

// unfinished returns the first stand-in in b, which is JSON in the file at path.
func unfinished(b []byte, path string) *Error {
	list := standIns()
	d := jsontext.NewDecoder(bytes.NewReader(b))
	for {
		t, err := d.ReadToken()
		if err != nil {
			return nil // its end: it has been read before
		}
		if t.Kind() != '"' {
			continue
		}
		text := t.String()
		i := slices.IndexFunc(list, func(s standIn) bool { return strings.Contains(text, s.text) })
		if i < 0 {
			continue
		}
		at := seal.Errorf(b, string(d.StackPointer()), "")
		return &Error{path, at.Line, at.Column, at.Pointer, "still has " + strings.TrimRight(list[i].text, "+") + ", as the sample configuration does", list[i].mends}
	}
}
