// The recording: a button that starts it, shows how long and how large it is, and ends it at the second tap.

import { clock, put } from "./text.js";

const SURE_MS = 3000;

export class Record {
  constructor({ button, say, tell }) {
    Object.assign(this, { button, say, tell });
    this.sure = 0;
    this.state = undefined;
    this.figures = {};
    button.addEventListener("click", () => this.#click());
  }

  // Shown where the server can record. Its state is idle, recording, finishing (the end is being written) or failed.
  follow(figures) {
    this.figures = figures;
    const { "record.state": state, "record.path": path, "record.error": error } = figures;
    this.button.hidden = state === undefined;
    if (state === undefined) return;
    if (this.state && state !== this.state) {
      if (state === "failed") this.tell(`the recording failed: ${error}`, false);
      else if (state === "idle") this.tell(`recorded ${path}, ${this.#figures()}`, true);
    }
    this.state = state;
    this.#label();
  }

  #click() {
    if (this.state !== "recording") return this.say("/record/start");
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
    const { button, figures, state } = this;
    if (button.dataset.state !== state) button.dataset.state = state;
    button.disabled = state === "finishing";
    put(button, state === "recording" && this.sure ? "Stop?" : state === "recording" || state === "finishing" ? this.#figures() : "Rec");
    const title = [state, figures["record.path"], figures["record.error"]].filter(Boolean).join(": ");
    if (button.title !== title) button.title = title;
  }

  #figures() {
    return `${clock(this.figures["record.seconds"] ?? 0)} · ${size(this.figures["record.bytes"] ?? 0)}`;
  }
}

function size(bytes) {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
