// The line to the simulator: JSON and sound over one WebSocket. simulator/phone/__init__.py has the messages.

export class Line {
  constructor({ message, sound, closed }) {
    const token = document.querySelector('meta[name="dialtone-token"]').content;
    const address = new URL("line", location.href);
    address.protocol = "ws:";
    this.socket = new WebSocket(address, ["dialtone.phone", token]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? message(JSON.parse(data)) : sound(data));
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
    if (this.open && this.socket.bufferedAmount < 32000) this.socket.send(frame);
  }
}
