// The newest picture, and the result of that very picture where there is one.

import { h, put, text } from "./dom.js";
import { ago, ms, number } from "./words.js";

const AGAIN_MS = 2000;
const OLD_S = 3;

export function makePicture(name) {
  const image = h("img", { alt: `Newest picture of ${name}` });
  const none = h("p", { class: "no-picture" });
  const age = h("p", { class: "picture-age" });
  const result = h("p", { class: "result" });
  const below = h("p", { class: "result-below" });
  const frame = h("div", { class: "frame" }, image, none, age);
  const node = h("section", { class: "panel picture" }, h("h2", {}, "Last result"), frame, result, below);
  node.parts = { name, image, none, age, result, below, frame };
  node.loading = false;
  node.shown = null; // number of the picture that is shown
  node.askedAt = 0;
  return node;
}

export function tellPicture(node, state, live) {
  const { none, age, result, below, frame } = node.parts;
  const preview = state.preview;
  const now = live.now();
  put(frame, "hidden", !preview.on);
  if (preview.on && live.connected && !document.hidden) load(node, preview);
  const old = preview.n === null || now - preview.at_s > OLD_S;
  put(frame, "data-old", node.shown !== null && old);
  put(none, "hidden", node.shown !== null && preview.n !== null);
  text(none, preview.error ? `Cannot be shown: ${preview.error}` : "No picture now");
  const says = preview.says ? `${preview.says}, ` : "";
  text(age, preview.n === null ? "" : `${says}${old ? `picture of ${ago(now - preview.at_s)}` : `frame ${preview.frame}`}`);
  const last = state.result;
  text(result, last ? `${last.label} ${number(last.confidence, "", 2)}` : "No result yet");
  const which = last && (last.part === null ? `frame ${last.frame}` : `part ${last.part}`);
  text(below, last ? `${which}, after ${ms(last.latency_ms)}, by ${last.subnet}, ${ago(now - last.at_s)}` : "");
}

// A picture takes the place of the one before only when it is all there: nothing flickers.
function load(node, preview) {
  const wanted = preview.n;
  if (node.loading || (wanted !== null && wanted === node.shown)) return;
  if (wanted === null && performance.now() - node.askedAt < AGAIN_MS) return;
  node.loading = true;
  node.askedAt = performance.now();
  const next = new Image();
  next.onload = async () => {
    await next.decode().catch(() => null);
    node.loading = false;
    node.shown = wanted;
    put(next, "alt", node.parts.image.getAttribute("alt"));
    node.parts.image.replaceWith(next);
    node.parts.image = next;
  };
  next.onerror = () => {
    node.loading = false;
  };
  next.src = `/preview/${node.parts.name}.jpg?n=${wanted ?? 0}&of=${Math.round(preview.at_s ?? 0)}`;
}
