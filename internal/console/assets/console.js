// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

// Every page works without this. It keeps lists fresh and opens texts in place.
// It builds nothing from text: what it shows are nodes of pages of this house,
// which hold no scripts that run.
"use strict";

// page fetches a page of this house and hands on its document.
function page(address, done, failed) {
  const request = new XMLHttpRequest();
  request.open("GET", address);
  request.responseType = "document";
  request.timeout = 20000;
  request.onload = () => request.status === 200 && request.response ? done(request.response) : failed();
  request.onerror = failed;
  request.ontimeout = failed;
  request.send();
}

// told is what of a list counts as new: its text, without the time of the page.
function told(list) {
  const copy = list.cloneNode(true);
  for (const part of copy.querySelectorAll("[data-ignore]")) part.remove();
  return copy.textContent;
}

// live keeps a list fresh. It leaves the list alone while the focus is in it.
function live(list) {
  const every = Number(list.dataset.live) * 1000;
  const says = document.getElementById(list.id + "-says");
  let wait = every;
  const again = () => setTimeout(look, wait);
  function look() {
    if (document.hidden || list.contains(document.activeElement)) return again();
    page(location.href, (fresh) => {
      const next = fresh.getElementById(list.id);
      wait = every;
      if (!next) return; // signed out, or no longer allowed
      const changed = told(next) !== told(list);
      list.replaceChildren(...document.importNode(next, true).childNodes);
      if (changed && says) says.textContent = list.querySelectorAll("tbody tr").length + " " + list.dataset.says;
      again();
    }, () => {
      wait = Math.min(wait * 2, 300000);
      again();
    });
  }
  again();
}

// openInPlace shows the part of a page that a link leads to below the link, and
// takes it away at the next click.
function openInPlace(link) {
  const shown = link.parentElement.querySelector(":scope > .opened");
  if (shown) {
    shown.remove();
    link.setAttribute("aria-expanded", "false");
    return;
  }
  if (link.getAttribute("aria-busy") === "true") return;
  link.setAttribute("aria-busy", "true");
  page(link.href, (fresh) => {
    link.removeAttribute("aria-busy");
    const part = fresh.getElementById(link.dataset.open);
    if (!part) return location.assign(link.href);
    const box = document.createElement("section");
    box.className = "opened";
    box.setAttribute("aria-label", link.textContent);
    for (const node of document.importNode(part, true).childNodes) box.append(node.cloneNode(true));
    for (const title of box.querySelectorAll("h1")) {
      const lower = document.createElement("h3");
      lower.append(...title.childNodes);
      title.replaceWith(lower);
    }
    link.parentElement.append(box);
    link.setAttribute("aria-expanded", "true");
  }, () => location.assign(link.href));
}

// post sends JSON to this house and returns its answer, or fails with two lines.
async function post(address, body, csrf) {
  const headers = { "Content-Type": "application/json" };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body), credentials: "same-origin" });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const failed = new Error((said.title || "the house does not answer as it should") + ": " + (said.hint || "load the page anew"));
    if (said.link && said.link.startsWith("/")) failed.link = said.link; // where that is mended
    throw failed;
  }
  return said;
}

// made has the browser make a passkey, and used has it sign with one.
async function made(request) {
  const key = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(request) });
  return key.toJSON();
}
async function used(request) {
  const key = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(request) });
  return key.toJSON();
}

// What a form with a passkey does, by its name.
const doings = {
  async login() {
    await post("/login/passkey/finish", await used(await post("/login/passkey/begin", {})));
    location.assign("/");
  },
  async again(form, csrf) {
    await post("/login/passkey/finish", await used(await post("/login/passkey/begin", {}, csrf)), csrf);
    location.reload();
  },
  async register(form, csrf) {
    const key = await made(await post("/passkeys/begin", {}, csrf));
    await post("/passkeys/finish", { ...key, label: form.elements.label.value }, csrf);
    location.assign("/account");
  },
  async answer(form, csrf, verdict) {
    const at = "/approvals/" + encodeURIComponent(form.dataset.question);
    const offer = await post(at + "/offer", {
      yes: verdict === "yes", withdraws: verdict === "withdraw", reason: form.elements.reason.value,
      minutes: Number(form.elements.minutes.value), times: verdict === "yes" ? Number(form.elements.times.value) : 0,
      for: form.elements.whose ? form.elements.whose.value : "",
    }, csrf);
    await post(at + "/answer", { payload: offer.payload, answer: await used(offer.request) }, csrf);
    location.reload();
  },
  async delegate(form, csrf) {
    const said = (name) => form.elements[name] ? form.elements[name].value : "";
    const offer = await post("/account/delegations/offer", {
      to: said("to"), begins: said("begins"), ends: said("ends"), reason: said("reason"), withdraws: form.dataset.delegation || "",
    }, csrf);
    await post("/account/delegations", { payload: offer.payload, answer: await used(offer.request) }, csrf);
    location.assign("/account");
  },
  async policy(form, csrf) {
    const at = "/policies/drafts/" + encodeURIComponent(form.dataset.draft);
    await post(at + "/sign", { answer: await used((await post(at + "/offer", {}, csrf)).request) }, csrf);
    location.reload();
  },
};

// byPasskey has a form do what it is for, and tells how it went.
function byPasskey(form) {
  const says = form.querySelector("[data-says]");
  const buttons = form.querySelectorAll("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    for (const b of buttons) b.disabled = true;
    says.textContent = "Use your passkey…";
    try {
      await doings[form.dataset.passkey](form, form.dataset.csrf, event.submitter && event.submitter.value);
      says.textContent = "Done.";
    } catch (err) {
      says.textContent = err.name === "NotAllowedError" ? "Nothing was signed: the passkey was not used, or not in time." : err.message;
      for (const b of buttons) b.disabled = false;
      if (err.link) location.assign(err.link); // and back to this page
    }
  });
}

// unfold opens the step that the page's address names.
function unfold() {
  const step = location.hash && document.getElementById(location.hash.slice(1));
  const details = step && step.querySelector("details");
  if (details) details.open = true;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest && event.target.closest("a[data-open]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  openInPlace(link);
});
window.addEventListener("hashchange", unfold);
for (const link of document.querySelectorAll("a[data-open]")) link.setAttribute("aria-expanded", "false");
for (const list of document.querySelectorAll("[data-live]")) live(list);
for (const form of document.querySelectorAll("form[data-passkey]")) byPasskey(form);
unfold();
