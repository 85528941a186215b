// Numbers in words. What is not known is said to be so, never shown as 0.

export const UNKNOWN = "not known";

export function ms(value) {
  if (value === null || value === undefined) return UNKNOWN;
  return value >= 99.95 ? `${value.toFixed(0)} ms` : `${value.toFixed(1)} ms`;
}

export function percent(share) {
  return share === null || share === undefined ? UNKNOWN : `${(100 * share).toFixed(1)} %`;
}

export function number(value, unit = "", digits = 1) {
  return value === null || value === undefined ? UNKNOWN : `${value.toFixed(digits)}${unit}`;
}

export function lasting(seconds) {
  const s = Math.max(0, seconds);
  if (s < 9.95) return `${s.toFixed(1)} s`;
  if (s < 100) return `${s.toFixed(0)} s`;
  if (s < 100 * 60) return `${(s / 60).toFixed(0)} min`;
  return s < 48 * 3600 ? `${(s / 3600).toFixed(0)} h` : `${(s / 86400).toFixed(0)} days`;
}

// How long ago, in steps that do not hurry the eye.
export function ago(seconds) {
  const s = Math.max(0, seconds);
  if (s < 1) return "just now";
  return s < 100 ? `${Math.floor(s)} s ago` : `${lasting(s)} ago`;
}

export function time(wallMs) {
  return new Date(wallMs).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

export function day(wallMs, nowMs) {
  const at = new Date(wallMs);
  if (at.toDateString() === new Date(nowMs).toDateString()) return time(wallMs);
  return at.toLocaleDateString([], { month: "short", day: "numeric" });
}
