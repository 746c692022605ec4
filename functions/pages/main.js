// What is shown, by the address behind the #.

import { enter, signOut, signsIn } from "./door.js";
import { el, problem } from "./element.js";
import { callPage, callsPage } from "./calls.js";
import { auditPage, figuresPage, healthPage } from "./figures.js";
import { promptsPage } from "./prompts.js";
import { recordingsPage } from "./recordings.js";

const PAGES = {
  calls: callsPage, call: callPage, recordings: recordingsPage, prompts: promptsPage, figures: figuresPage,
  health: healthPage, audit: auditPage,
};

const content = document.getElementById("content");
let me = null;
let turn = 0;

async function show() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  if (name === "content") return;
  const page = PAGES[name] ? name : "calls";
  for (const link of document.querySelectorAll("nav a")) {
    const current = link.hash === `#${page === "call" ? "calls" : page}`;
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const mine = ++turn;
  content.setAttribute("aria-busy", "true");
  let made;
  try {
    made = await PAGES[page]({ me, rest: rest.map(decodeURIComponent) });
  } catch (error) {
    made = [el("h1", {}, "That did not work"), problem(error)];
  }
  if (mine !== turn) return;
  content.replaceChildren(...made);
  content.removeAttribute("aria-busy");
  const title = content.querySelector("h1");
  document.title = `${title?.textContent ?? "Console"} – Dialtone console`;
  title?.setAttribute("tabindex", "-1");
  if (mine > 1) title?.focus();
}

async function start() {
  try {
    me = await enter();
  } catch (error) {
    content.replaceChildren(el("h1", {}, "Dialtone console"), problem(error));
    return;
  }
  document.getElementById("nav").hidden = false;
  const who = document.getElementById("who");
  who.append(me.may_write ? me.who : `${me.who} (reads only)`);
  if (signsIn()) who.append(" ", el("button", { onclick: signOut }, "Sign out"));
  window.addEventListener("hashchange", show);
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    content.focus();
  });
  await show();
}

start();
