// Figures of a day's latest calls, the app's health, and the audit.

import { ask } from "./door.js";
import { day, el, problem, table, today, when } from "./element.js";

export async function figuresPage() {
  const results = el("div", { class: "panel", "aria-live": "polite" });
  const date = el("input", { type: "date", value: today(), name: "day" });
  const form = el("form", { class: "panel fields", role: "search" },
    el("label", {}, "Day (UTC)", date), el("button", { class: "main" }, "Show"));
  const search = async () => {
    const found = await ask(`figures?day=${day(date.value || today())}`);
    const picture = URL.createObjectURL(await ask(`flow?day=${day(date.value || today())}`));
    const tile = (name, value) => el("div", { class: "tile" }, el("dt", {}, name), el("dd", {}, value));
    results.replaceChildren(
      el("p", { class: "quiet small" }, found.all ? `All ${found.calls} calls of that day.` : `The latest ${found.calls} calls of that day.`),
      el("dl", { class: "tiles" },
        tile("Answered", String(found.answered)), tile("Open", String(found.open)), tile("Failed", String(found.failed)), tile("Lost", String(found.lost)),
        tile("Dead air, p95", found.dead_air_p95 === null ? "–" : `${Math.round(found.dead_air_p95 * 1000)} ms`),
        tile("Turns a call", found.turns === null ? "–" : found.turns.toFixed(1))),
      el("h2", {}, "Where callers went"),
      el("div", { class: "flow", tabindex: "0", role: "region", "aria-label": "Flow of the bot with outcomes" },
        el("img", { src: picture, onload: showTop, alt: "The flow of the bot, each outcome with how often it was taken; the table below says the same" })),
      found.outcomes.length ? table("Outcomes of each question", ["Question", "Outcome", "Calls", "Share"],
        found.outcomes.map((each) => [each.question, each.outcome, String(each.count), `${Math.round(100 * each.share)} %`]))
        : el("p", { class: "quiet" }, "No question was answered."));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  await search();
  return [el("h1", {}, "Figures"), form, results];
}

// A flow begins in its middle, which on a narrow screen is out of sight.
function showTop({ target }) {
  const frame = target.parentElement;
  frame.scrollLeft = (frame.scrollWidth - frame.clientWidth) / 2;
}

export async function healthPage() {
  const { findings } = await ask("health");
  const wrong = findings.filter((each) => each.wrong);
  return [
    el("h1", {}, "Health"),
    wrong.length ? problem({ message: wrong.length === 1 ? "1 check found something wrong." : `${wrong.length} checks found something wrong.` })
      : el("p", { class: "fine" }, "Nothing keeps the bot from taking calls."),
    el("section", { class: "panel", "aria-label": "Checks" },
      table("The checks of dialtone doctor, from within", ["Check", "Result", "What to do"], findings.map((each) => [
        each.check, each.wrong ? el("span", { class: "badge bad" }, "wrong") : el("span", { class: "badge good" }, "fine"),
        each.wrong ? `${each.wrong}. Fix: ${each.fix}.` : "",
      ]))),
  ];
}

export async function auditPage() {
  const results = el("div", { class: "panel", "aria-live": "polite" });
  const date = el("input", { type: "date", value: today(), name: "day" });
  const form = el("form", { class: "panel fields", role: "search" },
    el("label", {}, "Day (UTC)", date), el("button", { class: "main" }, "Show"));
  const search = async (after) => {
    const asked = new URLSearchParams({ day: day(date.value || today()) });
    if (after) asked.set("after", after);
    const found = await ask(`audit?${asked}`);
    results.replaceChildren(
      found.deeds.length ? table("What was done here, the latest first", ["When", "Who", "What", "To what"],
        found.deeds.map((deed) => [when(deed.at), deed.who, deed.what, deed.target])) : el("p", {}, "Nothing was done that day."),
      el("div", { class: "row" }, found.next ? el("button", { onclick: () => search(found.next) }, "Older") : ""));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  await search();
  return [el("h1", {}, "Audit"), form, results];
}
