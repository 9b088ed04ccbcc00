// The connection to the server: it brings messages and pictures, and comes back by itself.

const WAIT_MS = [250, 500, 1000, 2000];
// The server says something twenty times a second; when a network goes, nothing tells the browser so for minutes.
const SILENT_MS = 4000;

export class Link {
  // `hear(message)` and `show(blob)` take what comes, `lost(reason)` is told that it broke.
  constructor({ hear, show, lost }) {
    Object.assign(this, { hear, show, lost });
    this.attempts = 0;
    this.heard = 0;
    setInterval(() => this.#check(), 1000);
    document.addEventListener("visibilitychange", () => this.#check());
    this.#connect();
  }

  say(address, ...given) {
    this.send({ address, arguments: given });
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #connect() {
    const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/ws`);
    socket.binaryType = "blob";
    socket.onmessage = ({ data }) => {
      this.heard = performance.now();
      this.attempts = 0;
      if (typeof data === "string") this.hear(JSON.parse(data));
      else this.show(data);
    };
    socket.onclose = () => this.#again();
    this.socket = socket;
    this.heard = performance.now();
  }

  #check() {
    if (!document.hidden && this.socket.onclose && performance.now() - this.heard > SILENT_MS) this.#again();
  }

  async #again() {
    const { socket } = this;
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.lost("trying again …");
    setTimeout(() => this.#connect(), WAIT_MS[Math.min(this.attempts++, WAIT_MS.length - 1)]);
    if (await isLockedOut()) this.lost("the show has another token now: open the address that avserver printed");
  }
}

// A WebSocket does not tell why it was refused.
async function isLockedOut() {
  try {
    return [401, 429].includes((await fetch("/link.js", { method: "HEAD", cache: "no-store" })).status);
  } catch {
    return false;
  }
}
