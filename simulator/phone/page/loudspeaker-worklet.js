// Plays what comes, in order. After silence it waits until a little is there, so that what comes unevenly plays evenly.

const PREFILL = 960; // samples: 60 ms at 16 kHz
const LATE = 3 * PREFILL; // of live sound: more than this is not made up for by waiting

class Loudspeaker extends AudioWorkletProcessor {
  #pieces = [];
  #at = 0;
  #there = 0;
  #playing = false;
  #live = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data === "drop") {
        this.#pieces = [];
        this.#at = this.#there = 0;
        this.#playing = false;
      } else if (typeof data === "string") {
        this.#live = data === "live";
      } else {
        const piece = new Int16Array(data);
        this.#pieces.push(piece);
        this.#there += piece.length;
        while (this.#live && this.#there > LATE) this.#skip();
      }
    };
  }

  #skip() {
    this.#there -= this.#pieces.shift().length - this.#at;
    this.#at = 0;
  }

  process(_inputs, [output]) {
    const samples = output[0];
    this.#playing ||= this.#there >= PREFILL;
    for (let i = 0; this.#playing && i < samples.length; i++) {
      if (this.#there === 0) {
        this.#playing = false;
        break;
      }
      samples[i] = this.#pieces[0][this.#at++] / 32768;
      this.#there--;
      if (this.#at === this.#pieces[0].length) {
        this.#pieces.shift();
        this.#at = 0;
      }
    }
    return true;
  }
}

registerProcessor("loudspeaker", Loudspeaker);
