// The PLC's side: tags as JSON objects, one a line, over a TCP or unix socket, or over stdin and stdout.

import { EventEmitter } from 'node:events';
import net from 'node:net';
import readline from 'node:readline';

const FLUSH_MS = 50;
const RECONNECT_MS = 500;
const LONGEST_LINE = 65536;

/**
 * Emits 'tags' (an object, for each line that came), 'fault' (a text, for a line that is none) and 'heard' (true or
 * false: whether a good line came within `silentMs`).
 */
export class Plc extends EventEmitter {
  #address;
  #silentMs;
  #output = null;
  #blocked = false;
  #closed = false;
  #heard = false;
  #watchdog;
  #flushing;
  #redial;
  #image = {}; // every tag that was ever written
  #changed = new Set();

  /** `address`: "-" for stdin and stdout, HOST:PORT, or the path of a unix socket. */
  constructor(address, silentMs) {
    super();
    this.#address = address;
    this.#silentMs = silentMs;
  }

  open() {
    if (this.#address === '-') this.#use(process.stdin, process.stdout);
    else this.#dial();
  }

  /** Tags for the PLC. Those that did not change are not sent; a slow PLC gets the newest of each. */
  write(tags) {
    for (const [name, value] of Object.entries(tags)) {
      if (JSON.stringify(value) === JSON.stringify(this.#image[name])) continue;
      this.#image[name] = value;
      this.#changed.add(name);
    }
    if (this.#changed.size > 0) this.#flushing ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  flush() {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    if (!this.#output || this.#blocked || this.#changed.size === 0) return;
    const tags = Object.fromEntries([...this.#changed].map((name) => [name, this.#image[name]]));
    this.#changed.clear();
    this.#blocked = !this.#output.write(`${JSON.stringify(tags)}\n`);
  }

  close() {
    this.#closed = true;
    this.flush();
    clearTimeout(this.#watchdog);
    clearTimeout(this.#redial);
    if (this.#address === '-') process.stdin.destroy();
    else this.#output?.end();
  }

  #dial() {
    const [, host, port] = this.#address.match(/^\[?([^/]*?)\]?:(\d+)$/) ?? [];
    const socket = net.connect(port ? { host, port: Number(port) } : { path: this.#address });
    socket.setKeepAlive(true, RECONNECT_MS);
    socket.on('connect', () => this.#use(socket, socket));
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      this.#output = null;
      this.#hear(false);
      if (!this.#closed) this.#redial = setTimeout(() => this.#dial(), RECONNECT_MS);
    });
  }

  #use(input, output) {
    this.#output = output;
    this.#blocked = false;
    output.on('drain', () => {
      this.#blocked = false;
      this.flush();
    });
    for (const name of Object.keys(this.#image)) this.#changed.add(name);
    this.flush();
    readline.createInterface({ input, crlfDelay: Infinity }).on('line', (line) => this.#read(line));
  }

  #read(line) {
    let tags = null;
    if (line.length <= LONGEST_LINE) {
      try {
        tags = JSON.parse(line);
      } catch {
        tags = null;
      }
    }
    if (tags === null || typeof tags !== 'object' || Array.isArray(tags)) {
      this.emit('fault', `not a JSON object on a line: ${line.slice(0, 80)}`);
      return;
    }
    this.#hear(true);
    this.emit('tags', tags);
  }

  #hear(heard) {
    clearTimeout(this.#watchdog);
    if (heard) this.#watchdog = setTimeout(() => this.#hear(false), this.#silentMs);
    if (heard === this.#heard) return;
    this.#heard = heard;
    this.emit('heard', heard);
  }
}
