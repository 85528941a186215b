// Streams that outlive connections, restarts of the agent, and readers that were too slow.

import { setTimeout as sleep } from 'node:timers/promises';

const LIFE_MS = 3_600_000; // a stream is opened anew after an hour, so that none lives without a deadline
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1000;

/**
 * Reads `method` until `signal`. `request()` makes the request of each attempt, `take(message)` hears each message,
 * `lost(error)` that the stream ended. The agent sends heartbeats: nothing within `silentMs` means it is gone.
 */
async function keepReading({ agent, method, request, take, lost, silentMs, signal }) {
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    const stream = new AbortController();
    const stop = () => stream.abort();
    signal.addEventListener('abort', stop, { once: true });
    let watchdog = setTimeout(stop, silentMs);
    let ended = null;
    try {
      for await (const message of agent.stream(method, request(), LIFE_MS, stream.signal)) {
        watchdog.refresh();
        pause = FIRST_PAUSE_MS;
        take(message);
      }
    } catch (error) {
      if (!error.code) throw error; // not the agent's: a defect of this program
      ended = error;
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener('abort', stop);
    }
    if (signal.aborted) return;
    lost(ended);
    await sleep(Math.max(pause, ended?.retryAfterMs ?? 0), undefined, { signal }).catch(() => {});
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

/** Every state of the camera; after a loss of the connection it goes on from the state that was seen last. */
export function watchStatus({ agent, take, lost, restarted, silentMs, signal }) {
  let seen = { epoch: '', revision: '0' };
  return keepReading({
    agent,
    method: 'WatchStatus',
    signal,
    silentMs,
    request: () => ({ resume_epoch: seen.epoch, resume_revision: seen.revision }),
    take(message) {
      if (seen.epoch !== message.epoch) restarted();
      seen = { epoch: message.epoch, revision: message.revision };
      take(message.status); // null in a heartbeat
    },
    lost(error) {
      // Another run of the agent answers: its revisions do not go on from ours.
      if (error?.code === 'OUT_OF_RANGE') seen = { epoch: '', revision: '0' };
      else lost(error);
    },
  });
}

/** Every result from now on; `take(result, dropped)` hears how many were missed since the one before. */
export function watchResults({ agent, take, silentMs, signal }) {
  let dropped = 0;
  return keepReading({
    agent,
    method: 'WatchResults',
    signal,
    silentMs,
    request() {
      dropped = 0; // counted anew by each stream
      return {};
    },
    take(message) {
      const missed = Number(message.dropped) - dropped;
      dropped = Number(message.dropped);
      if (message.result || missed > 0) take(message.result, missed);
    },
    lost() {},
  });
}
