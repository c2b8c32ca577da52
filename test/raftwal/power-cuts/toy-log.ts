import type { Entry, HardState } from '@raft-ts/proto';
import type { Fs, FsFile } from '@raft-ts/raftwal';
import { readFully, writeFully } from '@raft-ts/raftwal/internal';
import { entryKey, type LogState, type SnapshotMark } from './history.js';
import type { LogUnderTest, OpenLog, Started } from './log-under-test.js';

type Line =
  | { entry: { index: number; key: string } }
  | { state: [number, string, number] }
  | { snapshot: SnapshotMark };

const HEADER_BYTES = 8;

/**
 * The simplest log that keeps its promises: one file of lines, each behind its length and checksum, each save synced
 * before the next begins. The explorer is tested on it, so that what it finds in the real log can be believed.
 */
export const toyLog: LogUnderTest = {
  async start(fs: Fs, directory: string): Promise<Started> {
    const parent = directory.slice(0, directory.lastIndexOf('/'));
    const path = `${directory}/log`;
    const found = (await fs.readdir(parent)).includes(directory.slice(parent.length + 1));
    if (!found) await fs.mkdir(directory);
    const existed = (await fs.readdir(directory)).includes('log');
    const file = await fs.open(path, { write: true, create: true });
    const { lines, end } = await readLines(file);
    await file.truncate(end);
    await file.datasync();
    await fs.syncDirectory(directory);
    await fs.syncDirectory(parent);
    const state = replay(lines);
    return { log: new ToyLog(file, end), state, how: existed ? 'opened' : 'created' };
  },
};

class ToyLog implements OpenLog {
  readonly #file: FsFile;
  #end: number;
  #busy: Promise<void> = Promise.resolve();

  constructor(file: FsFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  async save(hardState: HardState | undefined, entries: readonly Entry[]): Promise<void> {
    const lines: Line[] = entries.map((entry) => ({ entry: { index: entry.index, key: entryKey(entry) } }));
    if (hardState !== undefined) {
      lines.push({ state: [hardState.term, String(hardState.vote), hardState.commit] });
    }
    await this.#append(lines);
  }

  saveSnapshot({ index, term }: SnapshotMark): Promise<void> {
    return this.#append([{ snapshot: { index, term } }]);
  }

  async install(snapshot: SnapshotMark, hardState: HardState): Promise<void> {
    await this.saveSnapshot(snapshot);
    await this.save(hardState, []);
  }

  async release(): Promise<void> {}

  async close(): Promise<void> {
    await this.#busy;
    await this.#file.close();
  }

  #append(lines: readonly Line[]): Promise<void> {
    const position = this.#end;
    const bytes = Buffer.concat(lines.map(encodeLine));
    this.#end += bytes.length;
    this.#busy = this.#writeAfter(this.#busy, bytes, position);
    return this.#busy;
  }

  async #writeAfter(before: Promise<void>, bytes: Uint8Array, position: number): Promise<void> {
    await before;
    await writeFully(this.#file, bytes, position);
    await this.#file.datasync();
  }
}

function encodeLine(line: Line): Buffer {
  const body = Buffer.from(JSON.stringify(line));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(body.length, 0);
  header.writeUInt32LE(checksum(body), 4);
  return Buffer.concat([header, body]);
}

async function readLines(file: FsFile): Promise<{ lines: Line[]; end: number }> {
  const bytes = Buffer.alloc(await file.size());
  await readFully(file, bytes, 0);
  const lines: Line[] = [];
  let end = 0;
  while (end + HEADER_BYTES <= bytes.length) {
    const length = bytes.readUInt32LE(end);
    const body = bytes.subarray(end + HEADER_BYTES, end + HEADER_BYTES + length);
    if (length === 0 || body.length < length || bytes.readUInt32LE(end + 4) !== checksum(body)) break;
    lines.push(JSON.parse(body.toString()) as Line);
    end += HEADER_BYTES + length;
  }
  return { lines, end };
}

function checksum(bytes: Uint8Array): number {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193) >>> 0;
  return sum;
}

function replay(lines: readonly Line[]): LogState {
  let hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  const snapshots: SnapshotMark[] = [{ index: 0, term: 0 }];
  for (const line of lines) {
    if ('state' in line) hardState = { term: line.state[0], vote: BigInt(line.state[1]), commit: line.state[2] };
    if ('snapshot' in line) snapshots.push(line.snapshot);
  }
  const snapshot = snapshots.findLast(({ index }) => index <= hardState.commit) as SnapshotMark;
  const entries: string[] = [];
  let termAtSnapshot: number | undefined;
  for (const line of lines) {
    if ('snapshot' in line && line.snapshot.index === snapshot.index && line.snapshot.term !== termAtSnapshot)
      entries.length = 0;
    if (!('entry' in line)) continue;
    const { index, key } = line.entry;
    entries.length = Math.max(0, index - snapshot.index - 1);
    if (index > snapshot.index) entries.push(key);
    else termAtSnapshot = index === snapshot.index ? Number(key.split('.')[1]) : undefined;
  }
  return { snapshot, hardState, entries };
}
