import { randomUUID } from 'node:crypto';
import { type ConfState, isEmptySnap, MemoryStorage, type NodeId, type Ready, type Storage } from '@raft-ts/raft';
import { DurableStorage, WalError } from '@raft-ts/raftwal';
import type { Logger } from 'winston';
import { readOrDrawIncarnation } from './incarnation.js';
import { CommandError, UsageError } from './usage.js';

/** The exit code of a member whose log cannot be read or written. */
const BAD_LOG = 4;

/** A log file's size, which is set aside before it is filled: a hello takes a hundred bytes, so less than the default does. */
const SEGMENT_SIZE = 4 << 20;

/** Where a member keeps what it has promised. */
export interface MemberStorage {
  /** What raft reads. */
  readonly raft: Storage;
  /** Nothing was ever kept here: the member begins with the cluster, and does not come back to it. */
  readonly isNew: boolean;
  /** Tells this log from an earlier one of the same member. */
  readonly incarnation: string;
  /** Where it lies, for people. */
  readonly place: string;
  /** Keeps what a Ready carries. Once it resolves messages may leave, and entries may be applied. */
  save(rd: Ready): Promise<void>;
  /** Keeps a snapshot of what the entries up to `index`, which are applied, led to; those up to `compact` may go. */
  snapshot(index: number, confState: ConfState, compact: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the log of a member in `dir`, or begins one there; without a folder, begins one in memory.
 * @throws UsageError where the folder is another member's, in use, or no place to write to; CommandError where the log
 * is damaged
 */
export async function openStorage(
  dir: string | undefined,
  owner: { readonly id: NodeId; readonly clusterId: bigint },
  log: Logger,
): Promise<MemberStorage> {
  if (dir === undefined) return new StorageInMemory();
  try {
    const storage = await DurableStorage.open(dir, {
      nodeId: owner.id,
      clusterId: owner.clusterId,
      segmentSize: SEGMENT_SIZE,
      logger: {
        info: (message) => void log.info(`wal: ${message}`),
        warn: (message) => void log.warn(`wal: ${message}`),
      },
    });
    return new StorageOnDisk(storage, await readOrDrawIncarnation(dir, storage.isNew));
  } catch (error) {
    throw cannotOpen(dir, error);
  }
}

/** Lost when the process ends: the member must not come back while those it has met live. */
class StorageInMemory implements MemberStorage {
  readonly raft = new MemoryStorage();
  readonly isNew = true;
  readonly incarnation = randomUUID();
  readonly place = 'in memory';

  save({ hardState, snapshot, entries }: Ready): Promise<void> {
    if (hardState !== undefined) this.raft.setHardState(hardState);
    if (!isEmptySnap(snapshot)) this.raft.applySnapshot(snapshot);
    this.raft.append(entries);
    return Promise.resolve();
  }

  snapshot(index: number, confState: ConfState, compact: number): Promise<void> {
    this.raft.createSnapshot(index, confState, undefined);
    this.raft.compact(compact);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

class StorageOnDisk implements MemberStorage {
  readonly raft: DurableStorage;
  readonly isNew: boolean;
  readonly incarnation: string;
  readonly place: string;

  constructor(storage: DurableStorage, incarnation: string) {
    this.raft = storage;
    this.isNew = storage.isNew;
    this.incarnation = incarnation;
    this.place = `in ${storage.dir}`;
  }

  async save(rd: Ready): Promise<void> {
    try {
      await this.raft.save(rd);
    } catch (error) {
      throw badLog(this.raft.dir, error);
    }
  }

  async snapshot(index: number, confState: ConfState, compact: number): Promise<void> {
    try {
      await this.raft.createSnapshot(index, confState, undefined);
    } catch (error) {
      throw badLog(this.raft.dir, error);
    }
    this.raft.compact(compact);
  }

  async close(): Promise<void> {
    await this.raft.close();
  }
}

function cannotOpen(dir: string, error: unknown): Error {
  if (error instanceof WalError) {
    switch (error.code) {
      case 'ERR_RAFT_WAL_LOCKED':
        return new UsageError(`the log in ${dir} is in use by another process`);
      case 'ERR_RAFT_WAL_IDENTITY':
        return new UsageError(`the log in ${dir} is not this member's: ${error.message}`);
      case 'ERR_RAFT_WAL_LOCK_UNAVAILABLE':
        return new UsageError(`the log in ${dir} cannot be locked: ${error.message}`);
      default:
        return badLog(dir, error);
    }
  }
  const { syscall, message } = error as NodeJS.ErrnoException;
  // What the operating system refuses: no rights, no such device, no room.
  return syscall === undefined ? (error as Error) : new UsageError(`cannot keep a log in ${dir}: ${message}`);
}

function badLog(dir: string, error: unknown): Error {
  if (!(error instanceof WalError)) return error as Error;
  return new CommandError(
    `the log in ${dir}: ${error.message} [${error.code}]; see: npx raft-wal verify ${dir}`,
    BAD_LOG,
  );
}
