// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bytes"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/clawea/clawea/internal/blobs"
	"github.com/clawea/clawea/internal/blobs/blobtest"
)

const proofs = "proofs"

// openBucket is a bucket of somebody else's S3, which knows conditional puts.
func openBucket(t *testing.T) *blobtest.Thing {
	t.Helper()
	objects := s3mem.New()
	if err := objects.CreateBucket(proofs); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(gofakes3.New(objects).Server())
	t.Cleanup(srv.Close)
	known := func() (string, error) { return "known", nil }
	const prefix = "house/"
	p, err := blobs.NewS3(blobs.S3Config{Endpoint: srv.URL, Bucket: proofs, Prefix: prefix, AccessKey: known, SecretKey: known})
	if err != nil {
		t.Fatal(err)
	}
	return &blobtest.Thing{
		Place: p,
		Names: func() (names []string) {
			list, err := objects.ListBucket(proofs, nil, gofakes3.ListBucketPage{})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range list.Contents {
				names = append(names, o.Key[len(prefix):])
			}
			return names
		},
		Object: func(name string) []byte {
			o, err := objects.GetObject(proofs, prefix+name, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Contents.Close()
			b, err := io.ReadAll(o.Contents)
			if err != nil {
				t.Fatal(err)
			}
			return b
		},
		Change: func(name string, b []byte) {
			if _, err := objects.PutObject(proofs, prefix+name, map[string]string{}, bytes.NewReader(b), int64(len(b)), nil); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// Blobs in somebody else's implementation of S3 are as they are in a directory.
func TestS3(t *testing.T) { blobtest.Run(t, openBucket) }

// A bucket that is not there is said so.
func TestNoBucket(t *testing.T) {
	srv := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	defer srv.Close()
	known := func() (string, error) { return "known", nil }
	p, err := blobs.NewS3(blobs.S3Config{Endpoint: srv.URL, Bucket: proofs, AccessKey: known, SecretKey: known})
	if err != nil {
		t.Fatal(err)
	}
	const want = "the storage has no such bucket; make it, or mend pulse.s3.bucket"
	if _, err := p.Get(t.Context(), "00ff", 10); err == nil || err.Error() != want {
		t.Errorf("get: %v", err)
	}
	if err := p.Put(t.Context(), "00ff", []byte("x"), false); err == nil || err.Error() != want {
		t.Errorf("put: %v", err)
	}
}
