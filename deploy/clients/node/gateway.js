#!/usr/bin/env node
// Between a line's PLC and ofa-agent: tags in, budgets out; states and results in, tags out.

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Gateway } from './src/gateway.js';

const USAGE = `usage: gateway.js --target TARGET [--plc ADDRESS] [options]

  --target TARGET      the agent, for example unix:/run/ofa-agent/api.sock, or HOST:PORT with the three files below
  --ca FILE            CA that issued the agent's certificate
  --cert FILE          certificate of this gateway; read again when it changes
  --key FILE           its key
  --server-name NAME   name in the agent's certificate, where that is not the HOST
  --plc ADDRESS        the PLC: HOST:PORT, the path of a unix socket, or - for stdin and stdout (default -)
  --client NAME        name of this gateway at the agent, the same after a restart (default plc-gateway)
  --camera NAME        camera; may be left out where there is one
  --ttl-s SECONDS      life of the lease: the fail-safe budget this long after the gateway is gone (default 6)
  --silent-s SECONDS   a PLC that says nothing for so long is gone (default 3)
  --deadline-s SECONDS of each call (default 2)
  --root FOLDER        folder with proto and third_party (default: that of this repository)
`;

const options = {
  target: { type: 'string' },
  ca: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  'server-name': { type: 'string' },
  plc: { type: 'string', default: '-' },
  client: { type: 'string', default: 'plc-gateway' },
  camera: { type: 'string', default: '' },
  'ttl-s': { type: 'string', default: '6' },
  'silent-s': { type: 'string', default: '3' },
  'deadline-s': { type: 'string', default: '2' },
  root: { type: 'string', default: fileURLToPath(new URL('../../..', import.meta.url)) },
  help: { type: 'boolean', short: 'h', default: false },
};

/** The settings, or the exit code where there is nothing to run. */
function settings() {
  try {
    const { values } = parseArgs({ options });
    if (values.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    if (!values.target) throw new Error('--target is missing');
    checkFiles(values);
    const [ttlMs, silentMs, deadlineMs] = ['ttl-s', 'silent-s', 'deadline-s'].map((name) => milliseconds(name, values[name]));
    return { ...values, serverName: values['server-name'], ttlMs, silentMs, deadlineMs };
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    return 2;
  }
}

/** Over the network the agent takes mutual TLS only, and on its own machine none. */
function checkFiles(values) {
  const local = values.target.startsWith('unix:');
  for (const name of ['ca', 'cert', 'key']) {
    if (local && values[name]) throw new Error(`--${name} is for HOST:PORT, not for ${values.target}`);
    if (!local && !values[name]) throw new Error(`--${name} is missing: ${values.target} is reached over mutual TLS`);
  }
}

function milliseconds(name, text) {
  const ms = Number(text) * 1e3;
  if (!(ms > 0)) throw new Error(`--${name}: ${text} is not a number of seconds above 0`);
  return ms;
}

/** The gateway, or the exit code where its files cannot be used. */
function opened(chosen) {
  if (typeof chosen === 'number') return chosen;
  try {
    return new Gateway(chosen);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

const gateway = opened(settings());
if (typeof gateway === 'number') {
  process.exitCode = gateway;
} else {
  for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => gateway.close());
  await gateway.run();
  process.exit(0);
}
