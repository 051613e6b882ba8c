// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/clawea/clawea/seal"
	"github.com/clawea/clawea/token"
)

// A problem is what is wrong at a place in the file, and what mends it.
type problem struct{ pointer, msg, hint string }

// check returns the first problem, or nil, and reads the public keys.
func (c *Config) check() *problem {
	for _, check := range []func() *problem{
		c.checkAddress, c.checkStore, c.checkSecrets, c.checkOperators, c.checkWho, c.checkBound, c.checkProviders, c.checkPrices, c.checkLimits,
		func() *problem { return checkKeys("/authors", c.Authors) },
		c.checkEnvironments, c.checkBreakGlass,
		func() *problem { return checkKeys("/people", c.People) },
		func() *problem { return checkKeys("/launchers", c.Launchers) },
		c.checkGroups,
		func() *problem { return c.Confluence.check("/confluence") },
		func() *problem { return c.Jira.check("/jira") },
		c.checkTelemetry, c.checkLogin, c.checkPulse, c.checkNotify, c.checkExport, c.checkUpstreams, c.checkEgress, c.checkSeam,
	} {
		if p := check(); p != nil {
			return p
		}
	}
	return nil
}

// A pattern is an expression, and how long a text may be that matches it. Said in
// the expression, that would make it large: each start of the program compiles it.
type pattern struct {
	*regexp.Regexp
	longest int
}

// MatchString reports whether s matches.
func (p pattern) MatchString(s string) bool { return len(s) <= p.longest && p.Regexp.MatchString(s) }

var digits = pattern{regexp.MustCompile(`^[1-9][0-9]*$`), 18}

var printable = pattern{regexp.MustCompile(`^[!-~]+$`), 200}

func (c *Config) checkAddress() *problem {
	host, port := "127.0.0.1", "7433"
	if c.Listen != "" {
		var err error
		if host, port, err = net.SplitHostPort(c.Listen); err != nil {
			return &problem{"/listen", "is not an address and a port", "Write it like \"" + DefaultListen + "\""}
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return &problem{"/listen", "its port is not a number up to 65535", "Write it like \"" + DefaultListen + "\""}
		}
	}
	if c.URL == "" && (!local(host) || port == "0") {
		return &problem{"/listen", "says nothing of where others reach the daemon", "write \"url\" too, like \"https://clawea.example.com\""}
	}
	if c.URL != "" {
		if msg := wrongURL(c.URL, false); msg != "" {
			return &problem{"/url", msg, "write it like \"https://clawea.example.com\""}
		}
	}
	if c.House != "" && !printable.MatchString(c.House) {
		return &problem{"/house", "must be 1 to 200 printable characters without spaces", "leave it out, to have it be the same as \"url\""}
	}
	if c.Origin != "" && (!printable.MatchString(c.Origin) || strings.Contains(c.Origin, "+")) {
		return &problem{"/origin", "must be 1 to 200 printable characters without spaces and plus signs", "write it like \"clawea.example.com/log\""}
	}
	return nil
}

func (c *Config) checkStore() *problem {
	if msg := c.Store.wrong(); msg != "" {
		return &problem{"/store", msg, "write \"sqlite:PATH\", or put the postgres:// URL with its password into a file that only you can read and write \"file:PATH\""}
	}
	return nil
}

// A placedSecret is a secret and where in the file it is.
type placedSecret struct {
	pointer string
	secret  *Secret
}

func (c *Config) secrets() []placedSecret {
	var out []placedSecret
	for i := range c.Operators {
		out = append(out, placedSecret{fmt.Sprintf("/operators/%d/token", i), &c.Operators[i].Token})
	}
	for i := range c.Clients {
		if s := &c.Clients[i].Secret; s.ref != "" { // those with a key have none
			out = append(out, placedSecret{fmt.Sprintf("/clients/%d/secret", i), s})
		}
	}
	for i := range c.Providers {
		out = append(out, placedSecret{fmt.Sprintf("/providers/%d/key", i), &c.Providers[i].Key})
	}
	out = append(out, c.Confluence.secrets("/confluence")...)
	out = append(out, c.Jira.secrets("/jira")...)
	for i := range c.Upstreams {
		out = append(out, c.Upstreams[i].secrets(fmt.Sprintf("/upstreams/%d", i))...)
	}
	out = append(out, c.Notify.secrets()...)
	out = append(out, c.Export.secrets()...)
	out = append(out, c.Pulse.secrets()...)
	out = append(out, c.Seam.secrets()...)
	return append(out, c.Login.secrets()...)
}

// Secrets says of how many fields the file refers to a secret, and which of those cannot
// be read now: by JSON pointers, without a word of what they refer to.
func (c *Config) Secrets() (n int, unreadable []string) {
	all := c.secrets()
	for _, s := range all {
		if _, err := s.secret.Get(); err != nil {
			unreadable = append(unreadable, s.pointer)
		}
	}
	return len(all), unreadable
}

func (c *Config) checkSecrets() *problem {
	for _, s := range c.secrets() {
		if msg := s.secret.wrong(); msg == "is missing" {
			at := s.pointer[:strings.LastIndexByte(s.pointer, '/')]
			return &problem{at, "has no " + s.pointer[len(at)+1:], mendSecret}
		} else if msg != "" {
			return &problem{s.pointer, msg, mendSecret}
		}
	}
	return nil
}

func (c *Config) checkOperators() *problem {
	var names []string
	for i, o := range c.Operators {
		if p := checkParty(fmt.Sprintf("/operators/%d", i), "operator", o.Name, names); p != nil {
			return p
		}
		names = append(names, o.Name)
	}
	return nil
}

// checkParty is checkName for who orders jobs, who can be named as a person's key is:
// "kim@house.example". Nobody allows the calls of a job that they ordered, by name.
func checkParty(at, what, name string, taken []string) *problem {
	before, domain, _ := strings.Cut(name, "@")
	if token.CheckName(what, before) == nil && token.CheckName(what, domain) == nil {
		return checkTaken(at, what, name, taken)
	}
	return checkName(at, what, name, taken)
}

func checkName(at, what, name string, taken []string) *problem {
	if err := token.CheckName(what, name); err != nil {
		return &problem{at, err.Error(), "choose such a name: it stands in receipts and in the log"}
	}
	return checkTaken(at, what, name, taken)
}

func checkTaken(at, what, name string, taken []string) *problem {
	if slices.Contains(taken, name) {
		return &problem{at + "/name", fmt.Sprintf("there is another %s %q", what, name), "choose another name"}
	}
	return nil
}

func (c *Config) checkProviders() *problem {
	var names []string
	for i := range c.Providers {
		p, at := &c.Providers[i], fmt.Sprintf("/providers/%d", i)
		if wrong := checkName(at, "provider", p.Name, names); wrong != nil {
			return wrong
		}
		names = append(names, p.Name)
		if !slices.Contains([]string{OpenAI, Anthropic, Gemini, Fal}, p.Dialect) {
			return &problem{at, "has no dialect that is known here", "write \"dialect\": \"openai\", \"anthropic\", \"gemini\" or \"fal\""}
		}
		if msg := wrongURL(p.BaseURL, true); msg != "" {
			return &problem{at, "its base_url " + msg, "write it with the version, like \"https://api.openai.com/v1\""}
		}
		if wrong := checkHeaders(at+"/headers", p.Headers); wrong != nil {
			return wrong
		}
	}
	return nil
}

var (
	headerName  = pattern{regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`), 64}
	headerValue = pattern{regexp.MustCompile(`^[ -~]+$`), 1000}
	// Names of headers that carry secrets, or that belong to the transport.
	headerTaken = regexp.MustCompile(`(?i)auth|key|token|secret|cookie|^(host|connection|keep-alive|te|trailer|upgrade|via|expect|forwarded|` +
		`content-.*|transfer-.*|proxy-.*|accept-encoding)$`)
)

func checkHeaders(at string, headers map[string]string) *problem {
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch {
		case !headerName.MatchString(name) || !headerValue.MatchString(headers[name]):
			return &problem{at, fmt.Sprintf("%q is not a header", name), "write a name of letters, digits and dashes, and a value of printable characters"}
		case headerTaken.MatchString(name):
			return &problem{at, fmt.Sprintf("%q is set by the house, or would be a secret in this file", name), "remove it. The provider's secret is \"key\""}
		}
	}
	return nil
}

func checkKeys(at string, keys []Key) *problem {
	for i := range keys {
		here := fmt.Sprintf("%s/%d", at, i)
		v, err := seal.NewVerifier(keys[i].Text)
		if err != nil { // the text may be a private key that went astray
			return &problem{here, "is not a public key", "copy the one line from the file that ends in .pub"}
		}
		if slices.ContainsFunc(keys[:i], func(k Key) bool { return k.Text == keys[i].Text }) {
			return &problem{here, "is on the list twice", "remove one"}
		}
		keys[i].Verifier = v
	}
	return nil
}

// wrongURL says what is wrong with a base URL, or nothing. It repeats none of
// it: people write passwords into URLs.
func wrongURL(text string, path bool) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "is missing"
	case err != nil || !printable.MatchString(text) || u.Hostname() == "" || u.Opaque != "":
		return "is not a URL"
	case u.User != nil:
		return "must not hold a name or a password"
	case u.Scheme != "https" && !(u.Scheme == "http" && local(u.Hostname())):
		return "must begin with https://"
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return "must end before any ? and #"
	case !path && strings.Trim(u.Path, "/") != "":
		return "must have no path"
	case strings.Contains(u.EscapedPath(), "%") || strings.Contains(u.Path, "//") || slices.Contains(strings.Split(u.Path, "/"), ".."):
		return "must have a plain path"
	}
	return ""
}

// local reports whether host is this machine.
func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
