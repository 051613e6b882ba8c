// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package blobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/blobs"
	"github.com/clawea/clawea/internal/blobs/blobtest"
)

// A bucket is as much of S3 as places need; test/clients has a whole one. It takes
// conditions, or says that it does not, or does not know them.
type bucket struct {
	conditions string // "kept", "refused" or "ignored"

	mu      sync.Mutex
	objects map[string][]byte
	keys    []string // access keys that were used
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, key, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ = strings.Cut(key, "/")
	b.keys = append(b.keys, key)
	fault := func(status int, code string) {
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
		}
	}
	body, there := b.objects[r.URL.Path]
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if !there {
			fault(404, "NoSuchKey")
			return
		}
		w.Header().Set("Last-Modified", "Mon, 02 Mar 2026 12:00:00 GMT")
		w.Header().Set("ETag", `"x"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body)
	case http.MethodPut:
		alone := r.Header.Get("If-None-Match") == "*"
		if alone && b.conditions == "refused" {
			fault(501, "NotImplemented")
			return
		}
		if alone && there && b.conditions == "kept" {
			fault(412, "PreconditionFailed")
			return
		}
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			fault(400, "IncompleteBody")
			return
		}
		b.objects[r.URL.Path] = sent
		w.Header().Set("ETag", `"x"`)
	case http.MethodDelete:
		delete(b.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	}
}

func text(s string) func() (string, error) { return func() (string, error) { return s, nil } }

func openS3(t *testing.T, h http.Handler) *blobs.S3 {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	p, err := blobs.NewS3(blobs.S3Config{Endpoint: srv.URL, Bucket: "proofs", Prefix: "house/", AccessKey: text("AKIA"), SecretKey: text("secret")})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (b *bucket) open(t *testing.T) *blobtest.Thing {
	b.objects = map[string][]byte{}
	const at = "/proofs/house/"
	return &blobtest.Thing{
		Place: openS3(t, b),
		Names: func() (names []string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			for path := range b.objects {
				names = append(names, strings.TrimPrefix(path, at))
			}
			slices.Sort(names)
			return names
		},
		Object: func(name string) []byte { b.mu.Lock(); defer b.mu.Unlock(); return b.objects[at+name] },
		Change: func(name string, o []byte) { b.mu.Lock(); defer b.mu.Unlock(); b.objects[at+name] = o },
	}
}

func TestS3(t *testing.T) {
	for _, conditions := range []string{"kept", "refused"} {
		t.Run(conditions, func(t *testing.T) {
			blobtest.Run(t, func(t *testing.T) *blobtest.Thing { return (&bucket{conditions: conditions}).open(t) })
		})
	}
}

// Storage that overwrites although it was told not to harms nothing: a name has one
// content.
func TestConditionIgnored(t *testing.T) {
	b := &bucket{conditions: "ignored"}
	p := b.open(t)
	s, err := blobs.New(p.Place, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		id, err := s.Put(t.Context(), []byte("a bundle"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(t.Context(), id); err != nil || string(got) != "a bundle" {
			t.Errorf("%q %v", got, err)
		}
	}
	if len(p.Names()) != 1 {
		t.Errorf("it has %q", p.Names())
	}
}

const evil = "\x1b[2J\u202e<script>secret"

// What a storage says of itself goes no further than the code of its error.
func TestHostileStorage(t *testing.T) {
	for what, h := range map[string]http.HandlerFunc{
		"an error's text": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			fmt.Fprintf(w, "<Error><Code>Odd%s</Code><Message>%[1]s</Message><Key>%[1]s</Key></Error>", "evil text")
		},
		"no XML": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(418)
			io.WriteString(w, evil)
		},
		"a refusal": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>evil text</Message></Error>")
		},
		"elsewhere": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://evil.text.invalid/secret")
			w.WriteHeader(307)
		},
		"a long error": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			io.WriteString(w, strings.Repeat("evil text", 1<<17))
		},
		"less than it says": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Last-Modified", "Mon, 02 Mar 2026 12:00:00 GMT")
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "evil text")
		},
		"an odd time": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Last-Modified", "evil text")
		},
	} {
		p := openS3(t, h)
		_, getting := p.Get(t.Context(), "00ff", 10)
		putting := p.Put(t.Context(), "00ff", []byte("x"), false)
		deleting := p.Delete(t.Context(), "00ff")
		if getting == nil {
			t.Errorf("%s: it is got", what)
		}
		for _, err := range []error{getting, putting, deleting} {
			if err != nil && (strings.Contains(err.Error(), "evil") || strings.Contains(err.Error(), "secret") || strings.ContainsAny(err.Error(), "\x1b\u202e<") || len(err.Error()) > 300) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

// No more of an object is read than is asked for.
func TestLongObject(t *testing.T) {
	p := openS3(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", "Mon, 02 Mar 2026 12:00:00 GMT")
		w.Write(make([]byte, 1<<20))
	}))
	if b, err := p.Get(t.Context(), "00ff", 10); err != nil || len(b) != 11 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// The credentials are fetched for each request, and an error of theirs is told whole.
func TestCredentials(t *testing.T) {
	b := &bucket{conditions: "kept", objects: map[string][]byte{}}
	srv := httptest.NewServer(b)
	defer srv.Close()
	key, broken := "AKIA1", errors.New("the file is not there\nmake it")
	p, err := blobs.NewS3(blobs.S3Config{
		Endpoint: srv.URL, Bucket: "proofs", SecretKey: text("secret"),
		AccessKey: func() (string, error) {
			if key == "" {
				return "", broken
			}
			return key, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, key = range []string{"AKIA1", "AKIA2"} {
		if _, err := p.Get(t.Context(), "00ff", 10); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	if !slices.Equal(b.keys, []string{"AKIA1", "AKIA2"}) {
		t.Errorf("used %q", b.keys)
	}
	if key = ""; true {
		if _, err := p.Get(t.Context(), "00ff", 10); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}

// Who hangs is waited for as long as the caller says; who is not there is said so.
func TestSilentStorage(t *testing.T) {
	quit := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-quit }))
	defer srv.Close()
	defer close(quit)
	p, err := blobs.NewS3(blobs.S3Config{Endpoint: srv.URL, Bucket: "proofs", AccessKey: text("a"), SecretKey: text("b")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Get(ctx, "00ff", 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent: %v", err)
	}
	gone, err := blobs.NewS3(blobs.S3Config{Endpoint: "http://127.0.0.1:1", Bucket: "proofs", AccessKey: text("a"), SecretKey: text("b")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gone.Get(t.Context(), "00ff", 10); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("gone: %v", err)
	}
	for _, endpoint := range []string{"", "proofs", "ftp://x", "https://"} {
		if _, err := blobs.NewS3(blobs.S3Config{Endpoint: endpoint}); err == nil {
			t.Errorf("%q: no error", endpoint)
		}
	}
}
