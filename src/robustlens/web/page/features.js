// What the net sees: units, reasons, and the way between two pictures.

import { $, after, chosen, element, post, said } from "./wire.js";
import { act, doing } from "./share.js";
import { holding } from "./push.js";
import { run } from "./tools.js";

export function setUnits() {
  const { units } = chosen();
  $("unit").max = Math.max(0, units - 1);
  $("unit").value = 0;
  for (const id of ["why", "unit", "previous", "next", "pushunit"]) $(id).disabled = !units;
  $("reasons").replaceChildren();
  $("exhibit").replaceChildren();
  forget();
}

async function exhibit(unit) {
  $("unit").value = unit;
  const found = await post("unit", { unit });
  const caption = `What raises unit ${found.unit} of ${found.units}, from noise: ${found.value.toFixed(2)}`;
  const made = group(caption, found.pictures.map((src, i) => ({ picture: src, words: `unit ${unit}, start ${i + 1}` })));
  const words = ({ value, label, index }) => `${label} ${value.toFixed(2)}, image ${index}`;
  const rows = ["most", "least"].filter((kind) => found[kind].length).map((kind) => group(
    `Images that raise it ${kind}, ${found.images}`, found[kind].map((one) => ({ picture: one.picture, words: words(one) }))));
  $("exhibit").replaceChildren(made, ...(rows.length ? rows : [element("p", { className: "small", textContent: found.images })]));
  said(`unit ${unit}: ${found.most.map((one) => one.label).join(", ") || "shown"}`);
}

const group = (caption, pictures) => element("figure", { className: "group" },
  element("figcaption", { textContent: caption }),
  ...pictures.map(({ picture, words }) => element("img", { src: picture, alt: words, title: words })));

async function why() {
  const { first, second, gap, units } = await post("why");
  $("reasons").replaceChildren(
    `${first} and not ${second}, by ${gap.toFixed(2)}; `,
    ...units.map(({ unit, share }) => element("button", {
      textContent: `unit ${unit}: ${Math.round(100 * share)} %`, onclick: () => after(() => exhibit(unit)),
    })));
  said(`${first} and not ${second}: unit ${units[0].unit} gives ${Math.round(100 * units[0].share)} % of the gap`);
}

const step = (by) => after(() => exhibit((Number($("unit").value) + by + chosen().units) % chosen().units));
$("why").onclick = () => after(why);
$("browse").onsubmit = (event) => { event.preventDefault(); step(0); };
$("previous").onclick = () => step(-1);
$("next").onclick = () => step(1);
holding($("pushunit"), () => ({ unit: Number($("unit").value) }));

// ---- between two pictures: the way is made once, the slider answers while it moves

const POINTS = 11;
let way = [];

function forget() {
  way = [];
  for (const id of ["slide", "between", "takeway"]) $(id).hidden = true;
}

function along() {
  const k = Number($("along").value);
  Object.assign($("between"), { src: way[k], alt: `${k} of ${way.length - 1} along the way` });
}

$("keep").onclick = () => doing("keep");
$("way").onclick = () => after(async () => {
  forget();
  const made = await run("interpolate", { points: POINTS, steps: 60 });
  way = made.pictures;
  Object.assign($("along"), { max: way.length - 1, value: 0 });
  for (const id of ["slide", "between", "takeway"]) $(id).hidden = false;
  along();
});
$("along").oninput = along;
$("takeway").onclick = () => after(async () => { await act("take", { index: Number($("along").value) }); });
