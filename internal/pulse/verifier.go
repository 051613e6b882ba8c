// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/clawea/clawea/seal"
)

//go:generate go run generate.go

// generated holds the verifier if it was built before this program was.
//
//go:embed generated
var generated embed.FS

// ErrNoVerifier is returned where the verifier for browsers was not built.
var ErrNoVerifier = errors.New("this clawea was built without the verifier for browsers\nbuild it first: go generate ./internal/pulse, then go build ./cmd/clawea")

// A Verifier is package verify for browsers, and what starts it there.
type Verifier struct {
	Wasm    []byte // gzip
	Exec    []byte // wasm_exec.js of the Go that built it
	Licence []byte // of that Go
}

// Embedded returns the verifier that this program carries, or ErrNoVerifier.
func Embedded() (*Verifier, error) {
	dir, err := fs.Sub(generated, "generated")
	if err != nil {
		return nil, err
	}
	return ReadVerifier(dir)
}

// ReadVerifier reads the verifier that go generate wrote into a directory. It
// fails with ErrNoVerifier if none is there.
func ReadVerifier(dir fs.FS) (*Verifier, error) {
	v := new(Verifier)
	for _, f := range []struct {
		name string
		into *[]byte
	}{{"verify.wasm.gz", &v.Wasm}, {"wasm_exec.js", &v.Exec}, {"LICENSE", &v.Licence}} {
		b, err := fs.ReadFile(dir, f.name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNoVerifier
		}
		if err != nil {
			return nil, fmt.Errorf("read verifier: %w", err)
		}
		*f.into = b
	}
	for _, script := range [][]byte{v.Exec, v.Licence} {
		if !inlines(script) {
			return nil, errors.New("read verifier: it would end its script's element in a page")
		}
	}
	return v, nil
}

// inlines reports whether a script can be in a page as it is.
func inlines(b []byte) bool {
	lower := bytes.ToLower(b)
	return !bytes.Contains(lower, []byte("</script")) && !bytes.Contains(lower, []byte("<!--"))
}

// Name names the verifier: the hash of its compressed file.
func (v *Verifier) Name() seal.Hash { return seal.Sum(v.Wasm) }
