// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package gate

import "context"

type agentKey struct{}

// WithAgent says for which agent what is done under the context is done. Carry
// says so to plans and acts; what undoes or looks after an agent's work must too.
func WithAgent(ctx context.Context, agent string) context.Context {
	return context.WithValue(ctx, agentKey{}, agent)
}

// Agent is the agent for which something is done, by its token's name, or "" if
// that is the house itself.
func Agent(ctx context.Context) string {
	agent, _ := ctx.Value(agentKey{}).(string)
	return agent
}
