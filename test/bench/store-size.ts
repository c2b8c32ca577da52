/**
 * The store with a large state: what its members take of memory, each a process, while a copy is restored, while a
 * member starts, takes snapshots, and sends one to a member that joins, and while one that was away takes over a
 * snapshot in the place of the state that it has. The state is never written key by key: the cluster is founded on it.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { kvFormat, writeCopy } from '@raft-ts/raftexample/internal';
import { freePeers, type Program, Programs } from '../raftexample/processes.js';
import { Usage } from './processes.js';

const MIB = 2 ** 20;
const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    value: { type: 'string', default: '1024' },
    dir: { type: 'string', default: tmpdir() },
  },
});
const [keys, valueBytes] = [Number(values.keys), Number(values.value)];
const keyOf = (i: number): string => `key/${String(i).padStart(12, '0')}`;
const stateMib = (keys * (valueBytes + keyOf(0).length)) / MIB;
const limitMib = Math.round(1.5 * stateMib + 120);
/** Entries between two snapshots, and kept below one. */
const EVERY = 100;
const KEPT = 10;

const folder = mkdtempSync(join(values.dir, 'store-size-'));
const programs = new Programs();
const peers = await freePeers(3);
const clients = (await freePeers(3)).map(({ port }) => `127.0.0.1:${port}`);

interface Row {
  readonly phase: string;
  readonly peak: number;
  readonly seconds: number;
}
const rows: Row[] = [];

async function* state(): AsyncGenerator<Uint8Array, void> {
  let json = '{"kv":{';
  for (let i = 0; i < keys; i++) {
    const value = String(i).padEnd(valueBytes, 'abcdefghijklmnopqrstuvwxyz ');
    json += `${i === 0 ? '' : ','}"${keyOf(i)}":["${value}",${i + 1}]`;
    if (json.length < 256 * 1024) continue;
    yield Buffer.from(json);
    json = '';
  }
  yield Buffer.from(`${json}}}`);
}

async function writeState(file: string): Promise<void> {
  const head = { members: [], removed: [], lastId: 0n, promising: [], features: 0, sessions: [] };
  const out = createWriteStream(file);
  for await (const piece of writeCopy({ clusterId: 1n, index: keys, term: 1 }, kvFormat.wrap(head, state()))) {
    if (!out.write(piece)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

const usageOf = ({ process: { pid } }: Program): Usage => new Usage(pid as number);

function report(phase: string, peak: number, began: number): void {
  const row = { phase, peak, seconds: (performance.now() - began) / 1000 };
  rows.push(row);
  process.stderr.write(`${line(row)}\n`);
}

const line = ({ phase, peak, seconds }: Row): string => `| ${phase} | ${peak} | ${seconds.toFixed(1)} |`;

const dataOf = (i: number): string => join(folder, `member-${i + 1}`);

function start(i: number, ...more: string[]): Program {
  const peer = peers[i] as (typeof peers)[number];
  const own = ['--id', String(i + 1), '--peers', `${i + 1}=http://127.0.0.1:${peer.port}`, '--cluster-id', '2'];
  const policy = ['--snapshot-every', String(EVERY), '--catch-up', String(KEPT), '--timeout', '60s'];
  const client = ['--client-addr', clients[i] as string, '--data', dataOf(i)];
  return programs.start('raftexample.js', ['kv', ...own, ...client, ...policy, ...more]);
}

async function until(program: Program, holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) {
    if (!program.running) throw new Error(`it ended: ${[...program.lines, ...program.errors].slice(-20).join('\n')}`);
    await sleep(200);
  }
}

const ready = (i: number): Promise<boolean> =>
  fetch(`http://${clients[i]}/readyz`).then(
    ({ status }) => status === 200,
    () => false,
  );

interface Status {
  readonly applied: number;
  readonly snapshotIndex: number;
}

const statusOf = async (i: number): Promise<Status> =>
  (await (await fetch(`http://${clients[i]}/status`)).json()) as Status;

/** Writes so often that a snapshot is due. */
async function write(i: number): Promise<number> {
  for (let n = 0; n <= EVERY; n++) {
    const body = `again ${n}`.padEnd(valueBytes, '.');
    const answer = await fetch(`http://${clients[i]}/kv/${keyOf(n)}`, { method: 'PUT', body });
    if (answer.status !== 200) throw new Error(await answer.text());
  }
  return (await statusOf(i)).applied - EVERY;
}

async function expectStream(i: number): Promise<void> {
  const { snapshotIndex } = await statusOf(i);
  const names = readdirSync(join(dataOf(i), 'snap'));
  const name = snapshotIndex.toString(16).padStart(16, '0');
  const [snap] = names.filter((one) => one.endsWith(`-${name}.snap`));
  if (snap === undefined || !names.includes(`${name}.snap.db`)) throw new Error(`no stream among ${names.join(', ')}`);
  const { size } = statSync(join(dataOf(i), 'snap', snap));
  if (stateMib > 64 && size > 1000) throw new Error(`${snap} has ${size} bytes, and should be empty beside its stream`);
}

async function measure(): Promise<void> {
  if (!Usage.available) throw new Error('peaks of memory are read from /proc: Linux only');
  const file = join(folder, 'store.json');
  await writeState(file);
  let began = performance.now();
  const url = `http://127.0.0.1:${(peers[0] as (typeof peers)[number]).port}`;
  const words = ['restore', file, '--url', url, '--cluster-id', '2', '--data', dataOf(0)];
  const restoring = programs.start('raftexample.js', words);
  let peak = 0;
  const looking = setInterval(() => {
    if (restoring.running) peak = Math.max(peak, usageOf(restoring).peakMib || 0);
  }, 50);
  if ((await restoring.ended).code !== 0) throw new Error(restoring.errors.join('\n'));
  clearInterval(looking);
  report('restore a copy', peak, began);
  rmSync(file);

  began = performance.now();
  const first = start(0);
  await until(first, () => ready(0));
  report('start with it', usageOf(first).peakMib, began);

  usageOf(first).watch();
  began = performance.now();
  const due = await write(0);
  await until(first, async () => (await statusOf(0)).snapshotIndex >= due);
  await expectStream(0);
  report('take a snapshot', usageOf(first).peakMib, began);

  for (const i of [1, 2]) {
    usageOf(first).watch();
    began = performance.now();
    const joining = start(i, '--join-via', `http://${clients[0]}`);
    await until(joining, () => ready(i));
    report(`send it to member ${i + 1}, and take one after each change`, usageOf(first).peakMib, began);
    report(`take it over, as member ${i + 1}`, usageOf(joining).peakMib, began);
    await expectStream(i);
    if (i === 1) continue;
    await joining.kill('SIGKILL');
  }

  const again = await write(0);
  await until(first, async () => (await statusOf(0)).snapshotIndex >= again);
  usageOf(first).watch();
  began = performance.now();
  const back = start(2);
  const { snapshotIndex } = await statusOf(0);
  await until(back, () => ready(2));
  await until(back, async () => (await statusOf(2)).snapshotIndex >= snapshotIndex);
  report('send it to a member that was away', usageOf(first).peakMib, began);
  report('take it over in the place of another state', usageOf(back).peakMib, began);

  const digests = await Promise.all(
    clients.map(
      async (client) => ((await (await fetch(`http://${client}/digest`)).json()) as { sha256: string }).sha256,
    ),
  );
  if (new Set(digests).size !== 1) throw new Error('the members hold different states');
}

try {
  await measure();
} finally {
  await programs.endAll();
  spawnSync('rm', ['-rf', folder]);
}
console.log(`
${keys} keys, ${Math.round(stateMib)} MiB of keys and values. Limit: 1.5 times that and 120 MiB, ${limitMib} MiB.

| member | resident at most, MiB | seconds |
|---|--:|--:|
${rows.map(line).join('\n')}`);
if (rows.some(({ peak }) => peak > limitMib)) process.exitCode = 1;
