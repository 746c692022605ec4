// Recordings: listen, download by a link that lives for minutes, delete.

import { ask } from "./door.js";
import { badge, bytes, confirmed, day, el, problem, toast, today, when } from "./element.js";

export async function recordingsPage({ me }) {
  const results = el("div", { class: "panel", "aria-live": "polite" });
  const date = el("input", { type: "date", value: today(), name: "day" });
  const form = el("form", { class: "panel fields", role: "search" },
    el("label", {}, "Day of the call (UTC)", date), el("button", { class: "main" }, "Show"));
  const search = async (after) => {
    const asked = new URLSearchParams({ day: day(date.value || today()) });
    if (after) asked.set("after", after);
    const found = await ask(`recordings?${asked}`);
    // They come in the order of their calls' ids, which tells nobody anything.
    found.recordings.sort((one, other) => (one.started < other.started) - (one.started > other.started));
    results.replaceChildren(
      ...(found.recordings.length ? found.recordings.map((each) => recordingCard(each, me, true))
        : [el("p", {}, "No recording of that day.")]),
      el("div", { class: "row" }, found.next ? el("button", { onclick: () => search(found.next) }, "More") : ""));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  await search();
  return [el("h1", {}, "Recordings"), form, results];
}

export function recordingCard(recording, me, withCall = false) {
  const name = recording.path.split("/").pop();
  const place = el("div", { class: "row" });
  const card = el("article", { class: "card", "aria-label": `Recording ${name}` },
    el("div", { class: "head" },
      el(withCall ? "h2" : "h3", {}, withCall ? el("a", { href: `#call/${encodeURIComponent(recording.call_id)}` }, when(recording.started)) : name),
      badge(recording.state)),
    el("p", { class: "quiet small" },
      [recording.caller, `${recording.seconds.toFixed(1)} s`, recording.format, recording.size ? bytes(recording.size) : "",
        recording.consent ? `consent ${recording.consent}` : "", recording.hold ? `legal hold: ${recording.hold}` : "",
        recording.fault ? `fault: ${recording.fault}` : ""].filter(Boolean).join(" · ")),
    place);
  const link = async (purpose) => (await ask("recordings/link", { method: "POST", json: { path: recording.path, purpose } })).url;
  const failed = (error) => card.append(problem(error));
  if (recording.state === "stored") {
    place.append(
      el("button", {
        class: "main",
        onclick: async () => {
          try {
            const player = el("audio", { controls: true, src: await link("listen"), "aria-label": `Recording ${name}` });
            place.replaceChildren(player);
            player.focus();
            await player.play();
          } catch (error) {
            if (error.name !== "NotAllowedError") failed(error);
          }
        },
      }, "Listen"),
      el("button", {
        onclick: async () => {
          try {
            const anchor = el("a", { href: await link("download"), download: name, rel: "noreferrer" });
            document.body.append(anchor);
            anchor.click();
            anchor.remove();
            toast("The download has begun. Its link is good for five minutes.");
          } catch (error) {
            failed(error);
          }
        },
      }, "Download"));
  }
  if (me.may_write && recording.state !== "deleted" && recording.state !== "expired") {
    place.append(el("button", {
      class: "danger",
      onclick: async () => {
        if (!await confirmed("Delete this recording?", "Nothing brings it back.", "Delete")) return;
        try {
          const { left } = await ask(`recordings?path=${encodeURIComponent(recording.path)}`, { method: "DELETE" });
          const but = left ? `, but for its copy in the archive: ${left}` : "";
          toast(`The recording is deleted${but}.`);
          card.replaceWith(el("p", { class: "quiet" }, `${name} is deleted${but}.`));
        } catch (error) {
          failed(error);
        }
      },
    }, "Delete"));
  }
  return card;
}
