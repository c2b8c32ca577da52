import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Replica } from '@raft-ts/replica';
import type { KvCommand, KvMachine, KvResult } from '../machine/kv-machine.js';
import { answer } from './answers.js';

/** The answer to GET /status. */
export interface KvStatus {
  readonly id: bigint;
  readonly clusterId: bigint;
  /** 0 if none is known. */
  readonly leader: bigint;
  readonly state: 'follower' | 'candidate' | 'precandidate' | 'leader';
  readonly term: number;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly snapshotIndex: number;
  /** Since that snapshot was taken or installed, in milliseconds; absent if there is none. */
  readonly snapshotAgeMs?: number | undefined;
  readonly voters: readonly bigint[];
  readonly learners: readonly bigint[];
  readonly members: Readonly<Record<string, string>>;
  /** Up to where a leader knows the logs of the others to be its own, by id; absent on others. */
  readonly followers?: Readonly<Record<string, number>> | undefined;
  readonly pid: number;
  /** The disk of its log, in bytes; absent if that is not known. */
  readonly disk?: { readonly free: number; readonly size: number } | undefined;
  /**
   * By how many milliseconds its clock is ahead of those of other members, by id: of those from which it differs by
   * more than a second.
   */
  readonly clocks?: Readonly<Record<string, number>> | undefined;
  /** What is going to end this member, or to make it slow, unless somebody does something about it. */
  readonly warnings: readonly { readonly kind: string; readonly text: string }[];
}

export interface StatusHost {
  readonly status: () => KvStatus;
}

export interface DigestHost {
  readonly replica: Replica<KvCommand, KvResult>;
  readonly machine: KvMachine;
}

export function answerStatus(host: StatusHost, _request: IncomingMessage, response: ServerResponse): void {
  answer(response, 200, host.status());
}

/** After so many keys others have their turn: a member that is busy with a digest must not miss a heartbeat. */
const KEYS_PER_TURN = 256;

/** The same on members that applied the same. */
export async function answerDigest(
  { replica, machine }: DigestHost,
  _request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { applied, keys, items } = await replica.read(
    () => ({ applied: replica.applied.index, keys: machine.size, items: machine.view() }),
    { consistency: 'stale' },
  );
  const hash = createHash('sha256');
  let count = 0;
  for (const [key, { value, index }] of items) {
    hash.update(`${key}\0${value}\0${index}\n`);
    if (++count % KEYS_PER_TURN === 0) await new Promise(setImmediate);
  }
  answer(response, 200, { applied, keys, sha256: hash.digest('hex') });
}
