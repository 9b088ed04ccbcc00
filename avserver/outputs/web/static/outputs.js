// The outputs: a row for each, with how it does, and why if it does not. What a kind of output tells beside what all
// of them tell (receivers, tally …) stands there as it comes.

import { make, put } from "./text.js";

const ELSEWHERE = new Set(["state", "error", "sent", "address"]);
// What is or is not so; and what is worth a word only once there is some.
const SWITCHES = new Set(["encrypted", "connected"]);
const SELDOM = new Set(["refused", "skipped", "failed", "restarts"]);
// Long enough that the rate is steady.
const RATE_S = 2;
const WHY = { broken: "a mistake in avserver; its log says more", closed: "" };

export class Outputs {
  constructor(root) {
    this.root = root;
    this.rows = new Map();
  }

  follow(figures) {
    const outputs = outputsOf(figures);
    for (const name of this.rows.keys()) if (!outputs.has(name)) this.#remove(name);
    for (const [name, output] of outputs) this.#show(this.rows.get(name) ?? this.#add(name), output, figures.t_s);
  }

  #show(row, output, t_s) {
    const { state, error } = output;
    if (row.root.dataset.state !== state) row.root.dataset.state = state;
    if (row.root.title !== (output.address ?? "")) row.root.title = output.address ?? "";
    put(row.state, state === "playing" ? rate(row, output.sent, t_s) : state);
    put(row.more, more(output));
    put(row.reason, error || WHY[state] || "");
  }

  #add(name) {
    const [state, more, reason] = ["how", "more", "reason"].map((className) => make("span", { className }));
    const root = make("li", { ariaLabel: `output ${name}` }, make("i"), make("span", { className: "name", textContent: name }), state, more, reason);
    const row = { root, state, more, reason, samples: [] };
    this.rows.set(name, row);
    this.root.append(root);
    return row;
  }

  #remove(name) {
    this.rows.get(name).root.remove();
    this.rows.delete(name);
  }
}

// Names may have dots: the last word is what is told.
function outputsOf(figures) {
  const outputs = new Map();
  for (const [key, value] of Object.entries(figures)) {
    const match = /^output\.(.+)\.([^.]+)$/.exec(key);
    if (!match) continue;
    if (!outputs.has(match[1])) outputs.set(match[1], {});
    outputs.get(match[1])[match[2]] = value;
  }
  return outputs;
}

function rate(row, sent, t_s) {
  const { samples } = row;
  if (samples.length && (sent < samples[0].sent || t_s < samples[0].t_s)) samples.length = 0;
  if (!samples.length || t_s > samples.at(-1).t_s) samples.push({ sent, t_s });
  while (samples.length > 2 && t_s - samples[1].t_s >= RATE_S) samples.shift();
  const span_s = t_s - samples[0].t_s;
  return span_s > 0.5 ? `${((sent - samples[0].sent) / span_s).toFixed(1)} fps` : "playing";
}

function more(output) {
  const told = Object.entries(output).filter(([key]) => !ELSEWHERE.has(key));
  told.sort(([one], [other]) => SELDOM.has(one) - SELDOM.has(other));
  return told.map(([key, value]) => word(key, value)).filter(Boolean).join(" · ");
}

function word(key, value) {
  if (typeof value !== "number") return value;
  if (SWITCHES.has(key)) return value ? key : "";
  if (!value && SELDOM.has(key)) return "";
  const name = key.replaceAll("_", " ");
  return `${value} ${value === 1 ? name.replace(/s$/, "") : name}`;
}
