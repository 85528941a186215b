// What was measured in the last ten minutes against what was asked for, one bound a chart.

import { h, put, svg, text } from "./dom.js";
import { ms } from "./words.js";

const LEFT = 60;
const RIGHT = 4;
const TOP = 10;
const BOTTOM = 20;

export function makeChart() {
  const parts = {
    title: h("h3"),
    value: h("span", { class: "measure" }),
    verdict: h("span", { class: "verdict" }),
    blind: svg("g", { class: "blind" }),
    grid: svg("g", { class: "grid" }),
    limit: svg("path", { class: "limit" }),
    line: svg("path", { class: "measured" }),
    over: svg("g", { class: "over" }),
    limitLabel: svg("text", { class: "limit-label", "text-anchor": "end" }),
  };
  parts.times = [10, 5, 0].map((minutes) => {
    const anchor = minutes === 10 ? "start" : minutes ? "middle" : "end";
    return svg("text", { class: "tick", "text-anchor": anchor }, minutes ? `${minutes} min ago` : "now");
  });
  const drawing = svg(
    "svg",
    { class: "plot", role: "img" },
    parts.blind, parts.grid, parts.limit, parts.line, parts.over, parts.limitLabel, ...parts.times,
  );
  const node = h("div", { class: "chart" }, h("div", { class: "chart-head" }, parts.title, parts.value, parts.verdict), drawing);
  node.parts = { ...parts, drawing };
  return node;
}

// `bound` of the state's budget, `history` of the camera, `now` in the agent's seconds.
export function drawChart(node, bound, quantile, history, now) {
  const parts = node.parts;
  text(parts.title, `${bound.title}, p99`);
  text(parts.value, ms(bound.p99_ms));
  const verdict = bound.kept === null ? "not measured now" : bound.kept ? `keeps ${ms(bound.limit_ms)}` : `over ${ms(bound.limit_ms)}`;
  text(parts.verdict, verdict);
  put(parts.verdict, "data-kept", bound.kept === null ? "unknown" : bound.kept ? "yes" : "no");
  put(parts.drawing, "aria-label", `${bound.title} of the last ten minutes: p99 now ${ms(bound.p99_ms)}, ${verdict}`);
  const size = [parts.drawing.clientWidth || 600, parts.drawing.clientHeight || 150];
  const key = JSON.stringify([size, history?.end_s, bound.limit_ms]);
  if (node.dataset.drawn === key) return;
  node.dataset.drawn = key;
  draw(parts, bound, history, now, size);
}

function draw(parts, bound, history, now, [width, height]) {
  const measured = history?.[bound.key] ?? [];
  const limits = history?.[`${bound.key}_limit`] ?? [];
  const step = history?.bucket_s ?? 5;
  const span = step * (history?.buckets ?? 120);
  const last = history?.end_s ?? now;
  const most = Math.max(bound.limit_ms * 1.3, ...measured.map((one) => one ?? 0), ...limits.map((one) => one ?? 0));
  const top = nice(most);
  const x = (s) => LEFT + (width - LEFT - RIGHT) * (1 - (last - s) / span);
  const y = (value) => TOP + (height - TOP - BOTTOM) * (1 - Math.min(value, top) / top);
  const start = (place) => last - (measured.length - place) * step;
  put(parts.line, "d", steps(measured, (place) => x(start(place)), y, x(last)));
  put(parts.limit, "d", steps([...limits.slice(0, -1), bound.limit_ms], (place) => x(start(place)), y, x(last)) || `M${LEFT} ${y(bound.limit_ms)}H${width - RIGHT}`);
  put(parts.drawing, "viewBox", `0 0 ${width} ${height}`);
  parts.times.forEach((tick, place) => {
    put(tick, "x", LEFT + ((width - LEFT - RIGHT) * place) / 2);
    put(tick, "y", height - 4);
  });
  put(parts.limitLabel, "x", width - RIGHT - 2);
  const labelY = y(bound.limit_ms) - 5;
  put(parts.limitLabel, "y", labelY < 14 ? y(bound.limit_ms) + 14 : labelY);
  text(parts.limitLabel, `allowed ${ms(bound.limit_ms)}`);
  parts.over.replaceChildren(
    ...measured.flatMap((value, place) => {
      const limit = limits[place];
      if (value === null || limit === null || limit === undefined || value <= limit) return [];
      const left = x(start(place));
      return [svg("rect", { x: left, y: y(value), width: Math.max(1.5, x(start(place + 1)) - left), height: Math.max(2, y(limit) - y(value)) })];
    }),
  );
  parts.blind.replaceChildren(
    ...(history?.inspected ?? []).flatMap((inspected, place) => {
      if (inspected) return [];
      const left = x(start(place));
      return [svg("rect", { x: left, y: TOP, width: x(start(place + 1)) - left + 0.5, height: height - TOP - BOTTOM })];
    }),
  );
  const levels = [0, top / 2, top];
  parts.grid.replaceChildren(
    ...levels.map((level) => svg("path", { class: level ? "faint" : "axis", d: `M${LEFT} ${y(level)}H${width - RIGHT}` })),
    ...levels.map((level) => svg("text", { class: "tick", x: LEFT - 8, y: y(level) + 4, "text-anchor": "end" }, level ? `${+level.toPrecision(3)} ms` : "0")),
  );
}

// A stepped line; a value that is not known leaves a hole.
function steps(values, left, y, end) {
  let path = "";
  let drawing = false;
  values.forEach((value, place) => {
    if (value === null || value === undefined) {
      drawing = false;
      return;
    }
    const from = left(place).toFixed(1);
    const to = (place + 1 < values.length ? left(place + 1) : end).toFixed(1);
    path += `${drawing ? "V" : `M${from} `}${y(value).toFixed(1)}H${to}`;
    drawing = true;
  });
  return path;
}

function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];
  return power * steps.find((one) => one * power >= value);
}
