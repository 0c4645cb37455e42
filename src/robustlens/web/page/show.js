// A sheet on the page: pictures, bars, words; nothing here asks the server.

import { $, chosen, element, state } from "./wire.js";

export function show(sheet) {
  state.sheet = sheet;
  const { name, standard, classes } = chosen();
  document.querySelectorAll(".sheet").forEach((figure, i) => {
    figure.hidden = i >= sheet.pictures.length;
    if (figure.hidden) return;
    const best = top(sheet.chances[i], classes);
    const img = figure.querySelector("img");
    img.src = sheet.pictures[i];
    img.alt = `The picture of the ${i ? "standard" : "robust"} net, which sees ${best}`;
    figure.querySelector("figcaption").textContent = i ? standard : name;
    figure.querySelector(".moved").textContent = `sees ${best}; moved ${sheet.moved[i].toFixed(2)}`;
  });
  document.querySelectorAll("#classes .class").forEach((button, k) => {
    const [own, twin] = sheet.chances.map((net) => net[k]);
    button.querySelector(".chance").textContent = own.toFixed(2);
    button.querySelector(".bar").style.transform = `scaleX(${own})`;
    button.querySelector(".twin").style.transform = `scaleX(${twin ?? 0})`;
  });
  $("undo").disabled = !sheet.undo;
  $("redo").disabled = !sheet.redo;
  $("nomask").disabled = !sheet.masked;
  $("pinned").checked = sheet.pinned;
  $("second").hidden = !sheet.second;
  if (sheet.second) $("second").src = sheet.second;
  $("way").disabled = !sheet.second;
}

export function classButton(name) {
  return element("button", { className: "class hold" },
    element("span", { className: "name", textContent: name }),
    element("span", { className: "chance" }),
    element("span", { className: "bar" }),
    element("span", { className: "bar twin" }));
}

function top(chances, classes) {
  const k = chances.indexOf(Math.max(...chances));
  return `${classes[k]} ${chances[k].toFixed(2)}`;
}
