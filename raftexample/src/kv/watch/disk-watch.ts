import type { Alarms } from './alarms.js';

/** What `statfs` of `node:fs` tells, of which this needs so much. */
export interface FileSystemStats {
  /** Bytes in a block. */
  readonly bsize: number;
  /** Blocks of the whole file system, and those that this process may still use. */
  readonly blocks: number;
  readonly bavail: number;
}

/** The room on the disk of a member, in bytes. */
export interface DiskRoom {
  readonly free: number;
  readonly size: number;
}

export interface DiskWatchHost {
  readonly alarms: Alarms;
  /** The member's folder. */
  readonly data: string;
  readonly statfs: (path: string) => Promise<FileSystemStats>;
  /** It warns below so many bytes; 0: never. */
  readonly limit: number;
}

/** An alarm is over only once there is a little more room than the limit, so that it does not come and go. */
const OVER = 1.1;
const MIB = 2 ** 20;

/** Looks how much room there is for the log. */
export class DiskWatch {
  private readonly host: DiskWatchHost;
  /** As of the last look; `undefined` if it could not be told. */
  room: DiskRoom | undefined;

  constructor(host: DiskWatchHost) {
    this.host = host;
  }

  async look(): Promise<void> {
    const { alarms, data, statfs, limit } = this.host;
    try {
      const { bsize, blocks, bavail } = await statfs(data);
      this.room = { free: bavail * bsize, size: blocks * bsize };
    } catch {
      // Whether it can be written is told by the log, which writes all the time.
      this.room = undefined;
      return;
    }
    const { free } = this.room;
    const left = `the disk of ${data} has ${Math.floor(free / MIB)} MiB left`;
    if (free < limit) {
      alarms.raise(
        'disk',
        `${left}, less than the ${Math.ceil(limit / MIB)} MiB of --warn-disk: a member that cannot write its log ends. Make room there, or give it a larger disk`,
      );
    } else if (alarms.has('disk') && free >= limit * OVER) {
      alarms.clear('disk', `${left}: enough again`);
    }
  }
}
