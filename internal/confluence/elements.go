// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"net/url"
	"slices"
	"strings"
)

// An element is what the storage format may hold under a name.
type element struct {
	attrs []string // attributes besides everywhere
	in    []string // the only elements it may stand right inside; nil for any that takes content
}

// everywhere are the attributes that any element may have.
var everywhere = []string{"class", "style", "local-id", "ac:local-id", "data-layout"}

// elements are the elements of storage format that agents may write. Links have
// no card appearance: a card fetches what it links to.
var elements = map[string]element{
	"p": {}, "br": {}, "hr": {}, "h1": {}, "h2": {}, "h3": {}, "h4": {}, "h5": {}, "h6": {},
	"strong": {}, "b": {}, "em": {}, "i": {}, "u": {}, "s": {}, "del": {}, "ins": {}, "sub": {}, "sup": {}, "small": {},
	"code": {}, "pre": {}, "blockquote": {}, "span": {}, "div": {}, "ul": {}, "ol": {attrs: []string{"start"}}, "li": {},
	"a":     {attrs: []string{"href", "title"}},
	"time":  {attrs: []string{"datetime"}},
	"table": {attrs: []string{"data-table-width", "data-table-display-mode"}},
	"thead": {}, "tbody": {}, "tfoot": {}, "tr": {}, "colgroup": {}, "col": {attrs: []string{"span"}},
	"td": {attrs: []string{"colspan", "rowspan", "data-highlight-colour"}},
	"th": {attrs: []string{"colspan", "rowspan", "scope", "data-highlight-colour"}},

	"ac:structured-macro": {attrs: []string{"ac:name", "ac:schema-version", "ac:macro-id"}},
	"ac:parameter":        {attrs: []string{"ac:name"}, in: []string{"ac:structured-macro"}},
	"ac:rich-text-body":   {in: []string{"ac:structured-macro"}},
	"ac:plain-text-body":  {in: []string{"ac:structured-macro"}},

	"ac:link":                 {attrs: []string{"ac:anchor"}},
	"ac:link-body":            {in: []string{"ac:link"}},
	"ac:plain-text-link-body": {in: []string{"ac:link"}},
	"ri:page":                 {attrs: []string{"ri:content-title", "ri:version-at-save"}, in: []string{"ac:link"}}, // without ri:space-key: in this space
	"ri:attachment":           {attrs: []string{"ri:filename", "ri:version-at-save"}, in: []string{"ac:link", "ac:image"}},
	"ac:image": {attrs: []string{"ac:align", "ac:alt", "ac:border", "ac:height", "ac:layout", "ac:original-height", "ac:original-width",
		"ac:thumbnail", "ac:title", "ac:width", "ac:custom-width"}},

	"ac:layout":         {},
	"ac:layout-section": {attrs: []string{"ac:type", "ac:breakout-mode", "ac:breakout-width"}, in: []string{"ac:layout"}},
	"ac:layout-cell":    {in: []string{"ac:layout-section"}},

	"ac:task-list":   {attrs: []string{"ac:task-list-id"}},
	"ac:task":        {in: []string{"ac:task-list"}},
	"ac:task-id":     {in: []string{"ac:task"}},
	"ac:task-uuid":   {in: []string{"ac:task"}},
	"ac:task-status": {in: []string{"ac:task"}},
	"ac:task-body":   {in: []string{"ac:task"}},

	"ac:emoticon":              {attrs: []string{"ac:name", "ac:emoji-shortname", "ac:emoji-id", "ac:emoji-fallback"}},
	"ac:inline-comment-marker": {attrs: []string{"ac:ref"}},
}

// textOnly reports whether an element takes text and nothing else.
func textOnly(tag string) bool {
	switch tag {
	case "ac:parameter", "ac:plain-text-body", "ac:plain-text-link-body", "ac:task-id", "ac:task-uuid", "ac:task-status":
		return true
	}
	return false
}

// closed reports whether an element takes only the elements that name it as
// their place.
func closed(tag string) bool {
	switch tag {
	case "ac:structured-macro", "ac:link", "ac:image", "ac:layout", "ac:layout-section", "ac:task-list", "ac:task",
		"ri:page", "ri:attachment", "ac:emoticon", "br", "hr", "col":
		return true
	}
	return false
}

// textless reports whether text right inside an element would be seen by nobody
// who looks at what is to be written, or somewhere else.
func textless(tag string) bool {
	switch tag {
	case "ul", "ol", "table", "thead", "tbody", "tfoot", "tr", "colgroup":
		return true
	}
	return closed(tag)
}

// Bounds of what agents write into one place, in bytes. The diff that people see
// shows as much of each.
const (
	maxValue = 500  // an attribute, a parameter, the text of a plain link
	maxLink  = 2000 // a web address
)

// A macro is one that agents may write, with its parameters and its body's element.
type macro struct {
	params []string
	body   string
}

// macros are those that show what they hold and fetch nothing.
var macros = map[string]macro{
	"info":    {[]string{"title", "icon"}, "ac:rich-text-body"},
	"note":    {[]string{"title", "icon"}, "ac:rich-text-body"},
	"warning": {[]string{"title", "icon"}, "ac:rich-text-body"},
	"tip":     {[]string{"title", "icon"}, "ac:rich-text-body"},
	"panel": {[]string{"title", "borderStyle", "borderColor", "borderWidth", "bgColor", "titleBGColor", "titleColor",
		"panelIcon", "panelIconId", "panelIconText"}, "ac:rich-text-body"},
	"expand":   {[]string{"title", "breakoutWidth"}, "ac:rich-text-body"},
	"code":     {[]string{"language", "title", "linenumbers", "firstline", "collapse", "theme", "breakoutMode", "breakoutWidth"}, "ac:plain-text-body"},
	"noformat": {[]string{"title", "nopanel"}, "ac:plain-text-body"},
	"toc":      {[]string{"minLevel", "maxLevel", "type", "style", "outline", "indent", "separator", "printable", "absoluteUrl"}, ""},
	"status":   {[]string{"title", "colour", "subtle"}, ""},
}

// isLink reports whether a link leads to a web address or a place in the page.
func isLink(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Opaque != "" || strings.ContainsAny(s, "\\ \t\r\n") {
		return false
	}
	if u.Scheme == "" {
		return strings.HasPrefix(s, "#")
	}
	return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// classes are those that Confluence's own editor writes. Others may be what its
// scripts look for.
var classes = []string{"auto-cursor-target", "confluenceTable", "confluenceTd", "confluenceTh", "content-wrapper", "external-link",
	"numberingColumn", "relative-table", "wrapped"}

func isClasses(s string) bool {
	return !slices.ContainsFunc(strings.Fields(s), func(class string) bool { return !slices.Contains(classes, class) })
}

// styles are the properties that Confluence's own editor writes.
var styles = []string{"text-align", "width", "height", "margin-left", "color", "background-color", "vertical-align", "text-decoration", "list-style-type"}

// isStyle reports whether a style declares only known properties with values
// that can fetch nothing.
func isStyle(s string) bool {
	for declaration := range strings.SplitSeq(s, ";") {
		if strings.TrimSpace(declaration) == "" {
			continue
		}
		property, value, ok := strings.Cut(declaration, ":")
		property, value = strings.TrimSpace(property), strings.TrimSpace(value)
		if !ok || !slices.Contains(styles, property) || !isPlainValue(value) || hides(property, value) {
			return false
		}
	}
	return true
}

// hides reports whether a property may make text hard to see: a colour that is
// not dark on a ground that is not light, or a place outside of the page.
func hides(property, value string) bool {
	switch property {
	case "color":
		return !isDark(value)
	case "background-color":
		return !isLight(value)
	case "margin-left", "width", "height", "vertical-align":
		return strings.HasPrefix(value, "-") || strings.Contains(value, " -") || digits(value) > 6
	}
	return false
}

func digits(s string) int {
	n := 0
	for _, r := range s {
		if '0' <= r && r <= '9' {
			n++
		}
	}
	return n
}

// isPlainValue accepts words, numbers, colours and rgb(); no other function.
func isPlainValue(s string) bool {
	if inner, ok := strings.CutPrefix(s, "rgb("); ok {
		s = strings.TrimSuffix(inner, ")")
	}
	for _, r := range s {
		ok := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("#.,%- ", r)
		if !ok {
			return false
		}
	}
	return s != ""
}
