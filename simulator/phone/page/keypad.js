// The keypad: clicked, touched, or typed.

import { byId, element } from "./element.js";

const LETTERS = { 2: "ABC", 3: "DEF", 4: "GHI", 5: "JKL", 6: "MNO", 7: "PQRS", 8: "TUV", 9: "WXYZ", 0: "+" };

export class Keypad {
  #keys = new Map();

  constructor(press) {
    for (const key of "123456789*0#") {
      const label = { "*": "star", "#": "hash" }[key];
      const button = element("button", { type: "button", disabled: true, ...(label && { ariaLabel: label }) }, key);
      button.append(element("small", { ariaHidden: "true" }, LETTERS[key] ?? ""));
      button.addEventListener("click", () => press(key));
      byId("keypad").append(button);
      this.#keys.set(key, button);
    }
    document.addEventListener("keydown", (event) => {
      const typed = event.target.closest("input, textarea, select") && event.target.type !== "checkbox";
      const button = this.#keys.get(event.key);
      if (!button || button.disabled || typed || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
      // What a single character does anywhere can be turned off (WCAG 2.1.4); on the keypad itself it always works.
      if (!byId("typing").checked && !event.target.closest("#keypad")) return;
      event.preventDefault();
      press(event.key);
      button.classList.add("down");
      setTimeout(() => button.classList.remove("down"), 150);
    });
  }

  enable(on) {
    for (const button of this.#keys.values()) button.disabled = !on;
    if (!on) this.want([]);
  }

  // Marks the keys that the bot listens for.
  want(keys) {
    for (const [key, button] of this.#keys) button.classList.toggle("wanted", keys.includes(key) && keys.length < this.#keys.size);
  }
}
