// Drawing: strokes of the net's size on their own layer; what was sent stays seen until it is answered.

import { $, after, fault, state, stop } from "./wire.js";
import { act } from "./share.js";
import { release } from "./push.js";

const GREY = "#cccccc";
const paint = $("paint");
const layers = Object.fromEntries(["sent", "mask", "paint", "cursor"].map(
  (name) => [name, document.querySelector(`canvas.${name}`).getContext("2d", { willReadFrequently: true })]));
const tool = () => document.querySelector("input[name=tool]:checked").value;
let stroke = null;
let spot = null;
let unanswered = 0;

export function fit() {
  for (const { canvas } of Object.values(layers)) [canvas.width, canvas.height] = [state.width, state.height];
  [stroke, spot, unanswered] = [null, null, 0];
}

export function clearMask() { wipe(layers.mask); }
const wipe = (context) => context.clearRect(0, 0, state.width, state.height);

function place(event) {
  const box = paint.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * state.width, (event.clientY - box.top) / box.height * state.height];
}

function begin(point) {
  release();
  stop();
  const kind = tool();
  const context = kind.endsWith("mask") ? layers.mask : layers.paint;
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = Number($("width").value);
  context.globalCompositeOperation = kind === "unmask" ? "destination-out" : "source-over";
  context.strokeStyle = context.fillStyle = { mask: "#00c2a8", unmask: "#000", eraser: GREY }[kind] ?? $("colour").value;
  stroke = { kind, context, from: point, last: point };
  line(point);
}

function line([x, y]) {
  const { kind, context, from: [fx, fy], last } = stroke;
  if (kind === "ellipse" || kind === "box") {
    wipe(context);
    shape(context, kind, (fx + x) / 2, (fy + y) / 2, Math.abs(x - fx), Math.abs(y - fy));
  } else {
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(x, y);
    context.stroke();
  }
  stroke.last = [x, y];
}

function shape(context, kind, x, y, w, h) {
  context.beginPath();
  if (kind === "box") context.rect(x - w / 2, y - h / 2, w, h);
  else context.ellipse(x, y, w / 2, h / 2, 0, 0, 2 * Math.PI);
  context.fill();
}

function finish() {
  if (!stroke) return;
  const { kind, context } = stroke;
  stroke = null;
  context.globalCompositeOperation = "source-over";
  if (kind.endsWith("mask")) sendMask();
  else sendPaint();
}

/** Send what was drawn; strokes that are drawn meanwhile are on their own layer and are sent next. */
function sendPaint() {
  const body = new Uint8Array(layers.paint.getImageData(0, 0, state.width, state.height).data);
  layers.sent.drawImage(layers.paint.canvas, 0, 0);
  wipe(layers.paint);
  unanswered += 1;
  after(async () => {
    try { await act("paint", body); } finally { if (--unanswered <= 0) { unanswered = 0; wipe(layers.sent); } }
  });
}

function sendMask() {
  const rgba = layers.mask.getImageData(0, 0, state.width, state.height).data;
  after(() => act("mask", new Uint8Array(state.width * state.height).map((_, i) => rgba[4 * i + 3])));
}

/** Show a mask that comes from the log, a byte a pixel. */
export function showMask(bytes) {
  const rgba = new Uint8ClampedArray(4 * bytes.length);
  bytes.forEach((value, i) => rgba.set([0, 194, 168, value], 4 * i));
  layers.mask.putImageData(new ImageData(rgba, state.width, state.height), 0, 0);
}

paint.addEventListener("pointerdown", (event) => {
  if (event.button > 0 || stroke) return;
  paint.setPointerCapture(event.pointerId);
  begin(place(event));
});
paint.addEventListener("pointermove", (event) => {
  if (!stroke || !paint.hasPointerCapture(event.pointerId)) return;
  const all = event.getCoalescedEvents?.() ?? [];
  for (const one of all.length ? all : [event]) line(place(one));
});
for (const name of ["pointerup", "pointercancel"]) paint.addEventListener(name, finish);

// With the keyboard: a cursor, and a brush that draws while it is down.
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
paint.addEventListener("keydown", (event) => {
  const way = WAYS[event.key];
  spot ??= [state.width / 2, state.height / 2];
  if (way) {
    const far = event.shiftKey ? 4 : 1;
    const sides = [state.width, state.height];
    spot = spot.map((at, i) => Math.min(Math.max(at + far * way[i], 0), sides[i]));
    if (stroke) line(spot);
  } else if (event.key === " " || event.key === "Enter") {
    if (event.repeat) return;
    if (stroke) finish();
    else begin(spot);
  } else if (event.key === "Escape" && stroke) finish();
  else return;
  event.preventDefault();
  wipe(layers.cursor);
  layers.cursor.fillStyle = stroke ? "#d00" : "#000";
  layers.cursor.fillRect(Math.floor(spot[0]) - 1, Math.floor(spot[1]), 3, 1);
  layers.cursor.fillRect(Math.floor(spot[0]), Math.floor(spot[1]) - 1, 1, 3);
});
paint.addEventListener("blur", () => { finish(); wipe(layers.cursor); });

$("shape").onsubmit = (event) => {
  event.preventDefault();
  const [x, y, w, h] = ["x", "y", "w", "h"].map((name) => Number(event.target.elements[name].value));
  if (![x, y, w, h].every(Number.isFinite)) { fault("A shape needs four numbers."); return; }
  const kind = tool() === "box" ? "box" : "ellipse";
  layers.paint.fillStyle = $("colour").value;
  shape(layers.paint, kind, x, y, w, h);
  sendPaint();
};
$("nomask").onclick = () => { clearMask(); sendMask(); };
$("width").oninput = () => { document.querySelector("output[for=width]").value = $("width").value; };
document.addEventListener("keydown", (event) => {
  const writing = event.target.matches?.("input:not([type=radio]):not([type=checkbox]):not([type=range]), select, textarea");
  if (writing || (event.key !== "[" && event.key !== "]")) return;
  $("width").value = Number($("width").value) + (event.key === "]" ? 1 : -1);
  $("width").dispatchEvent(new Event("input"));
});
