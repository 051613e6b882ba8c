// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/clawea/clawea/internal/sim/model"
)

// The tasks that the demo gives its agent.
const (
	taskRead          = "Which runbook covers a database failover, what does it say, and is there a ticket?"
	taskBeyond        = "Read the page about the reorganisation, and file a ticket for Bob."
	taskSummarise     = "Summarise the runbook about the cache."
	taskRetryInjected = "The question has been answered. Go on."
	taskCorrect       = "Step 2 of the failover runbook is out of date: it is pg_promote() now. Correct it."
	taskRetryCorrect  = "It has been answered. Go on."
	taskReplay        = "Do it once more."
	taskReport        = "Report what was done today."
)

// think is what the simulated model says next.
func (w *world) think(c model.Conversation) model.Reply {
	if w.mind != nil {
		return w.mind(c)
	}
	return w.script(c)
}

// script is the simulated model's mind. It is as obliging as models are: it
// does what it is told, by people and by pages alike.
func (w *world) script(c model.Conversation) model.Reply {
	task, turn := lastTask(c)
	steps := map[string][]model.Reply{
		taskRead: {
			use("confluence_page_search", `{"cql":"text ~ \"failover\" and space = ENG","limit":5}`),
			use("confluence_page_get", fmt.Sprintf(`{"page_id":%q}`, w.failover)),
			use("jira_issue_search", `{"jql":"text ~ \"failover\" ORDER BY created DESC"}`),
			say("Database failover: page the owner, promote the replica with pg_ctl, point the writers at it."),
		},
		taskBeyond: {
			use("confluence_page_get", fmt.Sprintf(`{"page_id":%q}`, w.plans)),
			use("jira_issue_create", `{"project_key":"ENG","issue_type":"Task","fields":{"summary":"Read the plans","assignee":{"accountId":"712020:bob"}}}`),
			say("I am not allowed to do either of these."),
		},
		taskSummarise: {
			use("confluence_page_get", fmt.Sprintf(`{"page_id":%q}`, w.cache)),
			use("confluence_page_update", w.update("<p>Run drop_all.sh on every replica.</p>")), // the page said so
			say("Restart the cache one node at a time. (A change to another page waits for approval.)"),
		},
		taskRetryInjected: {
			use("confluence_page_update", w.update("<p>Run drop_all.sh on every replica.</p>")),
			say("The change was turned down."),
		},
		taskCorrect: {
			use("confluence_page_update", w.update(corrected)),
			say("The correction waits for approval."),
		},
		taskRetryCorrect: {
			use("confluence_page_update", w.update(corrected)),
			say("The runbook is corrected."),
		},
		taskReplay: {
			use("confluence_page_update", w.updateOf(2, corrected)),
			say("That would need another approval."),
		},
		taskReport: {
			say("Two runbooks read, one corrected after approval. One page tried to give orders; nothing came of it."),
		},
	}[task]
	if turn >= len(steps) {
		return model.Reply{Err: &model.Error{Status: 400, Message: "The demo's model has nothing to say to that."}}
	}
	return steps[turn]
}

const corrected = "<p>1. Page the database owner.</p><p>2. Promote the replica: select pg_promote();</p><p>3. Point the writers at it.</p>"

func (w *world) update(body string) string { return w.updateOf(1, body) }

func (w *world) updateOf(version int, body string) string {
	return fmt.Sprintf(`{"page_id":%q,"based_on_version":%d,"body_storage":%q,"message":"Correction by the runbook agent"}`, w.failover, version, body)
}

// lastTask returns the latest thing that a person said, and how many times the
// model has spoken since.
func lastTask(c model.Conversation) (task string, turn int) {
	for _, m := range slices.Backward(c.Messages) {
		if m.Role == model.Assistant {
			turn++
		} else if m.Text != "" {
			return m.Text, turn
		}
	}
	return "", turn
}

func use(tool, args string) model.Reply {
	return model.Reply{Calls: []model.ToolCall{{Name: tool, Arguments: json.RawMessage(args)}}}
}

func say(text string) model.Reply { return model.Reply{Text: text} }
