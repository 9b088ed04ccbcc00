// The presets: a button for each to recall it, and a name to save or delete one by.

const SURE_MS = 3000;

export class Presets {
  constructor({ form, shelf, name, save, remove, say }) {
    Object.assign(this, { form, shelf, name, save, remove, say });
    this.names = [];
    this.playing = "";
    this.count = 0;
    name.addEventListener("input", () => this.#label());
    name.addEventListener("focus", () => this.ask()); // files may have been renamed
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      say("/preset/save", this.name.value.trim());
    });
    remove.addEventListener("click", () => this.#remove());
  }

  // Show the form if the server has presets.
  show(parameters) {
    this.form.hidden = !parameters.some(({ address }) => address === "/preset/morph_s");
  }

  // Ask which presets there are.
  ask() {
    if (!this.form.hidden) this.say("/preset/list");
  }

  // Take an answer of the server's; return what there is to tell of it.
  take(address, given) {
    if (address === "/preset/list.reply") this.#list(given);
    if (address === "/preset/saved" || address === "/preset/deleted") {
      this.ask();
      return `${given[0]} is ${address.split("/")[2]}`;
    }
    return "";
  }

  // Follow the status: which one plays, whether there are others now, whether one waits for the beat.
  follow({ preset, presets, quantise_pending: waiting = "" }) {
    if (preset === undefined) return;
    this.form.classList.toggle("waiting", waiting.includes("/preset/"));
    if (presets !== this.count) {
      this.count = presets;
      this.ask();
    }
    if (preset !== this.playing) {
      this.playing = preset;
      if (preset && !this.names.includes(preset)) this.ask();
      this.#mark();
    }
  }

  #list(names) {
    if (JSON.stringify(names) === JSON.stringify(this.names)) return;
    this.names = names;
    this.shelf.replaceChildren(...names.map((name) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: name, title: name });
      button.addEventListener("click", () => {
        this.say("/preset/recall", name);
        this.name.value = name;
        this.#label();
      });
      return button;
    }));
    this.#mark();
    this.#label();
  }

  #mark() {
    for (const button of this.shelf.children) button.setAttribute("aria-pressed", button.textContent === this.playing);
  }

  #label() {
    const name = this.name.value.trim();
    const there = this.names.includes(name);
    this.save.textContent = there ? "Overwrite" : "Save";
    this.save.disabled = !name;
    this.remove.textContent = "Delete";
    this.remove.disabled = !there;
  }

  // Delete at the second click: nothing brings a preset back.
  #remove() {
    if (this.remove.textContent === "Delete") {
      this.remove.textContent = "Sure?";
      setTimeout(() => this.#label(), SURE_MS);
      return;
    }
    this.say("/preset/delete", this.name.value.trim());
    this.name.value = "";
    this.#label();
  }
}
