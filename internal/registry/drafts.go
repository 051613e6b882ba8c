// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode"

	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// MaxDrafts is how many drafts can be open.
const MaxDrafts = 50

// tries is how often a signature is added to a draft that others sign at the moment.
const tries = 5

// A DraftDB keeps drafts. internal/store fills it.
type DraftDB interface {
	AddDraft(ctx context.Context, d store.Draft, max int) error
	Draft(ctx context.Context, id seal.Hash) (store.Draft, error)
	Drafts(ctx context.Context, limit int) ([]store.Draft, error)
	SignDraft(ctx context.Context, id seal.Hash, former, envelope []byte) error
	ExtendDraft(ctx context.Context, id seal.Hash, extensions []policy.Extension) error
	EndDraft(ctx context.Context, id seal.Hash, state, by string) error
}

// Drafts is the desk for policies that people sign one after another before they are
// published. It decides nothing: what may be published is the Registry's to say, when
// it is published. All fields must be set.
type Drafts struct {
	DB       DraftDB
	Registry *Registry
	Log      *slog.Logger
}

// A Draft is one as it stands now, all of it verified on this read.
type Draft struct {
	store.Draft
	Paper    *seal.Envelope // with the signatures so far; nil once it has ended
	Policy   *policy.Policy // not bound; nil once it has ended
	Standing *policy.Standing
	Could    []policy.Signature // that would count and are not there: whose, and as what
	Fault    error              // why what is kept does not verify; then there is nothing of the above
}

// A Refusal is why the desk does not do what it is asked for.
type Refusal struct {
	Msg  string // what is wrong
	Hint string // what mends it
	err  error
}

// Error is two lines for people.
func (e *Refusal) Error() string { return e.Msg + "\n" + e.Hint }

// Unwrap is what the refusal comes from, or nil.
func (e *Refusal) Unwrap() error { return e.err }

func refuse(err error, hint, msg string, args ...any) error {
	return &Refusal{fmt.Sprintf(msg, args...), hint, err}
}

// ReadDraft reads what people propose: a WPC as they write it, or an envelope with
// signatures under one. Errors are of a policy that cannot be read, with its place.
func ReadDraft(b []byte) (*seal.Envelope, error) {
	e := new(seal.Envelope)
	if seal.Unmarshal(b, e) == nil && e.Type != "" {
		return e, nil
	}
	if _, err := policy.Parse(b); err != nil {
		return nil, err
	}
	payload, err := seal.Canonical(b)
	if err != nil {
		return nil, err
	}
	return &seal.Envelope{Type: policy.Type, Payload: payload}, nil
}

// Propose begins a draft of e's policy, with the signatures that e has, or adds them to
// the draft that there is. xs says how the plugins and skills are that the policy lists; nil:
// nothing is said of it now. It returns the draft's id, which is the policy's hash. It
// fails with a Refusal.
func (d *Drafts) Propose(ctx context.Context, e *seal.Envelope, by string, xs ...policy.Extension) (seal.Hash, error) {
	p, err := d.read(e)
	if err != nil {
		return seal.Hash{}, err
	}
	if err := d.Registry.Known(ctx, p.Hash()); err == nil {
		return p.Hash(), refuse(nil, "change something in it, its change record for one: that makes another policy", "this very policy is published already")
	} else if !errors.Is(err, store.ErrNotFound) {
		return p.Hash(), err
	}
	if len(e.Signatures) > 0 {
		if err := d.checkSigned(p, e, nil); err != nil {
			return p.Hash(), err
		}
	}
	if len(xs) > 0 {
		if xs, err = extensions(p, xs); err != nil {
			return p.Hash(), refused(err)
		}
	}
	b, err := e.Marshal()
	if err != nil {
		return p.Hash(), err
	}
	err = d.DB.AddDraft(ctx, store.Draft{ID: p.Hash(), Name: p.Name(), Envelope: b, By: by, Extensions: xs}, MaxDrafts)
	switch {
	case errors.Is(err, store.ErrTooMany):
		return p.Hash(), refuse(err, "publish or discard some of them", "%d drafts are open, and more there cannot be", MaxDrafts)
	case errors.Is(err, store.ErrConflict):
		return p.Hash(), d.proposeAgain(ctx, p.Hash(), e, by, xs)
	case err != nil:
		return p.Hash(), err
	}
	d.Log.InfoContext(ctx, "a policy is proposed", "policy", p.Hash(), "name", p.Name(), "by", by)
	return p.Hash(), nil
}

// proposeAgain adds to an open draft what e has that it has not.
func (d *Drafts) proposeAgain(ctx context.Context, id seal.Hash, e *seal.Envelope, by string, xs []policy.Extension) error {
	if len(xs) > 0 {
		err := d.DB.ExtendDraft(ctx, id, xs)
		if errors.Is(err, store.ErrConflict) { // people may have looked at it already
			return refuse(err, "discard the draft, and propose it anew", "the draft says otherwise how its plugins and skills are, or is not open any more")
		}
		if err != nil {
			return err
		}
		draft, err := d.open(ctx, id)
		if err != nil {
			return err
		}
		signed := func(s seal.Signature) bool { return signedBy(draft.Paper.Signatures, s.KeyID) }
		e = &seal.Envelope{Type: e.Type, Payload: e.Payload, Signatures: slices.DeleteFunc(slices.Clone(e.Signatures), signed)}
	}
	if len(e.Signatures) == 0 {
		return nil
	}
	return d.Sign(ctx, id, e, by)
}

// refused is err as a Refusal, if it is about an extension.
func refused(err error) error {
	if x := (*ExtensionError)(nil); errors.As(err, &x) {
		return refuse(err, strings.ReplaceAll(x.Hint, "wpc publish", "wpc propose"), "%s", x.Msg)
	}
	return err
}

// read reads the policy of an envelope that is to be a draft: one that could be
// published if the right people signed it.
func (d *Drafts) read(e *seal.Envelope) (*policy.Policy, error) {
	const mend = "mend it, and propose it then; clawea wpc lint tells where"
	if e.Type != policy.Type {
		return nil, refuse(nil, "give a policy, or an envelope around one", "this is no policy, but of the type %.100q", e.Type)
	}
	p, err := policy.Parse(e.Payload)
	if err != nil {
		return nil, refuse(err, mend, "the policy cannot be read: %v", err)
	}
	if c, err := seal.Canonical(e.Payload); err != nil || !bytes.Equal(c, e.Payload) {
		return nil, refuse(err, "sign it with clawea wpc sign, which writes that form", "what was signed is not the policy's one form")
	}
	if strings.ContainsFunc(p.Name(), unicode.IsControl) {
		return nil, refuse(nil, "write a plain one", "the policy's name %q has control characters", p.Name())
	}
	s := d.rules().Standing(p, nil, d.Registry.Now())
	if errors.Is(s.Err, policy.ErrEnvironment) || errors.Is(s.Err, policy.ErrEmergency) {
		return nil, refuse(s.Err, mend, "no signatures publish this policy: %v", s.Err)
	}
	return p, nil
}

func (d *Drafts) rules() *policy.Publishers {
	r := d.Registry
	return &policy.Publishers{Authors: r.Authors, Environments: r.Environments, BreakGlass: r.BreakGlass}
}

// checkSigned checks that all signatures of e hold, and that those which are not had
// count for something.
func (d *Drafts) checkSigned(p *policy.Policy, e *seal.Envelope, had []seal.Signature) error {
	rules := d.rules()
	signers, err := e.Open(policy.Type, rules.Keys()...)
	if errors.Is(err, seal.ErrUnknownKey) {
		return refuse(err, "have the key listed under authors or an environment's approvers in the house's configuration; a passkey's text is on its owner's account page", "%v", err)
	}
	if err != nil {
		return refuse(err, "sign it anew", "%v", err)
	}
	for _, s := range rules.Standing(p, signers, d.Registry.Now()).Signatures {
		if s.Role == policy.RoleNone && !signedBy(had, s.Key) {
			return refuse(nil, "who signs must be an author, or an approver of what it is for and no author by any of their keys", "the signature of %s would count for nothing here", s.Key)
		}
	}
	return nil
}

func signedBy(list []seal.Signature, key string) bool {
	return slices.ContainsFunc(list, func(s seal.Signature) bool { return s.KeyID == key })
}

// Sign adds the signatures of e, which must be of the draft's policy, to the draft. Those
// that it has already are passed over. It fails with store.ErrNotFound and with a Refusal.
func (d *Drafts) Sign(ctx context.Context, id seal.Hash, e *seal.Envelope, by string) error {
	if e.Type != policy.Type || !e.Hash().Equal(id) {
		return refuse(nil, "sign what this page shows", "another policy was signed")
	}
	for range tries {
		err := d.sign(ctx, id, e, by)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return refuse(store.ErrConflict, "try again in a moment", "others sign at the same time")
}

// sign is Sign. It fails with store.ErrConflict if somebody else signs meanwhile.
func (d *Drafts) sign(ctx context.Context, id seal.Hash, e *seal.Envelope, by string) error {
	draft, err := d.open(ctx, id)
	if err != nil {
		return err
	}
	had := draft.Paper.Signatures
	paper := &seal.Envelope{Payload: draft.Paper.Payload, Type: policy.Type, Signatures: slices.Clone(had)}
	for _, s := range e.Signatures {
		if !signedBy(had, s.KeyID) {
			paper.Signatures = append(paper.Signatures, s)
		}
	}
	if len(paper.Signatures) == len(had) {
		return refuse(nil, "nothing is missing of it", "the draft has that signature already, or was given none")
	}
	if err := d.checkSigned(draft.Policy, paper, had); err != nil {
		return err
	}
	b, err := paper.Marshal()
	if err != nil {
		return err
	}
	if err := d.DB.SignDraft(ctx, id, draft.Envelope, b); err != nil {
		return err
	}
	for _, s := range paper.Signatures[len(had):] {
		d.Log.InfoContext(ctx, "a draft is signed", "policy", id, "key", s.KeyID, "by", by)
	}
	return nil
}

// Draft returns a draft as it stands now, or store.ErrNotFound.
func (d *Drafts) Draft(ctx context.Context, id seal.Hash) (*Draft, error) {
	row, err := d.DB.Draft(ctx, id)
	if err != nil {
		return nil, err
	}
	return d.verified(row), nil
}

// Open lists the open drafts, the newest first.
func (d *Drafts) Open(ctx context.Context) ([]*Draft, error) {
	rows, err := d.DB.Drafts(ctx, 0)
	if err != nil {
		return nil, err
	}
	var out []*Draft
	for _, row := range rows {
		out = append(out, d.verified(row))
	}
	return out, nil
}

// verified checks all that a row says.
func (d *Drafts) verified(row store.Draft) *Draft {
	out := &Draft{Draft: row}
	if row.State != store.DraftOpen {
		return out
	}
	e, err := seal.ParseEnvelope(row.Envelope)
	if err != nil {
		out.Fault = err
		return out
	}
	rules := d.rules()
	var signers []seal.Verifier
	if len(e.Signatures) > 0 {
		if signers, err = e.Open(policy.Type, rules.Keys()...); err != nil {
			out.Fault = err
			return out
		}
	}
	p, err := policy.Parse(e.Payload)
	switch {
	case err != nil:
		out.Fault = err
	case !p.Hash().Equal(row.ID) || e.Type != policy.Type:
		out.Fault = fmt.Errorf("kept under %s, and is %s", row.ID, p.Hash())
	default:
		now := d.Registry.Now()
		out.Name, out.Paper, out.Policy, out.Standing = p.Name(), e, p, rules.Standing(p, signers, now)
		for _, k := range rules.Standing(p, rules.Keys(), now).Signatures { // a key may be there for several environments
			if k.Role != policy.RoleNone && !signedBy(e.Signatures, k.Key) && !slices.Contains(out.Could, k) {
				out.Could = append(out.Could, k)
			}
		}
	}
	return out
}

// open returns a draft that can be signed or published.
func (d *Drafts) open(ctx context.Context, id seal.Hash) (*Draft, error) {
	draft, err := d.Draft(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case draft.State != store.DraftOpen:
		return nil, refuse(nil, "if it was discarded, propose it anew", "the draft is %s, by %s", draft.State, draft.EndedBy)
	case draft.Fault != nil:
		return nil, refuse(draft.Fault, "discard it, and propose it anew: a key may have left the configuration since it signed", "the draft does not verify: %v", draft.Fault)
	}
	return draft, nil
}

// Publish has the Registry publish the draft's policy. It fails with store.ErrNotFound,
// with a Refusal that says what is missing, and as Registry.Publish does.
func (d *Drafts) Publish(ctx context.Context, id seal.Hash, by string) (*Entry, error) {
	return d.publish(ctx, id, by, func([]policy.Server, []policy.Extension) error { return nil })
}

// PublishShown is Publish, if MCP servers, plugins and skills are still as they were shown to
// whoever publishes (Shown). It fails with a Refusal if they are not.
func (d *Drafts) PublishShown(ctx context.Context, id seal.Hash, by, shown string) (*Entry, error) {
	return d.publish(ctx, id, by, func(now []policy.Server, xs []policy.Extension) error {
		if Shown(now, xs) != shown {
			return refuse(nil, "load the page anew, and read what it says of them now", "the MCP servers, plugins or skills are not what you were shown")
		}
		return nil
	})
}

func (d *Drafts) publish(ctx context.Context, id seal.Hash, by string, check func([]policy.Server, []policy.Extension) error) (*Entry, error) {
	draft, err := d.open(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := draft.Standing.Err; err != nil {
		return nil, refuse(err, "have them sign it first", "it cannot be published yet: %s", strings.Join(draft.Lacks(), "; "))
	}
	entry, err := d.Registry.publish(ctx, draft.Paper, draft.Extensions, check)
	if err != nil {
		return nil, refused(err)
	}
	d.Log.InfoContext(ctx, "a draft is published", "policy", id, "name", entry.Policy.Name(), "by", by)
	if err := d.DB.EndDraft(ctx, id, store.DraftPublished, by); err != nil && !errors.Is(err, store.ErrConflict) {
		return entry, err
	}
	return entry, nil
}

// Discard ends a draft. It fails with store.ErrNotFound and with a Refusal.
func (d *Drafts) Discard(ctx context.Context, id seal.Hash, by string) error {
	err := d.DB.EndDraft(ctx, id, store.DraftDiscarded, by)
	if errors.Is(err, store.ErrConflict) {
		return refuse(err, "look at it again", "the draft is not open any more")
	}
	if err == nil {
		d.Log.InfoContext(ctx, "a draft is discarded", "policy", id, "by", by)
	}
	return err
}

// Pins are how the plugins and skills that d's policy lists would be pinned, if it were
// published now. It fails with an ExtensionError as long as that is not said of each.
func (d *Draft) Pins() ([]policy.Extension, error) {
	if d.Policy == nil {
		return nil, nil
	}
	return extensions(d.Policy, d.Extensions)
}

// Lacks says in words what is missing of a draft that verifies, and nothing if it can be
// published as far as those go who sign it and say how its plugins and skills are.
func (d *Draft) Lacks() []string {
	out := d.unsigned()
	_, err := d.Pins()
	if x := (*ExtensionError)(nil); errors.As(err, &x) {
		out = append(out, x.Msg)
	}
	return out
}

// unsigned says in words whose signatures are missing.
func (d *Draft) unsigned() []string {
	s := d.Standing
	if s == nil || s.Err == nil {
		return nil
	}
	var out []string
	if s.NoAuthor {
		out = append(out, "an author has to sign")
	}
	if s.Missing > 0 {
		who, have := "approver", "has"
		if s.Missing > 1 {
			who, have = "approvers", "have"
		}
		out = append(out, fmt.Sprintf("%d more %s of %s %s to sign: %s", s.Missing, who, s.For, have, names(s.Of)))
	}
	if len(out) == 0 {
		out = append(out, s.Err.Error())
	}
	return out
}

// names are the people whose keys they are, each once.
func names(keys []seal.Verifier) string {
	var out []string
	for _, k := range keys {
		if !slices.ContainsFunc(out, func(n string) bool { return strings.EqualFold(n, k.Name()) }) {
			out = append(out, k.Name())
		}
	}
	return strings.Join(out, ", ")
}
