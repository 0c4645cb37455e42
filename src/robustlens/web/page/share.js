// The page's own log: every action as it was asked. A new desk, or a link, is made of it.

import { after, ask, chosen, events, post, said, state } from "./wire.js";
import { show } from "./show.js";
import { stream } from "./push.js";
import { clearMask, fit, showMask } from "./draw.js";

/** Do what changes the sheet, show what came of it, and note it. */
export async function act(path, body) {
  const sheet = await post(path, body);
  // A file is noted as the picture it became: the same pixels, and small.
  const photo = path === "photo" ? bytesOf(sheet.pictures[0].split(",")[1]) : body;
  state.log.push(photo === undefined || photo === null ? { path } : { path, body: photo });
  show(sheet);
  said(sheet.said);
}

/** Open a new desk; what to set the page up with is called between. */
export async function open(model, set) {
  const sheet = await (await ask("api/desks", { model })).json();
  Object.assign(state, { model, desk: sheet.desk, log: [] });
  [, state.height, state.width] = chosen().shape;
  fit();
  set?.();
  show(sheet);
}

export async function replay(log) {
  for (const entry of log) {
    if (entry.push) await stream(entry.push);
    else if (entry.tool) await remake(entry);
    else {
      await act(entry.path, entry.body);
      if (entry.path === "mask") showMask(entry.body);
      if (entry.path === "start" && entry.body.kind === "grey") clearMask();
    }
  }
}

async function remake(entry) {
  for await (const [,] of events(`tools/${entry.tool}`, { settings: entry.settings })) { /* only its end counts */ }
  state.log.push(entry);
}

/** What counts: of tools, those of which a picture was taken. */
function needed(log) {
  return log.filter((entry, i) => {
    if (!entry.tool) return true;
    const rest = log.slice(i + 1);
    const next = rest.find((one) => one.tool || one.path === "take");
    return next?.path === "take";
  });
}

export async function link() {
  const log = needed(state.log).map((entry) => entry.body instanceof Uint8Array
    ? { ...entry, body: undefined, bytes: textOf(entry.body) } : entry);
  const bytes = new TextEncoder().encode(JSON.stringify({ model: state.model, log }));
  return `${location.origin}${location.pathname}#1.${plain(textOf(await through(bytes, new CompressionStream("deflate-raw"))))}`;
}

/** Return {model, log} of the address, or null. */
export async function linked() {
  const found = /^#1\.([\w-]+)$/.exec(location.hash);
  if (!found) return null;
  const packed = bytesOf(found[1].replaceAll("-", "+").replaceAll("_", "/"));
  const { model, log } = JSON.parse(new TextDecoder().decode(await through(packed, new DecompressionStream("deflate-raw"))));
  return { model, log: log.map(({ bytes, ...entry }) => (bytes === undefined ? entry : { ...entry, body: bytesOf(bytes) })) };
}

const through = async (bytes, stream) =>
  new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
const plain = (text) => text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const bytesOf = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
function textOf(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

export const doing = (path, body) => after(() => act(path, body));
