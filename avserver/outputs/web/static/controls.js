// The controls: one for every parameter of the table, made from the table.

// Whole numbers over a wider range than this have a box to type in: no slider hits one seed in four billion.
const MOST_STEPS = 1000;

export class Controls {
  // `say(address, ...arguments)` tells the server.
  constructor(root, panic, say) {
    this.root = root;
    this.panic = panic;
    this.say = say;
    this.knobs = new Map();
    this.turned = new Map();
    this.table = "";
    panic.addEventListener("click", () => say("/panic"));
  }

  // Make the controls, unless they are there already.
  build(parameters) {
    const table = JSON.stringify(parameters);
    if (table === this.table) return;
    this.table = table;
    this.knobs.clear();
    this.root.replaceChildren();
    const groups = new Map();
    for (const parameter of parameters) {
      const [group, name] = split(parameter.address);
      if (parameter.address === "/panic") { this.panic.hidden = false; continue; }
      if (!groups.has(group)) groups.set(group, this.#group(group));
      groups.get(group).append(this.#knob(parameter, name));
    }
  }

  // Show where the knobs stand.
  show(values) {
    for (const [address, value] of Object.entries(values)) this.knobs.get(address)?.show(value);
  }

  // Show what modulation makes of the knobs, as marks beside them.
  mark(moved) {
    for (const [address, knob] of this.knobs) knob.mark?.(moved[address]);
  }

  // Tell the server a value, and ask for it: the answer is what became of it, and later than any that is on its way.
  #set(address, value) {
    this.say(address, value);
    this.say(address);
  }

  // Remember what was turned, and tell the server of it once a picture of the screen, the newest value of each.
  #turn(address, value) {
    if (!this.turned.size) requestAnimationFrame(() => this.#flush());
    this.turned.set(address, value);
  }

  #flush() {
    for (const [address, value] of this.turned) this.say(address, value);
    this.turned.clear();
  }

  #group(name) {
    // Eight directions are always there and seldom turned.
    const details = make("details", { open: !/^direction . \d+$/.test(name) });
    details.append(make("summary", { textContent: name }));
    const knobs = make("div", { className: "knobs" });
    details.append(knobs);
    this.root.append(details);
    return knobs;
  }

  #knob(parameter, name) {
    const row = make("div", { className: "knob", title: `${parameter.address}: ${parameter.description}` });
    const label = parameter.unit ? name.replace(new RegExp(` ${parameter.unit}$`), "") : name;
    row.append(make("span", { className: "name", textContent: label }));
    const knob = this.#make(parameter, row);
    this.knobs.set(parameter.address, knob);
    knob.show(parameter.default);
    row.addEventListener("dblclick", () => {
      if (parameter.kind === "trigger" || parameter.kind === "bool") return;
      knob.show(parameter.default, true);
      this.#set(parameter.address, parameter.default);
    });
    return row;
  }

  #make(parameter, row) {
    if (parameter.kind === "trigger") return this.#trigger(parameter, row);
    if (parameter.kind === "bool") return this.#toggle(parameter, row);
    const steps = parameter.maximum - parameter.minimum;
    return parameter.kind === "int" && steps > MOST_STEPS ? this.#box(parameter, row) : this.#slider(parameter, row);
  }

  #slider(parameter, row) {
    const { address, minimum, maximum, kind, unit } = parameter;
    const span = maximum - minimum || 1;
    const input = make("input", { type: "range", min: minimum, max: maximum, step: kind === "int" ? 1 : "any" });
    input.setAttribute("aria-label", address);
    const mark = make("b", { hidden: true });
    const slider = make("div", { className: "slider" });
    slider.append(input, mark);
    const output = make("output");
    row.append(slider, output);
    let held = false;
    const paint = () => {
      const value = Number(input.value);
      input.style.setProperty("--at", (value - minimum) / span);
      output.textContent = kind === "int" ? String(value) : value.toFixed(span > 50 ? 1 : 2);
      if (unit) output.append(make("span", { className: "unit", textContent: unit }));
      row.classList.toggle("turned", Math.abs(value - parameter.default) > 1e-6 * span);
    };
    input.addEventListener("pointerdown", () => { held = true; });
    input.addEventListener("input", () => { paint(); this.#turn(address, Number(input.value)); });
    for (const event of ["change", "pointerup", "pointercancel", "blur"]) {
      input.addEventListener(event, () => { held = false; });
    }
    input.addEventListener("change", () => { this.turned.delete(address); this.#set(address, Number(input.value)); });
    return {
      show(value, ours = false) {
        if (held && !ours) return;
        input.value = value;
        paint();
      },
      mark(value) {
        mark.hidden = value === undefined || value === null;
        if (!mark.hidden) mark.style.setProperty("--moved", Math.min(1, Math.max(0, (value - minimum) / span)));
      },
    };
  }

  #box(parameter, row) {
    const { address, minimum, maximum } = parameter;
    const input = make("input", { type: "number", min: minimum, max: maximum, step: 1 });
    input.setAttribute("aria-label", address);
    input.inputMode = "numeric";
    row.append(input);
    row.classList.add("box");
    input.addEventListener("change", () => {
      if (input.value === "") this.say(address);
      else this.#set(address, Number(input.value));
    });
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") input.blur(); });
    return {
      show(value) {
        input.value = value;
        row.classList.toggle("turned", value !== parameter.default);
      },
    };
  }

  #toggle(parameter, row) {
    const input = make("input", { type: "checkbox" });
    input.setAttribute("role", "switch");
    input.setAttribute("aria-label", parameter.address);
    row.append(input);
    input.addEventListener("change", () => this.#set(parameter.address, input.checked));
    return {
      show(value) {
        input.checked = value;
        row.classList.toggle("turned", Boolean(value) !== Boolean(parameter.default));
      },
    };
  }

  #trigger(parameter, row) {
    const button = make("button", { className: "fire", textContent: row.textContent });
    button.setAttribute("aria-label", parameter.address);
    row.replaceChildren(button);
    row.classList.add("button");
    button.addEventListener("click", () => this.say(parameter.address));
    return { show() {} };
  }
}

// "/choir/melody/seed/1" is "seed 1" of the group "choir melody", "/noise/speed" is "speed" of "noise".
function split(address) {
  const parts = address.split("/").slice(1);
  const depth = Math.min(2, parts.length - 1);
  return [parts.slice(0, depth).join(" · "), parts.slice(depth).join(" ").replaceAll("_", " ")];
}

function make(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}
