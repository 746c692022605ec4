// The phone: what the person does goes to the simulator, what happens in the call comes from there.

import { Captions } from "./captions.js";
import { byId, clock, element } from "./element.js";
import { Events, NAMES } from "./events.js";
import { Keypad } from "./keypad.js";
import { Line } from "./line.js";
import { Camera, Screen, whyNoCamera } from "./pictures.js";
import { levelOf, Sound } from "./sound.js";

const STATES = { idle: "Ready", calling: "Calling", ringing: "Incoming call", talking: "In call" };

const captions = new Captions();
const events = new Events();
const keypad = new Keypad(press);
const screen = new Screen();
const line = new Line({
  message: (it) => MESSAGES[it.type]?.(it),
  sound: (pcm) => sound?.play(pcm),
  picture: (picture) => screen.show(picture),
  closed: lost,
});
let camera = null;
let sound = null;
let state = "idle";
let answered = 0;
let level = 0;

const MESSAGES = {
  ready({ ears }) {
    connection("on", "Connected");
    byId("call").disabled = false;
    byId("ears").textContent = ears
      ? "Speech is recognised here, for demonstrations: you confirm what was heard."
      : "Your voice is recorded, not recognised (that takes the extra dialtone[ears]): type what the bot is to understand.";
  },
  event({ event }) {
    events.add(event);
    EVENTS[event.kind]?.(event);
  },
  waiting({ caller }) {
    captions.note(`${numberOf(caller)} calls: hang up to take it`);
  },
  ringing({ caller }) {
    begin();
    become("ringing", `${numberOf(caller)} calls`);
    ring();
  },
  answered() {
    answered = performance.now();
    become("talking");
  },
  sounds(what) {
    captions.bot(what);
    if (what.text || what.file) events.sounds(what.text ?? what.file);
  },
  silenced({ cut }) {
    captions.botIsDone(cut);
    if (cut) sound?.drop();
  },
  listening({ keys, words, recording }) {
    keypad.want(keys);
    problem("");
    byId("hint").textContent = recording ? "" : hint(keys, words);
    byId("recording").textContent = recording ? "The bot is recording you" : "";
    if (recording) events.records();
  },
  confirm({ text }) {
    byId("confirm").hidden = !text;
    byId("confirm-text").textContent = `Did you say \u201c${text}\u201d?`;
    if (text) byId("yes").focus();
  },
  live({ on }) {
    sound?.live(on);
    byId("stream").hidden = !on;
    if (on) offerCamera();
    else stopCamera();
  },
  problem({ message }) {
    problem(message);
  },
  over() {
    byId("save").disabled = false;
  },
};

const EVENTS = {
  pressed: ({ key }) => captions.pressed(key),
  spoke: (event) => captions.spoke(event),
  recorded: ({ seconds }) => captions.note(seconds ? `${seconds.toFixed(1)} seconds were recorded` : "Nothing was recorded"),
  violation: ({ message, fix }) => problem(`The bot broke the contract: ${message}. Fix: ${fix}.`),
  "call.ended"({ by }) {
    captions.note(`Call ended by ${NAMES[by]} after ${byId("timer").textContent}`);
    const [yours, cut] = state === "ringing" ? ["You declined", "Missed call"] : ["You hung up", "Cut off"];
    become("idle", by === "caller" ? yours : by === "bot" ? "Bot hung up" : cut);
  },
  verdict({ ok, reasons }) {
    if (!ok) problem(reasons.join(". "));
  },
};

function hint(keys, words) {
  if (keys.length > 9) return "The bot waits for digits.";
  const said = [keys.length ? `press ${keys.join(", ")}` : "", words.length ? `say ${words.join(", ")}` : ""];
  return said.some(Boolean) ? `The bot waits: ${said.filter(Boolean).join(" or ")}.` : "";
}

// A telephone's number as people write it; other identities as they are.
function numberOf(identity) {
  return identity.replace(/^4:/, "");
}

// A browser lets no page sound that nobody has touched yet.
async function ring() {
  if (!navigator.userActivation?.hasBeenActive) return;
  try {
    sound ??= await Sound.open();
  } catch {
    return;
  }
  if (state === "idle") closeSound();
  while (state === "ringing") {
    sound?.ring();
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

function connection(kind, text) {
  byId("connection").dataset.state = kind;
  byId("connection-text").textContent = text;
}

function problem(text) {
  byId("problem").textContent = text;
}

function become(next, text = STATES[next]) {
  const leaving = document.activeElement?.matches("#call, #answer, #hang-up, #keypad, #keypad *, #words, #say-button, body") ?? true;
  state = next;
  byId("call-bar").dataset.state = next;
  byId("state").textContent = text;
  document.title = next === "ringing" ? `${text} \u2013 Dialtone phone` : "Dialtone phone";
  const idle = next === "idle";
  byId("call").hidden = !idle;
  byId("answer").hidden = next !== "ringing";
  byId("hang-up").hidden = idle;
  byId("hang-up-text").textContent = next === "ringing" ? "Decline" : "Hang up";
  keypad.enable(next === "talking");
  for (const id of ["words", "say-button"]) byId(id).disabled = next !== "talking";
  if (idle) {
    byId("hint").textContent = byId("recording").textContent = "";
    MESSAGES.confirm({ text: "" });
    captions.botIsDone(false);
    MESSAGES.live({ on: false });
    screen.clear();
    closeSound();
  }
  // What had the focus may be gone.
  if (leaving) byId({ idle: "call", ringing: "answer", calling: "hang-up", talking: "keypad" }[next]).focus();
}

async function openSound() {
  problem("");
  const about = byId("microphone");
  try {
    sound ??= await Sound.open();
  } catch (error) {
    about.textContent = `This browser cannot play 16 kHz sound: ${error.message}`;
    return;
  }
  listen(sound, about);
}

// The call does not wait for the permission to use the microphone.
async function listen(opened, about) {
  about.textContent = "Waiting for your permission to use the microphone.";
  try {
    await opened.listen((frame) => {
      line.sound(frame);
      level = opened === sound ? Math.max(level * 0.85, levelOf(frame)) : 0;
    });
    if (opened !== sound) return;
    byId("mute").disabled = false;
    showMuted(sound.muted);
  } catch (error) {
    const why = error.name === "NotAllowedError" ? "not allowed for this page" : error.name === "NotFoundError" ? "not found" : error.message;
    about.textContent = `No microphone (${why}). Type instead of speak.`;
  }
}

function closeSound() {
  // What came ahead of time is still played.
  const closing = sound;
  sound = null;
  level = 0;
  setTimeout(() => closing?.close(), 300);
  byId("mute").disabled = true;
  byId("microphone").textContent = "The microphone is off until you call.";
}

async function offerCamera() {
  const why = await whyNoCamera();
  byId("camera").disabled = Boolean(why);
  byId("about-camera").textContent = why || "The bot has a media stream: it hears you as you speak, and may see you.";
}

async function toggleCamera() {
  if (camera) return stopCamera();
  camera = new Camera();
  byId("camera").setAttribute("aria-pressed", true);
  try {
    await camera.start((what) => line.send("camera", what), (picture) => line.picture(picture));
  } catch (error) {
    stopCamera();
    byId("about-camera").textContent = `No camera (${error.message}).`;
  }
}

function stopCamera() {
  camera?.stop();
  camera = null;
  byId("camera").setAttribute("aria-pressed", false);
}

function press(key) {
  sound?.key(key);
  line.send("press", { key });
}

function showMuted(muted) {
  byId("mute").setAttribute("aria-pressed", muted);
  byId("microphone").textContent = muted ? "Muted: the bot hears silence." : "The microphone is on.";
}

function lost() {
  connection("off", "The simulator is gone");
  if (state !== "idle") become("idle", "Cut off");
  byId("call").disabled = true;
  problem("The simulator does not answer. Start it again, then load this page again.");
}

function begin() {
  events.clear();
  captions.clear();
  byId("timer").textContent = clock(0);
  byId("save").disabled = true;
}

byId("call").addEventListener("click", async () => {
  begin();
  become("calling");
  await openSound();
  line.send("call");
});
byId("answer").addEventListener("click", async () => {
  await openSound();
  line.send("answer");
});
byId("hang-up").addEventListener("click", () => line.send("hang_up"));
byId("mute").addEventListener("click", () => {
  if (!sound) return;
  sound.mute(!sound.muted);
  showMuted(sound.muted);
});
byId("camera").addEventListener("click", toggleCamera);
byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const words = byId("words");
  if (words.value.trim()) line.send("say", { text: words.value });
  words.value = "";
});
for (const [id, ok] of [["yes", true], ["no", false]]) {
  byId(id).addEventListener("click", () => {
    line.send("understood", { ok });
    byId("confirm").hidden = true;
    byId("keypad").focus();
  });
}
byId("save").addEventListener("click", () => {
  const text = events.ledger.map((event) => `${JSON.stringify(event)}\n`).join("");
  const link = element("a", { href: URL.createObjectURL(new Blob([text])), download: `${events.ledger[0].call_id}.jsonl` });
  link.click();
  URL.revokeObjectURL(link.href);
});

setInterval(() => {
  byId("level").style.transform = `scaleX(${level.toFixed(2)})`;
}, 80);
setInterval(() => {
  if (state === "talking") byId("timer").textContent = clock((performance.now() - answered) / 1000);
  if (state !== "idle") events.tick();
}, 250);
