// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/proxy"
)

// prices are what models cost, as the proxy takes it.
func prices(c *config.Config) []proxy.Price {
	var out []proxy.Price
	for _, p := range c.Prices {
		out = append(out, proxy.Price{
			Route: p.Route, Models: p.Models,
			Input: int(*p.Input), Output: int(*p.Output), CacheRead: int(or(p.CacheRead, p.Input)), CacheMade: int(or(p.CacheMade, p.Input)),
			Context: p.Context, MaxOutput: p.MaxOutput,
		})
	}
	return out
}

func or(m, unless *config.Money) config.Money {
	if m == nil {
		return *unless
	}
	return *m
}
