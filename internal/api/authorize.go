// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"time"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// GatewayHeader is the header in which another gateway shows its token.
const GatewayHeader = "Clawea-Gateway"

// An Asking is a call that an agent wants made, as the gateway that would carry it out
// tells it: POST /v1/authorize.
type Asking struct {
	Tool   string          `json:"tool"`            // "jira", or a tool of the agent's own
	Action string          `json:"action,omitzero"` // "issue.get"
	Class  policy.Class    `json:"class,omitzero"`  // of a tool of the agent's own; absent: write
	Args   json.RawMessage `json:"args,omitzero"`   // absent: none
	Sent   *Sent           `json:"sent,omitzero"`   // what the agent sent to the gateway; absent: it asks for itself
}

// An OwnCall is a call of a tool of the agent's own program, as the program tells it:
// POST /v1/local. Its report is as a gateway's: POST /v1/local/{job}/{seq}/close.
type OwnCall struct {
	Tool   string          `json:"tool"`            // "exec"
	Action string          `json:"action,omitzero"` //
	Class  policy.Class    `json:"class,omitzero"`  // absent: write
	Args   json.RawMessage `json:"args,omitzero"`   // absent: none
}

// GuardMode is how a plugin is registered whose hooks run.
const GuardMode = "full"

// Alive is what the plugin in an agent's runtime says of itself, again and again:
// POST /v1/local/alive.
type Alive struct {
	Plugin  string `json:"plugin"`  // "clawea"
	Version string `json:"version"` //
	Mode    string `json:"mode"`    // GuardMode
}

// Sent is the request that an agent's proof is for.
type Sent struct {
	Method string `json:"method"`
	Path   string `json:"path"` // below the gateway's configured URL, without query
}

// A Verdict is what the house has decided.
type Verdict struct {
	Effect   policy.Effect   `json:"effect"`
	Receipt  string          `json:"receipt"`           // JOB/SEQ
	Reasons  []policy.Reason `json:"reasons"`           // the clauses that spoke
	Approval string          `json:"approval,omitzero"` // what the call waits for
	Code     string          `json:"code,omitzero"`     // why it could not be put in policy terms: a stable word
	Message  string          `json:"message,omitzero"`  // and in words
	Ticket   string          `json:"ticket,omitzero"`   // to be shown with the report; absent: none is wanted
	Until    time.Time       `json:"until,omitzero"`    // the report is taken until then
}

// A Report is what became of a call that a gateway, or the agent's own program, carried out:
// POST /v1/authorize/{job}/{seq}/close.
type Report struct {
	Ticket       string    `json:"ticket"`
	Status       string    `json:"status"`                 // "done", "failed", "aborted" or "unknown"
	Code         string    `json:"code,omitzero"`          // the other side's status, or a word: up to 64 letters, digits, '.', '_' and '-'
	Result       *string   `json:"result,omitzero"`        // what the agent got
	ResultDigest seal.Hash `json:"result_sha256,omitzero"` // or only its SHA-256
}

// Reported is the report's receipt.
type Reported struct {
	Receipt string         `json:"receipt"` // JOB/SEQ
	Closed  *seal.Envelope `json:"closed"`
}
