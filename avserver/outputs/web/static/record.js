// The recording: a button that starts it, shows how long and how large it is, and ends it at the second tap.

import { clock, put } from "./text.js";

const SURE_MS = 3000;

export class Record {
  constructor({ button, say }) {
    this.button = button;
    this.say = say;
    this.sure = 0;
    this.figures = {};
    button.addEventListener("click", () => this.#click());
  }

  // Shown where the server can record.
  follow(figures) {
    this.figures = figures;
    this.button.hidden = figures["record.state"] === undefined;
    if (!this.button.hidden) this.#label();
  }

  get #isOn() {
    return !["idle", "closed", ""].includes(this.figures["record.state"]);
  }

  #click() {
    if (!this.#isOn) return this.say("/record/start");
    if (this.sure) {
      this.#forget();
      return this.say("/record/stop");
    }
    this.sure = setTimeout(() => this.#forget(), SURE_MS);
    return this.#label();
  }

  #forget() {
    clearTimeout(this.sure);
    this.sure = 0;
    this.#label();
  }

  #label() {
    const { button, figures } = this;
    const state = this.#isOn ? figures["record.state"] : "off";
    if (button.dataset.state !== state) button.dataset.state = state;
    put(button, !this.#isOn ? "Rec" : this.sure ? "Stop?" : `${clock(figures["record.seconds"] ?? 0)} · ${size(figures["record.bytes"] ?? 0)}`);
    const title = [state, figures["record.path"], figures["record.error"]].filter(Boolean).join(": ");
    if (button.title !== title) button.title = title;
  }
}

function size(bytes) {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
