// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package tools

// What mends what agents can meet. Whether a call may be sent again, and by whom
// something is to be done first, is what they cannot read from a message alone.
const (
	mendArguments = "mend the arguments, and send the call again"
	mendBounds    = "ask for what the policy holds, or have the policy changed"
	mendTarget    = "look for it first: search, or read what should lead to it"
	mendVersion   = "read it as it is now, and send the call again on that version"
	mendPerson    = "have a person do it, or go on without it; sending it again does not help"
	mendOperator  = "tell the operator of this house; sending it again does not help before they have mended it"
	mendConsent   = "tell the operator of this house: the person as whom you act there has to consent with clawea connect"
	mendTime      = "nothing is wrong with the call: send the same again in some minutes"
	mendLate      = "nothing was sent: send the same call again"
	mendNothing   = "there is nothing to do: go on"
	mendLoss      = "keep what the edit would lose, or say in the arguments that it is to go, as the message says"
	mendUndo      = "leave \"undoes\" away; what a job has changed, a person takes back with: clawea job undo JOB -note TEXT"
	mendLook      = "look at what is there before sending it again"
	mendTool      = "call one that tools/list names"
)

// mends says what mends a fault by its code, where nothing was sent yet; "" for a
// code that is not known here.
func mends(code string) string {
	switch code {
	case "bad_argument", "bad_query", "bad_request", "invalid":
		return mendArguments
	case "outside", "bad_name", "ambiguous":
		return mendBounds
	case "not_found":
		return mendTarget
	case "conflict":
		return mendVersion
	case "restricted", "not_current", "not_offered", "unreadable", "too_large", "unconfirmed", "untold":
		return mendPerson
	case "unauthorized", "forbidden", "wrong_account", "app_refused", "no_act_as", "write_disabled", "undo_disabled", "plan", "error":
		return mendOperator
	case "no_grant", "grant_ended", "wrong_grant":
		return mendConsent
	case "upstream", "unreachable", "rate_limited", "auth_trouble", "canceled":
		return mendTime
	case "too_late", "late":
		return mendLate
	case "no_change":
		return mendNothing
	case "would_lose":
		return mendLoss
	case "not_undoing", "other_undo":
		return mendUndo
	case "uncertain":
		return mendLook
	case "unknown_tool":
		return mendTool
	}
	return ""
}

// mendsActed says what mends a fault of a call that was begun. What was sent may
// have taken effect, whatever the answer was.
func mendsActed(code string) string {
	switch hint := mends(code); hint {
	case "", mendTime:
		return "nothing is retried by itself; read the message before sending it again"
	default:
		return hint
	}
}
