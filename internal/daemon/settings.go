// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/clawea/clawea/internal/config"
	"github.com/clawea/clawea/internal/console"
)

// settings say what is configured that matters to people. They hold no secret, and do
// not say where one is; addresses that can be secrets themselves are left out.
func settings(c *config.Config, url string) []console.Section {
	return slices.Concat(houseSettings(c), loginSettings(&c.Login), whoSettings(c), modelSettings(c), siteSettings(c), egressSettings(c.Egress).section("Connections to hosts"), noticeSettings(c.Notify), otherSettings(c, c.Publishing(url)))
}

// A list collects the lines of a section; what is empty is left out.
type list []console.Setting

func (l *list) add(name string, values ...string) {
	values = slices.DeleteFunc(values, func(s string) bool { return s == "" })
	if len(values) > 0 {
		*l = append(*l, console.Setting{Name: name, Value: strings.Join(values, ", ")})
	}
}

func (l list) section(title string) []console.Section {
	if len(l) == 0 {
		return nil
	}
	return []console.Section{{Title: title, Settings: l}}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func houseSettings(c *config.Config) []console.Section {
	var l list
	l.add("House, the audience of its tokens", c.House)
	l.add("Address", c.URL)
	l.add("Listens on", c.Listen)
	l.add("Log", c.Origin)
	l.add("Database", c.Store.Kind())
	l.add("Carries nothing once revocations are out of sight for", time.Duration(c.RevocationBound).String())
	l.add("Tokens without a key are good where policies do not say", yesNo(c.PlainBearer))
	return l.section("The house")
}

func loginSettings(c *config.Login) []console.Section {
	var l list
	for i := range c.Providers {
		p := &c.Providers[i]
		l.add("Provider", p.Title+": "+p.Issuer)
		for _, role := range slices.Sorted(maps.Keys(p.Roles)) {
			l.add(p.Title+" makes "+role, p.Roles[role]...)
		}
		for _, group := range slices.Sorted(maps.Keys(p.Groups)) {
			l.add(p.Title+" puts into "+group, p.Groups[group]...)
		}
		step := "a login"
		if len(p.StepUp.ACR) > 0 {
			step = strings.Join(p.StepUp.ACR, " or ")
		}
		l.add("Step-up at "+p.Title, fmt.Sprintf("%s, within %v", step, time.Duration(p.StepUp.MaxAge)))
	}
	l.add("Local administrator", yesNo(c.Local()))
	l.add("Answers that want a step-up", map[string]string{config.StepUpHigh: "a yes to what is of high risk", config.StepUpAll: "each yes", config.StepUpNever: "none"}[c.StepUp.Answers])
	l.add("Sessions end", fmt.Sprintf("after %v unused, and after %v", time.Duration(c.Idle), time.Duration(c.Longest)))
	return l.section("Logging in")
}

// names are those of keys.
func names(list []config.Key) []string {
	var out []string
	for i := range list {
		out = append(out, list[i].Name())
	}
	return out
}

func whoSettings(c *config.Config) []console.Section {
	var l list
	l.add("Write policies", names(c.Authors)...)
	for _, name := range slices.Sorted(maps.Keys(c.Environments)) {
		q := c.Environments[name]
		l.add("Policies for "+name, fmt.Sprintf("%d of %s", q.Required, strings.Join(names(q.Approvers), ", ")))
	}
	if b := c.BreakGlass; b != nil {
		l.add("Policies for emergencies", fmt.Sprintf("%d of %s, for %v at most", b.Required, strings.Join(names(b.Approvers), ", "), time.Duration(b.Seconds())*time.Second))
	}
	l.add("Answer with key files", names(c.People)...)
	l.add("Attest to what agents run in", names(c.Launchers)...)
	for _, name := range slices.Sorted(maps.Keys(c.Groups)) {
		l.add("Group "+name, c.Groups[name]...)
	}
	var operators, clients, identities []string
	for _, o := range c.Operators {
		operators = append(operators, o.Name)
	}
	for _, x := range c.Clients {
		clients = append(clients, x.ID)
	}
	for _, x := range c.Identities {
		identities = append(identities, x.Name)
	}
	l.add("Operators", operators...)
	l.add("Clients", clients...)
	l.add("Identities", identities...)
	if c.Seam != nil {
		for _, g := range c.Seam.Gateways {
			l.add("Gateway "+g.Name+" may ask", cmp.Or(g.URL, "for tokens that are bound to no key"))
		}
	}
	return l.section("Who may what")
}

func modelSettings(c *config.Config) []console.Section {
	var l list
	for _, p := range c.Providers {
		l.add(p.Name, p.Dialect+" at "+p.BaseURL)
	}
	if len(c.Providers) == 0 {
		return nil
	}
	l.add("Prices", fmt.Sprintf("of %d models or patterns", len(c.Prices)))
	for _, x := range []struct {
		name string
		n    int
	}{{"Calls of a job in a minute", c.Limits.JobCalls}, {"Calls of an agent in a minute", c.Limits.AgentCalls}} {
		if x.n > 0 {
			l.add(x.name, fmt.Sprint(x.n))
		}
	}
	l.add("Longest request", fmt.Sprintf("%d bytes, within %v", c.Limits.Request, time.Duration(c.Limits.Read)))
	l.add("Longest answer", fmt.Sprintf("%d bytes, begun within %v", c.Limits.Answer, time.Duration(c.Limits.Header)))
	return l.section("Models")
}

func siteSettings(c *config.Config) (out []console.Section) {
	for _, x := range []struct {
		name string
		site *config.Site
	}{{"Confluence", c.Confluence}, {"Jira", c.Jira}} {
		s := x.site
		if s == nil {
			continue
		}
		var l list
		l.add("Site", s.Site)
		l.add("Deployment", map[string]string{config.Cloud: "Cloud", config.DataCenter: "Data Center"}[s.Deployment])
		var accounts []string
		for _, a := range s.Accounts() {
			if a.PerUser {
				accounts = append(accounts, a.Name+" (as people)")
			} else {
				accounts = append(accounts, a.Name)
			}
		}
		l.add("Accounts", accounts...)
		for _, agent := range slices.Sorted(maps.Keys(s.ActAs)) {
			l.add("Agent "+agent+" acts as", s.ActAs[agent])
		}
		l.add("What is restricted to some people is read", yesNo(s.AllowRestricted))
		l.add("Downloads are followed to", s.MediaHosts...)
		l.add("Page for what cannot be undone", s.Quarantine)
		out = append(out, l.section(x.name)...)
	}
	return out
}

func noticeSettings(n *config.Notify) []console.Section {
	if n == nil {
		return nil
	}
	var l list
	add := func(kind string, h *config.Hearing) {
		what := "all events"
		if len(h.Events) > 0 {
			what = strings.Join(h.Events, ", ")
		}
		if len(h.Groups) > 0 {
			what += ", for " + strings.Join(h.Groups, ", ")
		}
		l.add(h.Name, kind+": "+what)
	}
	for i := range n.Slack {
		add("Slack", &n.Slack[i].Hearing)
	}
	for i := range n.Email {
		add("email", &n.Email[i].Hearing)
	}
	for i := range n.Webhooks {
		add("webhook", &n.Webhooks[i].Hearing)
	}
	if n.Remind > 0 {
		l.add("Reminds after", n.Remind.String())
	}
	return l.section("Notices")
}

func otherSettings(c *config.Config, p *config.Pulse) []console.Section {
	var l list
	switch {
	case p == nil:
		l.add("Published bundles", "none: there is no \"pulse\" to keep them in")
	case p.KeepDays > 0:
		l.add("Published bundles", fmt.Sprintf("in %s, for %d days", shelf(p), p.KeepDays))
	default:
		l.add("Published bundles", "in "+shelf(p)+", for ever")
	}
	if c.Export != nil {
		for i := range c.Export.Webhooks {
			l.add("Copies of receipts go to", c.Export.Webhooks[i].Name)
		}
	}
	if !c.UndoPolicy.IsZero() {
		l.add("Policy of undoing", c.UndoPolicy.String())
	}
	l.add("Telemetry", yesNo(c.Telemetry != nil))
	return l.section("Bundles, copies, undoing and telemetry")
}

// shelf is where bundles are kept.
func shelf(p *config.Pulse) string {
	if p.S3 != nil {
		return "the bucket " + p.S3.Bucket
	}
	return "a directory"
}
