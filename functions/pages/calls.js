// Calls: a list that is searched, and one call's timeline.

import { ask } from "./door.js";
import { badge, clock, day, el, lasted, svg, table, today, when } from "./element.js";
import { recordingCard } from "./recordings.js";

const LANES = ["caller", "bot", "platform"];

export async function callsPage() {
  const results = el("div", { class: "panel", "aria-live": "polite" });
  const which = el("select", { name: "outcome" },
    ["any outcome", "open", "completed", "failed", "lost"].map((word) =>
      el("option", { value: word === "any outcome" ? "" : word }, word)));
  const date = el("input", { type: "date", name: "day", value: today() });
  const caller = el("input", { type: "search", name: "caller", placeholder: "4:+15550100", autocomplete: "off" });
  const before = el("input", { type: "time", name: "before" });
  const form = el("form", { class: "panel fields", role: "search" },
    el("label", {}, "Day (UTC)", date),
    el("label", {}, "Began before (UTC)", before),
    el("label", {}, "Outcome", which),
    el("label", {}, "Caller, whole", caller),
    el("button", { class: "main" }, "Search"));
  const query = () => {
    const asked = new URLSearchParams();
    if (caller.value.trim()) asked.set("caller", caller.value.trim());
    else if (which.value !== "open") asked.set("day", day(date.value || today()));
    if (which.value) asked.set("outcome", which.value);
    if (before.value) asked.set("before", String(Date.parse(`${date.value || today()}T${before.value}:00Z`) / 1000));
    return asked;
  };
  const search = async (after) => {
    const asked = query();
    if (after) asked.set("after", after);
    const found = await ask(`calls?${asked}`);
    const rows = found.calls.map((call) => [
      el("a", { class: "target", href: `#call/${encodeURIComponent(call.call_id)}` }, when(call.started)),
      call.caller || "unknown", call.channel,
      call.ended === null ? "" : lasted(call.ended - call.started), badge(call.outcome || "open"),
    ]);
    const caption = rows.length ? `${rows.length} calls, the newest first` : "No call fits.";
    results.replaceChildren(
      rows.length ? table(caption, ["Began", "Caller", "Channel", "Lasted", "Outcome"], rows) : el("p", {}, caption),
      el("div", { class: "row" },
        after ? el("button", { onclick: () => search() }, "Back to the newest") : "",
        found.next ? el("button", { onclick: () => search(found.next) }, "Older calls") : ""));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  await search();
  return [el("h1", {}, "Calls"), form, results];
}

export async function callPage({ me, rest }) {
  const { call_id: id, events, recordings } = await ask(`call?id=${encodeURIComponent(rest[0])}`);
  const began = events[0];
  const ended = events.find((event) => event.kind === "call.ended");
  return [
    el("div", { class: "head" }, el("h1", {}, `Call ${id}`), el("a", { href: "#calls" }, "All calls")),
    el("dl", { class: "tiles" },
      tile("Caller", began.caller || "unknown"), tile("Began", when(began.at)),
      tile("Lasted", ended ? lasted(ended.seconds) : "still open"),
      tile("Turns", String(events.filter((event) => event.kind === "http.request").length))),
    el("section", { class: "panel", "aria-labelledby": "timeline" },
      el("h2", { id: "timeline" }, "Timeline"),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Timeline as lanes" }, lanes(events)),
      eventList(events)),
    el("section", { class: "panel", "aria-labelledby": "recordings" },
      el("h2", { id: "recordings" }, "Recordings"),
      recordings.length ? recordings.map((each) => recordingCard(each, me)) : el("p", { class: "quiet" }, "None.")),
  ];
}

function tile(name, value) {
  return el("div", { class: "tile" }, el("dt", {}, name), el("dd", { class: "small" }, value));
}

function lanes(events) {
  const [width, left, high] = [900, 80, 30];
  const last = Math.max(...events.map((event) => event.t), 1);
  const scale = (width - left - 12) / last;
  const made = svg("svg", {
    class: "lanes", viewBox: `0 0 ${width} ${high * 3 + 22}`, role: "img",
    "aria-label": `Caller, bot and platform over ${last.toFixed(1)} seconds; the list below says the same in words`,
  });
  LANES.forEach((name, at) => {
    made.append(
      svg("text", { x: 0, y: high * at + 20 }, name),
      svg("line", { x1: left, x2: width, y1: high * at + 15, y2: high * at + 15 }));
  });
  for (const event of events) {
    const long = event.kind === "recorded";
    const lane = LANES.indexOf(long ? "caller" : event.who);
    const kind = event.kind === "failed" ? "failed" : LANES[lane];
    const x = left + event.t * scale;
    if (long) {
      const wide = Math.max(4, event.seconds * scale);
      made.append(svg("rect", { x: Math.max(left, x - wide), y: high * lane + 6, width: wide, height: 18, rx: 4, class: kind }));
    } else {
      made.append(svg("circle", { cx: x, cy: high * lane + 15, r: 5, class: kind }));
    }
  }
  made.append(svg("text", { x: left, y: high * 3 + 16 }, "0 s"),
    svg("text", { x: width, y: high * 3 + 16, "text-anchor": "end" }, `${last.toFixed(1)} s`));
  return made;
}

function eventList(events) {
  return el("ol", { class: "events" }, events.map((event) => {
    const { t, who, kind, told, ...more } = event;
    return el("li", { class: kind === "failed" ? "failed" : "" },
      el("time", {}, clock(t)),
      el("span", { class: `who-${who}` }, who),
      el("span", { class: "said" }, told),
      el("details", {}, el("summary", {}, kind), el("pre", {}, JSON.stringify(more, null, 2))));
  }));
}
