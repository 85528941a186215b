// Alarms, whoever asks for something, and the last swaps.

import { each, h, put, reshape, shape, text } from "./dom.js";
import { ago, day, lasting } from "./words.js";

const TONES = { critical: "bad", warning: "warn", info: "busy" };

export function makeAlarms(title = "Alarms") {
  const list = h("ul", { class: "alarms" });
  const none = h("p", { class: "empty" }, "No alarm stands.");
  const node = h("section", { class: "panel alarm-panel" }, h("h2", {}, title), list, none);
  node.parts = { list, none };
  return node;
}

export function tellAlarms(node, alarms, now) {
  const { list, none } = node.parts;
  put(none, "hidden", alarms.length > 0);
  each(list, alarms, (one) => one.id, makeAlarm, (item, one) => tellAlarm(item, one, now));
}

function makeAlarm() {
  const icon = shape("warn");
  const title = h("b");
  const since = h("span", { class: "since" });
  const node = h("li", {}, icon, h("div", {}, h("p", { class: "alarm-title" }, title, since), h("p", { class: "alarm-text" }), h("p", { class: "alarm-action" })));
  node.parts = { icon, title, since };
  return node;
}

function tellAlarm(node, one, now) {
  const { icon, title, since } = node.parts;
  const tone = TONES[one.severity] ?? "warn";
  put(node, "data-tone", tone);
  reshape(icon, tone);
  text(title, `${one.number === null ? "" : `${one.number} `}${one.title}`);
  const times = one.count > 1 ? `, ${one.count} times` : "";
  text(since, `${one.severity}, since ${ago(now - one.since_s).replace(" ago", "")}${times}${one.seen_by ? `, seen by ${one.seen_by}` : ""}`);
  const [, words, action] = node.lastChild.children;
  text(words, one.text);
  text(action, one.action ? `To do: ${one.action}` : "");
}

export function makeClaims() {
  const list = h("ul", { class: "claims" });
  const none = h("p", { class: "empty" });
  const node = h("section", { class: "panel claim-panel" }, h("h2", {}, "Who asks"), list, none);
  node.parts = { list, none };
  return node;
}

// Leases with the time left, what was announced, and what holds the camera as it is.
export function tellClaims(node, state, now) {
  const { list, none } = node.parts;
  const rows = [
    ...state.leases.map((one) => ({ key: `lease ${one.client}`, who: one.client, what: `${one.words} (${one.kind})`, ends: one.ends_s, of: one.ttl_s })),
    ...state.changes.map((one) => ({ key: `change ${one.client}`, who: one.client, what: `announced: ${one.words}`, ends: one.due_s, of: null, due: true })),
    ...state.orders.inhibits.map((one) => ({ key: `inhibit ${one.client}`, who: one.client, what: `no swap may begin${one.why ? `: ${one.why}` : ""}`, ends: one.ends_s, of: null })),
    ...state.line.reports.map((one) => ({ key: `line ${one.client}`, who: one.client, what: one.stopped ? "says that the line stands" : "says that the line runs", ends: one.ends_s, of: null })),
  ];
  if (state.orders.permit_until_s !== null) rows.push({ key: "permit", who: "one swap", what: "is permitted", ends: state.orders.permit_until_s, of: null });
  each(list, rows, (row) => row.key, makeClaim, (item, row) => tellClaim(item, row, now));
  put(none, "hidden", rows.length > 0);
  text(none, state.budget.fail_safe ? "Nobody: the lease was lost." : `Nobody: the budget is the one ${state.budget.origin}.`);
}

function makeClaim() {
  return h("li", {}, h("div", { class: "claim-head" }, h("b"), h("span", { class: "left" })), h("p"), h("div", { class: "bar" }, h("i")));
}

function tellClaim(node, row, now) {
  const [head, what, bar] = node.children;
  const left = row.ends === null ? null : Math.max(0, row.ends - now);
  text(head.children[0], row.who);
  text(head.children[1], left === null ? "" : row.due ? `in ${lasting(left)}` : `${lasting(left)} left`);
  text(what, row.what);
  const share = left === null || !row.of ? null : Math.min(1, left / row.of);
  put(bar, "hidden", share === null);
  put(node, "data-short", share !== null && share < 0.25);
  if (share !== null) bar.firstChild.style.width = `${(100 * share).toFixed(1)}%`;
}

export function makeSwaps() {
  const rows = h("tbody");
  const head = h("thead", {}, h("tr", {}, ...["When", "To", "Why", "Gap"].map((word) => h("th", { scope: "col" }, word))));
  const table = h("table", { class: "swaps" }, head, rows);
  const none = h("p", { class: "empty" });
  const node = h("section", { class: "panel swap-panel" }, h("h2", {}, "Last swaps"), table, none);
  node.parts = { rows, table, none };
  return node;
}

export function tellSwaps(node, swaps, now, wallMs) {
  const { rows, table, none } = node.parts;
  if (!swaps) return;
  put(table, "hidden", swaps.swaps.length === 0);
  put(none, "hidden", swaps.swaps.length > 0);
  text(none, swaps.error ? `The journal cannot be read: ${swaps.error}` : "None yet.");
  each(rows, swaps.swaps, (one) => one.id, () => h("tr", {}, ...[0, 1, 2, 3].map(() => h("td"))), (row, one) => {
    const cells = row.children;
    const well = one.outcome === "verified" || one.outcome === "running";
    put(row, "data-well", well ? "yes" : "no");
    text(cells[0], day(one.wall_ms, wallMs));
    put(cells[0], "title", ago(now - one.at_s));
    text(cells[1], one.to);
    text(cells[2], well ? one.reason : `${one.outcome}: ${one.error || one.reason}`);
    text(cells[3], one.gap_s !== null ? `${one.gap_s.toFixed(2)} s` : one.outcome === "running" ? "running" : one.from === null ? "first" : "not known");
  });
}
