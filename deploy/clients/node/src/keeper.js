// What the gateway keeps true at the agent: each keeper owns one thing that the PLC wants (a budget, a report, a permit).

import { AgentError, duration, milliseconds } from './errors.js';

const AGAIN_MS = 250;
const AFTER_REFUSAL_MS = 5000;
const LATE_MS = 1000;

/**
 * Applies the newest value that is wanted, and says it again every third of its ttl. A newer value takes the place of one
 * that could not be told yet. `report(error or null)` hears of every attempt.
 */
class Keeper {
  #wanted;
  #applied;
  #timer;
  #refused = false;
  #running = false;
  #paused = false;

  constructor({ agent, ttlMs, report }) {
    this.agent = agent;
    this.ttlMs = ttlMs;
    this.report = report;
  }

  want(value) {
    this.#wanted = value;
    this.#refused = false;
    this.#turn();
  }

  /** Says it again now: the agent may have forgotten it. */
  again() {
    this.#applied = undefined;
    this.#turn();
  }

  /** Takes `value` as told already, by another call than this keeper's. */
  told(value) {
    this.#wanted = this.#applied = value;
    this.#schedule(this.ttlMs / 3);
  }

  /** While the PLC is not heard nothing is said in its name, so that what it holds runs out by its ttl. */
  pause(paused) {
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (this.lasting(this.#applied)) this.#applied = undefined; // it may have run out meanwhile
    if (paused) clearTimeout(this.#timer);
    else this.#turn();
  }

  get wanted() {
    return this.#wanted;
  }

  async #turn() {
    if (this.#running || this.#paused || this.#wanted === undefined) return;
    this.#running = true;
    clearTimeout(this.#timer);
    const value = this.#wanted;
    if (value === this.#applied && !this.lasting(value)) {
      this.#running = false;
      return;
    }
    const stale = () => value !== this.#wanted || this.#paused;
    const pauseMs = await this.#say(value, stale);
    this.#running = false;
    if (stale()) this.#turn();
    else if (pauseMs !== null) this.#schedule(pauseMs);
  }

  /** Milliseconds until the next turn; null: none is needed. */
  async #say(value, stale) {
    const fresh = value !== this.#applied;
    try {
      await (fresh ? this.apply(value, stale) : this.refresh(value));
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      if (!stale()) this.report(error);
      if (error.retryable || this.#overtaken(value)) return AGAIN_MS;
      return fresh ? this.#fallBack() : this.#startOver();
    }
    if (!this.#overtaken(value)) this.#applied = value;
    if (!this.#refused) this.report(null);
    return this.lasting(value) ? this.ttlMs / 3 : null;
  }

  /** Whether `told` has put another value in the place of `value` while that was being said. */
  #overtaken(value) {
    return value !== this.#wanted && this.#applied === this.#wanted;
  }

  /** A value was refused: what was told before stays, as a PLC expects of a wrong set point. */
  #fallBack() {
    if (this.#applied === undefined) return AFTER_REFUSAL_MS;
    this.#wanted = this.#applied;
    this.#refused = true;
    return this.lasting(this.#applied) ? this.ttlMs / 3 : null;
  }

  /** What can no longer be renewed is asked for anew. */
  #startOver() {
    this.#applied = undefined;
    return 0;
  }

  #schedule(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#turn(), ms);
  }

  /** Whether `value` has to be said again. */
  lasting(_value) {
    return true;
  }

  close() {
    this.pause(true);
  }
}

/** Holds a lease on the camera for a budget; null: none is held. */
export class LeaseKeeper extends Keeper {
  async apply(budget, stale) {
    if (budget === null) await this.agent.command('ReleaseBudget', {}, stale);
    else await this.agent.command('SetBudget', { budget, ttl: duration(this.ttlMs) }, stale);
  }

  async refresh() {
    await this.agent.call('RenewBudget', {});
  }

  lasting(budget) {
    return budget !== null;
  }
}

/** Tells how the line runs. A report says nothing new when it is repeated, so that it needs no request id. */
export class LineKeeper extends Keeper {
  async apply(line) {
    await this.agent.call('ReportLine', { ...line, ttl: duration(this.ttlMs) });
  }

  refresh(line) {
    return this.apply(line);
  }
}

/**
 * Announces a change ahead of its time; null takes it back. `next` is {budget, lineWaits, dueMs}, the last on the clock of
 * performance.now();
 * `told(expected)` hears what it would cost, `committed(next)` that it is definite.
 */
export class ChangeKeeper extends Keeper {
  constructor({ told, committed, ...common }) {
    super(common);
    this.tell = told;
    this.committed = committed;
  }

  async apply(next, stale) {
    if (next === null) {
      await this.agent.command('ReleaseBudget', { announced_only: true }, stale);
      this.committed(null);
      return;
    }
    const { budget, lineWaits, dueMs } = next;
    if (!lineWaits && dueMs < performance.now() - LATE_MS) return; // the PLC has set the budget itself by now
    const due = lineWaits ? {} : { due_in: duration(Math.max(0, dueMs - performance.now())) };
    // Without a request id: telling it again changes nothing, and the time left is another then.
    const answer = await this.agent.call('PrepareBudget', { budget, ttl: duration(this.ttlMs), ...due });
    const [{ feasible, expected_accuracy: accuracy, expected_gap: gap, wait }] = answer.changes;
    this.tell({ feasible, accuracy: accuracy ?? null, gapMs: milliseconds(gap), waitMs: milliseconds(wait) });
    await this.agent.command('CommitBudget', { prepared_id: answer.prepared_id, wait_for_ready: lineWaits }, stale);
    this.committed(next);
  }

  lasting() {
    return false;
  }
}

/** Inhibits swaps while the PLC says false; true takes that back, and permits nothing beyond it. */
export class SwapKeeper extends Keeper {
  async apply(allowed, stale) {
    if (allowed) await this.agent.command('PermitSwap', { lift_only: true }, stale);
    else await this.agent.command('InhibitSwap', this.#inhibition(), stale);
  }

  async refresh() {
    await this.agent.call('InhibitSwap', this.#inhibition());
  }

  lasting(allowed) {
    return allowed === false;
  }

  #inhibition() {
    return { ttl: duration(this.ttlMs), why: 'the PLC allows no swap' };
  }
}

/** Permits one swap for each new number that the PLC counts up to. */
export class PermitKeeper extends Keeper {
  async apply(_count, stale) {
    await this.agent.command('PermitSwap', { ttl: duration(this.ttlMs) }, stale);
  }

  lasting() {
    return false;
  }
}
