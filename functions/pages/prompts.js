// Prompts: what callers hear, what was refused and why, versions, what is missing.

import { ask } from "./door.js";
import { bytes, confirmed, el, problem, table, toast, when } from "./element.js";

export async function promptsPage({ me }) {
  const list = el("div", { class: "panel" });
  const compared = el("div", { class: "panel" });
  const refresh = async () => {
    const found = await ask("prompts");
    list.replaceChildren(el("h2", {}, "What callers hear"), ...shown(found, me, refresh));
    compared.replaceChildren(...comparison(found));
  };
  await refresh();
  return [el("h1", {}, "Prompts"), me.may_write ? uploadForm(refresh) : "", list, compared].filter(Boolean);
}

function uploadForm(refresh) {
  const file = el("input", { type: "file", accept: ".wav,.mp3,.wma,.ssml,.txt", name: "file", required: true });
  const name = el("input", { name: "name", placeholder: "welcome.wav", autocomplete: "off" });
  const result = el("div", { "aria-live": "polite" });
  const form = el("form", { class: "panel drop" },
    el("h2", {}, "Upload a prompt"),
    el("p", { class: "quiet small" },
      "Named <name>.<ending> or <name>.<culture>.<ending>. It is judged first; calls that begin afterwards hear it."),
    el("div", { class: "fields" },
      el("label", {}, "File", file), el("label", {}, "Name, if another", name), el("button", { class: "main" }, "Judge and upload")),
    result);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = file.files[0];
    if (!chosen) return;
    result.replaceChildren(el("p", { class: "quiet" }, "Judging …"));
    try {
      const asked = new URLSearchParams({ file: name.value.trim() || chosen.name });
      const version = await ask(`prompts?${asked}`, { method: "PUT", body: await chosen.arrayBuffer() });
      result.replaceChildren(el("p", { class: "fine" }, `Live: ${version.slot}, ${told(version)}.`));
      form.reset();
      await refresh();
    } catch (error) {
      result.replaceChildren(problem(error));
    }
  });
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    file.files = event.dataTransfer.files;
  });
  return form;
}

function told(version) {
  return version.seconds ? `sound of ${version.seconds.toFixed(1)} s at ${version.level.toFixed(0)} dB` : `“${version.text}”`;
}

function shown(found, me, refresh) {
  if (!found.prompts.length) return [el("p", { class: "quiet" }, "Nothing is uploaded: the bot speaks its own texts.")];
  return found.prompts.map((prompt) => {
    const place = el("div", { "aria-live": "polite" });
    const refused = prompt.files.filter((file) => file.reason);
    return el("article", { class: "card", "aria-label": `Prompt ${prompt.slot}` },
      el("div", { class: "head" },
        el("h3", {}, prompt.slot),
        el("span", { class: `badge ${prompt.playing ? "good" : "bad"}` }, prompt.playing ? "plays" : "nobody hears it")),
      prompt.playing ? el("p", {}, told(prompt.playing), " ", el("span", { class: "quiet small" }, "since ", when(prompt.playing.since))) : "",
      refused.map((file) => el("p", { class: "problem" },
        el("b", {}, `${file.file} is refused: ${file.reason}.`),
        `Fix: ${file.fix}.${prompt.playing ? " The version before goes on." : ""}`)),
      el("div", { class: "row" },
        prompt.playing ? el("button", { onclick: () => preview(place, prompt.slot, prompt.playing.id) }, "Preview") : "",
        el("button", { onclick: () => versions(place, prompt.slot, me, refresh) }, "Versions"),
        me.may_write ? el("button", {
          class: "danger",
          onclick: async () => {
            if (!await confirmed(`Remove ${prompt.slot}?`, "The bot speaks its own text again, at once. The versions stay.", "Remove")) return;
            await ask(`prompts?slot=${encodeURIComponent(prompt.slot)}`, { method: "DELETE" });
            toast(`${prompt.slot} is removed.`);
            await refresh();
          },
        }, "Remove") : ""),
      place);
  });
}

async function preview(place, slot, version) {
  try {
    const found = await ask("prompts/preview", { method: "POST", json: { slot, version } });
    if (!found.url) {
      place.replaceChildren(el("pre", {}, found.text));
      return;
    }
    const player = el("audio", { controls: true, src: found.url, "aria-label": `Preview of ${slot}` });
    place.replaceChildren(player);
    await player.play();
  } catch (error) {
    if (error.name !== "NotAllowedError") place.replaceChildren(problem(error));
  }
}

async function versions(place, slot, me, refresh) {
  const { versions: found } = await ask(`prompts/versions?slot=${encodeURIComponent(slot)}`);
  const heard = el("div");
  place.replaceChildren(heard, table(`Versions of ${slot}, the newest first`, ["Since", "What", "By", "File", "Do"],
    found.map((version) => [
      when(version.since), told(version), version.by || "an upload by hand",
      `${version.file}, ${bytes(version.bytes)}`,
      el("span", { class: "row" },
        el("button", { onclick: () => preview(heard, slot, version.id) }, "Preview"),
        me.may_write ? el("button", {
          onclick: async () => {
            try {
              await ask("prompts/rollback", { method: "POST", json: { slot, version: version.id } });
              toast(`${slot} is rolled back: calls that begin now hear it.`);
              await refresh();
            } catch (error) {
              place.prepend(problem(error));
            }
          },
        }, "Roll back") : ""),
    ])));
}

function comparison(found) {
  const bot = found.bot;
  const lines = [
    ...found.strangers.map((name) => ["ignored", name, "Its name is none of a prompt."]),
    ...bot.missing.map(([name, language]) => ["missing", `${name} in ${language}`, "The bot’s own text is spoken."]),
    ...bot.unused.map(([slot, like]) => ["unused", slot, like ? `The bot plays no such prompt. Is it ${like}?` : "The bot plays no such prompt."]),
    ...bot.unspoken.map((name) => ["text", name, `“${found.texts[name] ?? ""}”`]),
  ];
  if (!lines.length) return [el("h2", {}, "Compared with the bot"), el("p", { class: "fine" }, "Nothing is missing, nothing is unused.")];
  return [el("h2", {}, "Compared with the bot"), table("What is missing or unused", ["What", "Prompt", "Which means"], lines)];
}
