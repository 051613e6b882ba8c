// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package blobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// An S3Config says where objects are. All of it is needed, but for Prefix and Region.
type S3Config struct {
	Endpoint  string // "https://s3.eu-central-1.amazonaws.com", without a path
	Region    string // default us-east-1
	Bucket    string
	Prefix    string                 // of the objects' names: "proofs/"
	AccessKey func() (string, error) // both are fetched for each request
	SecretKey func() (string, error)
}

// An S3 is a place of objects in a bucket of storage that speaks S3.
type S3 struct {
	bucket, prefix string
	core           *minio.Core
}

const (
	within  = time.Minute      // one operation, retries included
	answers = 30 * time.Second // for the storage to begin its answer
	tries   = 3
)

// NewS3 returns the place that c names. It reaches nobody.
func NewS3(c S3Config) (*S3, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("open storage of blobs: its endpoint is no URL")
	}
	region := c.Region
	if region == "" {
		region = "us-east-1"
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds:  credentials.New(&provider{c.AccessKey, c.SecretKey}),
		Secure: u.Scheme == "https", Region: region, MaxRetries: tries,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: answers, MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: time.Minute,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("open storage of blobs: %w", err)
	}
	return &S3{c.Bucket, c.Prefix, core}, nil
}

// provider fetches the credentials anew for each request, so that they can be
// changed under a running daemon.
type provider struct{ access, secret func() (string, error) }

// errCredentials marks an error of the credentials, which the house itself made.
var errCredentials = errors.New("credentials of the storage")

// RetrieveWithCredContext is Retrieve.
func (p *provider) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return p.Retrieve()
}

// Retrieve fetches both secrets.
func (p *provider) Retrieve() (credentials.Value, error) {
	access, err := p.access()
	if err != nil {
		return credentials.Value{}, fmt.Errorf("%w: %w", errCredentials, err)
	}
	secret, err := p.secret()
	if err != nil {
		return credentials.Value{}, fmt.Errorf("%w: %w", errCredentials, err)
	}
	return credentials.Value{AccessKeyID: access, SecretAccessKey: secret, SignerType: credentials.SignatureV4}, nil
}

// IsExpired is always true.
func (*provider) IsExpired() bool { return true }

// Put asks the storage to keep b only if the name is free. Storage that knows no such
// condition is looked at before: what could be overwritten in that instant is the
// same file, since names come from what is in them.
func (s *S3) Put(ctx context.Context, name string, b []byte, replace bool) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := s.put(ctx, name, b, !replace)
	if replace || !unconditional(err) {
		return told(err)
	}
	_, err = s.core.StatObject(ctx, s.bucket, s.prefix+name, minio.StatObjectOptions{})
	if err == nil {
		return ErrThere
	}
	if err := told(err); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return told(s.put(ctx, name, b, false))
}

func (s *S3) put(ctx context.Context, name string, b []byte, alone bool) error {
	o := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableContentSha256: true} // of chunks: the whole has one
	if alone {
		o.SetMatchETagExcept("*")
	}
	sum := sha256.Sum256(b)
	_, err := s.core.PutObject(ctx, s.bucket, s.prefix+name, bytes.NewReader(b), int64(len(b)), "", hex.EncodeToString(sum[:]), o)
	return err
}

// unconditional reports whether storage says that it takes no conditions.
func unconditional(err error) bool {
	e := minio.ErrorResponse{}
	return errors.As(err, &e) && (e.StatusCode == http.StatusNotImplemented || e.Code == "NotImplemented")
}

// Get reads an object.
func (s *S3) Get(ctx context.Context, name string, max int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	body, _, _, err := s.core.GetObject(ctx, s.bucket, s.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, told(err)
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, max+1))
	if err != nil {
		return nil, told(err)
	}
	return b, nil
}

// Delete deletes an object. A bucket with versions keeps what it had under a mark.
func (s *S3) Delete(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := told(s.core.RemoveObject(ctx, s.bucket, s.prefix+name, minio.RemoveObjectOptions{}))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// code is how S3 spells what is wrong.
var code = regexp.MustCompile(`^[A-Za-z]{1,64}$`)

// told is err in our own words. Of what the storage says only its code is believed to
// be one; the rest is a stranger's text.
func told(err error) error {
	e := minio.ErrorResponse{}
	switch {
	case err == nil, errors.Is(err, errCredentials):
		return err
	case errors.As(err, &e):
		return answered(&e)
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the storage does not answer in time: %w", context.DeadlineExceeded)
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return fmt.Errorf("the storage cannot be reached: %w", u.Err)
	}
	if o := (*net.OpError)(nil); errors.As(err, &o) {
		return fmt.Errorf("the storage cannot be reached: %w", o)
	}
	return errors.New("the storage does not answer as S3 does, or its answer broke off")
}

// answered says what S3 answered.
func answered(e *minio.ErrorResponse) error {
	word := e.Code
	if !code.MatchString(word) {
		word = "no code"
	}
	switch {
	case e.Code == "NoSuchKey":
		return fs.ErrNotExist
	case e.Code == "NoSuchBucket":
		return errors.New("the storage has no such bucket; make it, or mend pulse.s3.bucket")
	case e.StatusCode == http.StatusPreconditionFailed, e.Code == "PreconditionFailed", e.Code == "ConditionalRequestConflict":
		return ErrThere
	case e.StatusCode == http.StatusUnauthorized, e.StatusCode == http.StatusForbidden:
		return fmt.Errorf("the storage refuses (%d, %s); its credentials must be right, and be allowed to get, put and delete objects there", e.StatusCode, word)
	}
	return fmt.Errorf("the storage answers %d (%s)", e.StatusCode, word)
}
