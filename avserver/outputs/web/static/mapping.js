// The mapping files: which they are, what is wrong with them, and a button that has them read again.

import { put } from "./text.js";

export class Mapping {
  constructor({ root, files, error, reload, say, tell }) {
    Object.assign(this, { root, files, error, tell });
    this.reads = undefined;
    reload.addEventListener("click", () => say("/mapping/reload"));
  }

  follow(figures) {
    const files = figures["mapping.files"];
    this.root.hidden = files === undefined;
    if (files === undefined) return;
    put(this.files, files.split(", ").map((path) => path.split(/[\\/]/).at(-1)).join(" · "));
    if (this.files.title !== files) this.files.title = files;
    const error = figures["mapping.error"].replace(/^.*[\\/](?=[^\\/]*, line )/, ""); // the folder says nothing new
    put(this.error, error);
    this.root.dataset.state = error ? "failing" : "playing";
    const reads = figures["mapping.reads"];
    if (this.reads !== undefined && reads > this.reads) this.tell("the mapping was read again", true);
    this.reads = reads;
  }
}
