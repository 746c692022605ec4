// The line to the simulator: JSON, sound and pictures over one WebSocket. simulator/phone/__init__.py has the messages,
// and frames.py those that are binary.

const SOUND = 1;
const PICTURE = 2;

export class Line {
  constructor({ message, sound, picture, closed }) {
    const token = document.querySelector('meta[name="dialtone-token"]').content;
    const address = new URL("line", location.href);
    address.protocol = "ws:";
    this.socket = new WebSocket(address, ["dialtone.phone", token]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => {
      if (typeof data === "string") return message(JSON.parse(data));
      const head = new DataView(data);
      if (head.getUint8(0) === SOUND) return sound(data.slice(1));
      return picture?.({ key: head.getUint8(1) === 1, timestamp: Number(head.getBigUint64(2, true)), data: data.slice(10) });
    };
    this.socket.onclose = closed;
  }

  get open() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(type, members = {}) {
    if (this.open) this.socket.send(JSON.stringify({ type, ...members }));
  }

  sound(frame) {
    // What waits in the browser would be late: late sound is lost, as on any phone.
    if (!this.open || this.socket.bufferedAmount > 32000) return;
    const message = new Uint8Array(1 + frame.byteLength);
    message[0] = SOUND;
    message.set(new Uint8Array(frame), 1);
    this.socket.send(message);
  }

  // An access unit; its time counts 100 ns. Whether it was sent.
  picture({ key, timestamp, data }) {
    if (!this.open || this.socket.bufferedAmount > 500000) return false;
    const message = new Uint8Array(10 + data.byteLength);
    const head = new DataView(message.buffer);
    head.setUint8(0, PICTURE);
    head.setUint8(1, key ? 1 : 0);
    head.setBigUint64(2, BigInt(timestamp), true);
    message.set(data, 10);
    this.socket.send(message);
    return true;
  }
}
