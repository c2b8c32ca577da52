/** Each cell of the table in docs/wal.md, made on a real log. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repair, verify, Wal } from '@raft-ts/raftwal';
import { FrameDecoder, SECTOR_SIZE } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import { entry, failure, indexes, newPlace, oneVoter, readBack, refused, SEGMENT_SIZE, state } from './logs.js';
import { removeScratch } from './vectors.js';

const small = { segmentSize: 16_384 };

const places = ['last record', 'earlier in the last write', 'earlier in the last file', 'earlier file'] as const;
type Place = (typeof places)[number];

/** Entries that are longer than two sectors, so that each holds a whole one. */
const long = (index: number): ReturnType<typeof entry> => entry(index, 1, String.fromCharCode(96 + index).repeat(1300));

interface Log {
  readonly dir: string;
  /** The file that is damaged. */
  readonly path: string;
  /** Where its records begin, and the end of the last one. */
  readonly offsets: readonly number[];
  /** The record that is damaged. */
  readonly from: number;
  readonly to: number;
  /** What the file held before its last write, and before the write of the record. */
  readonly older: Buffer;
}

/** Two files: the second holds writes with States between them, and a last write of three entries. */
async function logFor(place: Place): Promise<Log> {
  const dir = newPlace();
  const wal = await Wal.create(dir, small);
  await wal.save(state(1, 1n, 0), [long(1)]);
  const [firstName] = wal.files as [string];
  const beforeSecond = readFileSync(join(dir, firstName));
  await wal.save(state(1, 1n, 1), [long(2)]);
  await wal.save(state(1, 1n, 2), [long(3)]);
  await wal.cut();
  const lastName = wal.files.at(-1) as string;
  const beforeFourth = readFileSync(join(dir, lastName));
  await wal.save(state(1, 1n, 3), [long(4)]);
  await wal.save(state(1, 1n, 4), [long(5)]);
  await wal.save(state(1, 1n, 5), [long(6)]);
  const beforeLast = readFileSync(join(dir, lastName));
  await wal.save(undefined, [long(7), long(8), entry(9)]);
  const path = join(dir, place === 'earlier file' ? firstName : lastName);
  const bytes = readFileSync(path);
  const decoder = new FrameDecoder(bytes.length);
  decoder.push(bytes);
  const frames: { from: number; to: number }[] = [];
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
    frames.push({ from: frame.offset, to: decoder.offset });
  }
  const lengths = frames.filter(({ from, to }) => to - from > 1000);
  const chosen = {
    'last record': frames.at(-1),
    'earlier in the last write': lengths.at(-2),
    'earlier in the last file': lengths[0],
    'earlier file': lengths[1],
  }[place] as { from: number; to: number };
  const older = {
    'last record': beforeLast,
    'earlier in the last write': beforeLast,
    'earlier in the last file': beforeFourth,
    'earlier file': beforeSecond,
  }[place];
  await wal.close();
  // Closing writes the last commit behind the last write: that is a write of its own, and is taken away again.
  const end = frames.at(-1)?.to as number;
  writeFileSync(path, Buffer.concat([bytes.subarray(0, end), Buffer.alloc(bytes.length - end)]));
  return { dir, path, offsets: [...frames.map(({ from }) => from), end], ...chosen, older };
}

/** The first sector boundary within the record's data. */
const sectorIn = ({ from }: Log): number => Math.ceil((from + 20) / SECTOR_SIZE) * SECTOR_SIZE;

const damages: Readonly<Record<string, (bytes: Buffer, log: Log, place: Place) => Buffer>> = {
  cut: (bytes, { to }) => bytes.subarray(0, to - 12),
  'zero sector': (bytes, log) => bytes.fill(0, sectorIn(log), sectorIn(log) + SECTOR_SIZE),
  'garbage sector': (bytes, log) => {
    for (let at = sectorIn(log); at < sectorIn(log) + SECTOR_SIZE; at++) bytes[at] = (at * 31 + 7) % 251;
    return bytes;
  },
  'bit flip': (bytes, { to }) => {
    bytes[to - 20] = (bytes[to - 20] as number) ^ 4;
    return bytes;
  },
  'damaged length': (bytes, { from }) => {
    bytes[from] = (bytes[from] as number) ^ 0x10;
    return bytes;
  },
  'stale sector': (bytes, log, place) => {
    // Of the last record, which lies in one sector with the end of the one before it: as it was without it.
    const at = place === 'last record' ? log.from : sectorIn(log);
    const end = (Math.floor(at / SECTOR_SIZE) + 1) * SECTOR_SIZE;
    if (place === 'last record') bytes.fill(0, at, end);
    else log.older.copy(bytes, at, at, end);
    return bytes;
  },
};

/** The table of the page: what becomes of this damage in this place. */
function table(): Map<string, string> {
  const page = readFileSync(fileURLToPath(new URL('../../../docs/wal.md', import.meta.url)), 'utf8');
  const rows = page.split('\n').map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const head = rows.findIndex((cells) => cells[0] === 'damage');
  expect(rows[head]?.slice(1)).to.deep.equal(places);
  const cells = new Map<string, string>();
  for (const [name, ...verdicts] of rows.slice(head + 2)) {
    if (name === undefined || name === '') break;
    for (const [i, place] of places.entries()) cells.set(`${name}, ${place}`, verdicts[i] as string);
  }
  return cells;
}

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

  for (const [name, damage] of Object.entries(damages)) {
    for (const place of places) {
      const verdict = cells.get(`${name}, ${place}`);
      it(`${name}, ${place}: ${verdict}`, async function () {
        const log = await logFor(place);
        const { path } = log;
        // A short record has no sector of its own: the one before it in the same write stands for it.
        if (place === 'last record' && /^(zero|garbage) sector$/.test(name)) {
          const shorter = log.offsets.at(-2) as number;
          writeFileSync(path, readFileSync(path).fill(0, shorter));
          const at = log.offsets.at(-3) as number;
          return checkCell({ ...log, from: at, to: shorter }, verdict as string, damage, place, 7);
        }
        return checkCell(log, verdict as string, damage, place, undefined);
      });
    }
  }

  async function checkCell(
    log: Log,
    verdict: string,
    damage: (bytes: Buffer, log: Log, place: Place) => Buffer,
    place: Place,
    kept: number | undefined,
  ): Promise<void> {
    const { dir, path, from } = log;
    const file = path.split('/').at(-1) as string;
    const bytes = damage(readFileSync(path), log, place);
    writeFileSync(path, bytes);
    if (verdict === 'unseen') {
      expect(indexes((await readBack(dir, small)).entries)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
      return;
    }
    const code = `ERR_RAFT_WAL_${verdict.toUpperCase()}`;
    const error = await refused(readBack(dir, small), code);
    expect(error.file).to.equal(file);
    if (place !== 'earlier file') expect(error.offset).to.equal(from);
    const decided = { cut: { file, offset: error.offset as number } };
    expect((await failure(repair(dir, { cut: { file, offset: 8 } }))).code).to.be.oneOf([
      'ERR_RAFT_WAL_INVALID',
      'ERR_RAFT_WAL_CORRUPT',
    ]);
    if (verdict === 'corrupt') {
      if (place !== 'earlier file') await refused(repair(dir, decided), code);
      await refused(verify(dir), code);
    } else {
      if (verdict === 'undecided') await refused(repair(dir), code);
      expect(readFileSync(path), 'nothing was changed').to.deep.equal(bytes);
      await repair(dir, verdict === 'undecided' ? decided : {});
      expect(readFileSync(`${path}.broken`)).to.deep.equal(bytes);
      const found = indexes((await readBack(dir, small)).entries);
      expect(found).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9].slice(0, found.length));
      if (kept !== undefined) expect(found).to.have.length(kept);
    }
    expect(readdirSync(dir).length).to.be.at.least(2);
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

  it('keeps a term and a vote that were acknowledged behind the damage', async () => {
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
