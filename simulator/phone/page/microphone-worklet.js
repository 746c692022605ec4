// What the microphone picks up, in frames of 20 ms: 320 samples, 16 bits.

const FRAME = 320;

class Microphone extends AudioWorkletProcessor {
  #frame = new Int16Array(FRAME);
  #filled = 0;

  process([input]) {
    const samples = input[0];
    if (!samples) return true;
    for (const sample of samples) {
      this.#frame[this.#filled++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
      if (this.#filled === FRAME) {
        this.port.postMessage(this.#frame.buffer, [this.#frame.buffer]);
        this.#frame = new Int16Array(FRAME);
        this.#filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
