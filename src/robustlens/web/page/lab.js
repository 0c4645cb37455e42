// The lab's page. The server keeps pictures in floats; the page sends strokes and asks for steps.

import { $, after, ask, chosen, element, fault, said, state, there } from "./wire.js";
import { act, doing, link, linked, open, replay } from "./share.js";
import { classButton } from "./show.js";
import { holding } from "./push.js";
import { setUnits } from "./features.js";
import { toolForm } from "./tools.js";

window.lab = state;  // to be looked at from the console
const GUESSES = 3;
const IMAGES = 12;

function setUp() {
  const { classes, shape, seeds, images } = chosen();
  $("model").value = state.model;
  $("classes").replaceChildren(...classes.map((name, label) => {
    const button = classButton(name);
    holding(button, () => ({ label }));
    return button;
  }));
  $("names").replaceChildren(...classes.map((name) => new Option(name)));
  const guesses = element("optgroup", { label: "a blurred guess of" }, ...(seeds ? classes : []).flatMap(
    (name, label) => Array.from({ length: GUESSES }, (_, index) => new Option(`${name} ${index + 1}`, JSON.stringify({ kind: "seed", label, index })))));
  const photos = element("optgroup", { label: "a test image" }, ...Array.from(
    { length: images ? IMAGES : 0 }, (_, index) => new Option(`image ${index}`, JSON.stringify({ kind: "image", index }))));
  $("starter").replaceChildren(new Option("choose", ""), new Option("a grey sheet", JSON.stringify({ kind: "grey" })),
    ...[guesses, photos].filter((one) => one.children.length));
  // A step that shows, in a ball that leaves room: 0.22 a pixel in the root mean square.
  const radius = 0.22 * Math.sqrt(shape.reduce((a, b) => a * b));
  $("eps").value = radius.toPrecision(2);
  $("strength").value = (radius / 24).toPrecision(2);
  setUnits();
}

state.lost = async () => {
  const log = state.log.slice();
  said("The lab was started again: going on from this page's own log.");
  await open(state.model);
  await replay(log);
  fault("The lab was started again; this is the sheet that this page's own log leads to.");
};

function take(file) {
  after(async () => act("photo", new Uint8Array(await file.arrayBuffer())));
}

function download(blob, name) {
  const href = URL.createObjectURL(blob);
  element("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

const film = (kind) => after(async () => {
  download(await (await ask(there("film"), { kind })).blob(), `walk.${kind}`);
  said("saved the walk");
});

$("undo").onclick = () => doing("undo");
$("redo").onclick = () => doing("redo");
$("pinned").onchange = () => doing("anchor", { pinned: $("pinned").checked });
$("starter").onchange = () => {
  const start = $("starter").value;
  $("starter").value = "";
  if (!start) return;
  after(async () => {
    await act("start", JSON.parse(start));
    if (!state.sheet.masked) (await import("./draw.js")).clearMask();
  });
};
$("file").onchange = () => { const [file] = $("file").files; if (file) take(file); $("file").value = ""; };
$("model").onchange = () => after(() => open($("model").value, setUp));
$("save").onclick = () => element("a", { href: state.sheet.pictures[0], download: "lab.png" }).click();
$("webp").onclick = () => film("webp");
$("gif").onclick = () => film("gif");
$("share").onclick = () => after(async () => {
  const address = await link();
  history.replaceState(null, "", address);
  let words = "the link is in the address bar";
  try { await navigator.clipboard.writeText(address); words = "the link is copied"; } catch { /* not allowed: it stands above */ }
  said(`${words}: ${address.length} characters`);
});

document.addEventListener("keydown", (event) => {
  const writing = event.target.matches?.("input[type=number], input[type=text]");
  if (writing || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  event.preventDefault();
  doing(event.shiftKey ? "redo" : "undo");
});
document.addEventListener("paste", (event) => { const [file] = event.clipboardData.files; if (file) take(file); });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => { event.preventDefault(); const [file] = event.dataTransfer.files; if (file) take(file); });

after(async () => {
  state.models = await (await ask("api/models")).json();
  $("model").replaceChildren(...state.models.map((one) => new Option(one.name)));
  $("forms").replaceChildren(...(await (await ask("api/tools")).json()).map(toolForm));
  const shared = await linked().catch(() => null);
  const known = state.models.some((one) => one.name === shared?.model);
  await open(known ? shared.model : state.models[0].name, setUp);
  said(`a new sheet for ${state.model}`);
  if (shared && !known) throw new Error(`the link is for ${shared.model}, which is not here`);
  if (shared) await replay(shared.log);
  else if (location.hash) throw new Error("the link is damaged: an empty sheet");
});
