// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package openclaw

import (
	"maps"
	"slices"

	"github.com/clawea/clawea/policy"
)

// build writes down all that Clawea sets. Maps and lists through which OpenClaw
// finds models, servers, tools or extensions are set whole: one more entry would be
// one more way out.
func (b *builder) build() {
	b.models()
	b.tools()
	b.commands()
	b.box()
	b.mcp()
	b.extensions()
	b.agents()
	b.world()
	b.gateway()
}

func (b *builder) models() {
	var list []any
	for _, id := range b.o.Models {
		list = append(list, map[string]any{"id": id, "name": id})
	}
	provider := map[string]any{"baseUrl": b.o.BaseURL, "apiKey": b.o.APIKey, "api": b.o.API, "models": list}
	if len(b.o.Headers) > 0 {
		provider["headers"] = headers(b.o.Headers)
	}
	const why = "models are asked through the house"
	b.set(Critical, "models.mode", "replace", why)
	b.set(Critical, "models.providers", map[string]any{Provider: provider}, why)
	b.set(Warning, "models.catalogRefresh", map[string]any{"enabled": false}, "nothing is fetched but by the agent")
	b.set(Critical, "agents.defaults.model", map[string]any{"primary": Provider + "/" + b.o.Models[0]}, why)
	b.set(Critical, "agents.defaults.modelPolicy", map[string]any{"allow": []any{Provider + "/*"}}, why)
	b.unset(Critical, "no other model is asked, for whatever purpose", "agents.defaults.utilityModel", "agents.defaults.decisionModel", "agents.defaults.imageModel",
		"agents.defaults.mediaModels", "agents.defaults.voiceModel", "agents.defaults.pdfModel", "agents.defaults.models")
}

func headers(h map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range maps.All(h) {
		out[k] = v
	}
	return out
}

func (b *builder) tools() {
	allow := append(slices.Clone(b.allow), ServerTools+"*")
	const why = "the model is offered what the policy can let it use"
	b.add(Within, Critical, "tools.allow", texts(allow), why)
	b.add(Holding, Critical, "tools.deny", texts(b.deny), why)
	b.set(Warning, "tools.profile", "full", "a profile hides tools that the list allows, the house's own among them")
	b.unset(Critical, "no other list widens what is allowed", "tools.alsoAllow", "tools.byProvider", "tools.toolsBySender", "tools.subagents")
	b.set(Critical, "tools.sandbox", map[string]any{"tools": map[string]any{"allow": texts(allow), "deny": texts(b.deny)}}, "in a sandbox the same tools are offered")
	const hidden = "no tool stands for others that the house then does not see offered"
	b.set(Critical, "tools.toolSearch", false, hidden)
	b.set(Critical, "tools.codeMode", false, hidden)
	b.set(Critical, "tools.swarm", false, "no agents are started beside the job's")
	b.set(Warning, "tools.fs", map[string]any{"workspaceOnly": true}, "files are those of the workspace")
	b.set(Warning, "tools.agentToAgent", map[string]any{"enabled": false}, "the job's agent speaks with no other")
	b.set(Warning, "tools.sessions", map[string]any{"visibility": "self"}, "the job's agent sees its own session")
	b.set(Warning, "tools.web.search.enabled", b.allowed["web_search"], why)
	b.set(Warning, "tools.web.fetch.enabled", b.allowed["web_fetch"], why)
	b.set(Warning, "browser.enabled", b.allowed["browser"], why)
	off := map[string]any{"enabled": false}
	const unasked = "nothing reads what comes in by programs and models of its own"
	b.set(Critical, "tools.media", map[string]any{"audio": off, "image": off, "video": off}, unasked)
	b.set(Critical, "tools.links", off, unasked)
	b.unset(Warning, "no identity of its own on GitHub", "tools.github")
}

// commands is all about programs that the agent, or whoever talks to it, could run.
func (b *builder) commands() {
	mode, host := "deny", "gateway"
	if b.allowed["exec"] {
		mode = "full" // the plugin asks the house about every command: OpenClaw does not ask once more
	}
	if b.sandboxed {
		host = "sandbox" // which runs nothing where there is none
	}
	const why = "commands run where and if the policy says so"
	b.set(Critical, "tools.exec.mode", mode, why)
	b.set(Critical, "tools.exec.host", host, why)
	b.set(Warning, "tools.exec.applyPatch", map[string]any{"workspaceOnly": true}, "files are those of the workspace")
	b.unset(Critical, why, "tools.exec.security", "tools.exec.ask", "tools.exec.node", "tools.exec.safeBins", "tools.exec.safeBinProfiles",
		"tools.exec.safeBinTrustedDirs", "tools.exec.pathPrepend", "tools.exec.reviewer")
	if b.allowed["exec"] && !b.sandboxed && b.refers() {
		b.note("commands find in their environment what the configuration refers to, tokens among it: have clawea run's sidecar hold the token instead")
	}
	if !b.elevated {
		b.set(Critical, "tools.elevated", map[string]any{"enabled": false}, "nothing is run outside of the sandbox")
		b.set(Critical, "agents.defaults.elevatedDefault", "off", "nothing is run outside of the sandbox")
	}
	const chat = "nobody changes the configuration or runs commands by talking to the agent"
	for _, name := range []string{"bash", "config", "mcp", "plugins", "debug", "restart"} {
		b.set(Critical, "commands."+name, false, chat)
	}
	b.set(Warning, "agents.defaults.embeddedAgent.projectSettingsPolicy", "ignore", "no file of the workspace configures the agent")
	b.set(Critical, "env.shellEnv", map[string]any{"enabled": false}, "no secrets come in from a login shell")
}

// refers reports whether the configuration refers to variables of the environment.
func (b *builder) refers() bool {
	texts := append(slices.Collect(maps.Values(b.o.Headers)), b.o.APIKey, b.o.Gateway)
	return slices.ContainsFunc(texts, referenced.MatchString)
}

// box is the sandbox.
func (b *builder) box() {
	const why = "tools run where the policy expects it"
	mode := "off"
	if b.sandboxed {
		mode = "all"
	}
	const at = "agents.defaults.sandbox."
	b.set(Critical, at+"mode", mode, why)
	b.set(Warning, at+"scope", "session", "no sandbox is shared")
	b.set(Critical, at+"workspaceAccess", b.workspace, why)
	b.unset(Critical, "nothing else of the host is in the sandbox", at+"docker.binds", at+"browser.binds", at+"workspaceRoot",
		at+"docker.dangerouslyAllowReservedContainerTargets", at+"docker.dangerouslyAllowExternalBindSources", at+"docker.dangerouslyAllowContainerNamespaceJoin")
	if b.sandboxed {
		b.set(Critical, at+"docker.network", "none", "what runs in the sandbox reaches nobody")
	} else {
		b.unset(Warning, "there is no sandbox", at+"docker.network")
	}
}

func (b *builder) mcp() {
	server := map[string]any{"transport": "streamable-http", "url": b.o.MCP, "connectionTimeoutMs": 10_000, "requestTimeoutMs": 60_000}
	if len(b.o.Headers) > 0 {
		server["headers"] = headers(b.o.Headers)
	}
	b.set(Critical, "mcp.servers", map[string]any{Server: server}, "systems are reached through the house")
}

func (b *builder) extensions() {
	const why = "only what the policy pins is loaded"
	plugins, paths := b.o.names(policy.Plugin), slices.Clone(b.o.PluginPaths)
	if g := b.o.Plugin; g != nil {
		plugins, paths = append(plugins, Guard), append(paths, g.Folder)
	}
	slices.Sort(plugins)
	b.set(Critical, "plugins.enabled", len(plugins) > 0, "a list without a plugin means every bundled one, so there are none at all then")
	b.set(Critical, "plugins.allow", texts(slices.Compact(plugins)), why)
	b.set(Critical, "plugins.load", map[string]any{"paths": texts(paths)}, why)
	b.unset(Critical, why, "plugins.deny")
	memory := "none"
	if b.o.has(policy.Plugin, "memory-core") {
		memory = "memory-core"
	}
	b.set(Critical, "plugins.slots", map[string]any{"memory": memory}, why)
	if g := b.o.Plugin; g != nil {
		b.set(Critical, "plugins.entries."+Guard, map[string]any{
			"enabled": true,
			"hooks":   map[string]any{"allowConversationAccess": true, "allowPromptInjection": false, "timeoutMs": g.timeout().Milliseconds()},
			"config":  map[string]any{"url": g.URL, "secretFile": g.Secret, "waitSeconds": int(g.Wait.Seconds())},
		}, "the house is asked about every local tool")
	}
	skills := texts(b.o.names(policy.Skill))
	b.set(Critical, "skills.allowBundled", skills, why)
	b.set(Critical, "agents.defaults.skills", skills, why)
	b.unset(Critical, why, "skills.load")
	b.set(Critical, "skills.workshop.autonomous", map[string]any{"mode": "off"}, "the agent does not teach itself")
	b.set(Critical, "hooks.enabled", false, "nothing starts the agent but its launcher")
	b.set(Critical, "hooks.internal", map[string]any{"enabled": false}, why)
}

// agents bounds what agents may be otherwise than by default.
func (b *builder) agents() {
	b.set(Warning, "agents.defaults.workspace", b.o.Workspace, "the agent works in its own folder")
	b.unset(Warning, "the agent works in its own folder", "agents.defaults.cwd", "agents.defaults.repoRoot")
	b.set(Warning, "agents.defaults.skipBootstrap", true, "the workspace stays as it is")
	b.set(Warning, "agents.defaults.heartbeat", map[string]any{"every": "0m"}, "the agent does nothing by itself")
	b.unset(Critical, "no agents are started beside the job's", "agents.defaults.subagents.allowAgents", "agents.defaults.subagents.model")
	b.unset(Critical, "OpenClaw takes it for agents.entries, as it is", "agents.list")
	const each = "agents.entries.*."
	b.unset(Critical, "no agent has more than the defaults", each+"tools", each+"sandbox", each+"model", each+"models", each+"modelPolicy", each+"utilityModel",
		each+"decisionModel", each+"skills", each+"runtime", each+"subagents", each+"memory", each+"embeddedAgent", each+"workspace", each+"cwd", each+"agentDir", each+"heartbeat")
}

// world is what OpenClaw does of its own accord.
func (b *builder) world() {
	const why = "nothing is fetched or told but by the agent"
	b.set(Warning, "update.checkOnStart", false, why)
	b.set(Warning, "update.auto", map[string]any{"enabled": false}, why)
	b.set(Warning, "telemetry.enabled", false, why)
	b.set(Warning, "discovery.mdns", map[string]any{"mode": "off"}, why)
	b.unset(Warning, why, "discovery.wideArea")
	b.set(Warning, "memory.search.enabled", b.allowed["memory_search"], why)
	const elsewhere = "nothing of the job is done elsewhere, or later"
	b.set(Critical, "acp.enabled", false, elsewhere)
	b.set(Critical, "cron.enabled", b.allowed["automations"], elsewhere)
	b.unset(Critical, elsewhere, "cloudWorkers")
	b.unset(Critical, "no finding of the audit is hidden", "security.audit.suppressions")
}

// gateway bounds OpenClaw's own server, for those who run it.
func (b *builder) gateway() {
	const why = "nobody else gets at the agent"
	b.set(Warning, "gateway.mode", "local", why)
	b.set(Critical, "gateway.bind", "loopback", why)
	b.set(Critical, "gateway.auth.mode", "token", why)
	if b.o.Gateway != "" {
		b.set(Critical, "gateway.auth.token", b.o.Gateway, why)
	}
	b.set(Warning, "gateway.auth.rateLimit", map[string]any{"maxAttempts": 10, "windowMs": 60_000, "lockoutMs": 300_000}, why)
	b.unset(Critical, why, "gateway.auth.trustedProxy", "gateway.auth.allowTailscale", "gateway.trustedProxies", "gateway.allowRealIpFallback", "gateway.http.endpoints", "gateway.tools", "gateway.portals", "gateway.remote")
	b.set(Critical, "gateway.controlUi.enabled", false, why)
	b.set(Critical, "gateway.tailscale", map[string]any{"mode": "off"}, why)
	b.set(Critical, "gateway.terminal.enabled", false, why)
	b.set(Critical, "gateway.cliAgents.enabled", false, why)
	b.set(Critical, "gateway.nodes", map[string]any{"allowSkills": false, "browser": map[string]any{"mode": "off"}, "pluginTools": map[string]any{"enabled": false}}, "no paired machine brings tools or skills")
}

// texts is a list as JSON has it.
func texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
