// Elements, and how times and sizes are written. Text is always set as text, never as HTML.

export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Days are UTC in the storage and in every search, so times are UTC here too.
export function when(seconds) {
  const text = new Date(seconds * 1000).toISOString();
  return el("time", { datetime: text, title: "UTC" }, text.slice(0, 19).replace("T", " "));
}

export function lasted(seconds) {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const minutes = String(Math.floor(tenths / 600)).padStart(2, "0");
  return `${minutes}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

export function bytes(count) {
  return count < 10000 ? `${count} bytes` : `${Math.round(count / 1000)} kB`;
}

const BADGES = { completed: "good", failed: "bad", lost: "bad", open: "live", stored: "good", missing: "bad", empty: "bad" };

export function badge(word) {
  return el("span", { class: `badge ${BADGES[word] ?? ""}` }, word);
}

// A table whose cells name their column, so that it can be read as a list on a phone.
export function table(caption, columns, rows) {
  const cells = (row) => row.map((cell, at) => el("td", { "data-name": columns[at] }, cell));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", { class: "stack" },
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, columns.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, cells(row)))),
    ));
}

export function today() {
  return new Date().toISOString().slice(0, 10);
}

export function day(text) {
  return text.replaceAll("-", "");
}

export function toast(text) {
  const place = document.getElementById("toast");
  place.textContent = text;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { place.textContent = ""; }, 6000);
}

export function problem(error) {
  return el("p", { class: "problem", role: "alert" },
    el("b", {}, error.message), error.fix ? `Fix: ${error.fix}.` : "");
}

export function confirmed(question, detail, action) {
  const shown = el("dialog", { "aria-labelledby": "question" },
    el("form", { method: "dialog" },
      el("h2", { id: "question" }, question),
      el("p", {}, detail),
      el("div", { class: "row" },
        el("button", { value: "yes", class: "danger" }, action),
        el("button", { value: "no", autofocus: true }, "Cancel"))));
  document.body.append(shown);
  shown.showModal();
  return new Promise((resolve) => {
    shown.addEventListener("close", () => {
      shown.remove();
      resolve(shown.returnValue === "yes");
    });
  });
}
