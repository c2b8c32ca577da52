import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repair, validSnapshots, verify, Wal } from '@raft-ts/raftwal';
import { contentOf, decodeRecord, FrameDecoder, updateCrc } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import { deviations } from './deviations.js';
import {
  confStateOf,
  type Folder,
  type JsonHardState,
  type JsonMark,
  type JsonOpen,
  type LogExpected,
  lastFile,
  loadFolders,
  removeScratch,
  toHex,
  unpack,
} from './vectors.js';

/** Our possible error codes if Go returns this one. */
const codesFor: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^unexpected EOF/, ['TORN', 'CORRUPT']],
  [/crc mismatch/, ['UNDECIDED', 'CORRUPT']],
  [/^proto: cannot parse/, ['UNDECIDED', 'CORRUPT']],
  [/^panic: unmarshal/, ['CORRUPT']],
  [/conflicting metadata/, ['CORRUPT']],
  [/unexpected block type/, ['CORRUPT']],
  [/slice bounds out of range/, ['CORRUPT']],
  [/sequence numbers/, ['CORRUPT']],
  [/snapshot mismatch/, ['SNAPSHOT_MISMATCH']],
  [/snapshot not found/, ['SNAPSHOT_NOT_FOUND']],
  [/file not found/, ['NOT_FOUND']],
];

const used = new Set<string>();

/** Compares an outcome with Go's, or with the row of the table that says otherwise. */
function check(folder: string, operation: string, goError: string, ours: unknown, compare: () => void): void {
  const row = deviations.find((one) => one.operation === operation && one.folders.includes(folder));
  const code = ours instanceof Error ? (ours as { code?: string }).code : 'ok';
  if (row !== undefined) {
    expect(goError === '' ? 'ok' : 'error', 'Go agrees: the row is not needed').to.equal(
      row.ours === 'ok' ? 'error' : 'ok',
    );
    expect(code, String(ours)).to.equal(row.ours);
    used.add(`${folder} ${operation}`);
    return;
  }
  if (goError === '') {
    expect(code, String(ours)).to.equal('ok');
    compare();
    return;
  }
  const codes = codesFor.find(([pattern]) => pattern.test(goError))?.[1];
  expect(codes, `no code for ${goError}`).to.not.equal(undefined);
  expect(code, `${goError} / ${String(ours)}`).to.be.oneOf((codes as string[]).map((one) => `ERR_RAFT_WAL_${one}`));
}

const mark = ({ index, term }: JsonMark): { index: number; term: number } => ({
  index: Number(index ?? 0),
  term: Number(term ?? 0),
});

const hardStateOf = ({ term, vote, commit }: JsonHardState): object => ({
  term: Number(term ?? 0),
  vote: BigInt(vote ?? 0),
  commit: Number(commit ?? 0),
});

const noHardState = { term: 0, vote: 0n, commit: 0 };

async function outcome<T>(run: () => Promise<T>): Promise<T | Error> {
  try {
    return await run();
  } catch (error) {
    return error as Error;
  }
}

async function openAndRead(dir: string, { mode, snapshot }: Pick<JsonOpen, 'mode' | 'snapshot'>) {
  const wal = await Wal.open(dir, { readOnly: mode === 'read', snapshot: mark(snapshot), segmentSize: 8192 });
  try {
    return await wal.readAll();
  } finally {
    await wal.close();
  }
}

async function checkOpen(folder: Folder<LogExpected>, expected: JsonOpen, dir: string): Promise<void> {
  const got = await outcome(() => openAndRead(dir, expected));
  check(folder.name, expected.mode, expected.openError || expected.readError, got, () => {
    const { metadata, hardState, entries } = got as Awaited<ReturnType<typeof openAndRead>>;
    expect(metadata === undefined ? null : toHex(metadata)).to.equal(expected.metadataHex);
    expect(hardState ?? noHardState).to.deep.equal(hardStateOf(expected.hardState as JsonHardState));
    expect(entries.map(({ index, term }) => `${index}/${term}`)).to.deep.equal(expected.entries);
    if (expected.fileAfter !== undefined) expect(lastFile(dir)).to.deep.equal(expected.fileAfter);
  });
}

const folders = loadFolders<LogExpected>('wal');

describe('logs that Go wrote', () => {
  afterEach(removeScratch);

  after('every row of the table of deviations is used', () => {
    const rows = deviations.flatMap(({ folders: names, operation }) => names.map((name) => `${name} ${operation}`));
    const present = new Set(folders.map(({ name }) => name));
    const unused = rows.filter((row) => !used.has(row) && present.has(row.split(' ')[0] as string));
    expect(unused, 'rows without effect').to.deep.equal([]);
  });

  for (const folder of folders) {
    const { name, expected } = folder;
    describe(`${name}: ${expected.note}`, () => {
      for (const one of expected.opens) {
        const at = mark(one.snapshot);
        it(`opens to ${one.mode} at ${at.index}/${at.term}`, () => checkOpen(folder, one, unpack(folder)));
      }

      it('gives the entries with type and data', async () => {
        if (expected.entries.length === 0) return;
        const read = await outcome(() => openAndRead(unpack(folder), expected.opens[0] as JsonOpen));
        if (read instanceof Error) return;
        const entries = read.entries.map(({ index, term, type, data }) => ({
          index: String(index),
          term: String(term),
          type: type ?? 0,
          dataHex: data === undefined ? null : toHex(data),
        }));
        expect(entries).to.deep.equal(expected.entries);
      });

      it('has these frames', () => {
        for (const file of new Set(expected.frames.map((frame) => frame.file))) {
          const bytes = folder.files.find((one) => one.name === file)?.bytes as Uint8Array;
          const decoder = new FrameDecoder(bytes.length);
          decoder.push(bytes);
          for (const frame of expected.frames.filter((one) => one.file === file)) {
            const got = decoder.next();
            expect(got?.offset).to.equal(frame.offset);
            if (got === undefined) return;
            expect(got.end - got.start).to.equal(frame.size);
            expect(got.padding).to.equal(frame.pad);
            const { type, crc, data } = decodeRecord(got.bytes, got.start, got.end);
            expect([type, crc, data?.length ?? -1]).to.deep.equal([frame.type, frame.crc, frame.dataLength]);
            if (frame.dataHex !== undefined) expect(toHex(data ?? new Uint8Array(0))).to.equal(frame.dataHex);
          }
        }
      });

      for (const { snapshot, error, hardState } of expected.verify) {
        const at = mark(snapshot);
        it(`verifies at ${at.index}/${at.term}`, async () => {
          const got = await outcome(() => verify(unpack(folder), { snapshot: at }));
          check(name, 'verify', error, got, () => {
            const found = (got as Awaited<ReturnType<typeof verify>>).hardState;
            expect(found ?? noHardState).to.deep.equal(hardStateOf(hardState as JsonHardState));
          });
        });
      }

      it('confirms these snapshots', async () => {
        const got = await outcome(() => validSnapshots(unpack(folder)));
        check(name, 'validSnapshots', expected.validSnapshotsError, got, () => {
          const marks = expected.validSnapshots.map((one) => ({ ...mark(one), confState: confStateOf(one.confState) }));
          expect(got).to.deep.equal(marks);
        });
      });

      it('is repaired alike', async () => {
        const dir = unpack(folder);
        const before = readFileSync(join(dir, lastFile(dir).name));
        const got = await outcome(() => repair(dir));
        check(name, 'repair', expected.repair.ok ? '' : 'crc mismatch', got, () => {
          const { damage, broken } = got as Awaited<ReturnType<typeof repair>>;
          expect(broken ?? '').to.equal(expected.repair.broken);
          expect(damage === undefined).to.equal(expected.repair.broken === '');
          if (broken !== undefined) expect(readFileSync(join(dir, broken))).to.deep.equal(before);
          expect(lastFile(dir)).to.deep.equal(expected.repair.file);
        });
        if (got instanceof Error) {
          const after = lastFile(dir);
          expect(readFileSync(join(dir, after.name)), 'a refused repair changes nothing').to.deep.equal(before);
          expect(existsSync(join(dir, `${after.name}.broken`))).to.equal(false);
        } else await checkOpen(folder, expected.repair.then, dir);
      });
    });
  }

  it('hold the sum of a run of records as the README says', () => {
    expect(updateCrc(0, new TextEncoder().encode('123456789'))).to.equal(0xe3069283);
    expect(contentOf({ type: 3, crc: 0, data: new Uint8Array(0) })).to.deep.equal({
      kind: 'state',
      state: { term: 0, vote: 0n, commit: 0 },
    });
  });
});
