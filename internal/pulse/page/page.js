// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// The page of a published bundle. All that is shown of a bundle comes out of the
// verifier and becomes text, never markup.
"use strict";

(() => {
  const $ = (id) => document.getElementById(id);

  // el makes an element; children are elements and texts, nothing is left out.
  const el = (tag, look, ...children) => {
    const e = document.createElement(tag);
    if (look) e.className = look;
    e.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== ""));
    return e;
  };
  const list = (items, tag = "ul", look = "") => el(tag, look, items.map((i) => el("li", "", i)));
  const fold = (title, ...children) => el("details", "", el("summary", "", title), ...children);
  const some = (items) => items && items.length > 0;
  const count = (n) => n.toLocaleString("en");

  const time = (text) => {
    if (!text || text.startsWith("0001-")) return "";
    const e = el("time", "", text.replace("T", " ").replace("Z", " UTC"));
    e.dateTime = text;
    return e;
  };

  // pairs is a list of names and values; those without a value are left out.
  const pairs = (...rows) => el("dl", "", rows.filter(([, v]) => v !== "" && v !== null && v !== undefined && !(Array.isArray(v) && v.length === 0))
    .flatMap(([k, v]) => [el("dt", "", k), el("dd", "", Array.isArray(v) && typeof v[0] === "string" ? v.map((x) => el("div", "", x)) : v)]));

  // The file and the verifier: in the page, or beside it.

  const decode = (text) => {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const raw = atob(text), out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out;
  };

  const fetched = async (url) => {
    const r = await fetch(url, { credentials: "same-origin", referrerPolicy: "no-referrer" });
    if (!r.ok) throw new Error(`${url.includes("assets") ? "the verifier" : "the bundle"} could not be read (${r.status})\nreload the page; a link may have expired`);
    return new Uint8Array(await r.arrayBuffer());
  };

  const part = (name) => document.body.dataset[name] ? fetched(document.body.dataset[name]) : Promise.resolve(decode($(name).textContent.trim()));

  const start = async () => {
    const [bundle, packed] = await Promise.all([part("bundle"), part("verifier")]);
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const go = new globalThis.Go();
    const { instance } = await WebAssembly.instantiate(await new Response(unpacked).arrayBuffer(), go.importObject);
    go.run(instance);
    return bundle;
  };

  const told = (out) => {
    if (out.error) throw new Error(out.error);
    return out;
  };

  // What was found.

  const words = { pass: "holds", warn: "holds, with warnings", fail: "fails" };
  const levels = { fail: "Failed", warn: "Warning", pass: "Checked" };
  const axes = [
    ["integrity", "Integrity", "Does it all fit together, to the bit and to the decision?"],
    ["trust", "Signer trust", "Is it said by those whom you trust?"],
    ["completeness", "Completeness", "Is anything missing?"],
  ];

  // plain makes visible what is not in the report's texts; the story's are so already.
  const plain = (s) => s.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => /[\t\n\u200C\u200D]/.test(c) ? c : `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

  const finding = (f) => el("li", "", el("strong", f.level, levels[f.level]), " ", el("code", "", f.code), " ",
    f.seq ? el("span", "soft", `receipt ${f.seq}: `) : null, plain(f.text));

  const nothing = (report, name) => (report.unchecked || []).filter((u) => u.axis === name)
    .map((u) => el("li", "soft", el("strong", "", "Nothing to check"), " ", el("code", "", u.code)));

  const axis = (report, [name, title, question]) => {
    const found = report.findings.filter((f) => f.axis === name);
    const of = (level) => found.filter((f) => f.level === level);
    const level = report.axes[name];
    return el("section", "", el("h3", "", title, " ", el("span", `badge ${level}`, words[level])), el("p", "soft", question),
      name !== "trust" && report.axes.trust === "fail" ? el("p", "caution", "Only what is signed by those whom you trust was looked into.") : null,
      el("ul", "findings", [...of("fail"), ...of("warn"), ...of("pass")].map(finding), nothing(report, name)));
  };

  const verdict = (report) => {
    const c = report.calls;
    return el("section", "card",
      el("h2", "", report.verified ? "Verified, against the keys that you gave" : "Not verified, against the keys that you gave"),
      report.verified ? null : el("p", "caution", "This bundle does not prove what it says. Do not rely on anything below."),
      pairs(["Job", plain(report.job)], ["Bundle", el("span", "id", report.bundle)], ["Receipts", count(report.receipts)],
        ["From", time(report.from)], ["To", time(report.to)],
        ["Calls", `${c.allowed} allowed, ${c.denied} denied, ${c.asked} asked, ${c.refused} refused, ${c.unclosed} unclosed`],
        ["Models", (report.models || []).map((m) => `${plain(m.model)}: ${count(m.calls)} calls`)]),
      el("div", "axes", axes.map((a) => axis(report, a))),
      el("h3", "", "What this evidence cannot show"), list(report.limits));
  };

  // The story.

  const paper = (kind, p, ...children) => el("section", "card", el("h3", "", `${kind} ${p.number}`),
    p.unread ? el("p", "caution", `Not told: ${p.unread}.`) : children);

  const policy = (p) => paper("Policy", p,
    pairs(["Name", p.name], ["Hash", el("span", "id", p.hash)], ["Signed by", p.signers], ["Published", time(p.published)]),
    el("h4", "", "What it comes to"), list(p.says),
    some(p.names) ? fold("What its names led to", list(p.names)) : null,
    some(p.pins) ? fold("Which MCP servers it let agents use, and which of their tools", list(p.pins)) : null,
    some(p.extensions) ? fold("Which plugins and skills the agent's program could load", list(p.extensions)) : null);

  const token = (t) => paper("Token", t,
    pairs(["Id", el("span", "id", t.id)], ["Agent", t.agent], ["Ordered by", t.client], ["Ticket", t.ticket], ["Policy", el("span", "id", t.policy)],
      ["Issued", time(t.issued)], ["Expires", time(t.expires)],
      ["Bound", t.bound ? "to a key: stolen, it is worth nothing" : "to no key: whoever had it could use it"]),
    fold("What it may use of its policy", pairs(["Actions", t.actions], ["Places", t.places], ["Limits", t.limits])));

  // pre is a text that can be long: it scrolls by itself, and by keyboard.
  const pre = (label, look, ...children) => {
    const e = el("pre", look, ...children);
    e.tabIndex = 0;
    e.setAttribute("role", "group");
    e.setAttribute("aria-label", label);
    return e;
  };

  const text = (t) => {
    if (t.state === "redacted") return el("p", "soft", `${t.of}: redacted. Only a commitment to it is in the file.`);
    if (t.state === "broken") return el("p", "caution", `${t.of}: what is disclosed is not what the receipt commits to, and is not shown.`);
    return fold(`${t.of}: ${count(t.size)} bytes`, el("p", "soft", "Other people's text, or the agent's."), pre(t.of, "", t.text),
      t.cut ? el("p", "soft", `${count(t.cut)} bytes more are in the file.`) : null);
  };

  const attestation = (a) => paper("Attestation", a,
    el("p", "soft", "What the agent ran in, by the word of its launcher."),
    pairs(["Program", a.program], ["Agent", a.agent], ["Said by", a.launcher], ["At", time(a.at)], ["Tokens until", time(a.until)],
      ["Hash", el("span", "id", a.hash)], ["Policy", el("span", "id", a.policy)]),
    list(a.around), pairs(["Extensions", a.extensions], ["Checks", a.checks]),
    some(a.tools) ? fold(`Its tools: ${count(a.tools.length)}`, list(a.tools)) : null, ...(a.texts || []).map(text));

  const trace = (t) => paper("Trace", t,
    el("p", "caution", "What the program says of itself. It proves nothing, and was held against the receipts."),
    pairs(["Program", t.program], ["Agent", t.agent], ["Found by", t.launcher], ["At", time(t.at)], ["On attestation", el("span", "id", t.attestation || "none")]),
    some(t.calls) ? list(t.calls) : el("p", "soft", "It tells of no call."), ...(t.texts || []).map(text));

  const marks = { "+": "add", "-": "del", "@": "at", " ": "" };
  const diff = (lines) => some(lines) ? pre("Difference", "diff", lines.map((l) => el("span", marks[l.mark], l.text || " "))) : el("p", "soft", "No difference is recorded.");

  const change = (c, effect) => {
    if (!c) return [];
    const title = el("h4", "", effect === "allow" ? "Effect" : "Effect that it would have had");
    if (c.redacted) return [title, el("p", "soft", "What exactly it changes is redacted. Only a commitment to it is in the file.")];
    return [title, el("p", "", c.summary),
      pairs(["Target", c.target || "something new"], ["Undoes", c.undoes], ["Sends", c.sends],
        ["Undo", c.irreversible ? `nothing takes it back: ${c.irreversible}` : c.undo]),
      diff(c.diff)];
  };

  const said = (a) => a.withdraws ? el("strong", "", "Answer taken back") : el("strong", a.yes ? "allow" : "deny", a.yes ? "Yes" : "No");
  const answer = (a) => el("li", "", said(a), ` by ${a.by}, `, a.for ? `for ${a.for}, ` : null, time(a.at), a.reason ? `: “${a.reason}”` : "", el("br"),
    a.origin ? `Signed with a passkey at ${a.origin}, ` : "Signed with a key file, ", el("span", "id", a.key), ". ",
    a.yes ? ["It holds until ", time(a.expires), a.times > 1 ? `, for ${a.times} identical calls. ` : ". "] : null,
    a.shown ? "It names the difference that was shown. " : null,
    some(a.groups) ? `In the groups, as the house says: ${a.groups.join(", ")}. ` : null,
    a.for ? (some(a.under) ? `Under the delegation of ${a.for}: ${a.under.join("; ")}. ` : `No delegation of ${a.for} covers it. `) : null,
    a.own ? (a.for ? "One of the two ordered the job, so the yes does not count. " : "They ordered the job, so their yes does not count. ") : null,
    a.counted ? "This decision saw it." : "This decision did not see it.");

  const approval = (s) => !s.approval ? [] : [el("h4", "", "Approval"),
    el("p", "", s.waits ? "It waited for a person: " : "A person was asked: ", el("span", "id", s.approval)),
    some(s.answers) ? el("ul", "", s.answers.map(answer)) : el("p", "soft", "No answer to this call by a person whom you trust is in the file.")];

  const end = (title, o) => [el("h4", "", title), pairs(["Ended", `${o.status} ${o.code}`.trim()], ["Made or changed", o.target], ["Acted", o.actor],
    ["Model", o.model], ["Agent got", o.size ? `${count(o.size)} bytes` : ""], ["Said by", o.by], ["In", `receipt ${o.seq}`])];

  const outcome = (s) => [
    s.outcome ? end("Outcome", s.outcome) : s.effect === "allow" ? [el("h4", "", "Outcome"), el("p", "caution", "No receipt closes it: it may have happened.")] : [],
    s.learned ? end("Learned later", s.learned) : [],
  ].flat();

  const effects = { allow: "Allowed", ask: "Waited", deny: "Denied", refused: "Refused", order: "Order" };

  const step = (s) => {
    if (s.unread) return el("li", "step", el("h3", "", `Receipt ${s.seq}`), el("p", "caution", `Not told: ${s.unread}.`), el("ul", "findings", s.findings.map(finding)));
    return el("li", "step",
      el("h3", "", el("span", "soft", `${s.seq}.`), el("span", `badge ${s.effect}`, effects[s.effect]), s.name),
      el("p", "soft", time(s.at), s.class ? `, ${s.class}` : "", s.emergency ? ", under a policy for an emergency" : ""),
      some(s.findings) ? el("ul", "findings", s.findings.map(finding)) : null,
      s.carrier ? el("p", "caution", `This call was ${s.carrier}, not by the house.`) : null,
      some(s.touches) ? pairs(["Touches", s.touches]) : null,
      s.through ? pairs(["Through", s.through]) : null,
      some(s.reasons) ? [el("h4", "", "Decision"), el("ul", "", s.reasons.map((r) => el("li", "", r.says, r.clause ? [" ", el("code", "", r.clause)] : null,
        some(r.means) ? el("div", "soft", r.means.join(" ")) : null)))] : null,
      some(s.shadow) ? list(s.shadow) : null,
      approval(s), change(s.change, s.effect), outcome(s), s.texts.map(text));
  };

  const all = (open) => () => document.querySelectorAll("#result details").forEach((d) => { d.open = open; });
  const button = (title, act) => {
    const b = el("button", "", title);
    b.type = "button";
    b.addEventListener("click", act);
    return b;
  };

  const story = (s, verified) => [
    el("section", "card", el("h2", "", "The story"),
      el("p", verified ? "soft" : "caution", verified ? "As the signed papers tell it." : "This bundle is not verified. This is what its papers say, and it is not proved."),
      el("p", "tools", button("Open all", all(true)), " ", button("Close all", all(false)))),
    s.policies.map(policy), s.tokens.map(token), s.attestations.map(attestation),
    el("section", "", el("h2", "", "Each call, in order"), el("ol", "steps", s.steps.map(step)),
      s.more ? el("p", "caution", `${count(s.more)} more are in the file and were checked, and are not shown here.`) : null),
    s.traces.map(trace),
  ];

  // The page's own doings.

  const say = (words, look) => {
    $("status").textContent = words;
    $("status").className = look || "";
  };
  const stand = (words, look) => {
    $("standing").textContent = words;
    $("standing").className = `standing ${look || ""}`;
    document.title = `Proof of a job: ${words}`;
  };
  const reset = (why) => {
    $("result").replaceChildren();
    stand("Nothing on this page has been checked yet.");
    say(why || "", why ? "caution" : "");
  };

  const check = async (bundle) => {
    reset();
    say("Checking. This can take a while for a large bundle.");
    $("check").disabled = true;
    await new Promise((done) => setTimeout(done, 50)); // lets the words be painted
    try {
      const out = told(globalThis.clawea.verify(bundle, new TextEncoder().encode($("trust").value), Date.now()));
      const report = JSON.parse(out.report);
      $("result").replaceChildren(verdict(report), ...(out.story ? story(JSON.parse(out.story), report.verified).flat() : []));
      stand(report.verified ? "Verified, against the keys that you gave" : "Not verified", report.verified ? "pass" : "fail");
      say("Checked.");
      $("result").focus();
    } catch (e) {
      reset(e.message);
    } finally {
      $("check").disabled = false;
    }
  };

  const save = (bundle) => {
    const a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob([bundle], { type: "application/octet-stream" }));
    a.download = "job.proof";
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 60000);
  };

  const needs = (bundle) => {
    try {
      const c = JSON.parse(told(globalThis.clawea.claims(bundle)).claims);
      $("claims").replaceChildren(pairs(["File", el("span", "id", `${c.bundle}, ${count(c.size)} bytes`)],
        ...c.keys.map((k) => [k.for, k.more ? [...k.keys, `and ${k.more} more`] : k.keys])));
    } catch (e) {
      $("claims").replaceChildren(el("p", "caution", e.message));
    }
  };

  const open = async () => {
    let bundle, reading = Promise.resolve(); // the trust file
    $("ask").hidden = false;
    $("check").disabled = $("save").disabled = true;
    say("Starting the verifier.");
    $("form").addEventListener("submit", async (e) => {
      e.preventDefault();
      await reading;
      if (bundle) check(bundle);
    });
    $("save").addEventListener("click", () => save(bundle));
    $("trust").addEventListener("input", () => reset());
    const chosen = async () => {
      const f = $("trust-file").files[0];
      if (!f) return;
      if (f.size > 1 << 20) return reset(`a file of ${count(f.size)} bytes\nis it the trust file?`);
      $("trust").value = await f.text();
      if (bundle) reset();
    };
    $("trust-file").addEventListener("change", () => { reading = chosen().catch((e) => reset(e.message)); }); // also while the verifier starts
    addEventListener("beforeprint", all(true));
    bundle = await start();
    needs(bundle);
    $("check").disabled = $("save").disabled = false;
    say("");
  };

  open().catch((e) => say(`The verifier did not start: ${e.message}`, "caution"));
})();
