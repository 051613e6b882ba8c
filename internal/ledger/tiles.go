// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/http"

	"golang.org/x/mod/sumdb/tlog"
)

// tileHeight is that of C2SP tlog-tiles: 256 hashes or entries to a full tile.
const tileHeight = 8

// errNoTile is for tiles that are not, or not yet, in the log.
var errNoTile = errors.New("no such tile")

// Handler serves the log to anyone, as C2SP tlog-tiles has it:
//
//	/checkpoint                   the latest signed checkpoint
//	/tile/<L>/<N>[.p/<W>]         hashes
//	/tile/entries/<N>[.p/<W>]     entries, each behind its length in two bytes
//
// A tile that once was there never changes.
func (l *Ledger) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /checkpoint", l.serveCheckpoint)
	mux.HandleFunc("GET /tile/entries/{path...}", func(w http.ResponseWriter, r *http.Request) {
		l.serveTile(w, r, "data/"+r.PathValue("path"), l.entries)
	})
	mux.HandleFunc("GET /tile/{path...}", func(w http.ResponseWriter, r *http.Request) {
		l.serveTile(w, r, r.PathValue("path"), l.hashes)
	})
	return mux
}

func (l *Ledger) serveCheckpoint(w http.ResponseWriter, r *http.Request) {
	signed, _, err := l.checkpoint(r.Context())
	if err != nil {
		l.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(signed) // a client that has gone needs no answer
}

func (l *Ledger) serveTile(w http.ResponseWriter, r *http.Request, path string, read func(context.Context, tlog.Tile) ([]byte, error)) {
	t, err := tlog.ParseTilePath("tile/8/" + path)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	b, err := read(r.Context(), t)
	if errors.Is(err, errNoTile) {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		l.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(b) // a client that has gone needs no answer
}

func (l *Ledger) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		l.Log.ErrorContext(r.Context(), "log cannot be served", slog.String("path", r.URL.Path), slog.Any("err", err))
	}
	http.Error(w, "The log cannot be read at the moment.\nTry again later.", http.StatusInternalServerError)
}

// hashes returns a tile of the tree's hashes.
func (l *Ledger) hashes(ctx context.Context, t tlog.Tile) ([]byte, error) {
	if t.L < 0 { // "/tile/data", which is not in this form of logs
		return nil, errNoTile
	}
	if err := l.checkTile(ctx, t); err != nil {
		return nil, err
	}
	return tlog.ReadTileData(t, l.DB.HashReader(ctx))
}

// entries returns a bundle of entries.
func (l *Ledger) entries(ctx context.Context, t tlog.Tile) ([]byte, error) {
	t.L = 0 // a leaf for each entry
	if err := l.checkTile(ctx, t); err != nil {
		return nil, err
	}
	list, err := l.DB.Records(ctx, t.N<<tileHeight, t.W)
	if err != nil {
		return nil, err
	}
	if len(list) != t.W {
		return nil, ErrTampered
	}
	var b []byte
	for _, e := range list {
		b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
		b = append(b, e...)
	}
	return b, nil
}

// checkTile finds out whether all of a tile is under the latest checkpoint.
func (l *Ledger) checkTile(ctx context.Context, t tlog.Tile) error {
	_, size, err := l.checkpoint(ctx)
	if err != nil {
		return err
	}
	there := size >> (tileHeight * min(t.L, 7)) // hashes at the tile's level, of which no log gets to the eighth
	if t.L > 7 || t.N > there>>tileHeight || t.N<<tileHeight+int64(t.W) > there {
		return errNoTile
	}
	return nil
}
