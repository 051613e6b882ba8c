// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/seal"
)

// An identity is what a provider says of a person.
type identity struct {
	subject  string // stable, at this provider
	name     string // as people read it
	key      string // for their keys; "": it does not say one
	roles    []Role
	groups   []string
	acr      string
	authTime time.Time
}

// claims are the claims of an ID token whose signature holds.
type claims map[string]jsontext.Value

// read reads an ID token whose signature, issuer, audience and end have been checked.
func (p *provider) read(token *oidc.IDToken, t *try) (*identity, error) {
	var raw json.RawMessage
	if err := token.Claims(&raw); err != nil {
		return nil, ErrIdentity.with(err)
	}
	c := claims{}
	if err := seal.Glance(raw, &c); err != nil { // refuses names that stand twice
		return nil, ErrIdentity.with(err)
	}
	if err := p.check(token, c, t); err != nil {
		return nil, ErrIdentity.with(err)
	}
	id := &identity{subject: token.Subject}
	if p.Tenant != "" {
		id.subject = c.text("oid")
	}
	if id.subject == "" || len(id.subject) > 255 || strings.ContainsFunc(id.subject, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, ErrIdentity.with(errors.New("no stable id of printable ASCII"))
	}
	var err error
	if id.roles, id.groups, err = p.mapped(c); err != nil {
		return nil, err
	}
	id.acr, id.authTime = p.context(c, t.Kind == stepsUp), c.time("auth_time")
	id.key, id.name = p.names(c, id.subject)
	return id, nil
}

// check checks what the library has left to its caller.
func (p *provider) check(token *oidc.IDToken, c claims, t *try) error {
	now := p.now()
	azp := c.text("azp")
	switch {
	case t.Nonce == "" || !same(token.Nonce, t.Nonce):
		return errors.New("the nonce is another's")
	case azp != "" && azp != p.ClientID, azp == "" && len(token.Audience) > 1:
		return fmt.Errorf("it was issued to %.200q", azp)
	case token.IssuedAt.After(now.Add(skew)) || token.IssuedAt.Before(now.Add(-tryLife-skew)):
		return fmt.Errorf("it was issued at %s", token.IssuedAt.UTC().Format(time.RFC3339))
	case c.time("nbf").After(now.Add(skew)):
		return errors.New("it is not good yet")
	case c.time("auth_time").After(now.Add(skew)):
		return errors.New("its auth_time is to come")
	case p.Tenant != "" && c.text("tid") != p.Tenant:
		return fmt.Errorf("it is of the tenant %.60q", c.text("tid"))
	}
	return nil
}

// mapped returns the roles and groups that c gives.
func (p *provider) mapped(c claims) (roles []Role, groups []string, err error) {
	if len(p.Roles) > 0 && c.elsewhere(p.RolesClaim) || len(p.Groups) > 0 && c.elsewhere(p.GroupsClaim) {
		return nil, nil, ErrOverage
	}
	has := c.list(p.RolesClaim)
	for _, role := range slices.Sorted(maps.Keys(p.Roles)) {
		if slices.ContainsFunc(p.Roles[role], func(v string) bool { return slices.Contains(has, v) }) {
			roles = append(roles, role)
		}
	}
	has = c.list(p.GroupsClaim)
	for _, group := range slices.Sorted(maps.Keys(p.Groups)) {
		if slices.ContainsFunc(p.Groups[group], func(v string) bool { return slices.Contains(has, v) }) {
			groups = append(groups, group)
		}
	}
	return roles, groups, nil
}

// context is how the person has shown who they are: of Entra ID's several contexts,
// one that a step-up wants.
func (p *provider) context(c claims, again bool) string {
	if p.Tenant != "" && (again || len(p.ACR) > 0) {
		for _, v := range c.list("acrs") {
			if slices.Contains(p.ACR, v) {
				return v
			}
		}
	}
	if said := c.text("acr"); said != Passkey { // that is the house's own word for its passkeys
		return cut(said, 200)
	}
	return ""
}

// names returns the name for the person's keys, or "", and what people call them.
func (p *provider) names(c claims, subject string) (key, name string) {
	key = clean(c.text(p.NameClaim))
	if p.NameClaim == "email" && string(c["email_verified"]) != "true" {
		key = ""
	}
	if given := p.Names[subject]; given != "" {
		key = given
	}
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, cut(c.text("name"), 100)))
	return key, name
}

// clean returns a name that seal takes for keys: printable ASCII without spaces and
// plus signs, in lower case. What does not fit becomes a dash.
func clean(s string) string {
	return cut(strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r <= ' ' || r > '~' || r == '+':
			return '-'
		}
		return r
	}, strings.TrimSpace(s)), 128)
}

// cut returns at most n characters of s.
func cut(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

// text returns a claim that is a text, or "".
func (c claims) text(name string) string {
	list := c.list(name)
	if len(list) != 1 || c[name].Kind() != '"' {
		return ""
	}
	return list[0]
}

// time returns a claim that is a time in seconds, or the zero time.
func (c claims) time(name string) time.Time {
	var seconds int64
	if c[name].Kind() != '0' || json.Unmarshal(c[name], &seconds) != nil || seconds <= 0 || seconds > 1<<40 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// list returns a claim that is a list of texts, or one text: of that name, or below
// it, by a JSON pointer. Anything else is empty.
func (c claims) list(at string) []string {
	v := c[at]
	if strings.HasPrefix(at, "/") {
		path := strings.Split(at[1:], "/")
		v = c[unescape(path[0])]
		for _, name := range path[1:] {
			below := claims{}
			if v.Kind() != '{' || seal.Glance(v, &below) != nil {
				return nil
			}
			v = below[unescape(name)]
		}
	}
	var list []string
	var text string
	switch v.Kind() {
	case '"':
		if seal.Glance(v, &text) == nil {
			list = []string{text}
		}
	case '[':
		if seal.Glance(v, &list) != nil {
			return nil
		}
	}
	return list
}

// unescape reads one part of a JSON pointer (RFC 6901).
func unescape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
}

// elsewhere reports whether the provider left a claim out of the token because it is
// too long: Entra ID does so with groups (OpenID Connect Core 1.0, 5.6.2).
func (c claims) elsewhere(at string) bool {
	name := at
	if strings.HasPrefix(at, "/") {
		name, _, _ = strings.Cut(at[1:], "/")
		name = unescape(name)
	}
	left := claims{}
	if v, ok := c["_claim_names"]; ok && seal.Glance(v, &left) == nil && len(left[name]) > 0 {
		return true
	}
	return name == "groups" && bytes.Equal(c["hasgroups"], []byte("true"))
}

// admit returns the person that an identity is, as they are to be logged in.
func (d *Desk) admit(ctx context.Context, p *provider, id *identity, t *try) (*Person, error) {
	who := &Person{
		ID: p.Issuer + " " + id.subject, Roles: id.roles, Groups: id.groups,
		ACR: id.acr, AuthTime: id.authTime, issuer: p.Issuer,
	}
	if t.Kind == stepsUp {
		if who.ID != t.Person {
			return nil, ErrOther
		}
		if !d.SteppedUp(who) {
			return nil, ErrWeak.with(fmt.Errorf("acr %.100q, auth_time %s", who.ACR, who.AuthTime.Format(time.RFC3339)))
		}
	}
	known, err := d.DB.Person(ctx, who.ID)
	switch {
	case err == nil:
		id.key = known.Key // for good, whatever the claim says now
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	case id.key == "":
		return nil, ErrName
	}
	if d.reserved(id.key) && p.Names[id.subject] != id.key {
		meant, err := d.meant(ctx, who.ID, id.key)
		if err != nil {
			return nil, err
		}
		if !meant {
			return nil, ErrTaken.with(fmt.Errorf("%q is reserved", id.key))
		}
	}
	if id.name == "" {
		id.name = id.key
	}
	known, err = d.DB.Enter(ctx, store.Person{ID: who.ID, Key: id.key, Name: id.name})
	if errors.Is(err, store.ErrConflict) {
		return nil, ErrTaken.with(err)
	}
	if err != nil {
		return nil, err
	}
	who.Key, who.Name = known.Key, known.Name
	if err := d.regroup(ctx, who); err != nil {
		return nil, err
	}
	d.Log.InfoContext(ctx, "logged in", "person", who.Key, "issuer", p.Issuer, "roles", who.Roles, "step_up", t.Kind == stepsUp)
	return who, nil
}

// reserved reports whether a name is for those only of whom the configuration says so:
// that of the local administrator, one that a provider's Names give, and what Reserved
// has.
func (d *Desk) reserved(name string) bool {
	if name == localKey || d.Reserved != nil && d.Reserved(strings.ToLower(name)) {
		return true
	}
	for i := range d.Providers {
		for _, given := range d.Providers[i].Names {
			if strings.EqualFold(given, name) {
				return true
			}
		}
	}
	return false
}

// meant reports whether a person has enrolled a passkey that is listed by the name of
// their keys: then it is reserved for them.
func (d *Desk) meant(ctx context.Context, person, name string) (bool, error) {
	if d.Listed == nil || name == localKey {
		return false, nil
	}
	listed := d.Listed(name)
	if len(listed) == 0 {
		return false, nil
	}
	rows, err := d.DB.Passkeys(ctx, person)
	for i := range rows {
		e, err := enrolled(&rows[i], d.roll.Registries)
		if err == nil && e.Person == person && slices.Contains(listed, e.Key) {
			return true, nil
		}
	}
	return false, err
}
