/** Run as the router by hosts.test.ts: tells what arrives between two hosts under each fault, as JSON. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { addressOf, Hosts } from './hosts.js';
import type { Place } from './network.js';

const PORT = 2380;
const tell: string[] = [];
const hosts = new Hosts((text) => void tell.push(text));
const [one, other] = [1, 2].map((id): Place => ({ id, host: addressOf(id), peerPort: PORT })) as [Place, Place];
await hosts.connect(one);
await hosts.connect(other);

const program = (place: Place, code: string): readonly string[] => [
  ...hosts.startedBy(place),
  process.execPath,
  '-e',
  code,
];
const [command = '', ...argv] = program(
  one,
  `require('net').createServer((s) => s.end()).listen(${PORT}, '${one.host}', () => console.log('listens'))`,
);
const server = spawn(command, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
await once(server.stdout, 'data');

/** What becomes of a connection from the second host to the first. */
function dialled(): string {
  const code = `const s = require('net').connect(${PORT}, '${one.host}');
    const tell = (what) => { console.log(what); process.exit(); };
    s.on('connect', () => tell('connected')); s.on('error', (e) => tell(e.code)); setTimeout(() => tell('nothing'), 700);`;
  const [by = '', ...words] = program(other, code);
  return spawnSync(by, words, { encoding: 'utf8' }).stdout.trim();
}

const found: Record<string, string> = { open: dialled() };
for (const state of ['cut', 'silent'] as const) {
  hosts.set(one, other, state);
  found[state] = dialled();
}
hosts.set(one, other, 'open');
found['open again'] = dialled();
hosts.silenceWay(one, other);
found['no way back'] = dialled();
hosts.mend();
found['mended'] = dialled();
hosts.delay(one, other, 100);
found['slow'] = dialled();
hosts.mend();
server.kill('SIGKILL');
console.log(JSON.stringify({ found, tell }));
