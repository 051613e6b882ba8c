// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/console"
	"github.com/clawea/clawea/internal/store"
)

// When something is not well.
const (
	logLate    = time.Minute      // a receipt that is not in the log
	noticeLate = 15 * time.Minute // a notice that is not delivered
	clockOff   = 5 * time.Second  // between two clocks
	diskLeft   = 512 << 20        // bytes that are free
)

// A health is what the checks ask of the database. internal/store fills it.
type health interface {
	Unlogged(ctx context.Context) (time.Time, error)
	Newest(ctx context.Context) (time.Time, error)
	Undelivered(ctx context.Context, channel string) (n int, since time.Time, err error)
	Clock(ctx context.Context) (time.Time, error)
	Secret(ctx context.Context, name string) (store.Secret, error)
}

// A checkup looks whether all that the house needs is there. It asks no system outside.
type checkup struct {
	config   *config.Config
	db       health
	channels []string // of notices
	disks    []disk
	free     func(dir string) (bytes uint64, known bool, err error)
	now      func() time.Time
	log      *slog.Logger
}

// checks looks at everything, in an order that people read.
func (x *checkup) checks(ctx context.Context) []console.Check {
	out := []console.Check{x.logged(ctx), x.clock(ctx), x.credentials(ctx)}
	if len(x.channels) > 0 {
		out = append(out, x.notices(ctx))
	}
	return append(out, x.space(ctx)...)
}

// broken is a check that could not be made, which is no good sign.
func (x *checkup) broken(ctx context.Context, name string, err error) console.Check {
	x.log.ErrorContext(ctx, "check failed", "check", name, "err", err)
	return console.Check{Name: name, Says: "It cannot be told. The house's log says why."}
}

func (x *checkup) logged(ctx context.Context) console.Check {
	const name = "Transparency log"
	at, err := x.db.Unlogged(ctx)
	switch late := x.now().Sub(at); {
	case err != nil:
		return x.broken(ctx, name, err)
	case at.IsZero():
		return console.Check{Name: name, OK: true, Says: "Its newest tree head covers every receipt."}
	case late > logLate:
		return console.Check{Name: name, Says: fmt.Sprintf("A receipt has waited for it for %v. Bundles cannot prove what is not in it; the house's log says what is wrong.", late.Truncate(time.Second))}
	}
	return console.Check{Name: name, OK: true, Says: "It is seconds behind."}
}

func (x *checkup) clock(ctx context.Context) console.Check {
	const name = "Clock"
	theirs, err := x.db.Clock(ctx)
	if err != nil {
		return x.broken(ctx, name, err)
	}
	newest, err := x.db.Newest(ctx)
	if err != nil {
		return x.broken(ctx, name, err)
	}
	now := x.now()
	switch off := now.Sub(theirs).Abs(); {
	case off > clockOff:
		return console.Check{Name: name, Says: fmt.Sprintf("This machine's and the database's differ by %v. Have both follow one time server.", off.Truncate(time.Second))}
	case newest.Sub(now) > clockOff:
		return console.Check{Name: name, Says: fmt.Sprintf("A receipt was written %v from now: this clock went back, or another replica's is ahead.", newest.Sub(now).Truncate(time.Second))}
	}
	return console.Check{Name: name, OK: true, Says: "It agrees with the database's, and with the newest receipt."}
}

// credentials looks whether the secrets are there that the configuration refers to, and
// the consents of the people as whom agents act. Whether the other side takes them, the
// first call shows.
func (x *checkup) credentials(ctx context.Context) console.Check {
	const name = "Credentials"
	n, missing := x.config.Secrets()
	for _, app := range Apps(x.config) {
		for _, user := range app.Users {
			n++
			good, err := x.consented(ctx, app.ID, user)
			if err != nil {
				return x.broken(ctx, name, err)
			}
			if !good {
				missing = append(missing, "the consent of "+user+" (clawea connect atlassian)")
			}
		}
	}
	switch {
	case len(missing) > 0:
		return console.Check{Name: name, Says: fmt.Sprintf("%d of %d cannot be read: %s. What needs them fails.", len(missing), n, strings.Join(missing, ", "))}
	case n == 0:
		return console.Check{Name: name, OK: true, Says: "None are configured."}
	}
	return console.Check{Name: name, OK: true, Says: fmt.Sprintf("All %d that the configuration refers to can be read.", n)}
}

// consented reports whether a person has let an app act for them, and that holds still.
func (x *checkup) consented(ctx context.Context, app, user string) (bool, error) {
	s, err := x.db.Secret(ctx, grantName(app, user))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	grant, err := atlassian.ParseGrant(s.Value)
	return err == nil && grant.State() != "ended", err
}

func (x *checkup) notices(ctx context.Context) console.Check {
	const name = "Notices"
	var late []string
	waiting := 0
	for _, channel := range x.channels {
		n, since, err := x.db.Undelivered(ctx, channel)
		if err != nil {
			return x.broken(ctx, name, err)
		}
		waiting += n
		if wait := x.now().Sub(since); n > 0 && wait > noticeLate {
			late = append(late, fmt.Sprintf("%s (%d, the oldest for %v)", channel, n, wait.Truncate(time.Second)))
		}
	}
	switch {
	case len(late) > 0:
		return console.Check{Name: name, Says: "These do not arrive: " + strings.Join(late, ", ") + ". The house's log says why."}
	case waiting > 0:
		return console.Check{Name: name, OK: true, Says: fmt.Sprintf("%d are on their way.", waiting)}
	}
	return console.Check{Name: name, OK: true, Says: "All have been delivered."}
}

// A disk is where the house writes something.
type disk struct{ name, dir string }

// space looks at what is free where the house writes, one check for each place.
func (x *checkup) space(ctx context.Context) (out []console.Check) {
	for _, d := range x.disks {
		name := "Disk of " + d.name
		n, known, err := x.free(d.dir)
		switch {
		case err != nil:
			out = append(out, x.broken(ctx, name, err))
		case !known:
		case n < diskLeft:
			out = append(out, console.Check{Name: name, Says: fmt.Sprintf("%d MiB are free. Without room for receipts, nothing is carried.", n>>20)})
		default:
			out = append(out, console.Check{Name: name, OK: true, Says: fmt.Sprintf("%d MiB are free.", n>>20)})
		}
	}
	return out
}

// disks are those of this machine: a database elsewhere looks after its own.
func disks(c *config.Config, url string) (out []disk) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		out = append(out, disk{"the database", filepath.Dir(path)})
	}
	if c.Pulse != nil {
		out = append(out, disk{"published bundles", c.Pulse.Dir})
	}
	return out
}

// checkup is what the console asks how the house is.
func (d *Daemon) checkup(c *config.Config, url string) *checkup {
	x := &checkup{config: c, db: d.db, disks: disks(c, url), free: freeSpace, now: time.Now, log: d.log}
	for i := range d.notices.Channels {
		x.channels = append(x.channels, d.notices.Channels[i].Name)
	}
	return x
}
