// The lab's page. The server keeps the picture in floats; the page sends strokes and asks for steps.
// One request is in flight at a time: what a person does meanwhile waits, or ends what is running.

const $ = (id) => document.getElementById(id);
const state = {
  models: [], model: null, desk: null, height: 32, width: 32,
  busy: Promise.resolve(), stop: null, log: [], cursor: null, down: false, stroke: null,
};
const paint = $("paint");
const layer = { paint: paint.getContext("2d"), mask: document.querySelector(".mask").getContext("2d") };

// ---- asking the server ---------------------------------------------------------------------

async function answered(response) {
  if (response.ok) return response;
  let words = `${response.status} ${response.statusText}`;
  try { words = (await response.json()).detail ?? words; } catch { /* not JSON */ }
  throw new Error(typeof words === "string" ? words : JSON.stringify(words));
}

function fault(error) {
  if (error?.name === "AbortError") return;
  const box = $("fault");
  box.hidden = !error;
  box.textContent = error ? String(error.message ?? error) : "";
}

/** Do one thing after the other; a push that is running ends first. */
function after(work) {
  state.stop?.abort();
  state.busy = state.busy.then(work).then(() => fault(null), onFault);
  return state.busy;
}

async function onFault(error) {
  if (/no such desk/.test(error?.message ?? "")) {
    fault(new Error("The lab was started again. Going on from this page's own log."));
    await replay(state.log.slice());
    return;
  }
  if (error instanceof TypeError) error = new Error("The lab does not answer. Is it still running?");
  fault(error);
}

async function post(path, body) {
  const raw = body instanceof Uint8Array || body instanceof Blob;
  const response = await answered(await fetch(`/api/desks/${state.desk}/${path}`, {
    method: "POST",
    headers: { "content-type": raw ? "application/octet-stream" : "application/json" },
    body: raw ? body : JSON.stringify(body ?? {}),
  }));
  return response.json();
}

// ---- showing -------------------------------------------------------------------------------

function show(sheet) {
  const chosen = state.models.find((m) => m.name === state.model);
  document.querySelectorAll(".sheet").forEach((figure, i) => {
    const there = i < sheet.pictures.length;
    figure.hidden = !there;
    if (!there) return;
    const best = top(sheet.chances[i][i], chosen.classes);
    const img = figure.querySelector("img");
    img.src = sheet.pictures[i];
    img.alt = `The picture; ${i ? "the standard" : "the robust"} net sees ${best}`;
    figure.querySelector("figcaption").textContent = i ? chosen.standard : chosen.name;
    figure.querySelector(".moved").textContent = `${best}; moved ${sheet.moved[i].toFixed(2)} in l2`;
  });
  document.querySelectorAll(".class").forEach((button, k) => {
    const [own, twin] = sheet.chances.map((net, i) => net[i][k]);
    button.querySelector(".chance").textContent = own.toFixed(2);
    button.querySelector(".bar").style.transform = `scaleX(${own})`;
    button.querySelector(".twin").style.transform = `scaleX(${twin ?? 0})`;
  });
  $("undo").disabled = !sheet.undo;
  $("redo").disabled = !sheet.redo;
  $("pinned").checked = sheet.pinned;
}

const top = (chances, classes) => {
  const k = chances.indexOf(Math.max(...chances));
  return `${classes[k]} ${chances[k].toFixed(2)}`;
};

function said(words) {
  const item = document.createElement("li");
  item.textContent = words;
  $("log").prepend(item);
}

// ---- what a person does --------------------------------------------------------------------

/** Note an action in the page's own log, from which a new desk can be made. */
function note(entry) { state.log.push(entry); }

async function act(path, body, entry) {
  const sheet = await post(path, body);
  if (entry) note(entry);
  show(sheet);
  said(sheet.said);
}

async function open(model) {
  const response = await answered(await fetch("/api/desks", {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ model }),
  }));
  const sheet = await response.json();
  const chosen = state.models.find((m) => m.name === model);
  [, state.height, state.width] = chosen.shape;
  Object.assign(state, { model, desk: sheet.desk, log: [] });
  for (const canvas of [paint, layer.mask.canvas]) [canvas.width, canvas.height] = [state.width, state.height];
  document.querySelector("main").style.setProperty("--ratio", state.width / state.height);
  classes(chosen);
  show(sheet);
  said(`a new sheet for ${model}`);
}

async function replay(log) {
  await open(state.model);
  for (const entry of log) {
    if (entry.push) await stream(entry.push, null);
    else await act(entry.path, entry.body, entry);
  }
}

function classes(chosen) {
  $("classes").replaceChildren(...chosen.classes.map((name, label) => {
    const button = document.createElement("button");
    button.className = "class";
    button.innerHTML = '<span class="name"></span><span class="chance"></span><span class="bar"></span><span class="bar twin"></span>';
    button.querySelector(".name").textContent = name;
    holding(button, label);
    return button;
  }));
}

/** A press is one step; held, it goes on until it is let go, wherever that is. */
function holding(button, label) {
  let timer = null;
  const begin = (event) => {
    if (event.button > 0 || timer) return;
    button.setPointerCapture?.(event.pointerId);
    button.setAttribute("aria-pressed", "true");
    push(label, 1);
    timer = setTimeout(() => push(label, 1000), 350);
  };
  const end = () => {
    if (!timer) return;
    clearTimeout(timer);
    timer = null;
    button.setAttribute("aria-pressed", "false");
    state.held?.abort();
  };
  button.addEventListener("pointerdown", begin);
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(name, end);
  window.addEventListener("blur", end);
  // A click without a pointer is one of the keyboard, or of a screen reader.
  button.addEventListener("click", (event) => { if (event.detail === 0) push(label, 1); });
}

function push(label, steps) {
  const ask = {
    label, steps, strength: Number($("strength").value), eps: Number($("eps").value), norm: $("norm").value,
  };
  const abort = new AbortController();
  if (steps > 1) state.held = abort;
  return after(() => {
    if (abort.signal.aborted) return null;
    state.stop = steps > 1 ? abort : null;
    return stream(ask, abort.signal);
  });
}

async function stream(ask, signal) {
  const entry = { push: { ...ask, steps: 0 } };
  let last = null;
  try {
    const response = await answered(await fetch(`/api/desks/${state.desk}/push`, {
      method: "POST", signal, headers: { "content-type": "application/json" }, body: JSON.stringify(ask),
    }));
    for await (const event of events(response.body)) {
      if (event.error) throw new Error(event.error);
      entry.push.steps += 1;
      last = event;
      show(event);
    }
  } finally {
    if (entry.push.steps) note(entry);
    const chosen = state.models.find((m) => m.name === state.model);
    if (last) said(`${entry.push.steps} × ${chosen.classes[ask.label]} ${last.chances[0][0][ask.label].toFixed(2)}`);
  }
}

/** Yield the data of server-sent events as they come. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value.replaceAll("\r\n", "\n");
      for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
        const data = text.slice(0, end).split("\n").filter((l) => l.startsWith("data:")).map((l) => l.slice(5)).join("\n");
        if (data) yield JSON.parse(data);
      }
    }
  } finally { reader.cancel().catch(() => {}); }
}

// ---- drawing -------------------------------------------------------------------------------

const tool = () => document.querySelector("input[name=tool]:checked").value;

function place(event) {
  const box = paint.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * state.width, (event.clientY - box.top) / box.height * state.height];
}

function pen(context) {
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = Number($("width").value);
  context.globalCompositeOperation = tool() === "eraser" ? "destination-out" : "source-over";
  context.strokeStyle = context.fillStyle = tool() === "mask" ? "#00c2a8" : $("colour").value;
}

function begin([x, y]) {
  state.stop?.abort();
  state.held?.abort();
  state.stroke = { from: [x, y], last: [x, y] };
  line([x, y]);
}

function line([x, y]) {
  const kind = tool();
  const context = kind === "mask" ? layer.mask : layer.paint;
  pen(context);
  const [fx, fy] = state.stroke.from;
  context.beginPath();
  if (kind === "ellipse" || kind === "box") {
    context.clearRect(0, 0, state.width, state.height);
    if (kind === "box") context.rect(Math.min(fx, x), Math.min(fy, y), Math.abs(x - fx), Math.abs(y - fy));
    else context.ellipse((fx + x) / 2, (fy + y) / 2, Math.abs(x - fx) / 2, Math.abs(y - fy) / 2, 0, 0, 2 * Math.PI);
    context.fill();
  } else {
    context.moveTo(...state.stroke.last);
    context.lineTo(x, y);
    context.stroke();
  }
  state.stroke.last = [x, y];
}

/** Send what was drawn; strokes that are drawn meanwhile stay on the page and are sent next. */
function finish() {
  if (!state.stroke) return;
  state.stroke = null;
  const kind = tool();
  if (kind === "mask") { sendMask(); return; }
  const body = new Uint8Array(layer.paint.getImageData(0, 0, state.width, state.height).data);
  layer.paint.clearRect(0, 0, state.width, state.height);
  if (kind !== "eraser") after(() => act("paint", body, { path: "paint", body }));
}

function sendMask() {
  const rgba = layer.mask.getImageData(0, 0, state.width, state.height).data;
  const body = new Uint8Array(state.width * state.height).map((_, i) => rgba[4 * i + 3]);
  after(() => act("mask", body, { path: "mask", body }));
}

paint.addEventListener("pointerdown", (event) => {
  if (event.button > 0) return;
  paint.setPointerCapture(event.pointerId);
  begin(place(event));
});
paint.addEventListener("pointermove", (event) => {
  if (!state.stroke || !paint.hasPointerCapture(event.pointerId)) return;
  const all = event.getCoalescedEvents?.() ?? [];
  for (const one of all.length ? all : [event]) line(place(one));
});
for (const name of ["pointerup", "pointercancel"]) paint.addEventListener(name, finish);

// With the keyboard: a cursor that draws while it is down.
paint.addEventListener("keydown", (event) => {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  state.cursor ??= [state.width / 2, state.height / 2];
  if (way) {
    const far = event.shiftKey ? 4 : 1;
    state.cursor = [0, 1].map((i) => Math.min(Math.max(state.cursor[i] + far * way[i], 0), i ? state.height : state.width));
    if (state.stroke) line(state.cursor);
    else cursor();
  } else if (event.key === " " || event.key === "Enter") {
    if (state.stroke) finish();
    else begin(state.cursor);
  } else return;
  event.preventDefault();
});
paint.addEventListener("blur", finish);

function cursor() {
  layer.paint.clearRect(0, 0, state.width, state.height);
  layer.paint.globalCompositeOperation = "source-over";
  layer.paint.fillStyle = $("colour").value;
  layer.paint.fillRect(Math.floor(state.cursor[0]), Math.floor(state.cursor[1]), 1, 1);
}

// ---- buttons -------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  const field = event.target.matches?.("input:not([type=radio]):not([type=checkbox]), select, textarea");
  if (event.key === "Escape") { state.stop?.abort(); state.held?.abort(); }
  else if ((event.ctrlKey || event.metaKey) && event.key === "z" && !field) { $(event.shiftKey ? "redo" : "undo").click(); event.preventDefault(); }
  else if (event.key === "[" || event.key === "]") { if (!field) { $("width").value = Number($("width").value) + (event.key === "]" ? 1 : -1); $("width").dispatchEvent(new Event("input")); } }
});
$("undo").onclick = () => after(() => act("undo", null, { path: "undo" }));
$("redo").onclick = () => after(() => act("redo", null, { path: "redo" }));
$("clear").onclick = () => after(() => open(state.model));
$("unmask").onclick = () => { layer.mask.clearRect(0, 0, state.width, state.height); sendMask(); };
$("pinned").onchange = () => { const body = { pinned: $("pinned").checked }; after(() => act("anchor", body, { path: "anchor", body })); };
$("width").oninput = () => { document.querySelector("output[for=width]").value = $("width").value; };
$("file").onchange = () => { const file = $("file").files[0]; if (file) take(file); $("file").value = ""; };
$("model").onchange = () => after(() => open($("model").value));
$("save").onclick = () => {
  const link = Object.assign(document.createElement("a"), { href: document.querySelector("#robust img").src, download: "lab.png" });
  link.click();
};

function take(file) {
  after(async () => {
    const body = new Uint8Array(await file.arrayBuffer());
    await act("photo", body, { path: "photo", body });
  });
}
document.addEventListener("paste", (event) => { const file = [...event.clipboardData.files][0]; if (file) take(file); });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => { event.preventDefault(); const file = event.dataTransfer.files[0]; if (file) take(file); });

// ---- tools ----------------------------------------------------------------------------------

function field(one) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  input.name = one.name;
  input.dataset.type = one.type;
  if (one.type === "yes") input.type = "checkbox";
  else if (one.type === "whole" || one.type === "number") {
    Object.assign(input, { type: "number", step: one.type === "whole" ? 1 : "any", placeholder: one.default ?? "default" });
    if (one.low !== null) input.min = one.low;
    if (one.high !== null) input.max = one.high;
  } else Object.assign(input, { type: "text", placeholder: [one.default].flat().join(" ") || "default" });
  if (one.kind === "class") input.setAttribute("list", "names");
  label.append(`${one.flag} `, input);
  label.title = one.help;
  input.setAttribute("aria-description", one.help);
  return label;
}

function settings(form) {
  const asked = {};
  for (const input of form.querySelectorAll("input[name]")) {
    const { type } = input.dataset;
    if (type === "yes") { if (input.checked) asked[input.name] = true; }
    else if (input.value === "") continue;
    else if (type === "list") asked[input.name] = input.value.trim().split(/[\s,]+/).map(Number);
    else asked[input.name] = type === "text" ? input.value : Number(input.value);
  }
  return asked;
}

function toolForm(one) {
  const details = document.createElement("details");
  const form = document.createElement("form");
  const summary = Object.assign(document.createElement("summary"), { textContent: one.title });
  const about = Object.assign(document.createElement("p"), { className: "about", textContent: one.about });
  const button = Object.assign(document.createElement("button"), { textContent: "Make" });
  form.append(about, ...one.fields.map(field), button);
  form.onsubmit = (event) => { event.preventDefault(); after(() => make(one, settings(form), button)); };
  details.append(summary, form);
  return details;
}

async function make(one, asked, button) {
  button.disabled = true;
  try {
    const made = await post(`tools/${one.id}`, { settings: asked });
    const words = Object.assign(document.createElement("p"), { textContent: `${one.title}: ${made.said}` });
    $("made").replaceChildren(words, ...made.pictures.map((src, index) => {
      const take = document.createElement("button");
      take.append(Object.assign(document.createElement("img"), { src, alt: `picture ${index + 1}: put it on the sheet` }));
      take.onclick = () => after(() => act("take", { index }));
      return take;
    }));
    said(`${one.title}: ${made.said}`);
  } finally { button.disabled = false; }
}

// ---- begin ---------------------------------------------------------------------------------

after(async () => {
  state.models = await (await answered(await fetch("/api/models"))).json();
  $("model").replaceChildren(...state.models.map((m) => new Option(m.name)));
  await open(state.models[0].name);
  const tools = await (await answered(await fetch("/api/tools"))).json();
  $("forms").replaceChildren(...tools.map(toolForm));
});
