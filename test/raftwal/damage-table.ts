/**
 * The table of damage in docs/wal.md, and how each of its cells is made: on any file system, from a log of the same
 * nine entries.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Fs, repair, verify, Wal } from '@raft-ts/raftwal';
import { FrameDecoder, markPath, SECTOR_SIZE } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import { entry, failure, indexes, readBack, refused, state } from './logs.js';

/** A file system to keep the log on, and a way to its bytes past the log. */
export interface Shelf {
  readonly fs: Fs;
  /** A place for a log that does not exist yet. */
  place(): string;
  read(path: string): Buffer;
  write(path: string, bytes: Uint8Array): void;
}

const SEGMENT_SIZE = 16_384;

export const places = ['last record', 'earlier in the last write', 'earlier in the last file', 'earlier file'] as const;
export type Place = (typeof places)[number];

/** Entries that are longer than two sectors, so that each holds a whole one. */
export const long = (index: number): ReturnType<typeof entry> =>
  entry(index, 1, String.fromCharCode(96 + index).repeat(1300));

export interface Log {
  readonly dir: string;
  /** The file that is damaged. */
  readonly path: string;
  /** Where its records begin, and the end of the last one. */
  readonly offsets: readonly number[];
  /** The record that is damaged. */
  readonly from: number;
  readonly to: number;
  /** The contents of the file before its last write, and before the write of the record. */
  readonly older: Buffer;
}

/** The entries that were acknowledged before the last write. */
export const BEFORE_LAST_WRITE = 6;

/** Two files: the second holds writes with States between them, and a last write of three entries. */
export async function logFor(place: Place, shelf: Shelf, beforeLastWrite: () => void = () => undefined): Promise<Log> {
  const dir = shelf.place();
  const wal = await Wal.create(dir, { fs: shelf.fs, segmentSize: SEGMENT_SIZE });
  await wal.save(state(1, 1n, 0), [long(1)]);
  const [firstName] = wal.files as [string];
  const beforeSecond = shelf.read(join(dir, firstName));
  await wal.save(state(1, 1n, 1), [long(2)]);
  await wal.save(state(1, 1n, 2), [long(3)]);
  await wal.cut();
  const lastName = wal.files.at(-1) as string;
  const beforeFourth = shelf.read(join(dir, lastName));
  await wal.save(state(1, 1n, 3), [long(4)]);
  await wal.save(state(1, 1n, 4), [long(5)]);
  await wal.save(state(1, 1n, 5), [long(6)]);
  const beforeLast = shelf.read(join(dir, lastName));
  beforeLastWrite();
  await wal.save(undefined, [long(7), long(8), entry(9)]);
  const path = join(dir, place === 'earlier file' ? firstName : lastName);
  const bytes = shelf.read(path);
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
  // Closing adds the last commit after the last write, in a separate write, which is removed again.
  const end = frames.at(-1)?.to as number;
  shelf.write(path, Buffer.concat([bytes.subarray(0, end), Buffer.alloc(bytes.length - end)]));
  return { dir, path, offsets: [...frames.map(({ from }) => from), end], ...chosen, older };
}

/** The first sector boundary within the record's data. */
const sectorIn = ({ from }: Log): number => Math.ceil((from + 20) / SECTOR_SIZE) * SECTOR_SIZE;

type Damage = (bytes: Buffer, log: Log, place: Place) => Buffer;

export const damages: Readonly<Record<string, Damage>> = {
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
    // The last record shares a sector with the end of the one before it: the sector as it was before the last record.
    const at = place === 'last record' ? log.from : sectorIn(log);
    const end = (Math.floor(at / SECTOR_SIZE) + 1) * SECTOR_SIZE;
    if (place === 'last record') bytes.fill(0, at, end);
    else log.older.copy(bytes, at, at, end);
    return bytes;
  },
};

/** The table of the page: what becomes of this damage in this place. */
export function table(): Map<string, string> {
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

/**
 * Makes this cell without the mark, and expects the verdict and its consequences. With the mark, everything that is not
 * corrupt is `lost`.
 */
export async function checkCell(
  damage: string,
  place: Place,
  { verdict, marked }: { readonly verdict: string; readonly marked: boolean },
  shelf: Shelf,
): Promise<void> {
  let log = await logFor(place, shelf);
  const { path } = log;
  if (!marked) shelf.write(markPath(log.dir), new Uint8Array(0));
  let kept: number | undefined;
  // A short record has no sector of its own: the one before it in the same write stands for it.
  if (place === 'last record' && /^(zero|garbage) sector$/.test(damage)) {
    const [from, to] = log.offsets.slice(-3) as [number, number];
    shelf.write(path, shelf.read(path).fill(0, to));
    log = { ...log, from, to };
    kept = 7;
  }
  const bytes = (damages[damage] as Damage)(shelf.read(path), log, place);
  shelf.write(path, bytes);
  if (marked && verdict !== 'corrupt') await checkLost(log, bytes, shelf);
  else await checkVerdict(log, bytes, { verdict, place, kept }, shelf);
}

/** The mark shows that it had been acknowledged: only an operator may give it up. */
async function checkLost({ dir, path, from, offsets }: Log, bytes: Buffer, shelf: Shelf): Promise<void> {
  const { fs } = shelf;
  const file = path.split('/').at(-1) as string;
  const small = { fs, segmentSize: SEGMENT_SIZE };
  const options = { ...small, torn: 'repair' } as const;
  for (const refusal of [
    () => readBack(dir, options),
    () => readBack(dir, { ...options, readOnly: true }),
    () => verify(dir, { fs }),
    () => repair(dir, { fs }),
  ]) {
    const error = await refused(refusal(), 'ERR_RAFT_WAL_CORRUPT');
    expect(error).to.include({ file, offset: from, reason: 'lost' });
    expect(error.message).to.include(`acknowledged up to byte ${offsets.at(-1)} of this file; put back`);
  }
  await refused(repair(dir, { fs, cut: { file, offset: 8 } }), 'ERR_RAFT_WAL_INVALID');
  expect(shelf.read(path), 'nothing was changed').to.deep.equal(bytes);
  await repair(dir, { fs, cut: { file, offset: from } });
  const found = indexes((await readBack(dir, small)).entries);
  expect(found).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9].slice(0, found.length));
}

async function checkVerdict(
  { dir, path, from }: Log,
  bytes: Buffer,
  { verdict, place, kept }: { readonly verdict: string; readonly place: Place; readonly kept: number | undefined },
  shelf: Shelf,
): Promise<void> {
  const { fs } = shelf;
  const file = path.split('/').at(-1) as string;
  const small = { fs, segmentSize: SEGMENT_SIZE };
  if (verdict === 'unseen') {
    expect(indexes((await readBack(dir, small)).entries)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
    return;
  }
  const code = `ERR_RAFT_WAL_${verdict.toUpperCase()}`;
  const error = await refused(readBack(dir, small), code);
  expect(error.file).to.equal(file);
  if (place !== 'earlier file') expect(error.offset).to.equal(from);
  const decided = { fs, cut: { file, offset: error.offset as number } };
  expect((await failure(repair(dir, { fs, cut: { file, offset: 8 } }))).code).to.be.oneOf([
    'ERR_RAFT_WAL_INVALID',
    'ERR_RAFT_WAL_CORRUPT',
  ]);
  if (verdict === 'corrupt') {
    if (place !== 'earlier file') await refused(repair(dir, decided), code);
    await refused(verify(dir, { fs }), code);
  } else {
    if (verdict === 'undecided') await refused(repair(dir, { fs }), code);
    expect(shelf.read(path), 'nothing was changed').to.deep.equal(bytes);
    await repair(dir, verdict === 'undecided' ? decided : { fs });
    expect(shelf.read(`${path}.broken`)).to.deep.equal(bytes);
    const found = indexes((await readBack(dir, small)).entries);
    expect(found).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9].slice(0, found.length));
    if (kept !== undefined) expect(found).to.have.length(kept);
  }
}
