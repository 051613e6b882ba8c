// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"time"
)

// An Export is who gets a copy of each new receipt, to search and to watch.
type Export struct {
	// Webhooks are programs that receipts are posted to, as lines of OCSF.
	Webhooks []Collector `json:"webhooks"`
}

// A Collector is a program that takes signed POSTs with lines of JSON.
type Collector struct {
	// Name is what the log calls it. It says how far receipts were sent there already:
	// under another name it begins anew, with what comes then.
	Name string `json:"name"`
	// URL is where. https, unless it is this machine.
	URL string `json:"url"`
	// Secret is what requests are signed with: "whsec_" and 24 to 64 random bytes in
	// base64.
	Secret Secret `json:"secret"`
	// AllowPrivate lets it be an address that is not public, this machine's too.
	// Default false: such an address is refused, whatever the name leads to.
	AllowPrivate bool `json:"allow_private"`
	// Batch is how many receipts one POST has at most, from 1 to 1000; a POST is
	// mostly not longer than 1 MiB, too. Default 100.
	Batch int `json:"batch"`
	// Interval is how often new receipts are looked for, from 1s to 1h. Default 5s.
	Interval Span `json:"interval"`
}

const (
	defaultBatch    = 100
	maxBatch        = 1000
	defaultInterval = Span(5 * time.Second)
	maxInterval     = Span(time.Hour)
)

func (c *Config) checkExport() *problem {
	if c.Export == nil {
		return nil
	}
	if len(c.Export.Webhooks) == 0 {
		return &problem{"/export", "sends nothing anywhere", "name a program in \"webhooks\", or leave \"export\" out"}
	}
	var names []string
	for i := range c.Export.Webhooks {
		w, at := &c.Export.Webhooks[i], fmt.Sprintf("/export/webhooks/%d", i)
		if p := checkName(at, "channel", w.Name, names); p != nil {
			return p
		}
		names = append(names, w.Name)
		if msg := wrongURL(w.URL, true); msg != "" {
			return &problem{at + "/url", msg, "write it like \"https://siem.example.com/clawea\""}
		}
		if w.Batch < 0 || w.Batch > maxBatch {
			return &problem{at + "/batch", "is not from 1 to 1000", "leave it out, for 100"}
		}
		if w.Interval > maxInterval {
			return &problem{at + "/interval", "is not from 1s to 1h", "leave it out, for \"5s\""}
		}
	}
	return nil
}

// secrets lists those of e.
func (e *Export) secrets() []placedSecret {
	if e == nil {
		return nil
	}
	var out []placedSecret
	for i := range e.Webhooks {
		out = append(out, placedSecret{fmt.Sprintf("/export/webhooks/%d/secret", i), &e.Webhooks[i].Secret})
	}
	return out
}

// complete fills in defaults.
func (e *Export) complete() {
	if e == nil {
		return
	}
	for i := range e.Webhooks {
		w := &e.Webhooks[i]
		if w.Batch == 0 {
			w.Batch = defaultBatch
		}
		if w.Interval == 0 {
			w.Interval = defaultInterval
		}
	}
}
