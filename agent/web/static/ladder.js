// The ladder of sub-nets: accuracy against time, and why each one runs or does not.

import { each, h, put, text } from "./dom.js";
import { ms, percent } from "./words.js";

export function makeLadder() {
  const says = h("p", { class: "ladder-says" });
  const rungs = h("ol", { class: "rungs" });
  const more = h("p", { class: "empty" });
  const node = h("section", { class: "panel ladder" }, h("h2", {}, "Ladder"), says, rungs, more);
  node.parts = { says, rungs, more };
  return node;
}

export function tellLadder(node, ladder, budget) {
  const { says, rungs, more } = node.parts;
  if (!ladder) return;
  text(says, ladder.text);
  const bound = budget.bounds[0] ?? null;
  const field = bound?.key === "service" ? "service_ms" : "latency_ms";
  const widest = Math.max(1, bound ? bound.limit_ms * 1.25 : 0, ...ladder.rungs.map((one) => Math.min(one[field], (bound?.limit_ms ?? one[field]) * 3)));
  each(rungs, ladder.rungs, (one) => one.id, makeRung, (rung, one) => tellRung(rung, one, one[field], bound, widest));
  const left = ladder.total - ladder.rungs.length;
  text(more, left > 0 ? `${left} more sub-nets are not shown.` : ladder.total ? "" : "There is nothing to choose from.");
}

function makeRung() {
  const tag = h("b", { class: "tag" });
  const track = h("div", { class: "track" }, h("i"), h("u"));
  const node = h(
    "li", {},
    h("div", { class: "rung-name" }, h("span"), tag),
    h("div", { class: "rung-accuracy" }),
    h("div", { class: "rung-time" }, track, h("span")),
    h("p", { class: "rung-why" }),
  );
  node.parts = { tag, track };
  return node;
}

function tellRung(node, one, value, bound, widest) {
  const [name, accuracy, times, why] = node.children;
  const { tag, track } = node.parts;
  put(node, "data-is", one.runs ? "runs" : one.wanted ? "next" : one.fits ? "fits" : "not");
  text(name.firstChild, one.id);
  text(tag, one.runs ? "RUNS" : one.wanted ? "NEXT" : "");
  text(accuracy, percent(one.accuracy));
  put(accuracy, "title", one.low === null ? false : `95 % sure: ${percent(one.low)} to ${percent(one.high)}`);
  track.children[0].style.width = `${Math.min(100, (100 * value) / widest).toFixed(1)}%`;
  put(track.children[1], "hidden", !bound);
  if (bound) track.children[1].style.left = `${Math.min(100, (100 * bound.limit_ms) / widest).toFixed(1)}%`;
  text(times.children[1], `${ms(value)} ${one.measured ? "measured" : "predicted"}`);
  text(why, one.why);
}
