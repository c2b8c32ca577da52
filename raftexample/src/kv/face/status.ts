import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KvMachine } from '../machine/kv-machine.js';
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
  readonly voters: readonly bigint[];
  readonly learners: readonly bigint[];
  readonly members: Readonly<Record<string, string>>;
  readonly pid: number;
}

export interface StatusHost {
  readonly machine: KvMachine;
  readonly status: () => KvStatus;
}

export function answerStatus(host: StatusHost, _request: IncomingMessage, response: ServerResponse): void {
  answer(response, 200, host.status());
}

/** The same on members that applied the same. */
export function answerDigest(
  { machine, status }: StatusHost,
  _request: IncomingMessage,
  response: ServerResponse,
): void {
  const hash = createHash('sha256');
  for (const [key, { value, index }] of machine.entries()) hash.update(`${key}\0${value}\0${index}\n`);
  answer(response, 200, { applied: status().applied, keys: machine.size, sha256: hash.digest('hex') });
}
