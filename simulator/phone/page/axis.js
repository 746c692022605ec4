// The call on one axis of time. All that it shows is in the list below it too, in words.

const SVG = "http://www.w3.org/2000/svg";
const LANES = ["Bot", "You", "Platform", "Wire"];
const LANE = 34;
const LEFT = 88;
const RIGHT = 24;
const BOTTOM = 24;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

function draw(name, members, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(members)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

export class Axis {
  #place;
  #open;
  #marks = [];

  // `open` is called with the number of an event whose mark was clicked.
  constructor(place, open) {
    this.#place = place;
    this.#open = open;
    new ResizeObserver(() => this.draw(this.#seconds)).observe(place);
    this.draw(0);
  }

  #seconds = 0;
  #running = false;

  clear() {
    this.#marks = [];
    this.draw(0);
  }

  // lane: its number; from, to: seconds, `to` null while it goes on; kind: how it looks; label: what it is, in words.
  add(mark) {
    this.#marks.push(mark);
    return mark;
  }

  draw(seconds, running = false) {
    this.#seconds = seconds;
    this.#running = running;
    const width = Math.max(240, this.#place.clientWidth);
    const height = LANE * LANES.length + BOTTOM;
    const span = Math.max(10, seconds * 1.04);
    const x = (at) => LEFT + ((width - LEFT - RIGHT) * Math.min(at, span)) / span;
    const svg = draw("svg", {
      height,
      role: "img",
      "aria-label": `The call on an axis of ${Math.round(seconds)} seconds: ${LANES.join(", ")}. The list has the same events.`,
    });
    const step = STEPS.find((each) => span / each <= Math.max(3, (width - LEFT) / 70)) ?? STEPS.at(-1);
    for (let at = 0; at <= span; at += step) {
      svg.append(draw("line", { class: "rule", x1: x(at), x2: x(at), y1: 6, y2: height - BOTTOM }));
      svg.append(draw("text", { x: x(at), y: height - 8, "text-anchor": at ? "middle" : "start" }, at < 60 ? `${at} s` : `${Math.floor(at / 60)}:${String(at % 60).padStart(2, "0")}`));
    }
    LANES.forEach((name, lane) => svg.append(draw("text", { class: "lane", x: 12, y: lane * LANE + 24 }, name)));
    // Points are drawn over what lasts.
    const marks = [...this.#marks.filter(({ from, to }) => from !== to), ...this.#marks.filter(({ from, to }) => from === to)];
    for (const mark of marks) svg.append(...this.#shapes(mark, x, seconds));
    if (running) svg.append(draw("line", { class: "now", x1: x(seconds), x2: x(seconds), y1: 4, y2: height - BOTTOM + 2 }));
    this.#place.replaceChildren(svg);
  }

  #shapes({ lane, from, to, kind, label, number, key }, x, seconds) {
    const y = lane * LANE + 20;
    const made = [];
    if (key) {
      made.push(draw("circle", { class: `mark ${kind}`, cx: x(from), cy: y, r: 9 }));
      made.push(draw("text", { class: "key", x: x(from), y: y + 4, "text-anchor": "middle" }, key));
    } else if (to === from) {
      made.push(draw("circle", { class: `mark ${kind}`, cx: x(from), cy: y, r: 4.5 }));
    } else {
      const wide = Math.max(5, x(to ?? seconds) - x(from));
      made.push(draw("rect", { class: `mark ${kind}`, x: x(from), y: y - 9, width: wide, height: 18, rx: Math.min(4, wide / 2) }));
    }
    made[0].append(draw("title", {}, label));
    made[0].addEventListener("click", () => this.#open(number()));
    return made;
  }

  tick(seconds) {
    if (this.#running) this.draw(seconds, true);
  }
}
