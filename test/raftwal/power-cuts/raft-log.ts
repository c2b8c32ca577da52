import type { Entry, HardState } from '@raft-ts/proto';
import { type Fs, repair, validSnapshots, Wal } from '@raft-ts/raftwal';
import { contentOf, listSegments, RecordType, readLog, type WalRecord } from '@raft-ts/raftwal/internal';
import { entryKey } from './history.js';
import type { LogUnderTest, OpenLog, SnapshotOfTest, Started } from './log-under-test.js';

/** Small, so that a scenario goes through many files. */
export const SEGMENT_SIZE = 4096;

/** In turns of the event loop, so that a scenario is the same each time. */
export const later = (run: () => void): void => void setImmediate(run);

export const NO_STATE: HardState = { term: 0, vote: 0n, commit: 0 };

/** The log of this project, as a member uses it. `tamper` plants a bug in each one that is opened. */
export function raftLogWith(tamper: (wal: Wal) => void): LogUnderTest {
  return { start: (fs, directory) => start(fs, directory, tamper) };
}

export const raftLog: LogUnderTest = raftLogWith(() => {});

async function start(fs: Fs, directory: string, tamper: (wal: Wal) => void): Promise<Started> {
  if ((await listSegments(fs, directory)).length === 0) {
    const wal = await Wal.create(directory, {
      fs,
      later,
      segmentSize: SEGMENT_SIZE,
      identity: { nodeId: 1n, clusterId: 2n },
    });
    tamper(wal);
    const state = { snapshot: { index: 0, term: 0 }, hardState: NO_STATE, entries: [] };
    return { log: new RaftLog(wal), state, how: 'created' };
  }
  const { opened, how } = await openDecided(fs, directory, () => openLog(fs, directory, tamper));
  return { ...opened, how };
}

/** Opens a log. If an operator must decide about its end, decides to cut it off. */
export async function openDecided<T>(
  fs: Fs,
  walDirectory: string,
  open: () => Promise<T>,
): Promise<{ opened: T; how: 'opened' | 'decided' }> {
  try {
    return { opened: await open(), how: 'opened' };
  } catch (error) {
    const { code, file, offset } = error as { code?: unknown; file?: string; offset?: number };
    if (code !== 'ERR_RAFT_WAL_UNDECIDED' || file === undefined || offset === undefined) throw error;
    await repair(walDirectory, { fs, cut: { file, offset } });
    return { opened: await open(), how: 'decided' };
  }
}

async function openLog(fs: Fs, directory: string, tamper: (wal: Wal) => void): Promise<Omit<Started, 'how'>> {
  // The files of all snapshots are taken to be there: this is about the log.
  const { index, term } = (await validSnapshots(directory, { fs })).at(-1) ?? { index: 0, term: 0 };
  const snapshot = { index, term };
  const wal = await Wal.open(directory, {
    fs,
    later,
    snapshot,
    segmentSize: SEGMENT_SIZE,
    torn: 'repair',
    identity: { nodeId: 1n, clusterId: 2n },
  });
  try {
    const { hardState = NO_STATE, entries, snapshotFound } = await wal.readAll();
    if (!snapshotFound) throw new Error(`the record of snapshot ${snapshot.index} is gone`);
    await checkLastFile(fs, directory, hardState);
    tamper(wal);
    return { log: new RaftLog(wal), state: { snapshot, hardState, entries: entries.map(entryKey) } };
  } catch (error) {
    await wal.close();
    throw error;
  }
}

/** Each file repeats the State at its head, so that the last one alone knows term and vote. */
export async function checkLastFile(fs: Fs, dir: string, { term, vote }: HardState): Promise<void> {
  let found = NO_STATE;
  const record = (record: WalRecord): void => {
    if (record.type !== RecordType.State) return;
    const content = contentOf(record);
    if (content.kind === 'state') found = content.state;
  };
  await readLog({ fs, dir, segments: (await listSegments(fs, dir)).slice(-1) }, { record });
  if (found.term !== term || found.vote !== vote) {
    throw new Error(`the last file knows term ${found.term} and vote ${found.vote}, the log ${term} and ${vote}`);
  }
}

class RaftLog implements OpenLog {
  readonly #wal: Wal;

  constructor(wal: Wal) {
    this.#wal = wal;
  }

  save(hardState: HardState | undefined, entries: readonly Entry[]): Promise<void> {
    return this.#wal.save(hardState, entries);
  }

  saveSnapshot(snapshot: SnapshotOfTest): Promise<void> {
    return this.#wal.saveSnapshot(snapshot);
  }

  async install(snapshot: SnapshotOfTest, hardState: HardState): Promise<void> {
    await this.#wal.saveSnapshot(snapshot);
    await this.#wal.save(hardState, []);
  }

  /** No file is kept that is not needed, so that one that was needed after all is missed. */
  async release(index: number): Promise<void> {
    await this.#wal.releaseTo(index);
    await this.#wal.purge(0);
  }

  close(): Promise<void> {
    return this.#wal.close();
  }
}
