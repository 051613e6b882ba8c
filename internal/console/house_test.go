// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clawea/clawea/internal/approval"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/internal/gate/gatetest"
	"github.com/clawea/clawea/internal/housetest"
	"github.com/clawea/clawea/internal/issuer"
	"github.com/clawea/clawea/internal/ledger"
	"github.com/clawea/clawea/internal/registry"
	"github.com/clawea/clawea/internal/revocation"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

var (
	read = policy.Action{Tool: "desk", Name: "page.get", Class: policy.Read}
	post = policy.Action{Tool: "desk", Name: "page.update", Class: policy.Write}
	mail = policy.Action{Tool: "desk", Name: "page.send", Class: policy.Write}
)

// A house is a console over real parts.
type house struct {
	*Console
	t          testing.TB
	url        string
	raw        *sql.DB // behind the store's back
	gate       *gate.Gate
	issuer     *issuer.Issuer
	ledger     *ledger.Ledger
	ada, alice seal.Signer
	kim        seal.Signer
	gateKey    seal.Signer
	log        *housetest.Log
	hash       seal.Hash // of the policy
	proposed   seal.Hash // a draft
	published  seal.Hash // a proof of job-1
}

// A doorman takes people at their word: the header X-Roles says which they have.
type doorman struct{}

func (doorman) Person(r *http.Request) (*Person, error) {
	roles, known := r.Header["X-Roles"]
	if !known {
		return nil, nil
	}
	if roles[0] == "?" {
		return nil, errors.New("the database does not answer")
	}
	return &Person{ID: "local/1", Name: "Kim " + hostile, Key: "kim@house.test", Roles: strings.Fields(roles[0]), CSRF: "csrf-of-kim"}, nil
}

func newKey(t testing.TB, name string, seed byte) (seal.Signer, seal.Verifier) {
	t.Helper()
	k := housetest.NewKey(t, name, seed)
	return k.Signer, k.Verifier
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, log: new(housetest.Log)}
	log := slog.New(slog.NewTextHandler(h.log, nil))
	g := gatetest.New(t, log, read, post, mail)
	h.raw, h.gate, h.issuer, h.ledger, h.ada, h.alice, h.gateKey = g.Raw, g.Gate, g.Issuer, g.Ledger, g.Ada, g.Alice, g.GateKey
	db, policies := g.DB, g.Registry
	var kimKey seal.Verifier
	h.kim, kimKey = newKey(t, "kim@house.test", 7)
	h.gate.People = append(h.gate.People, kimKey)
	absences := &approval.Absences{DB: db, Now: time.Now}
	h.gate.Absences = absences
	h.Console = &Console{
		Door: doorman{}, Passkeys: &keyring{signer: h.alice}, DB: db, Policies: policies, Desk: &approval.Desk{DB: db, Policies: policies, People: h.gate.People, Absences: absences, Now: time.Now}, Gates: []seal.Verifier{g.GateKey.Verifier},
		Drafts: &registry.Drafts{DB: db, Registry: policies, Log: log}, Orders: &revocation.Desk{DB: db, Book: db, Signer: h.gateKey, Log: log},
		Catalog: h.issuer.Catalog, House: "house.test " + hostile, Now: time.Now, Log: log,
		Sites: []Site{{Tool: "confluence", URL: "https://acme.test", Wiki: "/wiki"}, {Tool: "jira", URL: "https://acme.test"}},
		Accounts: func(ctx context.Context, after string, limit int) ([]Account, error) {
			if err := db.Ping(ctx); err != nil {
				return nil, err
			}
			var out []Account
			for i := range limit {
				out = append(out, Account{
					ID: "https://idp.test " + hostile, Key: fmt.Sprintf("kim%04d@house.test", i), Name: "Kim " + hostile, Roles: []string{Approver, hostile}, Sessions: i % 2, Entered: time.Now(),
					Passkeys: []Passkey{{ID: "k1", Label: "phone " + hostile, Key: "kim+00"}, {ID: "k2", Revoked: true}},
				})
			}
			return out, nil
		},
		Settings: func() []Section {
			return []Section{{"Addresses " + hostile, []Setting{{"url " + hostile, "https://house.test " + hostile}}}}
		},
		Servers: func() []Server {
			return []Server{
				{Name: "files", Adapter: "file:/srv/" + hostile, Started: true, Kept: "in every part " + hostile},
				{Name: "hub " + hostile, Adapter: "rovo-jira", Is: "hub " + hostile, Tools: 1, Seen: time.Now(), Failed: time.Now()},
			}
		},
		Checks: func(context.Context) []Check {
			return []Check{{"Confluence " + hostile, false, "It does not answer. " + hostile}}
		},
	}
	h.Proofs = newProofs(t, h)
	srv := httptest.NewServer(h.Handler())
	h.url = srv.URL
	t.Cleanup(srv.Close)
	return h
}

// publish publishes a policy and returns its hash.
func (h *house) publish(text string) seal.Hash {
	h.t.Helper()
	entry, err := h.Policies.Publish(h.t.Context(), h.signed(h.ada, text))
	if err != nil {
		h.t.Fatal(err)
	}
	return entry.Policy.Hash()
}

// signed is a policy that somebody has signed.
func (h *house) signed(by seal.Signer, text string) *seal.Envelope {
	h.t.Helper()
	return housetest.Sign(h.t, text, by)
}

// order issues a token of the robot's for a job.
func (h *house) order(job string) string {
	h.t.Helper()
	return gatetest.Mint(h.t, h.issuer, issuer.Order{Agent: "robot", Job: job, Policy: h.hash, Client: "olga", Operator: true}).Raw
}

// A deed is what an agent does: the texts are hostile.
type deed struct {
	action  policy.Action
	args    string
	change  *receipt.Change
	outcome receipt.Outcome
	result  string
}

// do carries a deed through the gate.
func (h *house) do(raw string, d *deed) (*receipt.Receipt, error) {
	c := &policy.Call{Tool: d.action.Tool, Action: d.action.Name, Class: d.action.Class, Site: "https://acme.test"}
	c.Resources = []policy.Resource{{Type: "page", ID: "77", Version: "4", Path: []policy.Place{{ID: "9"}, {ID: "77"}}}, {Type: "page " + hostile, ID: "javascript:alert(1)"}}
	if d.action == mail {
		c.Categories = []string{"external_send"}
	}
	return gatetest.Carry(h.t.Context(), h.gate, raw, d.args, &gate.Plan{Call: c, Change: d.change, Act: func(context.Context, *receipt.Receipt) (*gate.Result, error) {
		return &gate.Result{Body: []byte(d.result), Outcome: d.outcome}, nil
	}})
}

// listed puts all receipts into the log and lists them.
func (h *house) listed() {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ledger.Run(ctx, time.Millisecond)
	}()
	for end := time.Now().Add(20 * time.Second); ; {
		if _, err := h.DB.FollowLog(h.t.Context(), 100); err != nil {
			h.t.Fatal(err)
		}
		n, err := h.DB.Unlisted(h.t.Context())
		if err != nil || time.Now().After(end) {
			h.t.Fatal(n, err)
		}
		if n == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	<-done
}

// A reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

// get fetches a page as a person with roles; "-" is nobody.
func (h *house) get(roles, path string) *reply {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.url+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if roles != "-" {
		req.Header.Set("X-Roles", roles)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return &reply{res.StatusCode, res.Header, string(b)}
}

// keyring has people sign with what a test gives it.
type keyring struct {
	signer seal.Signer
	keys   []Passkey // nil: some
	origin string
	err    error
}

func (k *keyring) Providers() ([]Provider, bool) {
	return []Provider{{"entra", "Entra " + hostile}}, true
}

func (k *keyring) Origin() string { return k.origin }

func (k *keyring) List(*http.Request) ([]Passkey, error) {
	if k.keys != nil {
		return k.keys, k.err
	}
	return []Passkey{{ID: "k1", Label: "phone " + hostile, Key: "alice@house.test+00000000", Public: "alice@house.test+00000000+AA==", Created: time.Now()}, {ID: "k2", Label: "old", Revoked: true}}, k.err
}

func (k *keyring) Check(r *http.Request) error {
	if err := r.ParseForm(); err != nil { // as internal/login does
		return err
	}
	form := r.PostForm.Get("csrf")
	if r.Header.Get("X-CSRF-Token") != "good" && form != "good" && form != "csrf-of-kim" {
		return errors.New("the request does not come from one of the house's pages\nload it anew")
	}
	return k.err
}

func (k *keyring) Ask(_ *http.Request, typ string, payload []byte) (any, error) {
	return map[string]any{"challenge": seal.Challenge(typ, payload)}, k.err
}

func (k *keyring) Signed(_ *http.Request, typ string, payload, _ []byte) (*seal.Envelope, error) {
	if k.err != nil {
		return nil, k.err
	}
	return seal.Sign(k.signer, typ, payload)
}
