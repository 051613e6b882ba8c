// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
)

// The algorithms of passkeys, by their COSE numbers (RFC 9053, RFC 8812).
const (
	ES256 = -7
	EdDSA = -8
	RS256 = -257
)

// passkeyKind begins the key of a passkey in a public key's text. Signed notes give
// kinds of key that have no number of their own the byte 0xff and a name.
const passkeyKind = "\xffclawea.passkey.v1\x00"

const (
	maxDomain = 253
	maxKey    = 2048 // bytes of a public key: RSA of 8,192 bits and less
)

// A Passkey is the public half of a person's passkey (WebAuthn Level 3): a key that
// an authenticator uses at one site only, when its person is there and has shown
// that it is them (spec/bundle.md 2.11).
type Passkey struct {
	Name string // of the person's key, as in envelopes
	Site string // the domain that the key is for: WebAuthn's relying party id
	Alg  int    // ES256, EdDSA or RS256
	Key  []byte // DER of a SubjectPublicKeyInfo (RFC 5280)
}

// Public returns p as a public key's text, for NewVerifier. It fails for a key that
// NewVerifier would not take.
func (p *Passkey) Public() (string, error) {
	v, err := p.verifier()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s+%08x+%s", p.Name, v.hash, base64.StdEncoding.EncodeToString(p.encoded())), nil
}

// encoded is the key of p's text: the kind, the site with its length, the
// algorithm, the key.
func (p *Passkey) encoded() []byte {
	b := append([]byte(passkeyKind), byte(len(p.Site)))
	b = append(b, p.Site...)
	b = binary.BigEndian.AppendUint16(b, uint16(int16(p.Alg)))
	return append(b, p.Key...)
}

// verifier checks that p is whole, and makes it one that verifies.
func (p *Passkey) verifier() (*passkey, error) {
	if err := checkKeyName(p.Name); err != nil {
		return nil, err
	}
	if p.Site == "" || len(p.Site) > maxDomain || strings.ContainsFunc(p.Site, func(r rune) bool { return !isDomainRune(r) }) {
		return nil, fmt.Errorf("passkey of %s: %q is not a domain, in lower case", p.Name, p.Site)
	}
	if len(p.Key) > maxKey {
		return nil, fmt.Errorf("passkey of %s: a key of %d bytes", p.Name, len(p.Key))
	}
	public, err := x509.ParsePKIXPublicKey(p.Key)
	if err == nil {
		err = fitsAlg(p.Alg, public)
	}
	if err != nil {
		return nil, fmt.Errorf("passkey of %s: %w", p.Name, err)
	}
	if again, err := x509.MarshalPKIXPublicKey(public); err != nil || !bytes.Equal(again, p.Key) {
		return nil, fmt.Errorf("passkey of %s: its key is not in its one form", p.Name)
	}
	sum := sha256.Sum256(append([]byte(p.Name+"\n"), p.encoded()...))
	return &passkey{*p, public, binary.BigEndian.Uint32(sum[:4])}, nil
}

func isDomainRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.'
}

// fitsAlg reports why a key is not one of its algorithm's that is strong enough.
func fitsAlg(alg int, public any) error {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if alg == ES256 && k.Curve == elliptic.P256() {
			return nil
		}
	case ed25519.PublicKey:
		if alg == EdDSA {
			return nil
		}
	case *rsa.PublicKey:
		if alg == RS256 && k.N.BitLen() >= 2048 {
			return nil
		}
	}
	return fmt.Errorf("its key is not one of algorithm %d", alg)
}

// parsePasskey reads the text of a passkey; ok says whether it is one at all.
func parsePasskey(public string) (p *passkey, ok bool, err error) {
	name, rest, _ := strings.Cut(public, "+")
	hash, enc, _ := strings.Cut(rest, "+")
	b, err := base64.StdEncoding.Strict().DecodeString(enc)
	if err != nil || !bytes.HasPrefix(b, []byte(passkeyKind)) {
		return nil, false, nil
	}
	b = b[len(passkeyKind):]
	if len(b) < 1 || len(b) < 1+int(b[0])+2 {
		return nil, true, errors.New("it is cut short")
	}
	n := 1 + int(b[0])
	k := &Passkey{Name: name, Site: string(b[1:n]), Alg: int(int16(binary.BigEndian.Uint16(b[n:]))), Key: b[n+2:]}
	if p, err = k.verifier(); err != nil {
		return nil, true, err
	}
	if fmt.Sprintf("%08x", p.hash) != hash {
		return nil, true, fmt.Errorf("its hash is not %s", hash)
	}
	return p, true, nil
}

// A passkey is a Passkey that verifies.
type passkey struct {
	Passkey
	public any
	hash   uint32
}

func (p *passkey) Name() string    { return p.Passkey.Name }
func (p *passkey) KeyHash() uint32 { return p.hash }

// An Assertion is what an authenticator answers when it is asked to sign: the
// signature of a passkey in an envelope is the canonical JSON of one.
type Assertion struct {
	AuthenticatorData []byte `json:"authenticator_data"`
	ClientData        []byte `json:"client_data"` // JSON, as the browser wrote it
	Signature         []byte `json:"signature"`
}

// Marshal returns the signature that goes into an envelope.
func (a *Assertion) Marshal() ([]byte, error) { return Marshal(a) }

// oneForm reports whether sig is how a is written: base64 has several spellings.
func (a *Assertion) oneForm(sig []byte) bool {
	b, err := a.Marshal()
	return err == nil && bytes.Equal(b, sig)
}

// Challenge is what a passkey's authenticator is asked to sign for an envelope of
// type typ over payload: the SHA-256 of what other keys sign.
func Challenge(typ string, payload []byte) []byte {
	sum := sha256.Sum256(pae(typ, payload))
	return sum[:]
}

const (
	present  = 1 << 0 // somebody was there
	verified = 1 << 2 // and has shown that it is them
	dataSize = sha256.Size + 1 + 4
)

// Verify reports whether sig is an assertion by p over msg, made at p's site by a
// person who was there and was verified (WebAuthn Level 3, section 7.2).
func (p *passkey) Verify(msg, sig []byte) bool {
	var a Assertion
	if Decode(sig, &a) != nil || !a.oneForm(sig) || !p.atSite(a.ClientData, msg) || len(a.AuthenticatorData) < dataSize {
		return false
	}
	site := sha256.Sum256([]byte(p.Site))
	if !bytes.Equal(a.AuthenticatorData[:sha256.Size], site[:]) || a.AuthenticatorData[sha256.Size]&(present|verified) != present|verified {
		return false
	}
	client := sha256.Sum256(a.ClientData)
	return p.signed(append(bytes.Clone(a.AuthenticatorData), client[:]...), a.Signature)
}

// clientData is what a browser says of what is signed. It may say more.
type clientData struct {
	Type        string `json:"type"`
	Challenge   string `json:"challenge"`
	Origin      string `json:"origin"`
	CrossOrigin bool   `json:"crossOrigin"`
}

// atSite reports whether the browser says that msg was to be signed, on a page of
// p's site.
func (p *passkey) atSite(client, msg []byte) bool {
	var c clientData
	if json.Unmarshal(client, &c) != nil { // refuses names that stand twice
		return false
	}
	sum := sha256.Sum256(msg)
	return c.Type == "webauthn.get" && c.Challenge == base64.RawURLEncoding.EncodeToString(sum[:]) && !c.CrossOrigin && p.mayBeAt(c.Origin)
}

// mayBeAt reports whether origin is p's site or below it. Only on one's own machine
// may it be plain HTTP.
func (p *passkey) mayBeAt(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme+"://"+u.Host != origin {
		return false
	}
	host := u.Hostname()
	local := p.Site == "localhost" && u.Scheme == "http"
	return (u.Scheme == "https" || local) && (host == p.Site || strings.HasSuffix(host, "."+p.Site))
}

func (p *passkey) signed(msg, sig []byte) bool {
	sum := sha256.Sum256(msg)
	switch k := p.public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, sum[:], sig)
	case ed25519.PublicKey:
		return ed25519.Verify(k, msg, sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], sig) == nil
	}
	return false
}
