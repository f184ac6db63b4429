// The page.  The text is the truth: whatever moves a slider asks worker.js for another text, and
// all that is shown is read off the text anew.

const $ = (id) => document.getElementById(id);
const editor = $("text");
const tabs = [...$("tabs").children];

let model; // the name of the chosen one; undefined for the only one
let command = "check";
let wanted = null; // [slider, place] that the text is to be moved to
let read = {}; // {text, name}: that and the model that the sliders were last read off
let made = null; // the text that a slider made last
let begun = false, rounds = 0, busy = false, again = false;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// ---- the worker ----

// Milliseconds after which an answer is no longer waited for, if the text has changed since.
const PATIENCE = 10_000;
const waiting = new Map();
let worker, ready = false, asked = 0, since = 0;

function start() {
  worker?.terminate();
  for (const { reject } of waiting.values()) reject(new Error("it took too long"));
  waiting.clear();
  ready = false;
  worker = new Worker("worker.js", { type: "module" });
  worker.onmessage = heard;
  worker.onerror = (event) => heard({ data: { failed: event.message || "worker.js" } });
}

function ask(name, ...args) {
  since = performance.now();
  return new Promise((resolve, reject) => {
    waiting.set(++asked, { resolve, reject });
    worker.postMessage({ id: asked, name, args });
  });
}

function heard({ data }) {
  if ("progress" in data) {
    $("progress").value = data.progress;
    const percent = Math.floor(100 * data.progress);
    $("status").textContent = percent < 100 ? `Loading Python, ${percent} %` : "Starting Python";
  } else if ("ready" in data) {
    begin(data.ready);
  } else if ("failed" in data) {
    $("progress").hidden = true;
    $("status").textContent = `This does not load (${data.failed}). A copy that was not built lacks `
      + "Python: python docs/playground/build.py FOLDER, and then serve FOLDER.";
  } else {
    const { resolve, reject } = waiting.get(data.id);
    waiting.delete(data.id);
    if ("error" in data) reject(new Error(data.error));
    else resolve(data.result);
  }
}

function begin(manifest) {
  $("progress").hidden = true;
  ready = true;
  since = performance.now();
  if (begun) return;
  begun = true;
  for (const name of Object.keys(manifest.examples)) $("examples").append(new Option(name, name));
  $("examples").onchange = () => {
    if ($("examples").value) open(manifest.examples[$("examples").value]);
  };
  $("versions").textContent = `${manifest.wheels.map((name) => name.split("-", 2).join(" ")).join(", ")}`
    + `, Pyodide ${manifest.pyodide}.`;
  addEventListener("hashchange", async () => {
    const text = await unpacked(location.hash);
    if (text !== null && text !== editor.value) open(text);
  });
  if (editor.value) refresh();
  else $("examples").value = "digits_mup_sgd", $("examples").onchange();
}

function open(text) {
  editor.value = text;
  model = undefined;
  $("notice").textContent = "";
  paint([]);
  refresh();
}

// ---- from the text to what is shown ----

// One at a time; what comes meanwhile is one more round, with the text as it then is.
async function refresh() {
  again = true;
  if (busy && ready && performance.now() - since > PATIENCE) {
    start(); // and the round that is under way ends
  } else if (busy || !begun) {
    setTimeout(() => again && busy && refresh(), PATIENCE);
    return;
  }
  const round = ++rounds;
  busy = true;
  document.body.classList.add("busy");
  try {
    while (again) {
      again = false;
      if (wanted) await move();
      const text = editor.value;
      const state = await ask("state", text, model);
      if (editor.value !== text) continue;
      show(state);
      if (again) continue; // a slider on its way: what a command prints can wait
      print(await ask("run", text, command, model));
      await remember(text);
    }
    $("status").textContent = "Ready";
  } catch (error) {
    if (round !== rounds) return;
    $("status").textContent = `A bug of richc: ${error.message.trim().split("\n").at(-1)}`;
  }
  busy = false;
  document.body.classList.remove("busy");
}

async function move() {
  const [what, to] = wanted, text = editor.value;
  wanted = null;
  // From where a slider led the text, perhaps to no verdict, it also leads back.
  const moved = await ask("move", text === made ? read.text : text, read.name, what, to);
  $("notice").textContent = moved.refused;
  if (editor.value === text) editor.value = made = moved.text; // else somebody has typed: that goes first
}

function show(state) {
  paint(state.problems);
  $("problems").replaceChildren(...state.problems.filter((p) => p.severity !== "info").map(problem),
    ...(state.more_problems ? [element("li", {}, `${state.more_problems} more: see what check prints`)] : []));
  editor.setAttribute("aria-invalid", state.problems.some((p) => p.severity === "error"));
  choices(state.models);
  const shown = state.model;
  $("verdict").className = shown ? (shown.passes ? "passes" : "fails") : "none";
  $("verdict").textContent = shown ? `${shown.passes ? "✓" : "✗"} ${shown.name}: ${shown.sentence}`
    : "No verdict: the text has errors.";
  $("position").textContent = shown ? shown.position : "";
  $("map").toggleAttribute("hidden", !shown);
  for (const input of $("knobs").querySelectorAll("input, button")) {
    input.disabled = !shown && editor.value !== made;
  }
  if (shown) {
    read = { text: editor.value, name: shown.name };
    draw(shown.map);
    sliders(shown);
  }
}

function choices(names) {
  const chosen = names.length < 2 ? undefined : names.includes(model) ? model : names[0];
  again ||= chosen !== model;
  model = chosen;
  $("which").hidden = names.length < 2;
  $("model").replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
}

function problem({ line, code, severity, message, start, end }) {
  const go = element("button", { type: "button", textContent: `line ${line}` });
  go.onclick = () => {
    editor.focus();
    editor.setSelectionRange(start, end);
  };
  return element("li", { className: severity }, go, ` ${severity} `, element("b", {}, code), ` ${message}`);
}

// ---- the editor: a text field over a copy of its text that has colours ----

const WORDS = "model|width|base|richness|parameterization|gauge|input|tokens|optimizer|loss|train|require|with|"
  + "dense|embedding|repeat|residual|depth|rmsnorm|layernorm|bias|gain";
const PARTS = new RegExp(`(?<comment>#.*)|(?<string>"[^"\\n]*")|(?<word>\\b(?:${WORDS})\\b)`, "g");

function paint(problems) {
  const text = editor.value, lines = text.split("\n").length;
  const copy = new Text(`${text}\n`);
  $("back").replaceChildren(copy);
  const bad = new Map(problems.filter((p) => p.severity !== "info").reverse().map((p) => [p.line, p.severity]));
  $("lines").replaceChildren(...Array.from({ length: lines }, (_, i) =>
    element("span", { className: bad.get(i + 1) ?? "" }, `${i + 1}\n`)));
  if (!CSS.highlights) return;
  CSS.highlights.clear();
  const mark = (name, start, end) => {
    const range = new StaticRange({ startContainer: copy, startOffset: start, endContainer: copy, endOffset: end });
    CSS.highlights.set(name, (CSS.highlights.get(name) ?? new Highlight()).add(range));
  };
  for (const found of text.matchAll(PARTS)) {
    const name = Object.keys(found.groups).find((key) => found.groups[key] !== undefined);
    mark(name, found.index, found.index + found[0].length);
  }
  for (const p of problems) if (p.severity !== "info") mark(p.severity, p.start, Math.max(p.end, p.start + 1));
}

editor.addEventListener("input", () => {
  wanted = null;
  $("examples").value = "";
  $("notice").textContent = "";
  paint([]);
  refresh();
});

// ---- sliders: places are counted in eighths ----

const eighths = (fraction) => {
  const [over, under = 1] = fraction.split("/").map(Number);
  return (8 * over) / under;
};
const fraction = (count) => {
  let under = 8;
  for (; under > 1 && count % 2 === 0; under /= 2) count /= 2;
  return under === 1 ? `${count}` : `${count}/${under}`;
};
const power = (knob, exponent) => (exponent === null ? "0" : `${knob.symbol}^${exponent}`);

let built = "";

function sliders(found) {
  const names = JSON.stringify(found.knobs.map((knob) => knob.key));
  if (names !== built) {
    built = names;
    const groups = Map.groupBy(found.knobs, (knob) => knob.subject);
    $("knobs").replaceChildren(
      group("the model", slider("richness", 0, 4), gauges(found.gauges)),
      ...[...groups].map(([name, knobs]) => group(name, ...knobs.map((knob) => slider(knob.key, -16, 16)))),
      ...(found.more_knobs ? [element("p", { className: "about" }, "What follows has no sliders here.")] : []),
    );
  }
  set("richness", { attribute: "richness", exponent: found.richness, fixed: "" }, `r = ${found.richness}`);
  for (const knob of found.knobs) set(knob.key, knob, power(knob, knob.exponent));
  // A model may be in several at once.
  for (const [gauge, { is }] of Object.entries(found.gauges)) $(`gauge-${gauge}`).ariaPressed = is;
}

function group(name, ...children) {
  return element("fieldset", {}, element("legend", { textContent: name }), ...children);
}

function slider(key, min, max) {
  const input = element("input", { type: "range", id: key, min, max, step: 1 });
  const label = element("label", { htmlFor: key }, element("span"), element("output", { htmlFor: key }));
  input.oninput = () => want(key, fraction(input.valueAsNumber));
  return element("div", { className: "slider" }, label, input);
}

function set(key, knob, words) {
  const input = $(key), at = eighths(knob.exponent ?? "0"), [name, output] = input.previousSibling.children;
  input.min = Math.min(input.min, Math.floor(at));
  input.max = Math.max(input.max, Math.ceil(at));
  if (wanted?.[0] !== key) input.value = at; // it is on its way elsewhere
  input.disabled = knob.fixed !== "";
  input.title = knob.fixed;
  input.setAttribute("aria-valuetext", words);
  name.textContent = knob.attribute;
  output.textContent = words;
}

function gauges(all) {
  const buttons = Object.entries(all).map(([gauge, { name }]) =>
    element("button", { type: "button", id: `gauge-${gauge}`, textContent: name, onclick: () => want("gauge", gauge) }));
  return element("div", { className: "gauges", role: "group", ariaLabel: "gauge" }, "gauge", ...buttons);
}

function want(what, to) {
  wanted = [what, to];
  $("examples").value = "";
  refresh();
}

$("model").onchange = () => {
  model = $("model").value;
  built = "";
  refresh();
};

// ---- the prism ----

function draw({ title, edges, point, exact, x, depth, ticks, violated }) {
  const height = depth ? 322 : 205;
  const at = ([across, up]) => [92 + 250 * across, 142 - 108 * up];
  const shape = (tag, properties, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(properties)) made.setAttribute(name, value);
    if (text) made.textContent = text;
    return made;
  };
  const polygon = (points, className) => shape("polygon", { points: points.map(at).join(" "), class: className });
  const text = (place, words, anchor, className = "") =>
    shape("text", { x: place[0], y: place[1], "text-anchor": anchor, class: className }, words);
  const line = (from, to, className) =>
    shape("line", { x1: from[0], y1: from[1], x2: to[0], y2: to[1], class: className });
  const parts = [text([8, 16], title, "start", "title")];
  // STP, then μP where there is one, then rescaling: neighbours span the faces in front.
  edges.slice(1).forEach((edge, i) => {
    const before = edges[i].ends;
    parts.push(polygon([before[0], before[1], edge.ends[1], edge.ends[0]], `face${i}`));
  });
  const rich = edges.map((edge) => at(edge.ends[1]));
  rich.slice(1).forEach((place, i) => parts.push(line(rich[i], place, "axis")));
  if (edges.length > 2) parts.push(line(rich[0], rich[2], "axis behind"));
  if (point) parts.push(polygon(edges.map((edge) => edge.here), "section"));
  for (const end of [0, 1]) {
    const taken = new Set();
    for (const edge of edges) {
      const place = at(edge.ends[end]);
      if (taken.has(`${place}`)) continue; // where gauges meet the first names the point
      taken.add(`${place}`);
      parts.push(shape("circle", { cx: place[0], cy: place[1], r: 3, class: "vertex" }));
      const beside = [place[0] + (end ? 9 : -9), place[1] + 4];
      parts.push(text(beside, edge.names[end] + (end ? ` (${edge.gauge})` : ""), end ? "start" : "end"));
    }
  }
  const axis = (share) => [at([share, 0])[0], 172];
  parts.push(line(axis(0), axis(1), "axis"), text([axis(0)[0] - 9, 176], "lazy", "end", "small"),
    text([axis(1)[0] + 9, 176], "rich", "start", "small"));
  [["r = 0", 0], ["1/4", 0.5], ["1/2", 1]].forEach(([words, share]) => {
    const [left, y] = axis(share);
    parts.push(line([left, y - 3], [left, y + 3], "axis"), text([left, y + 16], words, "middle", "small"));
  });
  if (point) {
    const [left, y] = at(point);
    parts.push(shape("circle", { cx: left, cy: y, r: 7, class: exact ? "on" : "near" }));
  } else {
    const level = (share) => 212 + 98 * share;
    const left = at([x, 0])[0], y = level(depth);
    parts.push(text([492, level(0) + 4], "off by", "end", "small"));
    for (const [words, share] of ticks) {
      parts.push(line([axis(0)[0], level(share)], [axis(1)[0] + 62, level(share)], "level"),
        text([492, level(share) + 4], words, "end", "small"));
    }
    parts.push(
      shape("path", { d: `M${left - 6} ${y - 6}l12 12m0 -12l-12 12`, class: "off" }),
      text([left + (x > 0.5 ? -14 : 14), y + 4], violated.length ? `${violated.join(", ")} violated` : "mixed",
        x > 0.5 ? "end" : "start"));
  }
  $("map").setAttribute("viewBox", `0 0 500 ${height}`);
  $("map").replaceChildren(...parts);
}

// ---- what a command prints ----

function print({ code, output }) {
  const name = model ? ` --model ${model}` : "";
  $("output").replaceChildren(element("span", { className: "asked" }, `$ richc ${command} model.rich${name}\n`));
  let style = "";
  // Every other part is what stands in an escape sequence.
  output.split(/\x1b\[([\d;]*)m/).forEach((part, i) => {
    if (i % 2) style = part === "0" ? "" : part.split(";").map((c) => `c${c}`).join(" ");
    else $("output").append(style ? element("span", { className: style }, part) : part);
  });
  $("output").dataset.code = code;
  $("output").dataset.command = command;
}

function choose(tab) {
  command = tab.textContent;
  for (const other of tabs) {
    other.setAttribute("aria-selected", other === tab);
    other.tabIndex = other === tab ? 0 : -1;
  }
  $("output").setAttribute("aria-labelledby", tab.id);
}

tabs.forEach((tab, i) => {
  tab.onclick = () => {
    choose(tab);
    refresh();
  };
  tab.onkeydown = ({ key }) => {
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[key];
    if (to === undefined) return;
    tabs[to % tabs.length].focus();
    tabs[to % tabs.length].click();
  };
});
choose(tabs[0]);

// ---- the link: the text, deflated, in base64 of URLs, behind the # ----

const through = (bytes, stream) => new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer();

async function remember(text) {
  const bytes = new Uint8Array(await through(text, new CompressionStream("deflate-raw")));
  const letters = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  history.replaceState(null, "", `#${letters.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`);
}

async function unpacked(hash) {
  try {
    const letters = atob(hash.slice(1).replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    return new TextDecoder().decode(await through(bytes, new DecompressionStream("deflate-raw")));
  } catch {
    return null; // no text of ours
  }
}

$("share").onclick = async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    $("status").textContent = "The link is copied; it holds the text";
  } catch {
    $("status").textContent = "Copy the address of this page: it holds the text";
  }
};

$("status").textContent = "Loading Python";
start();
if (location.hash.length > 1) editor.value = (await unpacked(location.hash)) ?? "";
paint([]);
