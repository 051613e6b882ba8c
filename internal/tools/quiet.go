// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"log/slog"
)

// A quiet log has what the SDK warns of, and the rest where somebody looks for faults:
// it tells of each request three times, and never which.
type quiet struct{ slog.Handler }

// Enabled reports whether there is to be a line.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return q.Handler.Enabled(ctx, level) && (level >= slog.LevelWarn || q.Handler.Enabled(ctx, slog.LevelDebug))
}

// WithAttrs is that of the log, as quiet.
func (q quiet) WithAttrs(list []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(list)} }

// WithGroup is that of the log, as quiet.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
