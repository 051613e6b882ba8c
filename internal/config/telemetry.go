// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
)

// Telemetry says to whom the daemon tells what it does. It holds no text of
// agents, models or pages, and no secrets; it does name jobs, agents, tools and
// models.
type Telemetry struct {
	// OTLP is where traces and metrics are sent, as OTLP over HTTP: the receiver's
	// base URL, "http://127.0.0.1:4318". /v1/traces and /v1/metrics are appended.
	// https, unless it is this machine. Optional.
	OTLP string `json:"otlp"`
	// Headers are sent to OTLP with each request, such as Authorization. Their values
	// are references to secrets, all of them. Optional.
	Headers map[string]Secret `json:"headers"`
	// Prometheus is the address and port of a page that Prometheus reads, at
	// /metrics: "127.0.0.1:9464". Whoever reaches it can read it. Optional.
	Prometheus string `json:"prometheus"`
}

// Names of headers that are the sender's own.
var telemetryTaken = regexp.MustCompile(`(?i)^(host|connection|keep-alive|te|trailer|upgrade|via|expect|content-.*|transfer-.*|accept-encoding)$`)

const mendTelemetry = "write \"otlp\": \"http://127.0.0.1:4318\", \"prometheus\": \"127.0.0.1:9464\", or both; leave \"telemetry\" out to tell nobody"

// checkTelemetry checks the section, and that no route sends traces on without it.
func (c *Config) checkTelemetry() *problem {
	t := c.Telemetry
	for i, p := range c.Providers {
		if p.Trace && t == nil {
			return &problem{fmt.Sprintf("/providers/%d/trace", i), "needs \"telemetry\"", "write that section too, or leave this out"}
		}
	}
	if t == nil {
		return nil
	}
	if t.OTLP == "" && t.Prometheus == "" {
		return &problem{"/telemetry", "says to nobody what to tell", mendTelemetry}
	}
	if msg := wrongURL(t.OTLP, true); t.OTLP != "" && msg != "" {
		return &problem{"/telemetry/otlp", msg, "write it like \"http://127.0.0.1:4318\": a collector on this machine can send it on"}
	}
	if p := t.checkPage(c.Listen); p != nil {
		return p
	}
	return t.checkHeaders()
}

func (t *Telemetry) checkPage(listen string) *problem {
	if t.Prometheus == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(t.Prometheus)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || !printable.MatchString(t.Prometheus) {
		return &problem{"/telemetry/prometheus", "is not an address and a port", "write it like \"127.0.0.1:9464\""}
	}
	if listen == "" {
		listen = DefaultListen
	}
	if h, p, err := net.SplitHostPort(listen); err == nil && h == host && p == port && port != "0" {
		return &problem{"/telemetry/prometheus", "is where agents are listened to", "choose another port, which agents need not reach"}
	}
	return nil
}

func (t *Telemetry) checkHeaders() *problem {
	if len(t.Headers) > 0 && t.OTLP == "" {
		return &problem{"/telemetry/headers", "are for nobody", "write \"otlp\" too, or leave them out"}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
		switch msg := t.Headers[name].wrong(); {
		case !headerName.MatchString(name) || telemetryTaken.MatchString(name):
			return &problem{"/telemetry/headers", fmt.Sprintf("%q is not a header that can be set", name), "write a name like \"Authorization\""}
		case msg != "":
			return &problem{"/telemetry/headers", fmt.Sprintf("the value of %q %s", name, msg), mendSecret}
		}
	}
	return nil
}

// complete has secrets' paths begin at dir.
func (t *Telemetry) complete(dir string) {
	if t == nil {
		return
	}
	for name, s := range t.Headers {
		s.dir = dir
		t.Headers[name] = s
	}
}
