// One camera in full: the state that is seen from across the hall, then what explains it.

import { drawChart, makeChart } from "./chart.js";
import { each, h, put, reshape, shape, text } from "./dom.js";
import { makeLadder, tellLadder } from "./ladder.js";
import { makePicture, tellPicture } from "./picture.js";
import { makeAlarms, makeClaims, makeSwaps, tellAlarms, tellClaims, tellSwaps } from "./panels.js";
import { UNKNOWN, ago, lasting, number, percent } from "./words.js";

const STAGES = ["PREPARING", "STOPPING", "UPLOADING", "ACTIVATING", "VERIFYING"];
const STAGE_WORDS = ["check", "stop", "upload", "load", "test"];

export function makeCamera(name) {
  const parts = {
    name: h("p", { class: "name" }),
    icon: shape("off"),
    word: h("h1", { class: "word", "aria-live": "polite" }),
    why: h("p", { class: "why" }),
    also: h("ul", { class: "also", "aria-label": "Also" }),
    next: makeNext(),
    figures: h("dl", { class: "figures" }),
    charts: h("div", { class: "charts" }),
    noBudget: h("p", { class: "empty" }, "No bound is asked for."),
    ladder: makeLadder(),
    picture: makePicture(name),
    alarms: makeAlarms(),
    claims: makeClaims(),
    swaps: makeSwaps(),
    notes: h("ul", { class: "notes" }),
  };
  const said = h("div", { class: "said" }, parts.name, parts.word, parts.why);
  const band = h("header", { class: "band" }, parts.icon, said);
  const measures = h("section", { class: "panel measures" }, h("h2", {}, "Budget and measured time"), parts.charts, parts.noBudget);
  const node = h(
    "article", { class: "camera" }, band, parts.also, parts.next, parts.figures,
    h("div", { class: "panels" }, measures, parts.picture, parts.alarms, parts.claims, parts.swaps, parts.ladder), parts.notes,
  );
  node.parts = { ...parts, band };
  return node;
}

export function tellCamera(node, live, name) {
  const state = live.part("state", name);
  const parts = node.parts;
  text(parts.name, name);
  tellBand(parts, state, live);
  put(node, "hidden", false);
  if (!state?.budget) return;
  const now = live.now();
  each(parts.also, state.also, (one) => one.word, makeAlso, tellAlso);
  tellNext(parts.next, state, live.part("swaps", name), now);
  tellFigures(parts.figures, state, now);
  each(parts.charts, state.budget.bounds, (bound) => bound.key, makeChart, (chart, bound) =>
    drawChart(chart, bound, state.budget.quantile, live.part("history", name), now));
  put(parts.noBudget, "hidden", state.budget.bounds.length > 0);
  tellPicture(parts.picture, state, live);
  tellAlarms(parts.alarms, state.alarms, now);
  tellClaims(parts.claims, state, now);
  tellLadder(parts.ladder, live.part("ladder", name), state.budget);
  tellSwaps(parts.swaps, live.part("swaps", name), now, live.wallMs());
  each(parts.notes, state.notes, (one) => one, () => h("li"), text);
}

// The word, or that nobody knows: what was true a while ago is never shown as if it were now.
export function tellBand(parts, state, live) {
  const known = live.connected && state;
  const tone = known ? state.state.tone : "off";
  put(parts.band, "data-tone", tone);
  reshape(parts.icon, tone);
  text(parts.word, known ? state.state.word : "NO DATA");
  const silent = live.silentFor();
  const was = state && silent !== null ? `It was ${state.state.word} ${ago(silent)}.` : "";
  text(parts.why, known ? state.state.why : `No connection to the agent. ${was}`);
}

function makeAlso(one) {
  const icon = shape(one.tone);
  const node = h("li", {}, icon, h("b"), h("span"));
  node.icon = icon;
  return node;
}

function tellAlso(node, one) {
  put(node, "data-tone", one.tone);
  reshape(node.icon, one.tone);
  text(node.children[1], one.word);
  text(node.children[2], one.why);
}

// One row that is always there, so that a swap moves nothing below it.
function makeNext() {
  const says = h("p", { class: "next-says" });
  const clock = h("p", { class: "next-clock" });
  const stages = h("ol", { class: "stages" }, ...STAGE_WORDS.map((word) => h("li", {}, h("i"), h("span", {}, word))));
  const node = h("section", { class: "next", "aria-label": "Swap" }, says, clock, stages);
  node.parts = { says, clock, stages };
  return node;
}

function tellNext(node, state, swaps, now) {
  const { says, clock, stages } = node.parts;
  const swap = state.swap;
  put(node, "data-is", swap ? (swap.waits ? "waits" : "runs") : state.coming ? "comes" : "rests");
  put(stages, "hidden", !swap || swap.waits);
  if (!swap) {
    const { words, when } = state.coming ? comingWords(state.coming, now) : restWords(swaps, now);
    text(says, words);
    text(clock, when);
    return;
  }
  const from = swap.from && swap.from !== swap.to ? `${swap.from} → ` : "";
  text(says, STAGES.includes(swap.stage) ? `${from}${swap.to}` : `${from}${swap.to}: ${swap.says}`);
  const took = Math.max(0, now - swap.started_s);
  text(clock, swap.waits ? "" : `${took.toFixed(1)} s of about ${swap.expected_gap_s.toFixed(1)} s`);
  const place = STAGES.indexOf(swap.stage);
  put(node, "data-back", place < 0);
  [...stages.children].forEach((one, at) => {
    const is = place < 0 || at > place ? "off" : at < place ? "done" : "now";
    const share = is !== "now" ? Number(is === "done") : swap.stage === "UPLOADING" ? swap.uploaded ?? 0 : 1;
    put(one, "data-is", is);
    one.firstChild.style.width = `${(100 * share).toFixed(0)}%`;
    text(one.lastChild, STAGE_WORDS[at] + (is === "now" && swap.uploaded !== null && swap.stage === "UPLOADING" ? ` ${(100 * share).toFixed(0)} %` : ""));
  });
}

function comingWords(coming, now) {
  const left = coming.starts_s === null ? null : coming.starts_s - now;
  const when = left === null ? "time open" : left > 0 ? `in ${lasting(left)}` : "any moment";
  return { words: `Swap to ${coming.to} is coming: ${coming.says}. Gap about ${coming.expected_gap_s.toFixed(1)} s.`, when };
}

function restWords(swaps, now) {
  const last = swaps?.swaps?.[0];
  if (!last) return { words: "No swap under way.", when: "" };
  const gap = last.gap_s === null ? "" : `, gap ${last.gap_s.toFixed(2)} s`;
  return { words: `No swap under way. The last one was to ${last.to}${gap}.`, when: ago(now - last.at_s) };
}

function tellFigures(node, state, now) {
  const active = state.active;
  const lowHigh = active && active.low !== null ? `${(100 * active.low).toFixed(1)} to ${percent(active.high)}` : active ? "spread not known" : "nothing runs";
  const rate = state.line.parts_per_minute;
  const line = state.line.stopped ? "stands" : state.line.known ? "runs" : "taken to run";
  const rows = [
    ["Sub-net", active ? active.id : "none", active?.verified ? `verified, gen. ${active.generation}` : "not inspecting"],
    ["Accuracy", active ? percent(active.accuracy) : "none", lowHigh],
    ["Budget", state.budget.words, state.budget.origin],
    ["Load of the VPU", state.load === null ? UNKNOWN : `${(100 * state.load).toFixed(0)} %`, "100 % is all it can do"],
    ["Pictures", number(state.device.frames_per_s, " /s"), state.frame_s === null ? "none yet" : `last ${ago(now - state.frame_s)}`],
    ["Line", line, rate === null ? "speed not told" : `${rate} parts/min`],
    ["Camera", number(state.device.temperature_c, " °C"), state.device.serial ? `serial ${state.device.serial}` : "not connected"],
    ["Results", state.device.results === null ? UNKNOWN : state.device.results.toLocaleString("en").replaceAll(",", " "), state.device.dropped === null ? "" : `${state.device.dropped} pictures lost`],
  ];
  each(node, rows, (row) => row[0], makeFigure, tellFigure);
}

function makeFigure([title]) {
  return h("div", {}, h("dt", {}, title), h("dd", { class: "big" }), h("dd", { class: "small" }));
}

function tellFigure(node, [, value, below]) {
  text(node.children[1], value);
  put(node.children[1], "data-long", value.length > 12 ? "very" : value.length > 10);
  put(node.children[1], "data-unknown", value === UNKNOWN);
  text(node.children[2], below);
}
