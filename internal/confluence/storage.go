// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/clawea/clawea/internal/atlassian"
)

// maxDepth bounds how deep elements may nest.
const maxDepth = 100

// checkStorage refuses a body in storage format that holds anything that is
// not on the lists of elements.go. The lists leave out whatever makes a
// reader's browser, or Confluence with the reader's rights, fetch something
// else (images from outside, iframes, includes, Jira queries), whatever tells
// people (mentions), and whatever runs. The error names the first offender.
func checkStorage(body string) error { return checkFragment(body, "") }

// holders are elements that take only those which name them as their place.
var holders = []string{"ac:layout", "ac:layout-section", "ac:task-list", "ac:task", "ul", "ol", "table", "thead", "tbody", "tfoot", "tr", "colgroup"}

// checkFragment does the same for what goes into an element of a page.
func checkFragment(body, in string) error {
	if len(body) > maxBody {
		return fmt.Errorf("longer than %d bytes; split the page", maxBody)
	}
	if !utf8.ValidString(body) {
		return errors.New("not UTF-8; send text")
	}
	d := xml.NewDecoder(strings.NewReader(body))
	d.Entity = xml.HTMLEntity
	c := checker{}
	if slices.Contains(holders, in) {
		c.open = []frame{{name: in}}
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("not well-formed XHTML (%s); close every element and escape & and <", atlassian.Clean(err.Error(), 120))
		}
		if err := c.token(token); err != nil {
			line, column := d.InputPos()
			return fmt.Errorf("%w (line %d, column %d)", err, line, column)
		}
	}
}

// A checker follows the elements that are open.
type checker struct{ open []frame }

type frame struct {
	name  string          // as written: "ac:structured-macro"
	macro string          // of a structured macro: its ac:name
	param string          // of a parameter: its ac:name
	text  string          // of an element that takes text only, but for bodies
	has   map[string]bool // what must not come again in it
}

func (c *checker) token(t xml.Token) error {
	switch t := t.(type) {
	case xml.StartElement:
		return c.start(t)
	case xml.EndElement:
		f := c.top()
		c.open = c.open[:len(c.open)-1]
		return c.checkParameter(f)
	case xml.CharData:
		return c.text(string(t))
	case xml.Comment:
		return errors.New("comments are not allowed; remove it")
	}
	return errors.New("processing instructions and document types are not allowed; remove it")
}

func (c *checker) top() frame {
	if len(c.open) == 0 {
		return frame{}
	}
	return c.open[len(c.open)-1]
}

func (c *checker) start(e xml.StartElement) error {
	tag := written(e.Name)
	rule, ok := elements[tag]
	switch {
	case !ok:
		return fmt.Errorf("element <%s> is not allowed; remove it", atlassian.Clean(tag, 60))
	case len(c.open) >= maxDepth:
		return errors.New("elements nest too deep; flatten the page")
	case rule.in != nil && !slices.Contains(rule.in, c.top().name):
		return fmt.Errorf("element <%s> is not allowed here; it belongs into <%s>", tag, strings.Join(rule.in, "> or <"))
	case textOnly(c.top().name):
		return fmt.Errorf("element <%s> is not allowed in <%s>, which takes text only; remove it", tag, c.top().name)
	case closed(c.top().name) && rule.in == nil:
		return fmt.Errorf("element <%s> is not allowed in <%s>; remove it", tag, c.top().name)
	}
	if err := c.once(tag, e); err != nil {
		return err
	}
	f := frame{name: tag, has: map[string]bool{}}
	seen := map[string]bool{}
	for _, a := range e.Attr {
		attr := written(a.Name)
		if seen[attr] {
			return fmt.Errorf("attribute %s of <%s> is there twice; keep one", atlassian.Clean(attr, 60), tag)
		}
		seen[attr] = true
		if err := checkAttr(tag, rule, attr, a.Value); err != nil {
			return err
		}
		if tag == "ac:structured-macro" && attr == "ac:name" {
			f.macro = a.Value
		}
		if tag == "ac:parameter" && attr == "ac:name" {
			f.param = a.Value
		}
	}
	if err := c.checkMacro(f, e); err != nil {
		return err
	}
	c.open = append(c.open, f)
	return nil
}

// once refuses a second of what readers see one of: the body of a macro, a link
// or a task, the target of a link or an image, a parameter of one name.
func (c *checker) once(tag string, e xml.StartElement) error {
	if len(c.open) == 0 {
		return nil
	}
	top, what := c.top(), ""
	switch {
	case top.name == "ac:structured-macro" && tag == "ac:parameter":
		what = "parameter " + atlassian.Clean(attribute(e, "ac", "name"), 60)
	case strings.HasPrefix(tag, "ri:"):
		what = "target"
	case strings.HasSuffix(tag, "-body"):
		what = "body"
	case top.name == "ac:task":
		what = "<" + tag + ">"
	default:
		return nil
	}
	if top.has[what] {
		return fmt.Errorf("a second %s in <%s> is not allowed; keep one", what, top.name)
	}
	if top.has != nil {
		top.has[what] = true
	}
	return nil
}

// checkParameter looks at the text of a parameter when it ends.
func (c *checker) checkParameter(f frame) error {
	if f.name != "ac:parameter" {
		return nil
	}
	if f.param == "bgColor" && !isLight(strings.TrimSpace(f.text)) {
		return fmt.Errorf("parameter %q is not allowed with a colour that is dark or not known; write a light one such as #deebff", f.param)
	}
	return nil
}

// checkMacro checks a macro's name, and whether a macro takes a part of this kind.
func (c *checker) checkMacro(f frame, e xml.StartElement) error {
	if f.name == "ac:structured-macro" {
		if _, ok := macros[f.macro]; !ok {
			return fmt.Errorf("macro %q is not allowed; remove it", atlassian.Clean(f.macro, 60))
		}
		return nil
	}
	in, ok := macros[c.top().macro]
	if !ok {
		return nil
	}
	switch f.name {
	case "ac:parameter":
		param := attribute(e, "ac", "name")
		if !slices.Contains(in.params, param) {
			return fmt.Errorf("parameter %q of macro %q is not allowed; remove it", atlassian.Clean(param, 60), c.top().macro)
		}
	case "ac:rich-text-body", "ac:plain-text-body":
		if f.name != in.body {
			return fmt.Errorf("macro %q takes no <%s>; remove it", c.top().macro, f.name)
		}
	}
	return nil
}

// text refuses characters that people cannot see and programs might obey.
func (c *checker) text(s string) error {
	for _, r := range s {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r >= 0xe0000 && r <= 0xe007f:
			return fmt.Errorf("character %U is not allowed; remove it", r)
		}
	}
	if textless(c.top().name) && strings.TrimSpace(s) != "" {
		return fmt.Errorf("text is not allowed right inside <%s>; put it into its body", c.top().name)
	}
	if len(c.open) == 0 || !textOnly(c.top().name) || c.top().name == "ac:plain-text-body" {
		return nil
	}
	f := &c.open[len(c.open)-1]
	if f.text += s; len(f.text) > maxValue {
		return fmt.Errorf("the text of <%s> is longer than %d bytes; shorten it", f.name, maxValue)
	}
	return nil
}

func checkAttr(tag string, rule element, attr, value string) error {
	if err := (&checker{}).text(value); err != nil {
		return err
	}
	most := maxValue
	if attr == "href" {
		most = maxLink
	}
	switch {
	case len(value) > most:
		return fmt.Errorf("attribute %s of <%s> is longer than %d bytes; shorten it", atlassian.Clean(attr, 60), tag, most)
	case (attr == "data-highlight-colour") && !isLight(value):
		return fmt.Errorf("colour %q of <%s> is not allowed; write a light one such as #deebff", atlassian.Clean(value, 60), tag)
	case !slices.Contains(rule.attrs, attr) && !slices.Contains(everywhere, attr):
		return fmt.Errorf("attribute %s of <%s> is not allowed; remove it", atlassian.Clean(attr, 60), tag)
	case attr == "href" && !isLink(value):
		return fmt.Errorf("link %q of <%s> is not allowed; write an absolute http or https address, or #anchor", atlassian.Clean(value, 60), tag)
	case attr == "class" && !isClasses(value):
		return fmt.Errorf("class %q of <%s> is not allowed; leave it away", atlassian.Clean(value, 60), tag)
	case attr == "style" && !isStyle(value):
		return fmt.Errorf("style %q of <%s> is not allowed; use text-align, width and the like with plain values, dark text and light backgrounds", atlassian.Clean(value, 60), tag)
	}
	return nil
}

// written is an element's or attribute's name as it stands in the text. Storage
// format declares no name spaces, so the decoder leaves prefixes as they are.
func written(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

func attribute(e xml.StartElement, space, local string) string {
	for _, a := range e.Attr {
		if a.Name.Space == space && a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}
