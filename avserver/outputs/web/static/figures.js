// The figures: how the show does, in the header and under the picture.

import { at, clock, put } from "./text.js";

const REPEATED = 1;
const FAILSAFE = 2;
const BLACKOUT = 4;

export function showFigures(figures, signals, frame) {
  if (figures.worker !== undefined) {
    put(at("connection"), figures.worker);
    if (document.body.className !== figures.worker) document.body.className = figures.worker;
  }
  const tempo = signals?.tempo_bpm ?? 0;
  at("beat").style.opacity = tempo ? Math.max(0.1, 1 - 2 * signals.beat_phase) : 0.1;
  put(at("fps"), figures.fps === undefined ? "–" : figures.fps.toFixed(1));
  put(at("tempo"), tempo ? tempo.toFixed(1) : "–");
  put(at("segment"), signals?.segment ?? "–");
  put(at("late"), figures.late ?? "–");
  put(at("time"), clock(signals?.t_s ?? figures.t_s ?? 0));
  put(at("caption"), frame ? caption(frame, figures) : "");
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
