/** Small logs for tests. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfState, Entry, HardState } from '@raft-ts/proto';
import { Wal, type WalContent, type WalError, type WalOpenOptions } from '@raft-ts/raftwal';
import { markPath } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import { scratchFolder } from './vectors.js';

/** Small files make cuts cheap. */
export const SEGMENT_SIZE = 8192;

export const oneVoter: ConfState = {
  voters: [1n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export function entry(index: number, term = 1, data = `entry ${index}`): Entry {
  return { type: 0, term, index, data: new TextEncoder().encode(data) };
}

export function entries(from: number, to: number, term = 1): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term));
}

export function state(term: number, vote: bigint, commit: number): HardState {
  return { term, vote, commit };
}

/** A place for a log that does not exist yet. */
export function newPlace(): string {
  return join(scratchFolder(), 'wal');
}

/** Opens a log, reads it, and closes it again. */
export async function readBack(dir: string, options: WalOpenOptions = {}): Promise<WalContent> {
  const wal = await Wal.open(dir, { segmentSize: SEGMENT_SIZE, ...options });
  try {
    return await wal.readAll();
  } finally {
    await wal.close();
  }
}

/** The error that a promise rejects with. */
export async function failure(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; file?: string; offset?: number; reason?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected a rejection');
}

/** Expects a rejection with this code. */
export async function refused(
  promise: Promise<unknown>,
  code: string,
): Promise<Error & { file?: string; offset?: number; reason?: string }> {
  const error = await failure(promise);
  expect(error.code, String(error)).to.equal(code);
  return error;
}

/**
 * Expects what the operating system answered, as an error of the log: which operation, on what, and a text that says
 * so.
 */
export async function refusedBySystem(promise: Promise<unknown>, reason: string, operation: string): Promise<WalError> {
  const error = (await refused(promise, 'ERR_RAFT_WAL_IO')) as WalError;
  expect([error.reason, error.operation]).to.deep.equal([reason, operation]);
  expect(error.message).to.include(error.path).and.include(reason);
  return error;
}

/** Takes away the mark beside a log: what is damaged then looks as it would in a log that etcd wrote. */
export function removeMark(dir: string): void {
  rmSync(markPath(dir));
}

export const indexes = (list: readonly Entry[]): number[] => list.map(({ index }) => index);
