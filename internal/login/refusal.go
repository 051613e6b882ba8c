// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"net/http"
)

// A Refusal is a failure as the person concerned is told of it. It repeats no secret.
type Refusal struct {
	Status int    // of HTTP
	Code   string // stable, for scripts
	Msg    string // what is wrong
	Hint   string // what mends it

	err error // the cause, for the log
}

// Error returns two lines: what is wrong; what mends it.
func (e *Refusal) Error() string { return e.Msg + "\n" + e.Hint }

// Unwrap returns the cause.
func (e *Refusal) Unwrap() error { return e.err }

// Is has a refusal with a cause be the same as one without.
func (e *Refusal) Is(other error) bool {
	o, ok := other.(*Refusal)
	return ok && o.Code == e.Code
}

// with returns e with its cause.
func (e *Refusal) with(err error) *Refusal {
	out := *e
	out.err = err
	return &out
}

// What people are refused for. Each is compared by its code (errors.Is).
var (
	ErrNoSession = &Refusal{Status: http.StatusUnauthorized, Code: "no_session", Msg: "you are not logged in, or no longer", Hint: "log in"}
	ErrNoRole    = &Refusal{Status: http.StatusForbidden, Code: "no_role", Msg: "you have no role in this house", Hint: "ask an administrator of your provider for one, and log in again then"}
	ErrCross     = &Refusal{Status: http.StatusForbidden, Code: "cross_site", Msg: "the request does not come from one of the house's pages", Hint: "load the page anew, and try again there"}
	ErrTry       = &Refusal{Status: http.StatusBadRequest, Code: "login_over", Msg: "this login was not begun in this browser, took too long, or is done already", Hint: "begin anew at /login"}
	ErrNobody    = &Refusal{Status: http.StatusNotFound, Code: "no_provider", Msg: "there is no such provider", Hint: "choose one at /login"}
	ErrProvider  = &Refusal{Status: http.StatusBadGateway, Code: "provider_trouble", Msg: "the provider does not answer as it should", Hint: "try again in a minute; if it stays so, the daemon's log says why"}
	ErrDenied    = &Refusal{Status: http.StatusForbidden, Code: "provider_refused", Msg: "the provider did not let you in", Hint: "ask who runs it; the daemon's log has what it said"}
	ErrIdentity  = &Refusal{Status: http.StatusForbidden, Code: "bad_identity", Msg: "what the provider says of you does not hold", Hint: "begin anew at /login; the daemon's log says what is wrong"}
	ErrOverage   = &Refusal{Status: http.StatusForbidden, Code: "too_many_groups", Msg: "you are in more groups than the provider puts into a login", Hint: "have the provider send the groups of this application only, or use app roles; docs/login.md says how"}
	ErrName      = &Refusal{Status: http.StatusForbidden, Code: "no_name", Msg: "the provider does not say a name for your keys", Hint: "have it send the claim that \"name_claim\" names, or write \"names\" in the configuration"}
	ErrTaken     = &Refusal{Status: http.StatusConflict, Code: "name_taken", Msg: "the name that you would get is somebody else's", Hint: "have an administrator give you another under the provider's \"names\" in the configuration"}
	ErrOther     = &Refusal{Status: http.StatusForbidden, Code: "other_person", Msg: "that is another person than the one who is logged in", Hint: "log out first, or use your own account"}
	ErrWeak      = &Refusal{Status: http.StatusForbidden, Code: "not_stepped_up", Msg: "the provider did not ask you again as strictly as the house wants it", Hint: "try again; if it stays so, see \"step_up\" in the configuration"}
	ErrStale     = &Refusal{Status: http.StatusForbidden, Code: "step_up", Msg: "it is too long ago that you showed who you are", Hint: "show it once more: use a passkey that you have, or have your provider ask you again, and do it then"}
	ErrLink      = &Refusal{Status: http.StatusForbidden, Code: "link_over", Msg: "this link is used up, too old, or none", Hint: "have a new one printed on the house's machine: clawea login link"}
	ErrNotLocal  = &Refusal{Status: http.StatusForbidden, Code: "no_local_admin", Msg: "this house has no local administrator", Hint: "log in at a provider, or set \"local_admin\" in the configuration"}
	ErrNoSite    = &Refusal{Status: http.StatusConflict, Code: "no_domain", Msg: "passkeys need a domain, and the house is known by an address", Hint: "set \"url\" in the configuration to a name, like https://clawea.example.com"}
	ErrNoPasskey = &Refusal{Status: http.StatusConflict, Code: "no_passkey", Msg: "you have no passkey to sign with", Hint: "add one on your own page: /account"}
	ErrPasskey   = &Refusal{Status: http.StatusForbidden, Code: "bad_passkey", Msg: "the passkey's answer does not hold", Hint: "try again with a passkey that is registered here"}
	ErrKind      = &Refusal{Status: http.StatusUnprocessableEntity, Code: "passkey_kind", Msg: "this authenticator cannot be used here", Hint: "use one that verifies who you are, and signs with ES256, EdDSA or RS256"}
	ErrKnown     = &Refusal{Status: http.StatusConflict, Code: "passkey_known", Msg: "this passkey is registered already", Hint: "use another authenticator"}
	ErrMany      = &Refusal{Status: http.StatusConflict, Code: "too_many_passkeys", Msg: "you have 10 passkeys, and more there cannot be", Hint: "revoke one that you do not use any more"}
	ErrOften     = &Refusal{Status: http.StatusConflict, Code: "too_often", Msg: "you have made 20 passkeys within 90 days, and more there cannot be", Hint: "use one that you have, or come again when the first of them is older than that"}
	ErrLast      = &Refusal{Status: http.StatusConflict, Code: "last_passkey", Msg: "this is the last passkey of the local administrator", Hint: "register another first"}
	ErrNotYours  = &Refusal{Status: http.StatusNotFound, Code: "no_passkey", Msg: "there is no such passkey that you may revoke", Hint: "list what there is under settings"}
	ErrNotAdmin  = &Refusal{Status: http.StatusForbidden, Code: "not_admin", Msg: "that is for administrators", Hint: "ask one of them"}
	ErrNoPerson  = &Refusal{Status: http.StatusNotFound, Code: "no_person", Msg: "there is nobody like that", Hint: "list who there is under settings"}
	ErrBody      = &Refusal{Status: http.StatusBadRequest, Code: "bad_body", Msg: "the request is not what is wanted", Hint: "load the page anew, and try again"}
	ErrTrouble   = &Refusal{Status: http.StatusInternalServerError, Code: "internal", Msg: "the daemon is in trouble", Hint: "its log says why"}
)

// refusal is what a person is told of err.
func refusal(err error) *Refusal {
	if e := (*Refusal)(nil); errors.As(err, &e) {
		return e
	}
	return ErrTrouble.with(err)
}
