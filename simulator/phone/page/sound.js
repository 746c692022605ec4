// Microphone, loudspeaker and the tones of keys. All sound is 16 kHz, mono.

export const RATE = 16000;

const TONES = { row: [697, 770, 852, 941], column: [1209, 1336, 1477] };
const ORDER = "123456789*0#";

export class Sound {
  // Opened by something that the user does: a browser lets no page sound before that.
  static async open() {
    const context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    await Promise.all(["microphone", "loudspeaker"].map((name) => context.audioWorklet.addModule(`${name}-worklet.js`)));
    await context.resume();
    return new Sound(context);
  }

  constructor(context) {
    this.context = context;
    this.loudspeaker = new AudioWorkletNode(context, "loudspeaker", { numberOfInputs: 0, outputChannelCount: [1] });
    this.loudspeaker.connect(context.destination);
    this.muted = false;
    this.stream = null;
  }

  play(pcm) {
    this.loudspeaker.port.postMessage(pcm, [pcm]);
  }

  drop() {
    this.loudspeaker.port.postMessage("drop");
  }

  // Whether what comes sounds now, rather than ahead of time: then what is late is dropped.
  live(on) {
    this.loudspeaker.port.postMessage(on ? "live" : "ahead");
  }

  // Calls `hear` with each frame of the microphone, an ArrayBuffer of 640 bytes. Throws what the browser does when there
  // is no microphone, or none for this page.
  async listen(hear) {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    // Over while the browser asked.
    if (this.context.state === "closed") return stream.getTracks().forEach((track) => track.stop());
    this.stream = stream;
    const microphone = new AudioWorkletNode(this.context, "microphone", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    microphone.port.onmessage = ({ data }) => hear(data);
    this.context.createMediaStreamSource(this.stream).connect(microphone);
    this.mute(this.muted);
  }

  // A muted microphone goes on with silence, as on any phone.
  mute(muted) {
    this.muted = muted;
    for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  key(key) {
    const at = ORDER.indexOf(key);
    if (at >= 0) this.#tones([TONES.row[Math.floor(at / 3)], TONES.column[at % 3]], 0.12, 0.06);
  }

  ring() {
    this.#tones([440, 480], 0.9, 0.08);
  }

  #tones(frequencies, seconds, volume) {
    const now = this.context.currentTime;
    const gain = new GainNode(this.context, { gain: 0 });
    gain.gain.setTargetAtTime(volume, now, 0.004);
    gain.gain.setTargetAtTime(0, now + seconds, 0.004);
    gain.connect(this.context.destination);
    for (const frequency of frequencies) {
      const tone = new OscillatorNode(this.context, { frequency });
      tone.connect(gain);
      tone.start(now);
      tone.stop(now + seconds + 0.05);
    }
  }

  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    return this.context.close();
  }
}

// How loud a frame is, from 0 to 1 as people hear it.
export function levelOf(frame) {
  let peak = 0;
  for (const sample of new Int16Array(frame)) peak = Math.max(peak, Math.abs(sample));
  return peak < 100 ? 0 : Math.min(1, Math.log10(peak / 100) / Math.log10(327));
}
