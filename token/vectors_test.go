// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/clawea/clawea/internal/vectors"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// TestVectors checks every testdata/vectors/token-*.txtar: a token, who may
// have signed it, for whom and when, and the policy that it should fit.
func TestVectors(t *testing.T) {
	vectors.Run(t, "token", func(t *testing.T, files map[string][]byte) string { return runVector(t, texts(files)) })
}

// texts are the files of a vector without their last line ends, which signed
// papers do not have.
func texts(files map[string][]byte) map[string]string {
	out := map[string]string{}
	for name, b := range files {
		out[name] = strings.TrimSuffix(string(b), "\n")
	}
	return out
}

func runVector(t *testing.T, files map[string]string) string {
	t.Helper()
	if files["revocation.json"] != "" {
		return runRevocation(t, files)
	}
	var vs []seal.Verifier
	for line := range strings.Lines(files["keys"]) {
		v, err := seal.NewVerifier(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		vs = append(vs, v)
	}
	now, err := time.Parse(time.RFC3339Nano, files["now"])
	if err != nil {
		t.Fatal(err)
	}
	c, err := Check(files["token"], files["audience"], now, vs...)
	if err == nil {
		err = (&Presentation{Job: files["job"], Policy: files["policy"]}).Expects(c)
	}
	if err != nil {
		return fmt.Sprintf("refused: %s\n", Code(err))
	}
	out := fmt.Sprintf("claims: %s\n", canonical(t, c))
	if files["policy.json"] == "" {
		return out
	}
	p, err := policy.Parse([]byte(files["policy.json"]))
	if err != nil {
		t.Fatal(err)
	}
	b, err := policy.ParseBinding([]byte(files["binding.json"]))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.Bind(b); err != nil {
		t.Fatal(err)
	}
	narrowed, err := c.Fit(p)
	if err != nil {
		return out + fmt.Sprintf("refused: %s\n", Code(err))
	}
	return out + fmt.Sprintf("scope: %s\n", canonical(t, narrowed.Scope()))
}

func FuzzCheck(f *testing.F) {
	s, v, public := testKey(f, "issuer", 1)
	p := boundPolicy(f, wpc, "id-")
	raw, minted := mint(f, s, p)
	f.Add(raw)
	paths, err := filepath.Glob("../testdata/vectors/token-*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if files := texts(vectors.Files(a)); strings.Contains(files["keys"], public) {
			f.Add(files["token"])
		}
	}
	f.Fuzz(func(t *testing.T, in string) {
		c, err := Check(in, house, issued, v)
		if err != nil {
			if Code(err) == CodeUnknown {
				t.Fatalf("a refusal without a code: %v", err)
			}
			return
		}
		if c.Audience != house || CheckName("job", c.Job) != nil {
			t.Fatalf("claims = %+v", c)
		}
		if in == raw {
			if diff := cmp.Diff(minted, c); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// FuzzClaims gives the reader of claims what a trusted issuer would have to
// have signed: it may refuse, but must not be confused.
func FuzzClaims(f *testing.F) {
	s, v, _ := testKey(f, "issuer", 1)
	p := boundPolicy(f, wpc, "id-")
	_, c := mint(f, s, p)
	f.Add(canonical(f, c))
	f.Add(`{"authorization_details":[],"aud":"` + house + `"}`)
	f.Fuzz(func(t *testing.T, payload string) {
		raw := forge(t, s, header(s, ""), payload)
		c, err := Check(raw, house, issued, v)
		if err != nil {
			return
		}
		if got := canonical(t, c); got != payload && !strings.Contains(payload, "null") && len(got) < len(payload) {
			t.Fatalf("something of %s is not in %s", payload, got)
		}
		if _, err := c.Fit(p); err != nil && Code(err) == CodeUnknown && !errors.Is(err, policy.ErrGrant) {
			t.Fatalf("a refusal without a code: %v", err)
		}
	})
}

// TestSpecAndVectorsAgree says: a vector's clause is in the spec, and so is
// every code.
func TestSpecAndVectorsAgree(t *testing.T) {
	b, err := os.ReadFile("../spec/token.md")
	if err != nil {
		t.Fatal(err)
	}
	spec := string(b)
	var paths []string
	for _, prefix := range []string{"token", "dpop"} {
		found, err := filepath.Glob("../testdata/vectors/" + prefix + "-*.txtar")
		if err != nil || len(found) == 0 {
			t.Fatalf("no vectors: %v", err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		if clause := strings.Split(filepath.Base(path), "-")[1]; !strings.Contains(spec, "\n"+clause+" ") {
			t.Errorf("%s proves clause %s, which the spec does not have", path, clause)
		}
	}
	for _, c := range codes {
		if !strings.Contains(spec, "| `"+c.code+"` |") {
			t.Errorf("the spec does not list %s", c.code)
		}
	}
}
