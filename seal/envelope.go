// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// An Envelope is a paper as it travels: typed bytes and the signatures over
// them, in the DSSE v1 JSON form.
type Envelope struct {
	Payload    []byte      `json:"payload"`
	Type       string      `json:"payloadType"`
	Signatures []Signature `json:"signatures"`
}

// A Signature is one key's signature over an envelope's type and payload: by
// themselves, or as a leaf of a tree.
type Signature struct {
	KeyID string `json:"keyid"`
	Leaf  *Leaf  `json:"leaf,omitzero"` // nil: the envelope was signed by itself
	Sig   []byte `json:"sig"`
}

var (
	// ErrUnsigned is returned for an envelope without any signature.
	ErrUnsigned = errors.New("not signed")
	// ErrUnknownKey is returned for a signature by a key outside the trusted ones.
	ErrUnknownKey = errors.New("signed by a key that is not trusted for this")
	// ErrBadSignature is returned for a signature that does not match its key.
	ErrBadSignature = errors.New("signature does not match")
	// ErrType is returned for an envelope of another type than expected.
	ErrType = errors.New("wrong type of paper")
)

// Sign seals payload as a paper of type typ.
func Sign(s Signer, typ string, payload []byte) (*Envelope, error) {
	e := &Envelope{Payload: payload, Type: typ}
	if err := e.Add(s); err != nil {
		return nil, err
	}
	return e, nil
}

// Add adds the signature of s over e alone.
func (e *Envelope) Add(s Signer) error {
	id := KeyID(s)
	if err := e.maySign(id); err != nil {
		return err
	}
	sig, err := s.Sign(pae(e.Type, e.Payload))
	if err != nil {
		return fmt.Errorf("sign as %s: %w", id, err)
	}
	e.Signatures = append(e.Signatures, Signature{KeyID: id, Sig: sig})
	return nil
}

// maySign says why the key id must not sign e: it has done so, or would say what
// only the root of a tree does.
func (e *Envelope) maySign(id string) error {
	if e.Type == treeType {
		return fmt.Errorf("sign as %s: %w: %q", id, ErrType, e.Type)
	}
	if slices.ContainsFunc(e.Signatures, func(g Signature) bool { return g.KeyID == id }) {
		return fmt.Errorf("sign as %s: it has signed already", id)
	}
	return nil
}

// Open returns who signed e. It is all or nothing: e must have type typ and at
// least one signature, and every signature must be valid, by a different one of
// vs. A signature that nobody can check is a reason to stop, not to look away.
func (e *Envelope) Open(typ string, vs ...Verifier) ([]Verifier, error) {
	if e.Type != typ {
		return nil, fmt.Errorf("%w: %q, want %q", ErrType, e.Type, typ)
	}
	if len(e.Signatures) == 0 {
		return nil, ErrUnsigned
	}
	m := pae(e.Type, e.Payload)
	var signers []Verifier
	for _, s := range e.Signatures {
		i := slices.IndexFunc(vs, func(v Verifier) bool { return KeyID(v) == s.KeyID })
		if i < 0 {
			return nil, fmt.Errorf("%w: %q", ErrUnknownKey, s.KeyID)
		}
		if slices.ContainsFunc(signers, func(v Verifier) bool { return KeyID(v) == s.KeyID }) {
			return nil, fmt.Errorf("%w: %q signed twice", ErrBadSignature, s.KeyID)
		}
		if !s.holds(vs[i], m) {
			return nil, fmt.Errorf("%w: %q", ErrBadSignature, s.KeyID)
		}
		signers = append(signers, vs[i])
	}
	return signers, nil
}

// holds reports whether s is v's, for an envelope whose message is m.
func (s *Signature) holds(v Verifier, m []byte) bool {
	if s.Leaf == nil {
		return v.Verify(m, s.Sig)
	}
	return s.Leaf.whole() && v.Verify(s.Leaf.message(m), s.Sig)
}

// Hash names the envelope's payload. Signatures are not part of the name.
func (e *Envelope) Hash() Hash { return Sum(e.Payload) }

// Marshal returns the canonical JSON of e.
func (e *Envelope) Marshal() ([]byte, error) {
	if b, ok := e.oneForm(); ok && len(b) <= MaxPaper {
		return b, nil
	}
	return Marshal(e) // which says why it has no such form
}

// oneForm writes the canonical JSON of e, unless its names are not UTF-8.
func (e *Envelope) oneForm() (b []byte, ok bool) {
	n := 64 + base64.StdEncoding.EncodedLen(len(e.Payload)) + len(e.Type)
	for _, s := range e.Signatures {
		n += 32 + len(s.KeyID) + base64.StdEncoding.EncodedLen(len(s.Sig))
		if s.Leaf != nil {
			n += 64 + base64.StdEncoding.EncodedLen(len(s.Leaf.Path))
		}
	}
	b = append(make([]byte, 0, n), `{"payload":"`...)
	b = base64.StdEncoding.AppendEncode(b, e.Payload)
	b = append(b, `","payloadType":`...)
	b = appendText(b, e.Type)
	b = append(b, `,"signatures":[`...)
	ok = utf8.ValidString(e.Type)
	for i, s := range e.Signatures {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"keyid":`...)
		b = appendText(b, s.KeyID)
		if l := s.Leaf; l != nil {
			b = append(b, `,"leaf":{"index":`...)
			b = strconv.AppendInt(b, int64(l.Index), 10)
			b = append(b, `,"path":"`...)
			b = base64.StdEncoding.AppendEncode(b, l.Path)
			b = append(b, `","size":`...)
			b = strconv.AppendInt(b, int64(l.Size), 10)
			b = append(b, '}')
		}
		b = append(b, `,"sig":"`...)
		b = base64.StdEncoding.AppendEncode(b, s.Sig)
		b = append(b, `"}`...)
		ok = ok && utf8.ValidString(s.KeyID)
	}
	return append(b, "]}"...), ok
}

// ParseEnvelope reads the canonical JSON of an envelope, the one form that
// Marshal writes: any other spelling of the same envelope is refused.
func ParseEnvelope(b []byte) (*Envelope, error) {
	e, ok := readOneForm(b)
	if !ok {
		var err error
		if e, err = readEnvelope(b); err != nil {
			return nil, fmt.Errorf("read envelope: %w", err)
		}
	}
	for _, s := range e.Signatures {
		if l := s.Leaf; l != nil && !l.whole() {
			return nil, fmt.Errorf("read envelope: no tree of %d has a leaf %d with a path of %d bytes", l.Size, l.Index, len(l.Path))
		}
	}
	return e, nil
}

// readEnvelope is for what readOneForm gives up at. It says what is wrong.
func readEnvelope(b []byte) (*Envelope, error) {
	e := new(Envelope)
	if err := Decode(b, e); err != nil {
		return nil, err
	}
	again, err := e.Marshal()
	if err == nil && !bytes.Equal(again, b) { // base64 has several spellings; one is ours
		err = ErrNotCanonical
	}
	return e, err
}

// readOneForm reads an envelope as oneForm writes it, as nearly all are. It gives
// up at anything else, and at names with escapes.
func readOneForm(b []byte) (*Envelope, bool) {
	if len(b) > MaxPaper {
		return nil, false
	}
	r := reader{rest: b}
	r.pass(`{"payload":`)
	e := &Envelope{Payload: r.bytes()}
	r.pass(`,"payloadType":`)
	e.Type = string(r.text())
	r.pass(`,"signatures":[`)
	e.Signatures = []Signature{}
	for !r.wrong && !bytes.Equal(r.rest, []byte("]}")) {
		if len(e.Signatures) > 0 {
			r.pass(",")
		}
		r.pass(`{"keyid":`)
		s := Signature{KeyID: string(r.text())}
		if bytes.HasPrefix(r.rest, []byte(`,"leaf":`)) {
			s.Leaf = r.leaf()
		}
		r.pass(`,"sig":`)
		s.Sig = r.bytes()
		r.pass("}")
		e.Signatures = append(e.Signatures, s)
	}
	if r.wrong {
		return nil, false
	}
	again, ok := e.oneForm()
	return e, ok && bytes.Equal(again, b)
}

// A reader reads what must be there, until something else is.
type reader struct {
	rest  []byte
	wrong bool
}

func (r *reader) pass(s string) {
	after, ok := bytes.CutPrefix(r.rest, []byte(s))
	r.rest, r.wrong = after, r.wrong || !ok
}

// text reads a string up to its next quote.
func (r *reader) text() []byte {
	r.pass(`"`)
	s, after, ok := bytes.Cut(r.rest, []byte(`"`))
	r.rest, r.wrong = after, r.wrong || !ok
	return s
}

// bytes reads a string in base64.
func (r *reader) bytes() []byte {
	s := r.text()
	if r.wrong {
		return nil
	}
	b, err := base64.StdEncoding.AppendDecode(make([]byte, 0, base64.StdEncoding.DecodedLen(len(s))), s)
	r.wrong = err != nil
	return b
}

// leaf reads the place of a signature in its tree.
func (r *reader) leaf() *Leaf {
	l := new(Leaf)
	r.pass(`,"leaf":{"index":`)
	l.Index = r.count()
	r.pass(`,"path":`)
	l.Path = r.bytes()
	r.pass(`,"size":`)
	l.Size = r.count()
	r.pass("}")
	return l
}

// count reads a number of few digits.
func (r *reader) count() int {
	n := digits(r.rest)
	i, err := strconv.Atoi(string(r.rest[:min(n, 6)]))
	r.rest, r.wrong = r.rest[n:], r.wrong || err != nil || n > 6
	return i
}

// pae is the DSSE v1 pre-authentication encoding.
func pae(typ string, b []byte) []byte {
	out := make([]byte, 0, 32+len(typ)+len(b))
	out = append(out, "DSSEv1 "...)
	out = strconv.AppendInt(out, int64(len(typ)), 10)
	out = append(out, ' ')
	out = append(out, typ...)
	out = append(out, ' ')
	out = strconv.AppendInt(out, int64(len(b)), 10)
	out = append(out, ' ')
	return append(out, b...)
}
