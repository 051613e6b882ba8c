// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/clawea/clawea/internal/page"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/store"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

// A proposal is an open draft as lists show it.
type proposal struct {
	ID     seal.Hash
	Name   string
	For    string
	By     string
	At     time.Time
	State  string // "can be published", "waits" or "does not verify"
	Lacks  []string
	Fault  string
	Signed []string
}

func proposalOf(d *registry.Draft) proposal {
	p := proposal{ID: d.ID, Name: Visible(d.Name), By: Visible(d.By), At: d.At, State: "can be published"}
	if d.Fault != nil {
		p.State, p.Fault = "does not verify", Visible(d.Fault)
		return p
	}
	if d.Policy == nil { // it has ended
		p.State = d.State
		return p
	}
	p.For = Visible(d.Policy.Environment())
	for _, l := range d.Lacks() {
		p.State, p.Lacks = "waits", append(p.Lacks, Whole(l))
	}
	for _, s := range d.Standing.Signatures {
		p.Signed = append(p.Signed, signature(s))
	}
	return p
}

type proposePage struct {
	frame
	Text     string
	Wrong    string // why it was not taken; "": it was not sent yet
	Mends    string
	Findings []policy.Finding
	From     *version // what it began with
}

// newDraft is the form for a policy: an empty one, or with the text of one that is
// published.
func (c *Console) newDraft(w http.ResponseWriter, r *http.Request) {
	p := &proposePage{frame: c.frame(r, "Propose a policy")}
	if from := r.URL.Query().Get("from"); from != "" {
		h, err := seal.ParseHash(from)
		if err != nil {
			c.lost(w, r)
			return
		}
		entry, err := c.Policies.Entry(r.Context(), h)
		if errors.Is(err, registry.ErrUnusable) {
			c.say(w, r, http.StatusConflict, "This policy does not verify", "Nothing can begin with it. "+Visible(err))
			return
		}
		if err != nil {
			c.fail(w, r, err)
			return
		}
		v := versionOf(&registry.Listed{Hash: h, Entry: entry})
		p.From, p.Text = &v, editable(laidOut(entry.Envelope.Payload))
	}
	c.show(w, r, "propose", p)
}

// laidOut is a policy's text over several lines.
func laidOut(payload []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, payload, "", "  ") != nil {
		return string(payload)
	}
	return b.String()
}

// editable is a policy's text as people change it. What they cannot see is escaped, as
// JSON has it, so that it comes back as it was.
func editable(text string) string {
	var out strings.Builder
	for _, r := range strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r", "") {
		if page.IsText(string(r)) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}

// propose takes a policy, or an envelope with signatures under one, as a draft.
func (c *Console) propose(w http.ResponseWriter, r *http.Request) {
	err := uploaded(w, r)
	if err == nil {
		err = c.checked(w, r)
	}
	if err != nil {
		c.object(w, r, err)
		return
	}
	b, err := brought(r)
	if err != nil {
		c.object(w, r, err)
		return
	}
	e, err := registry.ReadDraft(b)
	if err != nil {
		c.again(w, r, b, fmt.Sprintf("the policy cannot be read: %v", err), "mend what is found below, and propose it again")
		return
	}
	id, err := c.Drafts.Propose(r.Context(), e, whoIs(r.Context()).Key)
	if refusal := (*registry.Refusal)(nil); errors.As(err, &refusal) {
		c.again(w, r, b, refusal.Msg, refusal.Hint)
		return
	}
	if err != nil {
		c.object(w, r, err)
		return
	}
	http.Redirect(w, r, "/policies/drafts/"+id.String(), http.StatusSeeOther)
}

// again shows what was sent with what is wrong about it.
func (c *Console) again(w http.ResponseWriter, r *http.Request, b []byte, wrong, mends string) {
	p := &proposePage{frame: c.frame(r, "Not proposed"), Text: editable(string(b)), Wrong: sentence(wrong), Mends: sentence(mends), Findings: policy.Lint(b, c.Now())}
	c.write(w, r, http.StatusUnprocessableEntity, "propose", p)
}

// brought is what a form brings: a file, or else a text.
func brought(r *http.Request) ([]byte, error) {
	if file := r.PostForm.Get("file"); file != "" {
		return []byte(file), nil
	}
	text := r.PostForm.Get("text")
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("nothing was sent\nchoose a file, or paste a text")
	}
	return []byte(text), nil
}

type draftPage struct {
	frame
	proposal
	Open      bool
	Ended     *time.Time
	EndedBy   string
	Purpose   string
	Record    string
	Emergency *policy.BreakGlass
	MaxTTL    time.Duration
	Could     []string // whose signatures would count
	Sentences []policy.Sentence
	Findings  []policy.Finding
	Before    *version // what is published under that name now
	Changes   []policy.Change
	Widens    bool
	Body      body
	Pinned    *pinned // what publishing would pin; nil: it uses no MCP servers
	Loads     []load  // and of plugins and skills
	Shown     string  // names what would be pinned, for who publishes what is shown

	SignsAs string // what the person's passkey would count as, if they can sign
	Has     string // their key that has signed
}

// draft is the page on which a policy is read before it is signed or published.
func (c *Console) draft(w http.ResponseWriter, r *http.Request) {
	d, ok := c.drafted(w, r)
	if !ok {
		return
	}
	p := &draftPage{frame: c.frame(r, "Draft"), proposal: proposalOf(d), Open: d.State == store.DraftOpen, Ended: d.Ended, EndedBy: Visible(d.EndedBy)}
	if p.Name != "" {
		p.Title = "Draft of " + p.Name
	}
	if d.Policy != nil {
		p.describe(d, c.Now())
		if err := c.against(r.Context(), p, d); err != nil {
			c.fail(w, r, err)
			return
		}
		if err := c.signer(r, p, d); err != nil {
			c.fail(w, r, err)
			return
		}
	}
	c.show(w, r, "draft", p)
}

// drafted finds the draft that a page is about, or says that there is none.
func (c *Console) drafted(w http.ResponseWriter, r *http.Request) (*registry.Draft, bool) {
	id, err := seal.ParseHash(r.PathValue("id"))
	if err != nil {
		c.lost(w, r)
		return nil, false
	}
	d, err := c.Drafts.Draft(r.Context(), id)
	if err != nil {
		c.fail(w, r, err)
		return nil, false
	}
	return d, true
}

// describe tells what the draft says, all of it: whoever signs it has seen it.
func (p *draftPage) describe(d *registry.Draft, now time.Time) {
	is := d.Policy
	p.Purpose, p.Emergency, p.MaxTTL = Whole(is.Purpose()), is.BreakGlass(), is.MaxTTL()
	p.Sentences, p.Findings = is.Explain(), policy.Lint(d.Paper.Payload, now)
	if text := laidOut(d.Paper.Payload); len(text) <= policy.MaxLength {
		p.Findings = policy.Lint([]byte(text), now) // whose lines are those that are shown
	}
	if r := is.ChangeRecord(); r != nil {
		p.Record = Whole(strings.Join(strings.Fields(r.System+" "+r.ID+" "+r.URL), " "))
	}
	for _, s := range d.Could {
		p.Could = append(p.Could, signature(s))
	}
	p.Body = wholeBody(d.Paper.Payload)
}

// against finds what is published under the draft's name now, and in what the draft
// differs from it, and what would be pinned from what it pins.
func (c *Console) against(ctx context.Context, p *draftPage, d *registry.Draft) error {
	is := d.Policy
	list, err := c.Policies.List(ctx) // oldest first
	if err != nil {
		return err
	}
	var before *registry.Entry
	for i := range list {
		if l := &list[i]; l.Entry != nil && is.Name() != "" && l.Entry.Policy.Name() == is.Name() {
			v := versionOf(l)
			before, p.Before = l.Entry, &v
		}
	}
	var was []policy.Server
	if before != nil {
		p.Changes = c.diff(before.Policy, is)
		p.Widens = policy.Widens(p.Changes)
		was = before.Bound.Servers
	}
	servers, err := c.asked(ctx, is, was)
	var now []policy.Server
	if servers != nil {
		p.Pinned, now = pinnedOf(servers, servers.Now), servers.Now
	}
	p.Loads = loadsOf(is, d.Extensions, "whoever proposed it", before)
	if xs, unsaid := d.Pins(); unsaid == nil {
		p.Shown = registry.Shown(now, xs)
	}
	return err
}

// signer finds what who looks can sign as, with one of their passkeys.
func (c *Console) signer(r *http.Request, p *draftPage, d *registry.Draft) error {
	if !p.MaySign() {
		return nil
	}
	keys, err := c.Passkeys.List(r)
	if err != nil {
		return err
	}
	for _, k := range keys {
		i := slices.IndexFunc(d.Could, func(s policy.Signature) bool { return s.Key == k.Key })
		if !k.Revoked && i >= 0 {
			p.SignsAs = cmp.Or(p.SignsAs, string(d.Could[i].Role))
		}
		if slices.ContainsFunc(d.Paper.Signatures, func(s seal.Signature) bool { return s.KeyID == k.Key }) {
			p.Has = Visible(k.Key)
		}
	}
	return nil
}

// draftEnvelope is the draft with its signatures, as a file: for who signs with a key
// file.
func (c *Console) draftEnvelope(w http.ResponseWriter, r *http.Request) {
	d, ok := c.drafted(w, r)
	if !ok {
		return
	}
	if d.Policy == nil {
		c.say(w, r, http.StatusConflict, "This draft cannot be had", "It has ended, or does not verify.")
		return
	}
	b, err := d.Paper.Marshal()
	if err != nil {
		c.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="draft-`+short(d.ID)+`.json"`)
	w.Write(append(b, '\n')) // a reader that has gone hears nothing
}

// addToDraft adds the signatures of an envelope that was uploaded.
func (c *Console) addToDraft(w http.ResponseWriter, r *http.Request) {
	if err := uploaded(w, r); err != nil {
		c.object(w, r, err)
		return
	}
	c.onDraft(w, r, func(ctx context.Context, id seal.Hash, by string) (string, error) {
		b, err := brought(r)
		if err != nil {
			return "", err
		}
		e, err := registry.ReadDraft(b)
		if err != nil {
			return "", errors.New("that is no signed policy\nsign the file that this page offers: clawea wpc sign -key FILE -o SIGNED DRAFT")
		}
		return "/policies/drafts/" + id.String(), c.Drafts.Sign(ctx, id, e, by)
	})
}

func (c *Console) publishDraft(w http.ResponseWriter, r *http.Request) {
	c.onDraft(w, r, func(ctx context.Context, id seal.Hash, by string) (string, error) {
		_, err := c.Drafts.PublishShown(ctx, id, by, r.PostForm.Get("shown"))
		if errors.Is(err, registry.ErrRefused) {
			err = fmt.Errorf("%w\nmend the policy or what it names, and try again", err)
		}
		return "/policies/" + id.String(), err
	})
}

func (c *Console) discardDraft(w http.ResponseWriter, r *http.Request) {
	c.onDraft(w, r, func(ctx context.Context, id seal.Hash, by string) (string, error) {
		return "/policies", c.Drafts.Discard(ctx, id, by)
	})
}

// onDraft serves a form that does something to a draft, in the name of who sent it.
func (c *Console) onDraft(w http.ResponseWriter, r *http.Request, f func(ctx context.Context, id seal.Hash, by string) (to string, err error)) {
	c.act(w, r, func() (string, error) {
		id, err := seal.ParseHash(r.PathValue("id"))
		if err != nil {
			return "", fmt.Errorf("draft %.80q: %w", r.PathValue("id"), store.ErrNotFound)
		}
		return f(r.Context(), id, whoIs(r.Context()).Key)
	})
}

// offerDraft has the person's browser asked for a passkey's signature under the very
// policy that the page shows: its id is the hash of what is signed.
func (c *Console) offerDraft(w http.ResponseWriter, r *http.Request) {
	c.script(w, r, func() (any, error) {
		d, err := c.signable(r)
		if err != nil {
			return nil, err
		}
		request, err := c.Passkeys.Ask(r, policy.Type, d.Paper.Payload)
		return map[string]any{"request": request}, err
	})
}

// signDraft takes the signature that the browser brings back.
func (c *Console) signDraft(w http.ResponseWriter, r *http.Request) {
	c.script(w, r, func() (any, error) {
		var given struct {
			Answer json.RawMessage `json:"answer"`
		}
		if err := readJSON(r, &given); err != nil {
			return nil, err
		}
		d, err := c.signable(r)
		if err != nil {
			return nil, err
		}
		e, err := c.Passkeys.Signed(r, policy.Type, d.Paper.Payload, given.Answer)
		if err != nil {
			return nil, err
		}
		return struct{}{}, c.Drafts.Sign(r.Context(), d.ID, e, whoIs(r.Context()).Key)
	})
}

// signable is the draft that a script asks about, if it can be signed.
func (c *Console) signable(r *http.Request) (*registry.Draft, error) {
	id, err := seal.ParseHash(r.PathValue("id"))
	if err != nil {
		return nil, errNoDraft
	}
	d, err := c.Drafts.Draft(r.Context(), id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, errNoDraft
	case err != nil:
		return nil, err
	case d.Policy == nil:
		return nil, errors.New("the draft has ended, or does not verify\nload the page anew")
	}
	return d, nil
}

var errNoDraft = errors.New("there is no such draft\nlook at the list of policies")
