// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package atlassian

import (
	"encoding/base64"
	"fmt"
	"log/slog"
)

const secret = "[secret]"

// A Credential is what a request is authorised by. It shows itself nowhere: not
// printed, not logged, not as JSON. The zero Credential authorises nothing and
// [Client.Do] refuses it.
type Credential struct{ header, account string }

// Basic returns the credential of an account's e-mail address and API token.
func Basic(email, token string) Credential {
	if email == "" || token == "" {
		return Credential{}
	}
	return Credential{header: "Basic " + base64.StdEncoding.EncodeToString([]byte(email+":"+token))}
}

// Bearer returns the credential of an OAuth access token (RFC 6750), or of a
// personal access token of Data Center.
func Bearer(token string) Credential {
	if token == "" {
		return Credential{}
	}
	return Credential{header: "Bearer " + token}
}

// For returns c as the credential of account, by the site's own id: an answer
// that says another account acted is then an error ([WrongAccount]). With "",
// any account will do.
func (c Credential) For(account string) Credential {
	c.account = account
	return c
}

// usable reports whether the credential can be a header's value.
func (c Credential) usable() bool {
	for _, b := range []byte(c.header) {
		if b < ' ' || b > '~' {
			return false
		}
	}
	return c.header != ""
}

// String returns "[secret]".
func (c Credential) String() string { return secret }

// LogValue returns "[secret]".
func (c Credential) LogValue() slog.Value { return slog.StringValue(secret) }

// Format writes "[secret]" whatever the verb, since %#v and %d would show the fields.
func (c Credential) Format(s fmt.State, _ rune) { fmt.Fprint(s, secret) }

// MarshalText returns "[secret]".
func (c Credential) MarshalText() ([]byte, error) { return []byte(secret), nil }
