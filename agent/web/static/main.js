// The page: which camera is looked at, the tiles of all of them, and whether anything of it is true now.

import { makeCamera, tellBand, tellCamera } from "./camera.js";
import { each, h, put, reshape, shape, text } from "./dom.js";
import { Live } from "./live.js";
import { makeAlarms, tellAlarms } from "./panels.js";
import { ago, ms, time } from "./words.js";

const place = (id) => document.getElementById(id);
const agentAlarms = makeAlarms("The agent itself");
place("agent").append(agentAlarms);
text(place("host"), location.host);

let shown = null; // the article of the camera that is looked at
let cameras = [];
let wanted = false;
const live = new Live(() => {
  if (wanted) return;
  wanted = true;
  setTimeout(show, 16); // not requestAnimationFrame: a page in the background has to know that it is old, too
});
setInterval(show, 250);
addEventListener("hashchange", show);
addEventListener("resize", show);

function show() {
  wanted = false;
  document.body.className = live.connected ? "live" : live.heardAt === null ? "waiting" : "stale";
  tellTop();
  if (live.agent) cameras = live.agent.cameras;
  tellAgent();
  const chosen = decodeURIComponent(location.hash.slice(1));
  const name = cameras.includes(chosen) ? chosen : cameras[0];
  put(place("tiles"), "hidden", cameras.length < 2);
  each(place("tiles"), cameras.length < 2 ? [] : cameras, (one) => one, makeTile, (tile, one) => tellTile(tile, one, one === name));
  if (!name) return;
  if (!shown || shown.dataset.camera !== name) {
    shown = makeCamera(name);
    shown.dataset.camera = name;
    place("camera").replaceChildren(shown);
  }
  tellCamera(shown, live, name);
}

function tellTop() {
  const silent = live.silentFor();
  text(place("clock"), live.heardAt === null ? "" : time(live.wallMs()));
  text(place("link"), live.connected ? "live" : "no connection");
  const lost = !live.connected && live.heardAt !== null;
  put(place("lost"), "hidden", !lost);
  if (lost) text(place("lost"), `No connection to the agent for ${ago(silent).replace(" ago", "")}. What is below is old. The page goes on trying.`);
  const worst = live.connected ? stateWords() : "no connection";
  text(document.querySelector("title"), worst ? `${worst} – ofa-agent` : "ofa-agent");
}

function stateWords() {
  return [...new Set(cameras.map((name) => live.part("state", name)?.state.word ?? "…"))].join(", ");
}

function tellAgent() {
  const agent = live.agent;
  if (!agent) return;
  const own = [...agent.alarms];
  if (agent.config_error && !own.some((one) => one.number === 406)) own.push(note("config", "the config file is not in force", agent.config_error));
  if (agent.alarms_error) own.push(note("journal", "alarms cannot be read", agent.alarms_error));
  put(place("agent"), "hidden", own.length === 0);
  tellAlarms(agentAlarms, own, live.now());
}

function note(id, title, words) {
  return { id, number: null, title, severity: "warning", text: words, action: "", since_s: live.now(), count: 1, seen_by: null };
}

function makeTile(name) {
  const parts = { icon: shape("off"), word: h("span", { class: "tile-word" }), why: h("span", { class: "tile-why" }), figures: h("span", { class: "tile-figures" }) };
  const band = h("span", { class: "tile-band" }, parts.icon, parts.word);
  const node = h("a", { class: "tile", href: `#${encodeURIComponent(name)}` }, h("span", { class: "tile-name" }, name), band, parts.why, parts.figures);
  node.parts = { ...parts, band: node };
  return node;
}

function tellTile(node, name, chosen) {
  const state = live.part("state", name);
  tellBand(node.parts, state, live);
  put(node, "aria-current", chosen ? "true" : false);
  const bound = live.connected ? state?.budget?.bounds[0] : null;
  text(node.parts.figures, bound ? `${state.active?.id ?? "no sub-net"}, p99 ${ms(bound.p99_ms)} of ${ms(bound.limit_ms)}` : "");
}
