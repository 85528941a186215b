// Tags: what the PLC may say, and what it is told.

const NUMBER = (value) => value === null || (typeof value === 'number' && Number.isFinite(value));
const BOOLEAN = (value) => typeof value === 'boolean';
const BOUNDS = { parts_per_minute: NUMBER, max_latency_ms: NUMBER, min_accuracy: NUMBER };
const NEXT = { ...BOUNDS, in_s: NUMBER, line_waits: BOOLEAN };
const TAGS = {
  ...BOUNDS,
  line_stopped: BOOLEAN,
  line_parts_per_minute: NUMBER,
  swap_allowed: BOOLEAN,
  swap_permit: Number.isInteger,
  next: (value) => value === null || (typeof value === 'object' && wrongTags(value, NEXT) === ''),
};

/** What is wrong with tags of the PLC, in one line; empty where nothing is. Ranges are for the agent to judge. */
export function wrongTags(tags, known = TAGS) {
  for (const [name, value] of Object.entries(tags)) {
    if (!(name in known)) return `${name}: no such tag; there are ${Object.keys(known).join(', ')}`;
    if (!known[name](value)) return `${name}: ${JSON.stringify(value)} is not a value of it`;
  }
  return '';
}

/** The bounds among `tags` as a Budget; null where they ask for neither a rate nor a latency. */
export function budgetOf(tags) {
  const given = Object.keys(BOUNDS).filter((name) => (tags[name] ?? null) !== null);
  if (!given.includes('parts_per_minute') && !given.includes('max_latency_ms')) return null;
  return Object.fromEntries(given.map((name) => [name, tags[name]]));
}

/** What the line does, as a ReportLineRequest has it; undefined where the PLC does not say. */
export function lineOf(tags) {
  if (tags.line_stopped === undefined) return undefined;
  const rate = tags.line_parts_per_minute ?? null;
  return { stopped: tags.line_stopped, ...(rate === null ? {} : { parts_per_minute: rate }) };
}

/** A camera's state as tags; `client` is this gateway's name at the agent, `wanted` the budget of its lease, if any. */
export function statusTags(status, client, wanted) {
  const claim = status.claims.find((one) => one.client === client);
  const change = status.changes.find((one) => one.client === client);
  return {
    state: word(status.state, 'CAMERA_STATE_'),
    mode: word(status.orders?.mode ?? 'MODE_UNSPECIFIED', 'MODE_'),
    subnet: status.active_subnet_id ?? null,
    generation: Number(status.generation ?? 0),
    lease: claim !== undefined,
    ready: (status.meets_budget || status.settled) && covers(claim, wanted),
    feasible: status.decision?.feasible ?? false,
    fail_safe: status.budget?.fail_safe ?? false,
    degraded: status.degraded,
    swap_stage: status.swap ? word(status.swap.stage, 'SWAP_STAGE_') : '',
    swap_inhibited: (status.orders?.inhibitions.length ?? 0) > 0,
    next_state: change ? word(change.state, 'CHANGE_STATE_') : '',
  };
}

/** Whether `claim` asks for what is wanted: a status may be older than the answer to a command. */
function covers(claim, wanted) {
  return !wanted || Object.entries(wanted).every(([name, value]) => claim?.budget[name] === value);
}

/** A proto enum's value without its prefix. */
function word(value, prefix) {
  return value.slice(prefix.length);
}
