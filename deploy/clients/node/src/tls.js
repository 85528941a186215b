// Mutual TLS out of files, which are read again when they change: a renewed certificate needs no restart.

import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

import grpc from '@grpc/grpc-js';

/** The PEM files of one client: `ca` issued the agent's certificate, `cert` and `key` are this client's own. */
export class TlsFiles {
  #paths;
  #stamp = '';
  /** The URI of this client's certificate: the agent goes by it. */
  uri = '';

  constructor({ ca, cert, key }) {
    this.#paths = [ca, cert, key];
  }

  /** Credentials where the files are others than at the last call, null where they are not. Throws where they are no use. */
  renewed() {
    const stamp = this.#paths.map(stampOf).join();
    if (stamp === this.#stamp) return null;
    this.#stamp = stamp;
    const [ca, cert, key] = this.#paths.map((path) => readFileSync(path));
    const uri = uriOf(cert);
    const made = grpc.credentials.createSsl(ca, key, cert); // throws where the key is not of the certificate
    this.uri = uri;
    return made;
  }
}

function stampOf(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  return found ? `${found.mtimeMs}:${found.ino}:${found.size}` : 'none';
}

function uriOf(cert) {
  const names = new X509Certificate(cert).subjectAltName ?? '';
  const [, uri] = names.match(/(?:^|, )URI:([^,]+)/) ?? [];
  if (!uri) throw new Error('the certificate has no URI among its alternative names, so that the agent has no name for it');
  return uri;
}
