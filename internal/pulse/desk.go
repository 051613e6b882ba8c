// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/story"
	"github.com/clawea/clawea/seal"
)

// A Store keeps what is known of published bundles. store.DB is one.
type Store interface {
	Publish(ctx context.Context, p store.Publication) error
	Publication(ctx context.Context, id seal.Hash) (store.Publication, error)
	Publications(ctx context.Context, before time.Time, limit int) ([]store.Publication, error)
	Events(ctx context.Context, id seal.Hash) ([]store.Event, error)
	Hold(ctx context.Context, id seal.Hash, by, note string) error
	Release(ctx context.Context, id seal.Hash, by, note string) error
	DropPublication(ctx context.Context, id seal.Hash, by, note string) error
	Expire(ctx context.Context, id seal.Hash, by string) error
	Due(ctx context.Context, limit int) (due, deleted []store.Publication, err error)
	Gone(ctx context.Context, id seal.Hash) error
	Share(ctx context.Context, s store.Share) error
	OpenShare(ctx context.Context, id seal.Hash) (store.Share, error)
	Shares(ctx context.Context, publication seal.Hash, limit int) ([]store.Share, error)
	Unshare(ctx context.Context, id seal.Hash, by string) error
}

// A Config says what a desk works with. All of it is needed.
type Config struct {
	Dir   string // of the bundles; made if it is missing
	Key   []byte // the house's sealing key
	Store Store
	Log   *slog.Logger
	Now   func() time.Time
}

// A Desk publishes bundles. It is safe for concurrent use, by several daemons on
// one directory too.
type Desk struct {
	store Store
	blobs *blobs
	log   *slog.Logger
	now   func() time.Time
}

// New returns a desk.
func New(c Config) (*Desk, error) {
	b, err := newBlobs(c.Dir, c.Key)
	if err != nil {
		return nil, err
	}
	return &Desk{c.Store, b, c.Log, c.Now}, nil
}

// Publish keeps the file of a bundle and lets people read it. by is who says so;
// it is deleted after until, or never if that is nil. It is not checked: whoever
// reads it checks it. What is published already is kept until the later time. It
// fails for what is no bundle, and with store.ErrConflict for one that was
// deleted.
func (d *Desk) Publish(ctx context.Context, file []byte, by string, until *time.Time) (seal.Hash, error) {
	b, err := bundle.Read(file)
	if err != nil {
		return seal.Hash{}, fmt.Errorf("%w\ngive the file as clawea proof export wrote it", err)
	}
	if until != nil && !until.After(d.now()) {
		return seal.Hash{}, errors.New("it would be deleted at once\ngive a time that is to come")
	}
	id := seal.Sum(file)
	if p, err := d.store.Publication(ctx, id); err == nil && p.Deleted != nil {
		return id, fmt.Errorf("publish %s: %w", id, store.ErrConflict)
	}
	if _, err := d.blobs.put(file); err != nil {
		return id, err
	}
	err = d.store.Publish(ctx, store.Publication{ID: id, Job: b.Job, Size: int64(len(file)), By: by, Until: until})
	if errors.Is(err, store.ErrConflict) {
		return id, errors.Join(err, d.blobs.drop(id)) // it was deleted meanwhile
	}
	if err != nil {
		return id, err
	}
	d.log.InfoContext(ctx, "bundle published", "publication", id, "job", b.Job, "by", by)
	return id, nil
}

// Read returns a published bundle's file. It fails with store.ErrNotFound if it
// is not published, or was deleted.
func (d *Desk) Read(ctx context.Context, id seal.Hash) ([]byte, error) {
	p, err := d.store.Publication(ctx, id)
	if err != nil {
		return nil, err
	}
	if p.Deleted != nil {
		return nil, fmt.Errorf("read bundle %s: %w", id, store.ErrNotFound)
	}
	return d.blobs.get(id)
}

// Publications lists what was published before a time, the newest first, deleted
// ones too. Zero means now, and 100.
func (d *Desk) Publications(ctx context.Context, before time.Time, limit int) ([]store.Publication, error) {
	return d.store.Publications(ctx, before, limit)
}

// Events lists what was done to a publication, the oldest first.
func (d *Desk) Events(ctx context.Context, id seal.Hash) ([]store.Event, error) {
	return d.store.Events(ctx, id)
}

// Shares lists a publication's links, the newest first. Zero means 100.
func (d *Desk) Shares(ctx context.Context, id seal.Hash, limit int) ([]store.Share, error) {
	return d.store.Shares(ctx, id, limit)
}

// MaxShare is how long a link is good for at most.
const MaxShare = 366 * 24 * time.Hour

// A Disclosure says which texts a link discloses, of those that the bundle does.
// The zero value discloses none.
type Disclosure struct {
	All  bool
	Only []uint64 // receipts, by number
}

// text is how the store keeps it.
func (x Disclosure) text() string {
	if x.All {
		return "*"
	}
	var words []string
	for _, seq := range x.Only {
		words = append(words, strconv.FormatUint(seq, 10))
	}
	return strings.Join(words, ",")
}

func parseDisclosure(s string) (x Disclosure, err error) {
	switch s {
	case "":
		return x, nil
	case "*":
		return Disclosure{All: true}, nil
	}
	for word := range strings.SplitSeq(s, ",") {
		seq, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return Disclosure{}, fmt.Errorf("read what a link discloses: %w", err)
		}
		x.Only = append(x.Only, seq)
	}
	return x, nil
}

// maxOnly bounds the receipts of a Disclosure.
const maxOnly = 1000

// Share makes a link to a publication, for whoever note says, and returns its
// secret, which is kept nowhere: /share/SECRET shows the bundle until the link
// expires or is revoked, with no more texts than it discloses.
func (d *Desk) Share(ctx context.Context, id seal.Hash, by, note string, expires time.Time, x Disclosure) (secret string, err error) {
	if life := expires.Sub(d.now()); life <= 0 || life > MaxShare {
		return "", fmt.Errorf("a link until %s\ngive a time to come, within %d days", expires.Format(time.RFC3339), int(MaxShare.Hours()/24))
	}
	if len(x.Only) > maxOnly {
		return "", fmt.Errorf("%d receipts are listed\nlist %d at most, or disclose all", len(x.Only), maxOnly)
	}
	file, err := d.Read(ctx, id)
	if err != nil {
		return "", err
	}
	if _, err := x.redact(file); err != nil {
		return "", err
	}
	var b [32]byte
	rand.Read(b[:])
	secret = base64.RawURLEncoding.EncodeToString(b[:])
	s := store.Share{ID: seal.Sum([]byte(secret)), Publication: id, By: by, Note: note, Discloses: x.text(), Expires: expires}
	if err := d.store.Share(ctx, s); err != nil {
		return "", err
	}
	d.log.InfoContext(ctx, "bundle shared", "publication", id, "share", s.ID, "by", by, "expires", expires, "discloses", s.Discloses)
	return secret, nil
}

// redact leaves out of a bundle's file what x does not disclose.
func (x Disclosure) redact(file []byte) ([]byte, error) {
	if x.All {
		return file, nil
	}
	b, err := bundle.Read(file)
	if err != nil {
		return nil, err
	}
	keep, err := story.Of(b, x.Only)
	if err != nil {
		return nil, err
	}
	return b.Redact(keep).Marshal()
}

// Shared returns the file that a link's secret shows. It fails with
// store.ErrNotFound for every link that does not hold, whatever the reason.
func (d *Desk) Shared(ctx context.Context, secret string) ([]byte, error) {
	if len(secret) != base64.RawURLEncoding.EncodedLen(32) {
		return nil, fmt.Errorf("open share: %w", store.ErrNotFound)
	}
	s, err := d.store.OpenShare(ctx, seal.Sum([]byte(secret)))
	if err != nil {
		return nil, err
	}
	x, err := parseDisclosure(s.Discloses)
	if err != nil {
		return nil, err
	}
	file, err := d.Read(ctx, s.Publication)
	if err != nil {
		return nil, err
	}
	d.log.InfoContext(ctx, "shared bundle read", "publication", s.Publication, "share", s.ID)
	return x.redact(file)
}

// Unshare ends a link at once, by the hash of its secret.
func (d *Desk) Unshare(ctx context.Context, id seal.Hash, by string) error {
	if err := d.store.Unshare(ctx, id, by); err != nil {
		return err
	}
	d.log.InfoContext(ctx, "share ended", "share", id, "by", by)
	return nil
}

// Hold forbids to delete a publication until Release.
func (d *Desk) Hold(ctx context.Context, id seal.Hash, by, note string) error {
	if err := d.store.Hold(ctx, id, by, note); err != nil {
		return err
	}
	d.log.InfoContext(ctx, "bundle held", "publication", id, "by", by)
	return nil
}

// Release ends a hold. What is due is deleted with the next Sweep.
func (d *Desk) Release(ctx context.Context, id seal.Hash, by, note string) error {
	if err := d.store.Release(ctx, id, by, note); err != nil {
		return err
	}
	d.log.InfoContext(ctx, "bundle released", "publication", id, "by", by)
	return nil
}

// Delete deletes a publication: it is on record, and nobody can read it any more.
// It fails with store.ErrHeld while it is held.
func (d *Desk) Delete(ctx context.Context, id seal.Hash, by, note string) error {
	if err := d.store.DropPublication(ctx, id, by, note); err != nil {
		return err
	}
	d.log.InfoContext(ctx, "bundle deleted", "publication", id, "by", by)
	return d.bury(ctx, id)
}

// bury deletes the file of a deleted publication. If it does not come to that, the
// next Sweep does.
func (d *Desk) bury(ctx context.Context, id seal.Hash) error {
	if err := d.blobs.drop(id); err != nil {
		return err
	}
	err := d.store.Gone(ctx, id)
	if errors.Is(err, store.ErrConflict) {
		return nil // another daemon has
	}
	return err
}

// Sweep deletes what is due, and what was left of deletions that broke off.
func (d *Desk) Sweep(ctx context.Context) error {
	due, deleted, err := d.store.Due(ctx, 0)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range due {
		err := d.store.Expire(ctx, p.ID, "retention")
		if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			continue // held, kept longer, or deleted by another, since
		}
		if err == nil {
			d.log.InfoContext(ctx, "bundle deleted", "publication", p.ID, "by", "retention")
			err = d.bury(ctx, p.ID)
		}
		errs = append(errs, err)
	}
	for _, p := range deleted {
		errs = append(errs, d.bury(ctx, p.ID))
	}
	return errors.Join(errs...)
}
