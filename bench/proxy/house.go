// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/clawea/clawea/token"
)

// jobs is how many jobs a house's requests belong to: agents at work.
const jobs = 16

// A House is a Clawea with everything that it does for every call: a bound
// token and its proof, the policy, both receipts, durable before the call goes
// out and before its answer ends.
type House struct {
	Process *Process
	dir     string
	program string // the clawea of this repository
	addr    string
	bearer  []Token
	bound   []Token
	config  string
	hold    Hold
	counted []counted
	fitting
}

// A fitting is what a house is made for.
type fitting struct {
	section string            // of its configuration: what it stands before
	policy  string            // of all jobs
	path    string            // of the requests that proofs are for
	files   map[string]string // beside its configuration
}

// before is the fitting for calls of the model at upstream.
func before(upstream string) fitting {
	return fitting{
		section: fmt.Sprintf(modelSection, upstream), policy: modelPolicy, path: chatPath,
		files: map[string]string{"model": "sk-" + rand.Text() + "\n"},
	}
}

// A counted is a target of the house, and what it had come to at first.
type counted struct {
	*Target
	sent     uint64
	receipts int
}

const houseConfig = `// The house that bench/proxy measures.
{
  "listen": %[1]q,
  "url": "http://%[1]s",
  "store": "sqlite:clawea.db",
  "keys": "keys",
  "authors": [%[2]q],
  "operators": [{"name": "bench", "token": "file:operator"}],
  "plain_bearer": true, // measured beside tokens that are bound to a key
%[3]s}
`

const modelSection = `  "providers": [{"name": "sim", "dialect": "openai", "base_url": "http://%s/v1", "key": "file:model"}],
`

const modelPolicy = `{
  "wpc_version": "v1",
  "policy_name": "bench",
  "purpose": "Ask the model of the benchmark",
  "model_route": {"require_clawproxy": true, "allowed": ["sim/plain", "sim/stream-*"]},
  "approvals": [{"when": "class in ['write', 'admin']", "require": "human_approval"}],
  "runtime": {"max_ttl_seconds": 86400}
}
`

// OpenHouse makes a house in dir, whose file system its database is on, starts
// it before the model at upstream, publishes a policy and issues tokens. hold
// delays what it flushes to the disk.
func OpenHouse(dir, program, upstream string, hold Hold) (*House, error) {
	return openHouse(dir, program, before(upstream), hold)
}

func openHouse(dir, program string, made fitting, hold Hold) (h *House, err error) {
	h = &House{dir: dir, program: program, config: filepath.Join(dir, "clawea.hujson"), hold: hold, fitting: made}
	if h.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	if err := h.write(); err != nil {
		return nil, err
	}
	if err := h.start(); err != nil {
		return nil, err
	}
	err = h.await()
	if err == nil {
		err = h.issue()
	}
	if err != nil {
		return nil, errors.Join(err, h.Process.Stop())
	}
	return h, nil
}

// write writes the files that a house is made of.
func (h *House) write() error {
	author, err := h.clawea("key", "new", "-name", "ada@bench.example", filepath.Join(h.dir, "ada.key"))
	if err != nil {
		return err
	}
	pub, err := os.ReadFile(filepath.Join(h.dir, "ada.key.pub"))
	if err != nil {
		return fmt.Errorf("%w: %s", err, author)
	}
	files := map[string]string{
		"clawea.hujson": fmt.Sprintf(houseConfig, h.addr, strings.TrimSpace(string(pub)), h.section),
		"policy.json":   h.policy,
		"operator":      rand.Text() + rand.Text() + "\n",
	}
	maps.Copy(files, h.files)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (h *House) start() (err error) {
	h.Process, err = h.hold.start(gatewayCore, filepath.Join(h.dir, "clawea.log"), h.program, "serve", "-config", h.config, "-log", "warn")
	return err
}

func (h *House) await() error {
	for range 3000 {
		if resp, err := http.Get("http://" + h.addr + "/healthz"); err == nil {
			resp.Body.Close()
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("clawea does not answer: %s", filepath.Join(h.dir, "clawea.log"))
}

// clawea runs one of its commands and returns what that prints.
func (h *House) clawea(args ...string) (string, error) {
	cmd := exec.Command(h.program, args...)
	cmd.Env = append(os.Environ(), "CLAWEA_SERVER=http://"+h.addr, "CLAWEA_OPERATOR=file:"+filepath.Join(h.dir, "operator"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("clawea %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

var policyHash = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// issue publishes the policy and issues two tokens for each job: one that is
// bound to a key, and one that is not, for a job of its own.
func (h *House) issue() error {
	signed := filepath.Join(h.dir, "policy.dsse")
	if _, err := h.clawea("wpc", "sign", "-key", filepath.Join(h.dir, "ada.key"), "-o", signed, filepath.Join(h.dir, "policy.json")); err != nil {
		return err
	}
	out, err := h.clawea("wpc", "publish", signed)
	if err != nil {
		return err
	}
	hash := policyHash.FindString(out)
	key, err := token.NewProofKey(rand.Reader)
	if err != nil {
		return err
	}
	for i := range jobs {
		plain, err := h.token(hash, fmt.Sprintf("plain-%d", i))
		if err != nil {
			return err
		}
		bound, err := h.token(hash, fmt.Sprintf("bound-%d", i), "-jkt", key.Thumbprint())
		if err != nil {
			return err
		}
		bound.Prove = h.prover(key, bound.Raw)
		h.bearer, h.bound = append(h.bearer, plain), append(h.bound, bound)
	}
	return nil
}

func (h *House) token(policy, job string, more ...string) (Token, error) {
	path := filepath.Join(h.dir, job+".cst")
	_, err := h.clawea(append([]string{"cst", "issue", "-wpc", policy, "-job", job, "-agent", "bench", "-o", path}, more...)...)
	if err != nil {
		return Token{}, err
	}
	raw, err := os.ReadFile(path)
	return Token{Raw: strings.TrimSpace(string(raw)), Job: job}, err
}

const chatPath = "/proxy/sim/v1/chat/completions"

// prover makes proofs for the requests that the house is made for.
func (h *House) prover(key *token.ProofKey, raw string) func(string) (string, error) {
	ath := token.HashToken(raw)
	return func(nonce string) (string, error) {
		return key.Prove(&token.Proof{ID: rand.Text(), Method: http.MethodPost, URL: "http://" + h.addr + h.path,
			Issued: time.Now().Unix(), Token: ath, Nonce: nonce})
	}
}

// Targets are the house with plain tokens and with bound ones.
func (h *House) Targets(name string) (bearer, bound *Target) {
	t := func(name string, tokens []Token) *Target {
		return &Target{Name: name, Addr: h.addr, Path: h.path, Tokens: tokens, Exact: true, Process: h.Process, receipts: true}
	}
	return t(name+", plain token", h.bearer), t(name, h.bound)
}

// baseline begins to count what goes to targets.
func (h *House) baseline(targets ...*Target) error {
	for _, t := range targets {
		n, err := h.Receipts(t.Tokens)
		if err != nil {
			return err
		}
		h.counted = append(h.counted, counted{t, t.Sent(), n})
	}
	return nil
}

// Check fails unless every request since the beginning has left two receipts:
// the opened one and the closed one.
func (h *House) Check() error {
	for _, c := range h.counted {
		n, err := h.Receipts(c.Tokens)
		if err != nil {
			return err
		}
		if sent := c.Sent() - c.sent; n-c.receipts != 2*int(sent) {
			return fmt.Errorf("%s left %d receipts of %d requests", c.Name, n-c.receipts, sent)
		}
	}
	return nil
}

// Receipts returns how many receipts are in the chains of tokens' jobs.
func (h *House) Receipts(tokens []Token) (int, error) {
	sum := 0
	for _, t := range tokens {
		n, err := h.receipts(t.Job)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func (h *House) receipts(job string) (int, error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+h.addr+"/v1/jobs/"+job, nil)
	if err != nil {
		return 0, err
	}
	secret, err := os.ReadFile(filepath.Join(h.dir, "operator"))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(secret)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Receipts int `json:"receipts"`
	}
	if err := json.UnmarshalRead(resp.Body, &answer); err != nil || resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("read job %s: %s: %w", job, resp.Status, err)
	}
	return answer.Receipts, nil
}

// Verify exports the proof of one job, verifies it offline, and returns what
// the verifier says.
func (h *House) Verify(job string) (string, error) {
	trust, proof := filepath.Join(h.dir, "trust.json"), filepath.Join(h.dir, job+".proof")
	if _, err := h.clawea("proof", "trust", "-o", trust); err != nil {
		return "", err
	}
	if _, err := h.clawea("proof", "export", job, "-o", proof); err != nil {
		return "", err
	}
	return h.clawea("proof", "verify", "-trust", trust, proof)
}
