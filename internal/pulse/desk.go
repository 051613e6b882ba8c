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
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/blobs"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// A Store keeps what is known of published bundles. store.DB is one.
type Store interface {
	Publish(ctx context.Context, p store.Publication) error
	Publication(ctx context.Context, id seal.Hash) (store.Publication, error)
	Publications(ctx context.Context, before *store.Spot, limit int) ([]store.Publication, error)
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

// A Config says what a desk works with. All of it is needed, but for Default and
// Export.
type Config struct {
	Blobs *blobs.Shelf // where the bundles are
	Store Store
	// Default is how long a bundle is kept of which nobody says it. Nil: for ever.
	Default func(at time.Time) *time.Time
	// Export returns the bundle of a job as it stands now, with all texts behind the
	// commitments or without. Nil: only files are published.
	Export func(ctx context.Context, job string, texts bool) ([]byte, error)
	Log    *slog.Logger
	Now    func() time.Time
}

// A Desk publishes bundles. It is safe for concurrent use, by several daemons on
// one place too.
type Desk struct{ Config }

// New returns a desk.
func New(c Config) *Desk { return &Desk{c} }

// A Refusal is why something is not done, for who asked for it.
type Refusal struct{ Wrong, Mends string }

// Error is both, a line each.
func (r *Refusal) Error() string { return r.Wrong + "\n" + r.Mends }

// refused turns an error of two lines into a Refusal.
func refused(err error) error {
	wrong, mends, ok := strings.Cut(err.Error(), "\n")
	if !ok {
		return err
	}
	return &Refusal{wrong, mends}
}

// A Keep says how long a bundle is kept. The zero value is the house's default.
type Keep struct {
	Until time.Time
	Ever  bool // for ever
}

// until is when that is over at a time; nil: never.
func (d *Desk) until(k Keep) (*time.Time, error) {
	now := d.Now()
	switch {
	case k.Ever && !k.Until.IsZero():
		return nil, &Refusal{"it cannot be kept for ever and until a time", "say one of them"}
	case k.Ever:
		return nil, nil
	case k.Until.IsZero() && d.Default == nil:
		return nil, nil
	case k.Until.IsZero():
		return d.Default(now), nil
	case !k.Until.After(now):
		return nil, &Refusal{"it would be deleted at once", "give a time that is to come"}
	case k.Until.Year() > lastYear:
		return nil, &Refusal{fmt.Sprintf("no time is kept after the year %d", lastYear), "give an earlier one, or keep it for ever"}
	}
	return &k.Until, nil
}

const lastYear = 9999

// Publish keeps the file of a bundle and lets people read it. by is who says so. It is
// not checked: whoever reads it checks it. What is published already is kept until the
// later time. It fails with a *Refusal for what is no bundle, and with
// store.ErrConflict for one that was deleted.
func (d *Desk) Publish(ctx context.Context, file []byte, by string, k Keep) (seal.Hash, error) {
	b, err := bundle.Read(file)
	if err != nil {
		return seal.Hash{}, fmt.Errorf("%w%w", mute{err}, &Refusal{"it is no bundle: " + err.Error(), "give the file as clawea proof export wrote it"})
	}
	until, err := d.until(k)
	if err != nil {
		return seal.Hash{}, err
	}
	id := seal.Sum(file)
	if p, err := d.Store.Publication(ctx, id); err == nil && p.Deleted != nil {
		return id, fmt.Errorf("publish %s: %w", id, store.ErrConflict)
	}
	if _, err := d.Blobs.Put(ctx, file); err != nil {
		return id, err
	}
	err = d.Store.Publish(ctx, store.Publication{ID: id, Job: b.Job, Size: int64(len(file)), By: by, Until: until})
	if errors.Is(err, store.ErrConflict) {
		return id, errors.Join(err, d.Blobs.Drop(ctx, id)) // it was deleted meanwhile
	}
	if err != nil {
		return id, err
	}
	d.Log.InfoContext(ctx, "bundle published", "publication", id, "job", b.Job, "by", by)
	return id, nil
}

// mute is an error that adds its identity and no words.
type mute struct{ error }

func (mute) Error() string   { return "" }
func (m mute) Unwrap() error { return m.error }

// PublishJob publishes the bundle of a job as it stands now, with the texts that x
// discloses. It fails as Export does, and as Publish does.
func (d *Desk) PublishJob(ctx context.Context, job, by string, x Disclosure, k Keep) (seal.Hash, error) {
	if d.Export == nil {
		return seal.Hash{}, &Refusal{"jobs are not published here", "export its proof, and publish the file"}
	}
	if err := x.check(); err != nil {
		return seal.Hash{}, err
	}
	file, err := d.Export(ctx, job, x.All || len(x.Only) > 0)
	if err == nil {
		file, err = x.Redact(file)
	}
	if err != nil {
		return seal.Hash{}, err
	}
	return d.Publish(ctx, file, by, k)
}

// Read returns a published bundle's file. It fails with store.ErrNotFound if it
// is not published, or was deleted.
func (d *Desk) Read(ctx context.Context, id seal.Hash) ([]byte, error) {
	p, err := d.Store.Publication(ctx, id)
	if err != nil {
		return nil, err
	}
	if p.Deleted != nil {
		return nil, fmt.Errorf("read bundle %s: %w", id, store.ErrNotFound)
	}
	return d.Blobs.Get(ctx, id)
}

// Publication returns what is known of one, deleted ones too, or store.ErrNotFound.
func (d *Desk) Publication(ctx context.Context, id seal.Hash) (store.Publication, error) {
	return d.Store.Publication(ctx, id)
}

// Publications lists what was published behind a spot of the list, or from its
// beginning if that is nil: the newest first, deleted ones too. A limit of zero means
// 100.
func (d *Desk) Publications(ctx context.Context, before *store.Spot, limit int) ([]store.Publication, error) {
	return d.Store.Publications(ctx, before, limit)
}

// Events lists what was done to a publication, the oldest first.
func (d *Desk) Events(ctx context.Context, id seal.Hash) ([]store.Event, error) {
	return d.Store.Events(ctx, id)
}

// Shares lists a publication's links, the newest first. Zero means 100.
func (d *Desk) Shares(ctx context.Context, id seal.Hash, limit int) ([]store.Share, error) {
	return d.Store.Shares(ctx, id, limit)
}

// MaxShare is how long a link is good for at most.
const MaxShare = 366 * 24 * time.Hour

// Share makes a link to a publication, for whoever note says, and returns its
// secret, which is kept nowhere: /share/SECRET shows the bundle until the link
// expires or is revoked, with no more texts than it discloses.
func (d *Desk) Share(ctx context.Context, id seal.Hash, by, note string, expires time.Time, x Disclosure) (secret string, err error) {
	if life := expires.Sub(d.Now()); life <= 0 || life > MaxShare {
		return "", &Refusal{"a link until " + expires.UTC().Format(time.RFC3339), fmt.Sprintf("give a time to come, within %d days", int(MaxShare.Hours()/24))}
	}
	if strings.TrimSpace(note) == "" {
		return "", &Refusal{"it is not said whom the link is for", "say it in the note: it stays on record"}
	}
	if err := errors.Join(checkNote(note), x.check()); err != nil {
		return "", err
	}
	file, err := d.Read(ctx, id)
	if err != nil {
		return "", err
	}
	if _, err := x.Redact(file); err != nil {
		return "", err
	}
	var b [32]byte
	rand.Read(b[:])
	secret = base64.RawURLEncoding.EncodeToString(b[:])
	s := store.Share{ID: seal.Sum([]byte(secret)), Publication: id, By: by, Note: note, Discloses: x.text(), Expires: expires}
	if err := d.Store.Share(ctx, s); err != nil {
		return "", err
	}
	d.Log.InfoContext(ctx, "bundle shared", "publication", id, "share", s.ID, "by", by, "expires", expires, "discloses", s.Discloses)
	return secret, nil
}

// Shared returns the file that a link's secret shows. It fails with
// store.ErrNotFound for every link that does not hold, whatever the reason.
func (d *Desk) Shared(ctx context.Context, secret string) ([]byte, error) {
	if len(secret) != base64.RawURLEncoding.EncodedLen(32) {
		return nil, fmt.Errorf("open share: %w", store.ErrNotFound)
	}
	s, err := d.Store.OpenShare(ctx, seal.Sum([]byte(secret)))
	if err != nil {
		return nil, err
	}
	x, err := Disclosed(s.Discloses)
	if err != nil {
		return nil, err
	}
	file, err := d.Read(ctx, s.Publication)
	if err != nil {
		return nil, err
	}
	d.Log.InfoContext(ctx, "shared bundle read", "publication", s.Publication, "share", s.ID)
	return x.Redact(file)
}

// Unshare ends a link at once, by the hash of its secret.
func (d *Desk) Unshare(ctx context.Context, id seal.Hash, by string) error {
	if err := d.Store.Unshare(ctx, id, by); err != nil {
		return err
	}
	d.Log.InfoContext(ctx, "share ended", "share", id, "by", by)
	return nil
}

// maxNote bounds what people write of what they do, in bytes.
const maxNote = 1000

// checkNote refuses what would not come out of every database and terminal as it went
// in.
func checkNote(note string) error {
	if len(note) > maxNote || !utf8.ValidString(note) || strings.ContainsFunc(note, unicode.IsControl) {
		return &Refusal{"the note is too long, or has more than one line", fmt.Sprintf("write %d bytes at most, on one line", maxNote)}
	}
	return nil
}

// Hold forbids to delete a publication until Release, for the reason that note gives.
func (d *Desk) Hold(ctx context.Context, id seal.Hash, by, note string) error {
	if strings.TrimSpace(note) == "" {
		return &Refusal{"it is not said why it is held", "say it in the note: it stays on record"}
	}
	if err := checkNote(note); err != nil {
		return err
	}
	if err := d.Store.Hold(ctx, id, by, note); err != nil {
		return err
	}
	d.Log.InfoContext(ctx, "bundle held", "publication", id, "by", by)
	return nil
}

// Release ends a hold. What is due is deleted with the next Sweep.
func (d *Desk) Release(ctx context.Context, id seal.Hash, by, note string) error {
	if err := checkNote(note); err != nil {
		return err
	}
	if err := d.Store.Release(ctx, id, by, note); err != nil {
		return err
	}
	d.Log.InfoContext(ctx, "bundle released", "publication", id, "by", by)
	return nil
}

// Delete deletes a publication: it is on record, and nobody can read it any more.
// It fails with store.ErrHeld while it is held.
func (d *Desk) Delete(ctx context.Context, id seal.Hash, by, note string) error {
	if err := checkNote(note); err != nil {
		return err
	}
	if err := d.Store.DropPublication(ctx, id, by, note); err != nil {
		return err
	}
	d.Log.InfoContext(ctx, "bundle deleted", "publication", id, "by", by)
	return d.bury(ctx, id)
}

// bury deletes the file of a deleted publication. If it does not come to that, the
// next Sweep does.
func (d *Desk) bury(ctx context.Context, id seal.Hash) error {
	if err := d.Blobs.Drop(ctx, id); err != nil {
		return err
	}
	err := d.Store.Gone(ctx, id)
	if errors.Is(err, store.ErrConflict) {
		return nil // another daemon has
	}
	return err
}

// Sweep deletes what is due, and what was left of deletions that broke off.
func (d *Desk) Sweep(ctx context.Context) error {
	due, deleted, err := d.Store.Due(ctx, 0)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range due {
		err := d.Store.Expire(ctx, p.ID, "retention")
		if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			continue // held, kept longer, or deleted by another, since
		}
		if err == nil {
			d.Log.InfoContext(ctx, "bundle deleted", "publication", p.ID, "by", "retention")
			err = d.bury(ctx, p.ID)
		}
		errs = append(errs, err)
	}
	for _, p := range deleted {
		errs = append(errs, d.bury(ctx, p.ID))
	}
	return errors.Join(errs...)
}
