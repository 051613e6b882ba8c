// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A Pulse is where published bundles are kept, and for how long.
type Pulse struct {
	// Dir is the directory of the bundles, which is made if it is missing. Several
	// daemons on one database share one. Default pulse, unless there is S3.
	Dir string `json:"dir"`
	// S3 is where they are instead: storage that speaks S3. Optional.
	S3 *S3 `json:"s3"`
	// KeepDays is how long a bundle is kept after it was published, unless that is
	// said otherwise of one, or it is held. 1 to 36500; default 0: for ever.
	KeepDays int `json:"keep_days"`
}

// An S3 is a bucket in storage that speaks S3.
type S3 struct {
	// Endpoint is where the storage is, without a path:
	// "https://s3.eu-central-1.amazonaws.com". https, unless it is this machine.
	Endpoint string `json:"endpoint"`
	// Region is what requests are signed for. Default us-east-1.
	Region string `json:"region"`
	// Bucket is there already.
	Bucket string `json:"bucket"`
	// Prefix begins the name of each object: "proofs/". Optional.
	Prefix string `json:"prefix"`
	// AccessKey and SecretKey are those of an account that may get, put and delete
	// objects there.
	AccessKey Secret `json:"access_key"`
	SecretKey Secret `json:"secret_key"`
}

const maxKeepDays = 36500

// Until is when a bundle that is published at a time is to be deleted; nil: never.
func (p *Pulse) Until(at time.Time) *time.Time {
	if p == nil || p.KeepDays == 0 {
		return nil
	}
	t := at.AddDate(0, 0, p.KeepDays)
	return &t
}

var (
	bucketName = pattern{regexp.MustCompile(`^[a-z0-9][a-z0-9.-]+[a-z0-9]$`), 63}
	regionName = pattern{regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`), 64}
	namePrefix = pattern{regexp.MustCompile(`^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*([A-Za-z0-9_-][A-Za-z0-9._-]*)?$`), 200}
)

func (c *Config) checkPulse() *problem {
	p := c.Pulse
	switch {
	case p == nil:
		return nil
	case p.KeepDays < 0 || p.KeepDays > maxKeepDays:
		return &problem{"/pulse/keep_days", "is not a number of days", "write 1 to 36500, or leave it out to keep bundles for ever"}
	case p.S3 == nil:
		return nil
	case p.Dir != "":
		return &problem{"/pulse", "has both a dir and s3", "leave out the one that bundles are not in"}
	}
	return p.S3.check("/pulse/s3")
}

func (s *S3) check(at string) *problem {
	if msg := wrongURL(s.Endpoint, false); msg != "" {
		return &problem{at, "its endpoint " + msg, "write it like \"https://s3.eu-central-1.amazonaws.com\""}
	}
	switch {
	case !bucketName.MatchString(s.Bucket) || strings.Contains(s.Bucket, ".."):
		return &problem{at, "has no bucket, or one that no bucket is called", "write \"bucket\": 3 to 63 small letters, digits, dashes and dots"}
	case s.Region != "" && !regionName.MatchString(s.Region):
		return &problem{at + "/region", "is not a region", "write it like \"eu-central-1\", or leave it out where the storage has none"}
	case !namePrefix.MatchString(s.Prefix):
		return &problem{at + "/prefix", "is not the beginning of a name", "write it like \"proofs/\": letters, digits, dots, dashes and lines below, and slashes between"}
	}
	return nil
}

func (p *Pulse) secrets() []placedSecret {
	if p == nil || p.S3 == nil {
		return nil
	}
	return []placedSecret{{"/pulse/s3/access_key", &p.S3.AccessKey}, {"/pulse/s3/secret_key", &p.S3.SecretKey}}
}

// complete fills in defaults and makes the path absolute.
func (p *Pulse) complete(dir string) {
	if p == nil || p.S3 != nil {
		return
	}
	if p.Dir == "" {
		p.Dir = "pulse"
	}
	p.Dir = absolute(dir, p.Dir)
}

// Publishing is where bundles are published. Without the section, it is a directory
// beside the database's file; a database that is no file (its URL says so) may be
// another machine's as well, and nothing is published: it returns nil.
func (c *Config) Publishing(url string) *Pulse {
	if c.Pulse != nil {
		return c.Pulse
	}
	if path, isFile := strings.CutPrefix(url, "sqlite:"); isFile {
		return &Pulse{Dir: filepath.Join(filepath.Dir(path), "pulse")}
	}
	return nil
}
