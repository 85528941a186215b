// The connection to the agent: the newest of every part, the agent's clock, and whether any of it is still true.

const SILENT_MS = 5000; // the agent says something every two seconds
const RETRY_MS = 1000;

export class Live {
  constructor(onChange) {
    this.onChange = onChange;
    this.parts = new Map(); // "state station-1" -> value
    this.agent = null;
    this.connected = false;
    this.heardAt = null; // by performance.now()
    this.skew = 0; // agent's seconds less ours
    this.wallSkew = 0;
    this.source = null;
    this.openedAt = 0;
    this.open();
    setInterval(() => this.look(), 500);
  }

  // Seconds on the agent's clock, as every `..._s` of the state.
  now() {
    return performance.now() / 1000 + this.skew;
  }

  wallMs() {
    return performance.now() + this.wallSkew;
  }

  silentFor() {
    return this.heardAt === null ? null : (performance.now() - this.heardAt) / 1000;
  }

  part(name, camera) {
    return this.parts.get(`${name} ${camera}`);
  }

  open() {
    this.close();
    this.openedAt = performance.now();
    const source = new EventSource("/events");
    this.source = source;
    source.addEventListener("now", (event) => this.heard(JSON.parse(event.data)));
    source.addEventListener("part", (event) => this.took(JSON.parse(event.data)));
    source.addEventListener("bye", () => this.lost());
    source.addEventListener("error", () => this.lost());
  }

  close() {
    if (this.source) this.source.close();
    this.source = null;
  }

  heard(now) {
    this.heardAt = performance.now();
    this.skew = now.now_s - performance.now() / 1000;
    this.wallSkew = now.wall_ms - performance.now();
    if (!this.connected) {
      this.connected = true;
      this.parts.clear(); // another run of the agent may have other cameras
      this.agent = null;
    }
    this.onChange();
  }

  took(part) {
    if (part.part === "agent") this.agent = part.value;
    else this.parts.set(`${part.part} ${part.camera}`, part.value);
    this.onChange();
  }

  lost() {
    this.connected = false;
    this.close();
    this.openedAt = performance.now();
    this.onChange();
  }

  look() {
    const quiet = performance.now() - Math.max(this.heardAt ?? 0, this.openedAt);
    if (this.source && quiet > SILENT_MS) this.lost();
    if (!this.source && performance.now() - this.openedAt > RETRY_MS) this.open();
    this.onChange();
  }
}
