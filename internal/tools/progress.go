// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/gate"
)

// says is what an agent reads of a step. It says nothing of what is called, nor of what
// a system answers: that is the result's matter.
var says = map[gate.Step]string{
	gate.Planned: "the call is in policy terms",
	gate.Opened:  "its receipt is opened, and it is carried out",
	gate.Acted:   "it was carried out, and its receipt is being closed",
}

// backlog is how many notices a client may leave unread before it misses some.
const backlog = 16

// A teller tells a client how far its call has come, if it asked for that. A client that
// does not read is not waited for, before the call is over.
type teller struct {
	notices chan string
	done    sync.WaitGroup
}

// tell begins to tell the client of req. The caller ends it with stop. It is nil if the
// client wants to know nothing.
func (h *Handler) tell(ctx context.Context, req *mcp.CallToolRequest) *teller {
	token := req.Params.GetProgressToken()
	if token == nil {
		return nil
	}
	t := &teller{notices: make(chan string, backlog)}
	t.done.Go(func() {
		told := 0.0
		for notice := range t.notices {
			told++
			// Who has hung up is told nothing; the call goes on as it would.
			_ = req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: told, Message: notice})
		}
	})
	return t
}

// say tells of one thing more, or passes over it if the client is behind.
func (t *teller) say(notice string) {
	if t == nil {
		return
	}
	select {
	case t.notices <- notice:
	default:
	}
}

// step tells of a step of the gate's.
func (t *teller) step(s gate.Step) { t.say(says[s]) }

// stop ends the telling. What was said is sent when it returns, before the result is.
func (t *teller) stop() {
	if t == nil {
		return
	}
	close(t.notices)
	t.done.Wait()
}
