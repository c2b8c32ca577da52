import { randomUUID } from 'node:crypto';
import { type ConfState, isEmptySnap, MemoryStorage, type NodeId, type Ready, type Storage } from '@raft-ts/raft';
import { DurableStorage } from '@raft-ts/raftwal';
import type { Logger } from 'winston';
import { badLog, cannotOpen } from '../common/bad-log.js';

/**
 * Size of a log file, which is allocated in advance: smaller than the default, because a hello takes only a hundred
 * bytes.
 */
const SEGMENT_SIZE = 4 << 20;

/** Identifies a log. */
export interface Identity {
  /** A random name for this log: see `HttpTransportOptions.incarnation`. */
  readonly incarnation: string;
  /** The members that the cluster was founded by. Undefined if the folder does not say; then nobody checks. */
  readonly founders: readonly NodeId[] | undefined;
}

/** Stores what a member has promised. */
export interface MemberStorage {
  /** The storage that raft reads. */
  readonly raft: Storage;
  /** Nothing was ever stored here: the member starts with the cluster, rather than coming back to it. */
  readonly isNew: boolean;
  /** Identifies this log. */
  readonly identity: Identity;
  /** Where it is, for people. */
  readonly place: string;
  /** Stores what a Ready carries. Once it resolves, messages may be sent and entries applied. */
  save(rd: Ready): Promise<void>;
  /** Stores a snapshot at `index`, which must be applied; entries up to `compact` may be dropped. */
  snapshot(index: number, confState: ConfState, compact: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the log of a member in `dir`, or creates one there; without a folder, creates one in memory.
 * @throws UsageError if the folder is another member's or in use; CommandError if the log is damaged, or the system
 * refuses to read or write it
 */
export async function openStorage(
  dir: string | undefined,
  owner: { readonly id: NodeId; readonly clusterId: bigint; readonly founders: readonly NodeId[] },
  log: Logger,
): Promise<MemberStorage> {
  if (dir === undefined) return new StorageInMemory(owner.founders);
  const storage = await openLog(dir, owner, log);
  try {
    // The log is locked by now: of two processes that start at once only one gets here.
    if (storage.isNew) await storage.keepFounders(owner.founders);
    return new StorageOnDisk(storage);
  } catch (error) {
    await storage.close().catch(() => {});
    throw badLog(dir, error);
  }
}

async function openLog(
  dir: string,
  owner: { readonly id: NodeId; readonly clusterId: bigint },
  log: Logger,
): Promise<DurableStorage> {
  try {
    return await DurableStorage.open(dir, {
      nodeId: owner.id,
      clusterId: owner.clusterId,
      segmentSize: SEGMENT_SIZE,
      logger: {
        info: (message) => void log.info(`wal: ${message}`),
        warn: (message) => void log.warn(`wal: ${message}`),
      },
    });
  } catch (error) {
    throw cannotOpen(dir, error);
  }
}

/** Lost when the process ends: the member must not come back while members that it has met are alive. */
class StorageInMemory implements MemberStorage {
  readonly raft = new MemoryStorage();
  readonly isNew = true;
  readonly identity: Identity;
  readonly place = 'in memory';

  constructor(founders: readonly NodeId[]) {
    this.identity = { incarnation: randomUUID(), founders };
  }

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
  readonly identity: Identity;
  readonly place: string;
  private failed = false;

  constructor(storage: DurableStorage) {
    this.raft = storage;
    this.isNew = storage.isNew;
    this.identity = { incarnation: storage.incarnation, founders: storage.founders };
    this.place = `in ${storage.dir}`;
  }

  save(rd: Ready): Promise<void> {
    return this.guard(() => this.raft.save(rd));
  }

  async snapshot(index: number, confState: ConfState, compact: number): Promise<void> {
    await this.guard(async () => {
      await this.raft.createSnapshot(index, confState, undefined);
    });
    this.raft.compact(compact);
  }

  async close(): Promise<void> {
    // What went wrong first is what the user must hear of; closing after it fails for the same reason.
    if (this.failed) await this.raft.close().catch(() => {});
    else await this.guard(() => this.raft.close());
  }

  private async guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.failed = true;
      throw badLog(this.raft.dir, error);
    }
  }
}
