// A fader: a slider that a mouse drags as usual, and that a finger moves along, from where it stands.
//
// A finger that lands on it changes nothing: only once it goes sideways does the fader follow, as far as it goes. One
// that goes up or down scrolls the page, and turns nothing on its way.

import { make } from "./text.js";

const SLACK_PX = 6;
const THUMB_PX = 16;

// Return {element, input, show(value), mark(value)}; `turn(value)` is told of every move, `set(value)` of the last.
export function fader({ address, minimum, maximum, kind, unit }, { output, turn, set, painted }) {
  const span = maximum - minimum || 1;
  const input = make("input", { type: "range", min: minimum, max: maximum, step: kind === "int" ? 1 : "any" });
  input.setAttribute("aria-label", address);
  const mark = make("b", { hidden: true });
  const element = make("div", { className: "slider" }, input, mark);
  let held = false;
  const paint = () => {
    const value = Number(input.value);
    input.style.setProperty("--at", (value - minimum) / span);
    output.textContent = kind === "int" ? String(value) : value.toFixed(span > 50 ? 1 : 2);
    if (unit) output.append(make("span", { className: "unit", textContent: unit }));
    painted(value);
  };
  const move = () => { paint(); turn(Number(input.value)); };
  const done = () => { held = false; set(Number(input.value)); };
  input.addEventListener("pointerdown", () => { held = true; });
  input.addEventListener("input", move);
  for (const event of ["pointerup", "pointercancel", "blur"]) input.addEventListener(event, () => { held = false; });
  input.addEventListener("change", done);
  follow(element, input, {
    hold() { held = true; return Number(input.value); },
    move(from, share) { input.value = from + share * span; move(); },
    done,
  });
  return {
    element,
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

// Have a finger move it. On a touch screen the style sheet takes the slider itself out of its way.
function follow(element, input, { hold, move, done }) {
  let finger = null;
  element.addEventListener("pointerdown", (event) => {
    if (event.target === element && !finger) finger = { id: event.pointerId, x: event.clientX, y: event.clientY, from: null };
  });
  element.addEventListener("pointermove", (event) => {
    if (event.pointerId !== finger?.id) return;
    const across = event.clientX - finger.x;
    if (finger.from === null) {
      if (Math.abs(event.clientY - finger.y) > Math.max(SLACK_PX, Math.abs(across))) finger = null;
      else if (Math.abs(across) > SLACK_PX) {
        element.setPointerCapture(event.pointerId);
        Object.assign(finger, { x: event.clientX, from: hold() });
      }
      return;
    }
    move(finger.from, across / (input.clientWidth - THUMB_PX));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    element.addEventListener(end, (event) => {
      if (event.pointerId !== finger?.id) return;
      const moved = finger.from !== null;
      finger = null;
      if (moved) done();
    });
  }
}
