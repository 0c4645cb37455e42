// The tools: a form each, as the server describes them, and what they made.

import { $, after, element, events, said, state } from "./wire.js";
import { doing } from "./share.js";

/** Let a tool work, and return what it made; Escape and any other action end it. */
export async function run(tool, settings) {
  const abort = new AbortController();
  state.stop = abort;
  $("working").hidden = false;
  try {
    for await (const [name, data] of events(`tools/${tool}`, { settings }, abort.signal)) {
      if (name === "part") $("working").value = data.share;
      else {
        state.log.push({ tool, settings });
        said(`${tool}: ${data.said}`);
        return data;
      }
    }
    throw new Error(`${tool} ended without a picture`);
  } finally {
    $("working").hidden = true;
    $("working").value = 0;
    if (state.stop === abort) state.stop = null;
  }
}

function field(one) {
  const input = element("input", { name: one.name });
  input.dataset.type = one.type;
  if (one.type === "yes") input.type = "checkbox";
  else if (one.type === "whole" || one.type === "number") {
    Object.assign(input, { type: "number", step: one.type === "whole" ? 1 : "any", placeholder: one.default ?? "usual" });
    if (one.low !== null) input.min = one.low;
    if (one.high !== null) input.max = one.high;
  } else Object.assign(input, { type: "text", placeholder: [one.default].flat().join(" ") || "usual" });
  if (one.kind === "class") input.setAttribute("list", "names");
  input.setAttribute("aria-description", one.help);
  return element("label", { title: one.help }, `${one.flag} `, input);
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

export function toolForm(one) {
  const takes = one.inputs.map((given) => given.name + (given.required ? "" : ", if there is one"));
  const about = takes.length ? `${one.about} Takes: ${takes.join("; ")}.` : one.about;
  const form = element("form", { className: "row", onsubmit: (event) => {
    event.preventDefault();
    after(async () => made(one, await run(one.id, settings(form))));
  } }, ...one.fields.map(field), element("button", { textContent: "Make" }));
  const summary = element("summary", { textContent: one.title });
  return element("details", { name: "tool" }, summary, element("p", { className: "about", textContent: about }), form);
}

function made(one, { said: words, pictures, fits }) {
  const cells = pictures.map((src, index) => {
    const img = element("img", { src, alt: `picture ${index + 1} of ${pictures.length}` });
    if (fits[index]) return element("button", { title: "put it on the sheet", onclick: () => doing("take", { index }) }, img);
    return element("a", { href: src, download: `${one.id}.png`, title: "save it" }, img);
  });
  $("made").replaceChildren(element("p", { textContent: `${one.title}: ${words}` }), ...cells);
}
