// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Labels are the names of a metric's labels, or the values of one of its
// series. A label without a value is left out.
type labels [5]string

// The labels that metrics have.
var (
	ofCall   = labels{"clawea.tool", "clawea.action", "clawea.effect", "clawea.code", "clawea.status"}
	ofCommit = labels{"clawea.kind", "error.type"}
	ofTool   = labels{"gen_ai.tool.name", "error.type"}
	ofModel  = labels{"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.token.type", "error.type"}
)

// maxKept is how many series are kept ready. Others are made each time.
const maxKept = 4096

// Series keeps labels in the form that OpenTelemetry takes, which is dear to make.
type series struct {
	mu   sync.RWMutex
	kept map[line]metric.MeasurementOption
}

type line struct {
	names  *labels
	values labels
}

func newSeries() *series { return &series{kept: map[line]metric.MeasurementOption{}} }

// of returns the series that has values for names.
func (s *series) of(names *labels, values labels) metric.MeasurementOption {
	l := line{names, values}
	s.mu.RLock()
	o, ok := s.kept[l]
	s.mu.RUnlock()
	if ok {
		return o
	}
	o = metric.WithAttributeSet(attribute.NewSet(l.attributes()...))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) < maxKept {
		s.kept[l] = o
	}
	return o
}

// attributes are l's labels that have a value.
func (l line) attributes() []attribute.KeyValue {
	out := make([]attribute.KeyValue, 0, len(l.values))
	for i, v := range l.values {
		if v != "" {
			out = append(out, attribute.String(l.names[i], v))
		}
	}
	return out
}
