// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/hold"
	"github.com/clawea/clawea/internal/seam"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// openSeam lets the gateways that c names ask g. Without any, nobody may.
func (d *Daemon) openSeam(c *config.Config, g *gate.Gate, door *gate.Door, cs *connections, key seal.Verifier) (*seam.Handler, error) {
	g.ReportTime = c.ReportWithin()
	var connectors []seam.Connector
	for _, x := range cs.list {
		connectors = append(connectors, x)
	}
	var others []string
	for i := range c.Upstreams {
		others = append(others, c.Upstreams[i].Name)
	}
	var gateways []seam.Gateway
	if c.Seam != nil {
		for i := range c.Seam.Gateways {
			gateways = append(gateways, gatewayOf(&c.Seam.Gateways[i]))
		}
	}
	return seam.New(g, door, d.db, []seal.Verifier{key}, connectors, others, gateways, d.log)
}

// openLocal lets the programs that agents run in ask h of their own tools.
func (d *Daemon) openLocal(h *seam.Handler) *seam.Local {
	return seam.NewLocal(h, hold.New(d.db, d.log), d.db)
}

func gatewayOf(x *config.Gateway) seam.Gateway {
	out := seam.Gateway{Name: x.Name, Token: x.Token.Get, URL: x.URL, Mode: x.Mode}
	for _, r := range x.Routes {
		classes := map[string]policy.Class{}
		for name, class := range r.Classes {
			classes[name] = policy.Class(class)
		}
		out.Routes = append(out.Routes, seam.Route{
			Kind: r.Kind, Method: r.Method, Path: r.Path, Tool: r.Tool, Action: r.Action,
			Class: policy.Class(r.Class), Classes: classes, Reported: r.Close == "reported", Empty: r.Empty,
		})
	}
	return out
}
