// Puts the parts together: tags of the PLC go to the keepers, states and results of the agent come back as tags.

import { Agent } from './agent.js';
import { ChangeKeeper, LeaseKeeper, LineKeeper, PermitKeeper, SwapKeeper } from './keeper.js';
import { Plc } from './plc.js';
import { budgetOf, lineOf, statusTags, wrongTags } from './tags.js';
import { watchResults, watchStatus } from './watch.js';

const SILENT_AGENT_MS = 10_000; // more than three heartbeats
const FOR_EACH = ['lease', 'line', 'swap', 'permit', 'change'];

/** One gateway: one PLC, one camera. `run()` ends after `close()`. */
export class Gateway {
  #options;
  #agent;
  #plc;
  #keepers;
  #tags = {}; // the last word of the PLC on each
  #errors = new Map(); // name of a keeper, or 'plc' -> what went wrong last
  #results = 0;
  #dropped = 0;
  #connected = false;
  #due;
  #ending = new AbortController();

  constructor(options) {
    this.#options = options;
    this.#agent = new Agent(options);
    this.#plc = new Plc(options.plc, options.silentMs);
    const common = (name) => ({ agent: this.#agent, ttlMs: options.ttlMs, report: (error) => this.#report(name, error) });
    this.#keepers = {
      lease: new LeaseKeeper(common('lease')),
      line: new LineKeeper(common('line')),
      swap: new SwapKeeper(common('swap')),
      permit: new PermitKeeper(common('permit')),
      change: new ChangeKeeper({
        ...common('change'),
        told: (expected) => this.#expected(expected),
        committed: (next) => this.#adopt(next),
      }),
    };
    for (const keeper of Object.values(this.#keepers)) keeper.pause(true); // until the PLC is heard
  }

  async run() {
    this.#plc.on('tags', (tags) => this.#hear(tags));
    this.#plc.on('fault', (text) => this.#report('plc', { reason: 'BAD_TAGS', message: text }));
    this.#plc.on('heard', (heard) => this.#heard(heard));
    this.#plc.write({ agent: false, plc: false, lease: false, error: '', error_text: '', results: 0, results_dropped: 0 });
    this.#plc.open();
    const common = { agent: this.#agent, silentMs: SILENT_AGENT_MS, signal: this.#ending.signal };
    await Promise.all([
      watchStatus({
        ...common,
        take: (status) => this.#seen(status),
        lost: (error) => this.#lost(error),
        restarted: () => this.#keepers.line.again(), // reports are not kept over a restart of the agent
      }),
      watchResults({ ...common, take: (result, missed) => this.#result(result, missed) }),
    ]);
    await this.#release();
    this.#plc.close();
    this.#agent.close();
  }

  /** Ends `run()`, which then releases the lease. */
  close() {
    this.#ending.abort();
  }

  #hear(news) {
    const wrong = wrongTags(news);
    this.#report('plc', wrong ? { reason: 'BAD_TAGS', message: wrong } : null);
    if (wrong) return;
    const before = this.#tags;
    this.#tags = { ...before, ...news };
    const { lease, line, swap, permit, change } = this.#keepers;
    this.#tell(lease, budgetOf, before);
    this.#tell(line, lineOf, before);
    this.#tell(swap, (tags) => tags.swap_allowed, before);
    this.#tell(permit, (tags) => tags.swap_permit, before);
    this.#tell(change, (tags) => tags.next && this.#change(tags.next), before, (tags) => tags.next);
  }

  /** Only what changed is told: a PLC says the same tags in every cycle. */
  #tell(keeper, of, before, said = of) {
    const first = keeper.wanted === undefined;
    const news = said(this.#tags) ?? null;
    if (first ? news !== null : !same(news, said(before) ?? null)) keeper.want(of(this.#tags));
  }

  #change({ in_s: inS, line_waits: lineWaits, ...bounds }) {
    return { budget: budgetOf(bounds), lineWaits: lineWaits ?? false, dueMs: performance.now() + (inS ?? 0) * 1e3 };
  }

  #expected({ feasible, accuracy, gapMs, waitMs }) {
    const seconds = (ms) => Math.round(ms) / 1e3;
    this.#plc.write({ next_feasible: feasible, next_accuracy: accuracy, next_gap_s: seconds(gapMs), next_wait_s: seconds(waitMs) });
  }

  /** From its time on, the announced budget is the one to renew. */
  #adopt(next) {
    clearTimeout(this.#due);
    if (next === null) return;
    const { budget, lineWaits, dueMs } = next;
    const adopt = () => this.#keepers.lease.told(budget);
    if (lineWaits) adopt();
    else this.#due = setTimeout(adopt, Math.max(0, dueMs - performance.now()));
  }

  #heard(heard) {
    log(heard ? 'plc heard' : 'plc silent: nothing is renewed until it speaks again');
    for (const keeper of Object.values(this.#keepers)) keeper.pause(!heard);
    this.#plc.write({ plc: heard });
  }

  #seen(status) {
    const tags = { agent: true };
    if (status) Object.assign(tags, statusTags(status, this.#agent.name, this.#keepers.lease.wanted));
    this.#plc.write(tags);
    if (!this.#connected) log('agent heard');
    this.#connected = true;
  }

  #lost(error) {
    this.#plc.write({ agent: false, ready: false });
    if (this.#connected) log(`agent lost: ${error ? `${error.code}: ${error.message}` : 'the stream ended'}`);
    this.#connected = false;
  }

  #result(result, missed) {
    this.#dropped += missed;
    const tags = { results_dropped: this.#dropped };
    if (result) {
      this.#results += 1;
      Object.assign(tags, { results: this.#results, class_id: result.class_id, label: result.label, confidence: result.confidence });
    }
    this.#plc.write(tags);
  }

  #report(name, error) {
    const before = this.#errors.get(name);
    if (error) this.#errors.set(name, error);
    else this.#errors.delete(name);
    if (error && error.reason !== before?.reason) log(`${name}: ${error.reason}: ${error.message}`);
    if (!error && before) log(`${name}: good again`);
    const shown = ['plc', ...FOR_EACH].map((one) => this.#errors.get(one)).find((one) => one);
    this.#plc.write({ error: shown?.reason ?? '', error_text: shown?.message ?? '' });
  }

  /** An inhibition is left to run out by its ttl: the line has not said that a swap may begin. */
  async #release() {
    clearTimeout(this.#due);
    for (const keeper of Object.values(this.#keepers)) keeper.close();
    if (!this.#keepers.lease.wanted) return;
    try {
      await this.#agent.call('ReleaseBudget', {});
      this.#plc.write({ lease: false });
      log('lease released');
    } catch (error) {
      log(`the lease could not be released, it ends by itself: ${error.reason}: ${error.message}`);
    }
  }
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

function log(text) {
  process.stderr.write(`${text}\n`);
}
