// The meters: for every stem its level and the strength of its onsets over the last seconds, lamps that onsets light,
// and below the beat and the twelve pitch classes.

const SECONDS = 6;
const BANDS = ["full", "low", "mid", "high"];
const COLOURS = { mix: "#e7e9ee", drums: "#ff7a59", bass: "#6aa8ff", melody: "#c38bff" };
const BAND_COLOURS = { full: "#ffffff", low: "#ff5d73", mid: "#ffb454", high: "#59d8c9" };
const LETTERS = { full: "∗", low: "L", mid: "M", high: "H" };
const NOTES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
const QUIET_DB = -60;
const LAMP_S = 0.25;
const LAMP_PX = 22;
const DIM = "#8d95a5";
const LINE = "#2a2f39";

export class Meters {
  constructor(canvas) {
    this.canvas = canvas;
    this.states = [];
    this.lit = new Map();
    this.beat = { phase: 0, bpm: 0 };
  }

  // Take what was heard since the last call, and draw it. Twenty times a second is enough for the eye, and leaves the
  // processor to the show where both are on one machine.
  hear(signals, onsets) {
    const now = performance.now() / 1000;
    for (const [stem, band, strength] of onsets) this.lit.set(`${stem}.${band}`, { at: now, strength });
    this.states.push({ at: now, signals, onsets });
    while (this.states.length && this.states[0].at < now - SECONDS - 1) this.states.shift();
    this.beat = { phase: signals.beat_phase ?? 0, bpm: signals.tempo_bpm ?? 0 };
    requestAnimationFrame(() => this.draw(now));
  }

  draw(now) {
    const { canvas } = this;
    const scale = window.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    const chromaHeight = 74;
    const stems = Object.keys(COLOURS);
    const row = (height - chromaHeight - 10) / stems.length;
    stems.forEach((stem, i) => this.#stem(pen, stem, 10 + i * row, row - 6, width, now));
    this.#beat(pen, 10, height - chromaHeight, 56);
    this.#chroma(pen, 84, height - chromaHeight, width - 96, chromaHeight - 10);
  }

  #stem(pen, stem, top, height, width, now) {
    const left = 64;
    const right = width - 4 * LAMP_PX - 12;
    const x = (at) => right - ((now - at) / SECONDS) * (right - left);
    pen.fillStyle = COLOURS[stem];
    pen.textAlign = "left";
    pen.fillText(stem, 12, top + height / 2);
    pen.save();
    pen.beginPath();
    pen.rect(left, top, right - left, height);
    pen.fillStyle = "#0f1217";
    pen.fill();
    pen.clip();
    this.#level(pen, stem, top, height, x, right);
    for (const band of BANDS.slice(1)) this.#strength(pen, stem, band, top, height, x);
    this.#onsets(pen, stem, top, height, x);
    pen.restore();
    BANDS.forEach((band, i) => this.#lamp(pen, stem, band, [right + 6 + i * LAMP_PX, top, LAMP_PX - 4, height], now));
  }

  #level(pen, stem, top, height, x, right) {
    const level = (state) => Math.max(0, 1 - (state.signals.rms_db?.[stem] ?? QUIET_DB) / QUIET_DB);
    if (!this.states.length) return;
    pen.beginPath();
    pen.moveTo(x(this.states[0].at), top + height);
    for (const state of this.states) pen.lineTo(x(state.at), top + height - level(state) * height);
    const last = this.states.at(-1);
    pen.lineTo(right, top + height - level(last) * height);
    pen.lineTo(right, top + height);
    pen.fillStyle = COLOURS[stem];
    pen.globalAlpha = 0.28;
    pen.fill();
    pen.globalAlpha = 1;
  }

  #strength(pen, stem, band, top, height, x) {
    pen.beginPath();
    for (const state of this.states) {
      const strength = state.signals.onset_strength?.[`${stem}.${band}`] ?? 0;
      pen.lineTo(x(state.at), top + height - 1 - strength * (height - 3));
    }
    pen.strokeStyle = BAND_COLOURS[band];
    pen.lineWidth = 1.4;
    pen.stroke();
  }

  #onsets(pen, stem, top, height, x) {
    for (const state of this.states) {
      for (const [of, band, strength] of state.onsets) {
        if (of !== stem) continue;
        pen.fillStyle = BAND_COLOURS[band];
        pen.globalAlpha = 0.35 + 0.65 * strength;
        pen.fillRect(x(state.at) - 1, top, 2, 5);
        pen.globalAlpha = 1;
      }
    }
  }

  #lamp(pen, stem, band, [x, y, width, height], now) {
    const lit = this.lit.get(`${stem}.${band}`);
    const glow = lit ? Math.max(0, 1 - (now - lit.at) / LAMP_S) * (0.4 + 0.6 * lit.strength) : 0;
    pen.beginPath();
    pen.roundRect(x, y, width, height, 4);
    pen.fillStyle = LINE;
    pen.fill();
    pen.globalAlpha = glow;
    pen.fillStyle = BAND_COLOURS[band];
    pen.shadowColor = BAND_COLOURS[band];
    pen.shadowBlur = 12 * glow;
    pen.fill();
    pen.shadowBlur = 0;
    pen.globalAlpha = 1 - 0.6 * glow;
    pen.fillStyle = glow > 0.5 ? "#14161b" : DIM;
    pen.textAlign = "center";
    pen.fillText(LETTERS[band], x + width / 2, y + height / 2 + 1);
    pen.globalAlpha = 1;
  }

  #beat(pen, left, top, size) {
    const { phase, bpm } = this.beat;
    const x = left + size / 2 + 2;
    const y = top + size / 2 + 2;
    pen.beginPath();
    pen.arc(x, y, size / 2 - 4, 0, 2 * Math.PI);
    pen.strokeStyle = LINE;
    pen.lineWidth = 5;
    pen.stroke();
    if (!bpm) return;
    pen.beginPath();
    pen.arc(x, y, size / 2 - 4, -Math.PI / 2, -Math.PI / 2 + phase * 2 * Math.PI);
    pen.strokeStyle = "#ffb454";
    pen.stroke();
    pen.fillStyle = "#ffb454";
    pen.textAlign = "center";
    pen.fillText("beat", x, y + 1);
  }

  #chroma(pen, left, top, width, height) {
    const chroma = this.states.at(-1)?.signals.chroma ?? [];
    const step = width / 12;
    const most = Math.max(0.25, ...chroma);
    pen.textAlign = "center";
    NOTES.forEach((note, i) => {
      const share = (chroma[i] ?? 0) / most;
      const x = left + i * step;
      const full = height - 16;
      pen.fillStyle = LINE;
      pen.fillRect(x + 2, top, step - 4, full);
      pen.fillStyle = `hsl(${i * 30} 75% 62%)`;
      pen.fillRect(x + 2, top + full * (1 - share), step - 4, full * share);
      pen.fillStyle = DIM;
      pen.fillText(note, x + step / 2, top + height - 6);
    });
  }
}
