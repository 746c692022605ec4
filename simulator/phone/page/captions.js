// Who said what: the bot on the left, you on the right, and notes between.

import { byId, element } from "./element.js";

export class Captions {
  #log = byId("captions");
  #now = null;
  #keys = null;

  constructor() {
    this.clear("Call the bot. What it says will be on the left, what you say or press on the right.");
  }

  clear(text = "") {
    this.#log.replaceChildren(...(text ? [element("p", { className: "empty" }, text)] : []));
    this.#now = this.#keys = null;
  }

  // The bot begins to say something.
  bot({ text, file }) {
    this.#keys = null;
    this.#now = null;
    if (!text && !file) return;
    this.#now = this.#add("bot", "Bot", text ?? (file === "beep" ? "Beep" : `Sound file ${file}`));
    this.#now.classList.add("now");
  }

  botIsDone(cut) {
    if (!this.#now) return;
    this.#now.classList.remove("now");
    if (cut) this.#now.append(element("span", { className: "cut" }, " (interrupted)"));
    this.#now = null;
  }

  pressed(key) {
    if (this.#keys) this.#keys.textContent += key;
    else {
      this.#keys = element("span", { className: "keys" }, key);
      this.#add("you", "You pressed", this.#keys);
    }
  }

  spoke({ text, seconds }) {
    this.#keys = null;
    this.#add("you", "You said", text || `(${seconds.toFixed(1)} seconds of speech)`);
  }

  note(text) {
    this.#keys = null;
    this.#put(element("p", { className: "note" }, text));
  }

  #add(side, who, what) {
    return this.#put(element("p", { className: `caption ${side}` }, element("span", { className: "who" }, who), what));
  }

  #put(made) {
    const log = this.#log;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    log.append(made);
    if (atEnd) log.scrollTop = log.scrollHeight;
    return made;
  }
}
