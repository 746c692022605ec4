// Every event of the call's ledger: a line each, with its JSON, and a mark on the axis.

import { Axis } from "./axis.js";
import { byId, element } from "./element.js";

const BOT = 0, YOU = 1, PLATFORM = 2, WIRE = 3;

export class Events {
  #list = null;
  #ledger = [];
  #lines = [];
  #request = null;
  #sound = null;
  #recording = null;
  #axis = new Axis(byId("axis"), (number) => this.open(number));
  #began = 0;
  #ended = true;

  get ledger() {
    return this.#ledger;
  }

  // A call begins.
  clear() {
    this.#ledger = [];
    this.#lines = [];
    this.#request = this.#sound = this.#recording = null;
    this.#began = performance.now();
    this.#ended = false;
    this.#list = element("ol");
    byId("events").replaceChildren(this.#list);
    this.#axis.clear();
  }

  tick() {
    if (!this.#ended) this.#axis.draw(this.#now, true);
  }

  // What is not in the ledger before it is over.
  sounds(label) {
    this.#sound = this.#axis.add({ lane: BOT, from: this.#now, to: null, kind: "bot", label, number: () => this.#lines.length - 1 });
  }

  records() {
    this.#recording = this.#axis.add({ lane: PLATFORM, from: this.#now, to: null, kind: "record", label: "recording", number: () => this.#lines.length - 1 });
  }

  add(event) {
    const number = this.#ledger.push(event) - 1;
    if (number === 0) this.#began = performance.now() - event.t * 1000;
    const [side, what, beside] = told(event);
    this.#line(event, side, what, beside);
    this.#mark(event, number, what);
    if (event.kind === "call.ended") this.#ended = true;
    this.#axis.draw(this.#now, !this.#ended);
  }

  open(number) {
    const line = this.#lines[number];
    if (!line) return;
    line.open = true;
    line.firstElementChild.focus();
    line.scrollIntoView({ block: "nearest" });
  }

  get #now() {
    return this.#ended ? (this.#ledger.at(-1)?.t ?? 0) : (performance.now() - this.#began) / 1000;
  }

  #line(event, side, what, beside) {
    const at = event.start ?? event.t;
    const summary = element(
      "summary",
      { className: `${side}${isBad(event) ? " bad" : ""}` },
      element("time", {}, `${at.toFixed(2)} s`),
      element("span", { className: "arrow", ariaHidden: "true" }, isBad(event) ? "!" : ARROWS[side]),
      element("span", { className: "what", title: what }, what),
      element("span", { className: "side" }, beside),
    );
    const details = element("details", {}, summary);
    details.addEventListener("toggle", () => {
      if (details.open && !details.querySelector("pre")) details.append(element("pre", { tabIndex: 0 }, ...painted(event)));
    });
    const box = byId("events");
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
    // A prompt is in the ledger when it has ended, and in the list where it began.
    const item = element("li", {}, details);
    item.at = at;
    this.#list.insertBefore(item, [...this.#list.children].find((other) => other.at > at) ?? null);
    this.#lines.push(details);
    if (atEnd) box.scrollTop = box.scrollHeight;
  }

  #mark(event, number, label) {
    const at = event.start ?? event.t;
    const here = { number: () => number, label };
    const point = (lane, kind, more) => this.#axis.add({ lane, from: at, to: at, kind: isBad(event) ? "bad" : kind, ...here, ...more });
    if (event.kind === "http.request") {
      this.#request = this.#axis.add({ lane: WIRE, from: at, to: null, kind: "wire", ...here });
    } else if (event.kind === "http.reply" && this.#request) {
      Object.assign(this.#request, { to: Math.max(event.t, this.#request.from + 0.001), kind: isBad(event) ? "bad" : "wire" });
      this.#request.label += `: ${label}`;
      this.#request = null;
    } else if (event.kind === "heard" && this.#sound) {
      Object.assign(this.#sound, { from: event.start, to: event.start + event.seconds, ...here });
      this.#sound = null;
    } else if (event.kind === "recorded" && this.#recording) {
      Object.assign(this.#recording, { to: event.t, ...here });
      this.#recording = null;
    } else if (event.kind === "pressed") point(YOU, "you", { key: event.key });
    else if (event.kind === "spoke") this.#axis.add({ lane: YOU, from: at, to: at + event.seconds, kind: "you", ...here });
    else if (event.kind === "beep") this.#axis.add({ lane: BOT, from: at, to: at + event.seconds, kind: "bot", ...here });
    else if (event.kind === "violation") point(WIRE, "bad");
    else if (event.kind !== "verdict") point(event.kind === "hung_up" && event.by === "caller" ? YOU : PLATFORM, "platform");
  }
}

const ARROWS = { "to-bot": "\u2192", "to-platform": "\u2190", caller: "\u2022", sound: "\u266a", platform: "\u2022" };

function isBad(event) {
  return event.kind === "violation" || event.kind === "fault" || event.ok === false || (event.kind === "http.reply" && !(event.status < 400));
}

// On which side an event is, what it says, and what stands beside that.
function told(event) {
  switch (event.kind) {
    case "call.started":
      return ["platform", `${event.caller} calls`, ""];
    case "answered":
      return ["platform", "Answered", ""];
    case "http.request":
      return ["to-bot", requested(event), event.bytes ? `${event.bytes.toLocaleString("en")} B` : event.attempt > 1 ? `attempt ${event.attempt}` : ""];
    case "http.reply":
      return ["to-platform", replied(event), event.ms === undefined ? "" : `${event.ms.toFixed(0)} ms`];
    case "heard":
      return ["sound", event.text ?? event.file ?? `silence of ${event.silence_ms} ms`, `${event.seconds.toFixed(1)} s${event.cut ? ", cut" : ""}`];
    case "beep":
      return ["sound", "Beep", `${event.seconds} s`];
    case "pressed":
      return ["caller", `Pressed ${event.key}`, ""];
    case "spoke":
      return ["caller", event.text ? `Said \u201c${event.text}\u201d` : "Spoke", `${event.seconds.toFixed(1)} s`];
    case "recorded":
      return ["platform", `Recorded (${event.reason})`, `${event.seconds.toFixed(1)} s ${event.format}`];
    case "recognized":
      return ["platform", `Recognized ${event.choice ?? event.digits ?? "nothing"} (${event.reason})`, ""];
    case "transferred":
      return ["platform", `Transfer to ${event.target}${event.ok ? "" : " failed"}`, ""];
    case "stream":
      return ["platform", `Media stream ${event.what} (${event.handler})`, event.heard_s === undefined ? "" : `${event.heard_s} s heard`];
    case "violation":
      return ["to-platform", `Against the contract: ${event.message}`, event.code];
    case "hung_up":
      return [event.by === "caller" ? "caller" : "platform", `Hung up by ${NAMES[event.by]}`, ""];
    case "call.ended":
      return ["platform", "Call ended", `${event.turns} workflows`];
    case "verdict":
      return ["platform", event.ok ? "Nothing was against the contract" : event.reasons.join("; "), ""];
    default:
      return ["platform", event.kind, ""];
  }
}

export const NAMES = { bot: "the bot", caller: "you", platform: "the platform" };

function requested({ json, fault }) {
  const outcome = json?.operationOutcome;
  const what = outcome?.type ?? (json?.participants ? "Conversation" : (json?.type ?? "message"));
  const result = outcome ? `, ${outcome.outcome}` : "";
  return `${what}${result}${json?.callState ? ` (${json.callState})` : ""}${fault ? `, ${fault}` : ""}`;
}

function replied({ status, json, text, error }) {
  if (status === null) return `No reply: ${error}`;
  const actions = (json?.actions ?? []).map(({ action }) => action).join(", ");
  return `${status} ${actions || (text ? text.slice(0, 80) : "nothing to do")}`;
}

// JSON, its names and values told apart.
function painted(event) {
  const { t, who, kind, ...members } = event;
  const parts = JSON.stringify({ t, who, kind, ...members }, null, 2).split(/("(?:[^"\\]|\\.)*"(?::)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)/);
  return parts.map((part, at) => {
    if (at % 2 === 0) return part;
    return element("span", { className: part.endsWith(":") ? "name" : part.startsWith('"') ? "text" : "number" }, part);
  });
}
