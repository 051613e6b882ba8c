// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/clawea/clawea/policy"
	"github.com/clawea/clawea/seal"
)

const loadsWPC = `{"agent_runtime":{"plugins_allowlist":["ledger","mail@DIGEST"],"skills_allowlist":["@acme/notes"]},"policy_name":"loads","purpose":"PURPOSE","tool_policy":{"allow":["desk.*"]},"wpc_version":"v1"}`

// What a draft's page says of plugins and skills is what publishing pins, or nothing is
// published.
func TestLoadsPages(t *testing.T) {
	h := newHouse(t)
	h.as("admin@house.test", Admin)
	is := func(kind, name, of string) policy.Extension {
		return policy.Extension{Kind: kind, Name: name, Digest: seal.Sum([]byte(of))}
	}
	mail := seal.Sum([]byte("mail")).String()
	propose := func(purpose string, xs ...policy.Extension) string {
		t.Helper()
		e := h.signed(h.ada, strings.NewReplacer("PURPOSE", purpose, "DIGEST", mail).Replace(loadsWPC))
		id, err := h.Drafts.Propose(t.Context(), e, "ada", xs...)
		if err != nil {
			t.Fatal(err)
		}
		return "/policies/drafts/" + id.String()
	}
	shown := regexp.MustCompile(`name="shown" value="(sha256:[0-9a-f]{64})"`)

	at := propose("first")
	wants(t, h.page(at), "Plugins and skills that agents may run with", `<code>`+mail+`</code></td><td data-label="Said by">the policy`, "nobody yet", "wpc propose -extensions FILE",
		"It cannot be published yet: it is not said how the plugin \"ledger\" is, which the policy lists")
	wants(t, h.page("/policies"), "waits")
	if res := h.fill(at + "/publish"); res.status != http.StatusConflict {
		t.Fatalf("published, and nobody says how ledger is: %d\n%s", res.status, res.body)
	}
	propose("first", is(policy.Plugin, "ledger", "1"), is(policy.Skill, "@acme/notes", "2"))
	page := h.page(at)
	wants(t, page, seal.Sum([]byte("1")).String(), "whoever proposed it", mail)
	seen := shown.FindStringSubmatch(page)
	if seen == nil || strings.Contains(page, "nobody yet") || strings.Contains(page, `data-label="Before"`) {
		t.Fatalf("the form does not say what was shown, or the page shows what is not\n%s", page)
	}

	if res := h.fill(at + "/discard"); res.status != http.StatusSeeOther { // and proposed anew, otherwise, before it is published
		t.Fatalf("not discarded: %d", res.status)
	}
	propose("first", is(policy.Plugin, "ledger", "another"), is(policy.Skill, "@acme/notes", "2"))
	for _, shown := range []string{seen[1], "", "sha256:1"} {
		if res := h.fill(at+"/publish", "shown", shown); res.status != http.StatusConflict || !strings.Contains(res.body, "not what you were shown") {
			t.Errorf("published what was not shown, %q: %d\n%s", shown, res.status, res.body)
		}
	}
	res := h.fill(at+"/publish", "shown", shown.FindStringSubmatch(h.page(at))[1])
	if res.status != http.StatusSeeOther {
		t.Fatalf("not published: %d\n%s", res.status, res.body)
	}
	published := h.page(res.header.Get("Location"))
	wants(t, published, "Plugins and skills that agents may run with", seal.Sum([]byte("another")).String(), "whoever published it", "the policy")

	next := h.page(propose("second", is(policy.Plugin, "ledger", "3"), is(policy.Skill, "@acme/notes", "2")))
	wants(t, next, "changed: it was <code>"+seal.Sum([]byte("another")).String()+"</code>", "the same", seal.Sum([]byte("3")).String())
	if page := h.page("/policies/" + h.publish(strings.Replace(serversWPC, "mcp_server", "official_api", 1)).String()); strings.Contains(page, "h-loads") {
		t.Error("a policy that lists no extensions speaks of them")
	}
}
