// The camera's pictures as H.264, and the bot's on a canvas, by WebCodecs.

import { byId } from "./element.js";

const WIDTH = 640, HEIGHT = 360, FPS = 15;
// Constrained Baseline, level 3.1, in Annex B form: what the media stream's wire has.
const CODEC = "avc1.42e01f";
const ENCODING = { codec: CODEC, width: WIDTH, height: HEIGHT, bitrate: 600_000, framerate: FPS, latencyMode: "realtime", avc: { format: "annexb" } };
const KEY_EVERY = 2 * FPS;

// Why this browser cannot send pictures, or nothing.
export async function whyNoCamera() {
  if (!("VideoEncoder" in window) || !("MediaStreamTrackProcessor" in window)) return "This browser has no WebCodecs: no camera.";
  const { supported } = await VideoEncoder.isConfigSupported(ENCODING);
  return supported ? "" : "This browser cannot encode H.264: no camera.";
}

export class Camera {
  // Calls `began` with what the pictures look like, and `show` with each of them.
  async start(began, show) {
    this.stream = await navigator.mediaDevices.getUserMedia({ video: { width: WIDTH, height: HEIGHT, frameRate: FPS } });
    const [track] = this.stream.getVideoTracks();
    this.encoder = new VideoEncoder({
      output: (chunk) => {
        const data = new Uint8Array(chunk.byteLength);
        chunk.copyTo(data);
        show({ key: chunk.type === "key", timestamp: Math.max(0, Math.round(chunk.timestamp * 10)), data });
      },
      error: () => this.stop(),
    });
    this.encoder.configure(ENCODING);
    began({ width: WIDTH, height: HEIGHT, fps: FPS });
    this.reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    this.#encode();
  }

  async #encode() {
    for (let number = 0; ; number++) {
      const { value: frame, done } = await this.reader.read();
      if (done) return;
      // What waits would be late: rather fewer pictures.
      if (this.encoder.state === "configured" && this.encoder.encodeQueueSize < 3) this.encoder.encode(frame, { keyFrame: number % KEY_EVERY === 0 });
      frame.close();
    }
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    if (this.encoder?.state === "configured") this.encoder.close();
  }
}

export class Screen {
  #canvas = byId("screen");
  #decoder = null;
  #shown = 0;

  show({ key, timestamp, data }) {
    if (!this.#decoder || this.#decoder.state === "closed") {
      if (!key || !("VideoDecoder" in window)) return;
      this.#decoder = new VideoDecoder({ output: (frame) => this.#paint(frame), error: () => {} });
      this.#decoder.configure({ codec: CODEC, optimizeForLatency: true });
    }
    this.#decoder.decode(new EncodedVideoChunk({ type: key ? "key" : "delta", timestamp: timestamp / 10, data }));
  }

  #paint(frame) {
    const canvas = this.#canvas;
    if (canvas.width !== frame.displayWidth) canvas.width = frame.displayWidth;
    if (canvas.height !== frame.displayHeight) canvas.height = frame.displayHeight;
    canvas.getContext("2d").drawImage(frame, 0, 0);
    frame.close();
    canvas.dataset.pictures = ++this.#shown;
    byId("picture").hidden = false;
  }

  clear() {
    if (this.#decoder?.state === "configured") this.#decoder.close();
    this.#decoder = null;
    this.#shown = 0;
    byId("picture").hidden = true;
  }
}
