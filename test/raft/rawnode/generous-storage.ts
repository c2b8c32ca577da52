import { type Entry, EntryType, emptyConfState, type InitialState, MemoryStorage } from '@raft-ts/raft';
import { bytes, compactAnyway } from '../../helpers/index.js';

/** A store whose `entries` gives everything that is asked for, whatever the limit of size. */
class GenerousStorage extends MemoryStorage {
  override entries(lo: number, hi: number): readonly Entry[] {
    return super.entries(lo, hi, Number.POSITIVE_INFINITY);
  }

  override initialState(): InitialState {
    return { ...super.initialState(), confState: { ...emptyConfState(), voters: [1n] } };
  }
}

/** Such a store of voter 1 alone: entries 2 to 10 of nine bytes each, after entry 1, which is compacted. */
export function generousStorage(): MemoryStorage {
  const storage = new GenerousStorage();
  const entries = Array.from({ length: 10 }, (_, i) => ({
    type: EntryType.EntryNormal,
    term: 1,
    index: i + 1,
    data: bytes('a'),
  }));
  storage.append(entries);
  compactAnyway(storage, 1);
  return storage;
}
