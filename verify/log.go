// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/bundle"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// standing checks that the chain ends where the gate says it ended.
func (a *auditor) standing() {
	if a.bundle.Standing == nil {
		a.find(standingMissing, 0, "the bundle has no standing, so that receipts missing from its end would not show")
		return
	}
	s, err := receipt.OpenStanding(a.bundle.Standing, a.keys.gates...)
	switch {
	case err != nil && unsigned(err):
		a.find(standingSignature, 0, "%v", err)
		return
	case err != nil:
		a.find(standingMalformed, 0, "%v", err)
		return
	}
	a.ended = true
	if s.Job != a.bundle.Job {
		a.find(bundleJob, 0, "the standing is about job %q", s.Job)
	}
	switch {
	case s.Seq > a.head.Seq:
		a.find(standingEnd, 0, "the chain ended at %d; the last %d receipts are missing", s.Seq, s.Seq-a.head.Seq)
	case s.Seq < a.head.Seq:
		a.find(standingEnd, 0, "the chain ended at %d; the bundle goes on to %d", s.Seq, a.head.Seq)
	case !s.Hash.Equal(a.head.Hash):
		a.find(standingEnd, 0, "the chain ended with %s; the bundle ends with %s", s.Hash, a.head.Hash)
	}
	if s.At.Before(a.last) {
		a.find(receiptTime, 0, "the standing is dated %s, before the last receipt", stamp(s.At))
	}
	a.dated(0, "the standing", s.At)
}

// log checks that the receipts are in the ledger. A bundle that is younger
// than the ledger's last checkpoint, or has none, is still good, with a warning.
func (a *auditor) log() {
	proven := map[uint64]bool{}
	if l := a.bundle.Log; l != nil {
		tree := a.checkpoint(l.Checkpoint)
		if tree == nil {
			return
		}
		proven = a.proofs(tree, l.Proofs)
		a.report.checked(len(l.Proofs), logProof, "proofs that lead to the checkpoint: %d, of %d entries", len(l.Proofs), tree.N)
	}
	a.unproven(proven)
}

// unproven finds the receipts without a proof: at the end, where the ledger may
// not have been yet, and elsewhere, where it has.
func (a *auditor) unproven(proven map[uint64]bool) {
	end := uint64(len(a.bundle.Receipts))
	for end > 0 && !proven[end] {
		end--
	}
	for seq := uint64(1); seq < end; seq++ {
		if !proven[seq] {
			a.find(logGap, seq, "it has no proof, and receipt %d behind it has one", end)
		}
	}
	if missing := uint64(len(a.bundle.Receipts)) - end; missing > 0 {
		a.find(logMissing, end+1, "from this one on, receipts are not proven to be in the log: %d", missing)
	}
}

// checkpoint opens the signed note and reads the tree that it is about; nil if
// that cannot be relied on.
func (a *auditor) checkpoint(msg string) *tlog.Tree {
	n, err := note.Open([]byte(msg), notes(a.keys.logs))
	if unknown := (*note.UnverifiedNoteError)(nil); errors.As(err, &unknown) {
		a.find(logSignature, 0, "no log that you trust has signed it")
		return nil
	}
	if bad := (*note.InvalidSignatureError)(nil); errors.As(err, &bad) {
		a.find(logSignature, 0, "the signature of %q does not match", bad.Name)
		return nil
	}
	if err != nil {
		a.find(logMalformed, 0, "%v", err)
		return nil
	}
	for _, s := range n.UnverifiedSigs {
		a.find(logSignature, 0, "it is also signed by %q, whom you do not trust", s.Name)
	}
	if len(n.UnverifiedSigs) == 0 && noteText(n) != msg {
		a.find(logMalformed, 0, "the signed note is not in its one form")
	}
	tree, err := a.parseTree(n.Text)
	if err != nil {
		a.find(logMalformed, 0, "%v", err)
		return nil
	}
	return tree
}

// noteText writes a note whose signatures are all verified, in its one form:
// base64 has several spellings, and note.Open takes any.
func noteText(n *note.Note) string {
	s := n.Text + "\n"
	for _, g := range n.Sigs {
		sig, _ := base64.StdEncoding.DecodeString(g.Base64) // note.Open has decoded it
		s += "\u2014 " + g.Name + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
	}
	return s
}

var errCheckpoint = errors.New("not a checkpoint: want three lines, of origin, size and root hash")

// parseTree reads a checkpoint's text (spec/ledger.md section 3).
func (a *auditor) parseTree(text string) (*tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return nil, errCheckpoint
	}
	if lines[0] != a.trust.Origin {
		a.find(logOrigin, 0, "the checkpoint is of log %q; you trust %q", lines[0], a.trust.Origin)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return nil, fmt.Errorf("%w: size %q", errCheckpoint, lines[1])
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize || base64.StdEncoding.EncodeToString(root) != lines[2] {
		return nil, fmt.Errorf("%w: root %q", errCheckpoint, lines[2])
	}
	return &tlog.Tree{N: size, Hash: tlog.Hash(root)}, nil
}

// proofs checks inclusion proofs and returns which receipts have one, right or
// wrong: a wrong one is found here, and not missed as well.
func (a *auditor) proofs(tree *tlog.Tree, proofs []bundle.Proof) map[uint64]bool {
	proven := map[uint64]bool{}
	for _, p := range proofs {
		if p.Seq == 0 || p.Seq > uint64(len(a.bundle.Receipts)) {
			a.find(bundleUnused, p.Seq, "a proof for a receipt that is not there")
			continue
		}
		if proven[p.Seq] {
			a.find(bundleDuplicate, p.Seq, "it has two proofs")
			continue
		}
		proven[p.Seq] = true
		if err := a.prove(tree, &p); err != nil {
			a.find(logProof, p.Seq, "the proof does not lead to the checkpoint: %v", err)
		}
	}
	return proven
}

func (a *auditor) prove(tree *tlog.Tree, p *bundle.Proof) error {
	envelope, err := a.bundle.Receipts[p.Seq-1].Marshal()
	if err != nil {
		return err
	}
	entry := bundle.LogEntry(a.bundle.Job, p.Seq, seal.Sum(envelope))
	return tlog.CheckRecord(p.Hashes, tree.N, tree.Hash, p.Index, tlog.RecordHash(entry))
}
