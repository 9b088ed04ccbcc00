// The figures: how the show does, in the header and under the picture.

import { at, clock, put } from "./text.js";

const REPEATED = 1;
const FAILSAFE = 2;
const BLACKOUT = 4;

export function showFigures(figures, signals, frame) {
  if (figures.worker !== undefined) {
    // A worker that hangs believes that it plays.
    put(at("connection"), figures.failsafe && figures.worker === "playing" ? "no new pictures" : figures.worker);
    const look = figures.failsafe ? `${figures.worker} silent` : figures.worker;
    if (document.body.className !== look) document.body.className = look;
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

function caption({ width_px, height_px, flags }, { frames, model, next_model, model_error }) {
  const words = [`${width_px} × ${height_px}`];
  if (model) words.push(next_model ? `${model} → ${next_model}` : model);
  if (flags & BLACKOUT) words.push("blackout");
  if (flags & FAILSAFE) words.push(frames ? "failsafe" : "no picture yet");
  else if (flags & REPEATED) words.push("repeated");
  if (model_error) words.push(model_error);
  return words.join(" · ");
}
