// A recording, of frames or of what is decided: a button that starts it, shows how long and how large it is, and ends it
// at the second tap.

import { clock, put } from "./text.js";

const SURE_MS = 3000;

export class Record {
  // `root` is what its addresses and figures begin with; `noun` and `verb` are for people.
  constructor({ button, root, noun, verb, say, tell }) {
    Object.assign(this, { button, root, noun, verb, say, tell });
    this.idle = button.textContent;
    this.sure = 0;
    this.state = undefined;
    this.figures = {};
    button.addEventListener("click", () => this.#click());
  }

  // Shown where the server can record. Its state is idle, recording, finishing (the end is being written) or failed.
  follow(figures) {
    this.figures = figures;
    const [state, path, error] = ["state", "path", "error"].map((name) => figures[`${this.root}.${name}`]);
    this.button.hidden = state === undefined;
    if (state === undefined) return;
    if (this.state && state !== this.state) {
      if (state === "failed") this.tell(`the ${this.noun} failed: ${error}`, false);
      else if (state === "idle") this.tell(`${this.verb} ${path}, ${this.#figures()}`, true);
    }
    this.state = state;
    this.#label();
  }

  #click() {
    if (this.state !== "recording") return this.say(`/${this.root}/start`);
    if (this.sure) {
      this.#forget();
      return this.say(`/${this.root}/stop`);
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
    put(button, state === "recording" && this.sure ? "Stop?" : state === "recording" || state === "finishing" ? this.#figures() : this.idle);
    const title = [state, figures[`${this.root}.path`], figures[`${this.root}.error`]].filter(Boolean).join(": ");
    if (button.title !== title) button.title = title;
  }

  #figures() {
    return `${clock(this.figures[`${this.root}.seconds`] ?? 0)} · ${size(this.figures[`${this.root}.bytes`] ?? 0)}`;
  }
}

function size(bytes) {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(0)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
