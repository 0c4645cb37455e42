// Pushes: a press is one step; held, it goes on until it is let go, wherever that is.

import { $, after, chosen, events, ask, said, state, stop, there } from "./wire.js";
import { show } from "./show.js";

const HELD = 300;
let pressed = null;

export function holding(button, target) {
  const begin = () => {
    if (pressed) return;
    button.setAttribute("aria-pressed", "true");
    const press = { button, going: null };
    pressed = press;
    push(target(), 1);
    press.timer = setTimeout(() => { press.going = push(target(), 1000); }, HELD);
  };
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    button.setPointerCapture?.(event.pointerId);
    begin();
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
    button.addEventListener(name, () => { if (pressed?.button === button) release(); });
  }
  button.addEventListener("contextmenu", (event) => { if (pressed) event.preventDefault(); });
  button.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (!event.repeat) begin();
  });
  button.addEventListener("keyup", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    release();
  });
  // A click of neither a pointer nor a key is one of a screen reader.
  button.addEventListener("click", (event) => { if (event.detail === 0 && !pressed) push(target(), 1); });
}

export function release() {
  if (!pressed) return;
  clearTimeout(pressed.timer);
  pressed.button.setAttribute("aria-pressed", "false");
  pressed.going?.abort();
  pressed = null;
}
window.addEventListener("blur", release);
document.addEventListener("visibilitychange", () => { if (document.hidden) release(); });

function push(target, steps) {
  const abort = new AbortController();
  const asked = {
    ...target, steps, strength: Number($("strength").value), eps: Number($("eps").value), norm: $("norm").value,
  };
  after(() => {
    if (abort.signal.aborted) return null;
    state.stop = steps > 1 ? abort : null;
    return stream(asked, abort.signal);
  });
  return abort;
}

/** Take steps, show each, and note how many the server took: it may be one more than were seen. */
export async function stream(asked, signal) {
  const begun = state.sheet.count;
  const desk = state.desk;
  try {
    for await (const [, sheet] of events("push", asked, signal)) show(sheet);
  } catch (error) {
    if (error?.name !== "AbortError") throw error;
    show(await (await ask(there(""))).json());
  } finally {
    const steps = state.desk === desk ? state.sheet.count - begun : 0;
    if (steps) {
      state.log.push({ push: { ...asked, steps } });
      const name = asked.unit === undefined ? chosen().classes[asked.label] : `unit ${asked.unit}`;
      const chance = asked.unit === undefined ? ` ${state.sheet.chances[0][asked.label].toFixed(2)}` : "";
      said(`${steps} ${steps === 1 ? "step" : "steps"} to ${name}${chance}`);
    }
    if (state.stop?.signal === signal) state.stop = null;
  }
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  release();
  stop();
});
