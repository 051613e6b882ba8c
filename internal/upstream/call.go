// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/clawea/clawea/internal/atlassian"
	"github.com/clawea/clawea/internal/facade"
	"github.com/clawea/clawea/internal/gate"
	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// unmappedAction is the action of a call that no adapter maps.
var unmappedAction = policy.Action{Tool: "mcp", Name: "unmapped"}

// A Carry carries another call of the same caller's through the gate.
type Carry = func(context.Context, *gate.Request) (*gate.Result, error)

// Request puts a call of a tool in the gate's terms. It returns nil if no server
// has the tool. carry is for what the server reads besides.
func (set *Set) Request(ctx context.Context, name string, args []byte, carry Carry) *gate.Request {
	s, tool := set.find(name)
	if s == nil {
		return nil
	}
	canonical, err := seal.Canonical(args)
	if err != nil {
		return failing(&gate.Request{Text: args}, &gate.Fault{Code: "bad_argument", Msg: fmt.Sprintf("the arguments are not strict JSON: %v; send one object without duplicate names", err)})
	}
	req := &gate.Request{Text: canonical}
	known, err := s.catalogue(ctx, anyAge)
	if err != nil { // why is in the log
		return failing(req, &gate.Fault{Code: "unreachable", Msg: "the server " + s.Name + " is not there now; try again in a minute, or tell the operator of this house"})
	}
	req.Definition, req.Server = known.defined[tool].digest, known.identity.digest
	if req.Definition.IsZero() {
		return failing(req, unmapped("the server %s has no tool %s any more; call one that tools/list names", s.Name, tool))
	}
	var given map[string]json.RawMessage
	if err := seal.Unmarshal(canonical, &given); err != nil {
		return failing(req, &gate.Fault{Code: "bad_argument", Msg: "the arguments must be an object"})
	}
	row, err := s.Adapter.Map(tool, given)
	if err == nil {
		err = s.Adapter.At(given, []string{s.Site})
	}
	if err != nil {
		return failing(req, err)
	}
	action, ok := s.action(tool, row)
	if !ok {
		return failing(req, unmapped("%s comes to nothing that this house carries out", tool))
	}
	c := &call{server: s, tool: tool, row: row, action: action, text: canonical, known: known, carry: carry}
	req.Action, req.Plan = action, c.plan
	if s.System == nil {
		return req
	}
	if c.asked, err = row.asked(given); err != nil {
		failing(req, &gate.Fault{Code: "bad_argument", Msg: err.Error()}).Action = action
		return req
	}
	req.Text = c.asked
	return req
}

// failing makes req one that is denied with a reason.
func failing(req *gate.Request, err error) *gate.Request {
	req.Action = unmappedAction
	req.Plan = func(context.Context, []policy.Bound) (*gate.Plan, error) { return nil, err }
	return req
}

// A call is one of a server's tool.
type call struct {
	server *Server
	tool   string
	row    *Row
	action policy.Action
	text   []byte // the tool's arguments, canonical
	asked  []byte // the action's, without what is looked up; nil for a server without a system
	known  *catalogue
	carry  Carry

	lacked receipt.Lacked // of the sandbox of the server that was sent the call
}

// plan puts the call in policy terms, as the action that it comes to.
func (c *call) plan(ctx context.Context, bounds []policy.Bound) (*gate.Plan, error) {
	if c.server.System == nil {
		return c.planOwn(), nil
	}
	args, err := c.args(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := c.server.System.Plan(ctx, c.row.Action, args, bounds)
	if err != nil {
		return nil, err
	}
	plan.Args = args
	if c.server.Adapter.Facade == nil && c.row.Result != nil && !c.row.Result.Own { // it reads by a credential of its own
		plan.Call.Credential, plan.Call.Privilege = "", ""
	}
	act := plan.Act
	plan.Act = func(ctx context.Context, opened *receipt.Receipt) (*gate.Result, error) {
		t := &turn{call: c, args: args, act: act, opened: opened}
		res, err := t.carryOut(ctx)
		return t.confined(res), err
	}
	return plan, nil
}

// confined has a result say what the sandbox lacked of the server that had to do with
// it.
func (c *call) confined(res *gate.Result) *gate.Result {
	if res != nil {
		res.Outcome.Lacked = c.lacked
	}
	return res
}

// args are the action's arguments: those that are asked for, and what is looked up
// for them.
func (c *call) args(ctx context.Context) ([]byte, error) {
	if !c.row.template.wantsNow() {
		return c.asked, nil
	}
	version, err := c.server.System.Current(ctx, c.row.Action, c.asked)
	if err != nil {
		return nil, err
	}
	return c.row.template.complete(c.asked, map[string]json.RawMessage{"version": version})
}

// planOwn plans a call of a tool that is an action of its own.
func (c *call) planOwn() *gate.Plan {
	out := &gate.Plan{Call: &policy.Call{Tool: c.action.Tool, Action: c.action.Name, Class: c.action.Class, Categories: c.row.Categories}}
	out.Act = func(ctx context.Context, opened *receipt.Receipt) (*gate.Result, error) {
		out := &gate.Result{Outcome: receipt.Outcome{Status: receipt.Done, Used: map[string]int{}}}
		said, err := c.send(ctx, opened, nil)
		c.confined(out)
		if err != nil {
			return broken(err, out, opened.Call.Mutates())
		}
		out.Body, out.Form = said.body, said.form
		return out, nil
	}
	return out
}

// broken makes out the result of a call whose server did not do its part. What the
// agent is told of that is committed to, since it can hold what was read. If the
// server itself changes something, nobody knows what it has done when it breaks
// off.
func broken(err error, out *gate.Result, changes bool) (*gate.Result, error) {
	out.Outcome.Status = receipt.Failed
	f := (*gate.Fault)(nil)
	if !errors.As(err, &f) {
		f = &gate.Fault{Code: "upstream", Msg: "the server that carries this call broke off; look at what is there before sending it again"}
		err = errors.Join(f, err)
		if changes {
			out.Outcome.Status = receipt.Unknown
		}
	}
	out.Outcome.Code, out.Body, out.Form = f.Code, []byte(f.Msg), gate.Text
	return out, err
}

// A turn is a call that was allowed, being carried out by a server with a facade.
type turn struct {
	*call
	args   []byte
	act    gate.Act
	opened *receipt.Receipt

	result  *gate.Result // of act
	failure error        // of act
}

// errBroke is why nobody knows whether a change was made.
var errBroke = errors.New("the change broke off")

// carryOut has the house do what was allowed, and the server say it in its own words.
func (t *turn) carryOut(ctx context.Context) (*gate.Result, error) {
	if t.server.Adapter.Facade == nil {
		return t.remote(ctx)
	}
	reads, stop := context.WithCancel(ctx)
	defer stop()
	view := &facade.Call{Site: t.server.Site, Action: t.row.Action, Args: t.args, Read: t.reading(reads)}
	view.Perform = func() ([]byte, error) {
		if !t.changes() {
			return nil, unmapped("this call changes nothing")
		}
		t.failure = errBroke // until it is known what became of it
		t.result, t.failure = t.act(ctx, t.opened)
		return t.body(), t.failure
	}
	if !t.changes() {
		if t.result, t.failure = t.act(ctx, t.opened); t.failure != nil {
			return t.result, t.failure
		}
		view.Result = t.body()
	}
	stage, err := facade.New(t.server.Adapter.System, view)
	if err != nil { // unreachable: the adapter's system is one of those that have one
		return t.spoiled(err)
	}
	said, err := t.send(ctx, t.opened, stage)
	stop()
	stage.End() // a change that the server asked for and did not wait for is made, or not, by now

	// It may have been talked into that.
	if n := stage.Refused(); n > 0 {
		t.server.Log.WarnContext(ctx, "upstream server asked for more than its call was allowed", "server", t.server.Name, "tool", t.tool, "receipt", t.opened.Name(), "refused", n)
	}
	switch {
	case t.failure != nil: // what kept the house from it says more than what the server makes of that
		return t.result, t.failure
	case t.changes() && t.result == nil:
		return t.unmade(said, err)
	case err != nil && t.changes(): // it is done, whatever the server says of it
		return t.result, nil
	case err != nil:
		return t.spoiled(err)
	}
	t.result.Body, t.result.Form = said.body, said.form
	if left := stage.Omitted(); len(left) > 0 && said.form == gate.Text {
		t.result.Body = append(t.result.Body, "\n\n"+strings.Join(left, "\n")...)
	}
	return t.result, nil
}

// spoiled is the result where the house did its part and the server did not do its own.
func (t *turn) spoiled(err error) (*gate.Result, error) {
	if t.result == nil {
		t.result = &gate.Result{Outcome: receipt.Outcome{Used: map[string]int{}}}
	}
	return broken(err, t.result, false)
}

func (t *turn) changes() bool { return t.opened.Call.Mutates() }

func (t *turn) body() []byte {
	if t.result == nil {
		return nil
	}
	return t.result.Body
}

// unmade is the result where the server did not ask for the change: it is as if
// nothing had been sent, and nothing was.
func (t *turn) unmade(said answer, err error) (*gate.Result, error) {
	why := "it gave no reason"
	if f := (*gate.Fault)(nil); errors.As(err, &f) {
		why = f.Msg
	} else if len(said.body) > 0 {
		why = "it said: " + atlassian.Clean(string(said.body), 500)
	}
	return t.spoiled(&gate.Fault{Code: "not_sent", Msg: "nothing was changed: the server " + t.server.Name + " did not ask for the change; " + why})
}

// reading lets the server read more by the same policy, in calls of their own.
func (t *turn) reading(ctx context.Context) func(string, []byte) ([]byte, error) {
	return func(name string, args []byte) ([]byte, error) {
		for _, tool := range t.server.System.Tools() {
			if tool.Action.Name != name || tool.Action.Class != policy.Read && tool.Action.Class != policy.Search {
				continue
			}
			canonical, err := seal.Canonical(args)
			if err != nil {
				return nil, err
			}
			res, err := t.carry(ctx, &gate.Request{
				Action: tool.Action, Definition: t.known.defined[t.tool].digest, Server: t.known.identity.digest, Text: canonical,
				Plan: func(ctx context.Context, bounds []policy.Bound) (*gate.Plan, error) {
					plan, err := t.server.System.Plan(ctx, name, canonical, bounds)
					if err != nil {
						return nil, err
					}
					act := plan.Act
					plan.Act = func(ctx context.Context, opened *receipt.Receipt) (*gate.Result, error) {
						res, err := act(ctx, opened)
						return t.confined(res), err
					}
					return plan, nil
				},
			})
			if err != nil {
				return nil, err
			}
			return res.Body, nil
		}
		return nil, unmapped("%s does not read", name)
	}
}

// maxAnswer bounds a server's answer, in bytes.
const maxAnswer = 8 << 20

// toolError is the code of a call of which the server says that it failed.
const toolError = "tool_error"

// send has the server carry out the tool, with stage in its system's place. It has its
// time from when it is sent: before that it waits no longer than that.
func (c *call) send(ctx context.Context, opened *receipt.Receipt, stage *facade.Stage) (answer, error) {
	waiting, cancel := context.WithTimeout(ctx, c.server.Timeout)
	defer cancel()
	s, leave, err := c.server.pool.get(waiting, opened.Job, c.server.open)
	if err != nil {
		return answer{}, c.unsent(ctx, err)
	}
	c.lacked = s.lacked
	if stage != nil || c.server.Connect != nil { // what the server asks must be of one call
		back, err := s.take(waiting)
		if err != nil {
			leave(false) // it was sent nothing
			return answer{}, c.unsent(ctx, err)
		}
		defer back()
	}
	timely, done := context.WithTimeout(ctx, c.server.Timeout)
	defer done()
	said, err := c.ask(timely, s, opened, stage)
	leave(err != nil && !isToolError(err))
	return said, c.tell(ctx, err)
}

// unsent is err of a call that did not reach its server, as the agent is told of it. Why
// is in the log.
func (c *call) unsent(ctx context.Context, err error) error {
	if f := (*gate.Fault)(nil); errors.As(err, &f) {
		return err
	}
	return errors.Join(&gate.Fault{Code: "unreachable", Msg: "nothing was sent: the server " + c.server.Name + " is not there now; try again in a minute, or tell the operator of this house"}, c.tell(ctx, err))
}

// tell logs an error that the agent is not told, and returns it.
func (c *call) tell(ctx context.Context, err error) error {
	if f := (*gate.Fault)(nil); err != nil && !errors.As(err, &f) && !errors.Is(err, context.Canceled) {
		c.server.Log.WarnContext(ctx, "upstream server broke off", "server", c.server.Name, "tool", c.tool, "err", atlassian.Clean(err.Error(), 500))
	}
	return err
}

func isToolError(err error) bool {
	f := (*gate.Fault)(nil)
	return errors.As(err, &f) && f.Code == toolError
}

func (c *call) ask(ctx context.Context, s *session, opened *receipt.Receipt, stage *facade.Stage) (answer, error) {
	if stage != nil || c.server.Connect != nil {
		out := c.outlet(ctx, opened)
		defer out.end()
		s.stage.put(&front{stage, out})
		defer s.stage.put(nil)
	}
	now, err := s.fresh(ctx, c.server)
	if err != nil {
		return answer{}, c.unsent(ctx, err)
	}
	if !now.same(c.known, c.tool) {
		c.server.saw(now)
		return answer{}, &gate.Fault{Code: "changed", Msg: "the tool is not as it was when the policy of this job was published; have a new one published"}
	}
	res, err := s.client.CallTool(valueless{ctx}, &mcp.CallToolParams{Name: c.tool, Arguments: json.RawMessage(c.text)})
	if err != nil {
		return answer{}, err
	}
	return read(res)
}

// An answer is what the agent gets of a server's.
type answer struct {
	body []byte
	form gate.Form
}

// read takes out of a server's answer what agents get.
func read(res *mcp.CallToolResult) (answer, error) {
	if res.NeedsInput() || res.InputRequests != nil {
		return answer{}, &gate.Fault{Code: toolError, Msg: "the server asks for more than is in the call, and nobody here answers it; say all in the arguments"}
	}
	if res.IsError {
		return answer{}, &gate.Fault{Code: toolError, Msg: "the server says that it failed: " + atlassian.Clean(texts(res), 2000)}
	}
	if s, ok := single(res); ok && res.StructuredContent == nil {
		return answer{body: []byte(s)}, nil
	}
	out := struct {
		Content    []mcp.Content `json:"content"`
		Structured any           `json:"structuredContent,omitempty"`
	}{res.Content, res.StructuredContent}
	if out.Content == nil {
		out.Content = []mcp.Content{}
	}
	b, err := seal.MarshalUpTo(&out, maxAnswer)
	if err != nil {
		return answer{}, &gate.Fault{Code: "content", Msg: "the server's answer is not one that can be passed on"}
	}
	return answer{b, gate.Content}, nil
}

// texts are the texts of an answer.
func texts(res *mcp.CallToolResult) string {
	var out []string
	for _, x := range res.Content {
		if t, ok := x.(*mcp.TextContent); ok {
			out = append(out, t.Text)
		}
	}
	return strings.Join(out, "\n")
}

// single is an answer's one text.
func single(res *mcp.CallToolResult) (string, bool) {
	if len(res.Content) != 1 {
		return "", false
	}
	t, ok := res.Content[0].(*mcp.TextContent)
	if !ok {
		return "", false
	}
	return t.Text, true
}
