/** The log and snapshot folders that Go wrote, and what Go makes of them. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { ConfState, Snapshot } from '@raft-ts/proto';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const packedFile = join(root, 'test/raftwal/fixtures/folders.jsonl.gz');
const fullFolder = join(process.env['RAFT_VECTORS'] ?? join(root, '../shared/vectors'), 'wal');

export interface JsonConfState {
  voters: string[];
  learners: string[];
  votersOutgoing: string[];
  learnersNext: string[];
  autoLeave: boolean | null;
}

export interface JsonMark {
  index: string | null;
  term: string | null;
  confState: JsonConfState | null;
}

export interface JsonHardState {
  term: string | null;
  vote: string | null;
  commit: string | null;
}

export interface FileAfter {
  name: string;
  size: number;
  zeroFrom: number;
}

export interface JsonOpen {
  mode: 'write' | 'read';
  snapshot: JsonMark;
  openError: string;
  readError: string;
  metadataHex: string | null;
  hardState: JsonHardState | null;
  entries: string[];
  fileAfter?: FileAfter;
}

export interface LogExpected {
  note: string;
  entries: { index: string; term: string; type: number; dataHex: string | null }[];
  snapshots: JsonMark[];
  frames: {
    file: string;
    offset: number;
    size: number;
    pad: number;
    type: number;
    crc: number;
    crcOk: boolean;
    dataLength: number;
    dataHex?: string;
  }[];
  opens: JsonOpen[];
  verify: { snapshot: JsonMark; error: string; hardState: JsonHardState | null }[];
  validSnapshots: JsonMark[];
  validSnapshotsError: string;
  repair: { ok: boolean; broken: string; file: FileAfter; then: JsonOpen };
}

export interface JsonSnapshot {
  data: string | null;
  metadata: { confState: JsonConfState | null; index: string | null; term: string | null } | null;
}

export interface SnapExpected {
  note: string;
  files: { name: string; hex: string; error: string; snapshot: JsonSnapshot | null }[];
  loads: { walSnapshots: JsonMark[] | null; error: string; snapshot: JsonSnapshot | null; filesAfter: string[] }[];
}

/** A folder as Go left it. */
export interface Folder<Expected> {
  name: string;
  files: { name: string; bytes: Uint8Array }[];
  expected: Expected;
}

interface Packed {
  name: string;
  kind: 'wal' | 'snap';
  files: { name: string; base64: string }[];
  expected: unknown;
}

function fullFolders<T>(kind: 'wal' | 'snap'): Folder<T>[] {
  return readdirSync(fullFolder)
    .sort()
    .filter((name) => existsSync(join(fullFolder, name, kind)))
    .map((name) => {
      const dir = join(fullFolder, name, kind);
      const files = readdirSync(dir)
        .sort()
        .map((file) => ({ name: file, bytes: new Uint8Array(readFileSync(join(dir, file))) }));
      return { name, files, expected: JSON.parse(readFileSync(join(fullFolder, name, 'expected.json'), 'utf8')) as T };
    });
}

export function packedFolders<T>(kind: 'wal' | 'snap'): Folder<T>[] {
  return gunzipSync(readFileSync(packedFile))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Packed)
    .filter((packed) => packed.kind === kind)
    .map(({ name, files, expected }) => ({
      name,
      files: files.map((file) => ({ name: file.name, bytes: new Uint8Array(Buffer.from(file.base64, 'base64')) })),
      expected: expected as T,
    }));
}

/** All folders if the full set is beside the project, else the selection that is part of it. */
export function loadFolders<T>(kind: 'wal' | 'snap'): Folder<T>[] {
  return existsSync(fullFolder) ? fullFolders<T>(kind) : packedFolders<T>(kind);
}

const scratch: string[] = [];

/** A new folder, removed by `removeScratch`. */
export function scratchFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'raft-wal-'));
  scratch.push(dir);
  return dir;
}

export function removeScratch(): void {
  for (const dir of scratch.splice(0)) rmSync(dir, { recursive: true, force: true });
}

/** A fresh copy of the folder, for one operation. */
export function unpack(folder: Folder<unknown>): string {
  const dir = join(scratchFolder(), 'log');
  mkdirSync(dir, { mode: 0o700 });
  for (const { name, bytes } of folder.files) writeFileSync(join(dir, name), bytes, { mode: 0o600 });
  return dir;
}

/** Returns the size of the last file of the log, and the offset from which on it is all zeros. */
export function lastFile(dir: string): FileAfter {
  const name = readdirSync(dir)
    .sort()
    .findLast((file) => file.endsWith('.wal')) as string;
  const bytes = readFileSync(join(dir, name));
  let zeroFrom = bytes.length;
  while (zeroFrom > 0 && bytes[zeroFrom - 1] === 0) zeroFrom--;
  return { name, size: bytes.length, zeroFrom };
}

export function confStateOf(json: JsonConfState | null): ConfState | undefined {
  if (json === null) return undefined;
  return {
    voters: json.voters.map(BigInt),
    learners: json.learners.map(BigInt),
    votersOutgoing: json.votersOutgoing.map(BigInt),
    learnersNext: json.learnersNext.map(BigInt),
    autoLeave: json.autoLeave === true,
  };
}

const noMembers: ConfState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

export function snapshotOf(json: JsonSnapshot): Snapshot {
  const data = json.data === null || json.data === '' ? undefined : new Uint8Array(Buffer.from(json.data, 'hex'));
  return {
    data,
    metadata: {
      confState: confStateOf(json.metadata?.confState ?? null) ?? noMembers,
      index: Number(json.metadata?.index ?? 0),
      term: Number(json.metadata?.term ?? 0),
    },
  };
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
