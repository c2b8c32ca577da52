import { MemoryStorage } from '@raft-ts/raft';
import { expect } from 'chai';
import { compactAnyway, entry, index } from '../../helpers/index.js';

describe('memory storage', () => {
  it('takes of entries that begin before what is compacted only those behind it', () => {
    const storage = new MemoryStorage();
    storage.append(index(1).terms(1, 1, 1, 1));
    compactAnyway(storage, 3);
    storage.append(index(2).terms(1, 1, 2, 2));
    expect(storage.entries(4, storage.lastIndex() + 1, Number.POSITIVE_INFINITY)).to.deep.equal([
      entry(2, 4),
      entry(2, 5),
    ]);
  });
});
