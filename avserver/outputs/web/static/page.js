// The page: one WebSocket that brings pictures and states, and takes what is turned. What is said on it: audience.py.

import { Controls } from "./controls.js";
import { Meters } from "./meters.js";
import { Presets } from "./presets.js";

const WAIT_MS = [250, 500, 1000, 2000];
const REPEATED = 1;
const FAILSAFE = 2;
const BLACKOUT = 4;
const ANSWER_MS = 4000;

const at = (id) => document.getElementById(id);
const picture = at("picture");
const meters = new Meters(at("meters"));
const controls = new Controls({ root: at("controls"), panic: at("panic"), search: at("search"), found: at("found"), say });
const presets = new Presets({ form: at("presets"), shelf: at("shelf"), name: at("preset-name"), save: at("preset-save"), remove: at("preset-delete"), say });
let socket = null;
let attempts = 0;
let unseen = false;

connect();
document.addEventListener("visibilitychange", seen);
function connect() {
  socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/ws`);
  socket.binaryType = "blob";
  socket.addEventListener("message", ({ data }) => (typeof data === "string" ? hear(JSON.parse(data)) : show(data)));
  socket.addEventListener("close", () => {
    document.body.className = "lost";
    at("connection").textContent = "connection lost";
    setTimeout(connect, WAIT_MS[Math.min(attempts++, WAIT_MS.length - 1)]);
  });
}

function say(address, ...given) {
  send({ address, arguments: given });
}

function send(message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function hear(message) {
  if (message.type === "hello") {
    attempts = 0;
    unseen = false;
    document.body.className = "";
    at("connection").textContent = "connected";
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
  status(message.status, message.signals, message.frame);
  for (const answer of message.answers) take(answer);
}

function build(parameters) {
  controls.build(parameters);
  presets.show(parameters);
}

function turned(values) {
  controls.show(values);
  if (values["/lock"] !== undefined) document.documentElement.classList.toggle("locked", values["/lock"]);
}

function take({ address, arguments: given }) {
  if (address === "/fail") tell(`${given[0]}: ${given[1]}`, false);
  const done = presets.take(address, given);
  if (done) tell(done, true);
}

// Draw a picture, and say so: the server sends the next one then. A hidden page asks for none.
async function show(blob) {
  const bitmap = await createImageBitmap(blob);
  if (picture.width !== bitmap.width || picture.height !== bitmap.height) {
    picture.width = bitmap.width;
    picture.height = bitmap.height;
  }
  picture.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  unseen = true;
  seen();
}

function seen() {
  if (!unseen || document.hidden) return;
  unseen = false;
  send({ seen: true });
}

function status(figures, signals, frame) {
  if (figures.worker !== undefined) {
    at("connection").textContent = figures.worker;
    document.body.className = figures.worker;
  }
  presets.follow(figures);
  const tempo = signals?.tempo_bpm ?? 0;
  at("beat").style.opacity = tempo ? Math.max(0.1, 1 - 2 * signals.beat_phase) : 0.1;
  at("fps").textContent = figures.fps === undefined ? "–" : figures.fps.toFixed(1);
  at("tempo").textContent = tempo ? tempo.toFixed(1) : "–";
  at("segment").textContent = signals?.segment ?? "–";
  at("late").textContent = figures.late ?? "–";
  at("time").textContent = clock(signals?.t_s ?? figures.t_s ?? 0);
  at("caption").textContent = frame ? caption(frame, figures) : "";
}

function caption({ width_px, height_px, flags }, { model, next_model, model_error }) {
  const words = [`${width_px} × ${height_px}`];
  if (model) words.push(next_model ? `${model} → ${next_model}` : model);
  if (flags & BLACKOUT) words.push("blackout");
  if (flags & FAILSAFE) words.push("no picture yet");
  else if (flags & REPEATED) words.push("repeated");
  if (model_error) words.push(model_error);
  return words.join(" · ");
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

let hide = 0;
function tell(text, good) {
  at("answer").textContent = text;
  at("answer").className = good ? "good" : "";
  at("answer").hidden = false;
  clearTimeout(hide);
  hide = setTimeout(() => { at("answer").hidden = true; }, ANSWER_MS);
}
