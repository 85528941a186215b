// What the agent's errors say, beyond a gRPC code and a text: google.rpc.Status in the trailer grpc-status-details-bin.

import grpc from '@grpc/grpc-js';

const DETAILS = 'grpc-status-details-bin';
const RETRYABLE = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED']);

/** An answer of the agent that is not OK, or no answer at all. */
export class AgentError extends Error {
  constructor(method, code, text, { reason = '', metadata = {}, fields = [], retryAfterMs = 0 } = {}) {
    super(`${method}: ${text}`);
    this.name = 'AgentError';
    /** Name of the gRPC code, for example FAILED_PRECONDITION. */
    this.code = code;
    /** ErrorInfo.reason, stable; the code where there is none, as where the agent was not reached. */
    this.reason = reason || code;
    /** ErrorInfo.metadata. */
    this.metadata = metadata;
    /** Fields that were wrong, as BadRequest names them. */
    this.fields = fields;
    /** Wait that RetryInfo asks for, in milliseconds; 0 where it asks for none. */
    this.retryAfterMs = retryAfterMs;
    /** Whether the same request may succeed later. */
    this.retryable = RETRYABLE.has(code);
  }
}

/** The AgentError for a grpc.ServiceError of `method`; `types` are the loaded message types. */
export function decoded(method, error, types) {
  const code = grpc.status[error.code] ?? 'UNKNOWN';
  const [trailer] = error.metadata?.get(DETAILS) ?? [];
  return new AgentError(method, code, error.details || error.message, trailer ? details(trailer, types) : {});
}

function details(trailer, types) {
  const found = {};
  for (const any of types['google.rpc.Status'].deserialize(trailer).details) {
    const name = any.type_url.split('/').pop();
    const read = READERS[name];
    if (read) Object.assign(found, read(types[name].deserialize(any.value)));
  }
  return found;
}

const READERS = {
  'google.rpc.ErrorInfo': ({ reason, metadata }) => ({ reason, metadata }),
  'google.rpc.BadRequest': ({ field_violations: fields }) => ({ fields: fields.map((one) => one.field) }),
  'google.rpc.RetryInfo': ({ retry_delay: delay }) => ({ retryAfterMs: milliseconds(delay) }),
};

/** A google.protobuf.Duration in milliseconds; 0 where it is not set. */
export function milliseconds(duration) {
  return duration ? Number(duration.seconds) * 1e3 + duration.nanos / 1e6 : 0;
}

/** Milliseconds as a google.protobuf.Duration. */
export function duration(ms) {
  const seconds = Math.floor(ms / 1e3);
  return { seconds, nanos: Math.round((ms - seconds * 1e3) * 1e6) };
}
