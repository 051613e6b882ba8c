// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/internal/story"
)

// A Disclosure says which texts of a bundle are disclosed, of those that it has. The
// zero value discloses none.
type Disclosure struct {
	All  bool
	Only []uint64 // receipts, by number
}

// maxOnly bounds the receipts of a Disclosure.
const maxOnly = 1000

// ReadDisclosure reads what people write: "none" or nothing, "all", or the numbers of
// receipts with commas between. It fails with a *Refusal.
func ReadDisclosure(s string) (x Disclosure, err error) {
	switch s = strings.TrimSpace(s); s {
	case "", "none":
		return x, nil
	case "all":
		return Disclosure{All: true}, nil
	}
	for word := range strings.SplitSeq(s, ",") {
		seq, err := strconv.ParseUint(strings.TrimSpace(word), 10, 63)
		if err != nil || seq == 0 {
			return Disclosure{}, &Refusal{fmt.Sprintf("%.40q is no receipt's number", word), "write none, all, or numbers of receipts with commas between, like 12,13"}
		}
		x.Only = append(x.Only, seq)
	}
	return x, x.check()
}

// String is what ReadDisclosure reads.
func (x Disclosure) String() string {
	switch {
	case x.All:
		return "all"
	case len(x.Only) == 0:
		return "none"
	}
	return x.text()
}

func (x Disclosure) check() error {
	if len(x.Only) > maxOnly {
		return &Refusal{fmt.Sprintf("%d receipts are listed", len(x.Only)), fmt.Sprintf("list %d at most, or disclose all", maxOnly)}
	}
	return nil
}

// None reports whether x discloses nothing.
func (x Disclosure) None() bool { return !x.All && len(x.Only) == 0 }

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

// Disclosed is what a link discloses, as the store keeps it.
func Disclosed(s string) (x Disclosure, err error) {
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

// Redact leaves out of a bundle's file what x does not disclose. It fails with a
// *Refusal for receipts that the bundle does not have.
func (x Disclosure) Redact(file []byte) ([]byte, error) {
	if x.All {
		return file, nil
	}
	b, err := bundle.Read(file)
	if err != nil {
		return nil, err
	}
	keep, err := story.Of(b, x.Only)
	if err != nil {
		return nil, refused(err)
	}
	return b.Redact(keep).Marshal()
}
