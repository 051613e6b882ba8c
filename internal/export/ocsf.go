// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"slices"
	"strings"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/receipt"
	"github.com/clawea/clawea/seal"
)

// Version is the version of OCSF whose classes are used. What is used of them is the
// same in later versions 1.x.
const Version = "1.3.0"

// Line returns the one event that s is, as canonical JSON with a newline. product is
// the version of Clawea that says so.
func Line(s Source, product string) ([]byte, error) {
	b, err := seal.Marshal(event(&s, product))
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// An ocsf is an event of class API Activity (6003) or Entity Management (3004).
type ocsf struct {
	ActivityID   int        `json:"activity_id"`
	ActivityName string     `json:"activity_name"`
	Actor        *actor     `json:"actor,omitempty"`
	API          *apiCall   `json:"api,omitempty"`
	CategoryName string     `json:"category_name"`
	CategoryUID  int        `json:"category_uid"`
	ClassName    string     `json:"class_name"`
	ClassUID     int        `json:"class_uid"`
	Entity       *entity    `json:"entity,omitempty"`
	Message      string     `json:"message"`
	Metadata     metadata   `json:"metadata"`
	Resources    []resource `json:"resources,omitempty"`
	Severity     string     `json:"severity"`
	SeverityID   int        `json:"severity_id"`
	Source       *endpoint  `json:"src_endpoint,omitempty"`
	Status       string     `json:"status"`
	StatusCode   string     `json:"status_code,omitempty"`
	StatusID     int        `json:"status_id"`
	Time         int64      `json:"time"` // milliseconds since 1970
	TypeName     string     `json:"type_name"`
	TypeUID      int        `json:"type_uid"`
	Unmapped     unmapped   `json:"unmapped"`
}

type metadata struct {
	Correlation string  `json:"correlation_uid"`
	LogName     string  `json:"log_name"`
	Product     product `json:"product"`
	Sequence    uint64  `json:"sequence"`
	UID         string  `json:"uid"`
	Version     string  `json:"version"`
}

type product struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor_name"`
	Version string `json:"version,omitempty"`
}

type actor struct {
	AppName        string          `json:"app_name,omitempty"`
	Authorizations []authorization `json:"authorizations,omitempty"`
	Session        *session        `json:"session,omitempty"`
	User           *user           `json:"user,omitempty"`
}

type authorization struct {
	Decision string      `json:"decision"`
	Policy   *policyName `json:"policy,omitempty"`
}

type policyName struct {
	UID string `json:"uid"`
}

type session struct {
	UID string `json:"uid"`
}

type user struct {
	Name string `json:"name"`
}

type apiCall struct {
	Operation string    `json:"operation"`
	Request   *request  `json:"request,omitempty"`
	Response  *response `json:"response,omitempty"`
	Service   *service  `json:"service,omitempty"`
}

type request struct {
	UID string `json:"uid"`
}

type response struct {
	Message string `json:"message"`
}

type service struct {
	Name string `json:"name"`
}

type endpoint struct {
	Service string `json:"svc_name"`
	UID     string `json:"uid"`
}

type entity struct {
	Name string `json:"name"`
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type resource struct {
	Name    string `json:"namespace,omitempty"` // the site whose id it is
	Type    string `json:"type"`
	UID     string `json:"uid"`
	Version string `json:"version,omitempty"`
}

type unmapped struct {
	Clawea house `json:"clawea"`
}

// A house is what OCSF has no place for.
type house struct {
	Approval   string         `json:"approval,omitempty"`  // the question whose answer let it through
	Approvers  []string       `json:"approvers,omitempty"` // whose answers the decision saw, "kim: yes", "kim for ana: yes"
	Args       seal.Hash      `json:"args,omitzero"`
	Asks       string         `json:"asks,omitempty"`
	Binding    seal.Hash      `json:"binding,omitzero"`
	BreakGlass bool           `json:"break_glass,omitzero"`
	By         string         `json:"by,omitempty"`      // whose word an outcome is
	Carrier    string         `json:"carrier,omitempty"` // who carries the call out, if not the house
	Change     seal.Hash      `json:"change,omitzero"`
	Class      string         `json:"class,omitempty"`
	Clauses    []string       `json:"clauses,omitempty"`
	Decision   string         `json:"decision,omitempty"`
	Found      map[string]int `json:"found,omitempty"`
	Job        string         `json:"job"`
	Kind       string         `json:"kind"`
	Model      string         `json:"model,omitempty"`
	More       int            `json:"more_resources,omitzero"` // that are not listed
	Opened     string         `json:"opened,omitempty"`
	Outcome    string         `json:"outcome,omitempty"`
	Policy     seal.Hash      `json:"policy,omitzero"`
	Prev       seal.Hash      `json:"prev"`
	Receipt    string         `json:"receipt"`
	Refused    string         `json:"refused,omitempty"`
	Result     seal.Hash      `json:"result,omitzero"`
	Revocation int64          `json:"revocation,omitzero"`
	Tokens     int            `json:"tokens,omitzero"` // that a model provider counted
}

// maxResources is how many things that a call touches a line names: no receiver takes
// a line of any length.
const maxResources = 1000

// unknown is who or what is not known, where OCSF wants a name.
const unknown = "unknown"

// ident is s as it is, if it can be a name or an id: printable ASCII without spaces,
// and not long. What cannot is cut and has its other characters replaced.
func ident(s string) string {
	out := strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return '?'
	}, s)
	return out[:min(len(out), 200)]
}

func event(s *Source, version string) *ocsf {
	r := s.Receipt
	e := &ocsf{
		Time: r.At.UnixMilli(),
		Metadata: metadata{
			Correlation: ident(r.Job), LogName: "receipts", Product: product{"Clawea", "Clawea", version}, Sequence: r.Seq, UID: ident(r.Name()), Version: Version,
		},
		Unmapped: unmapped{house{Job: ident(r.Job), Kind: string(r.Kind), Receipt: ident(r.Name()), Prev: r.Prev, By: ident(r.By)}},
	}
	if r.Revocation != nil {
		e.order(r)
	} else {
		e.call(s)
	}
	e.TypeUID, e.TypeName = e.ClassUID*100+e.ActivityID, e.ClassName+": "+e.ActivityName
	return e
}

// order is a revocation, or its end.
func (e *ocsf) order(r *receipt.Receipt) {
	e.CategoryUID, e.CategoryName, e.ClassUID, e.ClassName = 3, "Identity & Access Management", 3004, "Entity Management"
	e.ActivityID, e.ActivityName = 9, "Disable"
	e.severity(3)
	if r.Kind == receipt.Restored {
		e.ActivityID, e.ActivityName = 8, "Enable"
		e.severity(2)
	}
	o := r.Revocation
	e.Entity = &entity{Name: ident(cmp.Or(o.Target, string(o.Kind))), Type: ident(string(o.Kind)), UID: ident(cmp.Or(o.Target, string(o.Kind)))}
	e.Actor = &actor{User: &user{ident(cmp.Or(o.By, unknown))}}
	e.Message = string(r.Kind) + " " + e.Entity.Type
	e.Unmapped.Clawea.Revocation = o.ID
	e.status(1)
}

// call is something of a call: what was decided, or what became of it.
func (e *ocsf) call(s *Source) {
	r := s.Receipt
	e.CategoryUID, e.CategoryName, e.ClassUID, e.ClassName = 6, "Application Activity", 6003, "API Activity"
	about := r
	if r.Kind != receipt.Opened {
		about = s.Opened
	}
	agent := ident(cmp.Or(s.Agent, unknown))
	e.Source = &endpoint{Service: agent, UID: ident(r.Job)}
	e.Actor = &actor{AppName: agent}
	if s.Client != "" {
		e.Actor.User = &user{ident(s.Client)}
	}
	if r.Token != "" {
		e.Actor.Session = &session{ident(string(r.Token))}
	}
	e.API = &apiCall{Operation: unknown, Request: &request{ident(r.Name())}}
	e.activity(nil)
	if about != nil && about.Call != nil {
		e.about(about)
	}
	if r.Kind == receipt.Opened {
		e.decided(r)
	} else {
		e.ended(r)
	}
}

// about says what call it is.
func (e *ocsf) about(r *receipt.Receipt) {
	c, h := r.Call, &e.Unmapped.Clawea
	e.API.Operation, e.API.Service, e.API.Request.UID = ident(c.Name()), &service{ident(c.Tool)}, ident(r.Name())
	e.activity(c)
	h.More = max(0, len(c.Resources)-maxResources)
	for _, x := range c.Resources[:len(c.Resources)-h.More] {
		e.Resources = append(e.Resources, resource{ident(c.Site), ident(x.Type), ident(x.ID), ident(x.Version)})
	}
	h.Class, h.Args, h.Change, h.Carrier = ident(string(c.Class)), c.Args, c.Change, ident(c.Carrier)
	for rule, n := range c.Found {
		if h.Found == nil {
			h.Found = map[string]int{}
		}
		h.Found[ident(rule)] += n
	}
	if d := r.Decision; d != nil {
		h.Policy, h.Binding, h.BreakGlass, h.Approval = d.Policy, d.Binding, d.BreakGlass, ident(d.Approval)
		e.Actor.Authorizations = []authorization{{Decision: d.Effect.String()}}
		if !d.Policy.IsZero() {
			e.Actor.Authorizations[0].Policy = &policyName{d.Policy.String()}
		}
	}
}

// The words that actions end in which make or remove something.
var (
	making   = []string{"create", "add", "comment", "upload", "attach", "link", "copy"}
	removing = []string{"delete", "remove", "trash", "uncomment", "unlink", "detach", "purge"}
)

// activity says what c does to what it is about. Nil is not known.
func (e *ocsf) activity(c *policy.Call) {
	e.ActivityID, e.ActivityName = 0, "Unknown"
	if c == nil {
		return
	}
	verb := c.Action[strings.LastIndexByte(c.Action, '.')+1:]
	switch {
	case c.Class == policy.Read || c.Class == policy.Search:
		e.ActivityID, e.ActivityName = 2, "Read"
	case c.Class == policy.Model:
		e.ActivityID, e.ActivityName = 99, "Model call"
	case c.Class == policy.Connect:
		e.ActivityID, e.ActivityName = 99, "Connection"
	case !c.Mutates():
	case slices.Contains(making, verb):
		e.ActivityID, e.ActivityName = 1, "Create"
	case slices.Contains(removing, verb):
		e.ActivityID, e.ActivityName = 4, "Delete"
	default:
		e.ActivityID, e.ActivityName = 3, "Update"
	}
}

// decided says what r decided.
func (e *ocsf) decided(r *receipt.Receipt) {
	d, h := r.Decision, &e.Unmapped.Clawea
	h.Decision, h.Asks, h.Refused = d.Effect.String(), ident(r.Asks), ident(r.Refused)
	for _, reason := range d.Reasons {
		if reason.Clause != "" {
			h.Clauses = append(h.Clauses, ident(reason.Clause))
		}
	}
	if r.Facts != nil {
		for _, a := range r.Facts.Approvals {
			who := ident(a.By)
			if a.For != "" {
				who += " for " + ident(a.For)
			}
			h.Approvers = append(h.Approvers, who+map[bool]string{true: ": yes", false: ": no"}[a.Yes])
		}
	}
	switch d.Effect {
	case policy.Allow:
		e.status(1)
		e.severity(1)
	case policy.Ask:
		e.status(99)
		e.Status = "Waiting for approval"
		e.severity(2)
	default:
		e.status(2)
		e.severity(3)
	}
	if d.BreakGlass {
		e.severity(4)
	}
	e.StatusCode = h.Refused
	e.Message = d.Effect.String() + " " + e.API.Operation
}

// ended says what became of a call.
func (e *ocsf) ended(r *receipt.Receipt) {
	out, h := r.Outcome, &e.Unmapped.Clawea
	h.Opened, h.Outcome, h.Result = (&receipt.Receipt{Job: ident(r.Job), Seq: r.Opened}).Name(), ident(string(out.Status)), out.Result
	switch out.Status {
	case receipt.Done:
		e.status(1)
		e.severity(1)
	case receipt.Failed:
		e.status(2)
		e.severity(2)
	case receipt.Aborted:
		e.status(99)
		e.Status = "Aborted"
		e.severity(2)
	default:
		e.status(0)
		e.severity(3)
	}
	e.StatusCode = ident(out.Code)
	e.API.Response = &response{h.Outcome}
	if t := out.Target; t != nil && !slices.ContainsFunc(e.Resources, func(x resource) bool { return x.Type == ident(t.Type) && x.UID == ident(t.ID) }) {
		e.Resources = append(e.Resources, resource{Type: ident(t.Type), UID: ident(t.ID), Version: ident(t.Version)})
	}
	if m := out.Model; m != nil {
		h.Model = ident(cmp.Or(m.Model, m.Provider))
		if m.Usage != nil {
			h.Tokens = m.Usage.Input + m.Usage.Output
		}
	}
	e.Message = string(r.Kind) + " " + h.Outcome + " " + e.API.Operation
}

func (e *ocsf) status(id int) {
	e.StatusID, e.Status = id, map[int]string{0: "Unknown", 1: "Success", 2: "Failure", 99: "Other"}[id]
}

func (e *ocsf) severity(id int) {
	e.SeverityID, e.Severity = id, map[int]string{1: "Informational", 2: "Low", 3: "Medium", 4: "High"}[id]
}
