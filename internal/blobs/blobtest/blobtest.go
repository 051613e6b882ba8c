// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package blobtest holds every place of blobs to what package blobs says of them.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"sync"
	"testing"

	"github.com/clawea/clawea/internal/blobs"
	"github.com/clawea/clawea/seal"
)

// A Thing is a place that a test can look into.
type Thing struct {
	Place blobs.Place
	// Names lists what the place has, as it calls it.
	Names func() []string
	// Object is what it has under one of them.
	Object func(name string) []byte
	// Change puts other bytes there behind the house's back.
	Change func(name string, b []byte)
}

// Run runs the whole suite. open returns an empty place.
func Run(t *testing.T, open func(t *testing.T) *Thing) {
	for name, f := range map[string]func(*testing.T, *Thing){
		"kept": kept, "missing": missing, "changed": changed, "another key": otherKey, "at once": atOnce, "place": place, "canceled": canceled,
	} {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
}

func shelf(t *testing.T, p *Thing, key byte) *blobs.Shelf {
	t.Helper()
	s, err := blobs.New(p.Place, bytes.Repeat([]byte{key}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// kept publishes, reads and deletes; the place learns neither what is in a blob nor
// its hash.
func kept(t *testing.T, p *Thing) {
	s, ctx := shelf(t, p, 7), t.Context()
	large := bytes.Repeat([]byte("clawea "), 1<<17)
	for _, file := range [][]byte{{}, []byte("clawea says"), large} {
		id, err := s.Put(ctx, file)
		if err != nil || id != seal.Sum(file) {
			t.Fatalf("put %d bytes: %v %v", len(file), id, err)
		}
		if got, err := s.Get(ctx, id); err != nil || !bytes.Equal(got, file) {
			t.Errorf("get %d bytes: %d, %v", len(file), len(got), err)
		}
	}
	names := p.Names()
	if len(names) != 3 {
		t.Fatalf("the place has %q", names)
	}
	before := map[string][]byte{}
	for _, name := range names {
		before[name] = p.Object(name)
		if bytes.Contains(before[name], []byte("clawea")) {
			t.Errorf("%s is not sealed", name)
		}
		for _, file := range [][]byte{{}, []byte("clawea says"), large} {
			if hash := seal.Sum(file).String(); bytes.Contains([]byte(hash), []byte(name)) {
				t.Errorf("its name is its hash: %s", name)
			}
		}
	}
	id, err := s.Put(ctx, large)
	if err != nil {
		t.Errorf("again: %v", err)
	}
	for _, name := range p.Names() {
		if !bytes.Equal(p.Object(name), before[name]) {
			t.Errorf("%s was written anew", name)
		}
	}
	for range 2 {
		if err := s.Drop(ctx, id); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if _, err := s.Get(ctx, id); !errors.Is(err, fs.ErrNotExist) || len(p.Names()) != 2 {
		t.Errorf("deleted: %v, %q", err, p.Names())
	}
}

func missing(t *testing.T, p *Thing) {
	s := shelf(t, p, 7)
	if _, err := s.Get(t.Context(), seal.Sum(nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("get: got %v, want ErrNotExist", err)
	}
	if err := s.Drop(t.Context(), seal.Sum(nil)); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// changed has each kind of meddling found, and mended by who has the file.
func changed(t *testing.T, p *Thing) {
	s, ctx, file := shelf(t, p, 7), t.Context(), []byte("a bundle")
	id, err := s.Put(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Put(ctx, []byte("another bundle"))
	if err != nil {
		t.Fatal(err)
	}
	names := p.Names()
	first, second := p.Object(names[0]), p.Object(names[1])
	flipped := bytes.Clone(first)
	flipped[len(flipped)/2] ^= 1
	for what, b := range map[string][]byte{"a bit": flipped, "cut off": first[:len(first)-1], "longer": append(bytes.Clone(first), 0), "empty": {}, "another's": second} {
		p.Change(names[0], b)
		_, err1 := s.Get(ctx, id)
		_, err2 := s.Get(ctx, other)
		if !errors.Is(errors.Join(err1, err2), blobs.ErrChanged) {
			t.Errorf("%s: got %v and %v, want ErrChanged", what, err1, err2)
		}
	}
	for _, f := range [][]byte{file, []byte("another bundle")} {
		if _, err := s.Put(ctx, f); err != nil {
			t.Errorf("mend: %v", err)
		}
		if got, err := s.Get(ctx, seal.Sum(f)); err != nil || !bytes.Equal(got, f) {
			t.Errorf("mended: %v", err)
		}
	}
}

// otherKey: who has another key finds nothing.
func otherKey(t *testing.T, p *Thing) {
	id, err := shelf(t, p, 7).Put(t.Context(), []byte("a bundle"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shelf(t, p, 8).Get(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

// atOnce: whoever publishes the same at the same time has it.
func atOnce(t *testing.T, p *Thing) {
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		s := shelf(t, p, 7)
		all.Go(func() { _, errs[i] = s.Put(t.Context(), []byte("a bundle")) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil || len(p.Names()) != 1 {
		t.Errorf("%v, %q", err, p.Names())
	}
}

// place holds a place to its own promise: nothing is overwritten unless that is said.
func place(t *testing.T, p *Thing) {
	ctx, name := t.Context(), "00ff000000000000000000000000000000000000000000000000000000000001"
	if err := p.Place.Put(ctx, name, []byte("one"), false); err != nil {
		t.Fatal(err)
	}
	if err := p.Place.Put(ctx, name, []byte("two"), false); !errors.Is(err, blobs.ErrThere) {
		t.Errorf("a name that is taken: got %v, want ErrThere", err)
	}
	if b, err := p.Place.Get(ctx, name, 10); err != nil || string(b) != "one" {
		t.Errorf("it was overwritten: %q %v", b, err)
	}
	if err := p.Place.Put(ctx, name, []byte("three"), true); err != nil {
		t.Error(err)
	}
	if b, err := p.Place.Get(ctx, name, 2); err != nil || string(b) != "thr" {
		t.Errorf("got %q %v, want three bytes of it", b, err)
	}
}

func canceled(t *testing.T, p *Thing) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := shelf(t, p, 7)
	if _, err := s.Get(ctx, seal.Sum(nil)); err == nil {
		t.Error("get: no error")
	}
}
