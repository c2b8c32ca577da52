import type { Entry, HardState } from '@raft-ts/proto';
import { DurableStorage, type Fs } from '@raft-ts/raftwal';
import { listSegments } from '@raft-ts/raftwal/internal';
import { entryKey } from './history.js';
import type { LogUnderTest, OpenLog, SnapshotOfTest, Started } from './log-under-test.js';
import { checkLastFile, later, NO_STATE, openDecided, SEGMENT_SIZE } from './raft-log.js';

/** Log and snapshot files together, as a member uses them. */
export const durableLog: LogUnderTest = {
  async start(fs: Fs, directory: string): Promise<Started> {
    const walDirectory = `${directory}/wal`;
    const created = (await listSegments(fs, walDirectory)).length === 0;
    const options = {
      fs,
      later,
      segmentSize: SEGMENT_SIZE,
      nodeId: 1n,
      clusterId: 2n,
      keepSegments: 0,
      keepSnapshots: 1,
    };
    const open = (): Promise<DurableStorage> => DurableStorage.open(directory, options);
    const { opened: storage, how } = await openDecided(fs, walDirectory, open);
    const { hardState = NO_STATE } = storage.initialState();
    await checkLastFile(fs, walDirectory, hardState);
    const { index, term } = storage.snapshot().metadata;
    const [first, last] = [storage.firstIndex(), storage.lastIndex()];
    const entries = last < first ? [] : storage.entries(first, last + 1, Number.POSITIVE_INFINITY);
    const state = { snapshot: { index, term }, hardState, entries: entries.map(entryKey) };
    return { log: new DurableLog(storage), state, how: created ? 'created' : how };
  },
};

class DurableLog implements OpenLog {
  readonly #storage: DurableStorage;

  constructor(storage: DurableStorage) {
    this.#storage = storage;
  }

  save(hardState: HardState | undefined, entries: readonly Entry[]): Promise<void> {
    return this.#storage.save({ hardState, entries });
  }

  async saveSnapshot({ index, confState }: SnapshotOfTest): Promise<void> {
    await this.#storage.createSnapshot(index, confState, dataOf(index));
  }

  install({ index, term, confState }: SnapshotOfTest, hardState: HardState): Promise<void> {
    return this.#storage.save({ hardState, snapshot: { data: dataOf(index), metadata: { index, term, confState } } });
  }

  /** It lets go by itself of what no snapshot needs. */
  async release(): Promise<void> {}

  close(): Promise<void> {
    return this.#storage.close();
  }
}

/** Some state of an application, longer than a sector. */
function dataOf(index: number): Uint8Array {
  return new Uint8Array(600).fill(index);
}
