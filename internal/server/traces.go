// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// keepTrace takes a launcher's trace: its signature decides, and not who brings it.
func (s *Server) keepTrace(w http.ResponseWriter, r *http.Request) {
	out, err := s.takeTrace(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.writeJSON(w, r, out)
}

func (s *Server) takeTrace(w http.ResponseWriter, r *http.Request) (*api.Traced, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, api.MaxTrace))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &api.Problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Title: fmt.Sprintf("the trace is larger than %d MiB with its texts", api.MaxTrace>>20), Hint: "leave texts out"}
	}
	if err != nil {
		return nil, errBody
	}
	in := new(api.Trace)
	if err := seal.UnmarshalUpTo(b, in, api.MaxTrace); err != nil {
		return nil, fmt.Errorf("%w: %w", errJSON, err)
	}
	var texts []receipt.Text
	for _, t := range in.Texts {
		texts = append(texts, receipt.Text{Commitment: seal.Commit(t.Salt, t.Text), Salt: t.Salt, Bytes: t.Text})
	}
	if err := s.Traces.Keep(r.Context(), r.PathValue("job"), &in.Envelope, texts); err != nil {
		return nil, err
	}
	paper, err := in.Envelope.Marshal()
	if err != nil {
		return nil, err
	}
	return &api.Traced{Hash: seal.Sum(paper)}, nil
}
