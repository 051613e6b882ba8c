// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/clawea/clawea/policy"
)

// shapes are the shapes that policies come in, with places for answers.
//
//go:embed shapes/*.json.tmpl
var shapes embed.FS

func shapeNames() []string { return []string{"confluence", "workflow", "jira", "code", "undo"} }

// A draft is a policy being written.
type draft struct {
	Shape, Name, Purpose, Change string
	Seconds                      int      // of a token's life
	Prefixes                     []string // Confluence
	Projects, Fields             []string // Jira
	Pages, Writes                int      // Confluence and Jira; no writes: writing is denied
	Tools, Routes                []string // of workflows and code
}

// newDraft is the draft of a shape before any answer.
func newDraft(shape string) *draft {
	d := &draft{Shape: shape, Name: shape + "-agent", Seconds: 900, Pages: 50, Writes: 5,
		Prefixes: []string{"ENG/Runbooks/"}, Projects: []string{"ENG"},
		Fields: []string{"summary", "description", "labels", "components"}, Routes: []string{"openai"}}
	switch shape {
	case "confluence":
		d.Purpose = "Read the pages and draft corrections for a person to approve"
	case "jira":
		d.Purpose = "Read issues and file new ones for a person to approve"
	case "undo":
		d.Purpose = "Take back what jobs have changed, each step with a person's yes"
		d.Name, d.Writes = "undo", 100
		d.Fields = append(d.Fields, "assignee", "issuelinks", "status")
	case "workflow":
		d.Purpose = "Collect what is needed and draft an answer; a person sends it"
		d.Tools = []string{"read", "search", "write", "http"}
	case "code":
		d.Purpose = "Review a change and propose edits; nothing is merged or deployed"
		d.Tools = []string{"read", "search", "repo.diff", "repo.comment"}
	}
	return d
}

// Spaces are the spaces of the page prefixes.
func (d *draft) Spaces() []string {
	var out []string
	for _, p := range d.Prefixes {
		if space, _, _ := strings.Cut(p, "/"); !slices.Contains(out, space) {
			out = append(out, space)
		}
	}
	return out
}

// Systems are those that the draft names places in.
func (d *draft) Systems() []string {
	var out []string
	if len(d.Prefixes) > 0 {
		out = append(out, "confluence")
	}
	if len(d.Projects) > 0 {
		out = append(out, "jira")
	}
	return out
}

// Undoing are the operations that take changes back in these systems.
func (d *draft) Undoing() []string {
	var out []string
	if len(d.Prefixes) > 0 {
		out = append(out, "confluence.page.restore", "confluence.page.trash", "confluence.page.untrash", "confluence.page.label.add",
			"confluence.page.label.remove", "confluence.page.move", "confluence.comment.delete")
	}
	if len(d.Projects) > 0 {
		for _, name := range d.UndoingIssues() {
			out = append(out, "jira."+name)
		}
	}
	return out
}

// UndoingIssues are those of Jira.
func (d *draft) UndoingIssues() []string {
	return []string{"issue.edit", "issue.transition", "issue.assign", "issue.comment.delete", "issue.link.delete", "issue.quarantine"}
}

// render writes the draft as a policy.
func (d *draft) render() ([]byte, error) {
	t, err := template.New(d.Shape+".json.tmpl").Funcs(template.FuncMap{"text": jsonText[string], "list": jsonText[[]string]}).ParseFS(shapes, "shapes/"+d.Shape+".json.tmpl")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, d)
	return b.Bytes(), err
}

// jsonText writes a text or a list of texts as JSON.
func jsonText[T string | []string](v T) (string, error) {
	b, err := json.Marshal(v)
	return strings.ReplaceAll(string(b), `","`, `", "`), err
}

// A question asks for one part of a draft.
type question struct {
	asks string
	now  string // the answer if there is none
	set  func(answer string) error
}

func (d *draft) questions() []question {
	list := func(asks string, of *[]string) question {
		return question{asks + ", separated by commas", strings.Join(*of, ", "), func(s string) error {
			*of = nil
			for part := range strings.SplitSeq(s, ",") {
				if part = strings.TrimSpace(part); part != "" && part != "-" {
					*of = append(*of, part)
				}
			}
			return nil
		}}
	}
	number := func(asks string, of *int, least int) question {
		return question{asks, strconv.Itoa(*of), func(s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < least {
				return fmt.Errorf("%q is not a whole number from %d", s, least)
			}
			*of = n
			return nil
		}}
	}
	text := func(asks string, of *string) question {
		return question{asks, *of, func(s string) error { *of = s; return nil }}
	}
	out := []question{text("the policy's name", &d.Name), text("what it is for", &d.Purpose), text("the id of the change that it is made for, if there is one", &d.Change)}
	switch d.Shape {
	case "confluence":
		out = append(out, list("pages that agents may touch: space key and titles, each with a slash", &d.Prefixes),
			number("pages that a job may read or find", &d.Pages, 1),
			number("writes of a job, each with a person's yes; 0 for none", &d.Writes, 0))
	case "jira":
		out = append(out, list("projects that agents may touch, by key", &d.Projects),
			number("issues that a job may read or find", &d.Pages, 1),
			number("issues and comments that a job may make, each with a person's yes; 0 for none", &d.Writes, 0),
			list("fields that agents may write, by id", &d.Fields))
	case "undo":
		out = append(out, list("pages that changes are taken back on: space key and titles, each with a slash; - for none", &d.Prefixes),
			list("projects that changes are taken back in, by key; - for none", &d.Projects),
			number("steps of a job, each with a person's yes", &d.Writes, 1),
			list("fields of issues that may be put back, by id", &d.Fields))
	default:
		out = append(out, list("tools that agents may call, by name or class", &d.Tools),
			list("routes by which models may be asked", &d.Routes))
	}
	return append(out, number("seconds that a token lives", &d.Seconds, 1))
}

func wpcNew(_ context.Context, c *call) error {
	shape := c.String("shape", "", "the `SHAPE`: confluence, workflow, jira, code or undo")
	out := c.String("o", "", "write to `FILE`, which must not exist, instead of standard output")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if *out != "" && *out != "-" {
		if _, err := os.Lstat(*out); err == nil {
			return fmt.Errorf("%s is there already\nname a file that is not", *out)
		}
	}
	asking := c.terminal()
	in := bufio.NewScanner(io.LimitReader(c.stdin, maxPaper))
	if *shape == "" && asking {
		choose := question{"shape: " + strings.Join(shapeNames(), ", "), "confluence", func(s string) error { *shape = s; return checkShape(s) }}
		c.ask(in, choose, func() error { return nil })
	}
	if err := checkShape(*shape); err != nil {
		return usagef("-shape %w\nwant one of: %s", err, strings.Join(shapeNames(), ", "))
	}
	d := newDraft(*shape)
	if asking {
		for _, q := range d.questions() {
			c.ask(in, q, d.check)
		}
	}
	b, err := d.render()
	if err != nil {
		return err
	}
	if err := d.check(); err != nil {
		return err
	}
	if asking {
		if err := c.showDraft(b, *out); err != nil {
			return err
		}
	}
	return c.output(*out, b)
}

func checkShape(s string) error {
	if !slices.Contains(shapeNames(), s) {
		return fmt.Errorf("%q is no shape of a policy", s)
	}
	return nil
}

// check says what is wrong with the draft.
func (d *draft) check() error {
	b, err := d.render()
	if err != nil {
		return err
	}
	for _, f := range policy.Lint(b, time.Time{}) {
		if f.Refuses() {
			return errors.New(f.Says + ": " + f.Mends)
		}
	}
	return nil
}

// terminal reports whether there is somebody to ask.
func (c *call) terminal() bool {
	f, ok := c.stdin.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// ask asks until an answer will do. No answer, and the end of the answers, leave
// what is there.
func (c *call) ask(in *bufio.Scanner, q question, check func() error) {
	for {
		fmt.Fprintf(c.stderr, "%s\n  [%s] ", q.asks, clean(q.now))
		answer := ""
		if in.Scan() {
			answer = strings.TrimSpace(in.Text())
		} else {
			fmt.Fprintln(c.stderr)
		}
		if answer == "" {
			answer = q.now
		}
		err := q.set(answer)
		if err == nil {
			err = check()
		}
		if err == nil {
			return
		}
		fmt.Fprintf(c.stderr, "  %s\n", clean(err.Error()))
	}
}

// showDraft shows what is written, and what it comes to.
func (c *call) showDraft(b []byte, path string) error {
	p, err := policy.Parse(b)
	if err != nil {
		return err
	}
	if path != "" && path != "-" {
		fmt.Fprintf(c.stderr, "\n%s\n", b)
	}
	fmt.Fprintf(c.stderr, "\nWhat it comes to:\n")
	for _, s := range p.Explain() {
		fmt.Fprintf(c.stderr, "  %s\n", clean(s.Says))
	}
	return nil
}
