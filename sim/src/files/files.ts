import {
  codeOf,
  DurableStorage,
  type DurableStorageOptions,
  ERR_SNAP_BROKEN,
  ERR_SNAP_NONE,
  ERR_WAL_CORRUPT,
  ERR_WAL_FOUNDERS,
  ERR_WAL_NOT_FOUND,
  ERR_WAL_TORN,
  ERR_WAL_UNDECIDED,
  repair,
  WalError,
} from '@raft-ts/raftwal';
import type { ReplicaLog } from '@raft-ts/replica';
import { drawPlace, rotted } from '../disk/damage.js';
import { Disk, type Place } from '../disk/disk.js';
import { KEPT, LOST, PowerCut } from '../disk/power-cut.js';
import { type Call, type Fault, isInjected, SimFs } from '../disk/sim-fs.js';
import type { Loss } from '../plan/stack-action.js';
import type { Medium, MediumHost, MediumOptions } from '../stack/medium.js';

const FOLDER = '/member';

/** The files of `@raft-ts/raftwal`, on a simulated disk. */
export class Files implements Medium {
  room: number | undefined = undefined;
  failsNextSync = false;
  straysNextSync = false;
  hasStrayed = false;
  private readonly options: MediumOptions;
  private disk = new Disk();
  private fs: SimFs | undefined = undefined;
  /** Bytes of all files when the room was last limited. */
  private limit: { readonly room: number; readonly total: number } | undefined = undefined;
  /** A power cut has torn a sector since the log was open. */
  private wasTorn = false;
  /** Something that was synced is not on the disk any more. */
  private wasDamaged = false;

  constructor(options: MediumOptions) {
    this.options = options;
  }

  async open(host: MediumHost): Promise<ReplicaLog> {
    const { hash, random } = this.options;
    const fs: SimFs = new SimFs(this.disk, {
      pace: host.pace,
      fault: (call) => this.fault(call),
      strays: (call) => this.strays(call),
      capacity: () => this.capacity(fs),
      onCall: ({ op, path, position, length }) => {
        for (const text of [op, path]) for (let i = 0; i < text.length; i++) hash.number(text.charCodeAt(i));
        hash.number(position ?? -1);
        hash.number(length ?? -1);
      },
    });
    this.fs = fs;
    const options = {
      fs,
      nodeId: this.options.id,
      clusterId: 1n,
      segmentSize: this.options.segmentSize,
      later: host.later,
      now: host.now,
      newName: () => {
        const digits = (): string => random.next().toString(16).padStart(8, '0');
        const [a, b, c] = [digits(), digits(), digits()];
        return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-8${c.slice(1, 4)}-${c.slice(4)}${digits()}`;
      },
    };
    const log = await this.openOrCut(options);
    this.wasTorn = false;
    return log;
  }

  private async openOrCut(options: DurableStorageOptions & { readonly fs: SimFs }): Promise<ReplicaLog> {
    try {
      return await DurableStorage.open(FOLDER, options);
    } catch (error) {
      if (!this.wasTorn || this.wasDamaged || !isUndecided(error)) throw error;
      // Whoever runs the member knows that the power was cut, and so that what is damaged was never acknowledged.
      const { file, offset } = error as WalError;
      if (file === undefined || offset === undefined) throw error;
      await repair(`${FOLDER}/wal`, { fs: options.fs, cut: { file, offset } });
      return DurableStorage.open(FOLDER, options);
    }
  }

  private fault({ op }: Call): Fault | undefined {
    if (!this.failsNextSync || (op !== 'datasync' && op !== 'syncDirectory')) return undefined;
    this.failsNextSync = false;
    return { code: 'EIO', drops: true };
  }

  private strays({ op }: Call): Place | undefined {
    if (!this.straysNextSync || op !== 'datasync') return undefined;
    const { random } = this.options;
    const place = drawPlace(this.disk, (n) => random.int(n));
    if (place === undefined) return undefined;
    this.straysNextSync = false;
    this.wasDamaged = true;
    this.hasStrayed = true;
    return place;
  }

  rot(draw: (n: number) => number): void {
    const place = drawPlace(this.disk, draw);
    if (place === undefined) return;
    this.wasDamaged = true;
    this.disk.apply({ kind: 'rot', place, bytes: rotted(this.disk, place, draw) });
  }

  private capacity(fs: SimFs): number {
    if (this.room === undefined) {
      this.limit = undefined;
      return Number.POSITIVE_INFINITY;
    }
    if (this.limit?.room !== this.room) this.limit = { room: this.room, total: fs.used + this.room };
    return this.limit.total;
  }

  end(loss: Loss): void {
    this.fs?.kill();
    this.fs = undefined;
    const { random } = this.options;
    const draw = (n: number): number => random.int(n);
    if (loss === 'nothing') {
      // What is clean may be read from the disk the next time.
      if (draw(2) === 0) this.disk.apply({ kind: 'evict' });
      return;
    }
    const cut = new PowerCut(this.disk, draw);
    const sample = loss === 'unsynced' ? cut.all(LOST) : cut.sample(draw);
    const choice = loss === 'some' && cut.tears(sample) ? cut.all(draw(2) === 0 ? LOST : KEPT) : sample;
    this.wasTorn ||= cut.tears(choice);
    this.disk = new Disk(cut.image(choice));
  }

  isItsFault(error: unknown): boolean {
    return isInjected(error) || isFull(error);
  }

  isDamage(error: unknown): boolean {
    return this.wasDamaged && tellsDamage(error);
  }

  leftOpen(): readonly string[] {
    return this.fs?.openPaths ?? [];
  }
}

/** How a log says that it is damaged, or part of it gone, and whoever reads a snapshot that it is not whole. */
const DAMAGE: ReadonlySet<string | undefined> = new Set([
  ERR_WAL_CORRUPT,
  ERR_WAL_UNDECIDED,
  ERR_WAL_NOT_FOUND,
  ERR_WAL_FOUNDERS,
  ERR_SNAP_NONE,
  ERR_SNAP_BROKEN,
  'ERR_RAFT_SNAPSHOT_FORMAT',
]);

function tellsDamage(error: unknown): boolean {
  return error instanceof Error && (DAMAGE.has(codeOf(error)) || tellsDamage(error.cause));
}

function isUndecided(error: unknown): boolean {
  const code = codeOf(error);
  return code === ERR_WAL_UNDECIDED || code === ERR_WAL_TORN;
}

/** Did the disk have no room, whatever that led to? */
function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return codeOf(error) === 'ENOSPC' || isFull(error.cause);
}
