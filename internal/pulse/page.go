// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package pulse

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/clawea/clawea/bundle"
)

//go:embed page/page.html
var pageHTML string

//go:embed page/page.css
var pageCSS []byte

//go:embed page/page.js
var pageJS []byte

// A page is what page.html is filled with.
type page struct {
	Policy           string        // content security policy, if no header says it
	Style, Scripts   template.HTML // whole elements, of nothing but our own files and base64
	Bundle, Verifier string        // addresses; "" if they are in the page
	Name             string        // of the verifier
}

// Write writes the page of a bundle as one file that needs nothing else and
// fetches nothing. It fails for a file that is no bundle.
func (v *Verifier) Write(w io.Writer, file []byte) error {
	if _, err := bundle.Read(file); err != nil {
		return err
	}
	exec := script{body: fmt.Appendf(nil, "/*\n%s*/\n%s", v.Licence, v.Exec)}
	own := script{body: pageJS}
	var s strings.Builder
	s.WriteString(data("bundle", file))
	s.WriteString(data("verifier", v.Wasm))
	s.WriteString(exec.element())
	s.WriteString(own.element())
	p := &page{
		Policy: inlinePolicy(exec, own), Name: v.Name().String(),
		Style: template.HTML("<style>" + string(pageCSS) + "</style>"), Scripts: template.HTML(s.String()),
	}
	return p.write(w)
}

func (p *page) write(w io.Writer) error {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return t.Execute(w, p)
}

// A script is one that is in the page.
type script struct{ body []byte }

func (s script) element() string { return "<script>" + string(s.body) + "</script>\n" }

// data is an element that holds bytes and is never run.
func data(id string, b []byte) string {
	return `<script id="` + id + `" type="text/plain">` + base64.StdEncoding.EncodeToString(b) + "</script>\n"
}

// inlinePolicy lets these scripts and the style sheet be, by their hashes, and
// nothing else: the page can load, send and open nothing.
func inlinePolicy(scripts ...script) string {
	var allowed strings.Builder
	for _, s := range scripts {
		allowed.WriteString(source(s.body) + " ")
	}
	return "default-src 'none'; script-src " + allowed.String() + "'wasm-unsafe-eval'; style-src " + source(pageCSS) +
		"; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

// linkedPolicy lets the page read its own files, its bundle among them.
const linkedPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

func source(b []byte) string {
	h := sha256.Sum256(b)
	return "'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"
}

// assetPath is where the files of linked pages are; names carry a hash, so that
// they may be kept for ever.
const assetPath = "/assets/pulse/"

// An asset is a file that pages of this daemon refer to.
type asset struct {
	name, kind string
	body       []byte
}

func newAsset(stem, ending, kind string, body []byte) asset {
	h := sha256.Sum256(body)
	return asset{fmt.Sprintf("%s-%x%s", stem, h[:8], ending), kind, body}
}

// site is what linked pages consist of.
type site struct {
	assets []asset
	page   page // but for the bundle's address
}

func newSite(v *Verifier) *site {
	exec := newAsset("wasm_exec", ".js", "text/javascript; charset=utf-8", fmt.Appendf(nil, "/*\n%s*/\n%s", v.Licence, v.Exec))
	own := newAsset("page", ".js", "text/javascript; charset=utf-8", pageJS)
	style := newAsset("page", ".css", "text/css; charset=utf-8", pageCSS)
	wasm := newAsset("verify", ".wasm.gz", "application/gzip", v.Wasm)
	link := func(a asset) string { return `<script src="` + assetPath + a.name + `" defer></script>` + "\n" }
	return &site{
		assets: []asset{exec, own, style, wasm},
		page: page{
			Name: v.Name().String(), Verifier: assetPath + wasm.name,
			Style:   template.HTML(`<link rel="stylesheet" href="` + assetPath + style.name + `">`),
			Scripts: template.HTML(link(exec) + link(own)),
		},
	}
}

// linked is the page of the bundle at an address.
func (s *site) linked(bundle string) ([]byte, error) {
	p := s.page
	p.Bundle = bundle
	var out bytes.Buffer
	err := p.write(&out)
	return out.Bytes(), err
}
