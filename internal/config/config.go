// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Package config reads the daemon's one configuration file: JSON with comments
// and trailing commas. The comments of Config are the file's manual;
// docs/clawea.hujson is an example of it.
//
// The file holds no secrets, only references to them ("file:PATH",
// "env:NAME"), so it can be kept with other papers and shown to an auditor.
// What it says is believed: whoever can write it can send the house's
// credentials elsewhere.
package config

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tailscale/hujson"

	"github.com/clawea/clawea/seal"
)

// DefaultListen is where the daemon listens unless told otherwise.
const DefaultListen = "127.0.0.1:7433"

const maxFile = 256 << 10 // bytes

// A Config is what the daemon is told. Load fills in defaults and has checked
// all of it, but reads no secret: those are fetched when they are used. Paths
// are relative to the file.
type Config struct {
	// Listen is the address and port that the daemon listens on. Default
	// 127.0.0.1:7433: this machine only.
	Listen string `json:"listen"`

	// URL is where others reach the daemon, without a path. Default http:// and
	// Listen. It must be https unless it is this machine: tokens travel there.
	URL string `json:"url"`

	// House is the audience of tokens: a token minted for one house is refused
	// by another. Default URL. Changing it ends all tokens.
	House string `json:"house"`

	// Store is the database: "sqlite:PATH", or "postgres://..." without a
	// password, or a reference to a secret that holds either. Default
	// sqlite:clawea.db.
	Store Store `json:"store"`

	// Keys is the directory of the house's own keys, which the first start
	// makes. Whoever reads it can sign as the house. Default keys.
	Keys string `json:"keys"`

	// Origin is the name of the house's log, on the first line of its
	// checkpoints. Default the host of URL and "/log". Changing it begins another
	// log.
	Origin string `json:"origin"`

	// Authors are the public keys of those who may write policies. Without any,
	// no policy can be published.
	Authors []Key `json:"authors"`

	// Environments are the environments that policies can be for, by name ("dev",
	// "prod"), each with those who approve its policies. Optional. Without any, an
	// author's signature publishes a policy, which then names no environment; with
	// some, every policy names one of them. What is published already is held to a
	// changed list at once: a policy that does not meet it allows nothing more, and
	// no bundle can be exported with it.
	Environments map[string]Quorum `json:"environments"`

	// BreakGlass is who approves policies for emergencies, in place of their
	// environment's approvers: more people. Optional; without it, a policy for an
	// emergency is refused.
	BreakGlass *BreakGlass `json:"break_glass"`

	// People are the public keys of those who may answer approvals. A key's name
	// is the person's name. Without any, what asks for a person is never done.
	People []Key `json:"people"`

	// Launchers are the public keys of those who start agents and may attest to what those run
	// in. A key's name is the launcher's. Without any, no policy that asks for an attestation has
	// tokens.
	Launchers []Key `json:"launchers"`

	// Login is how people log in to the house's pages. Optional: without it, there is
	// one local administrator.
	Login Login `json:"login"`

	// Groups are groups of those people, by name, each with the names of their keys:
	// policies say of which groups people must say yes (approvers). A person whose
	// key is named as a client or an operator is counted as that one: they do not
	// allow the calls of jobs that they ordered themselves. Optional.
	Groups map[string][]string `json:"groups"`

	// Operators may mint and revoke tokens, publish policies and read receipts
	// through the API.
	Operators []Operator `json:"operators"`

	// Clients are the programs that may order tokens over OAuth 2.0. Optional.
	// Their names, those of Identities and of Operators are all different: tokens
	// say who ordered them.
	Clients []Client `json:"clients"`

	// Identities are those who may order tokens because another issuer vouches for
	// them. Optional.
	Identities []Identity `json:"identities"`

	// PlainBearer lets tokens be good without proof that their sender holds a key,
	// where the policy does not say: whoever gets hold of such a token can use it.
	// Default false.
	PlainBearer bool `json:"plain_bearer"`

	// RevocationBound is how long the daemon may be unable to see what is revoked
	// before it carries nothing more: "5s" or "500ms", from 100ms to 60s. Default 5s.
	RevocationBound Delay `json:"revocation_bound"`

	// Providers are the model providers; their names are the routes that
	// policies speak of.
	Providers []Provider `json:"providers"`

	// Limits bound what agents and providers can ask of the house at the model door.
	// Optional.
	Limits Limits `json:"limits"`

	// Prices are what models cost, in one currency: the house's. Optional. Without a
	// model's price, policies that limit what a job costs deny its calls.
	Prices []Price `json:"prices"`

	// Confluence is the Confluence site that agents can work on. Optional.
	Confluence *Site `json:"confluence"`

	// Jira is the Jira site that agents can work on. Optional.
	Jira *Site `json:"jira"`

	// Upstreams are other MCP servers whose tools agents can use. Optional.
	Upstreams []Upstream `json:"upstreams"`

	// Seam is for other gateways, which ask the house what it decides and carry calls out
	// themselves. Optional; without it nobody may.
	Seam *Seam `json:"seam"`

	// UndoPolicy is the hash of the published policy under which clawea job undo
	// takes changes back, unless it is told another. Optional.
	UndoPolicy seal.Hash `json:"undo_policy"`

	// Telemetry is who is told what the daemon does, for operators' tools. Optional;
	// without it nobody is.
	Telemetry *Telemetry `json:"telemetry"`

	// Notify is where people hear of questions that wait for them. Optional; without it
	// they look in the console, or ask clawea approve list.
	Notify *Notify `json:"notify"`

	// Export is who gets a copy of each new receipt. Optional; without it, clawea export
	// ocsf fetches them.
	Export *Export `json:"export"`

	// Egress is the proxy by which agents' processes reach the hosts that their
	// policies list (docs/egress.md). Optional; without it there is none.
	Egress *Egress `json:"egress"`

	// Pulse is where published bundles are kept. Optional; without it they are in a
	// directory beside the database, if that is a file, and else none are published.
	Pulse *Pulse `json:"pulse"`

	unfinished *Error // what is left of the sample configuration; nil: nothing
}

// An Operator is someone who runs the house through its API.
type Operator struct {
	// Name is what the log calls the operator. A person who also approves is named as
	// their key is, "kim@house.example": nobody allows the calls of their own jobs.
	Name string `json:"name"`
	// Token is the bearer token that proves it, 32 characters or more.
	Token Secret `json:"token"`
}

// The dialects that providers speak.
const (
	OpenAI    = "openai"    // POST {base_url}/chat/completions, {base_url}/responses
	Anthropic = "anthropic" // POST {base_url}/messages
	Gemini    = "gemini"    // POST {base_url}/models/MODEL:generateContent, :streamGenerateContent
	Fal       = "fal"       // POST {base_url}/chat/completions: OpenRouter's models through fal
)

// A Provider is a model provider.
type Provider struct {
	// Name is the route: policies name it, and agents reach it at
	// URL/proxy/NAME/v1, with the dialect "gemini" at URL/proxy/NAME/v1beta.
	Name string `json:"name"`
	// Dialect is how the provider is spoken to. "openai" is for all that are
	// compatible with OpenAI's API; the others are "anthropic", "gemini" and "fal",
	// where agents name models "openrouter/VENDOR/MODEL".
	Dialect string `json:"dialect"`
	// BaseURL is what the dialect's endpoint is appended to, version included:
	// "https://api.openai.com/v1", "https://api.anthropic.com/v1",
	// "https://generativelanguage.googleapis.com/v1beta",
	// "https://fal.run/openrouter/router/openai/v1". https, unless it is this machine.
	BaseURL string `json:"base_url"`
	// Key is the provider's API key. It goes to BaseURL's host and nowhere else.
	Key Secret `json:"key"`
	// Headers are sent with every request, such as the name of a project.
	// Optional; never for secrets.
	Headers map[string]string `json:"headers"`
	// Trace tells the provider where a request belongs: traceparent, and the job's id
	// as baggage. Default false: it need not know. It needs Telemetry.
	Trace bool `json:"trace"`
}

// An Error says what is wrong with the file, or with a secret that it refers
// to, and what mends it. It repeats no value that may be a secret.
type Error struct {
	File         string // or the reference, where a secret is concerned
	Line, Column int    // from 1, in bytes; 0 if the whole file is meant
	Field        string // JSON pointer (RFC 6901), or ""
	Msg          string
	Hint         string
}

// Error returns two lines: where and what is wrong; what mends it.
func (e *Error) Error() string {
	at := e.File
	if e.Line > 0 {
		at += fmt.Sprintf(":%d:%d", e.Line, e.Column)
	}
	if e.Field != "" {
		at += ": " + e.Field
	}
	return at + ": " + e.Msg + "\n" + e.Hint
}

// Load reads the file at path. Errors about what it says are *Error.
func Load(path string) (*Config, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if runtime.GOOS != "windows" && fi.Mode().Perm()&0o002 != 0 {
		return nil, &Error{File: path, Msg: "anyone may write it", Hint: "chmod o-w " + path}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return parse(b, path)
}

func parse(b []byte, path string) (*Config, error) {
	if len(b) > maxFile {
		return nil, &Error{File: path, Msg: fmt.Sprintf("is longer than %d bytes", maxFile), Hint: "name the configuration file"}
	}
	b, err := hujson.Standardize(b)
	if err != nil {
		return nil, syntaxError(path, err)
	}
	c := new(Config)
	if err := seal.Unmarshal(b, c); err != nil {
		return nil, fieldError(path, err, "look the field up in docs/clawea.hujson")
	}
	if p := c.check(); p != nil {
		return nil, fieldError(path, seal.Errorf(b, p.pointer, "%s", p.msg), p.hint)
	}
	c.complete(filepath.Dir(path))
	c.unfinished = unfinished(b, path)
	return c, nil
}

// syntaxError takes the place out of hujson's message, and leaves behind the
// literal that it quotes: an unquoted secret would be one.
func syntaxError(path string, err error) *Error {
	e := &Error{File: path, Hint: "mend the JSON; comments (// and /* */) and trailing commas are fine"}
	msg := err.Error()
	if n, _ := fmt.Sscanf(msg, "hujson: line %d, column %d:", &e.Line, &e.Column); n == 2 {
		msg = strings.SplitN(msg, ": ", 3)[2]
	}
	e.Msg, _, _ = strings.Cut(msg, "literal: ")
	e.Msg = strings.TrimSpace(e.Msg)
	if e.Msg == "invalid" {
		e.Msg = "invalid value"
	}
	return e
}

func fieldError(path string, err error, hint string) error {
	var s *seal.SyntaxError
	if !errors.As(err, &s) {
		return fmt.Errorf("read the configuration: %w", err)
	}
	return &Error{path, s.Line, s.Column, s.Pointer, s.Msg, hint}
}

// complete fills in defaults and makes paths absolute. c has been checked.
func (c *Config) complete(dir string) {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.URL == "" {
		c.URL = "http://" + c.Listen
	}
	c.URL = strings.TrimRight(c.URL, "/")
	if c.House == "" {
		c.House = c.URL
	}
	if c.Store.text == "" {
		c.Store.text = "sqlite:clawea.db"
	}
	if c.Keys == "" {
		c.Keys = "keys"
	}
	c.Keys = absolute(dir, c.Keys)
	if c.Origin == "" {
		c.Origin = c.host() + "/log"
	}
	if c.RevocationBound == 0 {
		c.RevocationBound = defaultBound
	}
	c.Limits.complete()
	c.Login.complete()
	c.Store.dir = dir
	for _, s := range c.secrets() {
		s.secret.dir = dir
	}
	c.Telemetry.complete(dir)
	c.Notify.complete()
	c.Export.complete()
	c.Pulse.complete(dir)
	c.Egress.complete()
	c.Seam.complete()
	for i := range c.Providers {
		c.Providers[i].BaseURL = strings.TrimRight(c.Providers[i].BaseURL, "/")
	}
	c.Confluence.complete()
	c.Jira.complete()
	for i := range c.Upstreams {
		c.Upstreams[i].complete(dir)
	}
}

func (c *Config) host() string {
	u, err := url.Parse(c.URL)
	if err != nil { // unreachable: checked
		return ""
	}
	return u.Host
}

// Name is the house's name in its keys' names: the host of URL without port,
// or "clawea.local" if that is this machine.
func (c *Config) Name() string {
	host := c.host()
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if local(host) {
		return "clawea.local"
	}
	return host
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
