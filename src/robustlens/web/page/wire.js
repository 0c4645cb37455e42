// Asking the server: one request of a page is in flight at a time, and what is running ends first.

export const $ = (id) => document.getElementById(id);
export const state = {
  models: [], model: null, desk: null, height: 32, width: 32, sheet: null,
  log: [], busy: Promise.resolve(), stop: null, lost: null,
};

export const chosen = () => state.models.find((one) => one.name === state.model);

async function answered(response) {
  if (response.ok) return response;
  let words = `${response.status} ${response.statusText}`;
  try { words = (await response.json()).detail ?? words; } catch { /* not JSON */ }
  throw new Error(typeof words === "string" ? words : words.map?.((one) => one.msg).join("; ") ?? JSON.stringify(words));
}

export async function ask(path, body, signal) {
  const raw = body instanceof Uint8Array;
  return answered(await fetch(path, body === undefined ? { signal } : {
    method: "POST", signal,
    headers: { "content-type": raw ? "application/octet-stream" : "application/json" },
    body: raw ? body : JSON.stringify(body),
  }));
}

export const there = (path) => `api/desks/${state.desk}${path && `/${path}`}`;
export const post = async (path, body) => (await ask(there(path), body ?? {})).json();

export function fault(words) {
  $("fault").hidden = !words;
  $("fault").textContent = words ?? "";
}

export function said(words) {
  const item = document.createElement("li");
  item.textContent = words;
  $("log").prepend(item);
  while ($("log").children.length > 200) $("log").lastChild.remove();
}

/** Do one thing after the other; what is running ends first. */
export function after(work) {
  stop();
  state.busy = state.busy.then(work).then(() => fault(null), failed);
  return state.busy;
}

export function stop() { state.stop?.abort(); }

async function failed(error) {
  if (error?.name === "AbortError") return;
  if (/no such desk/.test(error?.message ?? "") && state.lost) {
    await state.lost().catch(failed);
    return;
  }
  const gone = error instanceof TypeError && /fetch|network/i.test(error.message);
  fault(gone ? "The lab does not answer. Is it still running?" : String(error?.message ?? error));
}

/** Yield [name, data] of server-sent events as they come; leaving the loop hangs up. */
export async function* events(path, body, signal) {
  const response = await ask(there(path), body, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value.replaceAll("\r\n", "\n");
      for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
        const lines = text.slice(0, end).split("\n");
        const of = (key) => lines.filter((line) => line.startsWith(`${key}: `)).map((line) => line.slice(key.length + 2)).join("\n");
        if (!of("data")) continue;
        const data = JSON.parse(of("data"));
        if (of("event") === "fault") throw new Error(data.error);
        yield [of("event"), data];
      }
    }
  } finally { reader.cancel().catch(() => {}); }
}

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
