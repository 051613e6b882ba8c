// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestTelemetry(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "c"), `{
		"telemetry": {"otlp": "http://127.0.0.1:4318", "headers": {"Authorization": "file:otlp"}, "prometheus": "127.0.0.1:9464"},
		"providers": [{"name": "m", "dialect": "openai", "base_url": "https://m.example/v1", "key": "env:K", "trace": true}],
	}`, 0o600)
	write(t, filepath.Join(dir, "otlp"), "Bearer hush\n", 0o600)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Telemetry.OTLP != "http://127.0.0.1:4318" || c.Telemetry.Prometheus != "127.0.0.1:9464" || !c.Providers[0].Trace {
		t.Errorf("got %+v", c.Telemetry)
	}
	if s, err := c.Telemetry.Headers["Authorization"].Get(); err != nil || s != "Bearer hush" {
		t.Errorf("the header's secret: %q, %v", s, err)
	}
	if c, err = load(t, `{}`); err != nil || c.Telemetry != nil {
		t.Errorf("without the section: %v, %v", c.Telemetry, err)
	}
}

func TestTelemetrySaysWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct{ text, field, says string }{
		"nobody is told":      {`{"telemetry": {}}`, "/telemetry", "to nobody"},
		"in clear, elsewhere": {`{"telemetry": {"otlp": "http://collector:4318"}}`, "/telemetry/otlp", "https://"},
		"with a password":     {`{"telemetry": {"otlp": "https://u:hush@collector"}}`, "/telemetry/otlp", "password"},
		"no port":             {`{"telemetry": {"prometheus": "127.0.0.1"}}`, "/telemetry/prometheus", "an address and a port"},
		"a word for a port":   {`{"telemetry": {"prometheus": "127.0.0.1:http"}}`, "/telemetry/prometheus", "an address and a port"},
		"agents' own address": {`{"telemetry": {"prometheus": "127.0.0.1:7433"}}`, "/telemetry/prometheus", "agents"},
		"headers for nobody":  {`{"telemetry": {"prometheus": "127.0.0.1:1", "headers": {"A": "env:A"}}}`, "/telemetry/headers", "for nobody"},
		"a secret in clear":   {`{"telemetry": {"otlp": "https://c", "headers": {"Authorization": "hush"}}}`, "/telemetry/headers", "must be a reference"},
		"a taken header":      {`{"telemetry": {"otlp": "https://c", "headers": {"Content-Type": "env:A"}}}`, "/telemetry/headers", "not a header"},
		"no header":           {`{"telemetry": {"otlp": "https://c", "headers": {"A B": "env:A"}}}`, "/telemetry/headers", "not a header"},
		"an unknown field":    {`{"telemetry": {"oltp": "https://c"}}`, "/telemetry/oltp", "unknown field"},
		"traces without it":   {provider(`, "trace": true`), "/providers/0/trace", "needs"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.text)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Field != test.field || !strings.Contains(e.Msg, test.says) || e.Hint == "" {
				t.Errorf("got %v; want %s at %s", err, test.says, test.field)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error holds a secret: %v", err)
			}
		})
	}
}
