// The connection to the agent: stubs out of the published protos, a deadline on every call, retries under one request id.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import path from 'node:path';

import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

import { decoded } from './errors.js';
import { TlsFiles } from './tls.js';

const FILES = ['ofa_agent/v1/control.proto', 'ofa_agent/v1/status.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto'];
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1000;

/** Reads the protos below `root` (its folders proto and third_party/googleapis); nothing is generated. */
export function loadProtos(root) {
  return protoLoader.loadSync(FILES, {
    includeDirs: [path.join(root, 'proto'), path.join(root, 'third_party', 'googleapis')],
    keepCase: true, // names as in the protos
    longs: String, // uint64 does not fit a number
    enums: String,
    defaults: true,
    oneofs: true,
  });
}

/** One client of one camera. */
export class Agent {
  #types;
  #kinds;
  #target;
  #options = { 'grpc.initial_reconnect_backoff_ms': FIRST_PAUSE_MS, 'grpc.max_reconnect_backoff_ms': LONGEST_PAUSE_MS };
  #tls = null;
  #services;
  #who;
  #deadlineMs;

  /**
   * `camera` may be empty where there is one; `deadlineMs` bounds every call but the streams. With the files `ca`, `cert`
   * and `key` it speaks mutual TLS; `serverName` is the agent's name where that is not the host of `target`.
   */
  constructor({ target, client, camera, root, deadlineMs, ca, cert, key, serverName }) {
    this.#types = loadProtos(root);
    const { v1 } = grpc.loadPackageDefinition(this.#types).ofa_agent;
    this.#kinds = [v1.ControlService, v1.StatusService];
    this.#target = target;
    if (cert) this.#tls = new TlsFiles({ ca, cert, key });
    if (serverName) this.#options['grpc.ssl_target_name_override'] = serverName;
    this.#services = this.#connect(this.#tls ? this.#tls.renewed() : grpc.credentials.createInsecure());
    this.#who = { client, camera };
    this.#deadlineMs = deadlineMs;
  }

  /** The name that the agent knows this client by: its own, or over TLS that of the certificate with its own. */
  get name() {
    return this.#tls ? `${this.#tls.uri}#${this.#who.client}` : this.#who.client;
  }

  /** One unary call, not retried. Throws AgentError. */
  call(method, request) {
    return new Promise((resolve, reject) => {
      const answered = (error, answer) => (error ? reject(decoded(method, error, this.#types)) : resolve(answer));
      this.#service(method)[method]({ ...this.#who, ...request }, { deadline: Date.now() + this.#deadlineMs }, answered);
    });
  }

  /**
   * A command that is to be carried out once: where no answer came it is sent again under the same request id, so that
   * the agent answers it from its journal if it was carried out. Gives up, with the last error, when `stale()`.
   */
  async command(method, request, stale = () => false) {
    const once = { ...request, request_id: randomUUID() };
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        return await this.call(method, once);
      } catch (error) {
        if (!error.retryable || stale()) throw error;
        await sleep(Math.max(pause, error.retryAfterMs));
        if (stale()) throw error;
      }
    }
  }

  /** A server stream; `deadlineMs` bounds its whole life. Throws AgentError where it ends with one. */
  async *stream(method, request, deadlineMs, signal) {
    const messages = this.#service(method)[method]({ camera: this.#who.camera, ...request }, { deadline: Date.now() + deadlineMs });
    const cancel = () => messages.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      yield* messages;
    } catch (error) {
      throw decoded(method, error, this.#types);
    } finally {
      signal.removeEventListener('abort', cancel);
      messages.cancel();
    }
  }

  close() {
    for (const service of this.#services) service.close();
  }

  #connect(credentials) {
    return this.#kinds.map((Service) => new Service(this.#target, credentials, this.#options));
  }

  /** Over TLS a renewed certificate is shown from the next call on; calls and streams under way go on as they are. */
  #renew() {
    let credentials = null;
    try {
      credentials = this.#tls?.renewed();
    } catch {
      // a file is half copied, or the key is not there yet; what is in use stays until they change once more
    }
    if (!credentials) return;
    this.close();
    this.#services = this.#connect(credentials);
  }

  #service(method) {
    this.#renew();
    return this.#services.find((service) => method in service);
  }
}
