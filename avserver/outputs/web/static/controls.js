// The controls: one for every parameter of the table, made from the table. Some have a place of their own on the page
// (`data-address`), all others stand in groups.

import { fader } from "./fader.js";
import { Groups } from "./groups.js";
import { make } from "./text.js";

// Whole numbers over a wider range than this have a box to type in: no slider hits one seed in four billion.
const MOST_STEPS = 1000;
const TAP = "/tempo/tap";

export class Controls {
  // `say(address, ...arguments)` tells the server.
  constructor({ root, panic, search, found, say }) {
    this.groups = new Groups(root, search, found);
    this.panic = panic;
    this.say = say;
    this.knobs = new Map();
    this.marked = {};
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
    this.marked = {};
    this.groups.clear();
    const places = new Map([...document.querySelectorAll("[data-address]")].map((place) => [place.dataset.address, place]));
    for (const place of places.values()) place.replaceChildren();
    for (const parameter of parameters) {
      const [group, name] = split(parameter.address);
      const place = places.get(parameter.address);
      if (parameter.address === "/panic") this.panic.hidden = false;
      else if (place) place.append(this.#knob(parameter, place.dataset.label ?? "", place.dataset.as));
      else this.groups.add(group, parameter.address, this.#knob(parameter, name));
    }
    this.groups.filter();
  }

  // Show where the knobs stand.
  show(values) {
    for (const [address, value] of Object.entries(values)) this.knobs.get(address)?.show(value);
  }

  // Show what modulation makes of the knobs, as marks beside them.
  mark(moved) {
    for (const address of Object.keys(this.marked)) if (!(address in moved)) this.knobs.get(address)?.mark?.();
    for (const [address, value] of Object.entries(moved)) {
      if (this.marked[address] !== value) this.knobs.get(address)?.mark?.(value);
    }
    this.marked = moved;
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

  #knob(parameter, name, as) {
    const row = make("label", { className: "knob", title: `${parameter.address}: ${parameter.description}` });
    const label = parameter.unit ? name.replace(new RegExp(` ${parameter.unit}$`), "") : name;
    row.append(make("span", { className: "name", textContent: label }));
    row.classList.toggle("unlocked", parameter.address === "/output/opacity");
    const knob = this.#make(parameter, row, as);
    this.knobs.set(parameter.address, knob);
    knob.show(parameter.default);
    row.addEventListener("dblclick", () => {
      if (parameter.kind === "trigger" || parameter.kind === "bool" || parameter.choices.length) return;
      knob.show(parameter.default, true);
      this.#set(parameter.address, parameter.default);
    });
    return row;
  }

  #make(parameter, row, as) {
    if (parameter.kind === "trigger") return this.#trigger(parameter, row);
    if (parameter.kind === "bool") return this.#toggle(parameter, row);
    if (parameter.choices.length) return this.#choice(parameter, row);
    const steps = parameter.maximum - parameter.minimum;
    const box = as === "box" || (parameter.kind === "int" && steps > MOST_STEPS);
    return box ? this.#box(parameter, row) : this.#slider(parameter, row);
  }

  #choice(parameter, row) {
    const input = make("select");
    input.setAttribute("aria-label", parameter.address);
    parameter.choices.forEach((name, i) => input.append(new Option(name, parameter.minimum + i)));
    row.append(input);
    row.classList.add("choice");
    input.addEventListener("change", () => this.#set(parameter.address, Number(input.value)));
    return {
      show(value) {
        input.value = value;
        row.classList.toggle("turned", value !== parameter.default);
      },
    };
  }

  #slider(parameter, row) {
    const { address, minimum, maximum } = parameter;
    const output = make("output");
    const slider = fader(parameter, {
      output,
      turn: (value) => this.#turn(address, value),
      set: (value) => { this.turned.delete(address); this.#set(address, value); },
      painted: (value) => row.classList.toggle("turned", Math.abs(value - parameter.default) > 1e-6 * (maximum - minimum)),
    });
    row.append(slider.element, output);
    return slider;
  }

  #box(parameter, row) {
    const { address, minimum, maximum } = parameter;
    const input = make("input", { type: "number", min: minimum, max: maximum, step: parameter.kind === "int" ? 1 : "any" });
    input.setAttribute("aria-label", address);
    input.inputMode = parameter.kind === "int" ? "numeric" : "decimal";
    row.append(input);
    row.classList.add("box");
    input.addEventListener("change", () => {
      if (input.value === "") this.say(address);
      else this.#set(address, Number(input.value));
    });
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") input.blur(); });
    input.addEventListener("wheel", () => input.blur(), { passive: true }); // who scrolls past turns nothing
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
    row.classList.add("toggle");
    input.addEventListener("change", () => this.#set(parameter.address, input.checked));
    return {
      show(value) {
        input.checked = value;
        row.classList.toggle("turned", Boolean(value) !== Boolean(parameter.default));
      },
    };
  }

  #trigger(parameter, row) {
    const button = make("button", { className: "fire", type: "button", textContent: row.textContent });
    button.setAttribute("aria-label", parameter.address);
    row.replaceChildren(button);
    row.classList.add("button");
    const fire = () => this.say(parameter.address);
    if (parameter.address === TAP) {
      // When the finger lands, not when it leaves; and still by the keyboard.
      button.addEventListener("pointerdown", fire);
      button.addEventListener("click", ({ detail }) => { if (!detail) fire(); });
    } else button.addEventListener("click", fire);
    return { show() {} };
  }
}

// "/choir/melody/seed/1" is "seed 1" of the group "choir melody", "/noise/speed" is "speed" of "noise". Directions are
// many and small: they share a group.
function split(address) {
  const parts = address.split("/").slice(1);
  const depth = parts[0] === "direction" ? 1 : Math.min(2, parts.length - 1);
  return [parts.slice(0, depth).join(" · "), parts.slice(depth).join(" ").replaceAll("_", " ")];
}
