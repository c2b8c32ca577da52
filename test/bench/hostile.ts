/**
 * What strangers cost a member: a process with a transport alone is sent one class of hostile input after the other,
 * and prints processor time, longest turn of the event loop and peak memory beside the bounds that docs/performance.md
 * names.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { encodeMessage, type Message, MessageType, newMessage } from '@raft-ts/proto';
import { HttpTransport } from '@raft-ts/rafthttp';

const MIB = 2 ** 20;
const bounds = { msPerMib: 20, msPerRequest: 0.3, turnMs: 50, timesBytes: 4, perConnection: 65_536, perEntry: 160 };

/** What the member counted since it was asked last. */
interface Usage {
  readonly cpuMs: number;
  readonly turnMs: number;
  readonly peakBytes: number;
}

/** One input: the bytes of each connection, and what is in them. */
interface Attack {
  readonly name: string;
  readonly connections: readonly Buffer[];
  readonly requests: number;
  readonly entries: number;
}

function resident(field: 'VmHWM' | 'VmRSS'): number {
  return Number(readFileSync('/proc/self/status', 'latin1').split(`${field}:`)[1]?.trim().split(' ')[0]) * 1024;
}

/** Milliseconds of processor time that the main thread has used. */
function mainThreadMs(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
}

async function member(): Promise<void> {
  const receiver = { process: () => undefined, isIdRemoved: () => false, reportUnreachable() {}, reportSnapshot() {} };
  const transport = new HttpTransport({ id: 1n, clusterId: 0x1000n, receiver });
  const { address } = await transport.serve({ host: '127.0.0.1', port: 0 });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  let cpu = mainThreadMs();
  let base = 0;
  process.on('message', (what) => {
    const usage: Usage = {
      cpuMs: mainThreadMs() - cpu,
      turnMs: delay.max / 1e6,
      peakBytes: resident('VmHWM') - base,
    };
    if (what === 'begin') {
      globalThis.gc?.();
      // Sets the peak back to what is resident now.
      writeFileSync('/proc/self/clear_refs', '5');
      base = resident('VmRSS');
      delay.reset();
      cpu = mainThreadMs();
    }
    process.send?.(usage);
  });
  process.send?.(address.port);
}

function head(method: string, path: string, headers: Record<string, string | number> = {}): Buffer {
  const all = {
    Host: 'x',
    'X-Server-From': '2',
    'X-Server-Version': '3.7.1',
    'X-Min-Cluster-Version': '3.0.0',
    'X-Etcd-Cluster-Id': '1000',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
}

function post(...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([head('POST', '/raft', { 'Content-Length': body.length }), body]);
}

function from2(type: MessageType, fields: Partial<Message> = {}): Uint8Array {
  return encodeMessage(Object.assign(newMessage(type, 1n), { from: 2n, term: 1 }, fields));
}

function field(tag: readonly number[], value: Uint8Array): Buffer {
  const start = [...tag];
  let { length } = value;
  for (; length > 127; length = Math.floor(length / 128)) start.push((length & 127) | 128);
  return Buffer.concat([Buffer.from([...start, length]), value]);
}

function attacks(): Attack[] {
  const repeat = (hex: string, bytes: number): Buffer => Buffer.alloc(bytes, Buffer.from(hex, 'hex'));
  const one = (name: string, bytes: Buffer, entries = 0): Attack => ({
    name,
    connections: [bytes],
    requests: 1,
    entries,
  });
  const ids = field([0x4a], field([0x12], field([0x0a], field([0x0a], repeat('01', 8 * MIB)))));
  const long = [{ type: 0 as const, term: 1, index: 1, data: Buffer.alloc(64 * MIB) }];
  const slashes = head('GET', `/raft/stream/${'/'.repeat(15_000)}x/y`);
  const headers = head(
    'GET',
    '/raft/probing',
    Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`a${i}`, ''])),
  );
  const probe = head('GET', '/raft/probing');
  const chunks = [
    head('POST', '/raft', { 'Transfer-Encoding': 'chunked' }),
    repeat(Buffer.from('1\r\nx\r\n').toString('hex'), 6 * 170_000),
  ];
  const many = (name: string, bytes: Buffer, count: number): Attack => ({
    name,
    connections: Array.from({ length: count }, () => bytes),
    requests: count,
    entries: 0,
  });
  return [
    one('empty entries, refused type', post(from2(MessageType.MsgHup), repeat('3a00', 8 * MIB))),
    one('empty entries, too many', post(from2(MessageType.MsgProp), repeat('3a00', 8 * MIB))),
    one('short entries, as many as are taken', post(from2(MessageType.MsgApp), repeat('3a0410011801', 6 * MIB)), MIB),
    one('responses', post(from2(MessageType.MsgHup), repeat('7200', 8 * MIB))),
    one('packed ids', post(from2(MessageType.MsgSnap), ids)),
    one('unknown field', post(from2(MessageType.MsgApp), field([0xfa, 0x01], Buffer.alloc(64 * MIB)))),
    one('one long entry', post(from2(MessageType.MsgApp, { entries: long })), 1),
    one('chunks of one byte', Buffer.concat(chunks)),
    many('paths of slashes', slashes, 300),
    many('many headers', headers, 300),
    many('one request a connection', probe, 1000),
    { ...many('pipelined requests', Buffer.concat(Array.from({ length: 1000 }, () => probe)), 20), requests: 20_000 },
  ];
}

/** Writes the bytes, and waits until the member has answered or cut the connection. */
async function exchange(port: number, bytes: Buffer): Promise<void> {
  const socket = createConnection(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(bytes);
  await new Promise((resolve) => {
    socket.once('data', resolve);
    socket.once('close', resolve);
  });
  socket.destroy();
}

async function main(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['member'], { execArgv: ['--expose-gc'] });
  const [port] = (await once(child, 'message')) as [number];
  const ask = async (what: 'begin' | 'end'): Promise<Usage> => {
    child.send(what);
    return ((await once(child, 'message')) as [Usage])[0];
  };
  for (let i = 0; i < 200; i++) await exchange(port, head('GET', '/raft/probing'));
  console.log('| input | MiB | requests | CPU, ms | bound | longest turn, ms | memory, MiB | bound |');
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|');
  for (const { name, connections, requests, entries } of attacks()) {
    const mib = connections.reduce((sum, { length }) => sum + length, 0) / MIB;
    await ask('begin');
    for (const bytes of connections) await exchange(port, bytes);
    await sleep(200);
    const { cpuMs, turnMs, peakBytes } = await ask('end');
    const cpuBound = bounds.msPerMib * mib + bounds.msPerRequest * requests;
    const memory =
      bounds.timesBytes * mib * MIB + bounds.perConnection * connections.length + bounds.perEntry * entries;
    const cells = [mib.toFixed(2), requests, cpuMs.toFixed(0), cpuBound.toFixed(0), turnMs.toFixed(0)];
    console.log(`| ${[name, ...cells, (peakBytes / MIB).toFixed(0), (memory / MIB).toFixed(0)].join(' | ')} |`);
  }
  console.log(`\nBound of a turn: ${bounds.turnMs} ms. The time that waking and measuring take is not taken off.`);
  child.kill();
}

await (process.argv[2] === 'member' ? member() : main());
