// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bytes"
	"log/slog"
	"testing"
)

func TestQuiet(t *testing.T) {
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "level=DEBUG msg=a g.k=v g.b=c\nlevel=INFO msg=a g.k=v g.b=c\nlevel=WARN msg=a g.k=v g.b=c\nlevel=ERROR msg=a g.k=v g.b=c\n",
		slog.LevelInfo:  "level=WARN msg=a g.k=v g.b=c\nlevel=ERROR msg=a g.k=v g.b=c\n",
		slog.LevelWarn:  "level=WARN msg=a g.k=v g.b=c\nlevel=ERROR msg=a g.k=v g.b=c\n",
		slog.LevelError: "level=ERROR msg=a g.k=v g.b=c\n",
	} {
		var got bytes.Buffer
		log := slog.New(quiet{slog.NewTextHandler(&got, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})}).WithGroup("g").With("k", "v")
		for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			log.Log(t.Context(), l, "a", "b", "c")
		}
		if got.String() != want {
			t.Errorf("at %v: %q", level, got.String())
		}
	}
}
