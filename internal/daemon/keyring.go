// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/keys"
	"github.com/clawea/clawea/seal"
)

// reloadEvery is how often the daemon looks whether the issuer's key is being
// rotated, and which retired keys are old enough to drop.
const reloadEvery = 5 * time.Second

// A keyring is the house's keys as they are now.
type keyring struct {
	dir string
	set *keys.Set // only reload changes it
	log *slog.Logger

	now atomic.Pointer[issuerKeys]
}

// issuerKeys are the issuer's at one time: those whose tokens are good, and all
// that there ever were.
type issuerKeys struct {
	good *issuer.Keys
	ever []seal.Verifier
	all  []string // the same, as text
}

func newKeyring(dir string, set *keys.Set, log *slog.Logger) (*keyring, error) {
	k := &keyring{dir: dir, set: set, log: log}
	return k, k.take(set, time.Now())
}

// take makes set the house's keys.
func (k *keyring) take(set *keys.Set, now time.Time) error {
	i := &issuerKeys{good: &issuer.Keys{Signer: set.Issuer, Public: set.IssuerTextsAt(now)}, all: set.IssuerTexts()}
	var err error
	if i.good.Verifiers, err = verifiers(i.good.Public); err != nil {
		return err
	}
	if i.ever, err = verifiers(i.all); err != nil {
		return err
	}
	k.set = set
	k.now.Store(i)
	return nil
}

func verifiers(texts []string) ([]seal.Verifier, error) {
	var out []seal.Verifier
	for _, t := range texts {
		v, err := seal.NewVerifier(t)
		if err != nil {
			return nil, fmt.Errorf("read the issuer's key: %w", err)
		}
		out = append(out, v)
	}
	return out, nil
}

// run takes up rotations until ctx ends.
func (k *keyring) run(ctx context.Context) {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			k.reload(ctx, now)
		}
	}
}

// reload keeps the keys that there are if the directory cannot be used: it may
// be in the middle of being copied.
func (k *keyring) reload(ctx context.Context, now time.Time) {
	old := k.set
	set, err := keys.Reload(k.dir, old)
	if err == nil {
		err = k.take(set, now)
	}
	if err != nil {
		k.log.WarnContext(ctx, "keys not taken up", "err", err)
		return
	}
	if set != old {
		k.log.InfoContext(ctx, "the issuer's keys have changed", "signs", set.Issuer, "known", len(set.IssuerTexts()))
	}
}
