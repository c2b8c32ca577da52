/** Each cell of the table in docs/wal.md, made on a real log. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repair, Wal } from '@raft-ts/raftwal';
import { defaultFs, SECTOR_SIZE } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import { checkCell, damages, long, places, type Shelf, table } from './damage-table.js';
import { entry, newPlace, oneVoter, readBack, refused, SEGMENT_SIZE, state } from './logs.js';
import { removeScratch } from './vectors.js';

const shelf: Shelf = {
  fs: defaultFs(),
  place: newPlace,
  read: (path) => readFileSync(path),
  write: (path, bytes) => writeFileSync(path, bytes),
};

describe('the table of damage in docs/wal.md', () => {
  afterEach(removeScratch);

  const cells = table();

  it('has a row for each kind of damage', () => {
    expect([...cells.keys()].sort()).to.deep.equal(
      Object.keys(damages)
        .flatMap((damage) => places.map((place) => `${damage}, ${place}`))
        .sort(),
    );
  });

  for (const [cell, verdict] of cells) {
    const [damage, place] = cell.split(', ') as [string, (typeof places)[number]];
    it(`${cell}: ${verdict}`, () => checkCell(damage, place, { verdict, marked: false }, shelf));
    it(`${cell}, with the mark`, () => checkCell(damage, place, { verdict, marked: true }, shelf));
  }

  it('never drops an entry at or below the commit of a State that can be read', async () => {
    const dir = newPlace();
    const wal = await Wal.create(dir, { segmentSize: SEGMENT_SIZE });
    await wal.save(state(1, 1n, 0), [long(1)]);
    await wal.save(undefined, [long(2)]);
    await wal.save(state(1, 1n, 2), [entry(3)]);
    await wal.close();
    const path = join(dir, readdirSync(dir)[0] as string);
    const bytes = readFileSync(path);
    const at = bytes.indexOf('bbbb');
    const sector = Math.ceil(at / SECTOR_SIZE) * SECTOR_SIZE;
    writeFileSync(path, bytes.fill(0, sector, sector + SECTOR_SIZE));
    const error = await refused(readBack(dir), 'ERR_RAFT_WAL_CORRUPT');
    expect(error.message).to.include('commit 2');
    const decided = { cut: { file: error.file as string, offset: error.offset as number } };
    await refused(repair(dir, decided), 'ERR_RAFT_WAL_CORRUPT');
  });

  it('keeps a term and a vote that were acknowledged after the damage', async () => {
    for (const later of [state(2, 0n, 0), state(1, 2n, 0)]) {
      const dir = newPlace();
      const wal = await Wal.create(dir, { segmentSize: SEGMENT_SIZE });
      await wal.save(state(1, 0n, 0), [long(1)]);
      await wal.save(later, []);
      await wal.close();
      const path = join(dir, readdirSync(dir)[0] as string);
      writeFileSync(path, readFileSync(path).fill(0, 512, 1024));
      await refused(readBack(dir), 'ERR_RAFT_WAL_CORRUPT');
    }
  });

  it('takes the mark of a snapshot for proof', async () => {
    const dir = newPlace();
    const wal = await Wal.create(dir, { segmentSize: SEGMENT_SIZE });
    await wal.save(state(1, 1n, 0), []);
    await wal.save(undefined, [long(1)]);
    await wal.saveSnapshot({ index: 1, term: 1, confState: oneVoter });
    await wal.close();
    const path = join(dir, readdirSync(dir)[0] as string);
    writeFileSync(path, readFileSync(path).fill(0, 512, 1024));
    const error = await refused(readBack(dir), 'ERR_RAFT_WAL_CORRUPT');
    expect(error.message).to.include('Snapshot of index 1');
  });
});
