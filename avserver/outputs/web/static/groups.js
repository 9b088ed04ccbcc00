// The groups of controls: those that matter first and open, the others folded, or as they were left; and a search.

// What a show is played with; all else is set up once, and there is much of it.
const IMPORTANT = new Set(["output", "latent", "noise", "grade", "segment", "bend", "choir"]);
const REMEMBERED = "avserver.groups";

export class Groups {
  constructor(root, search, found) {
    this.root = root;
    this.search = search;
    this.found = found;
    this.groups = new Map();
    this.left = remembered();
    search.addEventListener("input", () => this.filter());
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  clear() {
    this.groups.clear();
    this.root.replaceChildren();
  }

  // Put a control, a row, into its group.
  add(name, address, row) {
    if (!this.groups.has(name)) this.groups.set(name, this.#make(name));
    const group = this.groups.get(name);
    group.rows.push([address, row]);
    group.knobs.append(row);
  }

  // Show the rows whose address has every word of the search, and the groups that have such rows.
  filter() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let all = 0;
    let shown = 0;
    for (const [name, { details, rows }] of this.groups) {
      let here = 0;
      for (const [address, row] of rows) {
        row.hidden = !words.every((word) => address.includes(word));
        here += !row.hidden;
      }
      all += rows.length;
      shown += here;
      details.hidden = here === 0;
      details.open = words.length ? here > 0 : this.#isOpen(name);
    }
    this.found.textContent = words.length ? `${shown} of ${all}` : "";
  }

  #make(name) {
    const details = Object.assign(document.createElement("details"), { open: this.#isOpen(name) });
    const summary = Object.assign(document.createElement("summary"), { textContent: name });
    const knobs = Object.assign(document.createElement("div"), { className: "knobs" });
    details.append(summary, knobs);
    details.classList.toggle("important", isImportant(name));
    this.root.insertBefore(details, isImportant(name) ? this.root.querySelector("details:not(.important)") : null);
    // While one searches, groups open by themselves: that is nothing to remember.
    summary.addEventListener("click", () => { if (!this.search.value) this.#remember(name, !details.open); });
    return { details, knobs, rows: [] };
  }

  #isOpen(name) {
    return this.left[name] ?? isImportant(name);
  }

  #remember(name, open) {
    this.left[name] = open;
    try {
      localStorage.setItem(REMEMBERED, JSON.stringify(this.left));
    } catch { /* a browser that keeps nothing: then it is not remembered */ }
  }

  #key(event) {
    if (event.key === "/" && !/INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) {
      event.preventDefault();
      this.search.focus();
    }
    if (event.key === "Escape" && event.target === this.search) {
      this.search.value = "";
      this.filter();
      this.search.blur();
    }
  }
}

function isImportant(name) {
  return IMPORTANT.has(name.split(" ")[0]);
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED)) ?? {};
  } catch {
    return {};
  }
}
