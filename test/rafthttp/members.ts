import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Entry, Message, NodeId } from '@raft-ts/proto';
import { encodeMessage, MessageType, newMessage } from '@raft-ts/proto';
import type { SnapshotStatus, TransportReceiver } from '@raft-ts/raft/transport';
import {
  HttpTransport,
  type HttpTransportOptions,
  type Listener,
  type Removal,
  type TransportTimings,
} from '@raft-ts/rafthttp';
import type { StreamWriter } from '@raft-ts/rafthttp/internal';
import { reserveRange } from '../helpers/ports.js';

export const CLUSTER = 0x1000n;

/** Times that let a test see heartbeats, timeouts and retries without waiting for etcd's seconds. */
export const quick: Partial<TransportTimings> = {
  heartbeatMs: 50,
  readTimeoutMs: 2000,
  writeTimeoutMs: 2000,
  dialRetryMs: 10,
};

/** The member's side of a transport: remembers all that it is told. */
export class Recorder implements TransportReceiver {
  readonly processed: Message[] = [];
  readonly unreachable: NodeId[] = [];
  readonly snapshots: [NodeId, SnapshotStatus][] = [];
  /** Why those that failed did. */
  readonly failures: unknown[] = [];
  readonly removed = new Set<NodeId>();
  readonly removals: Removal[] = [];
  readonly log: string[] = [];
  /** What `process` does besides; may throw, or return a promise. */
  onProcess: (message: Message) => void | Promise<void> = () => undefined;

  process(message: Message): void | Promise<void> {
    this.processed.push(message);
    return this.onProcess(message);
  }

  isIdRemoved(id: NodeId): boolean {
    return this.removed.has(id);
  }

  reportUnreachable(id: NodeId): void {
    this.unreachable.push(id);
  }

  reportSnapshot(id: NodeId, status: SnapshotStatus, error?: unknown): void {
    this.snapshots.push([id, status]);
    if (status === 'failure') this.failures.push(error);
  }

  types(): MessageType[] {
    return this.processed.map(({ type }) => type);
  }
}

const folders: string[] = [];

/** A folder that is removed after the test. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rafthttp-'));
  folders.push(folder);
  return folder;
}

/** The bytes in pieces of this length. */
export async function* chunksOf(bytes: Uint8Array, length = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

export interface Member {
  readonly id: NodeId;
  readonly transport: HttpTransport;
  readonly receiver: Recorder;
  readonly listener: Listener;
}

const running: { stop(): Promise<void> }[] = [];

/** Stop this when the test is over, whatever came of it. */
export function stopLater(what: { stop(): Promise<void> }): void {
  running.push(what);
}

export async function stopAll(): Promise<void> {
  await Promise.all(running.splice(0).map((what) => what.stop()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** A port that nothing listens at, for who must be told one before it listens. */
export async function freePort(): Promise<number> {
  return reserveRange(1);
}

/** A server that is no member of ours, on a free port. `stopAll` stops it. */
export async function startServer(listener: RequestListener): Promise<{ url: string; port: number }> {
  const server = createServer({ requestTimeout: 0 }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stopLater({
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port };
}

/** A member that listens on a free port. `stopAll` stops it. */
export async function startMember(id: NodeId, options: Partial<HttpTransportOptions> = {}, port = 0): Promise<Member> {
  const receiver = new Recorder();
  const transport = newTransport(id, receiver, options);
  const listener = await transport.serve({ host: '127.0.0.1', port });
  return { id, transport, receiver, listener };
}

export function newTransport(
  id: NodeId,
  receiver: Recorder,
  options: Partial<HttpTransportOptions> = {},
): HttpTransport {
  const note = (level: string) => (message: string, fields: object) =>
    receiver.log.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const transport = new HttpTransport({
    id,
    clusterId: CLUSTER,
    receiver,
    timings: quick,
    onRemoved: (removal) => receiver.removals.push(removal),
    logger: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
    ...options,
  });
  stopLater(transport);
  return transport;
}

/** Members 1 to n, each a peer of all others, with all streams open. */
export async function startCluster(n: number, options: Partial<HttpTransportOptions> = {}): Promise<Member[]> {
  const members = await Promise.all(Array.from({ length: n }, (_, i) => startMember(BigInt(i + 1), options)));
  for (const member of members) introduce(member, members);
  await eventually('all streams are open', () => members.every((member) => openStreams(member) === 2 * (n - 1)));
  return members;
}

export function introduce(member: Member, others: readonly Member[]): void {
  for (const other of others) if (other.id !== member.id) member.transport.addPeer(other.id, [other.listener.url]);
}

/**
 * How many streams peers hold open at this member. Its transport is asked itself: of the lines that it logs, those
 * beyond the budget of their cause are missing.
 */
export function openStreams({ transport }: Member): number {
  const { peers } = Reflect.get(transport, 'members') as { peers: ReadonlyMap<NodeId, object> };
  const writers = [...peers.values()].flatMap((peer) => Object.values(Reflect.get(peer, 'writers') as Writers));
  return writers.filter(({ working }) => working).length;
}

type Writers = Readonly<Record<string, StreamWriter>>;

/** Waits for what comes at once on an idle machine; the limit is for one whose processors are taken. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`not within a minute: ${what}`);
    await sleep(5);
  }
}

/** Waits for what must come soon; whether it came is for the caller to assert. */
export async function soon(holds: () => boolean): Promise<boolean> {
  for (let i = 0; i < 1000 && !holds(); i++) await sleep(2);
  return holds();
}

export function message(type: MessageType, from: NodeId, to: NodeId, fields: Partial<Message> = {}): Message {
  return { ...newMessage(type, to), from, ...fields };
}

export function append(from: NodeId, to: NodeId, index: number, data = 'x'): Message {
  const entry: Entry = { type: undefined, term: 1, index: index + 1, data: new TextEncoder().encode(data) };
  return message(MessageType.MsgApp, from, to, { term: 1, logTerm: 1, index, entries: [entry] });
}

export function snapshot(from: NodeId, to: NodeId): Message {
  const confState = { voters: [1n, 2n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  return message(MessageType.MsgSnap, from, to, {
    term: 1,
    snapshot: { data: new TextEncoder().encode('state'), metadata: { confState, index: 9, term: 1 } },
  });
}

/** A request for each way into member 1: a message, a snapshot and a stream. */
export function everyWay(from: NodeId, headers: Record<string, string>): (Buffer | string)[] {
  const shown = { ...headers, 'X-Raft-To': '1' };
  return [
    post(from, encodeMessage(message(MessageType.MsgVote, from, 1n, { term: 1 })), shown),
    requestHead('POST', '/raft/snapshot', from, { ...shown, 'Content-Length': '0' }),
    requestHead('GET', `/raft/stream/message/${from}`, from, shown),
  ];
}

export interface RawAnswer {
  /** 0 if the connection was closed without one. */
  status: number;
  headers: [string, string][];
  body: string;
}

/** Send these bytes and read one answer; of a stream its head only. */
export async function exchangeRaw(
  port: number,
  bytes: Buffer | string,
  { end = false, isHead = false } = {},
): Promise<RawAnswer> {
  const socket = createConnection({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('error', () => undefined);
  socket.write(bytes);
  if (end) socket.end();
  try {
    return await readAnswer(socket, isHead);
  } finally {
    socket.destroy();
  }
}

async function readAnswer(socket: Socket, isHead: boolean): Promise<RawAnswer> {
  let text = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    text += chunk.toString('latin1');
    // A member that is busy says from time to time that it is, before it answers.
    text = text.replace(/^(?:HTTP\/1\.1 102 [^\r]*\r\n\r\n)+/u, '');
    const head = text.indexOf('\r\n\r\n');
    if (head < 0) continue;
    const [status = '', ...lines] = text.slice(0, head).split('\r\n');
    const headers = lines.map((line): [string, string] => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    });
    const of = (name: string): string | undefined => headers.find(([key]) => key.toLowerCase() === name)?.[1];
    const length = isHead || of('transfer-encoding') === 'chunked' ? 0 : Number(of('content-length') ?? 0);
    if (text.length < head + 4 + length) continue;
    return { status: Number(status.split(' ')[1]), headers, body: text.slice(head + 4, head + 4 + length) };
  }
  return { status: 0, headers: [], body: '' };
}

/** The head of a request as a member of the same cluster sends it. */
export function requestHead(method: string, path: string, from: NodeId, headers: Record<string, string> = {}): string {
  const all: Record<string, string> = {
    Host: '127.0.0.1',
    'X-Etcd-Cluster-ID': CLUSTER.toString(16),
    'X-Min-Cluster-Version': '3.0.0',
    'X-Server-From': from.toString(16),
    'X-Server-Version': '3.7.1',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

export function post(from: NodeId, body: Uint8Array, headers: Record<string, string> = {}): Buffer {
  return Buffer.concat([
    Buffer.from(requestHead('POST', '/raft', from, { 'Content-Length': String(body.length), ...headers })),
    body,
  ]);
}
