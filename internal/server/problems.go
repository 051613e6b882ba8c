// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/clawea/clawea/internal/api"
	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/login"
	"github.com/clawea/clawea/internal/proof"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/internal/undo"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

var (
	errNoOperator = errors.New("no operator's token")
	errTooLarge   = errors.New("request too large")
	errBody       = errors.New("request not read")
	errJSON       = errors.New("bad JSON")
	errArgument   = errors.New("bad argument")
)

// told is every error that clients are told of, first match wins. An error that
// is not here is "internal", and its cause stays in the log.
var told = []struct {
	err    error
	status int
	code   string
	title  string
	hint   string
	detail bool // whether the error's own text is for clients
}{
	{errNoOperator, 401, "unauthorized", "this needs an operator's token, and what was sent is none or nobody's", "send one as a bearer token; with the command line, set -operator or CLAWEA_OPERATOR", false},
	{errTooLarge, 413, "too_large", "the request is larger than 2 MiB", "send less", false},
	{errBody, 400, "bad_body", "the request broke off", "send it again", false},
	{errJSON, 400, "bad_json", "the JSON is not what is wanted", "mend the line and send it again", true},
	{errArgument, 400, "bad_argument", "the request does not make sense", "see docs/http.md", true},
	{registry.ErrUnusable, 409, "policy_unusable", "the stored policy does not verify; nothing is allowed by it", "restore its row from before it was changed; if the configuration no longer has its author or enough of its approvers, publish one that they sign now", true},
	{issuer.ErrAttestation, 422, "not_attested", "the token is not issued", "have the launcher look anew", true},
	{seal.ErrUnknownKey, 422, "unknown_key", "signed by a key that is not trusted for this", "have the key listed under authors, people or an environment's approvers in the daemon's configuration", true},
	{policy.ErrAuthor, 422, "not_approved", "the policy lacks a signature", "have an author sign it: clawea wpc sign -key FILE -o OUT SIGNED", true},
	{policy.ErrApprovals, 422, "not_approved", "the policy lacks signatures", "have each of them sign it, and publish it then: clawea wpc sign -key FILE -o OUT SIGNED", true},
	{registry.ErrRefused, 422, "not_published", "the policy is not published", "mend the policy, sign it again and publish it", true},
	{store.ErrRevoked, 422, "revoked", "the token is not issued", "see what is revoked, and what can be lifted: clawea revocation list", true},
	{issuer.ErrTaken, 422, "job_taken", "the token is not issued", "choose another name for the job", true},
	{token.ErrBearer, 422, "unbound", "the token is not issued", "start the agent with clawea run, or order it with a key's thumbprint", true},
	{issuer.ErrOrder, 422, "not_issued", "the token is not issued", "ask for what the policy holds: clawea wpc show HASH", true},
	{approval.ErrOwn, 403, "own_job", "nobody allows the calls of a job that they ordered themselves", "have somebody else answer; a no of your own counts", true},
	{approval.ErrOther, 422, "other_call", "the answer is about something else", "look at the question again, and sign what it is about now: clawea approve show ID", true},
	{approval.ErrShown, 422, "other_difference", "the answer was given on another difference", "look at the question again, and sign what it shows now: clawea approve show ID", true},
	{approval.ErrStandIn, 403, "no_delegation", "nobody answers in another's stead without their delegation", "see who stands in for whom: clawea approve delegations; have them sign one: clawea approve delegate", true},
	{approval.ErrDelegation, 422, "bad_delegation", "the delegation is not kept", "have who is absent sign it with their own key: clawea approve delegate -to NAME -until TIME -key FILE", true},
	{store.ErrTooMany, 422, "too_many_delegations", "the house keeps no more delegations of that person", "wait until one of them is over; those that were taken back count as well until then", true},
	{approval.ErrAnswer, 422, "bad_answer", "the answer does not count", "sign it with an enrolled person's key: clawea approve yes|no ID -key FILE", true},
	{approval.ErrAltered, 409, "altered", "what the question says is not what its receipt asks; somebody has changed the house's database", "do not answer it; tell the operator of the house", false},
	{proof.ErrTrace, 422, "bad_trace", "the trace is not kept", "have the launcher write it anew", true},
	{proof.ErrEmpty, 409, "no_receipts", "the job has no receipts yet", "export its proof after its first call", true},
	{undo.ErrTooMany, 422, "too_many", "there is more of it than the daemon looks through", "for a change, ask for it alone: ?seq=N; for the history, ask with a smaller margin", true},
	{store.ErrNotFound, 404, "not_found", "there is no such thing", "list what there is with: clawea wpc list, clawea job list, clawea approve list, clawea approve delegations, clawea revocation list -all", true},
	{store.ErrConflict, 409, "conflict", "that cannot be done as things stand", "look at what became of it: clawea approve show ID, clawea job show JOB, clawea revocation list -all", true},
}

func problem(err error) *api.Problem {
	p := &api.Problem{Status: http.StatusInternalServerError, Code: "internal", Title: "the daemon is in trouble", Hint: "its log says why"}
	for _, t := range told {
		if errors.Is(err, t.err) {
			p = &api.Problem{Status: t.status, Code: t.code, Title: t.title, Hint: t.hint}
			if t.detail {
				p.Detail = err.Error()
			}
			break
		}
	}
	switch p.Code {
	case "not_found":
		p.Detail = missing(err)
	case "conflict":
		p.Detail = strings.TrimSuffix(p.Detail, ": "+store.ErrConflict.Error())
	case "not_attested":
		said := strings.TrimPrefix(p.Detail, issuer.ErrOrder.Error()+": "+issuer.ErrAttestation.Error()+": ")
		wrong, mends, _ := strings.Cut(said, "\n")
		p.Detail, p.Hint = wrong, cmp.Or(mends, p.Hint)
	case "bad_trace":
		wrong, mends, _ := strings.Cut(strings.TrimPrefix(p.Detail, proof.ErrTrace.Error()+": "), "\n")
		p.Detail, p.Hint = wrong, cmp.Or(mends, p.Hint)
	case "not_published":
		p.Detail = strings.TrimPrefix(p.Detail, registry.ErrRefused.Error()+": ")
		if server := (*registry.ServerError)(nil); errors.As(err, &server) {
			wrong, mends, _ := strings.Cut(p.Detail, "\n")
			p.Detail, p.Hint = wrong, cmp.Or(mends, "see that the MCP server starts and answers")+same
			break
		}
		if x := (*registry.ExtensionError)(nil); errors.As(err, &x) {
			p.Detail, p.Hint = x.Msg, x.Hint
			break
		}
		p.Hint = cmp.Or(elsewhere(err), p.Hint)
	}
	if ready := (*api.Problem)(nil); errors.As(err, &ready) {
		p = ready
	}
	if refused := (*login.Refusal)(nil); errors.As(err, &refused) {
		p = &api.Problem{Status: refused.Status, Code: refused.Code, Title: refused.Msg, Hint: refused.Hint}
	}
	if refused := (*registry.Refusal)(nil); errors.As(err, &refused) {
		p = &api.Problem{Status: http.StatusUnprocessableEntity, Code: "draft_refused", Title: "the draft is not taken", Detail: refused.Msg, Hint: refused.Hint}
	}
	p.Type = "urn:clawea:problem:" + p.Code
	return p
}

// missing says of an error of what is not there what that is; the title says the
// rest.
func missing(err error) string {
	return strings.TrimSuffix(err.Error(), ": "+store.ErrNotFound.Error())
}

// same is said where the policy is not at fault.
const same = "; then publish the same paper again: it need not be changed"

// elsewhere says what mends a publication that has failed because of the system that
// the policy's names are looked up in; "" if the policy is at fault.
func elsewhere(err error) string {
	code := atlassian.Code(err)
	if f := (*gate.Fault)(nil); errors.As(err, &f) {
		code = f.Code
	}
	switch code {
	case atlassian.Upstream, atlassian.Unreachable, atlassian.RateLimited, atlassian.AuthTrouble, "canceled":
		return "see that the system answers, and takes the credential that reads it" + same
	case atlassian.Unauthorized, atlassian.Forbidden, atlassian.WrongAccount, atlassian.AppRefused:
		return "mend the account that reads, in the daemon's configuration or at the system" + same
	case atlassian.NoActAs, atlassian.NoGrant, atlassian.GrantEnded, atlassian.WrongGrant:
		return "see as whom the house reads there, and who has consented: clawea connect list -config FILE" + same
	}
	return ""
}
