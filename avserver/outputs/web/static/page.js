// The page: puts its parts together and hands them what the server says. What is said: audience.py.

import { Controls } from "./controls.js";
import { showFigures } from "./figures.js";
import { Link } from "./link.js";
import { Mapping } from "./mapping.js";
import { Meters } from "./meters.js";
import { Outputs } from "./outputs.js";
import { Picture } from "./picture.js";
import { Presets } from "./presets.js";
import { Record } from "./record.js";
import { at, put } from "./text.js";

const ANSWER_MS = 4000;
const OUTPUT = /^\/output\/([^/]+)\/state$/;

const say = (...words) => link.say(...words);
const picture = new Picture(at("picture"), () => link.send({ seen: true }));
const meters = new Meters(at("meters"));
const controls = new Controls({ root: at("controls"), panic: at("panic"), search: at("search"), found: at("found"), say });
const presets = new Presets({ form: at("presets"), shelf: at("shelf"), name: at("preset-name"), save: at("preset-save"), remove: at("preset-delete"), say });
const outputs = new Outputs(at("outputs"));
const mapping = new Mapping({ root: at("mapping"), files: at("mapping-files"), error: at("mapping-error"), reload: at("mapping-reload"), say, tell });
const record = new Record({ button: at("record"), root: "record", noun: "recording", verb: "recorded", say, tell });
const take = new Record({ button: at("take"), root: "take", noun: "take", verb: "kept", say, tell });
const link = new Link({ hear, show: (blob) => picture.show(blob), lost });
let figures = {};

// A button that was tapped shall not be pressed again by the space bar.
document.addEventListener("click", ({ detail, target }) => { if (detail > 0) target.closest("button")?.blur(); });

function lost(reason) {
  document.body.className = "lost";
  put(at("connection"), "connection lost");
  put(at("reason"), reason);
}

function hear(message) {
  if (message.type === "hello") {
    picture.reset();
    document.body.className = "";
    put(at("connection"), "connected");
    build(message.parameters);
    turned(message.values);
    presets.ask();
    return;
  }
  if (message.type === "parameters") build(message.parameters);
  turned(message.values);
  if (message.type !== "state") return;
  controls.mark(message.moved ?? {});
  if (message.signals) meters.hear(message.signals, message.onsets);
  if (message.status) follow(message.status);
  showFigures(figures, message.signals, message.frame);
  for (const answer of message.answers) hearAnswer(answer);
}

// Take the status: it comes when there is a new one.
function follow(status) {
  figures = status;
  for (const part of [presets, outputs, mapping, record, take]) part.follow(status);
}

function build(parameters) {
  controls.build(parameters);
  presets.show(parameters);
}

function turned(values) {
  controls.show(values);
  if (values["/lock"] !== undefined) document.documentElement.classList.toggle("locked", values["/lock"]);
}

function hearAnswer({ address, arguments: given }) {
  if (address === "/fail") tell(given[0] ? `${given[0]}: ${given[1]}` : given[1], false);
  const output = OUTPUT.exec(address);
  if (output) tell(`${decodeURIComponent(output[1])} is ${given.filter(Boolean).join(": ")}`, given[0] === "playing");
  const done = presets.take(address, given);
  if (done) tell(done, true);
}

let hide = 0;
function tell(text, good) {
  at("answer").textContent = text;
  at("answer").className = good ? "good" : "";
  at("answer").hidden = false;
  clearTimeout(hide);
  hide = setTimeout(() => { at("answer").hidden = true; }, ANSWER_MS);
}
