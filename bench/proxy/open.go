// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A Bench has everything started that is measured.
type Bench struct {
	Options
	Targets []*Target
	Houses  []*House
	Lives   map[string]*Life // by target
	running []*Process
	address string // of the model
	held    map[*Target]bool
}

// Open builds and starts everything, and sees an answer of each.
func Open(o Options) (*Bench, error) {
	b := &Bench{Options: o, Lives: map[string]*Life{}, held: map[*Target]bool{}}
	steps := []func() error{b.build, b.pin, b.openModel, b.openBare, b.openHouses}
	if o.Portkey {
		steps = append(steps, b.openPortkey)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return b, nil
}

// build makes the program to measure, unless there is one.
func (b *Bench) build() error {
	if b.Clawea != "" {
		return nil
	}
	b.Clawea = filepath.Join(b.Dir, "clawea")
	cmd := exec.Command("go", "build", "-trimpath", "-o", b.Clawea, "./cmd/clawea")
	cmd.Dir = repository()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build clawea: %w: %s", err, out)
	}
	return nil
}

func (b *Bench) pin() error {
	if !b.Pin {
		return nil
	}
	return pinSelf()
}

func (b *Bench) log(name string) string { return filepath.Join(b.Dir, name+".log") }

func (b *Bench) openModel() (err error) {
	if b.address, err = freeAddr(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p, err := start(loadCore, b.log("model"), self, UpstreamCommand, b.address)
	if err != nil {
		return err
	}
	b.running = append(b.running, p)
	direct := &Target{Name: Direct, Addr: b.address, Path: "/v1/chat/completions", Exact: true}
	b.Targets = append(b.Targets, direct)
	_, err = direct.firstAnswer(time.Now())
	return err
}

// The targets that others are compared with.
const (
	Direct    = "direct"
	BareProxy = "bare proxy"
	Clawea    = "Clawea"
)

func (b *Bench) openBare() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return b.boot(func() (*Target, error) {
		addr, err := freeAddr()
		if err != nil {
			return nil, err
		}
		p, err := start(gatewayCore, b.log("bare"), self, BareCommand, addr, b.address)
		return &Target{Name: BareProxy, Addr: addr, Path: "/v1/chat/completions", Exact: true, Process: p}, err
	})
}

// A Life is what a gateway takes before it has anything to do: milliseconds
// from its start to its first answer, and MiB of memory a while after that.
type Life struct{ Start, Idle []float64 }

// settle is how long a gateway is left alone before its memory is looked at.
const settle = time.Second

// boot starts a gateway several times, and leaves it running the last time.
func (b *Bench) boot(start func() (*Target, error)) error {
	for i := range b.Rounds {
		began := time.Now()
		t, err := start()
		if err != nil {
			return err
		}
		err = b.observe(t, began)
		if err == nil && i == b.Rounds-1 {
			b.Targets, b.running = append(b.Targets, t), append(b.running, t.Process)
			return nil
		}
		if err := errors.Join(err, t.Process.Stop()); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bench) observe(t *Target, began time.Time) error {
	first, err := t.firstAnswer(began)
	if err != nil {
		return err
	}
	time.Sleep(settle)
	idle, err := t.Process.RSS()
	if b.Lives[t.Name] == nil {
		b.Lives[t.Name] = new(Life)
	}
	l := b.Lives[t.Name]
	l.Start, l.Idle = append(l.Start, first.Seconds()*1000), append(l.Idle, idle)
	return err
}

func (b *Bench) openHouses() error {
	for _, hold := range append([]Hold{0}, b.Holds...) {
		if err := b.openHouse(hold); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bench) openHouse(hold Hold) error {
	dir, err := os.MkdirTemp(b.Dir, "house-")
	if err != nil {
		return err
	}
	h, err := OpenHouse(dir, b.Clawea, b.address, hold)
	if err != nil {
		return err
	}
	b.Houses = append(b.Houses, h)
	if hold > 0 {
		_, bound := h.Targets(fmt.Sprintf("%s, flushes held %v", Clawea, time.Duration(hold)))
		b.held[bound] = true
		b.Targets, b.running = append(b.Targets, bound), append(b.running, h.Process)
		return h.baseline(bound)
	}
	if err := h.Process.Stop(); err != nil {
		return err
	}
	err = b.boot(func() (*Target, error) {
		err := h.start()
		_, bound := h.Targets(Clawea)
		return bound, err
	})
	if err != nil {
		return err
	}
	bearer, _ := h.Targets(Clawea)
	bound := b.Targets[len(b.Targets)-1]
	b.Targets = append(b.Targets, bearer)
	return h.baseline(bound, bearer)
}

// repository is where the clawea to be measured is built from: this module is
// part of it, and is the directory that this program is run in.
func repository() string {
	if _, err := os.Stat("go.mod"); err == nil {
		return ".."
	}
	return filepath.Join("..", "..") // of a test
}

// Close stops everything.
func (b *Bench) Close() error {
	var errs []error
	for _, p := range b.running {
		errs = append(errs, p.Stop())
	}
	return errors.Join(errs...)
}
