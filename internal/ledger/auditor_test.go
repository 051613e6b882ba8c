// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/seal"
)

const origin = "ledger.example/log"

func newKey(t *testing.T) (seal.Signer, seal.Verifier) {
	t.Helper()
	k := housetest.FreshKey(t, origin)
	return k.Signer, k.Verifier
}

// newLedger returns a ledger over db and the auditor of its log.
func newLedger(t *testing.T, db DB) (*Ledger, *auditor) {
	t.Helper()
	s, v := newKey(t)
	l := &Ledger{DB: db, Signer: s, Origin: origin, Log: slog.New(slog.DiscardHandler)}
	return l, &auditor{handler: l.Handler(), key: v}
}

func newMemory() *memory { return &memory{places: map[place]int64{}} }

// An auditor knows the log's key and its handler, and nothing else. It checks
// with what golang.org/x/mod has for clients.
type auditor struct {
	handler http.Handler
	key     seal.Verifier
	seen    tlog.Tree // the last checkpoint
}

func (a *auditor) get(path string) (int, []byte) {
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.Bytes()
}

// checkpoint fetches the checkpoint and checks that the log has only grown.
func (a *auditor) checkpoint() (tlog.Tree, error) {
	code, b := a.get("/checkpoint")
	if code != 200 {
		return tlog.Tree{}, fmt.Errorf("checkpoint: status %d: %s", code, b)
	}
	tree, err := a.open(string(b))
	if err != nil || a.seen.N == 0 {
		a.seen = tree
		return tree, err
	}
	read := tlog.TileHashReader(tree, a)
	proof, err := tlog.ProveTree(tree.N, a.seen.N, read)
	if err != nil {
		return tree, err
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, a.seen.N, a.seen.Hash); err != nil {
		return tree, err
	}
	a.seen = tree
	return tree, nil
}

// open reads a checkpoint.
func (a *auditor) open(text string) (tlog.Tree, error) {
	n, err := note.Open([]byte(text), note.VerifierList(a.key))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != origin || lines[3] != "" {
		return tlog.Tree{}, fmt.Errorf("checkpoint %q", n.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, fmt.Errorf("root %q: %v", lines[2], err)
	}
	return tlog.Tree{N: size, Hash: tlog.Hash(root)}, nil
}

// all fetches every entry and checks each against the checkpoint.
func (a *auditor) all() ([]string, error) {
	tree, err := a.checkpoint()
	if err != nil {
		return nil, err
	}
	var list []string
	for n := int64(0); n*256 < tree.N; n++ {
		width := min(tree.N-n*256, 256)
		code, b := a.get(tilePath("entries", tlog.Tile{H: 8, N: n, W: int(width)}))
		if code != 200 {
			return nil, fmt.Errorf("entries %d: status %d", n, code)
		}
		for len(b) > 0 {
			size := int(binary.BigEndian.Uint16(b))
			list, b = append(list, string(b[2:2+size])), b[2+size:]
		}
	}
	if int64(len(list)) != tree.N {
		return nil, fmt.Errorf("%d entries in a log of %d", len(list), tree.N)
	}
	if err := a.checkAll(tree, list); err != nil {
		return nil, err
	}
	for i := int64(0); i < tree.N; i += max(tree.N/5, 1) { // each costs whole tiles
		if err := a.checkOne(tree, i, list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// checkAll makes the tree again, and compares its hashes and its root.
func (a *auditor) checkAll(tree tlog.Tree, list []string) error {
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(positions []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, p := range positions {
			out = append(out, hashes[p])
		}
		return out, nil
	})
	for i, e := range list {
		more, err := tlog.StoredHashes(int64(i), []byte(e), read)
		if err != nil {
			return err
		}
		hashes = append(hashes, more...)
	}
	root, err := tlog.TreeHash(tree.N, read)
	if err != nil || root != tree.Hash {
		return fmt.Errorf("the entries have root %v, the checkpoint %v: %w", root, tree.Hash, err)
	}
	for _, t := range tlog.NewTiles(8, 0, tree.N) {
		want, err := tlog.ReadTileData(t, read)
		if err != nil {
			return err
		}
		if code, got := a.get(tilePath(strconv.Itoa(t.L), t)); code != 200 || !bytes.Equal(got, want) {
			return fmt.Errorf("%s: status %d and other hashes than those of the entries", t.Path(), code)
		}
	}
	return nil
}

func (a *auditor) checkOne(tree tlog.Tree, leaf int64, entry string) error {
	proof, err := tlog.ProveRecord(tree.N, leaf, tlog.TileHashReader(tree, a))
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, leaf, tlog.RecordHash([]byte(entry)))
}

// tilePath is t's path with its level spelled so.
func tilePath(level string, t tlog.Tile) string {
	rest := strings.SplitN(t.Path(), "/", 4)[3] // behind tile, height and level
	return "/tile/" + level + "/" + rest
}

func (a *auditor) Height() int { return 8 }

func (a *auditor) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		code, b := a.get(tilePath(strconv.Itoa(t.L), t))
		if code != 200 {
			return nil, fmt.Errorf("%s: status %d", t.Path(), code)
		}
		out = append(out, b)
	}
	return out, nil
}

func (a *auditor) SaveTiles([]tlog.Tile, [][]byte) {}
