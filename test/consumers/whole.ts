import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type Message, MessageType, newMessage } from '@raft-ts/raft';
import { ERR_LISTEN, HttpTransport, selfSigned, type TlsOptions } from '@raft-ts/rafthttp';
import { DurableStorage, ERR_WAL_IO, ERR_WAL_LOCK_UNAVAILABLE, ERR_WAL_LOCKED } from '@raft-ts/raftwal';
import { simulate } from '@raft-ts/sim/stack';

import { commitHello } from './memory-cluster.js';

const identity = { nodeId: 1n, clusterId: 0x1000n, segmentSize: 1 << 20 };

/** The native module of the locks needs libuv. Elsewhere the log says so, and runs for a program that forgoes them. */
const hasLocks = process.versions['bun'] === undefined && process.versions['deno'] === undefined;
const options = hasLocks ? identity : { ...identity, unsafeNoLock: true };

/** What makes a call fail, by the names that a program branches on. */
function failsWith(call: Promise<unknown>, code: string, reason?: string): Promise<void> {
  return assert.rejects(call, (error: Error & { code?: unknown; reason?: unknown }) => {
    assert.deepEqual({ code: error.code, reason: error.reason }, { code, reason }, error.message);
    return true;
  });
}

/** The core alone: three members in memory elect a leader and commit a proposal. */
export async function threeMembersCommit(): Promise<void> {
  assert.deepEqual(await commitHello(), [['hello'], ['hello'], ['hello']]);
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'raft-ts-consumer-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The log: a new one keeps what is saved, belongs to one opener at a time, and is there again when it is reopened. */
export function logIsReopened(): Promise<void> {
  return withFolder(async (folder) => {
    const dir = join(folder, 'member');
    const storage = await DurableStorage.open(dir, options);
    assert.equal(storage.isNew, true);
    const short = { type: undefined, term: 1, index: 1, data: new TextEncoder().encode('kept') };
    // The checksum of more than 512 bytes is native code.
    const long = { ...short, index: 2, data: new Uint8Array(4096).fill(7) };
    const hardState = { term: 1, vote: 1n, commit: 2 };
    await storage.save({ hardState, entries: [short, long] });
    await failsWith(DurableStorage.open(dir, identity), hasLocks ? ERR_WAL_LOCKED : ERR_WAL_LOCK_UNAVAILABLE);
    await storage.close();

    const reopened = await DurableStorage.open(dir, options);
    assert.equal(reopened.isNew, false);
    assert.deepEqual(reopened.initialState().hardState, hardState);
    const datas = reopened.entries(1, 3, Number.POSITIVE_INFINITY).map(({ data }) => data?.slice());
    assert.deepEqual(datas, [short.data, long.data]);
    await reopened.close();

    const file = join(folder, 'file');
    await writeFile(file, 'in the way');
    await failsWith(DurableStorage.open(join(file, 'member'), options), ERR_WAL_IO, 'ENOTDIR');
  });
}

/** A member that hands over what it receives. */
function receiving(
  id: bigint,
  tls?: TlsOptions,
): { readonly transport: HttpTransport; readonly received: Promise<Message> } {
  let take: (message: Message) => void = () => undefined;
  const received = new Promise<Message>((resolve) => {
    take = resolve;
  });
  const receiver = {
    process: (message: Message) => take(message),
    isIdRemoved: () => false,
    reportUnreachable: () => undefined,
    reportSnapshot: () => undefined,
  };
  const options = { id, clusterId: 0x1000n, receiver };
  return { transport: new HttpTransport(tls === undefined ? options : { ...options, tls }), received };
}

/** Each of two members receives what the other one sends; a port that is taken is named as such. */
async function exchange(tls?: TlsOptions): Promise<void> {
  const [one, two, late] = [receiving(1n, tls), receiving(2n, tls), receiving(3n, tls)];
  try {
    const atOne = await one.transport.serve({ host: '127.0.0.1', port: 0 });
    const atTwo = await two.transport.serve({ host: '127.0.0.1', port: 0 });
    // One by its address, the other by a name that must be looked up.
    one.transport.addPeer(2n, [atTwo.url.replace('127.0.0.1', 'localhost')]);
    two.transport.addPeer(1n, [atOne.url]);
    one.transport.send([{ ...newMessage(MessageType.MsgVote, 2n), from: 1n, term: 5 }]);
    two.transport.send([{ ...newMessage(MessageType.MsgVoteResp, 1n), from: 2n, term: 6 }]);
    assert.equal((await two.received).term, 5);
    assert.equal((await one.received).term, 6);
    const port = Number(new URL(atOne.url).port);
    await failsWith(late.transport.serve({ host: '127.0.0.1', port }), ERR_LISTEN, 'EADDRINUSE');
  } finally {
    await Promise.all([one, two, late].map(({ transport }) => transport.stop()));
  }
}

/** The transport, over HTTP. */
export function messagesAreExchanged(): Promise<void> {
  return exchange();
}

/** The transport, over TLS, with a package that users install themselves. */
export function messagesAreExchangedOverTls(): Promise<void> {
  return withFolder(async (folder) => exchange(await selfSigned({ folder, hosts: ['127.0.0.1', 'localhost'] })));
}

/** A state machine that is simulated: one that is right passes, and one that reads a clock is found out. */
export async function stateMachineIsSimulated(): Promise<void> {
  // The traps put functions in the place of those of Node.js.
  if (!hasLocks) return;
  class Total {
    protected sum = 0;
    apply(n: number): number {
      this.sum += n;
      return this.sum;
    }
    snapshot(): Uint8Array {
      return new TextEncoder().encode(String(this.sum));
    }
    async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
      let text = '';
      for await (const chunk of chunks) text += new TextDecoder().decode(chunk);
      this.sum = Number(text);
    }
  }
  class Dated extends Total {
    override apply(n: number): number {
      return super.apply(n) + (Date.now() % 2);
    }
  }
  const options = { seed: 1, runs: 1, members: 3, safetyMs: 3000, shorten: false } as const;
  const workload = { command: (random: (n: number) => number) => random(1e9) };
  assert.equal((await simulate({ ...options, workload, stateMachine: () => new Total() })).ok, true);
  const found = await simulate({ ...options, workload, stateMachine: () => new Dated() });
  assert.equal(found.ok ? undefined : found.finding.rule, 'apply-deterministic');
}

/** All of it, by the names under which a consumer's test runner shows it. */
export const uses = {
  'three members commit in memory': threeMembersCommit,
  'a durable log is saved and reopened': logIsReopened,
  'two transports exchange messages': messagesAreExchanged,
  'two transports exchange messages over TLS': messagesAreExchangedOverTls,
  'a state machine is simulated': stateMachineIsSimulated,
} as const;
